package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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
	kilobytes := map[string]int{}
	var documented, real []string
	for _, row := range cells(manualPage(t, "dependencies.md")) {
		if len(row) == 4 && strings.HasPrefix(row[0], "`") {
			path := strings.Trim(row[0], "`")
			in := "yes"
			if strings.HasPrefix(row[1], "no") {
				in = "no"
			} else {
				kilobytes[path], err = strconv.Atoi(strings.ReplaceAll(strings.TrimSuffix(row[1], " kB"), ",", ""))
				if err != nil {
					t.Errorf("%s costs %q", path, row[1])
				}
			}
			documented = append(documented, path+": "+in)
			if row[2] == "" || row[3] == "" {
				t.Errorf("nothing is said of %s", path)
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
	if len(real) > 24 {
		t.Errorf("%d direct dependencies, and 24 are enough", len(real))
	}
	// A compiler of another version makes somewhat more or less of them.
	measured := costs(t)
	for path, said := range kilobytes {
		if is := measured[path] / 1000; said < is*2/3-10 || said > is*3/2+10 {
			t.Errorf("%s costs %d kB, and docs/dependencies.md says %d", path, is, said)
		}
	}
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

const self = "github.com/choriste/choriste"

// costs says for each module in the binary how many bytes of code and data would be missing without it: its own, and those of packages that only it brings.
func costs(t *testing.T) map[string]int {
	binary := filepath.Join(t.TempDir(), "choriste")
	run := func(name string, args ...string) []byte {
		out, err := exec.CommandContext(t.Context(), name, args...).Output()
		if err != nil {
			t.Fatal(name, args, err)
		}
		return out
	}
	run("go", "build", "-o", binary, ".")
	type pkg struct {
		ImportPath string
		Imports    []string
		Module     struct{ Path string }
	}
	packages := map[string]pkg{}
	for d := json.NewDecoder(bytes.NewReader(run("go", "list", "-deps", "-json=ImportPath,Imports,Module", "."))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages[p.ImportPath] = p
	}
	bytesOf := map[string]int{}
	for line := range strings.Lines(string(run("go", "tool", "nm", "-size", binary))) {
		f := strings.Fields(line) // address, size, kind, name
		if len(f) < 4 || strings.EqualFold(f[2], "b") {
			continue
		}
		n, err := strconv.Atoi(f[1])
		if err != nil {
			continue // an undefined symbol has no address, and no size
		}
		name, _, _ := strings.Cut(strings.ReplaceAll(f[3], "%2e", "."), "[") // types in brackets are of other packages
		slash := strings.LastIndexByte(name, '/') + 1
		of, _, _ := strings.Cut(name[slash:], ".")
		bytesOf[name[:slash]+of] += n
	}
	without := func(module string) (total int) {
		seen := map[string]bool{}
		for next := []string{self + "/cmd/choriste"}; len(next) > 0; {
			p := packages[next[0]]
			next = next[1:]
			if p.ImportPath == "" || seen[p.ImportPath] || p.Module.Path == module {
				continue
			}
			seen[p.ImportPath] = true
			total += bytesOf[p.ImportPath]
			next = append(next, p.Imports...)
		}
		return total
	}
	all := without("none")
	result := map[string]int{}
	for line := range strings.Lines(string(run("go", "mod", "edit", "-json"))) {
		if path, found := strings.CutPrefix(strings.TrimSpace(line), `"Path": "`); found {
			if cost := all - without(strings.TrimRight(path, `",`)); cost > 0 {
				result[strings.TrimRight(path, `",`)] = cost
			}
		}
	}
	return result
}
