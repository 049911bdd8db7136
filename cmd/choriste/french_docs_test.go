package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var mdLink = regexp.MustCompile(`\]\(([^)\s]*)\)`)

// linksInEnglish is a page with its links to French pages and headings turned into those to the English ones. The n-th heading of a French page stands for the n-th of the English one.
func linksInEnglish(t *testing.T, name string) string {
	t.Helper()
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	known := map[string][]string{}
	headings := func(name string) []string {
		if known[name] == nil {
			known[name] = anchors(read(name))
		}
		return known[name]
	}
	return mdLink.ReplaceAllStringFunc(read(name), func(link string) string {
		target, anchor, _ := strings.Cut(mdLink.FindStringSubmatch(link)[1], "#")
		file := filepath.Join(filepath.Dir(name), target)
		if target == "" {
			file = name
		}
		if !strings.HasSuffix(file, ".fr.md") {
			return link
		}
		english := strings.TrimSuffix(target, ".fr.md") + ".md"
		if target == "" {
			english = ""
		}
		if anchor != "" {
			n, in := slices.Index(headings(file), "#"+anchor), headings(strings.TrimSuffix(file, ".fr.md")+".md")
			if n < 0 {
				t.Errorf("%s leads to %s#%s, which is not there", name, target, anchor)
			}
			if n < 0 || n >= len(in) {
				return link
			}
			english += in[n]
		}
		return "](" + english + ")"
	})
}

// part is a heading, paragraph, row, step, point or block of code, with what does not depend on the language.
type part struct {
	kind string
	line int
	text string // of a block of code
	says string // the names in code, the links and the numbers
}

var (
	partOf     = regexp.MustCompile(`^( *)(#+|\||-|[0-9]+\.|>) `)
	blockFence = regexp.MustCompile("^ *(?:[0-9]+\\. +)?```")
	codeSpan   = regexp.MustCompile("`[^`]*`")
	figure     = regexp.MustCompile(`[0-9]+(?:[., ][0-9]+)*`)
	fileName   = regexp.MustCompile(`\[[a-z./]+\.md\]`)
	separator  = regexp.MustCompile(`[., ]`)
	remark     = regexp.MustCompile(`(?m)( {2,}#|^--| +--| //) .*$|--reason '[^'\n]*'`)
)

// parts takes a page apart. Of code, comments and reasons are for people and may be in either language.
func parts(page string) (list []part) {
	inside, open := false, false // of a block of code; of a part that the next line may continue
	for n, line := range strings.Split(page, "\n") {
		switch m := partOf.FindStringSubmatch(line); {
		case blockFence.MatchString(line):
			if inside = !inside; inside {
				list = append(list, part{kind: "block of code", line: n + 1})
			}
			open = false
		case inside:
			list[len(list)-1].text += line + "\n"
		case strings.TrimSpace(line) == "":
			open = false
		case m != nil && (m[2] != ">" || !open):
			list, open = append(list, part{kind: m[1] + m[2], line: n + 1, says: line}), true
		case open:
			list[len(list)-1].says += "\n" + line
		default:
			list, open = append(list, part{kind: "paragraph", line: n + 1, says: line}), true
		}
	}
	for k, p := range list {
		words := codeSpan.FindAllString(p.says, -1)
		rest := codeSpan.ReplaceAllString(p.says, "")
		for _, m := range mdLink.FindAllStringSubmatch(rest, -1) {
			words = append(words, "("+m[1]+")")
		}
		rest = mdLink.ReplaceAllString(fileName.ReplaceAllString(rest, "[]"), "")
		for _, m := range figure.FindAllString(rest, -1) {
			words = append(words, separator.ReplaceAllString(m, ""))
		}
		slices.Sort(words)
		list[k].says = strings.Join(slices.Compact(words), " ")
		if p.kind == "|" {
			list[k].kind = fmt.Sprintf("row of %d", strings.Count(strings.ReplaceAll(p.says, `\|`, ""), "|")-1)
		}
		list[k].text = remark.ReplaceAllString(p.text, "$1")
	}
	return list
}

// The pages that there are in both languages say the same, part by part: headings of each level, paragraphs, rows of tables, steps and points in the same order, each with the same names in code, links
// and numbers; and the same blocks of code. So what other tests run of the English page holds for the French one, and is not run twice.
func TestPagesInBothLanguages(t *testing.T) {
	said := strings.NewReplacer( // what choriste says in French, and a section for French readers
		"--lang fr ", "", "FICHIER", "FILE", "`RETENUES`", "`HELD`", "`EN COURS`", "`NOT FINAL`", "](docs/states.md#pour-le-service-comptable)", "]",
	)
	names := []string{"README", "docs/operating", "docs/retention", "docs/sql"}
	english, french := map[string][]part{}, map[string][]part{}
	for _, name := range names {
		english[name] = parts(linksInEnglish(t, name+".md"))
		french[name] = parts(said.Replace(linksInEnglish(t, name+".fr.md")))
		if len(english[name]) < 20 {
			t.Errorf("%s has only %d parts", name, len(english[name]))
		}
		for k := range max(len(english[name]), len(french[name])) {
			en, fr := part{kind: "nothing"}, part{kind: "nothing"}
			if k < len(english[name]) {
				en = english[name][k]
			}
			if k < len(french[name]) {
				fr = french[name][k]
			}
			if en.kind != fr.kind {
				t.Errorf("%s.md:%d is %q where %s.fr.md:%d is %q: one of them has more", name, en.line, en.kind, name, fr.line, fr.kind)
				break // what follows is shifted
			}
		}
	}
	if t.Failed() { // links to headings are shifted as well
		return
	}
	for _, name := range names {
		for k, en := range english[name] {
			fr := french[name][k]
			if en.text != fr.text {
				t.Errorf("%s.md:%d and %s.fr.md:%d are different code:\n%s\n%s", name, en.line, name, fr.line, en.text, fr.text)
			}
			if en.says != fr.says {
				t.Errorf("%s.md:%d and %s.fr.md:%d differ:\n%s\n%s", name, en.line, name, fr.line, en.says, fr.says)
			}
		}
	}
}

func TestPartsOfPages(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"## A\n\ntext\n", "text\n", false},
		{"## A\n", "### A\n", false},
		{"a\n\nb\n", "a\n", false},
		{"| `a` | b |\n", "| `a` |\n", false},
		{"- `a`\n- `b`\n", "- `b`\n- `a`\n", false},
		{"1. a 10 s\n", "1. a 20 s\n", false},
		{"```\n$ choriste list\n```\n", "```\n$ choriste todo\n```\n", false},
		{"```sql\nSELECT 1; -- one\n```\n", "```sql\nSELECT 1;\n```\n", false},
		{"[a](x.md)\n", "[a](y.md)\n", false},
		{"the `a` of 1,000.\nAnd so on.\n", "le 1 000 de `a`.\n", true},
		{"```sql\n-- one\nSELECT 1; -- one\n```\n", "```sql\n-- un\nSELECT 1; -- un\n```\n", true},
	} {
		a, b := parts(c.a), parts(c.b)
		same := slices.EqualFunc(a, b, func(x, y part) bool { return x.kind == y.kind && x.text == y.text && x.says == y.says })
		if same != c.same || len(a) == 0 {
			t.Errorf("%q and %q: taken for the same is %v", c.a, c.b, same)
		}
	}
}
