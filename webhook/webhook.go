// Package webhook sends signed requests in the form of the Standard Webhooks specification (https://www.standardwebhooks.com): one event a request,
// whose signature covers its id, the time of the attempt and the body. It knows nothing of invoices.
//
// What went wrong is told as a code. Errors never hold the address, which may itself be a secret, nor anything that the receiver said.
package webhook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/choriste/choriste/egress"
)

// Timeout bounds one delivery, from the look-up of the name to the last byte that is read of the answer.
const Timeout = 10 * time.Second

// mostAnswer is how much of an answer is read, so that its connection can be used again; nobody looks at it.
const mostAnswer = 64 << 10

// Sender delivers to one endpoint. It may be used by several goroutines at once.
type Sender struct {
	url    string
	keys   [][]byte // of the secrets, the newest first
	client *http.Client
}

// New makes a sender for an address and its secrets, each whsec_ and 24 to 64 bytes in base64; every request is signed with each of them, so that the
// receiver may change over at any time. Addresses of private networks and of this machine are refused, also when a name leads there, unless private
// is set; plain HTTP is taken for this machine alone. Behind the proxy of way, it is the proxy that looks names up and decides which addresses it reaches.
func New(address string, secrets []string, private bool, way egress.Way) (*Sender, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("the url cannot be read: it should look like https://host/path")
	}
	switch {
	case u.User != nil:
		return nil, errors.New("the url holds a user: the receiver knows us by the signature")
	case u.Fragment != "":
		return nil, errors.New("the url holds a #fragment, which is never sent")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("the url must begin with https://")
	}
	reach := public
	switch {
	case u.Scheme == "http" && !private:
		return nil, errors.New("the url must begin with https://; http:// is for this machine alone, with allow_private: true")
	case u.Scheme == "http":
		reach = loopback
	case private:
		reach = inside
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && !reach(ip.Unmap()) {
		return nil, errors.New("the url leads to an address that is not allowed: allow_private: true lets private ones in")
	}
	route, err := way.Open()
	if err != nil {
		return nil, err
	}
	if u.Scheme == "http" && route.Proxied(net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "80"))) {
		return nil, errors.New("the url begins with http://, which is for this machine alone, and leads to the proxy: name the host in NO_PROXY, or use localhost")
	}
	s := &Sender{url: u.String(), client: client(reach, route)}
	for _, secret := range secrets {
		key, err := parse(secret)
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, key)
	}
	if len(s.keys) == 0 {
		return nil, errors.New("there is no secret")
	}
	return s, nil
}

// parse is strict: a secret that a receiver's library would read otherwise is of no use.
func parse(secret string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	if !ok {
		return nil, errors.New("a secret must begin with whsec_")
	}
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(key) < 24 || len(key) > 64 {
		return nil, errors.New("a secret must hold 24 to 64 bytes in base64 after whsec_")
	}
	return key, nil
}

// sign is the signature of one attempt to deliver an event.
func sign(key []byte, id string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%d.%s", id, at.Unix(), body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Result is what became of a delivery.
type Result struct {
	Code       string        // "" = delivered
	Status     int           // 0 = there was no answer
	RetryAfter time.Duration // as the receiver asked; 0 = it did not
}

// The codes of what went wrong.
const (
	CodeStatus  = "STATUS"   // an answer other than 2xx
	CodeGone    = "GONE"     // 410: the receiver wants no more
	CodeMoved   = "REDIRECT" // 3xx: never followed
	CodeTimeout = "TIMEOUT"
	CodeDNS     = "DNS"
	CodeAddress = "ADDRESS" // the name leads to an address that is not allowed
	CodeConnect = "CONNECT"
	CodeTLS     = "TLS"
	CodeProxy   = "PROXY" // the proxy on the way out made no tunnel: nothing was sent
	CodeCut     = "CUT"   // the connection ended without an answer
)

// Send makes one request. Whatever is not a 2xx is a failure, and without an answer nobody knows whether the receiver has dealt with the event:
// it must be sent again, with the same id. An error is only returned when ctx ended.
func (s *Sender) Send(ctx context.Context, id string, body []byte) (Result, error) {
	now := time.Now()
	signatures := make([]string, len(s.keys))
	for i, key := range s.keys {
		signatures[i] = sign(key, id, now, body)
	}
	limited, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(limited, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return Result{}, errors.New("the request could not be made")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "choriste")
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("Webhook-Signature", strings.Join(signatures, " "))
	res, err := s.client.Do(req)
	if ctx.Err() != nil {
		if res != nil {
			_ = res.Body.Close()
		}
		return Result{}, ctx.Err()
	}
	if err != nil {
		return Result{Code: code(err)}, nil
	}
	defer func() { _ = res.Body.Close() }()
	// The status has said it all; what comes after it, or does not, changes nothing.
	_, _ = io.CopyN(io.Discard, res.Body, mostAnswer)
	return judge(res, now), nil
}

func judge(res *http.Response, now time.Time) Result {
	r := Result{Status: res.StatusCode}
	switch {
	case res.StatusCode/100 == 2:
		return r
	case res.StatusCode/100 == 3:
		r.Code = CodeMoved
	case res.StatusCode == http.StatusGone:
		r.Code = CodeGone
	default:
		r.Code = CodeStatus
	}
	r.RetryAfter = retryAfter(res.Header.Get("Retry-After"), now)
	return r
}

// retryAfter reads seconds or a date; what cannot be read, or has passed, is as if it were not there.
func retryAfter(v string, now time.Time) time.Duration {
	const most = 365 * 24 * time.Hour // beyond it a duration would overflow sooner or later
	if n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err == nil {
		return time.Duration(min(max(n, 0), int64(most/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(at.Sub(now), 0), most)
	}
	return 0
}

// String prints nothing of the address or the secrets.
func (s *Sender) String() string { return fmt.Sprintf("webhook with %d secrets", len(s.keys)) }
