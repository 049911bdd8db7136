package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/choriste/choriste/egress"
)

// client makes requests that go where the address says and nowhere else: the address is checked when its name has been looked up, no proxy is used but that of
// the settings, and no redirect followed. HTTP/1.1, because over HTTP/2 Go may send one request many times by itself (docs/protocol.md §1).
func client(reach func(netip.Addr) bool, route *egress.Route) *http.Client {
	straight := func(_ context.Context, _, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !reach(at.Addr().Unmap()) {
			return errAddress
		}
		return nil
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            route.DialContext(straight),
			TLSClientConfig:        route.TLS(),
			TLSHandshakeTimeout:    Timeout,
			Protocols:              &protocols,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConns:           1,
			IdleConnTimeout:        30 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

var errAddress = errors.New("an address that is not allowed")

// special are the blocks that the standard library has no name for and that lead to no receiver on the internet: shared, documentation and test networks,
// and the ways in which an IPv6 address can hide an IPv4 one.
var special = func() (list []netip.Prefix) {
	for _, p := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2001:db8::/32", "2002::/16", "fec0::/10",
	} {
		list = append(list, netip.MustParsePrefix(p))
	}
	return list
}()

// loopback is this machine.
func loopback(ip netip.Addr) bool { return ip.IsLoopback() }

// inside is everywhere but what answers for no receiver: link-local addresses are where clouds keep their machines' credentials.
func inside(ip netip.Addr) bool {
	return ip.IsValid() && !ip.IsUnspecified() && !ip.IsMulticast() && !ip.IsLinkLocalUnicast() && ip != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// public is the internet.
func public(ip netip.Addr) bool {
	if !inside(ip) || ip.IsLoopback() || ip.IsPrivate() || !ip.IsGlobalUnicast() {
		return false
	}
	for _, p := range special {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

// code is what is said of an error: its kind alone.
func code(err error) string {
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		op          *net.OpError
		network     net.Error
		proxy       *egress.Error
	)
	switch {
	case errors.As(err, &proxy):
		return CodeProxy
	case errors.Is(err, errAddress):
		return CodeAddress
	case errors.As(err, &dns):
		return CodeDNS
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return CodeTimeout
	case errors.As(err, &certificate), errors.As(err, &record), errors.As(err, &op) && op.Op == "remote error", errors.Is(err, http.ErrSchemeMismatch):
		return CodeTLS
	case errors.As(err, &op) && op.Op == "dial":
		return CodeConnect
	default:
		return CodeCut
	}
}
