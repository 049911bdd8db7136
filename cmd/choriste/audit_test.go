package main

import (
	"strings"
	"testing"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// choriste audit says what commands did, in both languages, as CSV and JSON, page by page; whoever may only read sees it.
func TestAuditCommand(t *testing.T) {
	db := aFew(t)
	said(t, db.OperatorURL, 0, "", "todo", "dismiss", "1", "--reason", "settled otherwise")
	said(t, db.OperatorURL, 0, "", "pause", "--reason", "a new password")
	said(t, db.OperatorURL, 0, "", "resume")
	out := said(t, db.ReaderURL, 0, "account paused", "audit")
	for _, want := range []string{"WHEN", "/choriste:", "taken off the list", "1 F-1", "settled otherwise", "account resumed"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	said(t, db.ReaderURL, 0, "retirée de la liste", "audit", "--lang", "fr", "--invoice", "F-1")
	said(t, db.ReaderURL, 0, `"act":"pause","invoice":null,"numero_facture":null,"account":"default","object":null,"reason":"a new password"`, "audit", "--kind", "pause", "-o", "json")
	csv := said(t, db.ReaderURL, 0, ";dismiss;taken off the list;1;F-1;default;;settled otherwise;", "audit", "--csv", "--actor", "CHORISTE:")
	if n := strings.Count(csv, "\r\n"); n != 4 {
		t.Errorf("%d lines of CSV", n)
	}
	first := said(t, db.ReaderURL, 0, "(more: --after ", "audit", "--limit", "2")
	_, after, _ := strings.Cut(first, "--after ")
	if rest := said(t, db.ReaderURL, 0, "taken off the list", "audit", "--after", strings.Trim(after, ")\n")); strings.Contains(rest, "account") {
		t.Errorf("the second page:\n%s", rest)
	}
	if out := said(t, db.ReaderURL, 0, "", "audit", "--until", "2026-01-01"); strings.Contains(out, "pause") {
		t.Errorf("long ago:\n%s", out)
	}
	// Sign-ins, as the worker that serves the console writes them.
	pool, err := store.Connect(t.Context(), db.WorkerURL, "work", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for _, s := range []operate.SignIn{{Person: "claire", By: "password", From: "203.0.113.9"}, {Name: "claire", By: "password", From: "203.0.113.9", Via: "10.0.0.5", Why: "WRONG_PASSWORD", Times: 10}} {
		if err := operate.NoteSignIn(t.Context(), store.New(pool), s); err != nil {
			t.Fatal(err)
		}
	}
	out = said(t, db.ReaderURL, 0, "/console:claire", "audit", "--lang", "fr", "--kind", "sign-in,sign-in-refused")
	for _, want := range []string{"connexion à la console refusée", "claire 203.0.113.9 via 10.0.0.5 password ×10", "mot de passe faux"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	said(t, db.ReaderURL, 0, `"object":"claire 203.0.113.9 via 10.0.0.5 password ×10","reason":"WRONG_PASSWORD"`, "audit", "--kind", "sign-in-refused", "-o", "json")
	said(t, db.ReaderURL, 2, "there is no kind of act pauses: there are retry,", "audit", "--kind", "pauses")
	said(t, db.ReaderURL, 2, `--since: "yesterday" is not a day`, "audit", "--since", "yesterday")
	said(t, db.AppURL, 1, "chorus_reader", "audit")
}
