package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The pages that there are in both languages say the same: as many headings of each level, rows of tables and steps, the same commands, names, links and states.
func TestPagesInBothLanguages(t *testing.T) {
	for _, name := range []string{"README", "docs/retention"} {
		read := func(ending string) string {
			b, err := os.ReadFile(filepath.Join("../..", name+ending))
			if err != nil {
				t.Fatal(err)
			}
			page := strings.NewReplacer("--lang fr ", "", ".fr.md", ".md", "FICHIER", "FILE").Replace(string(b))
			return regexp.MustCompile(`(?m) {2,}# .*$|--reason '[^'\n]*'`).ReplaceAllString(page, "") // comments of a shell, and words for people
		}
		english, french := read(".md"), read(".fr.md")
		for what, find := range map[string]string{
			"headings": `(?m)^(#+) `,
			"rows":     `(?m)^(\| )`,
			"steps":    `(?m)^([0-9]+)\. `,
			"points":   `(?m)^(- )`,
			"commands": "(?m)^ *(\\$ .*|choriste .*|make .*|go .*|export .*)$",
			"names":    "`([a-z]+_[a-z_]+|[A-Z]+[_0-9][A-Z_0-9]*|CH[0-9]{3})`",
			"links":    `\]\(([^)]*)\)`,
		} {
			list := func(page string) (found []string) {
				for _, m := range regexp.MustCompile(find).FindAllStringSubmatch(page, -1) {
					found = append(found, m[1])
				}
				if what == "names" || what == "links" {
					slices.Sort(found)
					found = slices.Compact(found)
				}
				return found
			}
			en, fr := list(english), list(french)
			if what == "links" { // the French one leads to pages for French readers besides
				fr = slices.DeleteFunc(fr, func(l string) bool { return strings.Contains(l, "pour-le-service-comptable") })
			}
			if !slices.Equal(en, fr) {
				t.Errorf("%s: %s differ: English %q, French %q", name, what, en, fr)
			}
			if len(en) == 0 && what != "steps" && what != "points" {
				t.Errorf("%s: no %s to compare", name, what)
			}
		}
	}
}
