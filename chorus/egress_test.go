package chorus

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/choriste/choriste/egress"
	"github.com/choriste/choriste/internal/lab/httpproxy"
)

// TestProxyAndDoubt: a tunnel that is refused is proof that nothing was sent; once it stands, silence proves nothing, and neither does what a proxy says that has
// opened TLS.
func TestProxyAndDoubt(t *testing.T) {
	p := newPortal(t, answerJSON(200, acceptedBody))
	refusing := newPortal(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"errors":[{"code":403,"message":"x"}]}`)
	})
	authority := httpproxy.NewAuthority(t)
	pair := authority.Pair(t, "portal.test")

	for _, c := range []struct {
		name    string
		do      httpproxy.Behaviour
		tls     bool // the portal is asked for by https
		trusted bool // the proxy's root is among ours
		server  *portal
		outcome Outcome
		words   string // in the error
		arrived int
	}{
		{name: "a tunnel", do: httpproxy.Pass, outcome: Accepted, arrived: 1},
		{name: "407", do: httpproxy.Challenge("NTLM"), outcome: NotSent, words: "refuses its login, or asks for one (HTTP 407); it takes NTLM"},
		{name: "403", do: httpproxy.Answer(403), outcome: NotSent, words: "does not let this host through"},
		{name: "502", do: httpproxy.Answer(502), outcome: NotSent, words: "does not reach the host"},
		{name: "503", do: httpproxy.Answer(503), outcome: NotSent, words: "does not reach the host"},
		{name: "garbage", do: httpproxy.Say("SSH-2.0-OpenSSH_9.2\r\n"), outcome: NotSent, words: "no HTTP proxy"},
		{name: "a huge header", do: httpproxy.Endless, outcome: NotSent, words: "no HTTP proxy"},
		{name: "closed", do: httpproxy.HangUp, outcome: NotSent, words: "does not answer"},
		{name: "it hangs", do: httpproxy.Hang, outcome: NotSent, words: "deadline"},
		{name: "promised and closed, TLS", do: httpproxy.Promise, tls: true, outcome: NotSent, words: "connection"},
		{name: "promised and closed", do: httpproxy.Promise, outcome: Ambiguous, words: "connection"},
		{name: "cut at the head", do: httpproxy.CloseAfter(10), outcome: Ambiguous, words: "connection"},
		{name: "cut in the body", do: httpproxy.CloseAfter(450), outcome: Ambiguous, words: "connection", arrived: 1},
		{name: "kept back", do: httpproxy.Swallow, outcome: Ambiguous, words: "deadline"},
		{name: "TLS opened, not trusted", do: httpproxy.Intercept(pair, nil), tls: true, outcome: NotSent, words: "certificate not trusted"},
		{name: "TLS opened", do: httpproxy.Intercept(pair, nil), tls: true, trusted: true, outcome: Accepted, arrived: 1},
		{name: "TLS opened, the gateway refuses", do: httpproxy.Intercept(pair, nil), tls: true, trusted: true, server: refusing, outcome: NotLanded, words: "not subscribed", arrived: 1},
		{name: "TLS opened, the answer blocked", do: httpproxy.Intercept(pair, httpproxy.Block(403)), tls: true, trusted: true, outcome: Ambiguous, words: "on the way", arrived: 1},
		{name: "TLS opened, 401 on the way", do: httpproxy.Intercept(pair, httpproxy.Block(401)), tls: true, trusted: true, outcome: Ambiguous, words: "on the way", arrived: 1},
		{name: "TLS opened, 407 on the way", do: httpproxy.Intercept(pair, httpproxy.Block(407)), tls: true, trusted: true, outcome: Ambiguous, words: "asks for a login", arrived: 1},
		{name: "TLS opened, 413 on the way", do: httpproxy.Intercept(pair, httpproxy.Block(413)), tls: true, trusted: true, outcome: Ambiguous, words: "on the way", arrived: 1},
		{name: "TLS opened, 429 on the way", do: httpproxy.Intercept(pair, httpproxy.Block(429)), tls: true, trusted: true, outcome: Ambiguous, words: "on the way", arrived: 1},
		{name: "TLS opened, 502 on the way", do: httpproxy.Intercept(pair, httpproxy.Block(502)), tls: true, trusted: true, outcome: Ambiguous, words: "portal failed", arrived: 1},
		{name: "TLS opened, 200 on the way", do: httpproxy.Intercept(pair, httpproxy.Block(200)), tls: true, trusted: true, outcome: Ambiguous, words: "promised JSON", arrived: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := p
			if c.server != nil {
				server = c.server
			}
			before := arrivedAs(server, c.name)
			proxy := httpproxy.New(t)
			cfg := server.config()
			cfg.Login = c.name // so that its requests are told apart
			cfg.Way = egress.Way{Proxy: proxy.URL()}
			if cfg.APIURL = proxy.Host("portal.test", server.URL); c.tls {
				cfg.APIURL = strings.Replace(cfg.APIURL, "http://", "https://", 1)
			}
			if c.trusted {
				cfg.Way.Roots = authority.PEM
			}
			if c.outcome == NotSent || c.outcome == Ambiguous {
				cfg.DepositTimeout = 400 * time.Millisecond
			}
			proxy.Do(c.do)
			_, err := depositOnce(t, newClient(t, cfg))
			if OutcomeOf(err) != c.outcome || c.words != "" && !strings.Contains(err.Error(), c.words) {
				t.Fatalf("got %s: %v", OutcomeOf(err), err)
			}
			var e *Error
			if errors.As(err, &e) && e.Exchange.Connected == (c.outcome == NotSent) {
				t.Errorf("connected %t: %v", e.Exchange.Connected, err)
			}
			if n := arrivedAs(server, c.name) - before; n != c.arrived {
				t.Errorf("%d requests arrived, want %d", n, c.arrived)
			}
			for _, r := range proxy.Requests() {
				if r.Method != http.MethodConnect || len(r.Header) != 1 {
					t.Errorf("the proxy was shown %s %s, %v", r.Method, r.URL, r.Header)
				}
			}
		})
	}

	t.Run("kept back, and delivered when it has been given up", func(t *testing.T) {
		t.Parallel()
		landed := make(chan struct{})
		late := newPortal(t, func(w http.ResponseWriter, r *http.Request) { answerJSON(200, acceptedBody)(w, r); close(landed) })
		proxy := httpproxy.New(t)
		released := make(chan struct{})
		release := sync.OnceFunc(func() { close(released) })
		t.Cleanup(release)
		proxy.Do(httpproxy.Hold(released))
		cfg := late.config()
		cfg.APIURL, cfg.Way, cfg.DepositTimeout = proxy.Host("portal.test", late.URL), egress.Way{Proxy: proxy.URL()}, 200*time.Millisecond
		if _, err := depositOnce(t, newClient(t, cfg)); OutcomeOf(err) != Ambiguous {
			t.Fatal(err)
		}
		release()
		select {
		case <-landed: // which is what Ambiguous is for
		case <-time.After(5 * time.Second):
			t.Error("it never arrived")
		}
	})
}

// TestEnvironmentsProxy is not used: nobody has said that the account's password may go that way.
func TestEnvironmentsProxy(t *testing.T) {
	proxy := httpproxy.New(t)
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"} {
		t.Setenv(name, proxy.URL())
	}
	portal := newPortal(t, answerJSON(200, acceptedBody))
	if _, err := depositOnce(t, portal.client(t)); err != nil || len(proxy.Requests()) != 0 {
		t.Errorf("%v; the proxy got %v", err, proxy.Requests())
	}
}

// TestTokenThroughProxy: the client secret goes by the same way as the rest.
func TestTokenThroughProxy(t *testing.T) {
	portal := newPortal(t, answerJSON(200, acceptedBody))
	proxy := httpproxy.New(t)
	cfg := portal.config()
	cfg.Way = egress.Way{Proxy: proxy.URL()}
	cfg.APIURL, cfg.TokenURL = proxy.Host("portal.test", portal.URL), proxy.Host("token.test", portal.URL)+"/api/oauth/token"
	if _, err := depositOnce(t, newClient(t, cfg)); err != nil {
		t.Fatal(err)
	}
	if got := proxy.Requests(); len(got) != 2 || !strings.HasPrefix(got[0].Host, "token.test:") {
		t.Errorf("the proxy got %v", got)
	}
	proxy.Do(httpproxy.Challenge("Basic"))
	endpoint, err := NewTokenEndpoint(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = endpoint.Fetch(t.Context()); FaultOf(err) != FaultNetwork || !strings.Contains(err.Error(), "407") {
		t.Errorf("got %v", err)
	}
}

// arrivedAs counts what arrived of an account.
func arrivedAs(p *portal, login string) (n int) {
	want := base64.StdEncoding.EncodeToString([]byte(login + ":account-password"))
	for _, r := range p.arrived() {
		if r.header.Get("cpro-account") == want {
			n++
		}
	}
	return n
}
