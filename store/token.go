package store

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// SealedToken is the fleet's token as it lies in the database.
type SealedToken struct {
	Generation int64
	Sealed     []byte
	Left       time.Duration // until it expires, by the database's clock
	Life       time.Duration // of it, from the beginning
	Rejected   bool          // the portal has refused it
	RetryIn    time.Duration // after failures: nobody asks for a new one before
	Failure    string        // the code of the last failure in a row
}

// Due tells whether it should be renewed by whoever wants a token to live longer than margin. A token that never lives so long is renewed at half its life.
func (t SealedToken) Due(margin time.Duration) bool { return t.Left <= min(margin, t.Life/2) }

// Usable tells whether it may still be sent.
func (t SealedToken) Usable() bool { return !t.Rejected && t.Left > 0 && len(t.Sealed) > 0 }

// tokenColumns end with a failure as those see it who have the client secret of parameter $2: another one's failures say nothing about theirs.
const tokenColumns = `
	generation, coalesce(sealed, ''), extract(epoch FROM greatest(expires_at, '2000-01-01') - clock_timestamp())::float8, rejected >= generation,
	CASE WHEN failed_secret IS NULL OR failed_secret = $2 THEN extract(epoch FROM greatest(retry_at, '2000-01-01') - clock_timestamp()) ELSE 0 END::float8,
	coalesce(failure, ''),
	coalesce(extract(epoch FROM expires_at - refreshed_at), 0)::float8`

func scanToken(row pgx.Row) (SealedToken, error) {
	var t SealedToken
	var left, retry, life float64
	err := row.Scan(&t.Generation, &t.Sealed, &left, &t.Rejected, &retry, &t.Failure, &life)
	if errors.Is(err, pgx.ErrNoRows) {
		return t, nil // none yet, or a crash of the server emptied the table
	}
	t.Left, t.Life, t.RetryIn = seconds(left), seconds(life), max(0, seconds(retry))
	return t, err
}

// Token reads the fleet's token called key, for a process whose client secret has this fingerprint.
func (s *Store) Token(ctx context.Context, key string, secret []byte) (SealedToken, error) {
	return scanToken(s.pool.QueryRow(ctx, `SELECT `+tokenColumns+` FROM chorus.tokens WHERE key = $1`, key, secret))
}

// RejectToken says that the portal refused a generation. Of many refusals of one generation only the first has an effect.
func (s *Store) RejectToken(ctx context.Context, key string, generation int64) error {
	_, err := s.pool.Exec(ctx, `UPDATE chorus.tokens SET rejected = $2 WHERE key = $1 AND generation = $2 AND rejected < $2`, key, generation)
	return err
}

// Fetched is what asking the portal for a token brought.
type Fetched struct {
	Sealed  []byte
	Life    time.Duration
	Failure string // a code, when there is no token
}

// ErrBusy says that another process is asking for a token at this moment.
var ErrBusy = errors.New("another process is renewing the token")

// RenewToken asks for a token, with fetch, while no other process of the fleet does, unless another one than seen that is not due has
// appeared meanwhile. fetch is told the new token's generation. The lock is the transaction's: if this process dies in the middle, the next one may ask as soon as the server
// has noticed. Failures are written down, so that a failing endpoint is asked at most once a second, and every half minute in the end.
func (s *Store) RenewToken(ctx context.Context, key string, secret []byte, worker string, seen int64, margin time.Duration, fetch func(ctx context.Context, generation int64) Fetched) (SealedToken, error) {
	var t SealedToken
	lock := "token " + key
	if _, err := s.pool.Exec(ctx, `INSERT INTO chorus.locks VALUES ($1) ON CONFLICT DO NOTHING`, lock); err != nil {
		return t, err
	}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL idle_in_transaction_session_timeout = '45s'`); err != nil {
			return err
		}
		if mine, err := alone(ctx, tx, lock); err != nil || !mine {
			return cmp.Or(err, ErrBusy)
		}
		var err error
		t, err = scanToken(tx.QueryRow(ctx, `SELECT `+tokenColumns+` FROM chorus.tokens WHERE key = $1`, key, secret))
		if err != nil || t.Generation != seen && t.Usable() && !t.Due(margin) || t.RetryIn > 0 {
			return err
		}
		got := fetch(ctx, t.Generation+1)
		set := `
			failures = CASE WHEN failed_secret IS NOT DISTINCT FROM $2 THEN failures + 1 ELSE 1 END, failure = $4, failed_secret = $2,
			retry_at = clock_timestamp() + CASE WHEN failed_secret IS NOT DISTINCT FROM $2 THEN least(30, 2 ^ least(failures, 10)) ELSE 1 END * interval '1 second'`
		args := []any{key, secret, worker, got.Failure}
		if got.Failure == "" {
			set = `generation = chorus.tokens.generation + 1, sealed = $4, expires_at = clock_timestamp() + $5::interval,
			       refreshed_at = clock_timestamp(), refreshed_by = $3, failures = 0, failure = NULL, failed_secret = NULL, retry_at = '-infinity'`
			args = []any{key, secret, worker, got.Sealed, got.Life}
		}
		if _, err := tx.Exec(ctx, `INSERT INTO chorus.tokens (key) VALUES ($1) ON CONFLICT DO NOTHING`, key); err != nil {
			return err
		}
		t, err = scanToken(tx.QueryRow(ctx, `UPDATE chorus.tokens SET `+set+` WHERE key = $1 AND $3::text IS NOT NULL RETURNING `+tokenColumns, args...))
		return err
	})
	return t, err
}
