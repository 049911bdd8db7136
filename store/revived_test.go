package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/choriste/choriste/store"
)

// A flux was rejected, the corrected invoice went under its number, and then the portal takes the rejected one in after all: it holds two, and a person hears of it.
func TestARejectedFluxThatIsTakenInAfterAll(t *testing.T) {
	for name, over := range map[string]bool{"the other one is an invoice": true, "the other one has its receipt": false} {
		t.Run(name, func(t *testing.T) {
			b := newFeedBench(t)
			at := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
			first := b.deposited(t, "F1")
			inv, err := b.worker.Take(b.ctx, first, b.claim(t, store.StepReport, "default")[first], store.Deposited, time.Hour)
			must(t, err)
			must(t, b.worker.Reported(b.ctx, inv, store.Flux{To: store.Rejected, ReasonCode: store.ReasonFluxRejected, Reason: "a person at AIFE looks at it"}))

			second, err := b.app.Submit(b.ctx, store.Insertion{Account: "default", Document: []byte("<Invoice />")})
			must(t, err)
			inv, err = b.worker.Take(b.ctx, second, b.claim(t, store.StepValidate, "default")[second], store.Received, time.Hour)
			must(t, err)
			_, err = b.worker.Validated(b.ctx, inv, protocolFacts(fmt.Sprintf("N%d", first)))
			must(t, err)
			must(t, b.worker.Finish(b.ctx, b.sent(t, second, "default", false), store.Ending{Outcome: store.Accepted, NumeroFlux: "F2", To: store.Deposited}))
			if over {
				b.follow(t, seen(first, 2, "F2", at))
			}
			b.follow(t, seen(first, 1, "F1", at))
			if state, code, _ := b.state(t, second); state != store.Parked || code != store.ParkContradiction {
				t.Errorf("the portal holds two, and the row is %s %s", state, code)
			}
		})
	}
}

// A portal that was emptied and counts anew (qualification) shows a deposit under the number of an invoice that an old row stands for: a person hears of it, and it is
// not asked about for ever.
func TestAnInvoiceThatAnotherRowStandsFor(t *testing.T) {
	b := newFeedBench(t)
	at := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	old := b.deposited(t, "F1")
	b.follow(t, seen(old, 7, "F1", at))
	id := b.deposited(t, "F2")
	inv, err := b.worker.Take(b.ctx, id, b.claim(t, store.StepReport, "default")[id], store.Deposited, time.Hour)
	must(t, err)
	must(t, b.worker.Found(b.ctx, inv, seen(id, 7, "F2", at)))
	if state, code, _ := b.state(t, id); state != store.Parked || code != store.ParkContradiction {
		t.Errorf("it is %s %s", state, code)
	}
}
