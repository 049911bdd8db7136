package jobs

import (
	"slices"
	"testing"

	"github.com/choriste/choriste/chorus"
)

// An invoice that went from one statut to another, the second change missed, is found by counting both halves: in six counts, whatever the two are.
func TestHalvesPartAnyTwoStatuts(t *testing.T) {
	all := chorus.Statuts()
	for first := range 3 {
		for _, held := range all {
			for _, real := range all {
				if held.Code == real.Code {
					continue
				}
				found := false
				for count := range 6 {
					some, others := halves(first + count)
					if len(some)+len(others) != len(all) {
						t.Fatalf("%d and %d of %d", len(some), len(others), len(all))
					}
					found = found || slices.Contains(some, real.Code) != slices.Contains(some, held.Code)
				}
				if !found {
					t.Errorf("from count %d on, %s instead of %s does not show", first, held.Code, real.Code)
				}
			}
		}
	}
}
