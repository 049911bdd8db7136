package chorus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Outcome is what is known of a deposit, or of another request that changes something at the portal.
type Outcome string

// The outcomes. Only NotSent and NotLanded allow another deposit of the same invoice without further proof.
const (
	NotSent   Outcome = "NOT_SENT"   // nothing left this machine: no connection was ever handed out
	NotLanded Outcome = "NOT_LANDED" // the gateway turned it away before Chorus Pro
	Accepted  Outcome = "ACCEPTED"   // Chorus Pro gave a numeroFluxDepot
	Refused   Outcome = "REFUSED"    // Chorus Pro refused it by a code known to mean so
	Duplicate Outcome = "DUPLICATE"  // refused because it is there already: look it up
	Ambiguous Outcome = "AMBIGUOUS"  // anything else: it may have arrived
)

// Fault says on whose side a failed request failed, hence who acts.
type Fault string

// The faults.
const (
	FaultToken         Fault = "token"         // the OAuth token was refused; the next call brings a fresh one
	FaultApplication   Fault = "application"   // client id or client secret refused: a person must act
	FaultAccount       Fault = "account"       // technical account refused: stop using it, repeating may lock it
	FaultSubscription  Fault = "subscription"  // API not ticked in PISTE, or its terms not accepted
	FaultRights        Fault = "rights"        // the technical account may not see or do this
	FaultQuota         Fault = "quota"         // too many requests; see RetryAfter
	FaultPortal        Fault = "portal"        // the portal is down, or its answer is unusable
	FaultDocument      Fault = "document"      // this file is refused
	FaultStatut        Fault = "statut"        // the invoice is not, or not any more, in the status that the request is for
	FaultNetwork       Fault = "network"       // name, connection, TLS, or silence until the deadline
	FaultStopped       Fault = "stopped"       // the caller's context ended
	FaultConfiguration Fault = "configuration" // wrong address or request: ours to correct
	FaultNotYet        Fault = "not_yet"       // flux not (yet) known to the portal
	FaultEmpty         Fault = "empty"         // a search without result, told as an error
	FaultIncomplete    Fault = "incomplete"    // the pages of a search do not add up: conclude nothing from absence
	FaultLocal         Fault = "local"         // our own Budget or TokenSource failed; see Unwrap
	FaultUnknown       Fault = "unknown"       // an answer nobody has recorded yet
)

// Exchange is what may be kept as evidence of one request. It holds no body; texts are at most 2 KiB, without control
// characters and without the secrets of this client.
type Exchange struct {
	Status        int           `json:"status"`                   // HTTP status; 0 when no answer came
	CodeRetour    *int          `json:"code_retour,omitempty"`    // nil when absent or unreadable
	Libelle       string        `json:"libelle,omitempty"`        // as sent, cleaned
	Message       string        `json:"message,omitempty"`        // message code in Libelle, as GDP_MSG_11.022
	CorrelationID string        `json:"correlation_id,omitempty"` // X-CorrelationID
	Started       time.Time     `json:"started"`                  // before dialling
	Took          time.Duration `json:"took_ns"`                  // to the last byte
	Connected     bool          `json:"connected"`                // a connection was handed to the request (httptrace.GotConn)
	Wrote         bool          `json:"wrote"`                    // the request was written to its end
	BytesSent     int           `json:"bytes_sent"`               // of the request's body
	BytesReceived int           `json:"bytes_received"`           // of the answer's body, decompressed
	SHA256        string        `json:"sha256,omitempty"`         // of the answer's body as far as it was read, hexadecimal; "" when none came
}

// Error is the failure of a request. Its text is made of codes and of our own words, never of what the portal sent.
type Error struct {
	Op         string        // operation, as factures/deposer/flux
	Fault      Fault         //
	Outcome    Outcome       // for deposits and remedies; "" for reads
	Exchange   Exchange      //
	RetryAfter time.Duration // as the portal asked, at most 24 h; -1 when it did not
	Detail     string        // our own words
	err        error
}

func (e *Error) Error() string {
	parts := []string{"chorus: " + e.Op}
	if e.Outcome != "" {
		parts = append(parts, string(e.Outcome))
	}
	parts = append(parts, string(e.Fault))
	if e.Exchange.Status != 0 {
		parts = append(parts, fmt.Sprintf("HTTP %d", e.Exchange.Status))
	}
	if e.Exchange.CodeRetour != nil {
		parts = append(parts, strings.TrimSpace(fmt.Sprintf("codeRetour %d %s", *e.Exchange.CodeRetour, e.Exchange.Message)))
	}
	if e.Detail != "" {
		parts = append(parts, e.Detail)
	}
	return strings.Join(parts, ": ")
}

// Unwrap gives the context's error, or that of the Budget or TokenSource, if one of them ended the call.
func (e *Error) Unwrap() error { return e.err }

// OutcomeOf tells what the result of Prepare or Send, or of a remedy, means for the invoice. nil is Accepted; an error that is not of
// this package is Ambiguous, because nothing is known.
func OutcomeOf(err error) Outcome {
	var e *Error
	switch {
	case err == nil:
		return Accepted
	case errors.As(err, &e) && e.Outcome != "":
		return e.Outcome
	}
	return Ambiguous
}

// FaultOf gives the fault in err: "" for nil, FaultUnknown for an error that is not of this package.
func FaultOf(err error) Fault {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Fault
	}
	return FaultUnknown
}

// RetryAfter gives the wait that the portal asked for, between 0 and 24 h, and whether it asked.
func RetryAfter(err error) (time.Duration, bool) {
	var e *Error
	if errors.As(err, &e) && e.RetryAfter >= 0 {
		return e.RetryAfter, true
	}
	return 0, false
}

// NotYet tells that the portal does not know the flux: normal during the first minutes after a deposit, an incident after
// hours (docs/chorus-pro.md §5.2).
func NotYet(err error) bool { return FaultOf(err) == FaultNotYet }

// before makes the error of something that went wrong before any request left.
func before(ctx context.Context, op string, fault Fault, detail string, err error) *Error {
	e := &Error{Op: op, Fault: fault, Outcome: NotSent, RetryAfter: -1, Detail: detail, err: err}
	if ctx.Err() != nil {
		e.Fault, e.err = FaultStopped, ctx.Err()
	}
	return e
}
