package worker_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// everyCase has all cases of every family run. The build tag long sets it.
var everyCase bool

// family is a test whose cases differ in one circumstance, and take a worker each.
type family struct {
	t    *testing.T
	kept []string
	met  []string
}

// represented makes a family of the test: the cases that are named stand for the others in every run, and make test-long runs them all. A name that no case has fails the test.
func represented(t *testing.T, by ...string) *family {
	f := &family{t: t, kept: by}
	t.Cleanup(func() {
		t.Helper()
		for _, name := range f.kept {
			if !slices.Contains(f.met, name) {
				t.Errorf("there is no case %q", name)
			}
		}
	})
	return f
}

// runs is asked for each case, before it is run.
func (f *family) runs(name string) bool {
	f.met = append(f.met, name)
	return everyCase || slices.Contains(f.kept, name)
}

// Whatever is left out here is run by make test-long.
func TestFamiliesAreWholeInTheLongTests(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^LONG := (.*)$`).FindStringSubmatch(string(text))
	if line == nil {
		t.Fatal("the Makefile has no list LONG")
	}
	long := strings.Split(line[1], "|")
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	function := regexp.MustCompile(`(?ms)^func (Test\w+)\(.*?^}`)
	found := 0
	for _, name := range files {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range function.FindAllStringSubmatch(string(source), -1) {
			if strings.Contains(f[0], ":= "+"represented(t,") {
				found++
				if !slices.Contains(long, f[1]) {
					t.Errorf("%s is not in the Makefile's LONG", f[1])
				}
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d families were found", found)
	}
}
