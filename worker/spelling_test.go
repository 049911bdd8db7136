package worker_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// capitals is a portal that keeps numbers in capitals, and searches for what it is asked: it shows low-1 as LOW-1, by its period and by its flux, and nothing of low-1.
func (h *house) capitals() func(*worker.Config) {
	return h.told(func(asked, said []byte) []byte {
		var q struct {
			NumeroFacture string `json:"numeroFacture"`
		}
		_ = json.Unmarshal(asked, &q)
		if q.NumeroFacture != strings.ToUpper(q.NumeroFacture) {
			return []byte(emptyList)
		}
		return bytes.ReplaceAll(said, []byte(`"low-1"`), []byte(`"LOW-1"`))
	})
}

// The portal writes the number in capitals and searches exactly. What it shows of the invoice by its feed, or else in a listing of the day, is no absence: a person is
// asked, who is told how it is written there; and a wish to send it again sends nothing.
func TestANumberThatIsSearchedForExactly(t *testing.T) {
	t.Parallel()
	for name, slow := range map[string]bool{"the feed shows it": false, "a listing shows it": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
			h.start(h.capitals())
			h.await(h.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Settled)
			h.sim.Faults(chorustest.Fault{Kind: "commit_then_drop", Commit: true})
			if slow { // what the feed has shown is forgotten as soon as it is written
				h.exec(`CREATE FUNCTION public.forget() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`)
				h.exec(`CREATE TRIGGER forget BEFORE INSERT ON chorus.strangers FOR EACH ROW EXECUTE FUNCTION public.forget()`)
			}
			id := h.insert(invoicetest.Invoice{Numero: "low-1"}.UBL())
			h.await(id, store.InDoubt)
			h.await(h.insert(invoicetest.Invoice{Numero: "AFTER"}.UBL()), store.Settled)
			for _, wish := range []bool{false, true} {
				if wish {
					// When the feed has shown it since, the wish itself is refused.
					if _, err := h.operator().ResolveParked(t.Context(), id, store.Resolution{Action: store.ActionResubmit, Reason: "not at the portal"}); err != nil && store.SQLState(err) != "CH022" {
						t.Fatal(err)
					}
				}
				got := h.await(id, store.Parked, store.Ready, store.Sending, store.Deposited)
				if n := len(h.sim.Deposits("low-1")); n != 1 || got.State != store.Parked || *got.ReasonCode != store.ParkMismatch {
					t.Fatalf("%d deposits, and it is %s: %s", n, got.State, h.path(id))
				}
				if !strings.Contains(*got.Reason, "numero_facture low-1 ≠ LOW-1") {
					t.Errorf("it is said: %s", *got.Reason)
				}
			}
			h.resolve(id, store.Resolution{Action: store.ActionAccept, Flux: h.sim.Deposits("low-1")[0].Flux, Reason: "only the number is written otherwise"})
			h.await(id, store.Settled)
		})
	}
}

// An ordinary deposit whose number the portal writes otherwise is ours by its flux, and is followed; and what is inserted again of a row that is lost is looked up first.
func TestAnOrdinaryDepositInCapitals(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
	h.start(h.capitals())
	h.await(h.insert(invoicetest.Invoice{Numero: "low-1"}.UBL()), store.Settled)
}

// A portal that has taken over numbers in capitals is not blind: what it has shown before is asked for as it is written there. So an absence is proven, and a start compares.
func TestAPortalThatKeepsNumbersInCapitalsIsNotBlind(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
	slow := func(c *worker.Config) { c.Settings.SyncEvery = time.Hour }
	stop := h.run()
	sent := func(numero string) {
		t.Helper()
		h.await(h.insert(invoicetest.Invoice{Numero: numero}.UBL()), store.Settled)
		if err := h.sim.Edit(numero, `{"numero":"`+strings.ToUpper(numero)+`"}`); err != nil {
			t.Fatal(err)
		}
	}
	sent("low-1")
	sent("low-2")
	h.sim.Faults(chorustest.Fault{Kind: "drop_before_commit", Op: "deposer/flux"})
	lost := h.insert(invoicetest.Invoice{Numero: "LOST"}.UBL())
	h.await(lost, store.InDoubt)
	sent("low-3")
	h.await(lost, store.Settled)
	if n := len(h.sim.Deposits("LOST")); n != 1 {
		t.Errorf("it was deposited %d times", n)
	}
	if err := h.sim.Edit("LOST", `{"numero":"lost-and-found"}`); err != nil { // a number that was corrected by hand
		t.Fatal(err)
	}
	stop()
	h.start(slow)
	h.await(h.insert(invoicetest.Invoice{Numero: "AFTER"}.UBL()), store.Deposited, store.Integrated, store.Settled)
}

// Chorus Pro takes a number once per SIREN and year. What another establishment of the supplier has there is told at once, and is not waited for and then sent.
func TestANumberOfAnotherEstablishment(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
	h.start()
	h.await(h.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Settled)
	facts := h.sim.Deposits("BEFORE")[0].Facts
	for _, numero := range []string{"Z-1", "z-2"} {
		facts.Numero, facts.Fournisseur = numero, "99999999800020"
		cpp, err := h.sim.TypeIn(facts)
		if err != nil {
			t.Fatal(err)
		}
		h.until("it is seen", `SELECT EXISTS (SELECT FROM chorus.strangers WHERE identifiant_facture_cpp = $1)`, cpp)
	}
	id := h.insert(invoicetest.Invoice{Numero: "Z-1"}.UBL())
	got := h.await(id, store.Parked, store.Ready, store.Sending, store.Deposited, store.Integrated, store.Settled)
	if got.State != store.Parked || *got.ReasonCode != store.ParkMismatch || !strings.Contains(*got.Reason, "fournisseur_siret 99999999800012 ≠ 99999999800020") {
		t.Errorf("it is %s: %s", got.State, h.path(id))
	}
	h.resolve(id, store.Resolution{Action: store.ActionResubmit, Reason: "it is not at the portal"})
	h.await(id, store.Parked)
	if n := one[int](h, fmt.Sprintf(`SELECT count(*) FROM chorus.attempts WHERE invoice_id = %d AND worker <> 'quarantine'`, id)); n != 0 {
		t.Errorf("it was sent %d times", n)
	}
	other := h.insert(invoicetest.Invoice{Numero: "Z-2"}.UBL()) // another number, of another establishment
	h.await(other, store.Settled)
	if path := h.path(other); strings.Contains(path, "in_doubt") {
		t.Errorf("Z-2 went through %s", path)
	}
}
