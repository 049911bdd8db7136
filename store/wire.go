package store

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A connection may neither live nor die: the server is gone, or stopped, and the socket stays. Nothing but a deadline of the client's own ends a wait
// then. It stands here, below every statement, so that no caller can forget it.

// Waits is how long this process waits for PostgreSQL. Zero values get the defaults.
type Waits struct {
	Connect time.Duration // for a new connection, until it can be used; 10s
	Ping    time.Duration // for a sign of life of a connection that sat idle; 5s
	Answer  time.Duration // for the next byte of an answer, or room for the next byte of a question; 20s, more than statementTimeout
}

func (w Waits) withDefaults() Waits {
	for _, d := range []struct {
		to    *time.Duration
		value time.Duration
	}{{&w.Connect, 10 * time.Second}, {&w.Ping, 5 * time.Second}, {&w.Answer, 20 * time.Second}} {
		if *d.to == 0 {
			*d.to = d.value
		}
	}
	return w
}

const (
	// statementTimeout is how long the server lets a statement take. It ends it itself while it lives.
	statementTimeout = 15 * time.Second
	// Idle connections are pinged before they are used again (pgxpool: after a second). Beyond that none is kept for ever. mostIdle is less than the minute from one look of
	// pgxpool to the next: each look turns the order round in which it gives them out, so that within two minutes all would be used again.
	mostIdle, mostAge, ageSpread = 30 * time.Second, 30 * time.Minute, 5 * time.Minute
	// unasked is for how long nothing may come where nothing was asked: whoever listens asks for a sign of life long before (River: every 5 seconds).
	unasked = 30 * time.Second
	// resetApart is the least time between two resets of a pool because the server is read-only.
	resetApart = 5 * time.Second
)

// NewPool opens a pool of which no connection is waited for longer than w says. One connection that does not answer puts all of its age under suspicion:
// they are replaced, because going from one dead connection to the next would take a deadline each.
func NewPool(ctx context.Context, config *pgxpool.Config, w Waits) (*pgxpool.Pool, error) {
	g := &guard{waits: w.withDefaults()}
	config.PingTimeout = g.waits.Ping
	config.MaxConnIdleTime, config.MaxConnLifetime, config.MaxConnLifetimeJitter = mostIdle, mostAge, ageSpread
	if c := config.ConnConfig; c.ConnectTimeout == 0 || c.ConnectTimeout > g.waits.Connect {
		c.ConnectTimeout = g.waits.Connect
	}
	dialer := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}}
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &wire{Conn: conn, guard: g, born: time.Now()}, nil
	}
	onError := config.ConnConfig.OnPgError
	config.ConnConfig.OnPgError = func(c *pgconn.PgConn, e *pgconn.PgError) bool {
		if e.Code == ReadOnlyState { // the way to the new primary is looked up again
			g.reset(time.Now().Add(-resetApart))
		}
		return onError == nil || onError(c, e)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	g.pool.Store(pool)
	return pool, err
}

// ClosePool closes a pool, and returns after within even if a connection does not let go: the process is about to end.
func ClosePool(pool *pgxpool.Pool, within time.Duration) {
	closed := make(chan struct{})
	go func() {
		pool.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(within):
	}
}

// guard is what the connections of one pool share.
type guard struct {
	waits Waits
	pool  atomic.Pointer[pgxpool.Pool]

	mu    sync.Mutex
	fresh time.Time // connections made before are being replaced
}

// reset has every connection made before now replaced, unless that has been done for those made at born.
func (g *guard) reset(born time.Time) {
	g.mu.Lock()
	done := born.Before(g.fresh)
	if !done {
		g.fresh = time.Now()
	}
	g.mu.Unlock()
	if pool := g.pool.Load(); pool != nil && !done {
		go pool.Reset() // not from within a statement of the pool
	}
}

// wire is a connection on which every read and write has a deadline, that of the context or the guard's, whichever comes first.
type wire struct {
	net.Conn
	guard *guard
	born  time.Time

	mu       sync.Mutex
	deadline time.Time // set by pgx, because a context ended; zero = none
	allowed  time.Time // statements may take until then; see allow
	asked    bool      // something was written that has not been answered
	dead     bool      // it did not answer in time
}

func (w *wire) Read(b []byte) (int, error) {
	asked, err := w.wait(w.Conn.SetReadDeadline, false)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	n, err := w.Conn.Read(b)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = w.asked && n == 0
	if errors.Is(err, os.ErrDeadlineExceeded) {
		// Short waits of impatient callers prove nothing, nor does silence where nothing was asked.
		silent := asked && time.Since(began) >= w.guard.waits.Ping*4/5
		if silent {
			w.guard.reset(w.born)
		}
		// pgx may read again after a timeout: after one of ours, and for a quarter of a minute to say good-bye, during which the connection keeps its place in the
		// pool.
		w.dead = silent || w.deadline.IsZero() || time.Now().Before(w.deadline)
	}
	return n, err
}

func (w *wire) Write(b []byte) (int, error) {
	if _, err := w.wait(w.Conn.SetWriteDeadline, true); err != nil {
		return 0, err
	}
	return w.Conn.Write(b)
}

// wait sets the deadline of what follows, and tells whether an answer is owed.
func (w *wire) wait(set func(time.Time) error, asks bool) (asked bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return w.asked, os.ErrDeadlineExceeded
	}
	w.asked = w.asked || asks
	now := time.Now()
	end := w.earliest(now)
	if !w.asked && w.deadline.IsZero() {
		end = now.Add(unasked)
	}
	return w.asked, set(end)
}

// earliest is when to give up waiting from now on; w.mu is held.
func (w *wire) earliest(now time.Time) time.Time {
	end := now.Add(w.guard.waits.Answer)
	if w.allowed.After(end) {
		end = w.allowed
	}
	if !w.deadline.IsZero() && w.deadline.Before(end) {
		return w.deadline
	}
	return end
}

// SetDeadline is called by pgx when a context ends, while something else reads or writes.
func (w *wire) SetDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deadline = t
	return w.Conn.SetDeadline(w.earliest(time.Now()))
}

// SetReadDeadline and SetWriteDeadline are called by crypto/tls on closing.
func (w *wire) SetReadDeadline(t time.Time) error  { return w.SetDeadline(t) }
func (w *wire) SetWriteDeadline(t time.Time) error { return w.SetDeadline(t) }

// allow lets the statements of a transaction take longer than others: those that change as many rows as there are.
func allow(ctx context.Context, tx pgx.Tx, d time.Duration) error {
	if _, err := tx.Exec(ctx, `SELECT set_config('statement_timeout', $1, true)`, strconv.FormatInt(d.Milliseconds(), 10)); err != nil {
		return err
	}
	conn := tx.Conn().PgConn().Conn()
	if tls, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = tls.NetConn()
	}
	if w, ok := conn.(*wire); ok {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.allowed = time.Now().Add(d + w.guard.waits.Ping)
	}
	return nil
}

// ReadOnlyState is PostgreSQL's code for a server that takes no writes: a standby, or one that was told so.
const ReadOnlyState = "25006"

// DiskFullState is PostgreSQL's code for a disk, or a quota, that has no room left.
const DiskFullState = "53100"

// ReadOnly tells that the server refused a write because it takes none.
func ReadOnly(err error) bool { return SQLState(err) == ReadOnlyState }

// Unexplained is what Brief says of an error that is not the database's.
const Unexplained = "see the log"

// Brief is what may be read of an error by everybody: no address, no login, no text of the server's.
func Brief(err error) string {
	var refused *pgconn.PgError
	var unconnected *pgconn.ConnectError
	var network net.Error
	var known *Fault
	switch {
	case errors.As(err, &known):
		return known.Brief()
	case errors.As(err, &refused):
		return briefly(refused)
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "PostgreSQL does not answer"
	case errors.As(err, &unconnected), Away(err):
		return "PostgreSQL cannot be reached"
	default:
		return Unexplained
	}
}

func briefly(e *pgconn.PgError) string {
	switch {
	case e.Code == ReadOnlyState:
		return "PostgreSQL is read-only"
	case e.Code == "53300":
		return "PostgreSQL is full: too many connections"
	case e.Code == DiskFullState:
		return "PostgreSQL's disk is full"
	case e.Code == "55P03":
		return "somebody else holds a lock for too long"
	case e.Code == "57014":
		return "a statement took too long"
	case e.Code[:min(2, len(e.Code))] == "28":
		return "PostgreSQL refuses the login"
	case e.Code[:min(3, len(e.Code))] == "57P":
		return "PostgreSQL is starting or stopping"
	default:
		return "PostgreSQL refuses: SQLSTATE " + e.Code
	}
}
