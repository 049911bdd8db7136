package worker_test

import (
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
	for _, c := range []struct {
		scope, kind string
		most        int // deposits that meet it
	}{
		{"api", "503", slots},
		{"api", "drop_before_commit", slots},
		{"deposits", "500", slots + 12}, // and trials, ever rarer: two more for each second that a slow machine takes longer
	} {
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
