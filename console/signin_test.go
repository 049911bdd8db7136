package console_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/choriste/choriste/console"
)

// visitor is a browser with its cookie, at pages that ask who he is.
type visitor struct {
	*desk
	cookie *http.Cookie
}

func hash(t testing.TB, password string) string {
	h, err := console.HashPassword(password)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// send asks, as a browser does; headers come in pairs over those of a browser, "" takes one away.
func (v *visitor) send(method, path string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	v.Helper()
	r := httptest.NewRequestWithContext(v.Context(), method, path, strings.NewReader(form.Encode()))
	r.Host = "console.example"
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://console.example")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for k := 0; k < len(headers); k += 2 {
		r.Header.Del(headers[k])
		if headers[k+1] != "" {
			r.Header.Set(headers[k], headers[k+1])
		}
	}
	if v.cookie != nil {
		r.AddCookie(v.cookie)
	}
	rec := httptest.NewRecorder()
	v.ServeHTTP(rec, r)
	for _, c := range rec.Result().Cookies() {
		if strings.HasSuffix(c.Name, "choriste") {
			v.cookie = c
		}
	}
	return rec
}

func (v *visitor) signIn(name, password string) int {
	v.Helper()
	return v.send(http.MethodPost, "/signin", url.Values{"name": {name}, "password": {password}, "to": {"/invoices?q=state:parked"}}).Code
}

var formText = regexp.MustCompile(`name="form" value="([^"]+)"`)

// Nobody sees a page before he has signed in, and nothing of it after he has signed out, left the file, or got another password.
func TestSigningIn(t *testing.T) {
	d := newDesk(t)
	d.everyday()
	users := []console.User{{Name: "claire", Role: console.Operator, Hash: hash(t, "a long password")}, {Name: "rené", Role: console.Reader, Hash: hash(t, "another password")}}
	d.Handler = console.Handler(console.Config{Store: d.store, Users: func() []console.User { return users }, Secure: true})
	v := &visitor{desk: d}
	for _, path := range append(pages, "/invoices.csv") {
		if rec := v.send(http.MethodGet, path, nil); rec.Code != http.StatusSeeOther || !strings.HasPrefix(rec.Header().Get("Location"), "/signin?to=") || strings.Contains(rec.Body.String(), "F-") {
			t.Errorf("%s: %d %v", path, rec.Code, rec.Header())
		}
	}
	if rec := v.send(http.MethodGet, "/style.css", nil); rec.Code != http.StatusOK {
		t.Errorf("the stylesheet: %d", rec.Code)
	}
	for _, wrong := range [][2]string{{"claire", "a wrong password"}, {"nobody", "a long password"}, {"", ""}, {"claire", ""}, {"claire", strings.Repeat("x", 5000)}} {
		if code := v.signIn(wrong[0], wrong[1]); code != http.StatusUnauthorized || v.cookie != nil {
			t.Errorf("%.20q: %d, cookie %v", wrong, code, v.cookie)
		}
	}
	rec := v.send(http.MethodPost, "/signin", url.Values{"name": {"claire"}, "password": {"a long password"}, "to": {"/invoices?q=state:parked"}})
	if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "/invoices?q=state:parked" {
		t.Fatalf("%d %v %s", rec.Code, rec.Header(), rec.Body)
	}
	if c := v.cookie; c.Name != "__Host-choriste" || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || len(c.Value) < 40 {
		t.Errorf("the cookie: %v", c)
	}
	page := v.send(http.MethodGet, "/", nil)
	if page.Code != http.StatusOK || !strings.Contains(page.Body.String(), "<span>claire</span>") {
		t.Fatalf("%d %s", page.Code, page.Body)
	}
	form := url.Values{"form": {formText.FindStringSubmatch(page.Body.String())[1]}}
	for _, headers := range [][]string{
		{"Origin", ""},
		{"Origin", "null"},
		{"Origin", "https://evil.example"},
		{"Origin", "https://console.example.evil.example"},
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"},
		{"Sec-Fetch-Site", "none"},
	} {
		if rec := v.send(http.MethodPost, "/signout", form, headers...); rec.Code != http.StatusForbidden {
			t.Errorf("%v: %d", headers, rec.Code)
		}
	}
	if rec := v.send(http.MethodPost, "/signout", url.Values{"form": {"x"}}); rec.Code != http.StatusForbidden {
		t.Errorf("a form of another session: %d", rec.Code)
	}
	if rec := v.send(http.MethodGet, "/signout", form); rec.Code != http.StatusNotFound && rec.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET signs out: %d", rec.Code)
	}
	stolen := *v.cookie
	if rec := v.send(http.MethodPost, "/signout", form); rec.Code != http.StatusSeeOther {
		t.Errorf("signing out: %d", rec.Code)
	}
	v.cookie = &stolen
	if rec := v.send(http.MethodGet, "/", nil); rec.Code != http.StatusSeeOther {
		t.Errorf("the session goes on after its end: %d", rec.Code)
	}
	w := &visitor{desk: d}
	if code := w.signIn("rené", "another password"); code != http.StatusSeeOther {
		t.Fatalf("rené: %d", code)
	}
	users = []console.User{{Name: "rené", Role: console.Reader, Hash: hash(t, "another password")}} // the same password, and another hash
	if rec := w.send(http.MethodGet, "/", nil); rec.Code != http.StatusSeeOther {
		t.Errorf("the session goes on with another hash: %d", rec.Code)
	}
	users = nil
	if code := w.signIn("rené", "another password"); code != http.StatusUnauthorized {
		t.Errorf("who is not in the file signs in: %d", code)
	}
}

// Five tries a minute for a name; others may go on.
func TestTooManyTries(t *testing.T) {
	d := newDesk(t)
	users := []console.User{{Name: "a", Role: console.Reader, Hash: hash(t, "a long password")}, {Name: "b", Role: console.Reader, Hash: hash(t, "a long password")}}
	d.Handler = console.Handler(console.Config{Store: d.store, Users: func() []console.User { return users }})
	v := &visitor{desk: d}
	for k := range 7 {
		want := http.StatusUnauthorized
		if k >= 5 {
			want = http.StatusTooManyRequests
		}
		if code := v.signIn("a", "wrong"); code != want {
			t.Errorf("try %d: %d", k, code)
		}
	}
	if code := v.signIn("a", "a long password"); code != http.StatusTooManyRequests {
		t.Errorf("the right password after too many tries: %d", code)
	}
	if code := v.signIn("b", "a long password"); code != http.StatusSeeOther || v.cookie.Secure || v.cookie.Name != "choriste" {
		t.Errorf("another name: %d %v", code, v.cookie)
	}
}

// After signing in, the reader is led to a page of these, and nowhere else.
func TestSigningInLeadsNowhereElse(t *testing.T) {
	d := newDesk(t)
	users := []console.User{{Name: "a", Role: console.Reader, Hash: hash(t, "a long password")}}
	d.Handler = console.Handler(console.Config{Store: d.store, Users: func() []console.User { return users }})
	for _, to := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, "javascript:alert(1)", "evil", "http:evil", "/\t/evil.example", "///evil.example"} {
		rec := (&visitor{desk: d}).send(http.MethodGet, "/signin?"+url.Values{"to": {to}}.Encode(), nil)
		if !strings.Contains(rec.Body.String(), `name="to" value="/"`) {
			t.Errorf("%s: %s", to, rec.Body)
		}
	}
	users = []console.User{}
	if rec := (&visitor{desk: d}).send(http.MethodGet, "/signin", nil); !strings.Contains(rec.Body.String(), "Nobody may sign in") {
		t.Errorf("without users: %s", rec.Body)
	}
}

// Passwords are long enough, hashes bounded in what they cost, and two hashes of one password differ.
func TestHashes(t *testing.T) {
	for _, bad := range []string{"", "short", strings.Repeat("é", 11), strings.Repeat("x", 129)} {
		if _, err := console.HashPassword(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	one, two := hash(t, "a long password"), hash(t, "a long password")
	if one == two || console.CheckHash(one) != nil {
		t.Errorf("%s, %s", one, two)
	}
	for _, change := range [][2]string{{"argon2id", "argon2i"}, {"v=19", "v=16"}, {"m=19456", "m=99999999"}, {"m=19456", "m=1"}, {"t=2", "t=0"}, {"t=2", "t=1000"}, {"p=1", "p=255"}, {"m=19456,t=2", "t=2,m=19456"}, {"p=1$", "p=1$!"}} {
		if bad := strings.Replace(one, change[0], change[1], 1); console.CheckHash(bad) == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

// Who writes a reason when his session ends finds the form to sign in, what he wrote, and the way back to the page; in his language, and in the other one.
func TestTheSessionEndsWhileAReasonIsWritten(t *testing.T) {
	d := newDesk(t)
	id := d.invoice("F-1", "invalid", "")
	v := d.acting(claire(t))
	back := fmt.Sprintf("https://console.example/invoices/%d?x=1", id)
	for _, path := range []string{fmt.Sprintf("/invoices/%d/retry", id), "/acts/start", "/acts/x/stop", fmt.Sprintf("/invoices/%d/evidence", id)} {
		rec := v.send(http.MethodPost, path, url.Values{"reason": {"the <price> was agreed on"}}, "Referer", back, "Accept-Language", "fr")
		for _, want := range []string{"La session était terminée : rien n&#39;a été fait.", "the &lt;price&gt; was agreed on", fmt.Sprintf(`name="to" value="/invoices/%d?x=1"`, id), fmt.Sprintf(`href="/invoices/%d?lang=en&amp;x=1"`, id)} {
			if rec.Code != http.StatusForbidden || !strings.Contains(rec.Body.String(), want) {
				t.Errorf("%s: %d, without %s:\n%s", path, rec.Code, want, rec.Body)
			}
		}
		if rec := v.send(http.MethodPost, path, nil, "Referer", "https://evil.example/a"); !strings.Contains(rec.Body.String(), `name="to" value="/"`) {
			t.Errorf("%s from elsewhere leads to\n%s", path, rec.Body)
		}
	}
	// An error that answers a form: the other language is of the page before, and the database's words are in it, too.
	if code := v.signIn("claire", "a long password"); code != http.StatusSeeOther {
		t.Fatal(code)
	}
	page := v.send(http.MethodGet, fmt.Sprintf("/invoices/%d", id), nil).Body.String()
	form := fieldsIn(page, fmt.Sprintf("/invoices/%d/retry", id))
	form.Set("reason", "x")
	d.sql(fmt.Sprintf(`UPDATE chorus.invoices SET purged_at = now() WHERE id = %d`, id))
	rec := v.send(http.MethodPost, fmt.Sprintf("/invoices/%d/retry", id), form, "Referer", fmt.Sprintf("https://console.example/invoices/%d", id), "Accept-Language", "fr")
	if body := rec.Body.String(); rec.Code != http.StatusBadRequest || !strings.Contains(body, "son document a été purgé le") || !strings.Contains(body, fmt.Sprintf(`href="/invoices/%d?lang=en"`, id)) {
		t.Errorf("%d\n%s", rec.Code, body)
	}
}
