package chorus

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestNotSentIsProven: without a connection handed out nothing was sent; with one, nothing is known.
func TestNotSentIsProven(t *testing.T) {
	p := newPortal(t, answerJSON(200, acceptedBody))

	const refused = "http://127.0.0.1:1" // tcpmux: a port that was free a moment ago may be somebody else's by now

	hole, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel and never says a word
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = hole.Close() }()

	badCertificate := httptest.NewUnstartedServer(answerJSON(200, acceptedBody))
	badCertificate.Config.ErrorLog = log.New(io.Discard, "", 0)
	badCertificate.StartTLS()
	defer badCertificate.Close()

	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	defer close(release)

	for _, c := range []struct {
		name, api string
		connected bool
		wrote     bool
		outcome   Outcome
	}{
		{"connection refused", refused, false, false, NotSent},
		{"name not resolved", "http://portal.invalid", false, false, NotSent},
		{"certificate not trusted", badCertificate.URL, false, false, NotSent},
		{"silence in the TLS handshake", "https://" + hole.Addr().String(), false, false, NotSent},
		{"silence after connecting", "http://" + hole.Addr().String(), true, true, Ambiguous},
		{"silence after the request", slow.URL, true, true, Ambiguous},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := p.config()
			cfg.APIURL, cfg.DepositTimeout = c.api, 150*time.Millisecond
			_, err := depositOnce(t, newClient(t, cfg))
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if e.Outcome != c.outcome || e.Exchange.Connected != c.connected || e.Exchange.Wrote != c.wrote || e.Fault != FaultNetwork {
				t.Errorf("got %s, %s, connected %t, wrote %t: %v", e.Outcome, e.Fault, e.Exchange.Connected, e.Exchange.Wrote, e)
			}
			if OutcomeOf(err) != c.outcome || e.Exchange.Status != 0 {
				t.Errorf("OutcomeOf %s, status %d", OutcomeOf(err), e.Exchange.Status)
			}
		})
	}
}

// What the other side's TLS refuses is named as such, and nothing has left.
func TestTLSRefused(t *testing.T) {
	p := newPortal(t, answerJSON(200, acceptedBody))
	old := httptest.NewUnstartedServer(answerJSON(200, acceptedBody))
	old.Config.ErrorLog = log.New(io.Discard, "", 0)
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11} // a server that is too old
	old.StartTLS()
	defer old.Close()
	cfg := p.config()
	cfg.APIURL = old.URL
	_, err := depositOnce(t, newClient(t, cfg))
	var e *Error
	if !errors.As(err, &e) || e.Outcome != NotSent || e.Fault != FaultNetwork || e.Detail != "TLS handshake failed" {
		t.Errorf("%v", err)
	}
}

// TestOneDepositIsOneRequest: against servers that make net/http repeat or carry away a request.
func TestOneDepositIsOneRequest(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()

	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
	}{
		{"reset after the body, HTTP/2 offered", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{"closed after processing", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			_ = conn.Close()
		}},
		{"307 to another host", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		}},
		{"308 to another host", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusPermanentRedirect)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPortal(t, c.answer)
			s := httptest.NewUnstartedServer(p)
			s.EnableHTTP2 = true
			s.Config.ErrorLog = log.New(io.Discard, "", 0)
			s.StartTLS()
			defer s.Close()
			cfg := p.config()
			cfg.APIURL = s.URL
			cfg.Way.Roots = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
			client := newClient(t, cfg)

			for n := 1; n <= 2; n++ { // the second would find a connection to reuse
				_, err := depositOnce(t, client)
				if OutcomeOf(err) != Ambiguous {
					t.Errorf("outcome %s: %v", OutcomeOf(err), err)
				}
				got := p.arrived()
				if len(got) != n {
					t.Fatalf("%d requests for %d deposits", len(got), n)
				}
				if got[n-1].proto != 1 {
					t.Errorf("sent over HTTP/%d", got[n-1].proto)
				}
			}
		})
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("%d requests reached the other host", n)
	}
}

func TestRequestAsSent(t *testing.T) {
	p := newPortal(t, answerJSON(200, acceptedBody))
	receipt, err := depositOnce(t, p.client(t))
	if err != nil {
		t.Fatal(err)
	}
	if receipt.NumeroFluxDepot != "CPP1" || !receipt.Connected || !receipt.Wrote || receipt.Status != 200 {
		t.Errorf("receipt %+v", receipt)
	}
	got := p.arrived()[0]
	if receipt.BytesSent != len(got.body) || receipt.BytesReceived != len(acceptedBody) || len(receipt.SHA256) != 64 {
		t.Errorf("evidence %+v, body %d bytes", receipt.Exchange, len(got.body))
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json;charset=utf-8", "Authorization": "Bearer token-1", "Idempotency-Key": "",
		"Cpro-Account": base64.StdEncoding.EncodeToString([]byte("TECH_1@cpro.fr:account-password")), "Connection": "close",
	} {
		if got.header.Get(name) != want {
			t.Errorf("header %s: %q, want %q", name, got.header.Get(name), want)
		}
	}
	var body struct {
		FichierFlux, NomFichier, SyntaxeFlux string
		AvecSignature                        *bool
	}
	if err := json.Unmarshal(got.body, &body); err != nil {
		t.Fatal(err)
	}
	file, err := base64.StdEncoding.DecodeString(body.FichierFlux)
	if err != nil || string(file) != string(aFile.Contenu) || body.NomFichier != aFile.Nom || body.SyntaxeFlux != aFile.Syntaxe {
		t.Errorf("sent %s", got.body)
	}
	if body.AvecSignature == nil || *body.AvecSignature {
		t.Errorf("avecSignature is not false")
	}
}

func TestCallerStops(t *testing.T) {
	p := newPortal(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	client := p.client(t)
	d, err := client.Prepare(t.Context(), aFile)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for len(p.arrived()) == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	_, err = d.Send(ctx, time.Time{})
	if FaultOf(err) != FaultStopped || OutcomeOf(err) != Ambiguous || !errors.Is(err, context.Canceled) {
		t.Errorf("cut in the middle: %v", err)
	}
	_, err = d.Send(t.Context(), time.Time{})
	if OutcomeOf(err) != Ambiguous || FaultOf(err) != FaultConfiguration || len(p.arrived()) != 1 {
		t.Errorf("second Send: %v, %d requests", err, len(p.arrived()))
	}
	if d, err = client.Prepare(t.Context(), aFile); err != nil {
		t.Fatal(err)
	}
	if _, err = d.Send(ctx, time.Time{}); FaultOf(err) != FaultStopped || OutcomeOf(err) != NotSent {
		t.Errorf("stopped before: %v", err)
	}
	if _, err := client.Prepare(ctx, aFile); FaultOf(err) != "" && OutcomeOf(err) != NotSent {
		t.Errorf("Prepare after the end: %v", err)
	}
}

func TestRetryAfter(t *testing.T) {
	date := "Fri, 20 Nov 2026 10:00:00 GMT"
	for value, want := range map[string]time.Duration{
		"": -1, "soon": -1, "-5": -1, "1.5": -1, "0": 0, "000": 0, "1": time.Second, " 7 ": 7 * time.Second, "23410": 23410 * time.Second,
		"86400": 24 * time.Hour, "86401": 24 * time.Hour, "315360000": 24 * time.Hour, "99999999999999999999999": 24 * time.Hour,
		"Fri, 20 Nov 2026 10:00:30 GMT": 30 * time.Second, "Fri, 20 Nov 2026 09:00:00 GMT": 0, "Fri, 20 Nov 2036 10:00:00 GMT": 24 * time.Hour,
	} {
		if got := retryAfter(http.Header{"Retry-After": {value}, "Date": {date}}); got != want {
			t.Errorf("Retry-After %q: %s, want %s", value, got, want)
		}
	}
}

func TestPublicOnly(t *testing.T) {
	var raw syscall.RawConn
	for address, ok := range map[string]bool{
		"8.8.8.8:443": true, "[2001:4860:4860::8888]:443": true, "127.0.0.1:443": false, "10.1.2.3:443": false, "169.254.169.254:80": false,
		"[::1]:443": false, "[fe80::1]:443": false, "[fd00::1]:443": false, "[::ffff:10.0.0.1]:443": false, "nonsense": false,
	} {
		if err := publicOnly(t.Context(), "tcp", address, raw); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, env := range []string{"sandbox", "production"} {
		api, token, err := URLs(env)
		if err != nil || Check(api, token) != nil {
			t.Errorf("%s: %v, %v", env, err, Check(api, token))
		}
	}
	if _, _, err := URLs("staging"); err == nil {
		t.Error("staging is no environment")
	}
	for _, pair := range [][2]string{
		{sandboxAPI, productionToken},
		{productionAPI, sandboxToken},
		{sandboxAPI + "/cpro", sandboxToken},
		{"http://api.piste.gouv.fr", productionToken},
		{"https://user:pass@localhost", "http://localhost/t"},
		{"", "http://localhost/t"},
		{"ftp://localhost", "http://localhost/t"},
		{"http://localhost?x=1", "http://localhost/t"},
	} {
		if err := Check(pair[0], pair[1]); err == nil || strings.Contains(err.Error(), "pass@") {
			t.Errorf("Check(%q, %q) = %v", pair[0], pair[1], err)
		}
	}
	if err := Check("http://127.0.0.1:1", "http://127.0.0.1:2/api/oauth/token"); err != nil {
		t.Error(err)
	}
	if _, err := New(Config{}); err == nil || strings.Count(err.Error(), "\n") < 3 {
		t.Errorf("not all problems at once: %v", err)
	}
}
