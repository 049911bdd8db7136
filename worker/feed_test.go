package worker_test

import (
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// one asks the database for one value.
func one[T any](h *house, sql string, args ...any) (v T) {
	h.t.Helper()
	if err := h.db.Pool.QueryRow(h.t.Context(), sql, args...).Scan(&v); err != nil {
		h.t.Fatal(err)
	}
	return v
}

// Both delays fail: what was judged absent lands after it was sent again, and the portal takes both.
func TestWhatWasAcceptedTwiceIsNoticed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{AcceptDuplicates: true, LateAfterD: 4*quick().Horizon() + time.Second})
	h.start(func(c *worker.Config) { c.Settings.HTTPTimeout = time.Second })
	h.sim.Faults(chorustest.Fault{Kind: "late_after_D"})
	id := h.insert(invoicetest.Invoice{Numero: "TWICE-1"}.UBL())
	h.await(id, store.Settled)
	if n := len(h.sim.Deposits("TWICE-1")); n != 1 {
		t.Fatalf("%d deposits at the portal, want the second one alone until now", n)
	}
	if got := h.await(id, store.Parked); *got.ReasonCode != store.ParkContradiction {
		t.Errorf("parked as %s", *got.ReasonCode)
	}
	if n := len(h.sim.Deposits("TWICE-1")); n != 2 {
		t.Errorf("%d deposits at the portal, want 2", n)
	}
	h.until("the assumptions on delays are given up", `SELECT assumption_broken_at IS NOT NULL FROM chorus.installation`)
}

func TestWhatIsTypedInAtThePortalIsAStranger(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	h.await(h.insert(invoicetest.Invoice{Numero: "STRANGE-0"}.UBL()), store.Settled)
	facts := h.sim.Deposits("STRANGE-0")[0].Facts
	facts.Numero = "STRANGE-1"
	cpp, err := h.sim.TypeIn(facts)
	if err != nil {
		t.Fatal(err)
	}
	h.until("it is seen", `SELECT EXISTS (SELECT FROM chorus.strangers WHERE identifiant_facture_cpp = $1 AND numero_facture = 'STRANGE-1' AND montant_ttc = 1500)`, cpp)
	if n := one[int](h, `SELECT count(*) FROM chorus.strangers`); n != 1 {
		t.Errorf("%d strangers, want 1", n)
	}
}
