package main

import (
	"strings"
	"testing"
)

// Views are saved, listed, used and deleted, in both languages and as JSON.
func TestViewsCommand(t *testing.T) {
	db := aFew(t)
	said(t, db.OperatorURL, 0, "saved: choriste list --view 'To mend'\n", "views", "save", "To mend", "state:rejected", "--reason", "for Mondays")
	said(t, db.OperatorURL, 0, `{"name":"Waiting","query":"state:received,ready"}`, "views", "save", "Waiting", "state:received,ready", "--json")
	out := said(t, db.ReaderURL, 0, "To mend  state:rejected", "views")
	if !strings.Contains(out, "NAME") || !strings.Contains(out, "/choriste:") {
		t.Errorf("%s", out)
	}
	said(t, db.ReaderURL, 0, `{"name":"To mend","query":"state:rejected","saved_by":"`, "views", "list", "--json")
	if out := said(t, db.ReaderURL, 0, "F-1", "list", "--view", "To mend"); strings.Contains(out, "received") {
		t.Errorf("%s", out)
	}
	if out := said(t, db.ReaderURL, 0, "", "list", "--view", "To mend", "--numero", "nothing"); strings.Contains(out, "F-1") {
		t.Errorf("narrowed down:\n%s", out)
	}
	said(t, db.OperatorURL, 0, "1 facture", "retry", "--view", "To mend", "--dry-run", "--lang", "fr")
	said(t, db.ReaderURL, 1, "there is no view To send: there are To mend, Waiting", "list", "--view", "To send")
	said(t, db.OperatorURL, 2, "l'une des valeurs", "views", "save", "x", "state:nothing", "--lang", "fr")
	said(t, db.ReaderURL, 1, "chorus_operator", "views", "save", "x", "state:ready")
	said(t, db.OperatorURL, 0, "view saved or deleted", "audit", "--kind", "view")
	said(t, db.OperatorURL, 0, "la vue To mend est supprimée", "views", "delete", "To mend", "--lang", "fr")
	said(t, db.OperatorURL, 1, "there is no view To mend: there are Waiting", "views", "delete", "To mend")
}
