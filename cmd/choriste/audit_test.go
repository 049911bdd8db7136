package main

import (
	"strings"
	"testing"
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
	said(t, db.ReaderURL, 2, "there is no kind of act pauses: there are retry,", "audit", "--kind", "pauses")
	said(t, db.ReaderURL, 2, `--since: "yesterday" is not a day`, "audit", "--since", "yesterday")
	said(t, db.AppURL, 1, "chorus_reader", "audit")
}
