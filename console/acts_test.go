package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/choriste/choriste/console"
	"github.com/choriste/choriste/store"
)

// acting gives the desk an operator's login, and people who sign in.
func (d *desk) acting(users ...console.User) *visitor {
	d.Helper()
	pool, err := store.ConnectActing(d.Context(), d.operatorURL, "console", 2)
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(pool.Close)
	cfg := console.Config{Store: d.store, Operator: store.New(pool), Settings: someSettings}
	if d.users.Store(&users); len(users) > 0 {
		cfg.Users = func() []console.User { return *d.users.Load() }
	}
	d.Handler = console.Handler(cfg)
	return &visitor{desk: d}
}

// do sends the form of an act as the page has it.
func (v *visitor) do(id int64, act, reason string) int {
	v.Helper()
	page := v.send(http.MethodGet, fmt.Sprintf("/invoices/%d", id), nil).Body.String()
	form := fieldsIn(page, fmt.Sprintf("/invoices/%d/%s", id, act))
	if len(form) == 0 { // it is not offered
		form = fieldsIn(page, fmt.Sprintf("/invoices/%d/evidence", id))
		form.Set("at", fmt.Sprint(v.updated(id)))
	}
	form.Set("reason", reason)
	return v.send(http.MethodPost, fmt.Sprintf("/invoices/%d/%s", id, act), form).Code
}

// updated is the updated_at of an invoice in microseconds.
func (d *desk) updated(id int64) (at int64) {
	d.Helper()
	if err := d.owner.QueryRow(d.Context(), `SELECT (extract(epoch FROM updated_at) * 1000000)::bigint FROM chorus.invoices WHERE id = $1`, id).Scan(&at); err != nil {
		d.Fatal(err)
	}
	return at
}

func (d *desk) state(id int64) (state string) {
	d.Helper()
	if err := d.owner.QueryRow(d.Context(), `SELECT state FROM chorus.invoices WHERE id = $1`, id).Scan(&state); err != nil {
		d.Fatal(err)
	}
	return state
}

// Each act does what the command does, with a reason, under the name of who acts; what is in the air or in doubt has none.
func TestActs(t *testing.T) {
	d := newDesk(t)
	v := d.acting(console.User{Name: "claire", Role: console.Operator, Hash: hash(t, "a long password")}, console.User{Name: "rene", Role: console.Reader, Hash: hash(t, "another password")})
	if code := v.signIn("claire", "a long password"); code != http.StatusSeeOther {
		t.Fatal(code)
	}
	for _, c := range []struct{ state, act, becomes string }{
		{"invalid", "retry", "received"},
		{"rejected", "retry", "in_doubt"},
		{"invalid", "dismiss", "invalid"},
		{"ready", "cancel", "cancelled"},
		{"parked", "lookup", "in_doubt"},
		{"parked", "resubmit", "in_doubt"},
		{"parked", "abandon", "abandoned"},
	} {
		id := d.invoice("F-"+c.state+c.act, c.state, "attempt_no = 1")
		if c.act != "cancel" {
			if code := v.do(id, c.act, " "); code != http.StatusBadRequest || d.state(id) != c.state {
				t.Errorf("%s of %s without a reason: %d, %s", c.act, c.state, code, d.state(id))
			}
		}
		if code := v.do(id, c.act, "because"); code != http.StatusSeeOther || d.state(id) != c.becomes {
			t.Errorf("%s of %s: %d, %s", c.act, c.state, code, d.state(id))
		}
		var actor string
		if err := d.owner.QueryRow(t.Context(), `SELECT actor FROM chorus.events WHERE invoice_id = $1 ORDER BY id DESC LIMIT 1`, id).Scan(&actor); err != nil || !strings.HasSuffix(actor, "/console:claire") {
			t.Errorf("%s of %s is by %q, %v", c.act, c.state, actor, err)
		}
	}
	// Off the list it is put back, and nothing else; then it is retried.
	off := d.invoice("F-off", "invalid", "reason_code = 'CH-IBAN'")
	for _, c := range []struct {
		act  string
		code int
	}{{"restore", http.StatusBadRequest}, {"dismiss", http.StatusSeeOther}, {"retry", http.StatusBadRequest}, {"restore", http.StatusSeeOther}} {
		if code := v.do(off, c.act, "a mistake of ours"); code != c.code || d.state(off) != "invalid" {
			t.Errorf("%s: %d, %s", c.act, code, d.state(off))
		}
		page := v.send(http.MethodGet, fmt.Sprintf("/invoices/%d", off), nil).Body.String()
		if is := c.act == "dismiss" || c.act == "retry"; is != strings.Contains(page, "Taken off the list:") || is == strings.Contains(page, fmt.Sprintf("/invoices/%d/retry", off)) {
			t.Errorf("after %s:\n%s", c.act, page)
		}
	}
	// What has changed since the page was shown is left alone, whatever it is by now.
	page := v.send(http.MethodGet, fmt.Sprintf("/invoices/%d", off), nil).Body.String()
	d.sql(fmt.Sprintf(`UPDATE chorus.invoices SET state = 'rejected', reason_code = 'FLUX_REJECTED', updated_at = clock_timestamp() WHERE id = %d`, off))
	for _, act := range []string{"dismiss", "retry"} {
		form := fieldsIn(page, fmt.Sprintf("/invoices/%d/%s", off, act))
		form.Set("reason", "what I saw before")
		rec := v.send(http.MethodPost, fmt.Sprintf("/invoices/%d/%s", off, act), form)
		if rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), "has changed since this page was shown") || d.state(off) != "rejected" {
			t.Errorf("%s of what has changed: %d %s", act, rec.Code, rec.Body)
		}
	}
	for _, state := range []string{"sending", "in_doubt", "deposited", "integrated", "settled", "cancelled", "abandoned"} {
		id := d.invoice("G-"+state, state, "attempt_no = 1")
		for _, act := range []string{"retry", "dismiss", "cancel", "accept", "lookup", "resubmit", "abandon"} {
			if code := v.do(id, act, "because"); code != http.StatusBadRequest || d.state(id) != state {
				t.Errorf("%s of %s: %d, %s", act, state, code, d.state(id))
			}
		}
		if strings.Contains(v.send(http.MethodGet, fmt.Sprintf("/invoices/%d", id), nil).Body.String(), `id="acts"`) {
			t.Errorf("an act is offered for %s", state)
		}
	}
	id := d.invoice("H", "ready", "")
	path, form := fmt.Sprintf("/invoices/%d/cancel", id), url.Values{}
	page = v.send(http.MethodGet, "/", nil).Body.String()
	form.Set("form", formText.FindStringSubmatch(page)[1])
	for _, headers := range [][]string{{"Origin", ""}, {"Origin", "null"}, {"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}} {
		if rec := v.send(http.MethodPost, path, form, headers...); rec.Code != http.StatusForbidden {
			t.Errorf("%v: %d", headers, rec.Code)
		}
	}
	if rec := v.send(http.MethodPost, path, nil); rec.Code != http.StatusForbidden {
		t.Errorf("without the session's text: %d", rec.Code)
	}
	if rec := v.send(http.MethodGet, path, form); rec.Code == http.StatusOK || rec.Code == http.StatusSeeOther {
		t.Errorf("by GET: %d", rec.Code)
	}
	r := &visitor{desk: d}
	if code := r.signIn("rene", "another password"); code != http.StatusSeeOther {
		t.Fatal(code)
	}
	if code := r.do(id, "cancel", ""); code != http.StatusForbidden || strings.Contains(r.send(http.MethodGet, fmt.Sprintf("/invoices/%d", id), nil).Body.String(), `id="acts"`) {
		t.Errorf("a reader acts: %d", code)
	}
	if s := d.state(id); s != "ready" {
		t.Errorf("it is %s", s)
	}
}

// Without sign-in, on this machine, acts are the console's; without an operator's login there are none.
func TestActsWithoutSigningIn(t *testing.T) {
	d := newDesk(t)
	id := d.invoice("F-1", "ready", "")
	v := &visitor{desk: d}
	if code := v.do(id, "cancel", ""); code != http.StatusForbidden {
		t.Errorf("without an operator's login: %d", code)
	}
	v = d.acting()
	if code := v.do(id, "cancel", ""); code != http.StatusSeeOther || d.state(id) != "cancelled" {
		t.Errorf("%d, %s", code, d.state(id))
	}
}
