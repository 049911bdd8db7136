//go:build long

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

// A year of invoices, two a day until the last ones have time to end: every row is where the portal's news put it. The year takes seconds, because the
// clocks of database and portal are moved together, two days at a time, whenever there is nothing left to do.
func TestAYear(t *testing.T) {
	t.Parallel()
	const (
		days     = 366
		step     = 2
		lastDay  = 200 // of deposits: payment after 30 days, and a quiet period of 90
		perDay   = 2
		syndicat = "99999999700031" // the recipient that reports no payments
	)
	scripts := map[string][]chorustest.Move{}
	for k := range perDay * lastDay {
		scripts[numeroOfYear(k)] = destinyOf(k).moves
	}
	h := newHouse(t, &chorustest.Config{Scripts: scripts, Step: 5 * day, Integration: time.Hour, Visibility: 2 * time.Hour, TokenLife: 30 * day, NoSync: true})
	clock := storetest.VirtualClock(t, h.db).With(h.sim)
	h.start(func(c *worker.Config) {
		s := &c.Settings
		s.HTTPTimeout, s.SendWithin = 30*time.Second, 10*time.Second // a busy machine is no fault of the portal's
		s.LandingDelay, s.VisibilityDelay, s.ReportAfter, s.ResolveAfter = 15*time.Minute, 4*time.Hour, 6*time.Hour, time.Minute
		s.SyncEvery, s.QuietPeriod = day, 90*day
		c.Poll, c.VirtualTime = 10*time.Millisecond, true
	})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // on a machine that is busy otherwise
	defer cancel()
	app := h.app()
	deposited := make([]int, 0, perDay*lastDay) // on which day
	began := time.Now()
	for today := 0; today < days; today += step {
		for range perDay * step {
			if k := len(deposited); k < cap(deposited) {
				inv := invoicetest.Invoice{Numero: numeroOfYear(k)}
				if destinyOf(k).quiet {
					inv.DestinataireSIRET, inv.CodeService = syndicat, "SERV_TECH"
				}
				if _, err := app.Exec(ctx, `INSERT INTO chorus.invoices (external_ref, document) VALUES ($1, $2)`, inv.Numero, inv.UBL()); err != nil {
					t.Fatal(err)
				}
				deposited = append(deposited, today)
			}
		}
		for k, since := range deposited {
			if statut := destinyOf(k).later[today-since]; statut != "" {
				if err := h.sim.Statut(numeroOfYear(k), statut, "plus tard"); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := clock.Rest(ctx); err != nil {
			t.Fatalf("on day %d: %v", today, err)
		}
		if err := clock.Advance(ctx, step*day); err != nil {
			t.Fatal(err)
		}
	}
	if err := clock.Rest(ctx); err != nil {
		t.Fatal(err)
	}
	h.await(1, store.Settled) // by the sweeper, which looks when it looks
	t.Logf("a year took %s", time.Since(began).Round(time.Millisecond))
	if now, err := clock.Now(ctx); err != nil || now.Before(began.Add(days*day)) {
		t.Errorf("it is only %s, %v", now, err)
	}
	h.judgeYear(ctx, len(deposited))
}
