package chorus

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/choriste/choriste/egress"
)

// Config says which portal, as whom, and how patiently. The zero value of a field without a stated default is refused.
type Config struct {
	// APIURL is the root of the API without /cpro, as https://sandbox-api.piste.gouv.fr; TokenURL the full address of
	// the token endpoint. See [URLs].
	APIURL, TokenURL string

	// ClientID and ClientSecret are the PISTE application; Scope is "openid" by default. None of the three is
	// used when Tokens is set; TokenURL is then only compared with APIURL, if given.
	ClientID     string
	ClientSecret Secret
	Scope        string

	// Login and Password are the technical account of Chorus Pro (TECH_…@cpro.fr), sent as cpro-account with each call.
	Login    string
	Password Secret
	// NoAccount leaves cpro-account out, and Login and Password may be empty: one integrator met a kind of connection
	// that refuses it.
	NoAccount bool

	// DepositTimeout bounds one deposit from dialling to the last byte of the answer; 60 s by default.
	DepositTimeout time.Duration
	// ReadTimeout bounds each other request likewise; 30 s by default.
	ReadTimeout time.Duration
	// TokenMargin: a token is renewed so long before it expires; 2 min by default, and never less than
	// DepositTimeout + 60 s, so that a token outlives the deposit that carries it.
	TokenMargin time.Duration

	// Budget is asked before every request to the API; nil means no limit. A deposit's permit is taken by Prepare.
	Budget Budget
	// Gate is passed immediately before every request to the API; nil means always open.
	Gate Gate
	// Tokens gives the OAuth tokens; nil means an own source over TokenURL, for this process alone.
	Tokens TokenSource
	// Way is the way out to the portal; straight by default.
	Way egress.Way
}

// Lane says on behalf of which work a request is made, so that a Budget can keep a share for each.
type Lane string

// The lanes.
const (
	LaneResolve Lane = "resolve" // settling doubt about a deposit
	LaneSubmit  Lane = "submit"  // deposits, and the health check that precedes them
	LaneSync    Lane = "sync"    // the change feed
	LaneReport  Lane = "report"  // integration reports
)

// Budget shares the requests that PISTE grants one application (docs/chorus-pro.md §3.5).
type Budget interface {
	// Take returns when it is the turn of one request. Its error is found again in the returned error's chain.
	Take(ctx context.Context, lane Lane) error
	// Depart returns when a request may leave whose turn it was: its connection stands, and nothing of it is written yet.
	// An error keeps it back and is found again likewise. left is called as soon as the request's head is written, and does not wait.
	Depart(ctx context.Context) (left func(), err error)
}

// Gate watches over the use of one technical account, which too many refusals lock (docs/chorus-pro.md §3.6).
type Gate interface {
	// Enter returns when a request may leave, within a second, or an error that keeps it back and is found again in the
	// returned error's chain. leave is called once, as soon as the answer is read: with the fault, "" for success, and with
	// whether it was a 401 that does not say what it refuses, which is laid on the token the first time.
	Enter(ctx context.Context) (leave func(fault Fault, unclear bool), err error)
}

func (cfg Config) withDefaults() Config {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&cfg.DepositTimeout, 60*time.Second)
	set(&cfg.ReadTimeout, 30*time.Second)
	set(&cfg.TokenMargin, 2*time.Minute)
	cfg.TokenMargin = max(cfg.TokenMargin, cfg.DepositTimeout+tokenReserve)
	if cfg.Scope == "" {
		cfg.Scope = "openid"
	}
	return cfg
}

func (cfg Config) validate() error {
	var problems []error
	demand := func(ok bool, what string) {
		if !ok {
			problems = append(problems, errors.New(what))
		}
	}
	if cfg.Tokens == nil {
		problems = append(problems, Check(cfg.APIURL, cfg.TokenURL), cfg.validateApplication())
	} else {
		problems = append(problems, Check(cfg.APIURL, cmp.Or(cfg.TokenURL, cfg.APIURL)))
	}
	demand(cfg.Login != "" || cfg.NoAccount, "the technical account's login is missing")
	demand(!strings.Contains(cfg.Login, ":"), "the technical account's login contains a colon")
	demand(cfg.Password != "" || cfg.NoAccount, "the technical account's password is missing")
	demand(cfg.DepositTimeout > 0 && cfg.ReadTimeout > 0, "a duration is negative")
	return errors.Join(problems...)
}

func (cfg Config) validateApplication() error {
	if cfg.ClientID == "" || cfg.ClientSecret == "" {
		return errors.New("the PISTE application's client id or client secret is missing")
	}
	return nil
}

// Client speaks to one portal as one technical account. It is safe for concurrent use.
type Client struct {
	api            string
	route          *egress.Route
	deposits       *http.Client // connections used once
	reads          *http.Client // connections kept
	depositTimeout time.Duration
	readTimeout    time.Duration
	budget         Budget
	gate           Gate
	tokens         TokenSource
	private        *private // behind a pointer, so that printing a Client cannot reach it

	// unclear is the generation of the last token met by a 401 that did not say what it refused; 0 when the last
	// answer was none. The same 401 for a newer token means that the account is refused (docs/chorus-pro.md §3.4).
	unclear atomic.Int64
}

type private struct {
	account string // value of cpro-account; "" = it is not sent
	redactor
}

// New makes a client. It reports all problems of the configuration at once and does not touch the network.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("chorus: %w", err)
	}
	hosts, err := ReadHosts(cfg.APIURL, cmp.Or(cfg.TokenURL, cfg.APIURL))
	if err != nil {
		return nil, fmt.Errorf("chorus: %w", err)
	}
	cfg.APIURL = hosts.API
	route, err := cfg.Way.Open()
	if err != nil {
		return nil, fmt.Errorf("chorus: %w", err)
	}
	tokens := cfg.Tokens
	if tokens == nil {
		endpoint, err := NewTokenEndpoint(cfg)
		if err != nil {
			return nil, err
		}
		tokens = newTokenCache(endpoint.Fetch, cfg.TokenMargin)
	}
	account := ""
	if !cfg.NoAccount {
		account = base64.StdEncoding.EncodeToString([]byte(cfg.Login + ":" + cfg.Password.Reveal()))
	}
	return &Client{
		api:            hosts.API,
		route:          route,
		deposits:       depositClient(cfg, route),
		reads:          readClient(cfg, route),
		depositTimeout: cfg.DepositTimeout,
		readTimeout:    cfg.ReadTimeout,
		budget:         cfg.Budget,
		gate:           cfg.Gate,
		tokens:         tokens,
		private:        &private{account, newRedactor(account, cfg.Password.Reveal(), cfg.ClientSecret.Reveal())},
	}, nil
}

// Format implements fmt.Formatter: a client prints as its address, never as what it carries.
func (c *Client) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "chorus.Client("+c.api+")") }
