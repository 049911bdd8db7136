package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestSetupPages keeps both languages of the set-up together, and true: the same steps, commands and codes, each code one that the doctor knows, and each of its layers said.
func TestSetupPages(t *testing.T) {
	english, french := linksInEnglish(t, "docs/setup.md"), linksInEnglish(t, "docs/setup.fr.md")
	for what, find := range map[string]*regexp.Regexp{
		"steps":    regexp.MustCompile(`(?m)^## (\d)`),
		"codes":    regexp.MustCompile("`([A-Z]+_[A-Z_]+)`"),
		"commands": regexp.MustCompile(`(?m)^[#$] (.*)$`),
		"links":    regexp.MustCompile(`\]\(([a-z]+\.md[^)]*)\)`),
	} {
		list := func(page string) (found []string) {
			page = strings.ReplaceAll(page, "choriste --lang fr ", "choriste ")
			for _, m := range find.FindAllStringSubmatch(page, -1) {
				if !strings.HasPrefix(m[1], "From nothing") && !strings.HasPrefix(m[1], "De rien") {
					found = append(found, m[1])
				}
			}
			return found
		}
		en, fr := list(english), list(french)
		if !slices.Equal(en, fr) || len(en) < 5 {
			t.Errorf("%s: English %q, French %q", what, en, fr)
		}
		if what == "codes" {
			for _, code := range en {
				_, known := diagnoses[code]
				isSetting := slices.ContainsFunc(table, func(s setting) bool { return s.name == code })
				if !known && !isSetting {
					t.Errorf("%s is no code of the doctor and no setting", code)
				}
			}
		}
	}
	for _, layer := range layers {
		if !regexp.MustCompile(`(?m)^\|.*\b` + layer + `\b.*\|`).MatchString(english) {
			t.Errorf("nothing is said of the doctor's layer %s", layer)
		}
	}
}
