package egress_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/egress"
	"github.com/choriste/choriste/internal/lab/httpproxy"
)

func open(t *testing.T, w egress.Way) *egress.Route {
	t.Helper()
	r, err := w.Open()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestTunnel: whatever a proxy does instead of making a tunnel has a kind, and comes as an error of dialling, so nothing can have been sent.
func TestTunnel(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "reached") }))
	defer server.Close()
	p := httpproxy.New(t)
	address := strings.TrimPrefix(p.Host("portal.test", server.URL), "http://")
	dial := open(t, egress.Way{Proxy: p.URL()}).DialContext(nil)

	for name, c := range map[string]struct {
		do      httpproxy.Behaviour
		kind    egress.Kind
		schemes string
	}{
		"a login is asked for":            {do: httpproxy.Challenge(`Negotiate`, `NTLM`, `Basic realm="a, b"`), kind: egress.Refused, schemes: "Basic NTLM Negotiate"},
		"a login in no known way":         {do: httpproxy.Challenge(`Secret-Token="canary"`), kind: egress.Refused},
		"the host is forbidden":           {do: httpproxy.Answer(403), kind: egress.Forbidden},
		"the port is forbidden":           {do: httpproxy.Answer(405), kind: egress.Forbidden},
		"the host is not reached":         {do: httpproxy.Answer(502), kind: egress.Upstream},
		"the host is not reached in time": {do: httpproxy.Answer(504), kind: egress.Upstream},
		"a redirect":                      {do: httpproxy.Say("HTTP/1.1 302 Found\r\nLocation: http://login.test/\r\n\r\n"), kind: egress.NoProxy},
		"closed without a word":           {do: httpproxy.HangUp, kind: egress.Silent},
		"closed in the middle":            {do: httpproxy.Say("HTTP/1.1 200 Connection est"), kind: egress.NoProxy},
		"garbage":                         {do: httpproxy.Say("\x15\x03\x01\x00\x02\x02\x46"), kind: egress.NoProxy},
		"an answer without end":           {do: httpproxy.Endless, kind: egress.NoProxy},
		"interim answers without end":     {do: httpproxy.Say(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 4000)), kind: egress.NoProxy},
		"bytes behind the answer":         {do: httpproxy.Say("HTTP/1.1 200 OK\r\n\r\n<html>"), kind: egress.NoProxy},
		"another protocol":                {do: httpproxy.Say("HTTP/1.1 101 Switching Protocols\r\n\r\n"), kind: egress.NoProxy},
	} {
		t.Run(name, func(t *testing.T) {
			p.Do(c.do)
			conn, err := dial(t.Context(), "tcp", address)
			var e *egress.Error
			if conn != nil || !errors.As(err, &e) || e.Kind != c.kind || strings.Join(e.Schemes, " ") != c.schemes {
				t.Fatalf("got %v, %#v", conn, err)
			}
			if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "html") {
				t.Errorf("the proxy's own words: %v", err)
			}
		})
	}
	t.Run("it hangs", func(t *testing.T) {
		p.Do(httpproxy.Hang)
		ctx, cancel := contextFor(t, 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, err := dial(ctx, "tcp", address)
		var e *egress.Error
		if !errors.As(err, &e) || e.Kind != egress.Silent || time.Since(began) > 5*time.Second {
			t.Fatalf("got %v after %s", err, time.Since(began))
		}
	})
	t.Run("it is not there", func(t *testing.T) {
		_, err := open(t, egress.Way{Proxy: "http://127.0.0.1:1"}).DialContext(nil)(t.Context(), "tcp", address)
		var e *egress.Error
		if !errors.As(err, &e) || e.Kind != egress.Unreachable {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("an interim answer, and a tunnel", func(t *testing.T) {
		p.Do(func(c net.Conn, r *http.Request, address string) {
			_, _ = io.WriteString(c, "HTTP/1.1 102 Processing\r\n\r\n")
			httpproxy.Pass(c, r, address)
		})
		client := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
		resp, err := client.Get("http://" + address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if b, _ := io.ReadAll(resp.Body); string(b) != "reached" {
			t.Errorf("got %q", b)
		}
	})
}

// TestProxyLearnsNothing: it is asked for a tunnel, with its own login, and sees a host and a port.
func TestProxyLearnsNothing(t *testing.T) {
	p := httpproxy.New(t)
	p.Login("robot", "p:w é")
	authority := httpproxy.NewAuthority(t)
	server := tlsServer(t, authority, "portal.test")
	address := strings.TrimPrefix(p.Host("portal.test", server.URL), "https://")

	w := egress.Way{Proxy: p.URL(), Login: "robot", Password: "p:w é", Roots: authority.PEM}
	r := open(t, w)
	client := &http.Client{Transport: &http.Transport{DialContext: r.DialContext(nil), TLSClientConfig: r.TLS(), DisableKeepAlives: true}}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+address+"/path-canary", strings.NewReader("body-canary"))
	req.Header.Set("Authorization", "Bearer canary")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if !r.Opened(resp.TLS) {
		t.Error("a root of our own vouches alone, and is not noticed")
	}
	got := p.Requests()
	if len(got) != 1 || got[0].Method != http.MethodConnect || got[0].Host != address {
		t.Fatalf("the proxy got %v", got)
	}
	want := http.Header{"Proxy-Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("robot:p:w é"))}, "User-Agent": {"choriste"}}
	if fmt.Sprint(got[0].Header) != fmt.Sprint(want) {
		t.Errorf("the proxy got %v", got[0].Header)
	}
	if _, err := open(t, egress.Way{Proxy: p.URL(), Login: "robot", Password: "old"}).DialContext(nil)(t.Context(), "tcp", address); !strings.Contains(err.Error(), "407") {
		t.Errorf("a wrong password: %v", err)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", w, w, w, w); strings.Contains(text, "p:w") {
		t.Errorf("a way prints its password: %s", text)
	}
}

// TestProxyByTLS: the proxy itself may be spoken to by TLS, and must be the one that it says it is.
func TestProxyByTLS(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	authority := httpproxy.NewAuthority(t)
	p := httpproxy.NewTLS(t, authority.Pair(t, "localhost"))
	address := strings.TrimPrefix(p.Host("portal.test", server.URL), "http://")
	proxy := strings.Replace(p.URL(), "http://127.0.0.1", "https://localhost", 1)
	conn, err := open(t, egress.Way{Proxy: proxy, Roots: authority.PEM}).DialContext(nil)(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	var e *egress.Error
	if _, err := open(t, egress.Way{Proxy: proxy}).DialContext(nil)(t.Context(), "tcp", address); !errors.As(err, &e) || e.Kind != egress.Unreachable {
		t.Errorf("a proxy that nobody vouches for: %v", err)
	}
}

// TestClientCertificate is shown to a server that asks for one.
func TestClientCertificate(t *testing.T) {
	authority := httpproxy.NewAuthority(t)
	server := tlsServer(t, authority, "localhost")
	cert, key := authority.Issue(t, "choriste-client")
	for _, c := range []struct {
		way  egress.Way
		want string
	}{
		{egress.Way{Roots: authority.PEM, Cert: cert, Key: secretText(key)}, "choriste-client"},
		{egress.Way{Roots: authority.PEM}, ""},
	} {
		r := open(t, c.way)
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: r.TLS(), DisableKeepAlives: true}}
		resp, err := client.Get(strings.Replace(server.URL, "127.0.0.1", "localhost", 1))
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(b) != c.want {
			t.Errorf("the server saw %q, want %q", b, c.want)
		}
	}
}

func TestProxied(t *testing.T) {
	const list = "localhost,.internal.example, example.org 10.0.0.0/8,192.0.2.7,*.star.example,only.example:8443,[2001:db8::1]:443,fd00::/8"
	r := open(t, egress.Way{Proxy: "http://proxy.example:3128", NoProxy: list})
	for address, want := range map[string]bool{
		"api.piste.gouv.fr:443": true, "127.0.0.1:80": false, "127.8.8.8:80": false, "[::1]:443": false, "localhost:1": false, "LOCALHOST:1": false,
		"a.internal.example:443": false, "internal.example:443": true, "example.org:443": false, "www.Example.Org.:443": false, "notexample.org:443": true,
		"10.1.2.3:443": false, "11.1.2.3:443": true, "192.0.2.7:443": false, "192.0.2.8:443": true, "x.star.example:443": false, "star.example:443": true,
		"only.example:8443": false, "only.example:443": true, "[2001:db8::1]:443": false, "[2001:db8::1]:444": true, "[fd12::1]:443": false, "[::ffff:10.0.0.1]:443": false,
	} {
		if got := r.Proxied(address); got != want {
			t.Errorf("%s: %t, want %t", address, got, want)
		}
	}
	if open(t, egress.Way{Proxy: "http://proxy.example:3128", NoProxy: "*"}).Proxied("api.piste.gouv.fr:443") || open(t, egress.Way{}).Proxied("api.piste.gouv.fr:443") {
		t.Error("proxied against everything")
	}
}

func TestWrongWays(t *testing.T) {
	for want, w := range map[string]egress.Way{
		"must look like":     {Proxy: "proxy.example:3128"},
		"no port":            {Proxy: "http://proxy.example"},
		"holds a login":      {Proxy: "http://robot:canary@proxy.example:3128"},
		"after the port":     {Proxy: "http://proxy.example:3128/pac"},
		"go together":        {Proxy: "http://proxy.example:3128", Login: "robot"},
		"no proxy":           {Login: "robot", Password: "canary"},
		"a colon":            {Proxy: "http://proxy.example:3128", Login: "a:b", Password: "canary"},
		"no certificate":     {Roots: "canary"},
		"holds a":            {Roots: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"},
		"cannot be read":     {Roots: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
		"client certificate": {Cert: "canary", Key: "canary"},
	} {
		if _, err := w.Open(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// TestReadNoProxy: an entry by which no host can be meant is refused; it was passed over, and what it was to keep from the proxy went there.
func TestReadNoProxy(t *testing.T) {
	for text, number := range map[string]int{
		"": 0, "*": 0, " , ": 0, "example.net,.example.net *.example.net": 0, "EXAMPLE.net.": 0, "localhost,127.0.0.1,::1,[::1],10.0.0.0/8,fd00::/8": 0, "10.1.2.3:8080,[::1]:443,example.net:443": 0, "intranet,my_host,münchen.example": 0, "1and1.example": 0,
		"10.*": 1, "example.net,10.0.0.0/33": 2, "10.0.0": 1, "http://example.net": 1, "example.net:port": 1, "example.net:0": 1, "10.1.2.3:99999": 1, "a..b": 1, "example.*": 1, "a;b": 1, "example.net,.": 2, "user:pass@host": 1,
	} {
		err := egress.ReadNoProxy(text)
		if (err != nil) != (number > 0) || err != nil && !strings.Contains(err.Error(), fmt.Sprintf("number %d,", number)) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
