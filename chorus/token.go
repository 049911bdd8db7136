package chorus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

const opToken = "oauth/token" //nolint:gosec // an operation, not a credential

// tokenReserve is what a token must live longer than the deposit that carries it.
const tokenReserve = 60 * time.Second

// unsaidLife is assumed when the endpoint does not say how long its token lives. PISTE documents 3,600 s and says so in
// every answer (docs/chorus-pro.md §3.1); an answer that does not is not the documented one, so little is presumed: too
// short costs a dozen requests an hour, too long an hour of refusals.
const unsaidLife = 5 * time.Minute

// maxLife bounds a life that is too long to be meant.
const maxLife = 24 * time.Hour

// Token is an OAuth access token. Generation grows with each new token of a source, so that of many refusals of one
// token only the first causes a new one.
type Token struct {
	Value      Secret
	Generation int64
	Expires    time.Time
}

// left is how long a token still lives, by the monotonic clock and by the wall: the former stands still while a virtual
// machine is suspended, the latter may be set.
func (t Token) left() time.Duration {
	now := time.Now()
	return min(t.Expires.Sub(now), t.Expires.Round(0).Sub(now.Round(0)))
}

// TokenSource gives tokens. It must be safe for concurrent use and return when ctx ends. It renews a token early enough
// for a deposit to be made with it (Config.TokenMargin).
type TokenSource interface {
	Token(ctx context.Context) (Token, error)
	// Reject says that the API refused t: it is not to be given again.
	Reject(ctx context.Context, t Token)
}

// TokenEndpoint asks the portal for tokens, one request each time: nothing is kept. It is what a shared TokenSource is
// built on.
type TokenEndpoint struct {
	url     string
	http    *http.Client
	timeout time.Duration
	private *application
}

type application struct {
	id, secret, scope string
	redactor
}

// NewTokenEndpoint uses TokenURL, ClientID, ClientSecret, Scope, ReadTimeout and Way of cfg.
func NewTokenEndpoint(cfg Config) (*TokenEndpoint, error) {
	cfg = cfg.withDefaults()
	url, _, text := readAddress(cfg.TokenURL)
	err := cfg.validateApplication()
	if text != "" {
		err = errors.Join(&AddressError{"token", text}, err)
	}
	route, wrong := cfg.Way.Open()
	err = errors.Join(err, wrong)
	if err != nil {
		return nil, fmt.Errorf("chorus: %w", err)
	}
	cfg.APIURL = url // the host that newTransport looks at
	return &TokenEndpoint{
		url:     url,
		http:    depositClient(cfg, route), // rare requests: no connection is worth keeping
		timeout: cfg.ReadTimeout,
		private: &application{cfg.ClientID, cfg.ClientSecret.Reveal(), cfg.Scope, newRedactor(cfg.ClientSecret.Reveal())},
	}, nil
}

// Format implements fmt.Formatter.
func (e *TokenEndpoint) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "chorus.TokenEndpoint("+e.url+")")
}

// Fetch asks once, within Config.ReadTimeout. Generation is 0: giving numbers is the source's affair.
func (e *TokenEndpoint) Fetch(ctx context.Context) (Token, error) {
	var trace tracer
	limited, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	conf := clientcredentials.Config{
		ClientID:     e.private.id,
		ClientSecret: e.private.secret,
		TokenURL:     e.url,
		Scopes:       []string{e.private.scope},
		AuthStyle:    oauth2.AuthStyleInParams, // detection would double every failing call
	}
	started := time.Now()
	t, err := conf.Token(context.WithValue(trace.attach(limited), oauth2.HTTPClient, e.http))
	took := time.Since(started)
	ex := Exchange{Started: started, Took: took, Connected: trace.connected.Load(), Wrote: trace.wrote.Load()}
	if err != nil {
		return Token{}, tokenError(ctx, ex, err, e.private.redactor)
	}
	ex.Status = http.StatusOK
	unusable := func(detail string) (Token, error) {
		return Token{}, &Error{Op: opToken, Fault: FaultPortal, Outcome: NotSent, Exchange: ex, RetryAfter: -1, Detail: detail}
	}
	if !headerSafe(t.AccessToken) {
		return unusable("access_token is not a usable token")
	}
	if t.TokenType != "" && !strings.EqualFold(t.TokenType, "bearer") {
		return unusable("token_type is not Bearer")
	}
	life := unsaidLife
	if said := t.Expiry.Sub(started.Add(took)); !t.Expiry.IsZero() && said > 0 {
		life = min(said, maxLife)
	}
	return Token{Value: Secret(t.AccessToken), Expires: started.Add(life)}, nil
}

// tokenError keeps of x/oauth2's error only its codes: its text repeats the answer, in which a gateway may echo the
// client secret.
func tokenError(ctx context.Context, ex Exchange, err error, hide redactor) error {
	e := &Error{Op: opToken, Fault: FaultPortal, Outcome: NotSent, RetryAfter: -1, Exchange: ex}
	var answer *oauth2.RetrieveError
	var trip *url.Error
	switch {
	case ctx.Err() != nil:
		e.Fault, e.Detail, e.err = FaultStopped, "stopped by the caller", ctx.Err()
	case errors.As(err, &answer) && answer.Response != nil:
		h := answer.Response.Header
		e.Exchange.Status = answer.Response.StatusCode
		e.Exchange.CorrelationID = correlation(h, hide)
		e.RetryAfter = retryAfter(h)
		e.Fault, e.Detail = tokenFault(e.Exchange.Status, answer.ErrorCode)
	case errors.As(err, &trip):
		e.Detail, e.Fault = failure(err)
	default:
		e.Detail = "answer is not a token"
	}
	return e
}

// tokenFault reads the endpoint's refusal, docs/chorus-pro.md §3.2.
func tokenFault(status int, code string) (Fault, string) {
	switch code {
	case "invalid_client", "unauthorized_client":
		return FaultApplication, code
	case "invalid_request", "invalid_scope", "unsupported_grant_type", "invalid_grant":
		return FaultConfiguration, code
	}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return FaultApplication, "refused without a known error code"
	case status == http.StatusTooManyRequests:
		return FaultQuota, "too many requests for tokens"
	case status >= 300 && status < 500:
		return FaultConfiguration, "refused without a known error code"
	}
	return FaultPortal, "no token"
}

// headerSafe keeps a token from breaking the header it is sent in.
func headerSafe(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return s != "" && len(s) <= 8<<10
}

// tokenCache is a TokenSource for one process: one request in the air at a time, whoever asks.
type tokenCache struct {
	fetch  func(context.Context) (Token, error) // bounds itself
	margin time.Duration

	mu       sync.Mutex // guards what follows; never held during a request
	token    Token
	renewAt  time.Duration // life left at which token is renewed
	flight   *flight       // the request in the air, or nil
	err      error         // of the last request
	retryAt  time.Time     // no request before; failures in a row make it 1, 2, 4 … 30 s
	failures int
	last     [2]time.Time // when the last two requests began
}

type flight struct {
	done  chan struct{} // closed when token and err are set
	token Token
	err   error
}

func newTokenCache(fetch func(context.Context) (Token, error), margin time.Duration) *tokenCache {
	return &tokenCache{fetch: fetch, margin: margin}
}

// Token gives a living token. A token due for renewal that cannot be renewed is used to its end.
func (s *tokenCache) Token(ctx context.Context) (Token, error) {
	for {
		s.mu.Lock()
		left := s.token.left()
		if left > s.renewAt && left > 0 {
			defer s.mu.Unlock()
			return s.token, nil
		}
		if s.flight == nil && time.Now().Before(s.retryAt) {
			defer s.mu.Unlock()
			if left > 0 {
				return s.token, nil
			}
			return Token{}, s.err
		}
		var pause time.Duration
		if s.flight == nil {
			// At most two requests in two seconds, also when each fresh token is refused at once.
			if pause = time.Until(s.last[0].Add(2 * time.Second)); pause <= 0 {
				s.takeOff(ctx)
			}
		}
		f := s.flight
		s.mu.Unlock()

		if f == nil {
			select {
			case <-time.After(pause):
				continue
			case <-ctx.Done():
				return Token{}, before(ctx, opToken, FaultStopped, "stopped by the caller", ctx.Err())
			}
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return Token{}, before(ctx, opToken, FaultStopped, "stopped by the caller while waiting for a token", ctx.Err())
		}
		if f.err == nil {
			return f.token, nil
		}
		if left > 0 {
			continue // the old token, by way of the negative cache
		}
		return Token{}, f.err
	}
}

// takeOff begins a request that no caller's impatience ends. The lock is held.
func (s *tokenCache) takeOff(ctx context.Context) {
	f := &flight{done: make(chan struct{})}
	s.flight = f
	s.last[0], s.last[1] = s.last[1], time.Now()
	go func() {
		t, err := s.fetch(context.WithoutCancel(ctx))
		s.mu.Lock()
		defer s.mu.Unlock()
		if err == nil {
			t.Generation = s.token.Generation + 1
			// A token that lives no longer than twice the margin is used for half its life.
			s.renewAt = min(s.margin, t.left()/2)
			s.token, s.err, s.failures, s.retryAt = t, nil, 0, time.Time{}
		} else {
			wait := min(time.Second<<min(s.failures, 5), 30*time.Second)
			s.err, s.retryAt = err, time.Now().Add(wait)
			s.failures++
		}
		f.token, f.err, s.flight = t, err, nil
		close(f.done)
	}()
}

// Reject forgets t if it is the current token.
func (s *tokenCache) Reject(_ context.Context, t Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.Generation == s.token.Generation {
		s.token.Expires = time.Time{}
	}
}
