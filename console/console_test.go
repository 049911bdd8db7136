package console_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/console"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// What keeps the fleet from sending is on the page, and nothing of it when all is well.
func TestThePageTellsOfOutagesAndClosures(t *testing.T) {
	db := storetest.New(t)
	pool, err := store.Connect(t.Context(), db.WorkerURL, "test", 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	st := store.New(pool)
	breaker := store.Breaker{Key: "portal/1", Scope: store.ScopePortal, Name: "api.example"}
	if err := st.EnsureBreakers(t.Context(), []store.Breaker{breaker}, map[string][]string{"default": {breaker.Key}}); err != nil {
		t.Fatal(err)
	}
	page := func() string {
		rec := httptest.NewRecorder()
		console.Handler(st).ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		if rec.Code != http.StatusOK {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		return rec.Body.String()
	}
	if p := page(); strings.Contains(p, "api.example") || strings.Contains(p, "closed, as announced") {
		t.Errorf("all is well, and the page says:\n%s", p)
	}
	if _, err := st.ProbeFailed(t.Context(), breaker.Key, "network", time.Second); err != nil {
		t.Fatal(err)
	}
	if err := st.SetMaintenance(t.Context(), []store.Window{{From: time.Now().Add(-time.Minute), Until: time.Now().Add(time.Hour)}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"The portal api.example fails since", "(network): deposits wait", "Chorus Pro is closed, as announced, until"} {
		if p := page(); !strings.Contains(p, want) {
			t.Errorf("no %q in\n%s", want, p)
		}
	}
}

// A row says who acts and what to do, in both languages.
func TestThePageExplains(t *testing.T) {
	db := storetest.New(t)
	owner, err := store.Connect(t.Context(), db.URL, "test", 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(owner.Close)
	for _, sql := range []string{
		`INSERT INTO chorus.invoices (document) VALUES ('x')`,
		`ALTER TABLE chorus.invoices DISABLE TRIGGER USER`,
		`UPDATE chorus.invoices SET state = 'rejected', reason_code = 'FLUX_REJECTED', reason = 'L''element (CreditNote.DocumentCurrencyCode.value) est obligatoire'`,
		`UPDATE chorus.invoices SET findings = 12`,
		`ALTER TABLE chorus.invoices ENABLE TRIGGER USER`,
		`INSERT INTO chorus.invoice_findings (invoice_id, n, code, severity, term, value, "where", message, message_fr, remedy, remedy_fr)
		 SELECT 1, n, 'CH-IBAN', 'warning', 'BT-84', '<b>' || n, 'place' || n, 'wrong', 'faux', 'write it', 'écrivez-le' FROM generate_series(1, 12) n`,
	} {
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	rec := httptest.NewRecorder()
	console.Handler(store.New(owner)).ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	for _, want := range []string{
		"ELEMENT_MISSING: who acts: supplier (BT-5)", "An element that Chorus Pro demands is missing", `<span lang="fr">Un élément exigé par Chorus Pro manque`,
		"warning CH-IBAN BT-84 “&lt;b&gt;10”", "<span>place10</span>", "wrong. write it", `<span lang="fr">faux. écrivez-le`, "and 2 more findings",
	} {
		if !strings.Contains(rec.Body.String(), want) {
			t.Errorf("no %q in\n%s", want, rec.Body)
		}
	}
}
