package chaos

import (
	"context"
	"slices"
	"time"
)

// poisonKinds are the simulator's answers that hurt whoever reads them without care.
var poisonKinds = []string{"many_rows", "deep_json", "hostile_texts", "long_texts", "echo_token", "huge_body", "gzip_bomb"}

// mostToPoison is how long one kind of answer may take to be given to everybody who is to have it: a fleet that was hurt keeps still for some seconds, and what
// was inserted may have been looked up first or given to another kind. So more is inserted now and then.
const (
	mostToPoison = 60 * time.Second
	oftenToAsk   = 5 * time.Second
)

// poisonAnswers has the portal give answers that hurt, one kind after the other: to deposits, which it carries out or not, to searches, and to a report if one
// is asked for; then to whoever wants a token, for nothing else is asked without one.
func (t *trial) poisonAnswers(ctx context.Context) error {
	began := time.Now()
	for _, kind := range poisonKinds {
		if err := t.poisoned(ctx, []fault{
			{"kind": kind, "times": 1, "commit": true},
			{"kind": kind, "times": 1},
			{"kind": kind, "times": 1, "op": "rechercher/fournisseur"},
			{"kind": kind, "times": 1, "op": opReport},
		}); err != nil {
			return err
		}
	}
	for _, kind := range []string{"many_rows", "echo_token"} {
		if err := t.poisoned(ctx, []fault{{"kind": kind, "times": 1, "op": opToken}}); err != nil {
			return err
		}
	}
	return t.record(ctx, played{name: "poison-answers", began: began, slot: everyone, still: true})
}

// opReport is asked for only where the change feed has not told what became of a deposit, opToken where a token was revoked.
const (
	opReport = "consulterCRDetaille"
	opToken  = "token"
)

// poisoned gives the workers something to ask, and waits until the portal has given all these answers but the report's. What nobody was given proves nothing.
func (t *trial) poisoned(ctx context.Context, script []fault) error {
	if err := t.portal.manage(ctx, "/faults", script); err != nil {
		return err
	}
	var left []fault
	var asked time.Time
	for limit := time.Now().Add(mostToPoison); time.Now().Before(limit); {
		if time.Since(asked) > oftenToAsk {
			asked = time.Now()
			if script[0]["op"] == opToken { // only now: who has got another one before the fault stood there asks for none any more
				if err := t.portal.manage(ctx, "/revoke", map[string]any{}); err != nil {
					return err
				}
			}
			if err := t.in.burst(ctx, 8); err != nil {
				return err
			}
		}
		var err error
		if left, err = t.portal.faultsLeft(ctx); err != nil {
			return err
		}
		left = slices.DeleteFunc(left, func(f fault) bool { return f["op"] == opReport })
		if len(left) == 0 {
			return t.portal.forget(ctx, "/faults")
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	for _, f := range left {
		t.problem("void: %v was not given to %v", f["kind"], f["op"])
	}
	return t.portal.forget(ctx, "/faults")
}
