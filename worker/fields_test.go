package worker_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
)

// insertPDF inserts a PDF without XML, with its fields beside it.
func (h *house) insertPDF(inv invoicetest.Invoice) (id int64, doc []byte) {
	h.t.Helper()
	doc, err := inv.PDF()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.app().QueryRow(h.t.Context(), `INSERT INTO chorus.invoices (document, fields) VALUES ($1, $2) RETURNING id`, doc, inv.Fields()).Scan(&id); err != nil {
		h.t.Fatal(err)
	}
	return id, doc
}

func TestAPDFWithoutXMLGoesAllTheWay(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	id, doc := h.insertPDF(invoicetest.Invoice{Numero: "PDF-1", CodeService: "SERV_TECH"})
	got := h.await(id, store.Settled)
	if path := h.path(id); path != "received ready sending deposited integrated settled" {
		t.Errorf("went through %s", path)
	}
	if got.NumeroFluxDepot != nil || got.IdentifiantFactureCPP == nil || *got.NumeroFacture != "PDF-1" {
		t.Errorf("the row is %+v", got)
	}
	sum := sha256.Sum256(doc)
	deposits := h.sim.Deposits("PDF-1")
	if len(deposits) != 1 || deposits[0].Facts.SHA256 != hex.EncodeToString(sum[:]) || deposits[0].Facts.Service != "SERV_TECH" || deposits[0].Facts.Mode != "DEPOT_PDF_API" {
		t.Errorf("the portal has %+v", deposits)
	}
	if n := h.requests("deposer/flux"); n != 0 {
		t.Errorf("%d files were deposited", n)
	}
}

func TestLostAnswersToASubmissionAreFoundAgain(t *testing.T) {
	t.Parallel()
	all := represented(t, "commit_then_drop", "commit_then_truncated")
	for _, kind := range []string{"commit_then_drop", "commit_then_500", "commit_then_truncated", "commit_then_empty_json", "commit_then_null"} {
		if !all.runs(kind) {
			continue
		}
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, &chorustest.Config{Visibility: 200 * time.Millisecond})
			h.start()
			h.sim.Faults(chorustest.Fault{Op: "soumettre", Kind: kind})
			id, _ := h.insertPDF(invoicetest.Invoice{Numero: "PDF-LOST"})
			h.await(id, store.Settled)
			if path := h.path(id); path != "received ready sending in_doubt deposited integrated settled" {
				t.Errorf("went through %s", path)
			}
			if n := len(h.sim.Deposits("PDF-LOST")); n != 1 {
				t.Errorf("%d are at the portal, want 1", n)
			}
		})
	}
}

// An answer that takes a submission in and does not repeat its number names no other one; an answer that names another one is for a person.
func TestASubmissionThatIsToldWithoutItsNumber(t *testing.T) {
	t.Parallel()
	for name, said := range map[string]string{"null": "null", "empty": `""`, "another": `"PDF-OTHER"`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			h.start(h.toldBy("/soumettre", func(_, text []byte) []byte {
				if !bytes.Contains(text, []byte(`"numeroFacture":"PDF-UNTOLD"`)) {
					t.Errorf("the answer is %s", text)
				}
				return bytes.ReplaceAll(text, []byte(`"numeroFacture":"PDF-UNTOLD"`), []byte(`"numeroFacture":`+said))
			}))
			id, _ := h.insertPDF(invoicetest.Invoice{Numero: "PDF-UNTOLD"})
			got := h.await(id, store.Settled, store.Parked)
			if name == "another" {
				if got.State != store.Parked || *got.ReasonCode != store.ParkMismatch || !strings.Contains(*got.Reason, "PDF-OTHER; it lives on there") {
					t.Errorf("it is %s, %v", got.State, got.Reason)
				}
			} else if path := h.path(id); path != "received ready sending deposited integrated settled" {
				t.Errorf("went through %s: %v", path, got.Reason)
			}
			if n := len(h.sim.Deposits("PDF-UNTOLD")); n != 1 {
				t.Errorf("%d are at the portal, want 1", n)
			}
		})
	}
}

func TestASubmissionThatNeverArrivedIsSentOnceMore(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	h.seen()
	h.sim.Faults(chorustest.Fault{Op: "soumettre", Kind: "drop_before_commit"})
	id, _ := h.insertPDF(invoicetest.Invoice{Numero: "PDF-NEVER"})
	h.await(id, store.Settled)
	if path := h.path(id); path != "received ready sending in_doubt ready sending deposited integrated settled" {
		t.Errorf("went through %s", path)
	}
	if n := len(h.sim.Deposits("PDF-NEVER")); n != 1 {
		t.Errorf("%d are at the portal, want 1", n)
	}
}

// The upload is no deposit: whatever becomes of it, the row stays ready and nothing is in doubt.
func TestALostUploadPutsNothingInDoubt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	h.sim.Faults(chorustest.Fault{Op: "deposer/pdf", Kind: "commit_then_drop"})
	id, _ := h.insertPDF(invoicetest.Invoice{Numero: "PDF-UPLOAD"})
	h.await(id, store.Settled)
	if path := h.path(id); path != "received ready sending deposited integrated settled" {
		t.Errorf("went through %s", path)
	}
	h.noDoubts()
}

func TestFieldsThatCannotBeSent(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	pdf, err := (invoicetest.Invoice{}).PDF()
	if err != nil {
		t.Fatal(err)
	}
	facturX, err := (invoicetest.Invoice{Numero: "PDF-X"}).FacturX()
	if err != nil {
		t.Fatal(err)
	}
	good := string(invoicetest.Invoice{Numero: "PDF-BAD"}.Fields())
	change := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for name, x := range map[string]struct {
		doc          []byte
		fields, says string
	}{
		"beside XML":            {invoicetest.Invoice{}.UBL(), good, "leave fields out"},
		"beside Factur-X":       {facturX, good, "as XML already"},
		"an unknown name":       {pdf, `{"number":"F-1"}`, "not known"},
		"nothing":               {pdf, `{}`, "BT-1"},
		"an amount in words":    {pdf, `{"montant_ttc":"a lot"}`, "amount"},
		"a sum that is wrong":   {pdf, change(`"montant_tva":"`, `"montant_tva":"1`), "montant_ht and montant_tva make"},
		"a date in words":       {pdf, change(`"date_facture":"2026`, `"date_facture":"26`), "BT-2"},
		"somebody else's SIRET": {pdf, change(`"fournisseur_siret":"99999999800012"`, `"fournisseur_siret":"12345678200051"`), "not attached"},
		"without XML or fields": {pdf, "", "PDF"},
	} {
		var id int64
		var fields *string
		if x.fields != "" {
			fields = &x.fields
		}
		if err := h.app().QueryRow(t.Context(), `INSERT INTO chorus.invoices (document, fields) VALUES ($1, $2::text::jsonb) RETURNING id`, x.doc, fields).Scan(&id); err != nil {
			t.Fatal(name, err)
		}
		got := h.await(id, store.Invalid, store.Deposited, store.Rejected, store.Settled)
		if got.State != store.Invalid || !strings.Contains(*got.Reason, x.says) {
			t.Errorf("%s: %s %v", name, got.State, got.Reason)
		}
	}
	for fields, code := range map[string]string{`[]`: "CH017", `"x"`: "CH017", `{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`: "CH017"} {
		_, err := h.app().Exec(t.Context(), `INSERT INTO chorus.invoices (document, fields) VALUES ($1, $2::text::jsonb)`, pdf, fields)
		if store.SQLState(err) != code {
			t.Errorf("%.20s: %v", fields, err)
		}
	}
}

// Whoever is attached to no structure is told so; and one who was attached after the list was made is not refused by it.
func TestASupplierIsLookedForInAFreshList(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	h.until("the structures are listed", `SELECT structures_at IS NOT NULL FROM chorus.accounts WHERE name = 'default'`)
	h.exec(`DELETE FROM chorus.structures`)
	h.exec(`UPDATE chorus.accounts SET structures_at = clock_timestamp(), next_at = clock_timestamp() + interval '6 hours'`)
	id, _ := h.insertPDF(invoicetest.Invoice{Numero: "PDF-NONE"})
	if got := h.await(id, store.Invalid, store.Settled); got.State != store.Invalid || *got.ReasonCode != "CH-SUPPLIER-DETACHED" {
		t.Errorf("%s %v", got.State, got.ReasonCode)
	}
	h.exec(`UPDATE chorus.accounts SET structures_at = clock_timestamp() - interval '2 hours', next_at = clock_timestamp() + interval '4 hours'`)
	id, _ = h.insertPDF(invoicetest.Invoice{Numero: "PDF-LATER"})
	h.await(id, store.Settled)

	// One that the portal no longer lists is not attached any more, though its structure is known.
	st := store.New(h.db.Pool)
	if err := st.Structures(t.Context(), "default", []store.Structure{{ID: 7, Identifiant: "99999998900010"}}, 6*time.Hour); err != nil {
		t.Fatal(err)
	}
	id, _ = h.insertPDF(invoicetest.Invoice{Numero: "PDF-DETACHED"})
	if got := h.await(id, store.Invalid, store.Settled); got.State != store.Invalid || *got.ReasonCode != "CH-SUPPLIER-DETACHED" {
		t.Errorf("detached: %s %v", got.State, got.ReasonCode)
	}
	if n := h.count(`SELECT count(*) FROM chorus.structures WHERE listed`); n != 1 {
		t.Errorf("%d structures are listed", n)
	}
}

// While the portal does not list the account's structures, a PDF without XML waits, and its row says for what; when they are listed, it goes on.
func TestAPDFSaysThatItWaitsForTheStructures(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.sim.Faults(chorustest.Fault{Op: "recuperer/structures/actives/fournisseur", Kind: "not_entitled", Times: -1})
	h.start()
	id, _ := h.insertPDF(invoicetest.Invoice{Numero: "PDF-UNLISTED"})
	h.until("the row says what it waits for", `SELECT state = 'received' AND reason_code = 'LISTING' AND reason LIKE '%account default%' FROM chorus.invoices WHERE id = $1`, id)
	h.sim.ClearFaults()
	h.exec(`UPDATE chorus.accounts SET next_at = clock_timestamp()`)
	h.exec(`UPDATE chorus.invoices SET due_at = clock_timestamp() + interval '1 second' WHERE state = 'received'`)
	if got := h.await(id, store.Settled); got.ReasonCode != nil {
		t.Errorf("it still says %s", *got.ReasonCode)
	}
}
