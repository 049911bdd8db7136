package worker_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// waiting is an invoice that its recipient has suspended, or that is to be recycled.
func (h *house) waiting(numero, statut string) int64 {
	h.t.Helper()
	h.sim.Script(numero, chorustest.Move{Statut: "MISE_A_DISPOSITION"}, chorustest.Move{Statut: statut, Commentaire: "Bon de livraison manquant"}, chorustest.Move{Statut: "MISE_EN_PAIEMENT"})
	id := h.insert(invoicetest.Invoice{Numero: numero}.UBL())
	h.until(statut+" was not seen", `SELECT statut_courant = $2 FROM chorus.invoices WHERE id = $1`, id, statut)
	return id
}

// over returns the invoice's only remedy once it is done or refused.
func (h *house) over(id int64) store.RemedyView {
	h.t.Helper()
	h.until("the remedy does not end", `SELECT state IN ('done', 'refused') FROM chorus.remedies WHERE invoice_id = $1`, id)
	list, _, _, err := h.operator().Remedies(h.t.Context(), id)
	if err != nil || len(list) != 1 {
		h.t.Fatalf("%d remedies, %v", len(list), err)
	}
	return list[0]
}

// requests counts what arrived at an operation of the portal.
func (h *house) requests(op string) (n int) {
	for _, e := range h.sim.Ledger() {
		if e.Type == "request" && e.Op == op {
			n++
		}
	}
	return n
}

func (h *house) complete(id int64, files ...store.Attachment) {
	h.t.Helper()
	if _, err := h.operator().CompleteInvoice(h.t.Context(), id, "voici", files); err != nil {
		h.t.Fatal(err)
	}
}

var two = []store.Attachment{{Nom: "bon.pdf", Mime: "application/pdf", Contenu: []byte("one")}, {Nom: "plan.zip", Contenu: []byte("two")}}

func TestASuspendedInvoiceIsCompleted(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	id := h.waiting("COMPLETE-1", "SUSPENDUE")
	h.complete(id, two...)
	if r := h.over(id); r.State != store.RemedyDone || r.Files != 2 {
		t.Errorf("%+v", r)
	}
	h.await(id, store.Settled)
	if n, m := h.requests("completer"), h.requests("ajouter/fichier"); n != 1 || m != 2 {
		t.Errorf("%d completions with %d files arrived, want 1 with 2", n, m)
	}
}

func TestAnInvoiceIsRecycled(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	id := h.waiting("RECYCLE-1", "A_RECYCLER")
	if _, err := h.operator().RecycleInvoice(t.Context(), id, store.Routing{CodeService: "SERV_TECH"}, "erreur de service"); err != nil {
		t.Fatal(err)
	}
	if r := h.over(id); r.State != store.RemedyDone {
		t.Errorf("%+v", r)
	}
	h.await(id, store.Settled)
	i := slices.IndexFunc(h.sim.Ledger(), func(e chorustest.Entry) bool { return e.Type == "recycled" })
	if i < 0 || h.sim.Ledger()[i].Facts.Service != "SERV_TECH" || h.sim.Ledger()[i].Facts.Destinataire != "99999999700023" {
		t.Errorf("recycled to %+v", h.sim.Ledger()[i].Facts)
	}
}

// The recipient has gone on while the remedy was on its way: the portal refuses it, its words are kept, and the invoice is unharmed.
func TestARemedyThatComesTooLate(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	// Nobody hears of the change before the remedy is carried out.
	h.start(func(c *worker.Config) { c.Settings.SyncEvery = time.Hour })
	for numero, c := range map[string]struct {
		statut, says string
		ask          func(id int64) error
	}{
		"LATE-1": {"SUSPENDUE", "11.033", func(id int64) error {
			_, err := h.operator().CompleteInvoice(t.Context(), id, "voici", nil)
			return err
		}},
		"LATE-2": {"A_RECYCLER", "11.001", func(id int64) error {
			_, err := h.operator().RecycleInvoice(t.Context(), id, store.Routing{CodeService: "SERV_TECH"}, "")
			return err
		}},
	} {
		h.sim.Script(numero)
		id := h.insert(invoicetest.Invoice{Numero: numero}.UBL())
		h.await(id, store.Integrated)
		h.until("the feed was not read", `SELECT count(*) > 0 AND bool_and(synced_at IS NOT NULL) FROM chorus.structures`)
		owner := h.owner()
		if _, err := owner.Exec(t.Context(), `UPDATE chorus.invoices SET statut_courant = $2 WHERE id = $1`, id, c.statut); err != nil {
			t.Fatal(err)
		}
		if err := h.sim.Statut(numero, "PRISE_EN_COMPTE_DESTINATAIRE", ""); err != nil {
			t.Fatal(err)
		}
		if err := c.ask(id); err != nil {
			t.Fatal(err)
		}
		r := h.over(id)
		if r.State != store.RemedyRefused || r.Reason == nil || !strings.Contains(*r.Reason, c.says) || r.Attempts != 1 {
			t.Errorf("%s: %+v", numero, r)
		}
		if got := h.await(id, store.Integrated); *got.StatutCourant != c.statut || got.ReasonCode != nil {
			t.Errorf("%s: the row has become %+v", numero, got)
		}
	}
}

// A lost answer: the invoice's status is read before anything is repeated.
func TestALostAnswerToARemedy(t *testing.T) {
	t.Parallel()
	all := represented(t, "commit_then_drop", "drop_before_commit")
	for kind, want := range map[string]int{"commit_then_drop": 1, "commit_then_empty_json": 1, "commit_then_500": 1, "drop_before_commit": 2, "503": 2} {
		if !all.runs(kind) {
			continue
		}
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			h.start()
			id := h.waiting("UNKNOWN-1", "SUSPENDUE")
			h.sim.Faults(chorustest.Fault{Kind: kind, Op: "completer"}, chorustest.Fault{Kind: "drop_before_commit", Op: "ajouter/fichier"})
			h.complete(id, two...)
			if r := h.over(id); r.State != store.RemedyDone || r.Attempts != want {
				t.Errorf("%+v", r)
			}
			if n, m := h.requests("completer"), h.requests("ajouter/fichier"); n != want || m != 3 {
				t.Errorf("%d completions with %d files arrived, want %d with 3", n, m, want)
			}
			h.await(id, store.Settled)
		})
	}
}

func TestARefusedInvoiceIsReplaced(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	h.sim.Script("REPLACE-1", chorustest.Move{Statut: "REJETEE", Commentaire: "Montant erroné"})
	old := h.insert(invoicetest.Invoice{Numero: "REPLACE-1"}.UBL())
	h.await(old, store.Rejected)
	replace := func(numero string) int64 {
		id, err := h.operator().Submit(t.Context(), store.Insertion{Document: invoicetest.Invoice{Numero: numero}.UBL(), Replaces: old})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	if got := h.await(replace("REPLACE-1"), store.Invalid); *got.ReasonCode != "CH-SAME-NUMBER" {
		t.Errorf("invalid as %s", *got.ReasonCode)
	}
	h.await(replace("REPLACE-2"), store.Settled)
	if n := len(h.sim.Deposits("REPLACE-1")); n != 1 {
		t.Errorf("the refused number was sent %d times", n)
	}
}
