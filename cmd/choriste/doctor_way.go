package main

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"github.com/choriste/choriste/egress"
	"github.com/choriste/choriste/internal/visible"
)

// ways goes each way that an account takes, and tells which of them lead to the token endpoint.
func (d *doctor) ways(s settings) map[egress.Way]bool {
	reached := map[egress.Way]bool{}
	for _, a := range s.Accounts {
		if _, gone := reached[a.Chorus.Way]; gone {
			continue
		}
		part := ""
		if a.Chorus.Way != s.Way {
			part = a.Application
		}
		reached[a.Chorus.Way] = d.way(s, a.Chorus.Way, part)
	}
	return reached
}

// way asks the token endpoint for nothing, without a secret: it shows whether the proxy, the name, the connection and TLS are in order, and what time it is there.
// part names the application whose way it is.
func (d *doctor) way(s settings, way egress.Way, part string) (reached bool) {
	clockPart := strings.TrimSpace("portal " + part)
	route, err := way.Open()
	if err != nil {
		panic("doctor: checked before") // without err, which speaks of secrets
	}
	ctx, cancel := context.WithTimeout(d.ctx, 2*egress.Within)
	defer cancel()
	var handshake, ready atomic.Bool // dialling may outlast the request
	var asked, answered time.Time
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		TLSHandshakeStart:    func() { handshake.Store(true) },
		GotConn:              func(httptrace.GotConnInfo) { ready.Store(true); asked = time.Now() },
		GotFirstResponseByte: func() { answered = time.Now() },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.TokenURL, nil)
	if err != nil {
		panic("doctor: checked before")
	}
	client := &http.Client{
		Transport: &http.Transport{
			Proxy: nil, DialContext: route.DialContext(nil), // like the worker's own requests
			TLSClientConfig: route.TLS(), TLSHandshakeTimeout: egress.Within,
			DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	host := hostOf(s.TokenURL)
	resp, err := client.Do(req)
	if err != nil {
		r := blocked(err, host, route.Proxy(), handshake.Load(), ready.Load())
		r.Part = part
		d.add(r)
		if name := s.environmentsProxy(d.getenv); name != "" && way.Proxy == "" {
			d.add(found(statusWarn, "PROXY_UNUSED", visible.Short(name)))
		}
		d.unchecked(line{layerClock, clockPart})
		return false
	}
	_ = resp.Body.Close()
	if route.Opened(resp.TLS) {
		r := found(statusWarn, "TLS_OPENED", host, issuer(resp.TLS.PeerCertificates[0]))
		r.Part = part
		d.add(r)
	} else {
		d.ok(layerNetwork, part)
	}
	there, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		d.unchecked(line{layerClock, clockPart})
		return true
	}
	// The header counts whole seconds, rounded down.
	half := answered.Sub(asked) / 2
	d.add(clock("CLOCK_PORTAL", clockPart, there.Add(time.Second/2).Sub(asked.Add(half)), half+time.Second/2))
	return true
}

// blocked says where on the way a request to the token endpoint ended.
func blocked(err error, host, proxy string, handshake, ready bool) result {
	var (
		dns     *net.DNSError
		tunnel  *egress.Error
		unknown x509.UnknownAuthorityError
	)
	switch {
	case errors.As(err, &tunnel):
		offered := strings.Join(tunnel.Schemes, ", ")
		if offered == "" {
			offered = "-"
		}
		switch tunnel.Kind {
		case egress.Refused:
			return found(statusFail, "PROXY_LOGIN", proxy, offered)
		case egress.Forbidden:
			return found(statusFail, "PROXY_FORBIDS", proxy, tunnel.Status, host)
		case egress.Upstream:
			return found(statusFail, "PROXY_UPSTREAM", proxy, tunnel.Status, host)
		case egress.NoProxy:
			return found(statusFail, "PROXY_OTHER", proxy)
		case egress.Silent:
			return found(statusFail, "PROXY_SILENT", proxy)
		default:
			return found(statusFail, "PROXY_UNREACHABLE", proxy)
		}
	case errors.As(err, &dns):
		return found(statusFail, "NETWORK_DNS", host)
	case ready:
		return found(statusFail, "NETWORK_SILENT", host)
	case errors.As(err, &unknown) && unknown.Cert != nil:
		return found(statusFail, "TLS_INTERCEPTED", host, issuer(unknown.Cert))
	case handshake:
		return found(statusFail, "NETWORK_TLS", host)
	default:
		return found(statusFail, "NETWORK_TCP", host)
	}
}

// issuer names who issued a certificate, in words that anybody could have put there.
func issuer(c *x509.Certificate) string {
	name := c.Issuer.CommonName
	if len(c.Issuer.Organization) > 0 {
		name += ", " + c.Issuer.Organization[0]
	}
	return visible.Short(oneLine(name))
}
