package store

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// Event is one line of history.
type Event struct {
	ID         int64           `json:"id"`
	Seq        *int64          `json:"seq"` // null until it has been numbered, after its transaction was committed
	InvoiceID  *int64          `json:"invoice_id"`
	At         time.Time       `json:"at"`
	Actor      string          `json:"actor"`
	FromState  *string         `json:"from_state"`
	ToState    *string         `json:"to_state"`
	Attempt    *int            `json:"attempt"`
	ReasonCode *string         `json:"reason_code"`
	Detail     json.RawMessage `json:"detail"`
}

// mostEvents is how much of an invoice's history is shown: an ordinary one has ten, and nothing bounds what can happen to one.
const mostEvents = 10_000

// Events lists the history of one invoice, oldest first, and of a longer one the latest events.
func (s *Store) Events(ctx context.Context, invoice int64) ([]Event, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT id, seq, invoice_id, at, actor, from_state, to_state, attempt, reason_code, chorus.readable(detail)
		FROM (SELECT * FROM chorus.events WHERE invoice_id = $1 ORDER BY id DESC LIMIT $2) e
		ORDER BY id`, invoice, mostEvents)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Event])
}

// LastSeq is the highest number that an event has; 0 when none has one.
func (s *Store) LastSeq(ctx context.Context) (seq int64, err error) {
	err = s.pool.QueryRow(ctx, `SELECT coalesce(max(seq), 0) FROM chorus.events`).Scan(&seq)
	return seq, err
}

// EventsAfter lists numbered events after one, of one invoice or (0) of all, in the order of their numbers. Whoever remembers the last number that he read misses none.
func (s *Store) EventsAfter(ctx context.Context, seq, invoice int64, limit int) ([]Event, error) {
	of, args := "", []any{seq, limit}
	if invoice != 0 {
		of, args = " AND invoice_id = $3", append(args, invoice)
	}
	rows, err := s.pool.Query(ctx, `
		SELECT id, seq, invoice_id, at, actor, from_state, to_state, attempt, reason_code, chorus.readable(detail)
		FROM chorus.events
		WHERE seq > $1`+of+`
		ORDER BY seq
		LIMIT $2`, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Event])
}

// Announce numbers the events that have been committed since the last time, chains them by hashes (migrations/00017_evidence.sql), and tells listeners of chorus_events the highest number. Only one process
// does so at a time; the others return at once. A number is given after the commit of its event and commits in order, so a reader that remembers the
// last seq it saw never misses one. The NOTIFY goes out in a transaction of its own that changes nothing.
func (s *Store) Announce(ctx context.Context) (int, error) {
	const batch = 5000
	var numbered int
	var highest *int64
	var news bool
	if err := s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM chorus.events WHERE seq IS NULL)`).Scan(&news); err != nil || !news {
		return 0, err
	}
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if mine, err := alone(ctx, tx, "announce"); err != nil || !mine {
			return err
		}
		return tx.QueryRow(ctx, `SELECT numbered, highest FROM chorus.number_events($1)`, batch).Scan(&numbered, &highest)
	})
	if err != nil || highest == nil {
		return numbered, err
	}
	_, err = s.pool.Exec(ctx, `SELECT pg_notify('chorus_events', $1)`, strconv.FormatInt(*highest, 10))
	return numbered, err
}

// Wake has the dispatchers of all workers look at once. It is a transaction of its own that changes nothing, as every NOTIFY is here.
func (s *Store) Wake(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, `SELECT pg_notify('chorus_wake', '')`)
	return err
}
