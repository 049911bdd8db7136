package probe

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/choriste/choriste/chorus"
)

// caller makes single requests, each at most once, and reads whatever comes back.
type caller struct {
	cfg     Config
	http    *http.Client
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	hide    chorus.Redactor
	token   string
	account string
	left    int
	next    time.Time
}

var errCalls = errors.New("the bound of requests is reached")

func newCaller(cfg Config) (*caller, error) {
	route, err := cfg.Way.Open()
	if err != nil {
		return nil, err
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // over HTTP/2 net/http may repeat a request
	c := &caller{cfg: cfg, left: cfg.Calls, account: base64.StdEncoding.EncodeToString([]byte(cfg.Login + ":" + cfg.Password.Reveal()))}
	c.dial = route.DialContext(nil)
	c.http = &http.Client{
		Timeout:       5 * time.Minute,
		Transport:     &http.Transport{DialContext: c.dial, TLSClientConfig: route.TLS(), TLSHandshakeTimeout: 30 * time.Second, Protocols: protocols, MaxResponseHeaderBytes: 64 << 10, MaxIdleConnsPerHost: 8, IdleConnTimeout: 4 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.knows("")
	return c, nil
}

func (c *caller) close() { c.http.CloseIdleConnections() }

// knows takes a token among what is never shown.
func (c *caller) knows(token string) {
	c.token = token
	c.hide = chorus.NewRedactor(c.cfg.ClientSecret.Reveal(), c.cfg.Password.Reveal(), c.account, token)
}

// answer is what came back.
type answer struct {
	Seen
	body   map[string]any // nil when it is no JSON object
	header http.Header
	at     time.Time // it was complete
	why    string    // none came
}

func (a answer) text(name string) string {
	if a.body[name] == nil {
		return ""
	}
	return fmt.Sprint(a.body[name])
}

// speaks tells that Chorus Pro or its gateway answered, and not whatever else may stand at an address: a page to sign in at, a proxy, another service.
func (a answer) speaks() bool {
	return a.text("codeRetour") != "" || a.text("statusCodeValue") != "" || a.header.Get("X-Correlationid") != "" || strings.HasPrefix(a.header.Get("Www-Authenticate"), "Bearer ")
}

// carriedOut tells that Chorus Pro itself answered. What any other answer does not hold proves nothing.
func (a answer) carriedOut() bool { return a.Status == http.StatusOK && a.text("codeRetour") != "" }

// behind puts an answer behind a text: why none came, or its status and the beginning of its body.
func (a answer) behind(en, fr string) Words {
	what := strings.TrimSpace(a.code() + " " + a.Body)
	none := Words{what, what}
	if a.Status == 0 {
		none = Words{strings.TrimSuffix("no answer: "+a.why, ": "), strings.TrimSuffix("pas de réponse : "+a.why, " : ")}
	}
	return Words{en + ": " + none.EN, fr + " : " + none.FR}
}

// accountRefused tells that the technical account is what was refused: PISTE says so in these words.
func (a answer) accountRefused() bool {
	return a.Status == http.StatusUnauthorized && strings.Contains(a.header.Get("Www-Authenticate"), "login or password")
}

func (a answer) ok() bool { return a.Status == http.StatusOK && a.text("codeRetour") == "0" }

// code is codeRetour with the message code or the words, for people.
func (a answer) code() string {
	switch {
	case a.Status == 0:
		return "no answer"
	case a.body == nil || a.body["codeRetour"] == nil:
		return fmt.Sprintf("HTTP %d", a.Status)
	}
	return strings.TrimSpace(fmt.Sprintf("HTTP %d, codeRetour %s %s", a.Status, a.text("codeRetour"), c200(a.text("libelle"))))
}

func c200(s string) string {
	if r := []rune(s); len(r) > 200 {
		return string(r[:200]) + "…"
	}
	return s
}

// pace waits for the next request's turn.
func (c *caller) pace(ctx context.Context) error {
	if c.left--; c.left < 0 {
		return errCalls
	}
	wait := time.Until(c.next)
	c.next = time.Now().Add(max(wait, 0) + c.cfg.Pace)
	return sleep(ctx, wait)
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// post sends a request as a correct client would.
func (c *caller) post(ctx context.Context, route string, body any) (answer, error) {
	return c.send(ctx, http.MethodPost, route, body, nil)
}

// send sends a request, its headers changed by change. An answer that does not come is an answer without status; an error is the caller's end.
func (c *caller) send(ctx context.Context, method, route string, body any, change func(http.Header)) (answer, error) {
	if err := c.pace(ctx); err != nil {
		return answer{}, err
	}
	return c.request(ctx, method, route, body, change)
}

func (c *caller) request(ctx context.Context, method, route string, body any, change func(http.Header)) (answer, error) {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.cfg.APIURL, "/")+"/cpro/"+route, in)
	if err != nil {
		return answer{}, err
	}
	req.GetBody = nil // so that it cannot be sent twice
	c.headers(req.Header)
	if change != nil {
		change(req.Header)
	}
	return c.do(req, route)
}

func (c *caller) headers(h http.Header) {
	h.Set("Authorization", "Bearer "+c.token)
	h.Set("cpro-account", c.account)
	h.Set("Content-Type", "application/json;charset=utf-8")
	h.Set("Accept", "application/json;charset=utf-8")
	h.Set("User-Agent", "choriste")
}

// fetch asks for a token.
func (c *caller) fetch(ctx context.Context) (answer, error) {
	if err := c.pace(ctx); err != nil {
		return answer{}, err
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {c.cfg.ClientID}, "client_secret": {c.cfg.ClientSecret.Reveal()}, "scope": {c.cfg.Scope}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a, err := c.do(req, "token")
	if token := a.text("access_token"); token != "" {
		a.Body = "" // it is the token
	}
	return a, err
}

var shownHeaders = []string{"Www-Authenticate", "Retry-After", "X-Rate-Limit", "Content-Type", "X-Correlationid"}

func (c *caller) do(req *http.Request, what string) (answer, error) {
	a := answer{Seen: Seen{What: req.Method + " " + what, Headers: map[string]string{}}}
	began := time.Now()
	res, err := c.http.Do(req)
	if err != nil {
		a.TookMS, a.at = time.Since(began).Milliseconds(), time.Now()
		var without *url.Error // its address may hold a secret
		if errors.As(err, &without) {
			a.why = c.shown(without.Err.Error())
		}
		return a, req.Context().Err()
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	a.TookMS, a.at = time.Since(began).Milliseconds(), time.Now()
	if err != nil {
		a.why = c.shown(err.Error())
		return a, req.Context().Err()
	}
	a.Status, a.header = res.StatusCode, res.Header
	for _, name := range shownHeaders {
		if value := res.Header.Get(name); value != "" {
			a.Headers[name] = c.shown(value)
		}
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&a.body) != nil {
		a.body = nil
	}
	if a.Status != http.StatusOK || a.body == nil || a.text("codeRetour") != "0" {
		a.Body = c.shown(string(raw[:min(len(raw), 600)]))
	}
	return a, nil
}

// shown is a text without secrets, short.
func (c *caller) shown(s string) string {
	if c.hide.Shows(strings.ReplaceAll(s, "login or password incorrects", "")) { // PISTE's words, which a password may hold
		return "(it shows a secret)"
	}
	return c200(strings.ToValidUTF8(s, "�"))
}
