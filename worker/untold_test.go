package worker_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// told puts another portal between the workers and the simulator, which says the answers of its searches in other words.
func (h *house) told(search func(asked, said []byte) []byte) func(*worker.Config) {
	h.t.Helper()
	return h.toldBy("/rechercher/fournisseur", search)
}

// toldBy is told of another operation.
func (h *house) toldBy(op string, otherwise func(asked, said []byte) []byte) func(*worker.Config) {
	h.t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		out, err := http.NewRequestWithContext(r.Context(), r.Method, h.sim.APIURL()+r.URL.Path, bytes.NewReader(asked))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		out.Header = r.Header.Clone()
		out.Close = true
		resp, err := http.DefaultTransport.RoundTrip(out)
		if err != nil {
			panic(http.ErrAbortHandler) // as the simulator did: without an answer
		}
		defer func() { _ = resp.Body.Close() }()
		said, err := io.ReadAll(resp.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		status := resp.StatusCode
		if strings.HasSuffix(r.URL.Path, op) {
			if other := otherwise(asked, said); other != nil {
				said, status = other, http.StatusOK
			}
		}
		for key, values := range resp.Header {
			w.Header()[key] = values
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(said)))
		w.WriteHeader(status)
		_, _ = w.Write(said)
	}))
	h.t.Cleanup(s.Close)
	return func(c *worker.Config) { c.Accounts[0].Chorus.APIURL = s.URL }
}

// A day that the portal says as a moment, in UTC, is the day that it is in Paris: an invoice of the first of January is found, and not sent twice.
func TestADayThatIsToldInUTC(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
	h.sim.Faults(chorustest.Fault{Kind: "commit_then_drop", Numero: "NEW-YEAR"})
	h.start(h.told(func(_, said []byte) []byte {
		return bytes.ReplaceAll(said, []byte(`"dateFacture":"2026-01-01"`), []byte(`"dateFacture":"2025-12-31T23:00:00.000+0000"`))
	}))
	id := h.insert(invoicetest.Invoice{Numero: "NEW-YEAR", Date: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}.UBL())
	got := h.await(id, store.Deposited, store.Integrated, store.Settled, store.Parked)
	if n := len(h.sim.Deposits("NEW-YEAR")); n != 1 || got.State == store.Parked {
		t.Errorf("%d deposits, and it is %s: %s", n, got.State, h.path(id))
	}
}

// What the portal may make of a number: capitals, other blanks, no zeros at its head. What it shows under such a number, of the same supplier and year, is no absence: a
// person looks at it.
func TestANumberThatIsToldOtherwise(t *testing.T) {
	t.Parallel()
	for numero, said := range map[string]string{
		"fac-2026-7": `"FAC-2026-7"`,
		"F  2026-7":  `"F 2026-7"`,
		"0042":       `42`,
	} {
		t.Run(numero, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
			h.sim.Faults(chorustest.Fault{Kind: "commit_then_drop", Numero: numero})
			h.start(h.told(func(_, text []byte) []byte {
				return bytes.ReplaceAll(text, []byte(`"numeroFacture":"`+numero+`"`), []byte(`"numeroFacture":`+said))
			}))
			id := h.insert(invoicetest.Invoice{Numero: numero}.UBL())
			got := h.await(id, store.Deposited, store.Integrated, store.Settled, store.Parked)
			if n := len(h.sim.Deposits(numero)); n != 1 || got.State != store.Parked || *got.ReasonCode != store.ParkMismatch {
				t.Fatalf("%d deposits, and it is %s: %s", n, got.State, h.path(id))
			}
			if !strings.Contains(*got.Reason, "may be this one") {
				t.Errorf("of its own deposit it is said: %s", *got.Reason)
			}
			// A person says that it is ours.
			h.resolve(id, store.Resolution{Action: store.ActionAccept, Flux: h.sim.Deposits(numero)[0].Flux, Reason: "only the number is written otherwise"})
			if got := h.await(id, store.Settled, store.Parked); got.State != store.Settled {
				t.Errorf("accepted, it is %s: %s", got.State, h.path(id))
			}
		})
	}
}

// A supplier uses 42 and 0042: where the answer to the second is lost, the first one, which is known, is no reason to stop.
func TestNumbersThatDifferByZeros(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	var first atomic.Pointer[[]byte] // an answer that shows 42 alone
	var instead atomic.Int64
	h.start(h.told(func(asked, said []byte) []byte {
		switch {
		case !bytes.Contains(said, []byte(`"numeroFacture":"0042"`)) && bytes.Contains(said, []byte(`"numeroFacture":"42"`)):
			first.Store(&said)
		case bytes.Contains(asked, []byte(`"0042"`)) && !bytes.Contains(said, []byte(`"numeroFacture"`)): // a search that does not take numbers literally
			instead.Add(1)
			return *first.Load()
		}
		return nil
	}))
	h.await(h.insert(invoicetest.Invoice{Numero: "42"}.UBL()), store.Settled)
	h.sim.Faults(chorustest.Fault{Kind: "drop_before_commit", Numero: "0042"})
	id := h.insert(invoicetest.Invoice{Numero: "0042"}.UBL())
	if got := h.await(id, store.Settled, store.Parked); got.State != store.Settled || len(h.sim.Deposits("0042")) != 1 {
		t.Errorf("%s, %d deposits", h.path(id), len(h.sim.Deposits("0042")))
	}
	if instead.Load() < 3 {
		t.Errorf("42 was shown in its place %d times", instead.Load())
	}
}

// What the portal does not say speaks neither for nor against: a person looks at it, and is not told that it is another one.
func TestAValueThatIsNotTold(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
	h.sim.Faults(chorustest.Fault{Kind: "commit_then_drop", Numero: "UNSAID-1"})
	h.start(h.told(func(_, text []byte) []byte {
		return bytes.ReplaceAll(text, []byte(`"codeDestinataire"`), []byte(`"somethingElse"`))
	}))
	id := h.insert(invoicetest.Invoice{Numero: "UNSAID-1"}.UBL())
	got := h.await(id, store.Deposited, store.Integrated, store.Settled, store.Parked)
	if n := len(h.sim.Deposits("UNSAID-1")); n != 1 || got.State != store.Parked || *got.ReasonCode != store.ParkMismatch {
		t.Fatalf("%d deposits, and it is %s: %s", n, got.State, h.path(id))
	}
	if !strings.Contains(*got.Reason, "may be this one") || !strings.Contains(*got.Reason, "destinataire_siret") {
		t.Errorf("of its own deposit it is said: %s", *got.Reason)
	}
}

const emptyList = `{"codeRetour":0,"libelle":"","listeFactures":[],"parametresRetour":{"pages":0,"pageCourante":1,"nbResultatsParPage":100,"total":0}}`

const lookedUpLate = `
	SELECT state <> 'in_doubt' OR EXISTS (
	    SELECT FROM chorus.attempts, jsonb_array_elements(evidence -> 'lookups') l WHERE invoice_id = i.id AND (l ->> 'age_ns')::float8 > 2.5 * 2e9)
	FROM chorus.invoices i WHERE id = $1`

// A new set-up: the account lacks the right to see what its supplier has sent, and the portal answers every search with an empty list. That proves nothing; what it shows
// once the right is given does.
func TestTheFirstInvoiceOfASupplierThatTheAccountMayNotSee(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
	h.sim.Faults(chorustest.Fault{Kind: "commit_then_drop", Numero: "FIRST"})
	var given atomic.Bool
	h.start(h.told(func(_, _ []byte) []byte {
		if given.Load() {
			return nil
		}
		return []byte(emptyList)
	}))
	id := h.insert(invoicetest.Invoice{Numero: "FIRST"}.UBL())
	h.await(id, store.InDoubt)
	h.until("it was looked up after 2 H", lookedUpLate, id)
	if got := h.await(id, store.InDoubt); got.Reason == nil || !strings.Contains(*got.Reason, "shown nothing of this supplier yet") {
		t.Errorf("of a row in doubt it is said: %v", got.Reason)
	}
	given.Store(true)
	h.exec(`UPDATE chorus.invoices SET due_at = '-infinity'`)
	h.await(id, store.Settled)
	if n := len(h.sim.Deposits("FIRST")); n != 1 {
		t.Errorf("%d deposits: %s", n, h.path(id))
	}
}

// The first invoice was lost for good. It waits until the portal shows the next one, and is sent then.
func TestTheFirstInvoiceOfASupplierThatIsLost(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.sim.Faults(chorustest.Fault{Kind: "drop_before_commit", Numero: "FIRST"})
	h.start()
	id := h.insert(invoicetest.Invoice{Numero: "FIRST"}.UBL())
	h.await(id, store.InDoubt)
	h.until("it was looked up after 2 H", lookedUpLate, id)
	h.await(id, store.InDoubt)
	h.await(h.insert(invoicetest.Invoice{Numero: "SECOND"}.UBL()), store.Settled)
	h.exec(`UPDATE chorus.invoices SET due_at = '-infinity' WHERE state = 'in_doubt'`)
	h.await(id, store.Settled)
	if n := len(h.sim.Deposits("FIRST")); n != 1 {
		t.Errorf("%d deposits: %s", n, h.path(id))
	}
}

// The account is attached to the supplier's structure no more, and the portal says nothing of that to a search. The supplier has no other invoice that could show it.
func TestASupplierThatIsTakenAwayMeanwhile(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
	h.sim.Faults(chorustest.Fault{Kind: "commit_then_drop", Numero: "FIRST-EVER"})
	h.start(h.told(func(_, said []byte) []byte {
		if bytes.Contains(said, []byte("GDP_MSG_11.005")) {
			return []byte(emptyList)
		}
		return nil
	}))
	h.until("the structures are listed", `SELECT count(*) > 0 FROM chorus.structures`)
	id := h.insert(invoicetest.Invoice{Numero: "FIRST-EVER"}.UBL())
	h.await(id, store.InDoubt)
	if err := h.sim.SetAccount(chorustest.DefaultAccount.Login, func(a *chorustest.Account) { a.Structures = []string{"11111111100011"} }); err != nil {
		t.Fatal(err)
	}
	h.exec(`UPDATE chorus.accounts SET next_at = '-infinity'`)
	h.until("it is sent again, or was looked up after 2 H", `
		SELECT state NOT IN ('in_doubt', 'ready', 'sending') OR state = 'in_doubt' AND EXISTS (
		    SELECT FROM chorus.attempts, jsonb_array_elements(evidence -> 'lookups') l WHERE invoice_id = i.id AND (l ->> 'age_ns')::float8 > 2.5 * 2e9)
		FROM chorus.invoices i WHERE id = $1`, id)
	if n := len(h.sim.Deposits("FIRST-EVER")); n != 1 {
		t.Errorf("%d deposits: %s", n, h.path(id))
	}
}

// A person typed it in at the portal and deleted it there, and then it is sent by us. What was deleted is not taken for ours: it would be settled, and never sent.
func TestWhatAPersonHasDeletedIsNotOurs(t *testing.T) {
	t.Parallel()
	for _, statut := range []string{"SUPPRIMEE", "ABANDONNEE"} {
		t.Run(statut, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
			h.start()
			gone := func(numero string) {
				t.Helper()
				h.typeIn(numero)
				if err := h.sim.Statut(numero, statut, ""); err != nil {
					t.Fatal(err)
				}
				h.until("the feed has shown it", `SELECT EXISTS (SELECT FROM chorus.strangers WHERE numero_facture = $1 AND statut = $2)`, numero, statut)
			}
			// It waits for its day, and the feed shows once more that the other one is deleted.
			gone("WAITS")
			var later int64
			if err := h.app().QueryRow(t.Context(), `INSERT INTO chorus.invoices (document, not_before) VALUES ($1, now() + interval '1 hour') RETURNING id`,
				invoicetest.Invoice{Numero: "WAITS"}.UBL()).Scan(&later); err != nil {
				t.Fatal(err)
			}
			h.await(later, store.Ready)
			h.until("the feed has shown it again", `
				SELECT state <> 'ready' OR EXISTS (SELECT FROM chorus.strangers s WHERE s.numero_facture = i.numero_facture AND s.last_seen_at > i.updated_at)
				FROM chorus.invoices i WHERE id = $1`, later)
			// The answer to its deposit is lost, and so is the deposit.
			gone("LOST")
			h.sim.Faults(chorustest.Fault{Kind: "drop_before_commit", Numero: "LOST"})
			lost := h.insert(invoicetest.Invoice{Numero: "LOST"}.UBL())
			if got := h.await(lost, store.Deposited, store.Integrated, store.Settled, store.Parked); len(h.sim.Deposits("LOST")) != 1 {
				t.Errorf("it is %s, after %d deposits: %s", got.State, len(h.sim.Deposits("LOST")), h.path(lost))
			}
			if got := h.await(later, store.Ready, store.Deposited, store.Integrated, store.Settled, store.Parked); got.State != store.Ready {
				t.Errorf("it is %s, and was never sent: %s", got.State, h.path(later))
			}
		})
	}
}

// The copy that a person typed in is taken for ours, and then deleted there, because the application sends it anyway. A person hears of it.
func TestWhatIsDeletedAfterItWasTakenForOurs(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{Step: -1})
	h.start()
	h.typeIn("BOTH-WAYS")
	h.until("the feed has shown it", `SELECT EXISTS (SELECT FROM chorus.strangers WHERE numero_facture = 'BOTH-WAYS')`)
	id := h.insert(invoicetest.Invoice{Numero: "BOTH-WAYS"}.UBL())
	h.until("it is taken for ours", `SELECT identifiant_facture_cpp IS NOT NULL FROM chorus.invoices WHERE id = $1`, id)
	if err := h.sim.Statut("BOTH-WAYS", "SUPPRIMEE", ""); err != nil {
		t.Fatal(err)
	}
	h.until("it is said that it is deleted", `SELECT statut_courant = 'SUPPRIMEE' FROM chorus.invoices WHERE id = $1`, id)
	if got := h.await(id, store.Settled, store.Parked); got.State != store.Parked || len(h.sim.Deposits("BOTH-WAYS")) != 0 {
		t.Errorf("it is %s, after %d deposits: %s", got.State, len(h.sim.Deposits("BOTH-WAYS")), h.path(id))
	}
}

// Something on the way gives a look-up the answer to another one: it is whole, and about another invoice. That ours is not in it proves nothing.
func TestAnAnswerToAnotherQuestion(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
	h.sim.Faults(chorustest.Fault{Kind: "commit_then_drop", Numero: "ASKED-1"})
	var wrong atomic.Bool
	wrong.Store(true)
	h.start(h.told(func(asked, said []byte) []byte {
		if wrong.Load() && bytes.Contains(asked, []byte(`"ASKED-1"`)) {
			return bytes.ReplaceAll(said, []byte("ASKED-1"), []byte("OTHER-2"))
		}
		return nil
	}))
	id := h.insert(invoicetest.Invoice{Numero: "ASKED-1"}.UBL())
	h.await(id, store.InDoubt)
	h.until("it is sent again, or was looked up four times after 2 H", `
		SELECT state NOT IN ('in_doubt', 'ready', 'sending') OR state = 'in_doubt' AND (
		    SELECT count(*) FROM chorus.attempts, jsonb_array_elements(evidence -> 'lookups') l WHERE invoice_id = i.id AND (l ->> 'age_ns')::float8 > 2 * 2e9) >= 4
		FROM chorus.invoices i WHERE id = $1`, id)
	wrong.Store(false)
	h.await(id, store.Deposited, store.Integrated, store.Settled)
	if n := len(h.sim.Deposits("ASKED-1")); n != 1 {
		t.Errorf("%d deposits: %s", n, h.path(id))
	}
}
