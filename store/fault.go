package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Fault is a reason why a database cannot be used as it is: a code of Faults, which holds the words. `work`, `migrate`, `doctor` and the operator's
// commands find the same ones, and say the same of them.
type Fault struct {
	Code string
	Args []any
}

func fault(code string, args ...any) *Fault {
	if _, known := Faults[code]; !known {
		panic("store: no such fault: " + code) // every code is tested
	}
	return &Fault{Code: code, Args: args}
}

// NewFault is a fault that another package finds.
func NewFault(code string, args ...any) *Fault { return fault(code, args...) }

// Error is one line: what is wrong, and what to do.
func (f *Fault) Error() string { return f.Text("en") }

// Text is Error in a language, en or fr.
func (f *Fault) Text(lang string) string {
	words := Faults[f.Code].English
	if lang == "fr" {
		words = Faults[f.Code].French
	}
	return fmt.Sprintf(words.Means, f.Args...) + " " + words.Next
}

// Brief is Error for everybody to read: without logins and addresses.
func (f *Fault) Brief() string {
	if t := Faults[f.Code]; t.names {
		return f.Code + ": " + t.English.Next
	}
	return f.Error()
}

// Passes tells that the fault may be gone in a minute without anybody's doing.
func (f *Fault) Passes() bool { return Faults[f.Code].passes }

// Warns tells that work is possible all the same.
func (f *Fault) Warns() bool { return Faults[f.Code].Warns }

// Unreachable puts the failure of a connection into words, without the address's password. conns is how many connections are needed.
func Unreachable(err error, conns int) *Fault {
	var known *Fault
	if errors.As(err, &known) {
		return known
	}
	address := "-"
	var config *pgconn.Config
	if failed := (*pgconn.ConnectError)(nil); errors.As(err, &failed) {
		config = failed.Config
		address = addressOf(config)
	}
	if refusal := (*pgconn.PgError)(nil); errors.As(err, &refusal) {
		return refused(refusal, config, address, conns)
	}
	return unanswered(err, config, address)
}

func addressOf(c *pgconn.Config) string {
	hosts := []string{net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))}
	for _, f := range c.Fallbacks {
		if h := net.JoinHostPort(f.Host, strconv.Itoa(int(f.Port))); h != hosts[len(hosts)-1] {
			hosts = append(hosts, h)
		}
	}
	return strings.Join(hosts, ", ")
}

// refused sorts what the server itself said. Its texts are looked at where one SQLSTATE stands for several things; they are English with every
// lc_messages only as far as the server's operator wants, so each such case has a common answer below it.
func refused(e *pgconn.PgError, config *pgconn.Config, address string, conns int) *Fault {
	said := e.Message
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(said, p) {
				return true
			}
		}
		return false
	}
	user, database := "-", "-"
	if config != nil {
		user, database = config.User, config.Database
	}
	switch {
	case has("unsupported startup parameter"):
		return fault("DATABASE_PARAMETER", said)
	case has("query_wait_timeout"):
		return fault("DATABASE_SILENT", "the pooler's query_wait_timeout")
	case e.Code == "53300" && (e.Routine == "InitializeSessionUserId" || has("for role")): // whatever the server's language
		return fault("DATABASE_ROLE_FULL", user, conns)
	case e.Code == "53300" && (e.Routine == "CheckMyDatabase" || has("for database")):
		return fault("DATABASE_LIMIT", database, conns)
	case e.Code == "53300", has("no more connections allowed"):
		return fault("DATABASE_FULL", address, conns)
	case e.Code == "3D000", has("no such database"):
		return fault("DATABASE_MISSING", database)
	case e.Code == "28000" && has("no encryption", "SSL off", "SSL required", "TLS required"):
		return fault("DATABASE_TLS_REQUIRED", user, database)
	case has("certificate authentication failed"):
		return fault("DATABASE_TLS_NAME", user)
	case has("client certificate"):
		return fault("DATABASE_TLS_CLIENT", address)
	case has("no pg_hba.conf entry", "pg_hba.conf rejects"):
		return fault("DATABASE_HBA", user, database)
	case e.Code == "28000" && has("does not exist", "not permitted to log in"), has("no such user"):
		return fault("DATABASE_USER", user)
	case strings.HasPrefix(e.Code, "28"), has("authentication failed", "auth failed"):
		return fault("DATABASE_LOGIN", user, e.Code)
	case e.Code == "42501":
		return fault("DATABASE_CONNECT", user, database)
	case e.Code == "55000":
		return fault("DATABASE_CLOSED", database)
	case e.Code == "22P05", e.Code == "22021":
		return fault("DATABASE_ENCODING", database, "not UTF8")
	case e.Code == "25006":
		return fault("DATABASE_READONLY", "-")
	case Away(e), strings.HasPrefix(e.Code, "58"):
		return fault("DATABASE_UNREACHABLE", address+": SQLSTATE "+e.Code)
	default:
		return fault("DATABASE_ANSWER", e.Code)
	}
}

// unanswered sorts what happened before the server said anything. With several hosts, or sslmode=prefer, several things may have happened: the one that
// tells most goes first.
func unanswered(err error, config *pgconn.Config, address string) *Fault {
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var refusal *net.OpError // of the other side's TLS
	var record tls.RecordHeaderError
	text := err.Error()
	alert := errors.As(err, &refusal) && refusal.Op == "remote error"
	switch {
	case errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, &hostname), errors.As(err, &invalid):
		reason := "its certificate is not trusted"
		switch {
		case errors.As(err, &hostname):
			reason = "its certificate is for another host"
		case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
			reason = "its certificate has expired, or is not valid yet"
		}
		return fault("DATABASE_TLS_CERTIFICATE", address, reason)
	case (alert || hungUp(err)) && outdated(config) != nil:
		const day = "2006-01-02 15:04 MST"
		c := outdated(config)
		return fault("DATABASE_TLS_EXPIRED", address, c.NotBefore.UTC().Format(day), c.NotAfter.UTC().Format(day))
	case alert && strings.Contains(text, "certificate"):
		return fault("DATABASE_TLS_CLIENT", address)
	case strings.Contains(text, "server refused TLS connection"):
		return fault("DATABASE_TLS_REFUSED", address)
	case alert, errors.As(err, &record), strings.Contains(text, "tls error"):
		return fault("DATABASE_TLS_REFUSED", address)
	case errors.Is(err, pgconn.ErrReadOnlyConnection), errors.Is(err, pgconn.ErrStandbyConnection):
		return fault("DATABASE_NO_PRIMARY", address)
	case errors.Is(err, pgconn.ErrReadWriteConnection), errors.Is(err, pgconn.ErrPrimaryConnection):
		return fault("DATABASE_STANDBY_WANTED")
	}
	reason := "no connection"
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		reason = "the name is not resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		reason = "connection refused"
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.EACCES):
		reason = "no such socket, or not this user's"
	case pgconn.Timeout(err), errors.Is(err, context.DeadlineExceeded):
		reason = "no answer in time"
	case hungUp(err):
		reason = "closed without an answer"
	case strings.Contains(text, "unexpected message"), strings.Contains(text, "message type"):
		reason = "what answers is not PostgreSQL"
	}
	return fault("DATABASE_UNREACHABLE", address+": "+reason)
}

func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// outdated is the client certificate of an address, where it is not valid now. A server that refuses it says so in a message of TLS, or hangs up before that can be read.
func outdated(c *pgconn.Config) *x509.Certificate {
	if c == nil || c.TLSConfig == nil {
		return nil
	}
	for _, pair := range c.TLSConfig.Certificates {
		if now := time.Now(); pair.Leaf != nil && (now.After(pair.Leaf.NotAfter) || now.Before(pair.Leaf.NotBefore)) {
			return pair.Leaf
		}
	}
	return nil
}
