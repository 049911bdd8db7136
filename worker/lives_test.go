package worker_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
	"github.com/choriste/choriste/worker"
)

// putBy is where a statut has to put a row: success and failure are said in so many words, and everything else is neither.
func putBy(statut string) store.State {
	switch statut {
	case "REJETEE":
		return store.Rejected
	case "MISE_EN_PAIEMENT", "ABANDONNEE", "SUPPRIMEE":
		return store.Settled
	default:
		return store.Integrated
	}
}

// Whatever recipients do, in whatever order, in words nobody knows too: each row ends where the portal's last word put it.
func TestRandomLivesThroughTheWorker(t *testing.T) {
	t.Parallel()
	const invoices, rounds = 40, 30
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	statuts := strings.Fields(`REJETEE REJETEE MISE_EN_PAIEMENT MISE_EN_PAIEMENT ABANDONNEE SUPPRIMEE DEPOSEE EN_COURS_ACHEMINEMENT MISE_A_DISPOSITION A_RECYCLER
		SUSPENDUE MANDATEE COMPTABILISEE MISE_A_DISPOSITION_COMPTABLE COMPLETEE SERVICE_FAIT PRISE_EN_COMPTE_DESTINATAIRE A_VALIDER_1 TECHNIQUE_INCONNU
		PAYEE_PEUT_ETRE REJETEE_2 MISE_EN_PAIEMENT_PARTIELLE`)

	h := newHouse(t, &chorustest.Config{Step: -1, Integration: time.Minute, MaxPage: 7})
	clock := storetest.VirtualClock(t, h.db).With(h.sim)
	h.start(func(c *worker.Config) {
		s := &c.Settings
		s.HTTPTimeout, s.SendWithin = 30*time.Second, 10*time.Second // a busy machine is no fault of the portal's
		s.LandingDelay, s.VisibilityDelay, s.ReportAfter, s.SyncEvery, s.QuietPeriod = 15*time.Minute, 4*time.Hour, 10*time.Minute, time.Minute, 1000*day
		c.Poll, c.VirtualTime = 10*time.Millisecond, true
	})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // on a machine that is busy otherwise
	defer cancel()
	pass := func(d time.Duration) {
		t.Helper()
		for _, step := range []func() error{func() error { return clock.Rest(ctx) }, func() error { return clock.Advance(ctx, d) }, func() error { return clock.Rest(ctx) }} {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
	}
	ids, last := make([]int64, invoices), make([]string, invoices)
	name := func(k int) string { return fmt.Sprintf("LIFE-%02d", k) }
	for k := range invoices {
		ids[k], last[k] = h.insert(invoicetest.Invoice{Numero: name(k)}.UBL()), "DEPOSEE"
	}
	pass(2 * time.Minute)
	for range rounds {
		for range random.IntN(invoices / 2) {
			k := random.IntN(invoices)
			last[k] = statuts[random.IntN(len(statuts))]
			if err := h.sim.Statut(name(k), last[k], ""); err != nil {
				t.Fatal(err)
			}
		}
		if random.IntN(4) == 0 {
			h.sim.Faults(chorustest.Fault{Kind: []string{"repeated_page", "mixed_dates", "500"}[random.IntN(3)], Op: "rechercher/fournisseur"})
		}
		pass(time.Duration(random.IntN(200_000)) * time.Millisecond)
	}
	h.sim.ClearFaults()
	pass(2 * time.Minute)
	pass(2 * time.Minute)

	st := store.New(h.db.Pool)
	for k, id := range ids {
		i, _, err := st.Show(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if i.State != putBy(last[k]) || text(i.StatutCourant) != last[k] {
			t.Errorf("%s is %s after %s, want %s after the portal's last word %s", name(k), i.State, text(i.StatutCourant), putBy(last[k]), last[k])
		}
	}
	var changed, repeated, orphans int
	err := h.db.Pool.QueryRow(ctx, `
		WITH e AS (
		    SELECT *, lag(to_state) OVER w AS before, detail ->> 'statut_courant_date' AS date, lag(detail ->> 'statut_courant_date') OVER w AS date_before
		    FROM chorus.events
		    WHERE invoice_id IS NOT NULL AND (to_state IS DISTINCT FROM from_state OR reason_code = 'STATUT')
		    WINDOW w AS (PARTITION BY invoice_id ORDER BY id)
		)
		SELECT count(*),
		       count(*) FILTER (WHERE reason_code = 'STATUT' AND date = date_before AND detail ->> 'statut_courant' = detail ->> 'statut_precedent'),
		       count(*) FILTER (WHERE from_state IS DISTINCT FROM before
		           OR from_state <> to_state AND NOT EXISTS (SELECT FROM chorus.transitions x WHERE (x.from_state, x.to_state) = (e.from_state, e.to_state)))
		FROM e`).Scan(&changed, &repeated, &orphans)
	if err != nil {
		t.Fatal(err)
	}
	if changed < 5*invoices || repeated != 0 || orphans != 0 {
		t.Errorf("of %d lines of history %d say the same again and %d do not follow from the one before", changed, repeated, orphans)
	}
}
