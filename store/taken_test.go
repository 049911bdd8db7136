package store_test

import (
	"testing"

	"github.com/choriste/choriste/store"
)

// A collision of our own numbers is no word of the portal's: the answer is written down when the sequence is right again.
func TestOurOwnNumberCollides(t *testing.T) {
	b := newBench(t)
	id := b.ready(t, "default")
	a := b.sent(t, id, "default", false)
	_, err := b.owner.Exec(b.ctx, `SELECT setval('chorus.events_id_seq', max(id) - 1) FROM chorus.events`) // the next one collides, the one after it does not
	must(t, err)
	ending := store.Ending{Outcome: store.Accepted, NumeroFlux: "CPP77", To: store.Deposited}
	if err := b.worker.Finish(b.ctx, a, ending); store.SQLState(err) != "23505" {
		t.Errorf("it ended with %v", err)
	}
	var state string
	must(t, b.owner.QueryRow(b.ctx, `SELECT state FROM chorus.invoices WHERE id = $1`, id).Scan(&state))
	if state != "sending" {
		t.Errorf("the row is %s", state)
	}
	must(t, b.worker.Finish(b.ctx, a, ending))
	must(t, b.owner.QueryRow(b.ctx, `SELECT state FROM chorus.invoices WHERE id = $1`, id).Scan(&state))
	if state != "deposited" {
		t.Errorf("the row is %s", state)
	}
}
