// Package openid lets a provider of OpenID Connect say who somebody is: by the authorization code flow with PKCE, state and nonce. Of what the provider answers only
// the ID token is used; no token is kept.
package openid

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/choriste/choriste/egress"
	"github.com/choriste/choriste/secret"
)

const (
	// Within bounds one request to the provider, from connect to the last byte of the answer.
	Within = 10 * time.Second
	// mostAnswer is how many bytes an answer of the provider has at most.
	mostAnswer = 1 << 20
	// fresh is for how long the provider's addresses and keys are taken as known: a key that it withdraws is refused after this at the latest.
	fresh = 10 * time.Minute
	// rest is how long a provider that failed is not asked again for its addresses, so that visitors of a page do not make us hammer it.
	rest = 5 * time.Second
	// skew is how far the provider's clock may be ahead of ours. Nothing is added to the end of a token.
	skew = time.Minute
	// mostAtOnce is how many sign-ins ask the provider at once.
	mostAtOnce = 4
)

// CallbackPath is where the provider sends browsers back to.
const CallbackPath = "/signin/callback"

// Config names the provider, and this program at it.
type Config struct {
	Issuer   string // https, or http on this machine
	ClientID string
	// Secret is asked for at each sign-in: it may change.
	Secret func() secret.Text
	// Address is the one by which browsers reach the pages, without a path.
	Address string
	Scopes  []string // openid is among them
	Claim   string   // whose values say what somebody may do
	Way     egress.Way
}

// Provider is one that is asked. It is safe for concurrent use. Nothing is asked of it before the first sign-in.
type Provider struct {
	cfg    Config
	client *http.Client
	turn   chan struct{} // of sign-ins that are completed

	discovering chan struct{} // held by who reads or writes the rest
	known       *known
	failed      error
	failedAt    time.Time

	mu         sync.Mutex
	endSession string // of the latest discovery
}

// known is what the provider says of itself.
type known struct {
	oauth    oauth2.Config
	verifier *oidc.IDTokenVerifier
	at       time.Time
}

// New checks the configuration. Its error says which part is wrong, and repeats no value.
func New(cfg Config) (*Provider, error) {
	if err := CheckIssuer(cfg.Issuer); err != nil {
		return nil, err
	}
	if err := CheckAddress(cfg.Address); err != nil {
		return nil, err
	}
	client, err := newClient(cfg.Way)
	if err != nil {
		return nil, err
	}
	return &Provider{cfg: cfg, client: client, turn: make(chan struct{}, mostAtOnce), discovering: make(chan struct{}, 1)}, nil
}

// Host is the host, with its port, by which browsers must have come: they are sent back there.
func (p *Provider) Host() string {
	u, _ := url.Parse(p.cfg.Address) // New has read it
	return u.Host
}

// Address is the one of the pages.
func (p *Provider) Address() string { return p.cfg.Address }

// Issuer is who the provider is.
func (p *Provider) Issuer() string { return p.cfg.Issuer }

// Claim is the one whose values say what somebody may do.
func (p *Provider) Claim() string { return p.cfg.Claim }

// EndSession is where a person ends his session at the provider; "" when it is not known.
func (p *Provider) EndSession() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.endSession
}

// Try is one sign-in that has begun. Whoever began it keeps it, from everybody else.
type Try struct {
	State, Nonce, Verifier string
}

// Begin returns where the browser is sent to, and what must be kept until it comes back.
func (p *Provider) Begin(ctx context.Context) (address string, t Try, err error) {
	k, err := p.discover(ctx)
	if err != nil {
		return "", Try{}, err
	}
	t = Try{State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier()}
	return k.oauth.AuthCodeURL(t.State, oidc.Nonce(t.Nonce), oauth2.S256ChallengeOption(t.Verifier)), t, nil
}

// Finish has the provider say who came back with this code.
func (p *Provider) Finish(ctx context.Context, t Try, code string) (Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*Within)
	defer cancel()
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return Identity{}, &Error{Kind: Unreachable, Why: "too many sign-ins wait for it"}
	}
	k, err := p.discover(ctx)
	if err != nil {
		return Identity{}, err
	}
	oauth := k.oauth
	oauth.ClientSecret = p.cfg.Secret().Reveal()
	token, err := oauth.Exchange(oidc.ClientContext(ctx, p.client), code, oauth2.VerifierOption(t.Verifier))
	if err != nil {
		return Identity{}, exchangeError(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok || raw == "" {
		return Identity{}, &Error{Kind: NotTrusted, Why: "there is no ID token in its answer"}
	}
	id, err := k.verifier.Verify(ctx, raw)
	if err != nil {
		return Identity{}, verifyError(err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(t.Nonce)) != 1 {
		return Identity{}, &Error{Kind: NotTrusted, Why: "the nonce is another one"}
	}
	return p.identity(id, time.Now())
}

// discover finds out the provider's addresses, unless they are known. One at a time asks; the others wait.
func (p *Provider) discover(ctx context.Context) (*known, error) {
	select {
	case p.discovering <- struct{}{}:
		defer func() { <-p.discovering }()
	case <-ctx.Done():
		return nil, &Error{Kind: Unreachable, Why: "it did not answer in time"}
	}
	switch now := time.Now(); {
	case p.known != nil && now.Sub(p.known.at) < fresh:
		return p.known, nil
	case p.failed != nil && now.Sub(p.failedAt) < rest:
		return nil, p.failed
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Within) // who goes away does not spoil it for the others
	defer cancel()
	k, end, err := p.ask(ctx)
	if err != nil {
		p.known, p.failed, p.failedAt = nil, err, time.Now()
		return nil, err
	}
	p.known, p.failed = k, nil
	p.mu.Lock()
	p.endSession = end
	p.mu.Unlock()
	return k, nil
}

// ask reads the discovery document, and refuses one that leads to plain http, or whose provider takes no secret in a way that we know.
func (p *Provider) ask(ctx context.Context) (k *known, endSession string, err error) {
	ctx = oidc.ClientContext(ctx, p.client)
	found, err := oidc.NewProvider(ctx, p.cfg.Issuer)
	if err != nil {
		return nil, "", discoveryError(err)
	}
	var more struct {
		Keys       string   `json:"jwks_uri"`
		Methods    []string `json:"token_endpoint_auth_methods_supported"`
		PKCE       []string `json:"code_challenge_methods_supported"`
		EndSession string   `json:"end_session_endpoint"`
	}
	if found.Claims(&more) != nil {
		return nil, "", &Error{Kind: Unfit, Why: "its discovery document cannot be read"}
	}
	endpoint := found.Endpoint()
	for _, address := range []string{endpoint.AuthURL, endpoint.TokenURL, more.Keys} {
		if err := checkSafe(address, p.cfg.Issuer); err != nil {
			return nil, "", &Error{Kind: Unfit, Why: "an address of its discovery document " + err.Error()}
		}
	}
	endpoint.AuthStyle = oauth2.AuthStyleInHeader // said at once: to find out would spend the code
	if len(more.Methods) > 0 && !slices.Contains(more.Methods, "client_secret_basic") {
		if !slices.Contains(more.Methods, "client_secret_post") {
			return nil, "", &Error{Kind: Unfit, Why: "it takes a client secret neither by client_secret_basic nor by client_secret_post"}
		}
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	if len(more.PKCE) > 0 && !slices.Contains(more.PKCE, "S256") {
		return nil, "", &Error{Kind: Unfit, Why: "it does not know PKCE by S256"}
	}
	if more.EndSession != "" && checkSafe(more.EndSession, p.cfg.Issuer) == nil {
		u, _ := url.Parse(more.EndSession) // checkSafe has read it
		q := u.Query()
		q.Set("client_id", p.cfg.ClientID)
		u.RawQuery = q.Encode()
		endSession = u.String()
	}
	return &known{
		oauth: oauth2.Config{
			ClientID: p.cfg.ClientID, Endpoint: endpoint, RedirectURL: p.cfg.Address + CallbackPath, Scopes: p.cfg.Scopes,
		},
		verifier: found.VerifierContext(ctx, &oidc.Config{ClientID: p.cfg.ClientID}),
		at:       time.Now(),
	}, endSession, nil
}

// random is a text that nobody guesses.
func random() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: it ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}
