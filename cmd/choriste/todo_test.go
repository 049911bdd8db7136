package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store/storetest"
)

// TestTodo is the morning round by the command line, with and without its name.
func TestTodo(t *testing.T) {
	db := storetest.New(t)
	said(t, db.ReaderURL, 0, "Nothing needs a person.")
	said(t, db.ReaderURL, 0, "Rien n'attend personne.", "todo", "--lang", "fr")
	said(t, db.ReaderURL, 2, "there is no kind bills: there are account, feed", "todo", "--kind", "bills")
	said(t, db.ReaderURL, 1, "there is no account nobody", "todo", "--account", "nobody")
	said(t, db.OperatorURL, 0, "is invoice 1", "submit", document(t, "invoice.xml", invoicetest.Invoice{}.CII()))
	conn, err := pgx.Connect(t.Context(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	for _, sql := range []string{
		`SET session_replication_role = replica`,
		`UPDATE chorus.invoices SET state = 'invalid', reason_code = 'CH-DATE', reason = 'BT-2 is no date', numero_facture = 'F-1', montant_ttc = 12.5, devise = 'EUR'`,
		`INSERT INTO chorus.heartbeats (worker) VALUES ('w')`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{}, {"todo"}, {"todo", "--kind", "invalid", "--account", "default"}} {
		out := said(t, db.ReaderURL, 0, "1  invalid      needs somebody, 12.50 EUR", args...)
		for _, want := range []string{"choriste show 1", "invalid 1: CH-DATE: BT-2 is no date", "F-1"} {
			if !strings.Contains(out, want) {
				t.Errorf("choriste %s does not say %q:\n%s", strings.Join(args, " "), want, out)
			}
		}
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(said(t, db.ReaderURL, 0, "", "todo", "--json")), &line); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"kind", "invoice", "account", "since", "amount", "devise", "cause", "who", "next", "until"} {
		if _, there := line[key]; !there {
			t.Errorf("todo --json has no %s: %v", key, line)
		}
	}
	said(t, db.OperatorURL, 1, "there is no invoice 7", "todo", "dismiss", "7", "--reason", "x")
	said(t, db.OperatorURL, 0, "invoice 1 is off the list", "todo", "dismiss", "1", "--reason", "sent on paper")
	said(t, db.ReaderURL, 0, "Nothing needs a person.", "todo")
}
