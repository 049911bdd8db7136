package openid

import (
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/choriste/choriste/egress"
)

// Kind says how a sign-in failed.
type Kind string

// The kinds.
const (
	Unreachable Kind = "unreachable" // the provider does not answer
	Unfit       Kind = "unfit"       // what it says of itself cannot be used: settings, or the provider
	Refused     Kind = "refused"     // it does not take the code, or this client
	NotTrusted  Kind = "not trusted" // its ID token does not prove who somebody is
	Expired     Kind = "expired"     // the ID token has ended, or ends in a moment
)

// Error is a sign-in that failed. It holds nothing of what the provider answered but an error code in the form of OAuth.
type Error struct {
	Kind Kind
	Why  string // in English, for whoever runs this; no token, code or secret
}

func (e *Error) Error() string { return "the OpenID provider: " + e.Why }

// errorCode is the form of OAuth's error codes. Everything else that an answer has in its place is not repeated.
var errorCode = regexp.MustCompile(`^[a-z_]{1,40}$`)

// Code is the error code that a provider sent the browser back with, or "" when it has another form.
func Code(text string) string {
	if errorCode.MatchString(text) {
		return text
	}
	return ""
}

// busyStatus is that of a provider that has trouble of its own.
var busyStatus = regexp.MustCompile(`^5\d\d`)

func discoveryError(err error) error {
	var other *oidc.IssuerMismatchError
	if errors.As(err, &other) {
		return &Error{Unfit, "its discovery document is of another issuer: write the issuer exactly as it has it, with or without a slash at the end"}
	}
	if status := busyStatus.FindString(err.Error()); status != "" { // go-oidc says it first, and then the answer
		return &Error{Unreachable, "it answered " + status}
	}
	return lineError(err, "its discovery document cannot be used")
}

// lineError says what was wrong on the way; where nothing was, the answer itself was wrong.
func lineError(err error, otherwise string) error {
	var way *url.Error
	var proxy *egress.Error
	switch {
	case errors.Is(err, errTooLarge), strings.Contains(err.Error(), errTooLarge.Error()): // go-oidc does not wrap it everywhere
		return &Error{Unfit, "its answer is larger than " + strconv.Itoa(mostAnswer) + " bytes"}
	case slow(err), strings.Contains(err.Error(), "Client.Timeout"):
		return &Error{Unreachable, "it did not answer in time"}
	case errors.As(err, &proxy):
		return &Error{Unreachable, proxy.Error()}
	case errors.As(err, &way):
		if strings.Contains(way.Err.Error(), "x509:") || strings.Contains(way.Err.Error(), "tls:") {
			return &Error{Unreachable, "its TLS certificate is not trusted, or TLS failed"}
		}
		return &Error{Unreachable, "it cannot be reached"}
	}
	return &Error{Unfit, otherwise}
}

func exchangeError(err error) error {
	var answered *oauth2.RetrieveError
	if !errors.As(err, &answered) {
		return lineError(err, "the answer of its token endpoint cannot be used")
	}
	why := "its token endpoint refused the code"
	if answered.Response != nil && answered.Response.StatusCode >= 500 {
		return &Error{Unreachable, "its token endpoint answered " + strconv.Itoa(answered.Response.StatusCode)}
	}
	switch code := Code(answered.ErrorCode); code {
	case "":
	case "invalid_client", "unauthorized_client":
		return &Error{Refused, "it refuses this client: check its id and secret (" + code + ")"}
	default:
		why += " (" + code + ")"
	}
	return &Error{Refused, why}
}

// verifyError finds the check that failed by the beginning of go-oidc's text, which may quote the token after it.
func verifyError(err error) error {
	var expired *oidc.TokenExpiredError
	if errors.As(err, &expired) {
		return &Error{Expired, "its ID token has expired: do the clocks agree?"}
	}
	text := err.Error()
	for _, known := range []struct{ begins, why string }{
		{"oidc: id token issued by a different provider", "its ID token is of another issuer"},
		{"oidc: expected audience", "its ID token is for another client"},
		{"oidc: current time", "its ID token is not valid yet: do the clocks agree?"},
		{"oidc: malformed jwt", "its ID token cannot be read, or is signed in a way that is not taken"},
	} {
		if strings.HasPrefix(text, known.begins) {
			return &Error{NotTrusted, known.why}
		}
	}
	if strings.Contains(text, "fetching keys") {
		return lineError(err, "its keys cannot be used")
	}
	return &Error{NotTrusted, "the signature or the claims of its ID token are not right"}
}
