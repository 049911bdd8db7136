package console_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// click follows the link that begins with a label, as a person finds it on the page.
func (v *visitor) click(lang, page, label string) string {
	v.Helper()
	link := regexp.MustCompile(`<a [^>]*href="([^"]+)"[^>]*>(?:<b>[^<]*</b> )?` + regexp.QuoteMeta(html.EscapeString(label)))
	m := link.FindStringSubmatch(page)
	if m == nil {
		v.Fatalf("no link %q in\n%s", label, page)
	}
	rec := v.send(http.MethodGet, html.UnescapeString(m[1]), nil, "Accept-Language", lang)
	if rec.Code != http.StatusOK {
		v.Fatalf("%s leads to %s: %d %s", label, m[1], rec.Code, rec.Body)
	}
	return rec.Body.String()
}

// TestMorningQuestions: each of the eight takes two clicks at most from the first page, in both languages.
func TestMorningQuestions(t *testing.T) {
	d := newDesk(t)
	d.everyday()
	old := d.invoice("F-OLD", "integrated", `statut_courant = 'MISE_A_DISPOSITION', statut_courant_date = now() - interval '45 days', available_on = current_date - 45, created_at = now() - interval '45 days'`)
	d.sql(`UPDATE chorus.accounts SET password_expires = current_date - 1`, `SELECT chorus.number_events(1000)`)
	v := d.acting()
	for _, q := range []struct {
		en, fr []string // the clicks
		say    string   // what the page then says, in whatever language
		not    string
	}{
		{[]string{"in doubt"}, []string{"en doute"}, "F-2", "F-4"},
		{[]string{"Invoices", "Suspended"}, []string{"Factures", "Suspendues"}, "F-1", "F-4"},
		{[]string{"Invoices", "Rejected fluxes"}, []string{"Factures", "Flux rejetés"}, "F-4", "F-1"},
		{[]string{"password ends"}, []string{"mot de passe expire"}, `<td class="k password">`, "F-4"},
		{[]string{"Invoices", "Unpaid for 30 days"}, []string{"Factures", "Impayées depuis 30 jours"}, "F-OLD", "F-1<"},
		{[]string{"Recipients", "this month"}, []string{"Destinataires", "ce mois"}, "F-5", "F-OLD<"},
		{[]string{"Money"}, []string{"Argent"}, "234", "F-4"},
	} {
		for lang, clicks := range map[string][]string{"en": q.en, "fr": q.fr} {
			if len(clicks) > 2 {
				t.Errorf("%v takes more than two clicks", clicks)
			}
			page := v.send(http.MethodGet, "/", nil, "Accept-Language", lang).Body.String()
			for _, label := range clicks {
				page = v.click(lang, page, label)
			}
			if _, main, _ := strings.Cut(page, "<main"); !strings.Contains(main, q.say) || strings.Contains(main, q.not) {
				t.Errorf("%v: wanted %q and not %q in\n%s", clicks, q.say, q.not, main)
			}
		}
	}
	if page := v.click("en", v.click("en", v.send(http.MethodGet, "/", nil, "Accept-Language", "en").Body.String(), "Recipients"), "this month"); !strings.Contains(page, "of which paid: 1,234,567.50") {
		t.Errorf("what was paid is not said:\n%s", page)
	}
	if page := v.click("en", v.send(http.MethodGet, "/", nil, "Accept-Language", "en").Body.String(), "Money"); !strings.Contains(page, "1 to 30 days late") {
		t.Errorf("money has no age:\n%s", page)
	}

	// The proof: the line of the invoice, then the button.
	page := v.click("en", v.send(http.MethodGet, "/", nil, "Accept-Language", "en").Body.String(), "F-4")
	if !strings.Contains(page, `action="/invoices/4/evidence"`) {
		t.Fatalf("no evidence is offered:\n%s", page)
	}
	form := url.Values{"form": {formText.FindStringSubmatch(page)[1]}}
	rec := v.send(http.MethodPost, "/invoices/4/evidence", form)
	archive, err := zip.NewReader(bytes.NewReader(rec.Body.Bytes()), int64(rec.Body.Len()))
	if rec.Code != http.StatusOK || err != nil || len(archive.File) < 6 {
		t.Fatalf("the evidence: %d %v", rec.Code, err)
	}
	var actor string
	if err := d.owner.QueryRow(t.Context(), `SELECT actor FROM chorus.events WHERE reason_code = 'EVIDENCE_READ' AND invoice_id = 4`).Scan(&actor); err != nil || !strings.HasSuffix(actor, "/console") {
		t.Errorf("the reading is by %q, %v", actor, err)
	}
	for path, want := range map[string]int{
		"/invoices/4711/evidence": http.StatusNotFound, "/invoices/x/evidence": http.StatusNotFound, fmt.Sprintf("/invoices/%d/evidence", old): http.StatusForbidden,
	} {
		f := form
		if want == http.StatusForbidden {
			f = url.Values{"form": {"another's"}}
		}
		if rec := v.send(http.MethodPost, path, f); rec.Code != want || strings.Contains(rec.Header().Get("Content-Type"), "zip") {
			t.Errorf("%s: %d, wanted %d", path, rec.Code, want)
		}
	}
}
