// Package egress is the way out to the internet: straight, or through an HTTP proxy; whom to trust on it, and which certificate to show.
//
// A proxy is only ever asked for a tunnel (CONNECT). It learns a host and a port, and no password, token or document. Until the tunnel stands, nothing of a
// request can have left: an error of [Route.DialContext] is proof of that, whatever the proxy did (docs/protocol.md §3.9).
package egress

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/choriste/choriste/secret"
)

// Way says how to get out. The zero value is straight, trusting the system's roots. Two ways are equal when they lead the same way.
type Way struct {
	Proxy    string // http://host:port or https://host:port; "" = none
	Login    string // at the proxy; "" = none
	Password secret.Text
	NoProxy  string // hosts that are reached straight, in the form of NO_PROXY

	Roots string      // certificates in PEM that are trusted beside the system's
	Cert  string      // certificate in PEM for a server that asks for one, and those above it
	Key   secret.Text // its key, in PEM
}

// Route is a way made ready. It is safe for concurrent use.
type Route struct {
	proxy   *url.URL // nil = none
	login   string   // the header Proxy-Authorization; "" = none
	noProxy []exception
	roots   *x509.CertPool // nil = the system's
	own     []*x509.Certificate
	certs   []tls.Certificate
}

// Open reads the way. Its error names everything that is wrong with it, and holds no secret.
func (w Way) Open() (*Route, error) {
	r := &Route{}
	var problems []error
	note := func(err error) { problems = append(problems, err) }
	if w.Proxy != "" {
		u, err := readProxy(w.Proxy)
		note(err)
		r.proxy = u
	}
	switch {
	case (w.Login == "") != (w.Password == ""):
		note(errors.New("the proxy's login and its password go together"))
	case w.Login != "" && w.Proxy == "":
		note(errors.New("there is a login for a proxy, and no proxy"))
	case strings.Contains(w.Login, ":"):
		note(errors.New("the proxy's login contains a colon"))
	case w.Login != "":
		r.login = "Basic " + base64.StdEncoding.EncodeToString([]byte(w.Login+":"+w.Password.Reveal()))
	}
	if r.proxy != nil {
		r.noProxy = readExceptions(w.NoProxy)
	}
	note(r.trust(w.Roots))
	if w.Cert != "" || w.Key != "" {
		pair, err := tls.X509KeyPair([]byte(w.Cert), []byte(w.Key.Reveal()))
		if err != nil {
			note(errors.New("the client certificate and its key cannot be used: both must be PEM, and belong together"))
		} else {
			r.certs = []tls.Certificate{pair}
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return r, nil
}

// ReadProxy checks the address of a proxy.
func ReadProxy(address string) error {
	_, err := readProxy(address)
	return err
}

func readProxy(address string) (*url.URL, error) {
	const form = "must look like http://proxy.example.net:3128"
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, errors.New(form)
	case u.User != nil:
		return nil, errors.New("holds a login, which others could read: give it apart, and its password in a file; it " + form)
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("has something after the port: it " + form)
	}
	if n, err := strconv.Atoi(u.Port()); err != nil || n < 1 || n > 65535 {
		return nil, errors.New("has no port: it " + form)
	}
	return u, nil
}

// ReadRoots checks certificates in PEM.
func ReadRoots(text string) error {
	_, err := readRoots(text)
	return err
}

func readRoots(text string) (list []*x509.Certificate, err error) {
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("holds a %s: it must hold certificates alone, in PEM", strings.ToLower(block.Type))
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("holds a certificate that cannot be read (number %d)", len(list)+1)
		}
		list = append(list, c)
	}
	if len(list) == 0 {
		return nil, errors.New("holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")
	}
	return list, nil
}

func (r *Route) trust(roots string) (err error) {
	if roots == "" {
		return nil
	}
	if r.own, err = readRoots(roots); err != nil {
		return err
	}
	if r.roots, err = x509.SystemCertPool(); err != nil {
		r.roots = x509.NewCertPool()
	}
	for _, c := range r.own {
		r.roots.AddCert(c)
	}
	return nil
}

// TLS is for the servers that the route leads to. Each call gives a new configuration.
func (r *Route) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: r.roots, Certificates: r.certs}
}

// Opened tells that only a root of Way.Roots vouches for a server: TLS is then as good as opened on the way, and what answers may not be the server.
func (r *Route) Opened(state *tls.ConnectionState) bool {
	if state == nil || len(state.VerifiedChains) == 0 || len(r.own) == 0 {
		return false
	}
	for _, chain := range state.VerifiedChains {
		if !r.ours(chain[len(chain)-1]) {
			return false
		}
	}
	return true
}

func (r *Route) ours(root *x509.Certificate) bool {
	for _, c := range r.own {
		if bytes.Equal(c.Raw, root.Raw) {
			return true
		}
	}
	return false
}

// Within bounds a connection: name, TCP, and the proxy's answer.
const Within = 15 * time.Second

// DialContext makes connections. straight looks at each address that is dialled without a proxy, and may refuse it; nil refuses none. Behind a proxy the proxy
// looks names up, and decides where it goes.
func (r *Route) DialContext(straight func(ctx context.Context, network, address string, c syscall.RawConn) error) func(ctx context.Context, network, address string) (net.Conn, error) {
	direct := &net.Dialer{Timeout: Within, KeepAlive: 15 * time.Second, ControlContext: straight}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if !r.Proxied(address) {
			return direct.DialContext(ctx, network, address)
		}
		return r.tunnel(ctx, address)
	}
}

// Proxied tells whether the way to an address, as host:port, goes through the proxy.
func (r *Route) Proxied(address string) bool {
	if r.proxy == nil {
		return false
	}
	host, port, err := net.SplitHostPort(address)
	return err == nil && !excepted(r.noProxy, host, port)
}

// Proxy is the proxy's host and port; "" without one.
func (r *Route) Proxy() string {
	if r.proxy == nil {
		return ""
	}
	return r.proxy.Host
}
