package chorus

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/egress"
)

// Limits of what is accepted from the portal. An answer beyond them is unreadable, not cut.
const (
	maxHeader = 64 << 10
	maxAnswer = 1 << 20 // a deposit's answer, decompressed
	maxRead   = 8 << 20 // a page of a search may hold a thousand invoices, of 2 to 3 KiB each

	smallAnswer = 256 << 10
)

// largeAnswers bounds the memory that all answers of this process take at once: one larger than smallAnswer is read to its end by a few requests at a
// time. The others wait for their turn within their own deadlines. Deposits' answers are small, so nothing that is sent waits here.
var largeAnswers = make(chan struct{}, 4)

// readAnswer reads up to limit bytes and one more, and returns how the room that they take is given back; nil when they are few.
func readAnswer(ctx context.Context, body io.Reader, limit int) ([]byte, func(), error) {
	b, err := io.ReadAll(io.LimitReader(body, int64(min(limit, smallAnswer)+1)))
	if err != nil || len(b) <= smallAnswer {
		return b, nil, err
	}
	select {
	case largeAnswers <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	all := bytes.NewBuffer(b)
	_, err = all.ReadFrom(io.LimitReader(body, int64(limit+1-len(b))))
	return all.Bytes(), sync.OnceFunc(func() { <-largeAnswers }), err
}

// contentType is sent exactly so: the gateway refused anything else when it was introduced (docs/chorus-pro.md §3.5).
const contentType = "application/json;charset=utf-8"

// newTransport makes a transport on which one request is one request. Over HTTP/2 net/http repeats a POST as often as the
// server resets the stream; HTTP/1.1 without GetBody is never repeated once a byte was written.
func newTransport(cfg Config, route *egress.Route) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	var straight func(context.Context, string, string, syscall.RawConn) error
	if u, err := url.Parse(cfg.APIURL); err == nil && isState(u.Hostname()) {
		straight = publicOnly
	}
	return &http.Transport{
		Proxy:                  nil, // a proxy is the route's affair: net/http would use the environment's, and send http addresses through it without a tunnel
		DialContext:            route.DialContext(straight),
		Protocols:              protocols,
		TLSClientConfig:        route.TLS(),
		TLSHandshakeTimeout:    egress.Within, // a connection is made to its end even when its request has been given up
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        4 * time.Second, // PISTE closes after 5 s of silence, docs/chorus-pro.md §3.1
	}
}

func depositClient(cfg Config, route *egress.Route) *http.Client {
	if crash.Mutant(crash.DefaultTransport) {
		return &http.Client{}
	}
	t := newTransport(cfg, route)
	t.DisableKeepAlives = true // a connection that the other side is just closing makes a deposit ambiguous
	return &http.Client{Transport: t, CheckRedirect: stay}
}

func readClient(cfg Config, route *egress.Route) *http.Client {
	return &http.Client{Transport: newTransport(cfg, route), CheckRedirect: stay}
}

// stay follows no redirect: a 307 would carry the body, and the account's password, to another host.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// publicOnly keeps a poisoned name from leading the portal's own host name into the local network.
func publicOnly(_ context.Context, _, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil || !a.Addr().Unmap().IsGlobalUnicast() || a.Addr().Unmap().IsPrivate() {
		return errNotPublic
	}
	return nil
}

var errNotPublic = errors.New("the portal's name leads to a private address")

// request prepares a request completely; only the context is missing.
func (c *Client) request(op operation, token Token, body body) (*http.Request, *sent, error) {
	req, err := http.NewRequest(op.method, c.api+op.path, nil)
	if err != nil {
		return nil, nil, err
	}
	s := &sent{body: body}
	if op.method != http.MethodGet {
		req.Body = s // and GetBody stays nil: net/http cannot start over
		req.ContentLength = body.Size()
	}
	req.Header.Set("Authorization", "Bearer "+token.Value.Reveal())
	if c.private.account != "" {
		req.Header.Set("cpro-account", c.private.account)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Accept", contentType)
	req.Header.Set("User-Agent", "choriste")
	if crash.Mutant(crash.DefaultTransport) {
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(body.again()), nil }
	}
	return req, s, nil
}

// sent is a request body that counts what was taken of it, possibly from another goroutine than the one that asks, and that
// refuses to be taken after a moment: without its end the portal has no request.
type sent struct {
	body
	n        atomic.Int64
	deadline time.Time   // zero: none
	denied   atomic.Bool // it may not leave at all
}

var errLate = errors.New("too late to be sent")

func (s *sent) Read(p []byte) (int, error) {
	if s.denied.Load() || s.late() {
		return 0, errLate
	}
	half := crash.Enabled && s.Len() > 0 && s.n.Load() == 0
	if half {
		p = p[:max(1, min(len(p), s.Len()/2))]
	}
	n, err := s.body.Read(p)
	s.n.Add(int64(n))
	if half {
		if err := crash.Point(crash.MidBody); err != nil {
			return n, err
		}
	}
	return n, err
}

// late asks both clocks: the monotonic one stands still while a virtual machine sleeps, the other one may be set.
func (s *sent) late() bool {
	if s.deadline.IsZero() {
		return false
	}
	now := time.Now()
	return now.After(s.deadline) || now.Round(0).After(s.deadline.Round(0))
}

func (s *sent) Close() error { return nil }

// reply is what came back from one request: an answer read to its end, or the words for why there is none.
type reply struct {
	Exchange
	header http.Header
	body   []byte
	why    string // "" when the whole answer was read
	fault  Fault  // beside why
	err    error  // the caller's context, when it ended
	free   func() // gives back the body's room; nil when it is small
	opened bool   // TLS may have been opened on the way
}

// send makes one round trip within timeout, dialling and reading included. When there is a connection, before anything is written to it, it waits for the moment to leave. file, where
// it is not nil, is taken out of the answer, and counts neither for limit nor for what is said of the answer.
func (c *Client) send(ctx context.Context, hc *http.Client, req *http.Request, s *sent, timeout time.Duration, limit int, file *lift) (r reply) {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	trace := tracer{stop: cancel, depart: func() (func(), error) { return c.depart(limited) }, sent: s}
	r.Started = time.Now()
	defer func() {
		r.Took = time.Since(r.Started)
		r.Connected, r.Wrote = trace.connected.Load(), trace.wrote.Load()
		r.BytesSent = int(s.n.Load())
		// An answer may be here before net/http has got round to saying that the request is written.
		r.Wrote = r.Wrote || r.Status != 0 && s.n.Load() == s.Size() // Len would race with a body still being sent
	}()

	resp, err := hc.Do(req.WithContext(trace.attach(limited)))
	if err != nil {
		r.fail(ctx, err)
		switch {
		case r.err != nil || trace.denied == nil:
		case errors.Is(trace.denied, errLate):
			r.why, r.fault = errLate.Error(), FaultLocal
		default:
			r.why, r.fault, r.err = "no permit to leave", FaultLocal, trace.denied
		}
		return r
	}
	defer func() { _ = resp.Body.Close() }() // an error here changes nothing: what counts was read
	r.Status, r.header, r.opened = resp.StatusCode, resp.Header, c.route.Opened(resp.TLS)
	err = crash.Point(crash.BeforeRead)
	if err == nil {
		var body io.Reader = resp.Body
		if file != nil {
			body = file.reader(body)
		}
		r.body, r.free, err = readAnswer(limited, body, limit)
	}
	if err == nil {
		err = crash.Point(crash.MidRead)
	}
	r.BytesReceived = len(r.body)
	sum := sha256.Sum256(r.body)
	r.SHA256 = hex.EncodeToString(sum[:])
	switch {
	case err != nil:
		r.fail(ctx, err)
	case len(r.body) > limit:
		r.why, r.fault = fmt.Sprintf("answer larger than %d bytes", limit), FaultPortal
	}
	return r
}

func (r *reply) fail(caller context.Context, err error) {
	r.why, r.fault = failure(err)
	if caller.Err() != nil {
		r.why, r.fault, r.err = "stopped by the caller", FaultStopped, caller.Err()
	}
}

// tracer notes how far a request got. Its flags are set by net/http's own goroutines.
type tracer struct {
	connected, wrote atomic.Bool
	stop             context.CancelFunc
	depart           func() (left func(), err error) // nil: no permit is needed
	left             func()
	denied           error // from depart
	sent             *sent
}

// point ends the request when a failure is injected here.
func (t *tracer) point(name string) {
	if crash.Point(name) != nil {
		t.stop()
	}
}

func (t *tracer) attach(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// net/http calls it in the goroutine that asks for the connection, before another one writes to it. What may not leave finds it closed: net/http would
		// send the header before it reads the body.
		GotConn: func(i httptrace.GotConnInfo) {
			if t.depart != nil {
				if t.left, t.denied = t.depart(); t.denied == nil && t.sent.late() {
					t.denied = errLate
				}
			}
			if t.denied != nil {
				t.sent.denied.Store(true)
				t.stop()
				_ = i.Conn.Close() // its error changes nothing: the body is denied, too
				return
			}
			t.connected.Store(true)
			t.point(crash.AfterDial)
		},
		WroteHeaders: func() {
			if t.left != nil {
				t.left()
			}
			t.point(crash.AfterHeaders)
		},
		WroteRequest: func(i httptrace.WroteRequestInfo) {
			t.wrote.Store(i.Err == nil)
			t.point(crash.AfterWrite)
		},
	})
}

// failure names the class of a transport error in our own words; its text could hold anything.
func failure(err error) (string, Fault) {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var refusal *net.OpError
	var netErr net.Error
	var corrupt flate.CorruptInputError
	var proxy *egress.Error
	switch {
	case errors.As(err, &proxy):
		return proxy.Error(), FaultNetwork
	case errors.Is(err, errLate):
		return errLate.Error(), FaultLocal
	case errors.Is(err, errFile):
		return errFile.Error(), FaultPortal
	case errors.Is(err, errNotPublic):
		return errNotPublic.Error(), FaultConfiguration
	case errors.As(err, &dns):
		return "host name not resolved", FaultNetwork
	case errors.As(err, &certificate):
		return "certificate not trusted", FaultNetwork
	case errors.As(err, &record), errors.As(err, &refusal) && refusal.Op == "remote error": // an alert: crypto/tls gives its type to QUIC alone
		return "TLS handshake failed", FaultNetwork
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused", FaultNetwork
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset", FaultNetwork
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), // net/http has noticed the end while it was writing
		strings.HasSuffix(err.Error(), "server closed idle connection"): // this has no name in net/http
		return "connection closed before the end of the answer", FaultNetwork
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
		return "answer badly compressed", FaultPortal
	case errors.As(err, &netErr) && netErr.Timeout():
		return "no complete answer before the deadline", FaultNetwork
	}
	return "transport failed", FaultNetwork
}

// maxRetryAfter caps what a gateway may ask: a daily quota asks for hours, nothing sensible for more than a day.
const maxRetryAfter = 24 * time.Hour

// retryAfter reads the header Retry-After, in seconds or as a date, the latter against the server's own clock where it
// shows it. -1 when it is absent, negative or unreadable.
func retryAfter(h http.Header) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return -1
	}
	if strings.Trim(v, "0123456789") == "" {
		v = strings.TrimLeft(v, "0")
		if len(v) > len("86400") {
			return maxRetryAfter
		}
		seconds := 0
		for _, digit := range v {
			seconds = seconds*10 + int(digit-'0')
		}
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return -1
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
