package chorustest_test

import (
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
)

// What is old is read again from the ledger and from what was spilled, and says the same as when it was new; so does a simulator that was started again.
func TestOldInvoices(t *testing.T) {
	for name, ledger := range map[string]string{"in a file": filepath.Join(t.TempDir(), "ledger"), "in memory": ""} {
		t.Run(name, func(t *testing.T) {
			cfg := chorustest.Config{Quota: -1, Ledger: ledger, NoSync: true}
			s, c := start(t, &cfg)
			s.AcceptMany(0, 3)
			if err := s.Statut("F-000001", "SUSPENDUE", "Bon de livraison manquant"); err != nil {
				t.Fatal(err)
			}
			if err := s.Edit("F-000002", `{"numero":"F-X","montantTTC":"99.00","numeroFluxDepot":"CPP-AUTRE"}`); err != nil {
				t.Fatal(err)
			}
			look := func(s *chorustest.Sim, c *client) (all []any) {
				c.login()
				for _, numero := range []string{"F-000000", "F-000001", "F-000002", "F-X"} {
					deposits := s.Deposits(numero)
					r := c.search(m{"numeroFacture": numero})
					all = append(all, deposits, string(r.raw))
					for _, row := range r.found() {
						all = append(all, string(c.post("/cpro/factures/v1/consulter/historique", m{"idFacture": row["identifiantFactureCPP"]}).raw))
					}
					for _, d := range deposits {
						all = append(all, string(c.report(d.Flux).raw))
					}
				}
				return all
			}
			young := look(s, c)
			s.AcceptMany(3, 5000)
			old := look(s, c)
			if !reflect.DeepEqual(young, old) {
				t.Errorf("new:\n%v\nold:\n%v", young, old)
			}
			r := c.search(m{"numeroFacture": "F-000001"})
			if rows := r.found(); len(rows) != 1 || rows[0]["commentaireEtatCourant"] != "Bon de livraison manquant" || rows[0]["statut"] != "SUSPENDUE" {
				t.Errorf("%s", r.raw)
			}
			if flux := c.accepted(facture("F-000000")); len(s.Deposits("F-000000")) != 2 || s.Deposits("F-000000")[1].RefusedAs != "duplicate" {
				t.Errorf("%s: %+v", flux, s.Deposits("F-000000"))
			}
			s.Advance(time.Second) // the report on it is there
			if ledger == "" {
				return
			}
			before := look(s, c)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s, c = start(t, &cfg)
			if after := look(s, c); !reflect.DeepEqual(before, after) {
				t.Errorf("before the restart:\n%v\nafter it:\n%v", before, after)
			}
		})
	}
}

// An accepted invoice costs so many bytes of memory at most, with the ledger in a file.
func TestMemoryOfAnInvoice(t *testing.T) {
	const most, few, many = 170, 2000, 12_000
	s, err := chorustest.Start(chorustest.Config{Ledger: filepath.Join(t.TempDir(), "ledger"), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	s.AcceptMany(0, few)
	before := inUse()
	s.AcceptMany(few, many-few)
	each := float64(inUse()-before) / (many - few)
	if n := s.Stats().Integrated; n != many {
		t.Fatalf("%d integrated", n)
	}
	t.Logf("%.0f bytes an invoice", each)
	if each > most {
		t.Errorf("%.0f bytes an invoice, at most %d", each, most)
	}
}

// A start with a ledger does not hold what every invoice in it once had before it.
func TestReplayHoldsNoPlans(t *testing.T) {
	for _, step := range []time.Duration{0, time.Hour} {
		cfg := chorustest.Config{Ledger: filepath.Join(t.TempDir(), "ledger"), NoSync: true, Step: step}
		s, err := chorustest.Start(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 20 {
			s.AcceptMany(100*n, 100)
			s.Advance(9 * time.Hour) // to the payment, if they move
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		again := chorustest.New(t, &cfg)
		if n := again.MostPlanned(); n > 300 {
			t.Errorf("with steps of %s, %d plans at once for 100 invoices under way", step, n)
		}
		if n := again.Stats().Integrated; n != 2000 {
			t.Errorf("%d integrated", n)
		}
	}
}

func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A number that came a thousand times costs no more than another: refused copies are not looked at.
func TestManyCopies(t *testing.T) {
	s, c := start(t, &chorustest.Config{Quota: -1})
	s.AcceptMany(0, 1)
	for range 1000 {
		s.AcceptMany(0, 1)
	}
	all := s.Deposits("F-000000")
	if len(all) != 1001 || all[0].RefusedLater || all[1000].RefusedAs != "duplicate" {
		t.Fatalf("%d deposits, the first %+v", len(all), all[0])
	}
	if rows := c.search(m{"numeroFacture": "F-000000"}).found(); len(rows) != 1 || fmt.Sprint(rows[0]["numeroFluxDepot"]) != all[0].Flux {
		t.Errorf("%v", rows)
	}
}
