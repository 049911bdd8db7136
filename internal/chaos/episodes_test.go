package chaos

import (
	"path/filepath"
	"strings"
	"testing"
)

// Each patch applies to what stands there today, and what comes of it builds.
func TestEveryPatchAppliesAndBuilds(t *testing.T) {
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
		t.Run(name, func(t *testing.T) {
			if err := compilePatched(t.Context(), t.TempDir(), name); err != nil {
				t.Error(err)
			}
		})
	}
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
