package chaos

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each patch applies to what stands there today, and what comes of it builds: those of different files together, because each package takes seconds to compile. The tests that
// take minutes have each alone.
func TestEveryPatchAppliesAndBuilds(t *testing.T) {
	var together [][]string // no two of one file, and that of Go's own library alone: everything would have to be compiled anew
	files := map[string]int{}
	for _, name := range everyPatch(t) {
		source, err := sourceOfPatch(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		n := files[source]
		files[source]++
		if name == clockPatch {
			together = append(together, []string{name})
			continue
		}
		if n == len(together) || together[n][0] == clockPatch {
			together = slices.Insert(together, n, nil)
		}
		together[n] = append(together[n], name)
	}
	for _, names := range together {
		t.Run(strings.Join(names, " "), func(t *testing.T) {
			if err := compilePatched(t.Context(), t.TempDir(), names...); err != nil {
				t.Error(err)
			}
		})
	}
}

// everyPatch is the names of all of them. One that belongs to no mutant fails the test.
func everyPatch(t *testing.T) (names []string) {
	t.Helper()
	files, err := patches.ReadDir("mutants")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{clockPatch: true}
	for _, m := range mutants {
		for name := range strings.SplitSeq(m.patch, ",") {
			known[name] = true
		}
	}
	for _, f := range files {
		name := strings.TrimSuffix(f.Name(), ".patch")
		if !known[name] {
			t.Errorf("%s belongs to no mutant", f.Name())
		}
		names = append(names, name)
	}
	return names
}

func TestAPatchThatDoesNotApplyIsAnError(t *testing.T) {
	patch := []byte("--- b/internal/chaos/build.go\n+++ b/internal/chaos/build.go\n@@ -1,3 +1,3 @@\n package chaos\n-nothing of the kind\n+x\n \n")
	if err := apply(t.Context(), "build.go", filepath.Join(t.TempDir(), "build.go"), patch); err == nil {
		t.Error("a patch of what is not there was taken")
	}
}

func TestFaultsAreChosenByName(t *testing.T) {
	for text, want := range map[string]int{"none": 0, "kill": 1, "rewind": 7, "rewind-copy,term": 2, "blackhole": 2, "poison": 2} {
		cfg := Config{Faults: text}
		chosen, err := cfg.faults()
		if err != nil || len(chosen) != want {
			t.Errorf("%s: %v, %v", text, chosen, err)
		}
	}
	for _, text := range []string{"rewin", "kill,", "failover"} {
		cfg := Config{Faults: text}
		if chosen, err := cfg.faults(); err == nil {
			t.Errorf("%q is taken for %v", text, chosen)
		}
	}
}
