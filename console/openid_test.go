package console_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/choriste/choriste/console"
	"github.com/choriste/choriste/egress"
	"github.com/choriste/choriste/openid"
	"github.com/choriste/choriste/openid/openidtest"
	"github.com/choriste/choriste/secret"
	"github.com/choriste/choriste/store"
)

// lobby is a console that is served over HTTP, and signs people in at a provider.
type lobby struct {
	*desk
	url      string
	provider *openidtest.Provider
	groups   atomic.Pointer[[]console.Group]
}

func newLobby(t testing.TB, plain bool, server func(http.Handler) string, users ...console.User) *lobby {
	d := newDesk(t)
	l := &lobby{desk: d, provider: openidtest.New(t, plain)}
	l.url = server(d)
	l.provider.Redirect(l.url + openid.CallbackPath)
	l.groups.Store(&[]console.Group{{Name: "invoices-operators", Role: console.Operator}, {Name: "everybody", Role: console.Reader}})
	provider, err := openid.New(openid.Config{
		Issuer: l.provider.Issuer, ClientID: openidtest.ClientID, Address: l.url, Scopes: []string{"openid"}, Claim: "groups", Way: egress.Way{Roots: l.provider.Roots},
		Secret: func() secret.Text { return openidtest.Secret },
	})
	if err != nil {
		t.Fatal(err)
	}
	acting, err := store.ConnectActing(t.Context(), d.operatorURL, "console", 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(acting.Close)
	d.Handler = console.Handler(console.Config{
		Store: d.store, Operator: store.New(acting), OpenID: provider, Log: d.logger(),
		Users: func() []console.User { return users }, Groups: func() []console.Group { return *l.groups.Load() },
	})
	return l
}

func served(t testing.TB) func(http.Handler) string {
	return func(h http.Handler) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.URL
	}
}

// guest is somebody's browser at it: it keeps cookies, and goes where it is sent only when it is told to.
type guest struct {
	*lobby
	jar    *cookiejar.Jar
	client http.Client
}

func (l *lobby) guest() *guest {
	l.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		l.Fatal(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	route, err := egress.Way{Roots: l.provider.Roots}.Open()
	if err != nil {
		l.Fatal(err)
	}
	transport.TLSClientConfig = route.TLS()
	l.Cleanup(transport.CloseIdleConnections)
	return &guest{l, jar, http.Client{
		Jar: jar, Transport: transport, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is what came back.
type answer struct {
	*http.Response
	text string
}

func (a answer) to() string { return a.Header.Get("Location") }

// ask asks once; headers come in pairs.
func (g *guest) ask(method, at string, form url.Values, headers ...string) answer {
	g.Helper()
	if strings.HasPrefix(at, "/") {
		at = g.url + at
	}
	r, err := http.NewRequestWithContext(g.Context(), method, at, strings.NewReader(form.Encode()))
	if err != nil {
		g.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", g.url)
	}
	for k := 0; k < len(headers); k += 2 {
		if r.Header.Set(headers[k], headers[k+1]); headers[k] == "Host" {
			r.Host = headers[k+1]
		}
	}
	resp, err := g.client.Do(r)
	if err != nil {
		g.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		g.Fatal(err)
	}
	return answer{resp, string(b)}
}

func (g *guest) get(at string, headers ...string) answer {
	g.Helper()
	return g.ask(http.MethodGet, at, nil, headers...)
}

// away begins a sign-in, signs in at the provider, and returns the address to which the provider sends the browser back.
func (g *guest) away(to string) string {
	g.Helper()
	a := g.get("/signin/openid?" + url.Values{"to": {to}}.Encode())
	if a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.to(), g.provider.Issuer+"/auth?") {
		g.Fatalf("%d %s\n%s", a.StatusCode, a.to(), a.text)
	}
	return g.get(a.to()).to()
}

func (g *guest) session() string {
	at, _ := url.Parse(g.url)
	for _, c := range g.jar.Cookies(at) {
		if c.Name == "choriste" {
			return c.Value
		}
	}
	return ""
}

func (g *guest) signIn() {
	g.Helper()
	if a := g.get(g.away("/")); a.StatusCode != http.StatusOK || g.session() == "" {
		g.Fatalf("%d %s", a.StatusCode, a.text)
	}
}

// Whoever comes back from the provider is led to the page that he wanted, with the role of his groups as the file has them at each request, and acts under a name that nobody
// else can take.
func TestSigningInAtAProvider(t *testing.T) {
	l := newLobby(t, false, served(t))
	id := l.invoice("F-1", "invalid", "")
	g := l.guest()
	at := fmt.Sprintf("/invoices/%d", id)
	first := g.get(at)
	if !strings.HasPrefix(first.to(), "/signin?to=") {
		t.Fatalf("%d %s", first.StatusCode, first.to())
	}
	page := g.get(first.to())
	if !strings.Contains(page.text, `href="/signin/openid?to=`+url.QueryEscape(at)+`"`) || strings.Contains(page.text, `type="password"`) || strings.Contains(page.text, "Nobody may") {
		t.Errorf("the page to sign in:\n%s", page.text)
	}
	back := g.get(g.away(at + "?x=1"))
	if back.StatusCode != http.StatusOK || back.Header.Get("Refresh") != "0; url="+at+"?x=1" || back.Header.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(back.text, "claire") || strings.Contains(back.text, "code=") {
		t.Fatalf("%d %v\n%s", back.StatusCode, back.Header, back.text)
	}
	if page = g.get(at); page.StatusCode != http.StatusOK || !strings.Contains(page.text, "<span>claire</span>") || !strings.Contains(page.text, at+"/retry") {
		t.Fatalf("%d\n%s", page.StatusCode, page.text)
	}
	form := fieldsIn(page.text, at+"/retry")
	form.Set("reason", "it was corrected")
	if a := g.ask(http.MethodPost, at+"/retry", form); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", a.StatusCode, a.text)
	}
	var actor string
	if err := l.owner.QueryRow(t.Context(), `SELECT actor FROM chorus.events WHERE invoice_id = $1 ORDER BY id DESC LIMIT 1`, id).Scan(&actor); err != nil || !strings.HasSuffix(actor, "/console:openid:u-1:claire") {
		t.Errorf("history has %s %v", actor, err)
	}

	l.groups.Store(&[]console.Group{{Name: "invoices-operators", Role: console.Reader}})
	if page = g.get(at); page.StatusCode != http.StatusOK || strings.Contains(page.text, at+"/retry") {
		t.Errorf("a reader is offered acts: %d", page.StatusCode)
	}
	if a := g.ask(http.MethodPost, at+"/retry", form); a.StatusCode != http.StatusForbidden {
		t.Errorf("a reader acts: %d", a.StatusCode)
	}
	l.groups.Store(&[]console.Group{})
	if a := g.get(at); a.StatusCode != http.StatusSeeOther {
		t.Errorf("without a group: %d", a.StatusCode)
	}
}

// Who has no role is told so, with his name and what was seen of him, whatever stands there.
func TestNoRole(t *testing.T) {
	l := newLobby(t, false, served(t))
	for _, groups := range []any{[]string{hostile, "Invoices-operators", "invoices-operators ", "invoices‐operators", "ｉnvoices-operators"}, nil, 7} {
		l.provider.Person(map[string]any{"sub": "u-2", "preferred_username": hostile, "groups": groups})
		g := l.guest()
		a := g.get(g.away("/"))
		if a.StatusCode != http.StatusForbidden || g.session() != "" || !strings.Contains(a.text, "You have no role here") || !strings.Contains(a.text, "<code>groups</code>") || strings.Contains(a.text, "<script>") || strings.Contains(a.text, "\u202e") {
			t.Errorf("%v: %d\n%s", groups, a.StatusCode, a.text)
		}
		if _, some := groups.([]string); some != strings.Contains(a.text, "<code>Invoices-operators</code>") {
			t.Errorf("%v:\n%s", groups, a.text)
		}
		if a := g.get("/"); a.StatusCode != http.StatusSeeOther {
			t.Errorf("sees a page: %d", a.StatusCode)
		}
	}
}

// What an outsider tries at the way back: none of it signs anybody in.
func TestAttacksOnTheWayBack(t *testing.T) {
	l := newLobby(t, false, served(t))
	refused := func(g *guest, what string, a answer) {
		t.Helper()
		if a.StatusCode != http.StatusForbidden || g.session() != "" || a.Header.Get("Refresh") != "" || strings.Contains(a.text, "<script>") {
			t.Errorf("%s: %d, session %q\n%s", what, a.StatusCode, g.session(), a.text)
		}
	}
	change := func(at, name, value string) string {
		u, _ := url.Parse(at)
		q := u.Query()
		if q.Set(name, value); value == "" {
			q.Del(name)
		}
		u.RawQuery = q.Encode()
		return u.String()
	}
	// The attacker has the victim's browser end the sign-in that he began himself.
	mallory, victim := l.guest(), l.guest()
	back := mallory.away("/")
	refused(victim, "login CSRF", victim.get(back))
	victim.away("/") // he has begun one, too
	refused(victim, "login CSRF while one goes on", victim.get(back))
	// Each of these spends the sign-in that was begun.
	for what, twist := range map[string]func(string) string{
		"no state":               func(at string) string { return change(at, "state", "") },
		"another state":          func(at string) string { return change(at, "state", strings.Repeat("x", 43)) },
		"two states":             func(at string) string { return at + "&state=x" },
		"no code":                func(at string) string { return change(at, "code", "") },
		"two codes":              func(at string) string { return at + "&code=x" },
		"a code of nobody":       func(at string) string { return change(at, "code", "canary") },
		"another issuer":         func(at string) string { return at + "&iss=https://evil.example" },
		"an error":               func(at string) string { return change(at, "code", "") + "&error=access_denied" },
		"an error with a script": func(at string) string { return change(at, "code", "") + "&error=<script>&error_description=<script>" },
	} {
		g := l.guest()
		at := g.away("/")
		refused(g, what, g.get(twist(at)))
		refused(g, what+", and then the right one", g.get(at))
	}
	// A cookie of before, with an answer of before.
	g := l.guest()
	begin := g.get("/signin/openid")
	saved := begin.Cookies()
	at := g.get(begin.to()).to()
	if a := g.get(at); a.StatusCode != http.StatusOK {
		t.Fatal(a.text)
	}
	home, _ := url.Parse(l.url)
	for _, cookie := range saved {
		if cookie.Name != "choriste-signin" || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.MaxAge != 600 || strings.Contains(cookie.Value, begin.to()) {
			t.Errorf("the cookie: %v", cookie)
		}
		value := []byte(cookie.Value)
		h := l.guest()
		h.jar.SetCookies(home, []*http.Cookie{cookie})
		refused(h, "a whole sign-in again", h.get(at))
		value[len(value)/2] ^= 1
		cookie.Value = string(value)
		h.jar.SetCookies(home, []*http.Cookie{cookie})
		refused(h, "a cookie that was changed", h.get(at))
		cookie.Value = strings.Repeat("A", 4050)
		h.jar.SetCookies(home, []*http.Cookie{cookie})
		refused(h, "a cookie that is too long", h.get(at))
	}
	// A session that somebody planted is not the one of whoever signs in; it ends.
	mallory.signIn()
	planted := mallory.session()
	h := l.guest()
	h.jar.SetCookies(home, []*http.Cookie{{Name: "choriste", Value: planted, Path: "/"}})
	h.signIn()
	if h.session() == planted || mallory.get("/").StatusCode != http.StatusSeeOther {
		t.Error("a planted session lives on")
	}
	// HEAD looks, and does nothing; another site's page begins nothing; nor does another name of this machine.
	h = l.guest()
	at = h.away("/")
	if h.ask(http.MethodHead, at, nil); h.session() != "" {
		t.Error("HEAD signs in")
	}
	if a := h.get("/signin/openid", "Sec-Fetch-Site", "cross-site"); a.to() != "/signin" || len(a.Cookies()) > 0 {
		t.Errorf("another site's page begins a sign-in: %s", a.to())
	}
	if a := h.get("/signin/openid", "Host", "localhost"); a.StatusCode != http.StatusMisdirectedRequest || len(a.Cookies()) > 0 || !strings.Contains(a.text, l.url) {
		t.Errorf("%d %s", a.StatusCode, a.text)
	}
	// Nobody is led elsewhere afterwards.
	for _, to := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, "javascript:alert(1)", "/\t/evil.example", "///evil.example", "/a\r\nX: y", "/" + strings.Repeat("x", 5000)} {
		g := l.guest()
		a := g.get(g.away(to))
		if at := a.Header.Get("Refresh"); at != "0; url=/" || strings.Contains(a.text, "evil") {
			t.Errorf("%q leads to %q", to, at)
		}
	}
	for _, token := range append(l.provider.Tokens(), "canary", openidtest.Secret, "evil.example/x") {
		if strings.Contains(l.log.String(), token) {
			t.Errorf("the log has %q", token)
		}
	}
	if !strings.Contains(l.log.String(), "invalid_grant") {
		t.Errorf("the log does not say why:\n%s", l.log)
	}
}

// A session ends with the ID token, with idleness and with age; then the provider is asked again, which usually asks nothing. Who signs out is asked.
func TestTheEndOfASession(t *testing.T) {
	now := time.Now()
	for _, row := range []struct {
		used, created, ends time.Duration // before now; ends after it
		over                bool
	}{
		{0, 0, time.Minute, false},
		{0, time.Hour, 0, true},
		{0, time.Hour, -time.Second, true},
		{31 * time.Minute, time.Hour, time.Hour, true},
		{0, 8*time.Hour + 1, time.Hour, true},
	} {
		if console.SessionOver(now.Add(-row.used), now.Add(-row.created), now.Add(row.ends), now) != row.over {
			t.Errorf("%+v", row)
		}
	}
	l := newLobby(t, false, served(t))
	g := l.guest()
	home, _ := url.Parse(l.url)
	g.jar.SetCookies(home, []*http.Cookie{{Name: "choriste", Value: "of another worker", Path: "/"}})
	a := g.get("/money?year=2026")
	if a.to() != "/signin/openid?to=%2Fmoney%3Fyear%3D2026" || g.session() != "" {
		t.Errorf("whose session is over is led to %s, and still has %q", a.to(), g.session())
	}
	l.provider.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/openid-configuration") {
			return false
		}
		_, _ = fmt.Fprintf(w, `{"issuer": %q, "authorization_endpoint": %q, "token_endpoint": %q, "jwks_uri": %q, "id_token_signing_alg_values_supported": ["ES256"], "end_session_endpoint": %q}`,
			l.provider.Issuer, l.provider.Issuer+"/auth", l.provider.Issuer+"/token", l.provider.Issuer+"/keys", l.provider.Issuer+"/logout")
		return true
	})
	g.signIn()
	form := url.Values{"form": {formText.FindStringSubmatch(g.get("/").text)[1]}}
	if a := g.ask(http.MethodPost, "/signout", url.Values{"form": {"x"}}); a.StatusCode != http.StatusForbidden {
		t.Errorf("another site's form signs out: %d", a.StatusCode)
	}
	stolen := g.session()
	a = g.ask(http.MethodPost, "/signout", form)
	if a.to() != "/signin?out" || g.session() != "" {
		t.Fatalf("%d %s", a.StatusCode, a.to())
	}
	if page := g.get(a.to()); !strings.Contains(page.text, l.provider.Issuer+"/logout?client_id=choriste") {
		t.Errorf("the way to the provider's own end is not shown:\n%s", page.text)
	}
	if a := g.get("/"); a.to() != "/signin?to=%2F" {
		t.Errorf("who signed out is signed in again: %s", a.to())
	}
	g.jar.SetCookies(home, []*http.Cookie{{Name: "choriste", Value: stolen, Path: "/"}})
	if a := g.get("/"); a.StatusCode != http.StatusSeeOther {
		t.Error("the session goes on after its end")
	}
}

// While the provider is away the pages say so, passwords are taken, and who is signed in stays so.
func TestTheProviderIsAway(t *testing.T) {
	l := newLobby(t, false, served(t), claire(t))
	g, h := l.guest(), l.guest()
	l.provider.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
		http.Error(w, "canary", http.StatusBadGateway)
		return true
	})
	page := g.get("/signin/openid?to=/money", "Accept-Language", "fr")
	if page.StatusCode != http.StatusServiceUnavailable || !strings.Contains(page.text, "ne répond pas") || !strings.Contains(page.text, `type="password"`) || strings.Contains(page.text, "canary") || !strings.Contains(page.text, `name="to" value="/money"`) {
		t.Errorf("%d\n%s", page.StatusCode, page.text)
	}
	if a := h.ask(http.MethodPost, "/signin", url.Values{"name": {"claire"}, "password": {"a long password"}}); a.StatusCode != http.StatusSeeOther || h.get("/").StatusCode != http.StatusOK {
		t.Errorf("a password: %d", a.StatusCode)
	}
	if !strings.Contains(l.log.String(), "502") || strings.Contains(l.log.String(), "canary") {
		t.Errorf("the log:\n%s", l.log)
	}
	// A name of the provider's is not one of the file's.
	l.provider.Answer(nil)
	l.provider.Person(map[string]any{"sub": "u-9", "preferred_username": "claire"})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		if a := g.get("/signin/openid"); a.StatusCode == http.StatusSeeOther {
			if a = g.get(g.get(a.to()).to()); a.StatusCode != http.StatusForbidden || g.session() != "" {
				t.Errorf("a claire of the provider's is the file's: %d", a.StatusCode)
			}
			return
		} else if time.Now().After(deadline) {
			t.Fatal(a.text)
		}
	}
}
