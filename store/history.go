package store

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// A database may forget: a standby that had not received the last commits is promoted, a backup is brought back. What was sent in the forgotten history
// must not be sent again, so a worker carries a memory of its own and compares (docs/protocol.md §3.5).

// Memory is what one worker remembers of the database.
type Memory struct {
	Epoch       string      // the history it was living
	Quarantines int         // how many have been begun
	Attempts    []uuid.UUID // some of the latest: the database must know them
}

// ErrForgot says that the database does not remember what this worker remembers.
var ErrForgot = errors.New("the database is living another history")

// Remember compares the database with what it says of itself and, if it has not changed since anybody looked, returns what to carry from here.
// It returns ErrForgot, with what was remembered then, when the database was promoted or restored since.
func (s *Store) Remember(ctx context.Context) (Memory, error) {
	var m Memory
	var stored string
	err := s.pool.QueryRow(ctx, `
		WITH first AS (
		    UPDATE chorus.installation SET db_epoch = `+epochSQL+` WHERE db_epoch IS NULL
		)
		SELECT `+epochSQL+`, coalesce(db_epoch, `+epochSQL+`), quarantines,
		       ARRAY(SELECT id FROM chorus.attempts ORDER BY claimed_at DESC LIMIT 1)
		FROM chorus.installation`).Scan(&m.Epoch, &stored, &m.Quarantines, &m.Attempts)
	if err == nil && m.Epoch != stored {
		m.Epoch = stored
		return m, ErrForgot
	}
	return m, err
}

// Knows returns ErrForgot when the database does not know what m remembers; otherwise m, brought up to date.
func (s *Store) Knows(ctx context.Context, m Memory) (Memory, error) {
	now, err := s.Remember(ctx)
	if err != nil {
		return m, err
	}
	var known int
	if err := s.pool.QueryRow(ctx, `SELECT count(*) FROM chorus.attempts WHERE id = ANY ($1)`, m.Attempts).Scan(&known); err != nil {
		return m, err
	}
	if now.Epoch != m.Epoch || now.Quarantines < m.Quarantines || known < len(m.Attempts) {
		return m, ErrForgot
	}
	return now, nil
}

// quarantineWithin is how long a quarantine may take, which may move every row.
const quarantineWithin = time.Minute

// Quarantine takes every row that may have been sent in a forgotten history to in_doubt, unless another worker has done so already, and returns what to
// remember from now on. head bounds the ready rows that a promoted standby may not know to have been sent; window is how long after a restore
// new rows are looked up first.
func (s *Store) Quarantine(ctx context.Context, m Memory, window time.Duration, head int) (Memory, int, error) {
	var moved int
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := allow(ctx, tx, quarantineWithin); err != nil {
			return err
		}
		var epoch string
		var known int
		err := tx.QueryRow(ctx, `SELECT `+epochSQL+`, (SELECT count(*) FROM chorus.attempts WHERE id = ANY ($1))`, m.Attempts).Scan(&epoch, &known)
		if err != nil {
			return err
		}
		// Another timeline of the same system that knows our latest attempt was promoted in time for it; all else is a restore.
		kind := "restore"
		if known == len(m.Attempts) && system(epoch) == system(m.Epoch) && epoch != m.Epoch {
			kind = "failover"
		}
		ids := make([]string, len(m.Attempts))
		for k, id := range m.Attempts {
			ids[k] = id.String()
		}
		return tx.QueryRow(ctx, `SELECT moved FROM chorus.quarantine($1, $2, $3, $4, $5)`, kind, m.Quarantines, ids, window, head).Scan(&moved)
	})
	if err != nil {
		return m, 0, err
	}
	m, err = s.Remember(ctx)
	return m, moved, err
}

// system is the part of an epoch that names the cluster.
func system(epoch string) string {
	for k := range epoch {
		if epoch[k] == '/' {
			return epoch[:k]
		}
	}
	return epoch
}

// standIn writes an attempt for one that the database may have forgotten, or that somebody else made, so that the row is looked up like any other in
// doubt.
func standIn(ctx context.Context, tx pgx.Tx, id int64, reason string) error {
	_, err := tx.Exec(ctx, `
		WITH row AS (
		    UPDATE chorus.invoices
		    SET state = 'in_doubt', attempt_no = attempt_no + 1, lookup_first = false,
		        reason_code = 'QUARANTINE', reason = $3, due_at = clock_timestamp()
		    WHERE id = $1
		    RETURNING id, attempt_no, document_sha256
		)
		INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline, finished_at, outcome)
		SELECT $2::uuid, id, attempt_no, 'quarantine', 'quarantine_' || replace($2::text, '-', ''), document_sha256, `+epochSQL+`,
		       since, since, clock_timestamp(), 'OWNER_LOST'
		FROM row, (SELECT CASE WHEN suspect_until > clock_timestamp() THEN quarantined_at ELSE clock_timestamp() END AS since FROM chorus.installation) s`, id, uuid.New(), reason)
	return err
}
