package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/choriste/choriste/console"
)

var requestAt = regexp.MustCompile(`action="(/requests/\d+)"`)

// answer agrees to the request on an invoice's page, or refuses it.
func (v *visitor) answer(id int64, answer, reason string) (code int, body string) {
	v.Helper()
	page := v.send(http.MethodGet, fmt.Sprintf("/invoices/%d", id), nil).Body.String()
	at := requestAt.FindStringSubmatch(page)
	if at == nil {
		v.Fatalf("no request is shown:\n%s", page)
	}
	form := fieldsIn(page, at[1])
	form.Set("answer", answer)
	form.Set("reason", reason)
	rec := v.send(http.MethodPost, at[1], form)
	return rec.Code, rec.Body.String()
}

// secondPerson has what may send an invoice again wait for one, as a worker's settings do.
func (d *desk) secondPerson() {
	d.Helper()
	at, err := url.Parse(d.operatorURL)
	if err == nil {
		err = d.store.SetSecondPerson(d.Context(), time.Hour, at.User.Username())
	}
	if err != nil {
		d.Fatal(err)
	}
}

// What may send an invoice again waits for another person, and nobody is two.
func TestSecondPerson(t *testing.T) {
	d := newDesk(t)
	claire, bob := hash(t, "a long password"), hash(t, "another password")
	v := d.acting(
		console.User{Name: "claire", Role: console.Operator, KnownAs: []string{"c.martin@example.net"}, Hash: claire},
		console.User{Name: "C.Martin", Role: console.Administrator, Hash: claire}, // the same person, in another spelling
		console.User{Name: "bob", Role: console.Operator, Hash: bob},
		console.User{Name: "eve", Role: console.Operator, Accounts: []string{"nantes"}, Hash: bob},
	)
	d.secondPerson()
	who := map[string]*visitor{}
	for name, password := range map[string]string{"claire": "a long password", "C.Martin": "a long password", "bob": "another password", "eve": "another password"} {
		who[name] = &visitor{desk: d}
		if code := who[name].signIn(name, password); code != http.StatusSeeOther {
			t.Fatalf("%s: %d", name, code)
		}
	}
	for _, c := range []struct{ state, act, becomes string }{{"parked", "resubmit", "in_doubt"}, {"parked", "lookup", "in_doubt"}, {"rejected", "retry", "in_doubt"}} {
		id := d.invoice("F-"+c.act, c.state, "attempt_no = 1")
		if code := who["claire"].do(id, c.act, "nobody has it"); code != http.StatusSeeOther || d.state(id) != c.state {
			t.Fatalf("%s is asked for: %d, %s", c.act, code, d.state(id))
		}
		if code := who["bob"].do(id, c.act, "me too"); code != http.StatusBadRequest {
			t.Errorf("%s is asked for twice: %d", c.act, code)
		}
		for _, name := range []string{"claire", "C.Martin"} {
			if code, body := who[name].answer(id, "agree", "yes"); code != http.StatusForbidden || d.state(id) != c.state || !strings.Contains(body, "Another person must agree") {
				t.Errorf("%s agrees to what claire asked for: %d, %s\n%s", name, code, d.state(id), body)
			}
		}
		if code, _ := who["bob"].answer(id, "agree", " "); code != http.StatusBadRequest || d.state(id) != c.state {
			t.Errorf("without a reason: %d", code)
		}
		var request string
		_ = d.owner.QueryRow(t.Context(), `SELECT id::text FROM chorus.requests WHERE invoice_id = $1 AND decision IS NULL`, id).Scan(&request)
		form := url.Values{"answer": {"agree"}, "reason": {"yes"}, "form": {formText.FindStringSubmatch(who["eve"].send(http.MethodGet, "/recipients", nil).Body.String())[1]}}
		if a, b := who["eve"].send(http.MethodPost, "/requests/"+request, form), who["eve"].send(http.MethodPost, "/requests/9999", form); a.Code != http.StatusNotFound || b.Code != http.StatusNotFound || d.state(id) != c.state {
			t.Errorf("who does not see the account agrees: %d, %d", a.Code, b.Code)
		}
		if page := who["bob"].send(http.MethodGet, "/?kind=request", nil).Body.String(); !strings.Contains(page, "console:claire asks to ") || !strings.Contains(page, "nobody has it") {
			t.Errorf("the overview:\n%s", page)
		}
		if code, body := who["bob"].answer(id, "agree", "I looked, too"); code != http.StatusSeeOther || d.state(id) != c.becomes {
			t.Errorf("bob agrees to %s: %d, %s\n%s", c.act, code, d.state(id), body)
		}
		var trail string
		if err := d.owner.QueryRow(t.Context(), `
			SELECT string_agg(concat_ws(' ', split_part(actor, '/', 2), reason_code, detail ->> 'asked_by', detail ->> 'reason', detail ->> 'asked_reason'), E'\n' ORDER BY id)
			FROM chorus.events WHERE invoice_id = $1 AND reason_code IN ('REQUESTED', 'AGREED')`, id).Scan(&trail); err != nil ||
			!regexp.MustCompile(`^console:claire REQUESTED nobody has it\nconsole:bob AGREED \S+/console:claire I looked, too nobody has it$`).MatchString(trail) {
			t.Errorf("the trail of %s: %v\n%s", c.act, err, trail)
		}
	}
	// Refused, taken back, lapsed, and overtaken.
	id := d.invoice("G-1", "parked", "attempt_no = 1")
	for _, c := range []struct{ who, want string }{{"bob", "refused"}, {"claire", "withdrawn"}} {
		who["claire"].do(id, "resubmit", "again")
		var got string
		if code, body := who[c.who].answer(id, "refuse", "no"); code != http.StatusSeeOther || d.state(id) != "parked" {
			t.Errorf("%s refuses: %d\n%s", c.who, code, body)
		}
		if err := d.owner.QueryRow(t.Context(), `SELECT decision FROM chorus.requests WHERE invoice_id = $1 ORDER BY id DESC LIMIT 1`, id).Scan(&got); err != nil || got != c.want {
			t.Errorf("%s: %s %v", c.who, got, err)
		}
	}
	who["claire"].do(id, "resubmit", "again")
	page := who["bob"].send(http.MethodGet, fmt.Sprintf("/invoices/%d", id), nil).Body.String()
	at := requestAt.FindStringSubmatch(page)[1]
	form := fieldsIn(page, at)
	form.Set("answer", "agree")
	form.Set("reason", "yes")
	d.sql(`UPDATE chorus.requests SET until = clock_timestamp() - interval '1 second' WHERE decision IS NULL`)
	if rec := who["bob"].send(http.MethodPost, at, form, "Accept-Language", "fr"); rec.Code != http.StatusBadRequest || d.state(id) != "parked" || !strings.Contains(rec.Body.String(), "a expiré") {
		t.Errorf("a lapsed one: %d, %s", rec.Code, d.state(id))
	}
	if code := who["claire"].do(id, "resubmit", "once more"); code != http.StatusSeeOther {
		t.Errorf("asked anew: %d", code)
	}
	d.sql(fmt.Sprintf(`UPDATE chorus.invoices SET updated_at = clock_timestamp() WHERE id = %d`, id))
	if page := who["bob"].send(http.MethodGet, fmt.Sprintf("/invoices/%d", id), nil).Body.String(); requestAt.MatchString(page) {
		t.Error("what was asked for in another situation is offered")
	}
	if code := who["bob"].do(id, "resubmit", "in the new one"); code != http.StatusSeeOther {
		t.Errorf("asked anew of what has changed: %d", code)
	}
	// What sends nothing needs nobody else; nor does anything once the setting is off.
	for _, c := range []struct{ state, act, becomes string }{{"parked", "abandon", "abandoned"}, {"invalid", "retry", "received"}, {"ready", "cancel", "cancelled"}} {
		id := d.invoice("H-"+c.act, c.state, "attempt_no = 1")
		if who["claire"].do(id, c.act, "because"); d.state(id) != c.becomes {
			t.Errorf("%s: %s", c.act, d.state(id))
		}
	}
	if err := d.store.SetSecondPerson(t.Context(), 0, ""); err != nil {
		t.Fatal(err)
	}
	last := d.invoice("I-1", "parked", "attempt_no = 1")
	if who["claire"].do(last, "resubmit", "because"); d.state(last) != "in_doubt" {
		t.Errorf("with the setting off: %s", d.state(last))
	}
	_ = v
}

// In a browser: what waits for a second person is looked at, agreed to and refused, in both languages.
func TestSecondPersonInABrowser(t *testing.T) {
	d := newDesk(t)
	password := hash(t, "a long password")
	v := d.acting(console.User{Name: "claire", Role: console.Operator, Hash: password}, console.User{Name: "bob", Role: console.Operator, Hash: password})
	v.signIn("claire", "a long password")
	d.secondPerson()
	b := newBrowser(t, d)
	if b == nil {
		return
	}
	b.speak("en")
	b.Do(look(1280, 900, "light"), chromedp.Navigate(b.base+"/signin"), chromedp.SendKeys(chromedp.CSS(`input[name="name"]`), "bob"),
		chromedp.SendKeys(chromedp.CSS(`input[name="password"]`), "a long password"+kb.Enter), chromedp.WaitVisible(chromedp.CSS("#todo")))
	for k, c := range []struct{ lang, answer, becomes string }{{"en", "agree", "in_doubt"}, {"fr", "refuse", "parked"}} {
		id := d.invoice(fmt.Sprintf("F-%d", k), "parked", "attempt_no = 1")
		if code := v.do(id, "resubmit", "nobody has it"); code != http.StatusSeeOther {
			t.Fatal(code)
		}
		b.speak(c.lang)
		b.walk(c.lang, "/?kind=request")
		b.walk(c.lang, fmt.Sprintf("/invoices/%d", id))
		if label := ask[string](b, `document.querySelector('form[action^="/requests/"] textarea').labels[0].textContent.trim()`); !strings.HasSuffix(label, map[string]string{"en": "history.", "fr": "l'historique."}[c.lang]) {
			b.Errorf("the label: %q", label)
		}
		b.scripts(false)
		b.Do(look(1280, 900, "light"), chromedp.Navigate(fmt.Sprintf("%s/invoices/%d", b.base, id)), chromedp.SendKeys(chromedp.CSS(`form[action^="/requests/"] textarea`), "I looked, too"),
			chromedp.Focus(chromedp.CSS(`form[action^="/requests/"] button[value="`+c.answer+`"]`)), chromedp.KeyEvent(kb.Enter), chromedp.WaitNotPresent(chromedp.CSS(`form[action^="/requests/"]`)))
		b.scripts(true)
		if s := d.state(id); s != c.becomes {
			b.Errorf("%s: it is %s", c.answer, s)
		}
	}
	for _, c := range b.Complaints() {
		b.Error(c)
	}
}
