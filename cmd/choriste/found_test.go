package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store/storetest"
)

// What the rules found is where people look: all of it, bounded, in their language, each once.
func TestFindingsAreShown(t *testing.T) {
	db := storetest.New(t)
	owner, err := pgxpool.New(t.Context(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	for _, sql := range []string{
		`INSERT INTO chorus.invoices (document) VALUES ('x')`,
		`ALTER TABLE chorus.invoices DISABLE TRIGGER USER`,
		`UPDATE chorus.invoices SET state = 'invalid', reason_code = 'CH-CADRE', reason = 'the English reason', findings = 40`,
		`ALTER TABLE chorus.invoices ENABLE TRIGGER USER`,
		`INSERT INTO chorus.invoice_findings (invoice_id, n, code, severity, term, value, "where", message, message_fr, remedy, remedy_fr)
		 SELECT 1, n, CASE n WHEN 1 THEN 'CH-CADRE' ELSE 'BR-CO-15' END, CASE WHEN n < 30 THEN 'error' ELSE 'warning' END, 'BT-' || n, 'value' || n, 'place' || n, 'message' || n, 'texte' || n, 'do' || n, 'faire' || n
		 FROM generate_series(1, 40) n`,
	} {
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	english := said(t, db.ReaderURL, 0, `BT-1 "value1": message1`, "show", "1")
	french := said(t, db.ReaderURL, 0, `BT-20 "value20": texte20`, "show", "1", "--lang", "fr")
	for _, want := range []string{"error CH-CADRE", "place1", "→ do1", "and 20 more (--json)"} {
		if !strings.Contains(english, want) {
			t.Errorf("show does not say %q:\n%s", want, english)
		}
	}
	for _, want := range []string{"erreur CH-CADRE", "→ faire20", "et 20 autres (--json)"} {
		if !strings.Contains(french, want) {
			t.Errorf("show --lang fr does not say %q:\n%s", want, french)
		}
	}
	for _, not := range []string{"the English reason", "message1", "value21"} {
		if strings.Contains(french, not) {
			t.Errorf("show --lang fr says %q:\n%s", not, french)
		}
	}
	var all struct{ Findings []map[string]string }
	if err := json.Unmarshal([]byte(said(t, db.ReaderURL, 0, "message_fr", "show", "1", "--json")), &all); err != nil || len(all.Findings) != 40 {
		t.Errorf("show --json has %d findings, %v", len(all.Findings), err)
	}
	if list := strings.Fields(strings.Split(said(t, db.ReaderURL, 0, "FINDINGS", "list"), "\n")[1]); list[5] != "40" {
		t.Errorf("list says %q", list)
	}
}

// A PDF without XML is checked and inserted with the fields beside it.
func TestFieldsOnTheCommandLine(t *testing.T) {
	db := storetest.New(t)
	inv := invoicetest.Invoice{Numero: "PDF-1"}
	doc, err := inv.PDF()
	if err != nil {
		t.Fatal(err)
	}
	pdf, good := document(t, "a.pdf", doc), document(t, "a.json", inv.Fields())
	bad := document(t, "b.json", fmt.Appendf(nil, `{"numero_facture": "PDF-2", "date_facture": "2026-01-31", "montant_ttc": "10.005", "code_service": " "}`))
	said(t, db.AppURL, 1, "say in fields", "submit", pdf)
	said(t, db.AppURL, 1, "CH-FIELDS-AMOUNT", "submit", pdf, "--fields", bad)
	said(t, db.AppURL, 2, "--fields is for one file", "submit", pdf, pdf, "--fields", good)
	said(t, db.AppURL, 0, "is invoice 1", "submit", pdf, "--fields", good)
	for name, c := range map[string]struct {
		status int
		want   string
		args   []string
	}{
		"good":         {0, "DEPOT_PDF_API, ok", []string{"check", pdf, "--fields", good}},
		"bad":          {1, "fields.montant_ttc", []string{"check", pdf, "--fields", bad}},
		"French":       {1, "décimales", []string{"check", pdf, "--fields", bad, "--lang", "fr"}},
		"beside UBL":   {1, "CH-FIELDS", []string{"check", document(t, "a.xml", inv.UBL()), "--fields", good}},
		"no such file": {1, "no.json", []string{"check", pdf, "--fields", "no.json"}},
	} {
		status, out, errOut := command(t, nil, c.args...)
		if status != c.status || !strings.Contains(out+errOut, c.want) {
			t.Errorf("%s: status %d\n%s%s", name, status, out, errOut)
		}
	}
}
