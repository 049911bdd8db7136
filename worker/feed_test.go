package worker_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
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
	h.seen()
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

// Whatever the portal makes of the filter, invoices are followed to their end, what it makes of it is known and said once, and so is that it is put right.
func TestAFilterThatIsNotHonoured(t *testing.T) {
	t.Parallel()
	all := represented(t, "ignored", "an hour late")
	for _, c := range []struct {
		name            string
		byDay, ignored  bool
		shift           time.Duration
		honoured, shown string
	}{
		{name: "days only", byDay: true, honoured: "days", shown: "00:00:00"},
		{name: "ignored", ignored: true, honoured: "ignored", shown: "00:00:00"},
		{name: "an hour late", shift: time.Hour, honoured: "hours", shown: "01:00:00"},
		{name: "two hours early", shift: -2 * time.Hour, honoured: "hours", shown: "-02:00:00"},
	} {
		if !all.runs(c.name) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, &chorustest.Config{PeriodsByDay: c.byDay, PeriodsIgnored: c.ignored, PeriodsShift: c.shift, Step: 400 * time.Millisecond})
			h.start()
			h.insert(invoicetest.Invoice{Numero: "FILTER-1"}.UBL())
			h.until("what the portal makes of it is known", `
				SELECT filter_honoured = $1 AND filter_offset::text = $2 FROM chorus.structures WHERE identifiant = '99999999800012'`, c.honoured, c.shown)
			first := h.insert(invoicetest.Invoice{Numero: "FILTER-2"}.UBL())
			h.await(first, store.Settled)
			if n := one[int](h, `SELECT count(*) FROM chorus.events WHERE reason_code = 'FEED_DEGRADED' AND detail ->> 'identifiant' = '99999999800012'`); n != 1 {
				t.Errorf("said %d times, want once", n)
			}
			h.sim.Periods(false, false, 0)
			h.until("it is put right", `SELECT count(*) = 1 FROM chorus.events WHERE reason_code = 'FEED_RESTORED' AND detail ->> 'identifiant' = '99999999800012'`)
			h.await(h.insert(invoicetest.Invoice{Numero: "FILTER-3"}.UBL()), store.Settled)
		})
	}
}

// old has an invoice that has been integrated so long ago that no reading of the feed goes back to it, and lets time pass, at the pace of the default settings.
func (h *house) old(numero string, change ...func(*worker.Config)) (id int64, pass func(time.Duration)) {
	h.t.Helper()
	return h.oldOf(numero, func(change ...func(*worker.Config)) { h.start(change...) }, change...)
}

// oldOf is old for a test that starts the worker itself.
func (h *house) oldOf(numero string, start func(...func(*worker.Config)), change ...func(*worker.Config)) (id int64, pass func(time.Duration)) {
	h.t.Helper()
	clock := storetest.VirtualClock(h.t, h.db).With(h.sim)
	start(append(change, func(c *worker.Config) {
		s := &c.Settings
		s.HTTPTimeout, s.SendWithin = 30*time.Second, 10*time.Second // a busy machine is no fault of the portal's
		s.LandingDelay, s.VisibilityDelay, s.ReportAfter, s.SyncEvery = 15*time.Minute, 4*time.Hour, 10*time.Minute, time.Minute
		c.Poll, c.VirtualTime = 10*time.Millisecond, true
	})...)
	ctx, cancel := context.WithTimeout(h.t.Context(), 2*time.Minute) // on a machine that is busy otherwise
	h.t.Cleanup(cancel)
	pass = func(d time.Duration) {
		h.t.Helper()
		for _, step := range []func() error{func() error { return clock.Rest(ctx) }, func() error { return clock.Advance(ctx, d) }, func() error { return clock.Rest(ctx) }} {
			if err := step(); err != nil {
				h.t.Fatal(err)
			}
		}
	}
	id = h.insert(invoicetest.Invoice{Numero: numero}.UBL())
	pass(2 * time.Minute)
	h.await(id, store.Integrated)
	return id, pass
}

func TestCountingFindsWhatTheFeedMissed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{Step: -1})
	reg := prometheus.NewRegistry()
	id, pass := h.old("COUNT-1", func(c *worker.Config) { c.Registry = reg })
	if err := h.sim.Statut("COUNT-1", "SUSPENDUE", "Bon de livraison manquant"); err != nil {
		t.Fatal(err)
	}
	if err := h.sim.Hide("COUNT-1", true); err != nil { // until no reading goes back so far
		t.Fatal(err)
	}
	pass(5 * time.Hour)
	if err := h.sim.Hide("COUNT-1", false); err != nil {
		t.Fatal(err)
	}
	// Each count counts others, or divides the statuts in another way.
	counts := 0
	for ; one[string](h, `SELECT statut_courant FROM chorus.invoices WHERE id = $1`, id) != "SUSPENDUE"; counts++ {
		if counts > 3*6 {
			t.Fatal("the change was not found")
		}
		pass(45 * time.Minute)
	}
	w := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if !strings.Contains(w.Body.String(), "choriste_feed_missed_total 1\n") {
		t.Errorf("it is not counted as missed")
	}
}

// A line that named no statut that is known may have been wrong: what surrounds it is read again, even where the numbers agree.
func TestAnOddStatutIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	for name, held := range map[string]*string{"unknown": new("STATUT_FUTUR"), "none": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, &chorustest.Config{Step: -1})
			id, pass := h.old("ODD-1")
			shown := one[string](h, `SELECT statut_courant FROM chorus.invoices WHERE id = $1`, id)
			pass(5 * time.Hour)
			for _, sql := range []string{
				`UPDATE chorus.structures SET count_due_at = '-infinity' WHERE $1 > 0`,
				// To the portal's count a stranger that is not there makes up for it.
				`INSERT INTO chorus.strangers (account, id_structure_cpp, identifiant_facture_cpp, statut, statut_date)
				 SELECT account, 26300991, -id, statut_courant, statut_courant_date FROM chorus.invoices WHERE id = $1`,
			} {
				if _, err := h.db.Pool.Exec(t.Context(), sql, id); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := h.db.Pool.Exec(t.Context(), `UPDATE chorus.invoices SET statut_courant = $2 WHERE id = $1`, id, held); err != nil {
				t.Fatal(err)
			}
			pass(2 * time.Minute)
			if now := one[*string](h, `SELECT statut_courant FROM chorus.invoices WHERE id = $1`, id); now == nil || *now != shown {
				t.Errorf("it is not right again, but %v", now)
			}
		})
	}
}

func TestADepositWakesARestingFeed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	h.await(h.insert(invoicetest.Invoice{Numero: "REST-1"}.UBL()), store.Settled)
	if _, err := h.db.Pool.Exec(t.Context(), `UPDATE chorus.structures SET count_due_at = '-infinity'`); err != nil {
		t.Fatal(err)
	}
	h.until("nothing is open, and the feed rests", `SELECT bool_and(resting) FROM chorus.structures`)
	if _, err := h.db.Pool.Exec(t.Context(), `UPDATE chorus.structures SET next_sync_at = clock_timestamp() + interval '1 hour'`); err != nil {
		t.Fatal(err)
	}
	h.await(h.insert(invoicetest.Invoice{Numero: "REST-2"}.UBL()), store.Settled)
}
