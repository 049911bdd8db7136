package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Kind says what a proxy did instead of making a tunnel. After each of them nothing has been sent.
type Kind string

// The kinds.
const (
	Unreachable Kind = "unreachable" // no connection to the proxy itself: name, port, or its TLS
	Silent      Kind = "silent"      // connected, and no answer in time, or the connection closed without one
	Refused     Kind = "login"       // 407: the proxy refuses the login, or asks for one
	Forbidden   Kind = "forbidden"   // the proxy does not let this host or port through
	Upstream    Kind = "upstream"    // 5xx: the proxy lets it through and does not reach it
	NoProxy     Kind = "no proxy"    // what answers does not speak as an HTTP proxy does
)

// Error is a tunnel that was not made.
type Error struct {
	Kind    Kind
	Status  int      // HTTP status of the answer to CONNECT; 0 = there was none
	Schemes []string // of a 407: the known ways of signing in that the proxy offers, as Basic, NTLM
	err     error
}

var kinds = map[Kind]string{
	Unreachable: "the proxy cannot be reached",
	Silent:      "the proxy does not answer",
	Refused:     "the proxy refuses its login, or asks for one",
	Forbidden:   "the proxy does not let this host through",
	Upstream:    "the proxy does not reach the host",
	NoProxy:     "what answers is no HTTP proxy",
}

// Error is in our own words: what a proxy said could hold anything.
func (e *Error) Error() string {
	text := kinds[e.Kind]
	if e.Status != 0 {
		text += fmt.Sprintf(" (HTTP %d)", e.Status)
	}
	if len(e.Schemes) > 0 {
		text += "; it takes " + strings.Join(e.Schemes, ", ")
	}
	return text
}

// Unwrap gives the error of the connection, if there was one.
func (e *Error) Unwrap() error { return e.err }

// maxAnswer bounds what is read of a proxy's answer to CONNECT.
const maxAnswer = 64 << 10

// tunnel connects to an address through the proxy. A crash in here leaves at most an open connection, and nothing of a request.
func (r *Route) tunnel(ctx context.Context, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, Within)
	defer cancel()
	conn, err := (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext(ctx, "tcp", r.proxy.Host)
	if err != nil {
		return nil, &Error{Kind: Unreachable, err: err}
	}
	keep := false
	defer func() {
		if !keep {
			_ = conn.Close()
		}
	}()
	if r.proxy.Scheme == "https" {
		secured := tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: r.roots, ServerName: r.proxy.Hostname(), NextProtos: []string{"http/1.1"}})
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, &Error{Kind: Unreachable, err: err}
		}
		conn = secured
	}
	// The deadline ends with the tunnel; a context that ends earlier ends the exchange at once.
	ended := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	if err := r.ask(conn, address); err != nil {
		return nil, err
	}
	if !ended() {
		return nil, &Error{Kind: Silent, err: ctx.Err()}
	}
	keep = true
	return conn, nil
}

// ask makes the request for a tunnel and reads the answer to its end, and nothing of what comes behind it.
func (r *Route) ask(conn net.Conn, address string) error {
	head := "CONNECT " + address + " HTTP/1.1\r\nHost: " + address + "\r\nUser-Agent: choriste\r\n"
	if r.login != "" {
		head += "Proxy-Authorization: " + r.login + "\r\n"
	}
	if _, err := io.WriteString(conn, head+"\r\n"); err != nil {
		return &Error{Kind: Silent, err: err}
	}
	bounded := &io.LimitedReader{R: conn, N: maxAnswer}
	in := bufio.NewReader(bounded)
	for {
		resp, err := http.ReadResponse(in, &http.Request{Method: http.MethodConnect}) //nolint:bodyclose // it is the connection's, which the caller closes unless it is the tunnel
		var network net.Error
		switch {
		case err == nil:
		case bounded.N == maxAnswer, errors.As(err, &network): // not a byte, or no more of them
			return &Error{Kind: Silent, err: err}
		default:
			return &Error{Kind: NoProxy, err: err}
		}
		switch status := resp.StatusCode; {
		case status < 200 && status != http.StatusSwitchingProtocols: // an interim answer: the bound is for all of them
			continue
		case status/100 == 2 && in.Buffered() > 0: // the server speaks last in TLS and in HTTP: these bytes are not its own
			return &Error{Kind: NoProxy, Status: status}
		case status/100 == 2:
			return nil
		case status == http.StatusProxyAuthRequired:
			return &Error{Kind: Refused, Status: status, Schemes: schemes(resp.Header.Values("Proxy-Authenticate"))}
		case status/100 == 5:
			return &Error{Kind: Upstream, Status: status}
		case status/100 == 4:
			return &Error{Kind: Forbidden, Status: status}
		default:
			return &Error{Kind: NoProxy, Status: status}
		}
	}
}

// schemes are the known ways of signing in that a proxy offers, in our own spelling.
func schemes(challenges []string) (list []string) {
	all := strings.ToLower(strings.Join(challenges, ","))
	for _, known := range []string{"Basic", "Digest", "NTLM", "Negotiate"} {
		for part := range strings.SplitSeq(all, ",") {
			name, _, _ := strings.Cut(strings.TrimSpace(part), " ")
			if name == strings.ToLower(known) {
				list = append(list, known)
				break
			}
		}
	}
	return list
}
