package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/choriste/choriste/console"
)

// saved are the views as they are in the database.
func (d *desk) saved() (list []string) {
	d.Helper()
	rows, err := d.owner.Query(d.Context(), `SELECT name, query FROM chorus.saved_views ORDER BY name`)
	if err != nil {
		d.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name, query string
		if err := rows.Scan(&name, &query); err != nil {
			d.Fatal(err)
		}
		list = append(list, name+" = "+query)
	}
	return list
}

// An operator of all accounts saves and deletes views; everybody sees and uses them, each on his own rows.
func TestSavedViews(t *testing.T) {
	d := newDesk(t)
	d.sql(`INSERT INTO chorus.accounts (name) VALUES ('nantes')`)
	for k := range 3 {
		d.invoice(fmt.Sprintf("F-%d", k), "parked", "attempt_no = 1")
	}
	d.invoice("N-1", "parked", "account = 'nantes', attempt_no = 1")
	password := hash(t, "a long password")
	v := d.acting(
		console.User{Name: "claire", Role: console.Operator, Hash: password}, console.User{Name: "rene", Role: console.Reader, Hash: password},
		console.User{Name: "noa", Role: console.Operator, Accounts: []string{"nantes"}, Hash: password}, console.User{Name: "nour", Role: console.Reader, Accounts: []string{"nantes"}, Hash: password},
	)
	v.signIn("claire", "a long password")
	post := func(v *visitor, path string, form url.Values) (int, string) {
		form.Set("form", formText.FindStringSubmatch(v.send(http.MethodGet, "/recipients", nil).Body.String())[1])
		rec := v.send(http.MethodPost, path, form, "Referer", "https://console.example/invoices?q=state:parked")
		return rec.Code, rec.Header().Get("Location") + rec.Body.String()
	}
	form := fieldsIn(v.send(http.MethodGet, "/invoices?q=state:parked", nil).Body.String(), "/views")
	form.Set("name", "  To   decide ")
	form.Set("reason", "for Mondays")
	if rec := v.send(http.MethodPost, "/views", form); rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "/invoices?q=state%3Aparked" {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if got := d.saved(); !slices.Equal(got, []string{"To decide = state:parked"}) {
		t.Errorf("saved: %v", got)
	}
	for _, bad := range []url.Values{{"name": {""}, "q": {"state:parked"}}, {"name": {"x"}, "q": {""}}, {"name": {"x"}, "q": {"state:nothing"}}, {"name": {"x"}, "q": {"state:parked"}, "reason": {strings.Repeat("x", 1001)}}} {
		if code, body := post(v, "/views", bad); code != http.StatusBadRequest {
			t.Errorf("%v: %d %s", bad, code, body)
		}
	}
	if code, body := post(v, "/views/delete", url.Values{"name": {"Nothing"}}); code != http.StatusBadRequest || !strings.Contains(body, "There is no view Nothing: there are To decide.") {
		t.Errorf("%d %s", code, body)
	}
	if rec := v.send(http.MethodPost, "/views/delete", url.Values{"name": {"To decide"}, "form": {"another"}}); rec.Code != http.StatusForbidden {
		t.Errorf("a foreign form: %d", rec.Code)
	}
	for name, count := range map[string]string{"claire": "4", "rene": "4", "noa": "1", "nour": "1"} {
		who := &visitor{desk: d}
		who.signIn(name, "a long password")
		list := who.send(http.MethodGet, "/invoices?q=state:parked", nil).Body.String()
		if !strings.Contains(list, `aria-current="page">To decide</a>`) || strings.Contains(list, `action="/views`) != (name == "claire") {
			t.Errorf("%s sees\n%s", name, list)
		}
		want, page := `<a href="/invoices?q=state%3Aparked"><b>`+count+`</b> To decide</a>`, ""
		for end := time.Now().Add(10 * time.Second); !strings.Contains(page, want); {
			if page = who.send(http.MethodGet, "/", nil).Body.String(); time.Now().After(end) {
				t.Fatalf("%s does not see %s in\n%s", name, want, page)
			}
		}
		if name == "claire" {
			continue
		}
		for path, form := range map[string]url.Values{"/views": {"name": {"mine"}, "q": {"state:parked"}}, "/views/delete": {"name": {"To decide"}}} {
			if code, body := post(who, path, form); code != http.StatusForbidden {
				t.Errorf("%s %s: %d %s", name, path, code, body)
			}
		}
	}
	// Counted once a minute: what came since then is not in the count.
	d.invoice("F-9", "parked", "attempt_no = 1")
	if page := v.send(http.MethodGet, "/", nil).Body.String(); !strings.Contains(page, "<b>4</b> To decide") {
		t.Errorf("counted anew:\n%s", page)
	}
	if code, to := post(v, "/views/delete", url.Values{"name": {"To decide"}}); code != http.StatusSeeOther || to != "/invoices?q=state:parked" || len(d.saved()) != 0 {
		t.Errorf("deleted: %d %s %v", code, to, d.saved())
	}
	if page := v.send(http.MethodGet, "/audit?kind=view", nil).Body.String(); !strings.Contains(page, "To decide = state:parked") || !strings.Contains(page, "for Mondays") || !strings.Contains(page, "To decide (state:parked)") {
		t.Errorf("the trail:\n%s", page)
	}
}

// In a browser, without JavaScript and by the keyboard alone: a query is saved, used and deleted.
func TestSavedViewsInABrowser(t *testing.T) {
	d := newDesk(t)
	d.everyday()
	d.acting()
	b := newBrowser(t, d)
	if b == nil {
		return
	}
	for _, lang := range []string{"en", "fr"} {
		b.speak(lang)
		b.scripts(true)
		b.walk(lang, "/")
		b.walk(lang, "/invoices?q=state:parked")
		b.scripts(false)
		b.Do(look(1280, 900, "light"), chromedp.Navigate(b.base+"/invoices?q=state:rejected"))
		ask[bool](b, `[...document.querySelectorAll('details')].forEach(e => e.open = true), true`)
		b.Do(chromedp.SendKeys(chromedp.CSS(`form[action="/views"] input[name="name"]`), "Saved ("+lang+")"+kb.Enter), chromedp.WaitVisible(chromedp.CSS(`.filter a[aria-current="page"]`)))
		if name := ask[string](b, `document.querySelector('.filter a[aria-current="page"]').textContent`); name != "Saved ("+lang+")" {
			b.Errorf("the view is called %q", name)
		}
		ask[bool](b, `[...document.querySelectorAll('details')].forEach(e => e.open = true), true`)
		if name := ask[string](b, `document.querySelector('form[action="/views/delete"]:has(input[value^="Saved"]) button').textContent`); !strings.HasSuffix(name, " Saved ("+lang+")") {
			b.Errorf("the button says %q", name)
		}
		b.Do(chromedp.Focus(chromedp.CSS(`form[action="/views/delete"]:has(input[value^="Saved"]) button`)), chromedp.KeyEvent(kb.Enter), chromedp.WaitNotPresent(chromedp.CSS(`input[value^="Saved"]`)))
		if got := d.saved(); !slices.Equal(got, []string{"Old debts = is:unpaid older:30d", "À trancher = state:parked"}) {
			b.Errorf("left: %v", got)
		}
	}
	for _, c := range b.Complaints() {
		b.Error(c)
	}
}
