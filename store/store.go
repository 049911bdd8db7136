// Package store is the schema chorus as Go: the states of an invoice, the moves between them, every SQL statement beside the method that runs it,
// and the budget that the whole fleet shares. It speaks of invoices; it knows nothing of Chorus Pro's protocol or of River.
//
// Times that are compared with columns come from the database's clock. What a method would leave behind if the process died in it is said where it
// matters: every method is one transaction, so a crash leaves either all of it or nothing.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Store reads and writes the schema chorus through one pool of connections, which its caller owns.
type Store struct {
	pool  *pgxpool.Pool
	steps *steps // of the database's clock; nil: nobody watches it
}

// New returns a store over pool. The login must be a member of chorus_worker for the worker's methods, of chorus_operator for an operator's.
func New(pool *pgxpool.Pool) *Store {
	return &Store{pool: pool}
}

// Pool is the pool that the store works on.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

// Reconnect has every connection replaced as soon as it is free, so that all of them lead where the address leads now.
func (s *Store) Reconnect() { s.pool.Reset() }

// ErrEnvironment says that the database belongs to the other portal.
var ErrEnvironment = errors.New("this database belongs to the other environment")

// Mark binds the database to one portal, "sandbox" or "production", at the first call, and returns ErrEnvironment when it is bound to the other.
func (s *Store) Mark(ctx context.Context, environment string) error {
	if _, err := s.pool.Exec(ctx, `UPDATE chorus.installation SET environment = $1 WHERE environment IS NULL`, environment); err != nil {
		return err
	}
	// In a statement of its own, which sees what another process has just written.
	var bound string
	if err := s.pool.QueryRow(ctx, `SELECT environment FROM chorus.installation`).Scan(&bound); err != nil {
		return err
	}
	if bound != environment {
		return fmt.Errorf("%w: it is marked %s, the settings say %s", ErrEnvironment, bound, environment)
	}
	return nil
}

// first is the first statement of a transaction that moves rows.
const first = `LOCK TABLE chorus.locks IN ROW EXCLUSIVE MODE`

// inTx runs do in one transaction, during which no quarantine begins: a row that moved while a quarantine was choosing rows would escape it.
func (s *Store) inTx(ctx context.Context, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, first); err != nil {
			return err
		}
		return do(tx)
	})
}

// errHalf says that a transaction is committed on this server alone: its wait for a standby was ended. A failover may forget it.
var errHalf = errors.New("the commit may not have reached the standby")

// inTxForGood is inTx for what a failover must not forget. With synchronous_standby_names a commit waits for a standby; whoever ends that wait (pg_cancel_backend,
// statement_timeout) has PostgreSQL say COMMIT all the same, with a warning and nothing else.
func (s *Store) inTxForGood(ctx context.Context, do func(pgx.Tx) error) error {
	return s.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, first); err != nil {
				return err
			}
			err := do(tx)
			delete(conn.Conn().PgConn().CustomData(), warned) // of other things, as a database that is old
			return err
		})
		if _, half := conn.Conn().PgConn().CustomData()[warned]; err == nil && half {
			return errHalf
		}
		return err
	})
}

// alone tells whether this transaction is the only one that has the named lock; it lasts until its end.
func alone(ctx context.Context, tx pgx.Tx, name string) (bool, error) {
	err := tx.QueryRow(ctx, `SELECT name FROM chorus.locks WHERE name = $1 FOR UPDATE SKIP LOCKED`, name).Scan(nil)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// SQLState is PostgreSQL's five-character code of err, or "" when err does not come from the server.
func SQLState(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}

// Away tells that an error is about reaching the server, or the server's own state, and not about what was asked: it will pass.
func Away(err error) bool {
	var known *Fault
	if errors.As(err, &known) {
		return known.Passes()
	}
	switch state := SQLState(err); {
	case state == "":
		var network net.Error
		var unconnected *pgconn.ConnectError
		return errors.As(err, &network) || errors.As(err, &unconnected) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err)
	default:
		return state[:2] == "08" || state[:2] == "53" || state[:3] == "57P"
	}
}

// Collided tells that the server undid what was asked because others did the same at that moment (class 40): asked again, it passes.
func Collided(err error) bool {
	state := SQLState(err)
	return len(state) == 5 && state[:2] == "40"
}

// Message is what a person should read of an error: our own errors (class CH) word for word, everything else as PostgreSQL's code, because the
// server's texts may quote values.
func Message(err error) string {
	var known *Fault
	if errors.As(err, &known) {
		return known.Error()
	}
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return err.Error()
	}
	if len(pgErr.Code) == 5 && pgErr.Code[:2] == "CH" {
		return pgErr.Message
	}
	return fmt.Sprintf("PostgreSQL refused: %s (SQLSTATE %s)", pgErr.Message, pgErr.Code)
}

// later is a duration as PostgreSQL's interval, never negative.
func later(d time.Duration) time.Duration { return max(d, 0) }
