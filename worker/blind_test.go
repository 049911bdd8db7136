package worker_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// The search has shown a later deposit, and shows nothing any more: empty pages whose counts agree. What is in doubt is not proven absent by that, and is found when the
// search sees again.
func TestASearchThatGoesBlankProvesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
	hide := func(numero string, on bool) {
		t.Helper()
		if err := h.sim.Hide(numero, on); err != nil {
			t.Fatal(err)
		}
	}
	h.sim.Faults(chorustest.Fault{Kind: "commit_then_drop", Numero: "LOST"})
	h.start(func(c *worker.Config) { c.Settings.VisibilityDelay = 2 * time.Second })
	lost := h.insert(invoicetest.Invoice{Numero: "LOST"}.UBL())
	h.await(lost, store.InDoubt)
	hide("LOST", true)
	h.await(h.insert(invoicetest.Invoice{Numero: "LATER"}.UBL()), store.Integrated, store.Settled)
	hide("LATER", true)
	h.until("a look-up older than 2 H did not see", `
		SELECT EXISTS (SELECT FROM chorus.attempts, jsonb_array_elements(evidence -> 'lookups') l
		               WHERE invoice_id = $1 AND l ->> 'code' = 'BLIND' AND (l ->> 'age_ns')::float8 > 2 * 3.5e9)`, lost)
	if inv := h.await(lost, store.InDoubt); inv.Reason == nil || len(h.sim.Deposits("LOST")) != 1 {
		t.Errorf("it was deposited %d times: %+v", len(h.sim.Deposits("LOST")), inv)
	}
	// It shows what comes now, but not what it has lost.
	h.await(h.insert(invoicetest.Invoice{Numero: "LATEST"}.UBL()), store.Integrated, store.Settled)
	looks := h.count(`SELECT max(jsonb_array_length(evidence -> 'lookups')) FROM chorus.attempts`)
	h.until("it has been looked up three times since", `SELECT jsonb_array_length(evidence -> 'lookups') >= $2 + 3 FROM chorus.attempts WHERE invoice_id = $1`, lost, looks)
	h.await(lost, store.InDoubt)
	hide("LATER", false)
	hide("LOST", false)
	h.await(lost, store.Deposited, store.Integrated, store.Settled)
	if n := len(h.sim.Deposits("LOST")); n != 1 {
		t.Errorf("it was deposited %d times", n)
	}
}

// An account that may not list its structures is not compared, and so nothing is sent for it: it is said why, from the first start on.
func TestNothingIsSentWithoutTheListOfStructures(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.sim.Faults(chorustest.Fault{Kind: "not_entitled", Op: "recuperer/structures/actives/fournisseur", Times: 1})
	h.start()
	id := h.insert(invoicetest.Invoice{Numero: "UNLISTED"}.UBL())
	h.await(id, store.Ready)
	h.until("it is said why", `SELECT compare_fault = 'rights' FROM chorus.accounts`)
	h.await(id, store.Settled)
	h.until("nothing waits", `SELECT compare_since IS NULL FROM chorus.accounts`)
}

// The database was taken back, no worker vouches for the database, and the portal's search is blank: nothing is sent, and after a while a person is asked.
func TestASearchThatIsBlankVouchesForNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, &chorustest.Config{AcceptDuplicates: true}, nil)
	slow := func(w *worker.Config) { w.Settings.SyncEvery = time.Hour } // whose feed would tell, too
	stop := s.run()
	s.await(s.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Integrated, store.Settled)
	stop()
	id := s.insert(invoicetest.Invoice{Numero: "FORGOTTEN"}.UBL())
	rewinds[3].prepare(s)
	s.db.Pool.Reset()
	stop = s.run()
	s.await(id, store.Deposited, store.Integrated, store.Settled)
	stop()
	rewinds[3].happens(s)
	s.db.Pool.Reset()
	s.must(s.sim.Hide("BEFORE", true))
	s.must(s.sim.Hide("FORGOTTEN", true))
	w := s.start(slow)
	s.until("a person is asked", `SELECT pause_reason LIKE 'NOT_VOUCHED: no worker vouches for the database, and Chorus Pro shows less%' FROM chorus.accounts`)
	s.says(w, "a person must say")
	s.await(id, store.Ready)
	s.must(s.sim.Hide("BEFORE", false))
	s.must(s.sim.Hide("FORGOTTEN", false))
	s.must(store.New(s.db.Pool).SetPaused(t.Context(), "default", false, ""))
	s.await(id, store.Deposited, store.Integrated, store.Settled)
	s.once("FORGOTTEN")
}

// A supplier of whom the portal has shown only what was typed in by hand: a search that does not show that any more proves nothing.
func TestAStrangerVouchesWhileItIsSeen(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
	h.sim.Faults(chorustest.Fault{Kind: "commit_then_drop", Numero: "FIRST"})
	var blank atomic.Bool
	h.start(h.told(func(_, _ []byte) []byte {
		if blank.Load() {
			return []byte(emptyList)
		}
		return nil
	}))
	if _, err := h.sim.TypeIn(chorustest.Facts{Numero: "BY-HAND", Date: "2026-02-01", Fournisseur: "99999999800012", Destinataire: "11000001100011"}); err != nil {
		t.Fatal(err)
	}
	h.until("the stranger was shown", `SELECT count(*) > 0 FROM chorus.strangers`)
	blank.Store(true)
	id := h.insert(invoicetest.Invoice{Numero: "FIRST"}.UBL())
	h.await(id, store.InDoubt)
	h.until("it was looked up after 2 H", lookedUpLate, id)
	h.await(id, store.InDoubt)
	blank.Store(false)
	h.await(id, store.Deposited, store.Integrated, store.Settled)
	if n := len(h.sim.Deposits("FIRST")); n != 1 {
		t.Errorf("it was deposited %d times", n)
	}
}

// What no look-up could see is not given up lightly: the same invoice inserted anew would be sent.
func TestWhatNobodyCouldSeeIsGivenUpByOverrideAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
	h.sim.Faults(chorustest.Fault{Kind: "commit_then_drop", Numero: "FIRST"})
	h.start(h.told(func(_, _ []byte) []byte { return []byte(emptyList) }))
	id := h.insert(invoicetest.Invoice{Numero: "FIRST"}.UBL())
	h.await(id, store.InDoubt)
	h.until("it was looked up after 2 H", lookedUpLate, id)
	h.exec(`UPDATE chorus.invoices SET state = 'parked', reason_code = 'TOO_OLD', reason = 'a day later'`)
	give := func(override bool) error {
		_, err := h.operator().ResolveParked(t.Context(), id, store.Resolution{Action: store.ActionAbandon, Override: override, Reason: "we insert it anew"})
		return err
	}
	if err := give(false); err == nil || !strings.Contains(err.Error(), "could not tell (UNSEEN)") {
		t.Errorf("abandoned: %v", err)
	}
	// While the assumptions do not hold, not even what is inserted anew is sent: its absence cannot be proven.
	h.exec(`UPDATE chorus.installation SET assumption_broken_at = clock_timestamp()`)
	if err := give(true); err != nil {
		t.Fatal(err)
	}
	again := h.insert(invoicetest.Invoice{Numero: "FIRST"}.UBL())
	got := h.await(again, store.Parked, store.Deposited, store.Integrated, store.Settled)
	if got.State != store.Parked || *got.ReasonCode != store.ParkAbsent || len(h.sim.Deposits("FIRST")) != 1 {
		t.Errorf("%s (%v), deposited %d times", got.State, got.Reason, len(h.sim.Deposits("FIRST")))
	}
}
