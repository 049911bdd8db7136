package worker_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
)

// attached inserts an invoice and its files in one transaction.
func (h *house) attached(n store.Insertion) int64 {
	h.t.Helper()
	id, err := h.operator().Submit(h.t.Context(), n)
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

// hashes are those of files.
func hashes(files []store.Attachment) (all []string) {
	for _, f := range files {
		sum := sha256.Sum256(f.Contenu)
		all = append(all, hex.EncodeToString(sum[:]))
	}
	return all
}

// The files of a PDF without XML go with its submission, each once, whatever became of an upload or of the answer to the submission.
func TestAttachmentsGoWithASubmission(t *testing.T) {
	t.Parallel()
	all := represented(t, "the answer to an upload is lost", "the answer to the submission is lost")
	for name, c := range map[string]struct {
		faults  []chorustest.Fault
		uploads int
	}{
		"nothing happens":                      {nil, 2},
		"the answer to an upload is lost":      {[]chorustest.Fault{{Op: "ajouter/fichier", Kind: "commit_then_drop"}}, 3},
		"an upload never arrives":              {[]chorustest.Fault{{Op: "ajouter/fichier", Kind: "drop_before_commit"}}, 3},
		"the submission never arrives":         {[]chorustest.Fault{{Op: "soumettre", Kind: "drop_before_commit"}}, 2},
		"the answer to the submission is lost": {[]chorustest.Fault{{Op: "soumettre", Kind: "commit_then_drop"}}, 2},
	} {
		if !all.runs(name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			h.start()
			h.seen()
			h.sim.Faults(c.faults...)
			inv := invoicetest.Invoice{Numero: "PDF-FILES"}
			pdf, err := inv.PDF()
			if err != nil {
				t.Fatal(err)
			}
			h.await(h.attached(store.Insertion{Document: pdf, Fields: inv.Fields(), Attachments: two}), store.Settled)
			deposits := h.sim.Deposits("PDF-FILES")
			if len(deposits) != 1 || !slices.Equal(deposits[0].Facts.Pieces, hashes(two)) {
				t.Errorf("the portal has %+v", deposits)
			}
			if n := h.requests("ajouter/fichier"); n != c.uploads {
				t.Errorf("%d uploads arrived, want %d", n, c.uploads)
			}
			if len(c.faults) == 0 || c.faults[0].Op == "ajouter/fichier" {
				h.noDoubts()
			}
		})
	}
}

// The portal takes a file for an invoice that went as a flux only when its recipient has suspended it: what was attached before goes then, in one completion, and once.
func TestAttachmentsGoWhenTheInvoiceIsSuspended(t *testing.T) {
	t.Parallel()
	all := represented(t, "the answer to an upload is lost", "the completion never arrives")
	for name, c := range map[string]struct {
		faults      []chorustest.Fault
		completions int
	}{
		"nothing happens":                      {nil, 1},
		"the answer to an upload is lost":      {[]chorustest.Fault{{Op: "ajouter/fichier", Kind: "commit_then_drop"}}, 1},
		"the answer to the completion is lost": {[]chorustest.Fault{{Op: "completer", Kind: "commit_then_drop"}}, 1},
		"the completion never arrives":         {[]chorustest.Fault{{Op: "completer", Kind: "drop_before_commit"}}, 2},
	} {
		if !all.runs(name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			h.start()
			h.sim.Faults(c.faults...)
			h.sim.Script("FLUX-FILES", chorustest.Move{Statut: "MISE_A_DISPOSITION"})
			id := h.attached(store.Insertion{Document: invoicetest.Invoice{Numero: "FLUX-FILES"}.UBL(), Attachments: two[:1]})
			h.until("it was not taken", `SELECT statut_courant = 'MISE_A_DISPOSITION' FROM chorus.invoices WHERE id = $1`, id)
			if _, err := h.app().Exec(t.Context(), `INSERT INTO chorus.attachments (invoice_id, nom, contenu) VALUES ($1, $2, $3)`, id, two[1].Nom, two[1].Contenu); err != nil {
				t.Fatal(err)
			}
			if n := h.requests("ajouter/fichier"); n != 0 {
				t.Errorf("%d files were uploaded before the portal takes them", n)
			}
			if err := h.sim.Statut("FLUX-FILES", "SUSPENDUE", "Bon de livraison manquant"); err != nil {
				t.Fatal(err)
			}
			if r := h.over(id); r.State != store.RemedyDone || r.Files != 2 || r.Kind != store.Complete {
				t.Errorf("%+v", r)
			}
			if n := h.requests("completer"); n != c.completions {
				t.Errorf("%d completions arrived, want %d", n, c.completions)
			}
			list, err := h.operator().Attachments(t.Context(), id)
			if err != nil || len(list) != 2 || list[0].RemedyID == nil || list[1].RemedyID == nil {
				t.Errorf("%+v, %v", list, err)
			}
			// One that comes while the invoice is suspended goes at once, and one that nothing waits for stays here.
			if err := h.sim.Statut("FLUX-FILES", "SUSPENDUE", "encore"); err != nil {
				t.Fatal(err)
			}
			h.until("it was not suspended again", `SELECT statut_courant = 'SUSPENDUE' AND statut_commentaire = 'encore' FROM chorus.invoices WHERE id = $1`, id)
			if _, err := h.app().Exec(t.Context(), `INSERT INTO chorus.attachments (invoice_id, nom, contenu) VALUES ($1, 'x.pdf', 'x'), ($1, 'y.pdf', 'y')`, id); err != nil {
				t.Fatal(err)
			}
			h.until("the second completion does not end", `SELECT count(*) = 2 AND bool_and(state = 'done') FROM chorus.remedies WHERE invoice_id = $1`, id)
			h.until("both went in one completion", `SELECT count(*) = 2 FROM chorus.remedy_files WHERE remedy_id = (SELECT max(id) FROM chorus.remedies)`)
		})
	}
}

// What the portal would not take is refused by the insert, and so is a file that would never go.
func TestAttachmentsThatAreRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	var id int64
	err := h.app().QueryRow(t.Context(), `INSERT INTO chorus.invoices (document, not_before) VALUES ($1, now() + interval '1 day') RETURNING id`, invoicetest.Invoice{Numero: "NO-FILES"}.UBL()).Scan(&id)
	if err != nil {
		t.Fatal(err)
	}
	bad := h.insert([]byte("hello"))
	h.await(bad, store.Invalid)
	for what, c := range map[string]struct {
		id      int64
		nom     string
		contenu any
		code    string
	}{
		"no such invoice":     {id + 1000, "a.pdf", []byte("x"), "CH020"},
		"one that is invalid": {bad, "a.pdf", []byte("x"), "CH022"},
		"a path":              {id, "a/b.pdf", []byte("x"), "CH024"},
		"a program":           {id, "a.exe", []byte("x"), "CH024"},
		"no extension":        {id, "rapport", []byte("x"), "CH024"},
		"a long name":         {id, strings.Repeat("x", 47) + ".pdf", []byte("x"), "CH024"},
		"nothing":             {id, "a.pdf", []byte{}, "CH024"},
		"null":                {id, "a.pdf", nil, "CH024"},
		"ten megabytes":       {id, "a.pdf", make([]byte, 10<<20), "CH024"},
	} {
		if _, err := h.app().Exec(t.Context(), `INSERT INTO chorus.attachments (invoice_id, nom, contenu) VALUES ($1, $2, $3)`, c.id, c.nom, c.contenu); store.SQLState(err) != c.code {
			t.Errorf("%s: %v, want %s", what, err, c.code)
		}
	}
	if _, err := h.app().Exec(t.Context(), `INSERT INTO chorus.attachments (invoice_id, nom, contenu) SELECT $1, n || '.pdf', 'x' FROM generate_series(1, 51) n`, id); store.SQLState(err) != "CH024" {
		t.Errorf("51 files: %v", err)
	}
	for _, sql := range []string{`DELETE FROM chorus.attachments`, `UPDATE chorus.attachments SET nom = 'b.pdf'`, `SELECT contenu FROM chorus.attachments`} {
		if _, err := h.app().Exec(t.Context(), sql); store.SQLState(err) != "42501" {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// TestTheManualsAttachments runs the statements of docs/sql.md as they stand.
func TestTheManualsAttachments(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "docs", "sql.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, part, found := strings.Cut(string(page), "\n## Attachments\n")
	blocks := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(part, 3)
	if !found || len(blocks) != 3 {
		t.Fatalf("docs/sql.md has %d examples of attachments", len(blocks))
	}
	h := newHouse(t, nil)
	h.start()
	inv := invoicetest.Invoice{Numero: "MANUAL-1"}
	pdf, err := inv.PDF()
	if err != nil {
		t.Fatal(err)
	}
	app := h.app()
	if _, err := app.Exec(t.Context(), blocks[0][1], pdf, inv.Fields(), []byte("bon"), []byte("plan")); err != nil {
		t.Fatal(err)
	}
	h.until("it is not settled", `SELECT state = 'settled' FROM chorus.invoices WHERE numero_facture = 'MANUAL-1'`)
	if d := h.sim.Deposits("MANUAL-1"); len(d) != 1 || len(d[0].Facts.Pieces) != 2 {
		t.Errorf("the portal has %+v", d)
	}
	h.sim.Script("MANUAL-2")
	id := h.insert(invoicetest.Invoice{Numero: "MANUAL-2"}.CII())
	h.await(id, store.Integrated)
	if _, err := app.Exec(t.Context(), strings.Replace(blocks[1][1], "4711", "$2", 1), []byte("bon"), id); err != nil {
		t.Fatal(err)
	}
	var nom, goes string
	var waits bool
	if err := app.QueryRow(t.Context(), strings.ReplaceAll(blocks[2][1], "4711", "$1"), id).Scan(&nom, &goes, &waits); err != nil || nom != "bon-4711.pdf" || goes != "completion" || !waits {
		t.Errorf("%s %s %v, %v", nom, goes, waits, err)
	}
}
