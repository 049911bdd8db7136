package openid

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/choriste/choriste/egress"
)

// CheckIssuer tells what is wrong with the address of a provider.
func CheckIssuer(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("must look like https://login.example.net/realm")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return errors.New("has a login, a query or a fragment: an issuer has none")
	case u.Scheme == "http" && !here(u.Hostname()):
		return errors.New("must begin with https:// (plain http leads to this machine alone)")
	}
	return nil
}

// CheckAddress tells what is wrong with the address of the pages.
func CheckAddress(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return errors.New("must look like https://choriste.example.net, with nothing after the host and its port")
	case u.Host != strings.ToLower(u.Host):
		return errors.New("must be in small letters, as browsers write it")
	case u.Scheme == "http" && !here(u.Hostname()):
		return errors.New("must begin with https:// (plain http leads to this machine alone)")
	}
	return nil
}

// checkSafe refuses an address of the discovery document that is not https. Only an issuer on this machine may have its addresses there by http.
func checkSafe(address, issuer string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "":
		return errors.New("is missing or cannot be read")
	case u.Scheme == "https", u.Scheme == "http" && here(u.Hostname()) && strings.HasPrefix(issuer, "http://"):
		return nil
	}
	return errors.New("is not https")
}

// here tells that a host is this machine.
func here(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback() || host == "localhost"
}

// newClient makes requests with a deadline, bounded answers and no redirect: a redirect could lead to plain http, and would carry the client's secret along.
func newClient(way egress.Way) (*http.Client, error) {
	way.Cert, way.Key = "", "" // of PISTE's hosts alone
	route, err := way.Open()
	if err != nil {
		return nil, err
	}
	return &http.Client{
		Timeout: Within,
		Transport: bounded{&http.Transport{
			DialContext:            route.DialContext(nil),
			TLSClientConfig:        route.TLS(),
			TLSHandshakeTimeout:    Within,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true, // the bound is then one of what is read
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConns:           mostAtOnce,
			IdleConnTimeout:        egress.Within,
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// bounded cuts answers that are too large, with an error.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err == nil {
		resp.Body = &boundedBody{resp.Body, mostAnswer}
	}
	return resp, err
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

var errTooLarge = errors.New("the answer is too large")

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// slow tells that an error is of a deadline.
func slow(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}
