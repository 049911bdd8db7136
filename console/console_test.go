package console_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/choriste/choriste/console"
	"github.com/choriste/choriste/store"
)

// TestPages: every page is there in both languages, small, with the headers that keep a browser from running what others wrote, and links only to pages that are there.
func TestPages(t *testing.T) {
	d := newDesk(t)
	for _, path := range []string{"/", "/invoices", "/findings", "/recipients", "/accounts", "/webhooks"} {
		d.see("en", path) // with nothing in the database
	}
	d.everyday()
	d.hostility()
	for _, lang := range []string{"en", "fr"} {
		for _, path := range append(pages, "/invoices/7") {
			rec := d.get(lang, path)
			body := rec.Body.String()
			if rec.Code != http.StatusOK || !strings.Contains(body, `<html lang="`+lang+`">`) || !strings.Contains(body, "</html>") {
				t.Errorf("%s (%s): %d %s", path, lang, rec.Code, body)
			}
			if rec.Body.Len() > 200_000 {
				t.Errorf("%s has %d bytes", path, rec.Body.Len())
			}
			for _, bad := range []string{"<script>", "<img src=x", "ZgotmplZ", "&lt;no value", "<nil>", "%!", "\u202e", "\x1b", " style="} {
				if strings.Contains(body, bad) {
					t.Errorf("%s (%s) has %q:\n%s", path, lang, bad, body)
				}
			}
			for name, want := range map[string]string{
				"Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
				"Cache-Control":           "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Content-Type": "text/html; charset=utf-8",
			} {
				if got := rec.Header().Get(name); got != want {
					t.Errorf("%s: %s is %q", path, name, got)
				}
			}
		}
	}
}

// What needs a person comes first, with its way; the fleet and what keeps it from sending below.
func TestOverview(t *testing.T) {
	d := newDesk(t)
	d.see("en", "/", "Nothing needs a person.", "Workers alive:</b> 0")
	d.everyday()
	d.see("en", "/", `<a href="/invoices/1">F-1</a>`, "waits for the supplier", "choriste complete 1", `<a href="/invoices/3">F-3</a>`, "choriste resolve 3", "1,234,567.50\u00a0EUR",
		"Nothing to do before", "The portal api.example fails since", "Workers alive:</b> 1", "client secret in use for 90 days", "days left of its password: 12", `href="/invoices?q=state:parked"`)
	d.see("fr", "/", "Ce qui attend quelqu", "attend le fournisseur", "1\u202f234\u202f567,50\u00a0EUR", "Le portail api.example est en panne depuis", "jours restants du mot de passe : 12")
	if p := d.see("en", "/?kind=parked", "F-3"); strings.Contains(p, `">F-1</a>`) {
		t.Error("a line of another kind is shown")
	}
	if err := d.store.SetMaintenance(t.Context(), []store.Window{{From: time.Now().Add(-time.Minute), Until: time.Now().Add(time.Hour)}}); err != nil {
		t.Fatal(err)
	}
	d.see("en", "/", "Chorus Pro is closed, as announced, until")
}

// One invoice: what it means, who acts, what the rules say, what differs, and its history in words.
func TestInvoice(t *testing.T) {
	d := newDesk(t)
	d.everyday()
	d.see("en", "/invoices/4", "ELEMENT_MISSING <small>BT-5</small>", "An element that Chorus Pro demands is missing", "Who acts: the supplier")
	d.see("fr", "/invoices/4", "Un élément exigé par Chorus Pro manque", "Que faire :")
	d.see("en", "/invoices/6", "BT-84", "FR76 12", "place 12", "the IBAN is wrong", "write it")
	d.see("fr", "/invoices/6", "IBAN est faux", "écrivez-le")
	d.see("en", "/invoices/3", "What differs from Chorus Pro", `<tr class="differs"><th scope="row">amount with VAT</th><td>120.00</td><td>100.00</td></tr>`,
		"choriste resolve 3 lookup --reason", "Attempt 1 is committed to", "no certain answer", "Gateway Timeout", "found nothing, 1m0s after it was sent", "+1 s")
	d.see("fr", "/invoices/3", "Ce qui diffère de Chorus Pro", "montant TTC", "Tentative 1 engagée", "le portail a dit", "rien trouvé, 1m0s après")
	for _, path := range []string{"/invoices/99", "/invoices/x", "/invoices/0", "/invoices/99999999999999999999", "/nothing"} {
		if rec := d.get("fr", path); rec.Code != http.StatusNotFound || !strings.Contains(rec.Body.String(), "ici") {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}
}

// A long history is cut, and the page stays small.
func TestLongHistory(t *testing.T) {
	d := newDesk(t)
	id := d.invoice("F-1", "integrated", "")
	d.sql(fmt.Sprintf(`INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, reason_code, detail)
		SELECT %d, 'a', 'integrated', 'integrated', 'STATUT', jsonb_build_object('statut_courant', 'SUSPENDUE', 'statut_commentaire', repeat('x', 2000)) FROM generate_series(1, 500)`, id))
	if p := d.see("en", fmt.Sprintf("/invoices/%d", id), "Earlier steps that are not shown: 381"); len(p) > 200_000 {
		t.Errorf("the page has %d bytes", len(p))
	}
}

// The list is selected by its address, and read page by page without a gap.
func TestList(t *testing.T) {
	d := newDesk(t)
	d.everyday()
	if p := d.see("en", "/invoices?q=state:parked,rejected", "F-3", "F-4"); strings.Contains(p, ">F-5<") {
		t.Error("an invoice of another state is listed")
	}
	d.see("fr", "/invoices?q=is:unpaid&sum=1", "F-1", "Total de cette sélection", "1\u202f234\u202f567,50")
	if p := d.see("en", "/invoices?q=inserted:<=2020-01-01", "No invoice is selected."); strings.Contains(p, ">F-1<") {
		t.Error("an invoice of a later day is listed")
	}
	for bad, want := range map[string]string{
		"q=state:nothing": "state", "q=recipient:12": "recipient", "q=older:30": "older", "after=x": "liste", "sort=x": "trient", "q=nothing:x": "cl", "q=%00": "UTF-8",
		"q=" + strings.Repeat("x", 2000): "1000", "fields=1&number=%22&q=%22": "guillemet", "q=account:nobody": "nobody",
	} {
		if rec := d.get("fr", "/invoices?"+bad); rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), want) {
			t.Errorf("%s: %d %s", bad, rec.Code, rec.Body)
		}
	}
	d.sql(`INSERT INTO chorus.invoices (external_ref, document, document_sha256, document_bytes, numero_facture) SELECT 'n' || n, 'x', 'x', 1, 'N-' || n FROM generate_series(1, 120) n`)
	for _, order := range []string{"", "inserted", "-number", "amount"} {
		seen := map[string]bool{}
		for path := "/invoices?q=state:received&sort=" + order; path != ""; {
			p := d.see("en", path)
			for _, part := range strings.Split(p, `">N-`)[1:] {
				n, _, _ := strings.Cut(part, "<")
				if seen[n] {
					t.Fatalf("%s is listed twice", n)
				}
				seen[n] = true
			}
			_, next, found := strings.Cut(p, `class="pages"><a href="`)
			path, _, _ = strings.Cut(strings.ReplaceAll(next, "&amp;", "&"), `"`)
			if !found {
				path = ""
			}
		}
		if len(seen) != 120 {
			t.Errorf("%q: %d invoices of 120 are listed", order, len(seen))
		}
	}
}

// The form's fields become terms of the query, and the other way round.
func TestFields(t *testing.T) {
	d := newDesk(t)
	for form, want := range map[string]string{
		"state=parked&state=invalid":                        "state:parked,invalid",
		"q=state:ready+amount:>5&state=parked&sort=-amount": "amount:>5 state:parked",
		"q=state:ready&number=F-*&recipient=00000000007654": "number:F-* recipient:00000000007654",
		"from=2026-11-01&to=2026-11-30&older=30d":           "older:30d inserted:2026-11-01..2026-11-30",
		"from=2026-11-01":                                   "inserted:>=2026-11-01",
		"number=" + url.QueryEscape(`a "b" state:x`):        `number:"a \"b\" state:x"`,
		"q=statut:SUSPENDUE,A_RECYCLER":                     "statut:SUSPENDUE,A_RECYCLER",
	} {
		rec := d.get("en", "/invoices?fields=1&"+form)
		to, err := url.Parse(rec.Header().Get("Location"))
		if err != nil || rec.Code != http.StatusSeeOther || to.Query().Get("q") != want {
			t.Errorf("%s: %d %q, not %q", form, rec.Code, to.Query().Get("q"), want)
		}
	}
	d.see("en", "/invoices?q=state:parked+inserted:2026-11-01..2026-11-30+number:F-*", `value="parked" checked`, `name="from" type="date" value="2026-11-01"`, `name="to" type="date" value="2026-11-30"`,
		`name="number" maxlength="200" value="F-*"`)
}

// The CSV opens in a French Excel: byte-order mark, semicolons, decimal commas, no formula.
func TestCSV(t *testing.T) {
	d := newDesk(t)
	d.everyday()
	d.invoice("F-7", "parked", `external_ref = '=cmd()'`)
	d.sql(`INSERT INTO chorus.invoices (external_ref, document, document_sha256, document_bytes) SELECT 'n' || n, 'x', 'x', 1 FROM generate_series(1, 2500) n`)
	rec := d.get("fr", "/invoices.csv")
	body, marked := strings.CutPrefix(rec.Body.String(), "\ufeff")
	r := csv.NewReader(strings.NewReader(body))
	r.Comma = ';'
	lines, err := r.ReadAll()
	if err != nil || !marked || len(lines) != 2508 {
		t.Fatalf("%d lines, mark %t, %v", len(lines), marked, err)
	}
	if h := rec.Header(); h.Get("Content-Type") != "text/csv; charset=utf-8" || !strings.Contains(h.Get("Content-Disposition"), "factures-") {
		t.Errorf("headers: %v", h)
	}
	if rec := d.get("fr", "/invoices.csv?q=state:parked"); !strings.Contains(rec.Body.String(), ";1234567,50;EUR;") || !strings.Contains(rec.Body.String(), ";'=cmd();") || strings.Count(rec.Body.String(), "\r\n") != 3 {
		t.Errorf("%s", rec.Body)
	}
}

// interrupted is an answer before whose second part something happens.
type interrupted struct {
	*httptest.ResponseRecorder
	writes int
	happen func()
}

func (w *interrupted) Write(b []byte) (int, error) {
	if w.writes++; w.writes == 2 {
		w.happen()
	}
	return w.ResponseRecorder.Write(b)
}

// A CSV whose invoices change while it is read has each of them once, in whatever order the page was; one that is cut says so.
func TestCSVIsWholeOrSaysSo(t *testing.T) {
	d := newDesk(t)
	d.sql(`INSERT INTO chorus.invoices (external_ref, document, document_sha256, document_bytes) SELECT 'n' || n, 'x', 'x', 1 FROM generate_series(1, 2500) n`)
	ids := func(body string) []string {
		r := csv.NewReader(strings.NewReader(strings.TrimPrefix(body, "\ufeff")))
		r.Comma = ';'
		lines, err := r.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, l := range lines[1:] {
			list = append(list, l[0])
		}
		return list
	}
	for _, sort := range []string{"changed", "-changed", "-state"} {
		w := &interrupted{ResponseRecorder: httptest.NewRecorder(), happen: func() {
			d.sql(`UPDATE chorus.invoices SET updated_at = clock_timestamp(), state = 'cancelled' WHERE id % 2 = 0`)
		}}
		d.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/invoices.csv?sort="+sort, nil))
		list := ids(w.Body.String())
		slices.Sort(list)
		if once := slices.Compact(slices.Clone(list)); w.writes < 2 || len(list) != 2500 || len(once) != 2500 {
			t.Errorf("by %s: %d lines of %d invoices", sort, len(list), len(once))
		}
		d.sql(`UPDATE chorus.invoices SET state = 'received'`)
	}
	for n, cut := range map[int]bool{2499: true, 2000: true, 2500: false, 3000: false} {
		back := console.CutCSV(n)
		list := ids(d.get("fr", "/invoices.csv").Body.String())
		back()
		if is := strings.HasPrefix(list[len(list)-1], "COUPÉ"); is != cut || cut && len(list) != n+1 || !cut && len(list) != 2500 {
			t.Errorf("at most %d: %d lines, the last one %q", n, len(list), list[len(list)-1])
		}
	}
}

// A page ends at a place in the order, and not at an invoice that may move: the next one goes on there.
func TestTheNextPageGoesOnWhereThisOneEnds(t *testing.T) {
	d := newDesk(t)
	d.sql(`INSERT INTO chorus.invoices (external_ref, document, document_sha256, document_bytes, updated_at) SELECT 'n' || n, 'x', 'x', 1, now() - n * interval '1 minute' FROM generate_series(1, 120) n`)
	v := &visitor{desk: d}
	page := v.send(http.MethodGet, "/invoices?sort=changed", nil).Body.String() // 120 to 71
	d.sql(`UPDATE chorus.invoices SET updated_at = clock_timestamp() WHERE id = 71`)
	page = v.click("en", page, "Next page")
	if !strings.Contains(page, `href="/invoices/70"`) || !strings.Contains(page, `href="/invoices/21"`) || strings.Contains(page, `href="/invoices/20"`) {
		t.Errorf("the second page is another:\n%s", page)
	}
	for _, after := range []string{"x", "0", "1=x", "1\x00"} {
		if rec := v.send(http.MethodGet, "/invoices?sort=changed&after="+url.QueryEscape(after), nil); rec.Code != http.StatusBadRequest {
			t.Errorf("after %q: %d", after, rec.Code)
		}
	}
}

// slow is a reader that does not read, until it is let go.
type slow struct {
	*httptest.ResponseRecorder
	begun, read chan struct{}
}

func (w *slow) Write(b []byte) (int, error) {
	select {
	case w.begun <- struct{}{}:
	default:
	}
	<-w.read
	return w.ResponseRecorder.Write(b)
}

// TestSlowReadersKeepNobodyWaiting: as many downloads that nobody reads as pages are made at once.
func TestSlowReadersKeepNobodyWaiting(t *testing.T) {
	d := newDesk(t)
	d.everyday()
	var all sync.WaitGroup
	read := make(chan struct{})
	for range 5 {
		w := &slow{httptest.NewRecorder(), make(chan struct{}, 1), read}
		all.Add(1)
		go func() {
			defer all.Done()
			d.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/invoices.csv", nil))
		}()
		<-w.begun
	}
	if rec := d.get("en", "/"); rec.Code != http.StatusOK {
		t.Errorf("beside them a page is %d", rec.Code)
	}
	close(read)
	all.Wait()
}

// What is typed leads to the one invoice that is meant, or to a choice.
func TestFind(t *testing.T) {
	d := newDesk(t)
	d.everyday()
	for text, want := range map[string]string{"F-3": "/invoices/3", "CPP0001": "/invoices/5", "+4+": "/invoices/4"} {
		if rec := d.get("en", "/find?q="+text); rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != want {
			t.Errorf("%s: %d %s", text, rec.Code, rec.Header().Get("Location"))
		}
	}
	d.invoice("F-3", "cancelled", "")
	d.see("en", "/find?q=F-3", `<a href="/invoices/3">`, `<a href="/invoices/7">`)
	d.see("fr", "/find?q=nothing", "Aucune facture n&#39;a cet id")
	// Of many of one name it shows some, and says so; the overview likewise, of one kind.
	d.sql(`INSERT INTO chorus.invoices (external_ref, document, document_sha256, document_bytes, numero_facture, fournisseur_siret, date_facture, state)
		SELECT 'n' || n, 'x', 'x', 1, 'SAME', '99999999800012', now() - n * interval '1 year', 'rejected' FROM generate_series(1, 60) n`)
	if page := d.see("en", "/find?q=SAME", "There are more"); strings.Count(page, "<li><a") != 20 {
		t.Errorf("found:\n%s", page)
	}
	d.see("en", "/?kind=rejected", `<a href="/invoices?q=is%3Alisted&#43;state%3Arejected">All of them</a>`)
}

// Accepting a flux is offered where one is known.
func TestAcceptIsOfferedForAFlux(t *testing.T) {
	d := newDesk(t)
	v := d.acting()
	for flux, is := range map[string]bool{"NULL": false, "'CPP77'": true} {
		id := d.invoice("F-"+fmt.Sprint(is), "parked", "attempt_no = 1, reason_code = 'SEVERAL', numero_flux_depot = "+flux)
		if page := v.send(http.MethodGet, fmt.Sprintf("/invoices/%d", id), nil).Body.String(); strings.Contains(page, fmt.Sprintf(`action="/invoices/%d/accept"`, id)) != is {
			t.Errorf("with the flux %s:\n%s", flux, page)
		}
	}
}

// The browser's language, and one switch that stays.
func TestLanguage(t *testing.T) {
	d := newDesk(t)
	for header, want := range map[string]string{"fr-FR,fr;q=0.9,en;q=0.8": "fr", "de,fr;q=0.5": "fr", "de": "en", "": "en", "en-GB": "en", ";;;": "en", "*": "en"} {
		if p := d.get(header, "/").Body.String(); !strings.Contains(p, `<html lang="`+want+`">`) {
			t.Errorf("%q is not answered in %s", header, want)
		}
	}
	d.see("fr", "/invoices?q=state:parked", `href="/invoices?lang=en&amp;q=state%3Aparked"`)
	rec := d.get("en", "/invoices?q=state:parked&lang=fr")
	if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "/invoices?q=state%3Aparked" {
		t.Fatalf("%d %v", rec.Code, rec.Header())
	}
	cookie := rec.Result().Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode {
		t.Errorf("the cookie: %v", cookie)
	}
	if rec := d.get("en", "//evil.example/?lang=fr"); strings.HasPrefix(rec.Header().Get("Location"), "//") {
		t.Errorf("the switch leads to %s", rec.Header().Get("Location"))
	}
}
