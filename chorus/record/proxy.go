package record

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/choriste/choriste/chorus"
)

const tokenPath = "/api/oauth/token" //nolint:gosec // a path, not a credential

// Bounds of what one request may cost.
const (
	maxRequest  = 64 << 20
	maxKept     = 64 << 20  // of one body in memory
	maxInMemory = 192 << 20 // of all bodies at once
	maxAtOnce   = 32
	maxHeader   = 64 << 10
	slowest     = 10 * time.Minute
)

// Config says what is recorded. To, File and Listen are required.
type Config struct {
	Listen     string        // address of the proxy
	To         string        // the API's root, without /cpro
	Token      string        // full address of the token endpoint; default: that of PISTE's hosts, or /api/oauth/token of To
	Production bool          // without it PISTE's production hosts are refused
	File       string        // must not exist
	MaxBytes   int64         // of the file; default 100 MB
	For        time.Duration // default one hour
	Keep       []string      // words that may stay in messages, beside those that are known
	Roots      *x509.CertPool
	Log        func(string)
}

// Recorder is a running proxy.
type Recorder struct {
	cfg       Config
	to, token *url.URL
	scrub     *scrubber
	began     time.Time
	url       string
	server    *http.Server
	transport *http.Transport
	memory    *semaphore.Weighted
	atOnce    chan struct{}
	serving   sync.WaitGroup

	mu      sync.Mutex
	file    *os.File
	written int64
	n       int
	why     string // it has ended
	failed  error
	ended   chan struct{}
}

// Start checks the configuration, makes the file and serves.
func Start(cfg Config) (*Recorder, error) {
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 100 << 20
	}
	if cfg.For == 0 {
		cfg.For = time.Hour
	}
	if cfg.Log == nil {
		cfg.Log = func(string) {}
	}
	r := &Recorder{
		cfg: cfg, scrub: newScrubber(cfg.Keep), began: time.Now(), memory: semaphore.NewWeighted(maxInMemory), atOnce: make(chan struct{}, maxAtOnce), ended: make(chan struct{}),
	}
	var err error
	if r.to, r.token, err = addresses(cfg); err != nil {
		return nil, err
	}
	if cfg.MaxBytes < 1<<10 || cfg.For < time.Second {
		return nil, &UsageError{"max-size is below 1 KB, or for below a second"}
	}
	r.transport = &http.Transport{ // HTTP/1.1 alone, one request on a connection: net/http never repeats a deposit then
		DialContext: (&net.Dialer{Timeout: 30 * time.Second}).DialContext, TLSHandshakeTimeout: 30 * time.Second, ResponseHeaderTimeout: slowest,
		TLSClientConfig: &tls.Config{RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12}, DisableCompression: true, DisableKeepAlives: true, MaxResponseHeaderBytes: maxHeader,
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("%w (another address by -listen)", err)
	}
	if r.file, err = os.OpenFile(cfg.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
		err = r.line(head{version, r.to.String(), r.began.UTC()})
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	r.url = "http://" + l.Addr().String()
	r.server = &http.Server{
		Handler: r, ReadHeaderTimeout: time.Minute, ReadTimeout: slowest, WriteTimeout: 2 * slowest, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: maxHeader, ErrorLog: log.New(io.Discard, "", 0),
	}
	r.serving.Go(func() { _ = r.server.Serve(l) })
	r.serving.Go(func() {
		select {
		case <-time.After(cfg.For):
			r.end(fmt.Sprintf("%v are over (-for)", cfg.For))
		case <-r.ended:
		}
	})
	return r, nil
}

// UsageError is the command line's fault.
type UsageError struct{ Reason string }

func (e *UsageError) Error() string { return e.Reason }

// addresses are where requests go, and nowhere else.
func addresses(cfg Config) (to, token *url.URL, err error) {
	if to, err = address("-to", cfg.To, cfg.Production); err != nil {
		return nil, nil, err
	}
	at := cfg.Token
	if at == "" {
		host, isAPI := strings.CutSuffix(to.Host, "api.piste.gouv.fr")
		at = to.Scheme + "://" + to.Host + tokenPath
		if isAPI {
			at = "https://" + host + "oauth.piste.gouv.fr" + tokenPath
		}
	}
	token, err = address("-token", at, cfg.Production)
	return to, token, err
}

func address(flag, text string, production bool) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(text, "/"))
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, &UsageError{flag + " must be an address as https://sandbox-api.piste.gouv.fr"}
	case u.Scheme != "https" && (u.Scheme != "http" || !here(u.Hostname())):
		return nil, &UsageError{flag + ": secrets go to another machine by https alone"}
	case chorus.IsProduction(text) && !production:
		return nil, &UsageError{flag + " is the production portal: say -production if that is meant"}
	}
	return u, nil
}

func here(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// URL is where the client is pointed at, in the place of the portal.
func (r *Recorder) URL() string { return r.url }

// TokenURL is the address of the token endpoint.
func (r *Recorder) TokenURL() string { return r.url + tokenPath }

// Ended is closed when the recording is at its bounds; Why says at which.
func (r *Recorder) Ended() <-chan struct{} { return r.ended }

// Close ends it, and returns how many exchanges were kept, and why it ended by itself.
func (r *Recorder) Close() (kept int, why string, err error) {
	r.end("")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if r.server.Shutdown(ctx) != nil {
		_ = r.server.Close()
	}
	r.serving.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file != nil {
		err = errors.Join(r.failed, r.file.Sync(), r.file.Close())
		r.file = nil
	}
	return r.n, r.why, err
}

func (r *Recorder) end(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stop(why)
}

// line appends one line. Callers hold the lock, or are alone.
func (r *Recorder) line(v any) error {
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	if err := out.Encode(v); err != nil {
		return err
	}
	n, err := r.file.Write(b.Bytes())
	r.written += int64(n)
	return err
}

// refuse answers in the place of the portal, and says so.
func refuse(w http.ResponseWriter, status int, why string) {
	w.Header().Set("X-Chorus-Sim", "record: "+why)
	w.WriteHeader(status)
}

// ServeHTTP passes one request on, as it comes, and the answer back, and keeps both.
func (r *Recorder) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	name := in.Host
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	target := *r.to
	target.Path += in.URL.Path
	if in.URL.Path == tokenPath {
		target = *r.token
	}
	target.RawQuery = in.URL.RawQuery
	switch {
	case in.URL.IsAbs() || in.Method == http.MethodConnect:
		refuse(w, http.StatusForbidden, "this goes to "+r.to.Host+" alone; it is no proxy for other hosts")
		return
	case net.ParseIP(strings.Trim(name, "[]")) == nil && strings.Contains(name, ".") && !strings.HasSuffix(name, ".localhost"):
		refuse(w, http.StatusForbidden, "it is not called by this name")
		return
	case in.Header.Get("Origin") != "" || in.Header.Get("Sec-Fetch-Site") != "":
		refuse(w, http.StatusForbidden, "a page in a browser asks")
		return
	}
	select {
	case <-r.ended:
		refuse(w, http.StatusServiceUnavailable, "the recording has ended")
		return
	default:
	}
	select {
	case r.atOnce <- struct{}{}:
		defer func() { <-r.atOnce }()
	default:
		refuse(w, http.StatusServiceUnavailable, "too many requests at once")
		return
	}
	r.pass(w, in, &target)
}

func (r *Recorder) pass(w http.ResponseWriter, in *http.Request, target *url.URL) {
	started := time.Now()
	asked, said := r.tee(), r.tee()
	defer asked.free()
	defer said.free()
	in.Body = http.MaxBytesReader(w, in.Body, maxRequest)
	out := in.Clone(in.Context())
	out.URL, out.Host, out.RequestURI = target, target.Host, ""
	out.Body = asked.reader(in.Body)
	for _, hop := range []string{"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Accept-Encoding"} {
		out.Header.Del(hop)
	}
	x := Exchange{AtMS: started.Sub(r.began).Milliseconds(), Method: method(in.Method)}
	answer, err := r.transport.RoundTrip(out)
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			refuse(w, http.StatusRequestEntityTooLarge, "the request is larger than 64 MB")
			return
		}
		x.Why = "no answer"
		var untrusted *tls.CertificateVerificationError
		if errors.As(err, &untrusted) {
			x.Why = "the portal's certificate is not trusted"
		}
		r.cfg.Log("record: " + x.Method + " " + r.scrub.path(in.URL.Path) + ": " + x.Why)
		r.keep(x, in, asked, nil, nil, started)
		if x.Why == "no answer" { // as the portal did
			panic(http.ErrAbortHandler)
		}
		refuse(w, http.StatusBadGateway, x.Why)
		return
	}
	defer func() { _ = answer.Body.Close() }()
	for name, values := range answer.Header {
		if name != "Connection" && name != "Transfer-Encoding" && name != "Keep-Alive" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(answer.StatusCode)
	err = stream(w, said.reader(answer.Body))
	if err != nil {
		x.Why = "the answer was cut off"
	}
	r.keep(x, in, asked, answer, said, started)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}

// stream copies as it comes.
func stream(w http.ResponseWriter, from io.Reader) error {
	part := make([]byte, 32<<10)
	control := http.NewResponseController(w)
	for {
		n, err := from.Read(part)
		if n > 0 {
			if _, err := w.Write(part[:n]); err != nil {
				return err
			}
			_ = control.Flush()
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
