package chorustest_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/choriste/choriste/chorus/chorustest"
)

var update = flag.Bool("update", false, "write the table of truths into docs/chorus-pro.md")

// TestTruths: what the simulator says that it rests on stands there, with that weight, and the page has the same table.
func TestTruths(t *testing.T) {
	const page, begin, end = "../../docs/chorus-pro.md", "<!-- truths -->\n", "<!-- end of truths -->"
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(raw), begin)
	table, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("docs/chorus-pro.md has lost its marks")
	}
	sections := map[string]string{}
	for _, part := range regexp.MustCompile(`(?m)^##+ `).Split(before+after, -1) {
		name, text, _ := strings.Cut(part, " ")
		sections[name] = text
	}
	ops := append(chorustest.Operations(), "token", "gateway", "documents", "*", "recuperer/…")
	var want strings.Builder
	want.WriteString("| of | when | here | rests on | weight |\n| --- | --- | --- | --- | --- |\n")
	for _, x := range chorustest.Truths() {
		fmt.Fprintf(&want, "| %s | %s | %s | %s | %s |\n", x.Op, x.When, strings.ReplaceAll(x.Answer, "|", "\\|"), x.Section, x.Weight)
		if !slices.Contains(ops, x.Op) {
			t.Errorf("there is no operation %s", x.Op)
		}
		text, there := sections[x.Section]
		if !there {
			t.Errorf("%s, %s: docs/chorus-pro.md has no %s", x.Op, x.When, x.Section)
			continue
		}
		for letter := range strings.FieldsSeq(x.Weight) {
			if letter == "G" { // that something is not known is said in words
				continue
			}
			if !regexp.MustCompile(`(\[[^\]]*\b` + letter + `\b[^\]]*\]|\| [SPLCAG ]*\b` + letter + `\b[^|]*\|)`).MatchString(text) {
				t.Errorf("%s, %s: nothing in %s has the weight %s", x.Op, x.When, x.Section, letter)
			}
		}
	}
	switch {
	case table == want.String():
	case *update:
		if err := os.WriteFile(page, []byte(before+begin+want.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("docs/chorus-pro.md §11 has another table than the simulator: go test ./chorus/chorustest -run Truths -update")
	}
	s, _ := start(t, nil)
	if _, answer := manage(t, s, "GET", "/truth?op=deposer/flux", ""); !strings.Contains(answer, "§6.1") || strings.Contains(answer, "§10") || !strings.Contains(answer, `"op":"*"`) {
		t.Errorf("/truth: %s", answer)
	}
}
