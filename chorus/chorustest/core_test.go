package chorustest_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
)

func TestLifeOfAnInvoice(t *testing.T) {
	s, c := start(t, &chorustest.Config{Quota: -1, Step: time.Hour})
	flux := c.accepted(facture("F-1"))
	if len(flux) != 25 || flux[:10] != "CPP0011100" {
		t.Errorf("flux number %q", flux)
	}
	r := c.integrated(flux)
	if r.text("etatCourantDepotFlux") != "IN_INTEGRE" {
		t.Fatalf("report: %s", r.raw)
	}
	rows := c.search(m{"numeroFluxDepot": flux}).found()
	if len(rows) != 1 || rows[0]["numeroFacture"] != "F-1" || rows[0]["statut"] != "DEPOSEE" || fmt.Sprint(rows[0]["montantTTC"]) != "1500.00" {
		t.Fatalf("rows: %v", rows)
	}
	s.Advance(100 * time.Hour)
	c.login() // its token lived an hour
	r = c.post("/cpro/factures/v1/consulter/historique", m{"idFacture": rows[0]["identifiantFactureCPP"]})
	if r.text("statutCourantCode") != "MISE_EN_PAIEMENT" {
		t.Fatalf("history: %s", r.raw)
	}
}

func BenchmarkDeposits(b *testing.B) {
	s, err := chorustest.Start(chorustest.Config{Quota: -1, Ledger: b.TempDir() + "/ledger", NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	c := dial(b, s.APIURL(), s.TokenURL())
	b.ResetTimer()
	var wait sync.WaitGroup
	for w := range 8 {
		wait.Go(func() {
			for i := w; i < b.N; i += 8 {
				c.accepted(facture(fmt.Sprintf("F-%d", i)))
			}
		})
	}
	wait.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deposits/s")
}
