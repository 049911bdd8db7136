package worker_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store/storetest"
	"github.com/choriste/choriste/worker"
)

// The portal's search lags by up to one and a half times the interval between readings, each change by a time of its own, so that a second change may show
// before the first one, or the first after several readings. No row keeps a stale statut for long, whether one page holds hours of changes or half a minute.
func TestAPortalThatShowsLate(t *testing.T) {
	t.Parallel()
	const (
		every = time.Minute
		lag   = every * 3 / 2
		step  = 10 * time.Second
	)
	all := represented(t, "many changes for a page")
	for name, page := range map[string]int{"few changes for a page": 100, "many changes for a page": 5} {
		if !all.runs(name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, &chorustest.Config{Step: -1, Lag: lag, MaxPage: page})
			clock := storetest.VirtualClock(t, h.db).With(h.sim)
			h.start(func(c *worker.Config) {
				s := &c.Settings
				s.HTTPTimeout, s.SendWithin = 30*time.Second, 10*time.Second // a busy machine is no fault of the portal's
				s.LandingDelay, s.VisibilityDelay, s.ReportAfter, s.SyncEvery = 15*time.Minute, 4*time.Hour, 10*time.Minute, every
				c.Poll, c.VirtualTime = 10*time.Millisecond, true
			})
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // on a machine that is busy otherwise
			defer cancel()
			pass := func() {
				t.Helper()
				for _, do := range []func() error{func() error { return clock.Rest(ctx) }, func() error { return clock.Advance(ctx, step) }, func() error { return clock.Rest(ctx) }} {
					if err := do(); err != nil {
						t.Fatal(err)
					}
				}
			}
			statuts := []string{"SUSPENDUE", "COMPLETEE", "MANDATEE", "SUSPENDUE", "COMPLETEE", "COMPTABILISEE"}
			const invoices = 30
			for k := range invoices {
				h.insert(invoicetest.Invoice{Numero: fmt.Sprintf("LATE-%02d", k)}.UBL())
			}
			for range 15 * time.Minute / step {
				pass()
			}
			begun := one[time.Time](h, `SELECT clock_timestamp()`)
			changed := map[int64][]time.Time{} // by row
			for _, statut := range statuts {
				for k := range invoices {
					numero := fmt.Sprintf("LATE-%02d", k)
					if err := h.sim.Statut(numero, statut, "voir le commentaire"); err != nil {
						t.Fatal(err)
					}
					id := one[int64](h, `SELECT id FROM chorus.invoices WHERE numero_facture = $1`, numero)
					changed[id] = append(changed[id], h.sim.Now())
					pass()
				}
			}
			for range (lag + 10*time.Minute) / step {
				pass()
			}
			// A row is up to date again with the first change that is no older.
			var took []time.Duration
			for id, all := range changed {
				for _, at := range all {
					shown := one[*time.Time](h, `
						SELECT min(at)
						FROM chorus.events
						WHERE invoice_id = $1 AND reason_code = 'STATUT' AND (detail ->> 'statut_courant_date')::timestamptz > $2::timestamptz - interval '1 second'`, id, at)
					if shown == nil {
						t.Fatalf("a change at %s is not in its row", at)
					}
					took = append(took, shown.Sub(at))
				}
			}
			slices.Sort(took)
			p95, last := took[len(took)*95/100], took[len(took)-1]
			if p95 > lag+75*time.Second || last > lag+10*time.Minute {
				t.Errorf("of a hundred changes, five took longer than %s, and one %s", p95, last)
			}
			t.Logf("p95 %s, last %s, %d searches in %s", p95, last, h.sim.Stats().Requests["rechercher/fournisseur"], h.sim.Now().Sub(begun))
			if wrong := one[int](h, `SELECT count(*) FROM chorus.invoices WHERE statut_courant <> 'COMPTABILISEE'`); wrong > 0 {
				t.Errorf("%d rows have a stale statut at the end", wrong)
			}
		})
	}
}
