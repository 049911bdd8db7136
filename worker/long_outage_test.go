package worker_test

import (
	"context"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
	"github.com/choriste/choriste/worker"
)

// Six hours without a portal, in virtual time: what was in the air when they began is all that was tried, nothing fails, and afterwards everything goes.
func TestSixHoursWithoutAPortal(t *testing.T) {
	t.Parallel()
	const (
		invoices = 100
		step     = 10 * time.Minute
	)
	h := newHouse(t, &chorustest.Config{Step: -1})
	clock := storetest.VirtualClock(t, h.db).With(h.sim)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // on a machine that is busy otherwise
	defer cancel()
	h.start(func(c *worker.Config) {
		s := &c.Settings
		s.HTTPTimeout, s.SendWithin = 10*time.Second, 5*time.Second
		s.LandingDelay, s.VisibilityDelay, s.ReportAfter, s.ResolveAfter, s.SyncEvery = 15*time.Minute, 4*time.Hour, time.Hour, time.Minute, 10*time.Minute
		c.Poll, c.VirtualTime = 10*time.Millisecond, true
	})
	h.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL())
	if err := clock.Rest(ctx); err != nil {
		t.Fatal(err)
	}
	if err := h.sim.Outage(true, "api", "503"); err != nil {
		t.Fatal(err)
	}
	app := h.app()
	for k := range invoices {
		if _, err := app.Exec(ctx, `INSERT INTO chorus.invoices (document) VALUES ($1)`, invoicetest.Invoice{Numero: numeroOfYear(k)}.UBL()); err != nil {
			t.Fatal(err)
		}
	}
	count := func(sql string, args ...any) (n int) {
		t.Helper()
		if err := h.db.Pool.QueryRow(ctx, sql, args...).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	// until waits for what the worker does in real time at one moment of virtual time.
	until := func(what, sql string) {
		t.Helper()
		for count(sql) == 0 {
			select {
			case <-ctx.Done():
				t.Fatalf("%s: never", what)
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	until("the outage is noticed", `SELECT count(*) FROM chorus.breakers WHERE state = 'open'`)
	until("every document is read, and nothing is in the air", `
		SELECT count(*) FROM (SELECT) x WHERE NOT EXISTS (SELECT FROM chorus.invoices WHERE state IN ('received', 'sending'))`)
	tried := count(`SELECT count(*) FROM chorus.attempts`)
	if most := 1 + 32; tried > most { // as many as may be in the air at once
		t.Errorf("%d deposits were tried before the outage was noticed, at most %d may be in the air", tried, most)
	}
	for range 6 * time.Hour / step {
		if err := clock.Advance(ctx, step); err != nil {
			t.Fatal(err)
		}
		until("the breaker is probed", `
			SELECT count(*) FROM (SELECT) x WHERE NOT EXISTS (
			    SELECT FROM chorus.breakers WHERE state <> 'closed' AND (next_at <= clock_timestamp() OR probing_until > clock_timestamp()))`)
	}
	if n := count(`SELECT count(*) FROM chorus.attempts`); n != tried {
		t.Errorf("%d deposits were tried during the outage", n-tried)
	}
	if n := count(`SELECT count(*) FROM chorus.invoices WHERE state NOT IN ('ready', 'in_doubt')`); n != 1 {
		t.Errorf("%d rows do not wait, want only the one from before", n)
	}

	if err := h.sim.Outage(false, "api", ""); err != nil {
		t.Fatal(err)
	}
	for left := invoices; left > 0; left = count(`SELECT count(*) FROM chorus.invoices WHERE state <> 'integrated'`) {
		if err := clock.Advance(ctx, step); err != nil {
			t.Fatal(err)
		}
		until("the portal is asked again", `SELECT count(*) FROM (SELECT) x WHERE NOT EXISTS (SELECT FROM chorus.breakers WHERE state = 'open')`)
		if err := clock.Rest(ctx); err != nil {
			t.Fatalf("%v: %d are left", err, left)
		}
	}
	for k := range invoices {
		if n := len(h.sim.Deposits(numeroOfYear(k))); n != 1 {
			t.Errorf("invoice %d is at the portal %d times", k, n)
		}
	}
	if n := count(`SELECT count(*) FROM chorus.events WHERE to_state = ANY ($1)`, []store.State{store.Parked, store.Rejected, store.Invalid, store.Cancelled}); n != 0 {
		t.Errorf("%d rows failed", n)
	}
	for _, code := range []string{"OUTAGE_BEGAN", "OUTAGE_ENDED"} {
		if n := count(`SELECT count(*) FROM chorus.events WHERE reason_code = $1`, code); n != 1 {
			t.Errorf("%d events %s, want one", n, code)
		}
	}
}
