// Package httpproxy is the HTTP proxy of an enterprise, in small and as hostile as a test wants it: it makes tunnels (CONNECT) to hosts that nobody else reaches.
//
//	p := httpproxy.New(t)
//	api := p.Host("portal.test", server.URL) // http://portal.test:port leads to server, by way of p alone
//	p.Do(httpproxy.Answer(502))
//
// Each method may be called at any time and by any goroutine.
package httpproxy

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// Behaviour is what the proxy does with one connection whose request it has read; address is where the host leads, "" when the proxy knows no such host.
type Behaviour func(c net.Conn, r *http.Request, address string)

// Proxy listens on a port of this machine.
type Proxy struct {
	listener net.Listener

	mu       sync.Mutex
	hosts    map[string]string
	login    string // the Proxy-Authorization that is asked for; "" = none
	do       Behaviour
	requests []*http.Request
	conns    map[net.Conn]struct{}
	busy     sync.WaitGroup
}

// New starts a proxy that ends with the test. It passes on whatever it is asked for.
func New(t testing.TB) *Proxy {
	t.Helper()
	return start(t, func(l net.Listener) net.Listener { return l })
}

// NewTLS starts one that is spoken to by TLS: its address is https://localhost:port.
func NewTLS(t testing.TB, pair tls.Certificate) *Proxy {
	t.Helper()
	return start(t, func(l net.Listener) net.Listener {
		return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}})
	})
}

func start(t testing.TB, wrap func(net.Listener) net.Listener) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l = wrap(l)
	p := &Proxy{listener: l, hosts: map[string]string{}, conns: map[net.Conn]struct{}{}, do: Pass}
	p.busy.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.conns[c] = struct{}{}
			p.mu.Unlock()
			p.busy.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		for c := range p.conns {
			_ = c.Close()
		}
		p.mu.Unlock()
		p.busy.Wait()
	})
	return p
}

// URL is the proxy's address.
func (p *Proxy) URL() string { return "http://" + p.listener.Addr().String() }

// Host gives a server a name that only the proxy knows, and returns the server's address by that name.
func (p *Proxy) Host(name, server string) string {
	u, err := url.Parse(server)
	if err != nil {
		panic("httpproxy: " + err.Error())
	}
	address := u.Host
	u.Host = net.JoinHostPort(name, u.Port())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hosts[u.Host] = address
	return u.String()
}

// Login has the proxy ask for a login, as squid does with Basic.
func (p *Proxy) Login(user, password string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.login = "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// Do sets what is done with the requests that come from now on.
func (p *Proxy) Do(b Behaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.do = b
}

// Requests are all requests so far.
func (p *Proxy) Requests() []*http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*http.Request(nil), p.requests...)
}

func (p *Proxy) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	r, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	p.mu.Lock()
	p.requests = append(p.requests, r)
	login, do, address := p.login, p.do, p.hosts[r.URL.Host]
	p.mu.Unlock()
	if login != "" && r.Header.Get("Proxy-Authorization") != login {
		do = Challenge("Negotiate", "NTLM", `Basic realm="lab"`)
	}
	do(buffered{c, in}, r, address)
}

// buffered gives first what was read too much.
type buffered struct {
	net.Conn
	in *bufio.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.in.Read(p) }

// Pass makes the tunnel.
func Pass(c net.Conn, r *http.Request, address string) {
	server := connect(c, r, address)
	if server == nil {
		return
	}
	say(c, established)
	splice(c, server)
}

const established = "HTTP/1.1 200 Connection established\r\n\r\n"

// connect reaches the host, or says as squid does that it cannot.
func connect(c io.Writer, r *http.Request, address string) net.Conn {
	if r.Method != http.MethodConnect { // a plain request would show the proxy what it carries
		say(c, "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
		return nil
	}
	server, err := net.Dial("tcp", address)
	if address == "" || err != nil {
		say(c, "HTTP/1.1 503 Service Unavailable\r\nX-Squid-Error: ERR_DNS_FAIL 0\r\nContent-Length: 9\r\n\r\nno host\r\n")
		return nil
	}
	return server
}

func splice(c, server net.Conn) {
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(server, c)
		_ = server.(*net.TCPConn).CloseWrite()
		close(done)
	}()
	_, _ = io.Copy(c, server)
	_ = c.Close()
	<-done
	_ = server.Close()
}

func say(c io.Writer, text string) { _, _ = io.WriteString(c, text) }

// Say answers these bytes and closes.
func Say(text string) Behaviour {
	return func(c net.Conn, _ *http.Request, _ string) { say(c, text) }
}

// Answer refuses with a status and a page.
func Answer(status int) Behaviour {
	return Say(fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>", status, http.StatusText(status)))
}

// Challenge asks for a login in these ways.
func Challenge(ways ...string) Behaviour {
	var b strings.Builder
	for _, w := range ways {
		b.WriteString("Proxy-Authenticate: " + w + "\r\n")
	}
	return Say("HTTP/1.1 407 Proxy Authentication Required\r\n" + b.String() + "Content-Length: 0\r\n\r\n")
}

// Hang never answers.
func Hang(c net.Conn, _ *http.Request, _ string) { _, _ = io.Copy(io.Discard, c) }

// HangUp closes without a word.
func HangUp(net.Conn, *http.Request, string) {}

// Endless begins an answer that has no end.
func Endless(c net.Conn, _ *http.Request, _ string) {
	say(c, "HTTP/1.1 200 OK\r\n")
	for line := "X-More: " + strings.Repeat("x", 1000) + "\r\n"; ; {
		if _, err := io.WriteString(c, line); err != nil {
			return
		}
	}
}

// Promise says that the tunnel stands, and closes: it has not even tried.
func Promise(c net.Conn, _ *http.Request, _ string) { say(c, established) }

// CloseAfter makes the tunnel and cuts it when so many bytes have passed from the client to the server.
func CloseAfter(n int64) Behaviour {
	return func(c net.Conn, r *http.Request, address string) {
		server := connect(c, r, address)
		if server == nil {
			return
		}
		defer func() { _ = server.Close() }()
		say(c, established)
		_, _ = io.CopyN(server, c, n)
	}
}

// Swallow makes the tunnel and passes nothing on.
func Swallow(c net.Conn, r *http.Request, address string) {
	if server := connect(c, r, address); server != nil {
		defer func() { _ = server.Close() }()
		say(c, established)
		_, _ = io.Copy(io.Discard, c)
	}
}

// Hold makes the tunnel and keeps what the client sends until the client has gone and release is closed: then it is delivered, and the answer thrown away. The
// proxy does not end before.
func Hold(release <-chan struct{}) Behaviour {
	return func(c net.Conn, r *http.Request, address string) {
		server := connect(c, r, address)
		if server == nil {
			return
		}
		defer func() { _ = server.Close() }()
		say(c, established)
		taken, _ := io.ReadAll(c) // until the client goes
		<-release
		_, _ = server.Write(taken)
		_ = server.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, server)
	}
}
