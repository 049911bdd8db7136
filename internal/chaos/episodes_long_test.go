//go:build long

package chaos

import "testing"

func TestLongEachPatchBuildsAlone(t *testing.T) {
	for _, name := range everyPatch(t) {
		t.Run(name, func(t *testing.T) {
			if err := compilePatched(t.Context(), t.TempDir(), name); err != nil {
				t.Error(err)
			}
		})
	}
}
