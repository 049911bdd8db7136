package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// Each command has a manual page with all its flags, and roff, where it is installed, finds nothing wrong with them.
func TestManualPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man")
	said(t, "", 0, "pages are in "+dir, "man", dir)
	var c cli
	parser, err := kong.New(&c, kong.Vars{"lang": "en", "version": "", "sorts": "", "acts": ""})
	if err != nil {
		t.Fatal(err)
	}
	escaped := strings.NewReplacer("-", `\-`)
	instruction := regexp.MustCompile(`(?m)^[.'](TH|SH|TP|PP|br|B|$)`)
	for _, n := range parser.Model.Children {
		b, err := os.ReadFile(filepath.Join(dir, "choriste-"+n.Name+".1"))
		if err != nil {
			t.Error(err)
			continue
		}
		page := string(b)
		for _, leaf := range append(n.Leaves(true), n) {
			for _, f := range leaf.Flags {
				if !strings.Contains(page, escaped.Replace("--"+f.Name)) {
					t.Errorf("choriste-%s(1) lacks --%s", n.Name, f.Name)
				}
			}
		}
		for line := range strings.Lines(page) {
			if strings.HasPrefix(line, ".") && !instruction.MatchString(line) || strings.HasPrefix(line, "'") {
				t.Errorf("choriste-%s(1) has a line that is an instruction to roff: %s", n.Name, line)
			}
		}
	}
	if groff, err := exec.LookPath("groff"); err == nil {
		pages, _ := filepath.Glob(filepath.Join(dir, "*.1"))
		if out, err := exec.CommandContext(t.Context(), groff, append([]string{"-Kutf8", "-man", "-Tutf8", "-ww", "-z"}, pages...)...).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("groff: %v\n%s", err, out)
		}
	}
}
