package openid_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/choriste/choriste/egress"
	"github.com/choriste/choriste/openid"
	"github.com/choriste/choriste/openid/openidtest"
	"github.com/choriste/choriste/secret"
)

const address = "https://console.example"

// client is one of a provider, by its secret.
func client(t testing.TB, p *openidtest.Provider, change func(*openid.Config)) *openid.Provider {
	t.Helper()
	cfg := openid.Config{
		Issuer: p.Issuer, ClientID: openidtest.ClientID, Address: address, Scopes: []string{"openid", "profile"}, Claim: "groups", Way: egress.Way{Roots: p.Roots},
		Secret: func() secret.Text { return openidtest.Secret },
	}
	if change != nil {
		change(&cfg)
	}
	p.Redirect(address + openid.CallbackPath)
	c, err := openid.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// approve is what a browser does: it goes to the provider, and comes back with a code.
func approve(t testing.TB, p *openidtest.Provider, at string) (code, state string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	rec := recorder{header: http.Header{}}
	p.ServeHTTP(&rec, r)
	back, err := url.Parse(rec.header.Get("Location"))
	if err != nil || !strings.HasPrefix(back.String(), address+"/signin/callback?") {
		t.Fatalf("%d, back to %s", rec.status, back)
	}
	return back.Query().Get("code"), back.Query().Get("state")
}

type recorder struct {
	header http.Header
	status int
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(b []byte) (int, error) { return len(b), nil }
func (r *recorder) WriteHeader(status int)      { r.status = status }

// signIn goes all the way.
func signIn(t testing.TB, p *openidtest.Provider, c *openid.Provider) (openid.Identity, error) {
	t.Helper()
	at, try, err := c.Begin(t.Context())
	if err != nil {
		return openid.Identity{}, err
	}
	code, state := approve(t, p, at)
	if state != try.State {
		t.Errorf("the state is another one")
	}
	return c.Finish(t.Context(), try, code)
}

// fails wants a sign-in to fail in this way, with an error that says so and holds no token, code or secret.
func fails(t testing.TB, p *openidtest.Provider, c *openid.Provider, kind openid.Kind, says string) {
	t.Helper()
	who, err := signIn(t, p, c)
	var failed *openid.Error
	if !errors.As(err, &failed) || failed.Kind != kind || !strings.Contains(failed.Why, says) || who.Subject != "" {
		t.Errorf("%+v, %v: want %s with %q", who, err, kind, says)
	}
	for _, token := range append(p.Tokens(), "canary", openidtest.Secret) {
		if err != nil && strings.Contains(err.Error(), token) {
			t.Errorf("an error says %q: %v", token, err)
		}
	}
}

// Whoever signs in is who the token says, until it ends. Each sign-in has a state, a nonce and a verifier of its own.
func TestSigningIn(t *testing.T) {
	p := openidtest.New(t, false)
	c := client(t, p, nil)
	who, err := signIn(t, p, c)
	if err != nil || who.Subject != "u-1" || who.Name != "claire" || !slices.Equal(who.Values, []string{"invoices-operators"}) || time.Until(who.Ends) < 50*time.Minute || time.Until(who.Ends) > time.Hour {
		t.Fatalf("%+v %v", who, err)
	}
	_, one, _ := c.Begin(t.Context())
	_, two, _ := c.Begin(t.Context())
	if one.State == two.State || one.Nonce == two.Nonce || one.Verifier == two.Verifier || one.State == one.Nonce || len(one.Verifier) < 43 {
		t.Errorf("%v, %v", one, two)
	}
	for claim, want := range map[string][]string{`"one"`: {"one"}, `["a","","b"]`: {"a", "b"}, `{"a":1}`: nil, `7`: nil, `null`: nil, `["a",7]`: nil, `["` + strings.Repeat("x", 300) + `","a"]`: {"a"}} {
		p.Person(map[string]any{"sub": "u-2", "groups": json.RawMessage(claim)})
		if who, err := signIn(t, p, c); err != nil || who.Name != "u-2" || !slices.Equal(who.Values, want) {
			t.Errorf("%s: %+v %v", claim, who, err)
		}
	}
	// An address of mail that the provider has not verified is anybody's.
	c = client(t, p, func(cfg *openid.Config) { cfg.Claim = "email" })
	for _, verified := range []any{true, "true", false, "false", nil, 1} {
		p.Person(map[string]any{"sub": "u-3", "email": "claire@example.net", "email_verified": verified})
		want := verified == true || verified == "true"
		if who, err := signIn(t, p, c); err != nil || (len(who.Values) == 1) != want || who.Name != "claire@example.net" {
			t.Errorf("%v: %+v %v", verified, who, err)
		}
	}
}

// Tokens that prove nothing are refused, each for its own reason.
func TestHostileTokens(t *testing.T) {
	p := openidtest.New(t, false)
	c := client(t, p, nil)
	set := func(name string, v any) func(map[string]any) {
		return func(claims map[string]any) {
			if claims[name] = v; v == nil {
				delete(claims, name)
			}
		}
	}
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	for _, row := range []struct {
		name  string
		twist func(map[string]any)
		kind  openid.Kind
		says  string
	}{
		{"another nonce", set("nonce", strings.Repeat("n", 43)), openid.NotTrusted, "nonce"},
		{"no nonce", set("nonce", nil), openid.NotTrusted, "nonce"},
		{"another audience", set("aud", "other"), openid.NotTrusted, "another client"},
		{"no audience", set("aud", nil), openid.NotTrusted, "another client"},
		{"several audiences", set("aud", []string{openidtest.ClientID, "other"}), openid.NotTrusted, "azp"},
		{"issued to another", set("azp", "other"), openid.NotTrusted, "azp"},
		{"issued to a number", set("azp", 7), openid.NotTrusted, "azp"},
		{"expired", set("exp", at(-time.Second)), openid.Expired, "expired"},
		{"ends in a moment", set("exp", at(10*time.Second)), openid.Expired, "in a moment"},
		{"without end", set("exp", nil), openid.Expired, "expired"},
		{"of the future", set("iat", at(2*time.Minute)), openid.NotTrusted, "future"},
		{"not yet valid", set("nbf", at(2*time.Minute)), openid.NotTrusted, "future"},
		{"not valid for long", set("nbf", at(time.Hour)), openid.NotTrusted, "not valid yet"},
		{"another issuer", set("iss", "https://evil.example"), openid.NotTrusted, "another issuer"},
		{"no issuer", set("iss", nil), openid.NotTrusted, "another issuer"},
		{"nobody", set("sub", nil), openid.NotTrusted, "nobody"},
		{"a long subject", set("sub", strings.Repeat("x", 256)), openid.NotTrusted, "nobody"},
		{"claims of elsewhere", set("_claim_names", map[string]string{"groups": "x"}), openid.NotTrusted, "claims"},
	} {
		t.Log(row.name)
		p.Twist(row.twist)
		fails(t, p, c, row.kind, row.says)
	}
	p.Twist(set("iat", at(30*time.Second))) // the clocks may differ a little
	if _, err := signIn(t, p, c); err != nil {
		t.Error(err)
	}
	p.Twist(nil)

	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	stranger := openidtest.New(t, false)
	for name, forge := range map[string]func(string) string{
		"no token": func(string) string { return "" },
		"rubbish":  func(string) string { return "canary.canary.canary" },
		"alg none": func(token string) string { return part(`{"alg":"none"}`) + "." + strings.Split(token, ".")[1] + "." },
		"alg None": func(token string) string { return part(`{"alg":"None"}`) + "." + strings.Split(token, ".")[1] + "." },
		"HMAC": func(token string) string {
			return part(`{"alg":"HS256"}`) + "." + strings.Split(token, ".")[1] + ".AAAA"
		},
		"no signature": func(token string) string { return token[:strings.LastIndex(token, ".")+1] },
		"another claim": func(token string) string {
			s := strings.Split(token, ".")
			return s[0] + "." + part(`{"sub":"root"}`) + "." + s[2]
		},
		"a key of one's own": func(token string) string {
			claims, _ := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
			return stranger.Rotate()(string(claims))
		},
	} {
		t.Log(name)
		p.Forge(forge)
		fails(t, p, c, openid.NotTrusted, "")
	}
	p.Forge(nil)
	if _, err := signIn(t, p, c); err != nil {
		t.Errorf("after all this: %v", err)
	}
}

// A code is good once, with the verifier of its own sign-in, and with the secret.
func TestCodes(t *testing.T) {
	p := openidtest.New(t, false)
	c := client(t, p, nil)
	at, try, err := c.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	code, _ := approve(t, p, at)
	if _, err := c.Finish(t.Context(), try, code); err != nil {
		t.Fatal(err)
	}
	refused := func(c *openid.Provider, try openid.Try, code, says string) {
		t.Helper()
		var failed *openid.Error
		if _, err := c.Finish(t.Context(), try, code); !errors.As(err, &failed) || failed.Kind != openid.Refused || !strings.Contains(failed.Why, says) || strings.Contains(failed.Why, "canary") {
			t.Errorf("%v: want %q", err, says)
		}
	}
	refused(c, try, code, "invalid_grant")
	at, _, _ = c.Begin(t.Context())
	code, _ = approve(t, p, at)
	_, other, _ := c.Begin(t.Context())
	refused(c, other, code, "invalid_grant") // a stolen code, without its verifier
	wrong := client(t, p, func(cfg *openid.Config) { cfg.Secret = func() secret.Text { return "another canary" } })
	at, try, _ = wrong.Begin(t.Context())
	code, _ = approve(t, p, at)
	refused(wrong, try, code, "check its id and secret (invalid_client)")
}

// A new key is found by itself; the one that was withdrawn for it signs nothing more.
func TestKeysAreRotated(t *testing.T) {
	p := openidtest.New(t, false)
	c := client(t, p, nil)
	if _, err := signIn(t, p, c); err != nil {
		t.Fatal(err)
	}
	before := p.Rotate()
	if _, err := signIn(t, p, c); err != nil {
		t.Fatal(err)
	}
	p.Forge(func(token string) string {
		claims, _ := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
		return before(string(claims))
	})
	fails(t, p, c, openid.NotTrusted, "signature")
}

// What the provider says of itself is used only when it leads to it, by https, and is of a bounded size.
func TestHostileAnswers(t *testing.T) {
	p := openidtest.New(t, false)
	discovery := func(change map[string]any) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/openid-configuration") {
				return false
			}
			doc := map[string]any{"issuer": p.Issuer, "authorization_endpoint": p.Issuer + "/auth", "token_endpoint": p.Issuer + "/token", "jwks_uri": p.Issuer + "/keys", "id_token_signing_alg_values_supported": []string{"ES256"}}
			for name, v := range change {
				doc[name] = v
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(doc)
			return true
		}
	}
	on := func(path string, status int, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, path) {
				return false
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Location", "https://evil.example/")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
			return true
		}
	}
	huge := `{"keys": [], "canary": "` + strings.Repeat("x", 2<<20) + `"}`
	for _, row := range []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request) bool
		kind   openid.Kind
		says   string
	}{
		{"another issuer", discovery(map[string]any{"issuer": "https://evil.example"}), openid.Unfit, "another issuer"},
		{"the issuer with a slash", discovery(map[string]any{"issuer": p.Issuer + "/"}), openid.Unfit, "slash"},
		{"a token endpoint by http", discovery(map[string]any{"token_endpoint": "http://127.0.0.1/token"}), openid.Unfit, "not https"},
		{"no token endpoint", discovery(map[string]any{"token_endpoint": ""}), openid.Unfit, "missing"},
		{"keys by http", discovery(map[string]any{"jwks_uri": "http://evil.example/keys"}), openid.Unfit, "not https"},
		{"a script to sign in", discovery(map[string]any{"authorization_endpoint": "javascript:alert(1)"}), openid.Unfit, "missing"},
		{"only mutual TLS", discovery(map[string]any{"token_endpoint_auth_methods_supported": []string{"tls_client_auth"}}), openid.Unfit, "client_secret_basic"},
		{"only plain PKCE", discovery(map[string]any{"code_challenge_methods_supported": []string{"plain"}}), openid.Unfit, "S256"},
		{"none alone", discovery(map[string]any{"id_token_signing_alg_values_supported": []string{"none", "HS256"}}), openid.NotTrusted, ""},
		{"no JSON", on("/openid-configuration", 200, "<p>canary"), openid.Unfit, "cannot be used"},
		{"a redirect", on("/openid-configuration", 302, ""), openid.Unfit, "cannot be used"},
		{"503", on("/openid-configuration", 503, "canary"), openid.Unreachable, "503"},
		{"huge", on("/openid-configuration", 200, huge), openid.Unfit, "larger"},
		{"huge keys", on("/keys", 200, huge), openid.Unfit, "larger"},
		{"no keys", on("/keys", 404, "canary"), openid.Unfit, "keys"},
		{"a huge token", on("/token", 200, huge), openid.Unfit, ""},
		{"a token endpoint that is no JSON", on("/token", 200, "canary"), openid.Unfit, "token endpoint"},
		{"a token endpoint that redirects", on("/token", 307, "canary"), openid.Refused, ""},
		{"a token endpoint that fails", on("/token", 502, "canary"), openid.Unreachable, "502"},
		{"an error with a text", on("/token", 400, `{"error": "<script>canary", "error_description": "canary"}`), openid.Refused, ""},
	} {
		t.Log(row.name)
		p.Answer(row.answer)
		fails(t, p, client(t, p, nil), row.kind, row.says)
	}
	// One that takes the secret in the form alone is asked so, and once.
	p.Answer(nil)
	asked := 0
	p.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			asked++
			if r.FormValue("client_secret") != openidtest.Secret || r.Header.Get("Authorization") != "" {
				t.Errorf("the secret is not in the form: %v", r.Header)
			}
		}
		return discovery(map[string]any{"token_endpoint_auth_methods_supported": []string{"client_secret_post"}})(w, r)
	})
	_, _ = signIn(t, p, client(t, p, nil))
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	// A certificate of nobody that is trusted.
	p.Answer(nil)
	fails(t, p, client(t, p, func(cfg *openid.Config) { cfg.Way.Roots = "" }), openid.Unreachable, "certificate")
}

// One that does not answer is given up, holds nobody else up, and is asked again when it is back.
func TestSlowProvider(t *testing.T) {
	t.Parallel()
	p := openidtest.New(t, false)
	c := client(t, p, nil)
	var away atomic.Bool
	away.Store(true)
	p.Answer(func(_ http.ResponseWriter, r *http.Request) bool {
		if away.Load() {
			<-r.Context().Done()
		}
		return away.Load()
	})
	began := time.Now()
	fails(t, p, c, openid.Unreachable, "in time")
	fails(t, p, c, openid.Unreachable, "in time") // known
	if took := time.Since(began); took > 2*openid.Within {
		t.Errorf("it took %s", took)
	}
	away.Store(false)
	p.Answer(nil)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		if _, err := signIn(t, p, c); err == nil {
			return
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// Plain http leads to this machine alone.
func TestAddresses(t *testing.T) {
	for _, issuer := range []string{"https://login.example.net", "https://login.example.net/realms/main/", "http://127.0.0.1:8080/x", "http://localhost", "http://[::1]:1"} {
		if err := openid.CheckIssuer(issuer); err != nil {
			t.Errorf("%s: %v", issuer, err)
		}
	}
	for _, issuer := range []string{"", "login.example.net", "http://login.example.net", "http://localhost.evil.example", "http://10.0.0.1", "https://u:p@x.example", "https://x.example?a", "https://x.example#a", "ftp://x", "https://", "javascript:x"} {
		if openid.CheckIssuer(issuer) == nil {
			t.Errorf("%s is taken", issuer)
		}
	}
	for _, address := range []string{"https://choriste.example.net", "https://choriste.example.net:8443", "http://127.0.0.1:8080", "http://localhost:1"} {
		if err := openid.CheckAddress(address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{"", "https://choriste.example.net/", "https://Choriste.example.net", "http://choriste.example.net", "https://x.example/console", "https://u@x.example", "https://x.example?", "//x.example"} {
		if openid.CheckAddress(address) == nil {
			t.Errorf("%s is taken", address)
		}
	}
	for text, want := range map[string]string{"access_denied": "access_denied", "": "", "<script>": "", "Access": "", strings.Repeat("a", 41): "", "a b": ""} {
		if got := openid.Code(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
	if got := fmt.Sprintf("%+v", openid.Config{Secret: func() secret.Text { return "canary" }}); strings.Contains(got, "canary") {
		t.Error(got)
	}
}
