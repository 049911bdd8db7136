package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Retention is how long an account's documents stay, and what a purge would delete of it now.
type Retention struct {
	Account string `json:"account"`
	// How long documents stay after their invoice is final, in words of PostgreSQL's; nil: for ever.
	Keep       *string    `json:"keep"`
	EraseAfter *time.Time `json:"erase_after,omitempty"` // the account is erased from then on
	Reason     *string    `json:"reason,omitempty"`
	SetBy      *string    `json:"set_by,omitempty"`
	Due        int64      `json:"due"`   // invoices whose document goes now, or what came after it was purged
	Bytes      int64      `json:"bytes"` // of their documents
	Exchanges  int64      `json:"exchanges"`
	Files      int64      `json:"files"`     // attachments of completions
	Held       int64      `json:"held"`      // as old, but somebody still needs their document
	NotFinal   int64      `json:"not_final"` // never purged as long as they are
}

// Retentions counts what is due of each account that the login sees, or of one ("" = all).
func (s *Store) Retentions(ctx context.Context, account string) ([]Retention, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT a.name, r.keep::text, r.erase_after, r.reason, r.set_by, c.invoices, c.bytes, c.exchanges, c.files, c.held, c.not_final
		FROM chorus.accounts a
		LEFT JOIN chorus.retention r ON r.account = a.name
		CROSS JOIN LATERAL chorus.purge_count(a.name) c
		WHERE $1 = '' OR a.name = $1
		ORDER BY a.name`, account)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Retention])
}

// PurgeWaits says why nothing is purged now; "" when nothing stands against it.
func (s *Store) PurgeWaits(ctx context.Context) (string, error) {
	var why *string
	err := s.pool.QueryRow(ctx, `SELECT chorus.purge_waits()`).Scan(&why)
	if err != nil || why == nil {
		return "", err
	}
	return *why, nil
}

// Purged is what one purge has deleted.
type Purged struct {
	Invoices  int64 `json:"purged"`
	Bytes     int64 `json:"bytes"`
	Exchanges int64 `json:"exchanges"`
	Files     int64 `json:"files"`
}

// Add adds another purge's.
func (p *Purged) Add(o Purged) {
	p.Invoices += o.Invoices
	p.Bytes += o.Bytes
	p.Exchanges += o.Exchanges
	p.Files += o.Files
}

// PurgeBatch is how many documents one transaction deletes. A crash undoes one such transaction at most.
const PurgeBatch = 50

// Purge deletes the documents of at most so many invoices of an account whose time has come, in one transaction. 0 invoices: nothing is left, or what is left is held by somebody.
func (s *Store) Purge(ctx context.Context, account string, most int) (p Purged, err error) {
	err = s.pool.QueryRow(ctx, `SELECT invoices, bytes, exchanges, files FROM chorus.purge($1, $2)`, account, most).Scan(&p.Invoices, &p.Bytes, &p.Exchanges, &p.Files)
	return p, err
}

// Purgeable notes that a worker is looking at the clock, and returns the accounts of which something may be purged now.
func (s *Store) Purgeable(ctx context.Context) ([]string, error) {
	if _, err := s.pool.Exec(ctx, `SELECT chorus.watch_clock()`); err != nil {
		return nil, err
	}
	rows, err := s.pool.Query(ctx, `
		SELECT account FROM chorus.retention
		WHERE (keep IS NOT NULL OR erase_after < clock_timestamp()) AND chorus.purge_waits() IS NULL
		ORDER BY account`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// KeepDocuments sets how long an account's documents stay after their invoice is final; in whole hours; 0: for ever. It ends an erasure that was asked for.
func (s *Store) KeepDocuments(ctx context.Context, account string, keep time.Duration, reason string) error {
	_, err := s.pool.Exec(ctx, `SELECT chorus.keep_documents($1, CASE WHEN $2::int > 0 THEN make_interval(days => $2 / 24, hours => $2 % 24) END, $3)`,
		account, int(keep/time.Hour), reason)
	return err
}

// EraseAccount has an account erased, and returns from when on.
func (s *Store) EraseAccount(ctx context.Context, account, reason string) (from time.Time, err error) {
	err = s.pool.QueryRow(ctx, `SELECT chorus.erase_account($1, $2)`, account, reason).Scan(&from)
	return from, err
}
