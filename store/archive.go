package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// History may be cut by month, and a month that nobody needs any more may be in a file (migrations/00023_partitions.sql). What is asked of history is asked of what is written down of
// such a month, too: no row and no memory may seem older or younger than it is because a month is away.

// knownEvent is a condition in SQL: history has an event of this number and time, in an archive or not. What is there is looked for first.
func knownEvent(id, at string) string {
	return `(EXISTS (SELECT FROM chorus.events known WHERE known.id = ` + id + ` AND known.at = ` + at + `) OR chorus.archived_event(` + id + `, ` + at + `))`
}

// laterAttempt is a condition in SQL on a row i: history names an attempt that the row does not know.
const laterAttempt = `(EXISTS (SELECT FROM chorus.events later WHERE later.invoice_id = i.id AND later.attempt > i.attempt_no)
		OR EXISTS (SELECT FROM chorus.archived_invoices later WHERE later.invoice_id = i.id AND later.attempt > i.attempt_no))`

// Archive is a month of history that is in a file.
type Archive struct {
	ID         int64      `json:"id"`
	Month      string     `json:"month"`
	Events     int64      `json:"events"`
	FirstSeq   int64      `json:"first_seq"`
	LastSeq    int64      `json:"last_seq"`
	FirstAt    time.Time  `json:"first_at"`
	LastAt     time.Time  `json:"last_at"`
	SHA256     string     `json:"sha256"`
	File       string     `json:"file"`
	ArchivedAt time.Time  `json:"archived_at"`
	ArchivedBy string     `json:"archived_by"`
	AttachedAt *time.Time `json:"attached_at,omitempty"` // it is back since then
	AttachedBy *string    `json:"attached_by,omitempty"`
}

const archiveColumns = `a.id, a.month, a.events, a.runs_from[1], a.runs_to[cardinality(a.runs_to)], a.first_at, a.last_at, encode(a.sha256, 'hex'), a.file,
	a.archived_at, a.archived_by, a.attached_at, a.attached_by`

// Archives lists the months that have left history, oldest first; those that are back, too.
func (s *Store) Archives(ctx context.Context) ([]Archive, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+archiveColumns+` FROM chorus.archives a ORDER BY a.from_id, a.id`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Archive])
}

// ArchivesOf lists the archives that hold history of an invoice, oldest first.
func (s *Store) ArchivesOf(ctx context.Context, invoice int64) ([]Archive, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT `+archiveColumns+`
		FROM chorus.archived_invoices b
		JOIN chorus.archives a ON a.id = b.archive
		WHERE b.invoice_id = $1 AND a.attached_at IS NULL
		ORDER BY a.from_id`, invoice)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Archive])
}

// ArchivedAfter lists the archives that hold events numbered after one and up to another, oldest first.
func (s *Store) ArchivedAfter(ctx context.Context, after, until int64) ([]Archive, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT `+archiveColumns+`
		FROM chorus.archives a
		WHERE a.attached_at IS NULL AND EXISTS (SELECT FROM unnest(a.runs_from, a.runs_to) r (first, last) WHERE r.last > $1 AND r.first <= $2)
		ORDER BY a.from_id`, after, until)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Archive])
}

// NextMonths has history go on being cut, where it is cut by month: the months to come are made, and a month that has begun begins. It returns those that it made.
func (s *Store) NextMonths(ctx context.Context) (made []string, err error) {
	err = s.pool.QueryRow(ctx, `SELECT chorus.next_months()`).Scan(&made)
	return made, err
}

// Month is a part of history.
type Month struct {
	Month    string `json:"month"`
	Attached bool   `json:"attached"`
	Rows     int64  `json:"rows"` // counted where it is attached, else an estimate
	Bytes    int64  `json:"bytes"`
	// Of those that are attached.
	FirstAt  *time.Time `json:"first_at,omitempty"`
	LastAt   *time.Time `json:"last_at,omitempty"`
	Invoices int64      `json:"invoices"`
	NotFinal int64      `json:"not_final"`
	NotOver  int64      `json:"not_over"`        // final for too short, or with something under way
	Waits    string     `json:"waits,omitempty"` // why it stays
}

// monthWithin is how long counting one month may take.
const monthWithin = 10 * time.Minute

// Months says what each part of history holds and why it stays, when it was to leave so long after its last invoice was final. It reads all of history.
func (s *Store) Months(ctx context.Context, age time.Duration) (list []Month, err error) {
	rows, err := s.pool.Query(ctx, `SELECT month, attached AND NOT pending, greatest(rows, 0), bytes FROM chorus.partitions()`)
	if err != nil {
		return nil, err
	}
	var m Month
	if _, err := pgx.ForEachRow(rows, []any{&m.Month, &m.Attached, &m.Rows, &m.Bytes}, func() error {
		list = append(list, m)
		return nil
	}); err != nil {
		return nil, err
	}
	for i := range list {
		m := &list[i]
		if !m.Attached {
			continue
		}
		if err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			if err := allow(ctx, tx, monthWithin); err != nil {
				return err
			}
			return tx.QueryRow(ctx, `
				SELECT f.events, f.first_at, f.last_at, f.invoices, f.not_final, f.not_over, coalesce(chorus.month_waits($1, $2::interval), '')
				FROM chorus.month_facts($1, $2::interval) f`, m.Month, age).Scan(&m.Rows, &m.FirstAt, &m.LastAt, &m.Invoices, &m.NotFinal, &m.NotOver, &m.Waits)
		}); err != nil {
			return nil, err
		}
	}
	return list, nil
}
