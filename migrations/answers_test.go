package migrations_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/chorus/answers"
	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/store/storetest"
)

// TestExplainInSQL: chorus.explain says what answers.For says, of every example, of what only looks like one, and of rows of every kind.
func TestExplainInSQL(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), storetest.New(t).ReaderURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	type row struct{ reasonCode, reason, statut, comment *string }
	p := func(s string) *string { return &s }
	rows := []row{
		{},
		{reasonCode: p("BR-02"), reason: p("BR-02: BT-1 | 20001")},
		{reasonCode: p("RECIPIENT"), reason: p("MONTANT_ERR - Montant de la facture erroné"), statut: p("REJETEE"), comment: p("MONTANT_ERR - Montant de la facture erroné")},
		{reasonCode: p("REFUSED"), reason: p("GDP_MSG_11_022 - Le fichier dépasse la taille maximale autorisée.")},
		{statut: p("SUSPENDUE"), comment: p("AUTRE : pièces; voir JUSTIF_ABS et SE_ERR")},
		{statut: p("SUSPENDUE"), comment: p("un AUTRE motif, MONTANT_ERREUR, XSE_ERR")},
		{statut: p("STATUT_FUTUR")},
		{statut: p("")},
		{reasonCode: p("STATUT"), statut: p("DEPOSEE")},
		{reasonCode: p("FLUX_REJECTED"), reason: p("DOUBLON : déjà reçue|Un texte nouveau | L’ÉLÉMENT  (CreditNote.DocumentCurrencyCode.value)\u00a0est obligatoire; ERR_XSD_001 IRRECEVABILITE: cvc-type.3.1.3: The value 'x'")},
		{reasonCode: p("FLUX_REJECTED"), reason: p(strings.Repeat("L'element (A.Bcd.value) est obligatoire|", 60))},
		{reasonCode: p("FLUX_REJECTED"), reason: p("De\u0301ja\u0300 reçu; e\u0301le\u0301ment")},
	}
	for _, e := range answers.All() {
		for _, text := range []string{e.Example, e.Not} {
			rows = append(rows, row{reasonCode: p("FLUX_REJECTED"), reason: p(text)}, row{comment: p(text)})
		}
	}
	start := time.Now()
	for _, r := range rows {
		got, err := conn.Query(t.Context(), `SELECT kind || ' ' || code || ' ' || text || text_fr || remedy || remedy_fr || who || retry || coalesce(message, '') FROM chorus.explain($1, $2, $3, $4)`,
			r.reasonCode, r.reason, r.statut, r.comment)
		if err != nil {
			t.Fatal(err)
		}
		list, err := pgx.CollectRows(got, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, h := range answers.For(r.reasonCode, r.reason, r.statut, r.comment) {
			kind := h.Kind
			if h.Code == answers.CodeUnclassified {
				kind = answers.Error
			}
			want = append(want, string(kind)+" "+h.Code+" "+h.Text+h.TextFR+h.Remedy+h.RemedyFR+string(h.Who)+string(h.Retry)+h.Message)
		}
		slices.Sort(list)
		slices.Sort(want)
		if !slices.Equal(list, want) {
			t.Errorf("%s\nSQL %q\nGo  %q", text(r.reasonCode, r.reason, r.statut, r.comment), list, want)
		}
	}
	t.Logf("%d rows in %s", len(rows), time.Since(start))
}

func text(parts ...*string) string {
	var b strings.Builder
	for _, p := range parts {
		if p != nil {
			b.WriteString(*p)
		}
		b.WriteString(" / ")
	}
	return b.String()
}

// The view shows an application its own invoices, and of each what it has to say.
func TestInvoiceHelp(t *testing.T) {
	db := storetest.New(t)
	owner, err := pgx.Connect(t.Context(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = owner.Close(t.Context()) }()
	app, err := pgx.Connect(t.Context(), db.AppURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = app.Close(t.Context()) }()
	for _, sql := range []string{
		`INSERT INTO chorus.accounts (name) VALUES ('default'), ('another') ON CONFLICT DO NOTHING`,
		`INSERT INTO chorus.invoices (account, document) VALUES ('default', 'x'), ('another', 'x')`,
		`ALTER TABLE chorus.invoices DISABLE TRIGGER USER`,
		`UPDATE chorus.invoices SET state = 'rejected', reason_code = 'FLUX_REJECTED', reason = 'L''element (CreditNote.DocumentCurrencyCode.value) est obligatoire'`,
		`ALTER TABLE chorus.invoices ENABLE TRIGGER USER`,
	} {
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	var login string
	if err := app.QueryRow(t.Context(), `SELECT session_user`).Scan(&login); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Exec(t.Context(), `INSERT INTO chorus.logins (login, account) VALUES ($1, 'default')`, login); err != nil {
		t.Fatal(err)
	}
	rows, err := app.Query(t.Context(), `SELECT format('%s %s %s %s', id, code, who, coalesce(message, '-')) FROM chorus.invoice_help`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	want := []string{"1 FLUX_REJECTED supplier -", "1 ELEMENT_MISSING supplier L'element (CreditNote.DocumentCurrencyCode.value) est obligatoire"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}

	// What is wrong with a document is said by the rules, with its own values; a warning asks for nothing.
	for _, sql := range []string{
		`INSERT INTO chorus.invoices (account, document) VALUES ('default', 'x'), ('another', 'x')`,
		`ALTER TABLE chorus.invoices DISABLE TRIGGER USER`,
		`UPDATE chorus.invoices SET state = 'invalid', reason_code = 'BR-CO-15', reason = '-', findings = 3 WHERE id > 2`,
		`ALTER TABLE chorus.invoices ENABLE TRIGGER USER`,
		`INSERT INTO chorus.invoice_findings (invoice_id, n, code, severity, term, value, message, message_fr, remedy, remedy_fr)
		 SELECT i, n, ('{BR-CO-15,CH-CADRE,CH-IBAN}'::text[])[n], CASE n WHEN 3 THEN 'warning' ELSE 'error' END, 'BT-' || n, 'v', 'en', 'fr', 'do', 'faire' FROM generate_series(3, 4) i, generate_series(1, 3) n`,
	} {
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	rows, err = app.Query(t.Context(), `SELECT format('%s %s %s %s %s %s %s', id, kind, code, term, who, text_fr, remedy_fr) FROM chorus.invoice_help WHERE id > 2 ORDER BY code`)
	if err != nil {
		t.Fatal(err)
	}
	got, err = pgx.CollectRows(rows, pgx.RowTo[string])
	want = []string{"3 rule BR-CO-15 BT-1 supplier fr faire", "3 rule CH-CADRE BT-2 supplier fr faire"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

// One limit of a document, in the database and in the program.
func TestLargestDocument(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), storetest.New(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var most int
	if err := conn.QueryRow(t.Context(), `SELECT chorus.max_document_bytes()`).Scan(&most); err != nil || most != invoice.MaxBytes || invoice.MaxBytes != chorus.MaxFile {
		t.Errorf("%d, %v, want %d and %d", most, err, invoice.MaxBytes, chorus.MaxFile)
	}
}
