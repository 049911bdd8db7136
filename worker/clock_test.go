package worker_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
	"github.com/choriste/choriste/worker"
)

// stepped waits until so many steps of the clock are in the history.
func (h *house) stepped(n int) {
	h.t.Helper()
	h.until("steps of the clock are noticed", `SELECT count(*) >= $1 FROM chorus.events WHERE reason_code = 'CLOCK_STEPPED'`, n)
}

// The database's clock is set forward by more than the whole proof of absence takes, and the next look-up comes at once: nothing has become old by that.
func TestAClockThatIsSetForwardProvesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	clock := storetest.VirtualClock(t, h.db)
	var log lockedBuffer
	h.start(func(c *worker.Config) {
		c.Settings.LandingDelay, c.Settings.VisibilityDelay = time.Hour, time.Hour
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
	})
	h.sim.Faults(chorustest.Fault{Kind: "drop_before_commit"})
	id := h.insert(invoicetest.Invoice{Numero: "STEP-1"}.UBL())
	h.until("it was looked up three times", `SELECT jsonb_array_length(evidence -> 'lookups') >= 3 FROM chorus.attempts WHERE invoice_id = $1`, id)
	if err := clock.Advance(t.Context(), 9*time.Hour); err != nil {
		t.Fatal(err)
	}
	h.until("it was looked up again", `
		SELECT count(*) >= 3 FROM chorus.attempts, jsonb_array_elements(evidence -> 'lookups') l
		WHERE invoice_id = $1 AND (l ->> 'at')::timestamptz > now() + interval '8 hours'`, id)
	h.stepped(1)
	h.await(id, store.InDoubt)
	if path := h.path(id); path != "received ready sending in_doubt" {
		t.Errorf("it went through %s", path)
	}
	if n := strings.Count(log.String(), "PostgreSQL's clock was set"); n != 1 {
		t.Errorf("the log says so %d times", n)
	}
}

// The clock was a day ahead and is put right, while a worker runs or while none does: nothing waits for a day that is still to come.
func TestWhatAClockThatWasAheadToldIsPulledBack(t *testing.T) {
	for name, running := range map[string]bool{"a worker runs": true, "none does": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			clock := storetest.VirtualClock(t, h.db)
			silent := func(c *worker.Config) { c.Log = slog.New(slog.NewTextHandler(&bytes.Buffer{}, nil)) }
			stop := h.run(silent)
			h.await(h.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Settled)
			if err := clock.Advance(t.Context(), 24*time.Hour); err != nil {
				t.Fatal(err)
			}
			h.stepped(1)
			// The portal's clock is right, so that the feed may show nothing more for a while.
			h.await(h.insert(invoicetest.Invoice{Numero: "AHEAD"}.UBL()), store.Deposited, store.Integrated, store.Settled)
			if !running {
				stop()
			}
			if _, err := h.owner().Exec(t.Context(), `SELECT setval('virtual.elapsed', 1)`); err != nil {
				t.Fatal(err)
			}
			if !running {
				h.start(silent)
			}
			h.stepped(2)
			h.await(h.insert(invoicetest.Invoice{Numero: "RIGHT"}.UBL()), store.Deposited, store.Integrated, store.Settled)
			for table, column := range map[string]string{"budgets": "tat", "structures": "next_sync_at", "accounts": "next_at", "invoices": "due_at"} {
				h.until(table+" wait no longer than they may", `SELECT coalesce(max(`+column+`) < clock_timestamp() + interval '23 hours', true) FROM chorus.`+table)
			}
		})
	}
}

// The database's clock is set forward by two days. What waits for the portal to show it, and what is in doubt, has not waited for two days by that: nobody is asked to
// decide, and each is shown or looked up as before.
func TestAClockThatIsSetForwardParksNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	clock := storetest.VirtualClock(t, h.db)
	h.start(func(c *worker.Config) {
		c.Settings.LandingDelay, c.Settings.VisibilityDelay = time.Hour, time.Hour
		c.Log = slog.New(slog.NewTextHandler(&bytes.Buffer{}, nil))
	})
	h.sim.Faults(chorustest.Fault{Kind: "commit_then_vanish", Numero: "UNSHOWN"}, chorustest.Fault{Kind: "drop_before_commit", Numero: "DOUBT"},
		chorustest.Fault{Kind: "html_200", Op: "rechercher/fournisseur", Numero: "DOUBT", Times: -1})
	unshown, doubt := h.insert(invoicetest.Invoice{Numero: "UNSHOWN"}.UBL()), h.insert(invoicetest.Invoice{Numero: "DOUBT"}.UBL())
	looked := func(id int64, n int) {
		t.Helper()
		h.until("it was looked for", `SELECT looks >= $2 FROM chorus.invoices WHERE id = $1`, id, n)
	}
	looked(unshown, 2)
	looked(doubt, 2)
	if err := clock.Advance(t.Context(), 48*time.Hour); err != nil {
		t.Fatal(err)
	}
	h.stepped(1)
	for _, id := range []int64{unshown, doubt} {
		looked(id, 1+one[int](h, fmt.Sprintf(`SELECT looks FROM chorus.invoices WHERE id = %d`, id)))
	}
	h.await(unshown, store.Deposited)
	h.await(doubt, store.InDoubt)
}

// PostgreSQL's clock is three days ahead. Chorus Pro rejects a flux by a clock of its own, and is believed; and what waits for it was not deposited in days to come, once the
// clock is right.
func TestAClockThatIsAheadHidesNoRejection(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	clock := storetest.VirtualClock(t, h.db)
	if err := clock.Advance(t.Context(), 72*time.Hour); err != nil {
		t.Fatal(err)
	}
	h.sim.Faults(chorustest.Fault{Kind: "commit_then_reject", Numero: "REFUSED"}, chorustest.Fault{Kind: "commit_then_vanish", Numero: "UNSHOWN"})
	h.start(func(c *worker.Config) { c.Log = slog.New(slog.NewTextHandler(&bytes.Buffer{}, nil)) })
	refused, unshown := h.insert(invoicetest.Invoice{Numero: "REFUSED"}.UBL()), h.insert(invoicetest.Invoice{Numero: "UNSHOWN"}.UBL())
	h.await(refused, store.Rejected)
	h.await(unshown, store.Deposited)
	if _, err := h.owner().Exec(t.Context(), `SELECT setval('virtual.elapsed', 1)`); err != nil {
		t.Fatal(err)
	}
	h.until("it was not deposited in days to come", `SELECT deposited_at <= clock_timestamp() FROM chorus.invoices WHERE id = $1`, unshown)
}
