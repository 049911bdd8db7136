package worker_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
	"github.com/choriste/choriste/worker"
)

// A copy of the data directory comes back in which nothing waits: what was forgotten has no row. The portal shows it to the comparison, which notices the rewind; where somebody
// else deposits for the supplier, too, it may be theirs, and is kept. What is inserted again is looked up first either way, though the feed has not been read.
func TestARewindInWhichNothingWaits(t *testing.T) {
	t.Parallel()
	for name, others := range map[string]bool{"nobody else deposits": false, "somebody else deposits, too": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, &chorustest.Config{AcceptDuplicates: true}, nil)
			slow := func(c *worker.Config) { c.Settings.SyncEvery = time.Hour }
			stop := s.run(slow)
			s.await(s.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Deposited, store.Integrated, store.Settled)
			if others {
				s.exec(s.db.URL, othersDeposit)
			}
			copied(s)
			s.db.Pool.Reset()
			document := invoicetest.Invoice{Numero: "LOST"}.UBL()
			s.await(s.insert(document), store.Deposited, store.Integrated, store.Settled)
			stop()
			putBack(s)
			s.db.Pool.Reset()
			s.exec(s.db.URL, `UPDATE chorus.structures SET next_sync_at = clock_timestamp() + interval '1 hour'`)
			stop = s.run(slow)
			s.until("the start has compared", `SELECT compare_asked_at IS NOT NULL AND compare_since IS NULL FROM chorus.accounts WHERE name = 'default'`)
			s.until("it is kept", `SELECT count(*) = 1 FROM chorus.strangers WHERE numero_facture = 'LOST'`)
			s.await(s.insert(document), store.Deposited, store.Integrated, store.Settled)
			s.once("LOST")
			stop()
			s.start(slow) // where it is known by now
			s.await(s.insert(invoicetest.Invoice{Numero: "FRESH"}.UBL()), store.Deposited, store.Integrated, store.Settled)
			if others {
				s.quarantined()
			} else {
				s.quarantined(store.WitnessPortal)
			}
		})
	}
}

// Somebody else deposits by flux for a structure that we deposit for, too. To a start that has not heard of them that is a rewind, once; never where they are known.
func TestSomebodyElsesFluxesAreNoRewindAtEachStart(t *testing.T) {
	t.Parallel()
	for name, quarantines := range map[string]int{"they are known": 0, "they are new": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
			slow := func(c *worker.Config) { c.Settings.SyncEvery = time.Hour }
			stop := h.run(slow)
			h.await(h.insert(invoicetest.Invoice{Numero: "OURS"}.UBL()), store.Deposited, store.Integrated, store.Settled)
			stop()
			if quarantines == 0 {
				h.exec(othersDeposit)
			}
			for k := range 3 {
				other := &house{t: t, db: storetest.New(t), sim: h.sim}
				stop = other.run(slow)
				other.await(other.insert(invoicetest.Invoice{Numero: fmt.Sprintf("THEIRS-%d", k)}.UBL()), store.Deposited, store.Integrated, store.Settled)
				stop()
				h.exec(`UPDATE chorus.structures SET next_sync_at = clock_timestamp() + interval '1 hour'`)
				stop = h.run(slow)
				h.await(h.insert(invoicetest.Invoice{Numero: fmt.Sprintf("OURS-%d", k)}.UBL()), store.Deposited, store.Integrated, store.Settled)
				stop()
			}
			if n := h.count(`SELECT quarantines FROM chorus.installation`); n != quarantines {
				t.Errorf("%d quarantines, want %d", n, quarantines)
			}
		})
	}
}

// A worker runs by day, and another system deposits each night: that is a rewind to the first morning at most.
func TestSomebodyElseDepositsEachNight(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
	slow := func(c *worker.Config) { c.Settings.SyncEvery = time.Hour }
	stop := h.run(slow)
	h.await(h.insert(invoicetest.Invoice{Numero: "OURS"}.UBL()), store.Deposited, store.Integrated, store.Settled)
	stop()
	for k := range 3 {
		other := &house{t: t, db: storetest.New(t), sim: h.sim}
		stop = other.run(slow)
		other.await(other.insert(invoicetest.Invoice{Numero: fmt.Sprintf("NIGHT-%d", k)}.UBL()), store.Deposited, store.Integrated, store.Settled)
		stop()
		h.exec(`UPDATE chorus.structures SET next_sync_at = clock_timestamp() + interval '1 hour'`)
		stop = h.run(slow)
		h.await(h.insert(invoicetest.Invoice{Numero: fmt.Sprintf("OURS-%d", k)}.UBL()), store.Deposited, store.Integrated, store.Settled)
		stop()
		if n := h.count(`SELECT quarantines FROM chorus.installation`); n != 1 {
			t.Fatalf("after morning %d there were %d quarantines", k+1, n)
		}
		h.exec(`UPDATE chorus.installation SET created_at = created_at - interval '1 day', quarantined_at = quarantined_at - interval '1 day', suspect_until = suspect_until - interval '1 day', forgotten_since = forgotten_since - interval '1 day'`)
		h.exec(`UPDATE chorus.strangers SET date_depot = date_depot - interval '1 day', first_seen_at = first_seen_at - interval '1 day'`)
	}
}

// The first start of an installation could not compare. What another system has deposited before the second one is no rewind: nothing was ever sent from here.
func TestTheFirstStartCouldNotCompare(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
	other := &house{t: t, db: storetest.New(t), sim: h.sim}
	stop := other.run()
	other.await(other.insert(invoicetest.Invoice{Numero: "THEIRS"}.UBL()), store.Deposited, store.Integrated, store.Settled)
	stop()
	h.sim.Faults(chorustest.Fault{Kind: "redirect", Op: "rechercher/fournisseur", Times: -1})
	stop = h.run()
	h.until("it has tried", `SELECT compare_fault IS NOT NULL FROM chorus.accounts WHERE name = 'default'`)
	h.until("it beats", `SELECT count(*) > 0 FROM chorus.heartbeats`)
	stop()
	h.sim.ClearFaults()
	h.start()
	h.await(h.insert(invoicetest.Invoice{Numero: "FIRST"}.UBL()), store.Deposited, store.Integrated, store.Settled)
	if n := h.count(`SELECT quarantines FROM chorus.installation`); n != 0 {
		t.Errorf("%d quarantines", n)
	}
}

// othersDeposit writes down that somebody else has deposited by flux for the supplier, days ago.
const othersDeposit = `
	INSERT INTO chorus.strangers (account, id_structure_cpp, identifiant_facture_cpp, numero_facture, fournisseur_siret, numero_flux_depot, date_depot, mode_depot, first_seen_at)
	SELECT account, id_structure_cpp, 999, 'OTHERS', identifiant, 'OTHERS-1', at, 'EDI_XML_STRUCT', at
	FROM chorus.structures, (SELECT clock_timestamp() - interval '2 days' AS at) x
	WHERE identifiant = '99999999800012'`
