// Package openidtest is a provider of OpenID Connect for tests. It checks what a client sends as a strict provider does: client, redirect address, PKCE, and that a code is
// used once. It can be made to lie.
package openidtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"
)

// What the provider knows of its one client.
const (
	ClientID = "choriste"
	Secret   = "s3cret-canary/+%&é"
)

// Provider is a running one. Its fields may be changed between requests.
type Provider struct {
	testing.TB
	Issuer string
	Roots  string // its certificate, in PEM; "" without TLS

	mu       sync.Mutex
	redirect string
	person   map[string]any
	twist    func(claims map[string]any)
	forge    func(token string) string
	answer   func(w http.ResponseWriter, r *http.Request) (answered bool)
	keys     oidctest.Server
	key      *ecdsa.PrivateKey
	kid      string
	grants   map[string]url.Values // by code
	tokens   []string              // that were given
}

// New starts one, by TLS unless plain, as it is called on this machine. Browsers come back to redirect.
func New(t testing.TB, plain bool) *Provider {
	p := &Provider{TB: t, grants: map[string]url.Values{}, person: map[string]any{"sub": "u-1", "preferred_username": "claire", "groups": []string{"invoices-operators"}}}
	p.keys.Algorithms = []string{oidc.ES256}
	p.Rotate()
	server := httptest.NewUnstartedServer(p)
	if plain {
		server.Start()
		p.Issuer = strings.Replace(server.URL, "127.0.0.1", "localhost", 1) // another site than 127.0.0.1
	} else {
		server.StartTLS()
		p.Issuer = server.URL
		p.Roots = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	}
	p.keys.SetIssuer(p.Issuer)
	t.Cleanup(server.Close)
	return p
}

// Rotate has the provider sign with a new key, and forget the one before. It returns a function that signs with the one before.
func (p *Provider) Rotate() (before func(claims string) string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	old, kid := p.key, p.kid
	p.key, p.kid = key, rand.Text()
	p.keys.PublicKeys = []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: p.kid, Algorithm: oidc.ES256}}
	return func(claims string) string { return oidctest.SignIDToken(old, kid, oidc.ES256, claims) }
}

// set changes what the provider knows, or how it lies, while nobody is served.
func (p *Provider) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// Redirect is where the client may have browsers sent back to.
func (p *Provider) Redirect(address string) { p.set(func() { p.redirect = address }) }

// Person are the claims of whoever signs in next.
func (p *Provider) Person(claims map[string]any) { p.set(func() { p.person = claims }) }

// Twist changes the claims of tokens before they are signed; nil changes none.
func (p *Provider) Twist(f func(claims map[string]any)) { p.set(func() { p.twist = f }) }

// Forge changes tokens after they are signed; nil changes none.
func (p *Provider) Forge(f func(token string) string) { p.set(func() { p.forge = f }) }

// Answer answers instead of the provider, where it returns true; nil answers nothing.
func (p *Provider) Answer(f func(w http.ResponseWriter, r *http.Request) bool) {
	p.set(func() { p.answer = f })
}

// Tokens are all that were given.
func (p *Provider) Tokens() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tokens
}

// ServeHTTP is the provider.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	answer := p.answer
	p.mu.Unlock()
	if answer != nil && answer(w, r) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r.URL.Path {
	case "/auth":
		p.authorize(w, r)
	case "/token":
		p.exchange(w, r)
	default:
		p.keys.ServeHTTP(w, r)
	}
}

// authorize signs the person in, who presses a link; ?go, or a client that is no browser, needs none.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != ClientID || q.Get("redirect_uri") != p.redirect || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" ||
		len(q.Get("code_challenge")) != 43 || len(q.Get("state")) < 32 || len(q.Get("nonce")) < 32 || !strings.Contains(" "+q.Get("scope")+" ", " openid ") {
		p.Errorf("the provider is asked for %s", r.URL)
		http.Error(w, "invalid_request", http.StatusBadRequest)
		return
	}
	if strings.Contains(r.Header.Get("Accept"), "text/html") && !q.Has("go") {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><title>provider</title><link rel="icon" href="data:,"><a id="yes" href="/auth?` + strings.ReplaceAll(r.URL.RawQuery, "&", "&amp;") + `&amp;go=1">claire</a>`)) //nolint:gosec // a provider of tests
		return
	}
	code := rand.Text()
	p.grants[code] = q
	back := url.Values{"code": {code}, "state": {q.Get("state")}}
	http.Redirect(w, r, p.redirect+"?"+back.Encode(), http.StatusSeeOther)
}

func (p *Provider) exchange(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	id, _ = url.QueryUnescape(id) // as OAuth has it
	secret, _ = url.QueryUnescape(secret)
	refuse := func(code string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error": "` + code + `", "error_description": "canary of the provider"}`))
	}
	grant, known := p.grants[r.PostFormValue("code")]
	delete(p.grants, r.PostFormValue("code"))
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case id != ClientID || secret != Secret:
		refuse("invalid_client")
		return
	case !known || r.PostFormValue("redirect_uri") != p.redirect || base64.RawURLEncoding.EncodeToString(sum[:]) != grant.Get("code_challenge"):
		refuse("invalid_grant")
		return
	}
	claims := map[string]any{"iss": p.Issuer, "aud": ClientID, "nonce": grant.Get("nonce"), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(claims, p.person)
	if p.twist != nil {
		p.twist(claims)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		p.Error(err)
	}
	token := oidctest.SignIDToken(p.key, p.kid, oidc.ES256, string(text))
	if p.forge != nil {
		token = p.forge(token)
	}
	access := "access-canary-" + rand.Text()
	p.tokens = append(p.tokens, access)
	if token != "" {
		p.tokens = append(p.tokens, token)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"access_token": "` + access + `", "token_type": "Bearer", "expires_in": 300, "id_token": ` + strconv.Quote(token) + `}`))
}
