package console_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/choriste/choriste/console"
	"github.com/choriste/choriste/invoice/invoicetest"
)

// paper inserts an invoice with this document.
func (d *desk) paper(document []byte, state string) (id int64) {
	d.Helper()
	if err := d.owner.QueryRow(d.Context(), `INSERT INTO chorus.invoices (document) VALUES ($1) RETURNING id`, document).Scan(&id); err != nil {
		d.Fatal(err)
	}
	d.sql(fmt.Sprintf(`UPDATE chorus.invoices SET state = '%s' WHERE id = %d`, state, id))
	return id
}

// read asks for the document by the button of the invoice's page, as a form of it.
func (v *visitor) read(lang string, id int64, what string) (status int, body, disposition string) {
	v.Helper()
	form := fieldsIn(v.send(http.MethodGet, fmt.Sprintf("/invoices/%d", id), nil).Body.String(), fmt.Sprintf("/invoices/%d/document", id))
	rec := v.send(http.MethodPost, fmt.Sprintf("/invoices/%d/%s", id, what), form, "Accept-Language", lang)
	return rec.Code, rec.Body.String(), rec.Header().Get("Content-Disposition")
}

// A document is shown as a person reads it, from each syntax and in both languages, and downloaded as it was inserted. Each reading is in the history.
func TestTheDocumentIsShown(t *testing.T) {
	d := newDesk(t)
	v := d.acting()
	inv := invoicetest.Invoice{Numero: "PAPER-7", CodeService: "SERVICE-1", Engagement: "EJ-4711"}
	pdf, err := inv.FacturX()
	if err != nil {
		t.Fatal(err)
	}
	const account = "<cbc:ID>FR7630006000011234567890189</cbc:ID>"
	ubl := bytes.Replace(inv.UBL(), []byte(account), []byte(account+"<cac:FinancialInstitutionBranch><cbc:ID>BNPAFRPP</cbc:ID></cac:FinancialInstitutionBranch>"), 1)
	for name, doc := range map[string][]byte{"UBL": ubl, "CII": inv.CII(), "Factur-X": pdf, "credit note": inv.CreditNote()} {
		id := d.paper(doc, "settled")
		for lang, want := range map[string][]string{
			"en": {"Document of invoice", "PAPER-7", "VAT FR", "EJ-4711", "SERVICE-1", "Supplier", "Recipient", "With VAT (BT-112)", "1,500.00\u00a0EUR", "Lines"},
			"fr": {"Document de la facture", "PAPER-7", "TVA FR", "EJ-4711", "SERVICE-1", "Fournisseur", "Destinataire", "Toutes taxes (BT-112)", "1\u202f500,00\u00a0EUR", "Lignes"},
		} {
			status, body, _ := v.read(lang, id, "document")
			if status != http.StatusOK {
				t.Fatalf("%s (%s): %d %s", name, lang, status, body)
			}
			if name == "UBL" {
				want = append(want, "FR7630006000011234567890189 BNPAFRPP")
			}
			for _, w := range want {
				if !strings.Contains(body, w) {
					t.Errorf("%s (%s): no %q in\n%s", name, lang, w, body)
				}
			}
		}
		extension := ".xml"
		if bytes.HasPrefix(doc, []byte("%PDF")) {
			extension = ".pdf"
		}
		status, body, disposition := v.read("en", id, "file")
		if status != http.StatusOK || body != string(doc) || disposition != fmt.Sprintf(`attachment; filename="invoice-%d%s"`, id, extension) {
			t.Errorf("%s: the file: %d, %d bytes of %d, %s", name, status, len(body), len(doc), disposition)
		}
		var readings int
		var actor string
		err := d.owner.QueryRow(t.Context(), `SELECT count(*), min(actor) FROM chorus.events WHERE reason_code = 'EVIDENCE_READ' AND invoice_id = $1`, id).Scan(&readings, &actor)
		if err != nil || readings != 3 || !strings.HasSuffix(actor, "/console") {
			t.Errorf("%s: %d readings by %q, %v", name, readings, actor, err)
		}
	}
}

// What cannot or must not be shown says why, and what others wrote in it does nothing.
func TestDocumentsThatAreNotShown(t *testing.T) {
	d := newDesk(t)
	v := d.acting()
	large := append(invoicetest.Invoice{}.UBL(), bytes.Repeat([]byte(" "), 3<<20)...)
	poison := d.paper(invoicetest.Invoice{}.UBL(), "parked")
	d.sql(fmt.Sprintf(`UPDATE chorus.invoices SET reason_code = 'POISON' WHERE id = %d`, poison))
	purged := d.paper([]byte("x"), "settled")
	d.sql(fmt.Sprintf(`UPDATE chorus.invoices SET document = NULL, purged_at = now() WHERE id = %d`, purged))
	for name, x := range map[string]struct {
		id     int64
		status int
		says   string
	}{
		"no invoice":     {d.paper([]byte("x"), "invalid"), http.StatusOK, "It is not shown here."},
		"broken":         {d.paper([]byte("<Invoice"), "invalid"), http.StatusOK, "It is not shown here."},
		"too large":      {d.paper(large, "settled"), http.StatusOK, "It is larger than 2 MB."},
		"poison":         {poison, http.StatusOK, "Reading it has ended workers"},
		"purged":         {purged, http.StatusBadRequest, "The document was purged"},
		"another number": {d.paper(invoicetest.Invoice{Numero: `<b>&amp;`}.UBL(), "settled"), http.StatusOK, "Totals"},
	} {
		status, body, _ := v.read("en", x.id, "document")
		if status != x.status || !strings.Contains(body, x.says) || strings.Contains(body, "<b>&") {
			t.Errorf("%s: %d, no %q in\n%s", name, status, x.says, body)
		}
	}
	id := d.paper(invoicetest.Invoice{}.UBL(), "settled")
	for _, what := range []string{"document", "file"} {
		for path, want := range map[string]int{
			fmt.Sprintf("/invoices/%d/%s", id, what): http.StatusForbidden, // without the form of a session
			"/invoices/4711/" + what:                 http.StatusForbidden,
		} {
			if rec := v.send(http.MethodPost, path, url.Values{"form": {"another's"}}); rec.Code != want {
				t.Errorf("%s: %d", path, rec.Code)
			}
		}
		form := fieldsIn(v.send(http.MethodGet, fmt.Sprintf("/invoices/%d", id), nil).Body.String(), fmt.Sprintf("/invoices/%d/document", id))
		if rec := v.send(http.MethodPost, "/invoices/4711/"+what, form); rec.Code != http.StatusNotFound && rec.Code != http.StatusBadRequest {
			t.Errorf("an invoice that there is not: %d", rec.Code)
		}
		if rec := v.send(http.MethodPost, "/invoices/x/"+what, form); rec.Code != http.StatusNotFound {
			t.Errorf("no number: %d", rec.Code)
		}
	}
	reader := newDesk(t)
	reader.Handler = console.Handler(console.Config{Store: reader.store}) // nobody acts
	if page := reader.see("en", fmt.Sprintf("/invoices/%d", reader.paper(invoicetest.Invoice{}.UBL(), "settled"))); strings.Contains(page, "/document") {
		t.Error("the document is offered to who may not read it")
	}
}

// The page of a document in a browser: wide and narrow, light and dark, in both languages.
func TestADocumentInABrowser(t *testing.T) {
	d := newDesk(t)
	d.acting()
	id := d.paper(invoicetest.Invoice{Numero: "PAPER-8", CodeService: "SERVICE-1"}.CII(), "settled")
	b := newBrowser(t, d)
	if b == nil {
		return
	}
	for _, lang := range []string{"fr", "en"} {
		b.speak(lang)
		b.Do(look(1280, 900, "light"), chromedp.Navigate(fmt.Sprintf("%s/invoices/%d", b.base, id)),
			chromedp.Click(chromedp.CSS(fmt.Sprintf(`form[action="/invoices/%d/document"] button`, id))), chromedp.WaitVisible(chromedp.CSS(`#totals`)))
		wide := ask[[]string](b, examine)
		if *screenshots && lang == "fr" {
			b.Do(look(1280, 900, "light"))
			b.picture("document-fr")
		}
		b.Do(look(360, 740, "dark"))
		for _, w := range slices.Concat(b.Complaints(), wide, ask[[]string](b, examine)) {
			b.Errorf("the document (%s): %s", lang, w)
		}
	}
}
