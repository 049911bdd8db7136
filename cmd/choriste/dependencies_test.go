package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestDependencies: docs/dependencies.md has each direct dependency, and knows which are in the binary.
func TestDependencies(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	linked, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	var documented, real []string
	for _, row := range cells(manualPage(t, "dependencies.md")) {
		if len(row) == 4 {
			documented = append(documented, strings.Trim(row[0], "`")+": "+strings.Split(row[1], ",")[0])
			if row[2] == "" || row[3] == "" {
				t.Errorf("nothing is said of %s", row[0])
			}
		}
	}
	for _, r := range mod.Require {
		if r.Indirect {
			continue
		}
		in := "no"
		if bytes.Contains(append([]byte{'\n'}, linked...), []byte("\n"+r.Path+"\n")) {
			in = "yes"
		}
		real = append(real, r.Path+": "+in)
	}
	same(t, "docs/dependencies.md", documented, real)
	vendored := 0
	for _, row := range cells(manualPage(t, "dependencies.md")) {
		if len(row) == 5 && strings.HasPrefix(row[0], "`") {
			vendored++
			content, err := os.ReadFile("../../" + strings.Trim(row[0], "`"))
			if sum := fmt.Sprintf("`%x`", sha256.Sum256(content)); err != nil || sum != row[4] {
				t.Errorf("%s is %s: %v", row[0], sum, err)
			}
		}
	}
	if vendored != 2 {
		t.Errorf("docs/dependencies.md names %d files of others", vendored)
	}
	if _, err := os.Stat("../../SECURITY.md"); err != nil {
		t.Error(err)
	}
}
