package chaos

import (
	"context"
	"time"
)

// blankFor is longer than any proof of absence takes by the workers' settings: 2 H, and the look-ups after it.
const blankFor = 24 * time.Second

// blankSearch has the portal's search show nothing, in answers that add up, while deposits are in doubt of which some have landed and are not shown yet, and others
// that were begun later were shown.
func (t *trial) blankSearch(ctx context.Context) error {
	began := time.Now()
	lost := []fault{times(12, "commit_late"), times(4, "commit_then_drop"), times(4, "drop_before_commit")}
	if err := t.portal.manage(ctx, "/faults", lost); err != nil {
		return err
	}
	for limit := time.Now().Add(mostToPoison); ; {
		if err := t.in.burst(ctx, 8); err != nil {
			return err
		}
		left, err := t.portal.faultsLeft(ctx)
		if err != nil {
			return err
		}
		if len(left) == 0 {
			break
		}
		if time.Now().After(limit) {
			t.problem("void: %d kinds of lost answers were not given", len(left))
			break
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	if err := t.in.burst(ctx, 20); err != nil { // whose deposits are shown before all that was lost is
		return err
	}
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	if err := t.portal.manage(ctx, "/faults", []fault{{"kind": "blank", "times": -1, "op": "rechercher/fournisseur"}}); err != nil {
		return err
	}
	if err := pause(ctx, blankFor); err != nil {
		return err
	}
	if err := t.portal.forget(ctx, "/faults"); err != nil {
		return err
	}
	return t.record(ctx, played{name: "blank", began: began, slot: everyone, still: true})
}
