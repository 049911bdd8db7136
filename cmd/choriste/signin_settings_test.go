package main

import (
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/choriste/choriste/openid"
	"github.com/choriste/choriste/openid/openidtest"
)

// secretFile writes one that its owner alone may read.
func secretFile(t *testing.T, text string) string {
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// Settings of signing in elsewhere that would let in others than meant are refused at the start, each by its name.
func TestSigningInElsewhereIsSet(t *testing.T) {
	file := usersOf(t, "groups:\n  - {name: 'CN=ops,OU=groups', role: operator}\n")
	provider := func(changes ...string) map[string]string {
		m := map[string]string{
			"CHORISTE_USERS_FILE": file, "CHORISTE_OPENID_ISSUER": "https://login.example.net/realms/main", "CHORISTE_OPENID_CLIENT_ID": "choriste",
			"CHORISTE_OPENID_CLIENT_SECRET_FILE": secretFile(t, "openid-canary"), "CHORISTE_OPENID_ADDRESS": "https://choriste.example.net",
		}
		for k := 0; k < len(changes); k += 2 {
			m[changes[k]] = changes[k+1]
		}
		return m
	}
	s := right(t, provider())
	if s.OpenID.Claim != "groups" || s.OpenID.Scopes != "openid profile" || s.Groups[0].Name != "CN=ops,OU=groups" || s.names()[1] != "choriste.example.net" || s.Users == nil {
		t.Errorf("%+v %v", s.OpenID, s.names())
	}
	for _, row := range [][3]string{
		{"CHORISTE_OPENID_ISSUER", "http://login.example.net", "must begin with https://"},
		{"CHORISTE_OPENID_ISSUER", "", "CHORISTE_OPENID_CLIENT_ID is set, and CHORISTE_OPENID_ISSUER is not"},
		{"CHORISTE_OPENID_CLIENT_ID", "", "CHORISTE_OPENID_CLIENT_ID is not"},
		{"CHORISTE_OPENID_CLIENT_SECRET_FILE", "", "CHORISTE_OPENID_CLIENT_SECRET is not"},
		{"CHORISTE_OPENID_ADDRESS", "", "CHORISTE_OPENID_ADDRESS is not"},
		{"CHORISTE_OPENID_ADDRESS", "https://choriste.example.net/x", "with nothing after the host"},
		{"CHORISTE_OPENID_SCOPES", "profile", "must have openid"},
		{"CHORISTE_OPENID_CLAIM", "two words", "one claim"},
		{"CHORISTE_USERS_FILE", "", "CHORISTE_USERS_FILE is not: it says who may do what"},
		{"CHORISTE_SIGNIN_HEADER", "X-Remote-User", "keep one"},
	} {
		wrong(t, provider(row[0], row[1]), row[2])
	}
	wrong(t, map[string]string{"CHORISTE_USERS_FILE": file}, "nobody has any")
	wrong(t, map[string]string{"CHORISTE_OPENID_CLAIM": "roles"}, "CHORISTE_OPENID_ISSUER is not")

	users := usersOf(t, "users:\n  - {name: 'rené@example.net', role: reader}\n")
	header := func(changes ...string) map[string]string {
		m := map[string]string{"CHORISTE_USERS_FILE": users, "CHORISTE_SIGNIN_HEADER": "X-Remote-User", "CHORISTE_SIGNIN_PROXIES": "10.0.0.5, ::ffff:10.0.0.6, 10.1.2.3/24,fd00::/8"}
		for k := 0; k < len(changes); k += 2 {
			m[changes[k]] = changes[k+1]
		}
		return m
	}
	s = right(t, header())
	texts := []string{}
	for _, p := range s.Header.Proxies {
		texts = append(texts, p.String())
	}
	if strings.Join(texts, " ") != "10.0.0.5/32 10.0.0.6/32 10.1.2.0/24 fd00::/8" || s.Users[0].Name != "rené@example.net" {
		t.Errorf("%v %v", texts, s.Users)
	}
	right(t, header("CHORISTE_SIGNIN_PROXIES", "", "CHORISTE_SIGNIN_SECRET_FILE", secretFile(t, "a long enough canary")))
	for _, row := range [][3]string{
		{"CHORISTE_SIGNIN_PROXIES", "", "everybody could say who he is"},
		{"CHORISTE_SIGNIN_PROXIES", "0.0.0.0/0", "everybody"},
		{"CHORISTE_SIGNIN_PROXIES", "::/0", "everybody"},
		{"CHORISTE_SIGNIN_PROXIES", "proxy.example.net", "must be addresses or networks"},
		{"CHORISTE_SIGNIN_PROXIES", "10.0.0.5,", "must be addresses or networks"},
		{"CHORISTE_SIGNIN_PROXIES", "::ffff:10.0.0.0/104", "must be addresses or networks"},
		{"CHORISTE_SIGNIN_PROXIES", "fe80::1%eth0", "must be addresses or networks"},
		{"CHORISTE_SIGNIN_SECRET_FILE", secretFile(t, "short canary"), "less than 20"},
		{"CHORISTE_SIGNIN_HEADER", "X_Remote_User", "must be the name of a header"},
		{"CHORISTE_SIGNIN_HEADER", "X-Remote-User:", "must be the name of a header"},
		{"CHORISTE_SIGNIN_HEADER", "cookie", "another meaning"},
		{"CHORISTE_SIGNIN_HEADER", "Sec-Fetch-Site", "another meaning"},
		{"CHORISTE_SIGNIN_HEADER", "choriste-proxy-secret", "another meaning"},
		{"CHORISTE_SIGNIN_HEADER", "", "CHORISTE_SIGNIN_HEADER is not"},
		{"CHORISTE_SIGNIN_GROUPS", "x-remote-user", "the same header"},
		{"CHORISTE_USERS_FILE", "", "it says who may do what"},
		{"CHORISTE_USERS_FILE", file, "nobody has any"},
	} {
		wrong(t, header(row[0], row[1]), row[2])
	}
	for text, want := range map[string]string{
		"groups:\n  - {role: reader}":                                       ":2: a group needs a name",
		"groups:\n  - {name: ' a', role: reader}":                           "a group needs a name",
		"groups:\n  - {name: \"a\\u200b\", role: reader}":                   "a group needs a name",
		"groups:\n  - {name: a, role: king}":                                "group a needs a role",
		"groups:\n  - {name: a, role: reader, hash: x}":                     "hash is none of accounts, name, role",
		"groups:\n  - {name: a, role: reader}\n  - {name: a, role: reader}": ":3: there is a group a already",
		"groups:": "groups must be a list",
		"users:\n  - {name: 'a, b', role: reader}": "a user needs a name",
	} {
		wrong(t, header("CHORISTE_USERS_FILE", usersOf(t, text), "CHORISTE_SIGNIN_GROUPS", "X-Remote-Groups"), want)
	}
	wrong(t, map[string]string{"CHORISTE_USERS_FILE": users}, "a user needs a name") // one without a password, and no proxy
}

// A worker starts while the provider is away, is ready, and signs people in when it is back; a secret that has changed is taken over.
func TestAWorkerWithoutItsProvider(t *testing.T) {
	p := openidtest.New(t, false)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, []byte(p.Roots), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"CHORISTE_USERS_FILE": usersOf(t, "groups:\n  - {name: invoices-operators, role: reader}\n"), "CHORISTE_CA_FILE": roots,
		"CHORISTE_OPENID_ISSUER": p.Issuer, "CHORISTE_OPENID_CLIENT_ID": openidtest.ClientID, "CHORISTE_OPENID_CLIENT_SECRET_FILE": secretFile(t, "not the right canary"),
		"CHORISTE_OPENID_ADDRESS": "https://console.example",
	}
	p.Redirect("https://console.example" + openid.CallbackPath)
	p.Answer(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusBadGateway); return true })
	probes := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ready") })
	st := workersStore(t)
	start := func() *web { return newWeb(right(t, env), st, nil, probes, slog.New(slog.DiscardHandler)) }
	ask := func(w *web, path string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "https://console.example"+path, nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		rec := httptest.NewRecorder()
		w.server.Handler.ServeHTTP(rec, r)
		return rec
	}
	w := start()
	if rec := ask(w, "/signin/openid"); rec.Code != http.StatusServiceUnavailable || !strings.Contains(rec.Body.String(), "does not answer") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	if rec := ask(w, "/readyz"); rec.Code != http.StatusOK {
		t.Errorf("not ready without the provider: %d", rec.Code)
	}
	p.Answer(nil)
	w = start() // this one has not seen it fail
	signIn := func() *httptest.ResponseRecorder {
		begun := ask(w, "/signin/openid")
		at := httptest.NewRecorder()
		p.ServeHTTP(at, httptest.NewRequest(http.MethodGet, begun.Header().Get("Location"), nil))
		return ask(w, strings.TrimPrefix(at.Header().Get("Location"), "https://console.example"), begun.Result().Cookies()...)
	}
	if rec := signIn(); rec.Code != http.StatusForbidden || strings.Contains(rec.Body.String(), "canary") {
		t.Errorf("with another secret: %d %s", rec.Code, rec.Body)
	}
	changed := maps.Clone(env)
	changed["CHORISTE_OPENID_CLIENT_SECRET_FILE"] = secretFile(t, openidtest.Secret)
	w.set(right(t, changed))
	rec := signIn()
	if rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), "claire") {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	session := rec.Result().Cookies()[1]
	if session.Name != "__Host-choriste" || !session.Secure || session.SameSite != http.SameSiteStrictMode || !session.HttpOnly {
		t.Errorf("the cookie: %v", session)
	}
	changed["CHORISTE_USERS_FILE"] = usersOf(t, "users: []\n")
	w.set(right(t, changed))
	if rec := ask(w, "/money", session); rec.Code != http.StatusSeeOther {
		t.Errorf("who is out of the file goes on: %d", rec.Code)
	}
}
