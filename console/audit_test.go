package console_test

import (
	"html"
	"regexp"
	"strings"
	"testing"
)

// TestAuditPage: what was done is shown with who, why and a link to its invoice, in both languages; filters, pages and the CSV select the same; what others wrote does nothing.
func TestAuditPage(t *testing.T) {
	d := newDesk(t)
	d.see("en", "/audit", "Nothing was done that this selects.")
	d.everyday()
	d.sql(
		`INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, reason_code, detail)
		 SELECT 6, 'desk/console:openid:4711:Claire', 'invalid', 'invalid', 'DISMISSED', jsonb_build_object('reason', 'settled otherwise, ' || n) FROM generate_series(1, 60) n`,
		`INSERT INTO chorus.events (actor, reason_code, detail) VALUES ('chorus/choriste:paul', 'PAUSED', '{"account": "default", "reason": "a new password"}'), ('x', 'STATUT', '{}')`,
	)
	d.see("en", "/audit", `<td>account paused</td>`, "a new password", "<b>paul</b>", "chorus/choriste:paul", "<td>default</td>")
	d.see("fr", "/audit", "compte mis en pause", "retirée de la liste", `<a href="/invoices/6">F-6</a>`, "settled otherwise, 60", "<b>openid:4711:Claire</b>")
	page := d.see("en", "/audit?actor=CLAIRE&kind=dismiss&invoice=F-6&since=2026-01-01&until=2099-01-01")
	next := regexp.MustCompile(`href="([^"]+)" rel="next"`).FindStringSubmatch(page)
	if next == nil || strings.Count(page, `<tr id="e`) != 50 || strings.Contains(page, "paul</b>") {
		t.Fatalf("the first page:\n%s", page)
	}
	second := d.see("en", html.UnescapeString(next[1]), "settled otherwise, 1<", "First page")
	if n := strings.Count(second, `<tr id="e`); n != 10 || strings.Contains(second, `rel="next"`) {
		t.Errorf("the second page has %d", n)
	}
	for path, want := range map[string]string{
		"/audit?kind=nothing": "Il n&#39;y a pas de genre d&#39;action nothing", "/audit?invoice=F-0": "Cette facture n&#39;existe pas.", "/audit?since=yesterday": "Un jour s&#39;écrit comme",
		"/audit?after=x": "pas une place dans cette liste", "/audit?actor=" + strings.Repeat("x", 201): "200 caractères",
	} {
		if rec := d.get("fr", path); rec.Code != 400 || !strings.Contains(rec.Body.String(), want) {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}

	rec := d.get("fr", "/audit.csv?actor=Claire")
	lines := strings.Split(strings.TrimSpace(rec.Body.String()), "\r\n")
	if rec.Code != 200 || !strings.HasPrefix(rec.Header().Get("Content-Type"), "text/csv") || len(lines) != 61 || !strings.HasPrefix(lines[0], "\ufeffat;actor;act") ||
		!strings.Contains(lines[1], ";desk/console:openid:4711:Claire;dismiss;retirée de la liste;6;F-6;default;;settled otherwise, 60;") {
		t.Errorf("CSV: %d, %d lines\n%s", rec.Code, len(lines), lines[:2])
	}
	if rec := d.get("fr", "/audit.csv?kind=nothing"); rec.Code != 400 || !strings.Contains(rec.Body.String(), "genre d'action") {
		t.Errorf("a wrong CSV: %d %s", rec.Code, rec.Body)
	}

	d.sql(`UPDATE chorus.invoices SET numero_facture = :x WHERE id = 6`,
		`INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, reason_code, detail) VALUES (6, 'a/b:' || :x, 'integrated', 'integrated', 'REMEDY_REQUESTED', jsonb_build_object('reason', :x::text, 'kind', :x::text, 'account', :x::text))`)
	page = d.see("en", "/audit?kind=remedy", "&lt;script&gt;")
	if strings.Contains(page, "<script>") || strings.Contains(page, "<img") || strings.ContainsAny(page, "\u202e\x1b") {
		t.Errorf("hostile:\n%s", page)
	}
}
