package worker_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// Outages under two workers with a backlog: how many invoices may be in doubt because of one, and what is heard of it.
func TestOutages(t *testing.T) {
	const (
		backlog = 60
		slots   = 8 // C
	)
	all := represented(t, "api drop_before_commit", "deposits 500")
	for _, c := range []struct {
		scope, kind string
		most        int // deposits that meet it
	}{
		{"api", "503", slots},
		{"api", "drop_before_commit", slots},
		{"deposits", "500", slots + 12}, // and trials, ever rarer: two more for each second that a slow machine takes longer
	} {
		if !all.runs(c.scope + " " + c.kind) {
			continue
		}
		t.Run(c.scope+" "+c.kind, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			few := func(c *worker.Config) { c.InFlight = slots }
			h.start(few)
			h.start(few)
			h.await(h.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Settled)
			if err := h.sim.Outage(true, c.scope, c.kind); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			ids := make([]int64, backlog)
			for k := range ids {
				ids[k] = h.insert(invoicetest.Invoice{Numero: fmt.Sprintf("O-%d", k)}.UBL())
			}
			time.Sleep(6 * time.Second) // three T_http: the outage is long enough to be announced
			states := h.states()
			hit, most := states[store.InDoubt]+states[store.Sending], c.most
			if c.scope == "deposits" {
				most += max(0, 2*int((time.Since(began)-7*time.Second).Seconds()))
			}
			// None at all where a read met the outage first.
			if hit == 0 && c.scope == "deposits" || hit > most || states[store.Ready] != backlog-hit {
				t.Errorf("during the outage: %v, of which at most %d may be in doubt", states, most)
			}
			probes := 0
			for _, e := range h.sim.Ledger() {
				if e.Type == "request" && e.Op == "health-check" {
					probes++
				}
			}
			if probes > 30 {
				t.Errorf("%d health checks in 6 s", probes)
			}
			if err := h.sim.Outage(false, c.scope, c.kind); err != nil {
				t.Fatal(err)
			}
			for _, id := range ids {
				h.await(id, store.Settled)
			}
			for code, want := range map[string]int{"OUTAGE_BEGAN": 1, "OUTAGE_ENDED": 1} {
				var n int
				if err := h.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM chorus.events WHERE reason_code = $1`, code).Scan(&n); err != nil {
					t.Fatal(err)
				}
				if n != want {
					t.Errorf("%d events %s", n, code)
				}
			}
		})
	}
}

// Somebody has locked the rows of the breakers while an outage begins, so that nobody can be told of it: no more is in doubt than was begun before that was noticed.
func TestAnOutageThatNobodyCanBeToldOf(t *testing.T) {
	t.Parallel()
	const (
		backlog = 60
		slots   = 8
	)
	h := newHouse(t, nil)
	h.start(func(c *worker.Config) { c.InFlight = slots })
	h.await(h.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Settled)
	tx, err := h.db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), `SELECT FROM chorus.breakers FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	if err := h.sim.Outage(true, "deposits", "500"); err != nil {
		t.Fatal(err)
	}
	ids := make([]int64, backlog)
	for k := range ids {
		ids[k] = h.insert(invoicetest.Invoice{Numero: fmt.Sprintf("U-%d", k)}.UBL())
	}
	h.until("the first are in doubt", `SELECT count(*) > 0 FROM chorus.attempts WHERE outcome = 'AMBIGUOUS'`)
	time.Sleep(8 * time.Second)
	if n := h.count(`SELECT count(*) FROM chorus.attempts`); n > 2*slots {
		t.Errorf("%d deposits met the outage", n)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.until("the fleet knows", `SELECT EXISTS (SELECT FROM chorus.breakers WHERE state <> 'closed')`)
	if err := h.sim.Outage(false, "deposits", "500"); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		h.await(id, store.Settled)
	}
}

// states counts the rows.
func (h *house) states() map[store.State]int {
	h.t.Helper()
	stats, err := store.New(h.db.Pool).Stats(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	states := map[store.State]int{}
	for _, s := range stats {
		if s.Count > 0 {
			states[s.State] = s.Count
		}
	}
	return states
}
