package console

import (
	"context"
	"testing"
	"time"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// TestARunThatBreaks: a panic ends the run, and not the worker.
func TestARunThatBreaks(t *testing.T) {
	r := &run{total: 1, act: act{many: &operate.Deed{Do: func(context.Context, *store.Store, int64, string, *time.Time) (store.State, error) { panic("a fault") }}}}
	func() {
		defer r.broke()
		(&console{}).carryOut(t.Context(), r, []operate.Chosen{{}}, "because")
	}()
	if _, goesOn := r.end(); goesOn || r.cut == (word{}) {
		t.Errorf("it goes on: %v, %q", goesOn, r.cut)
	}
}
