// Package archive cuts history by month, has a month leave it for a file, and brings it back (migrations/00023_partitions.sql, docs/retention.md).
//
// A month is in chorus.events or in a file that was read back, at every moment. What is done is written down in this order, and each step can be done again:
//
//  1. the file is written, fsynced and read back (a crash leaves a file that nobody knows of, which the same command writes again);
//  2. chorus.archives says that the month is in it, with what must be known of the month when it is away, and the event ARCHIVED (one transaction);
//  3. the manifest is written beside the file;
//  4. the month is detached (a crash leaves a table that is in nothing, and the same command goes on from there);
//  5. its table is dropped.
//
// Coming back is one transaction: a crash undoes it.
package archive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/store"
)

// conns: one holds the lock, one works, one looks who is in the way.
const conns = 3

// Room is a database whose history is cut. Its login is the owner of the schema.
type Room struct {
	pool *pgxpool.Pool
	say  func(en, fr string) // progress
	at   func(step string) error
}

// Error is a refusal, in both languages.
type Error struct{ En, Fr string }

func (e *Error) Error() string { return e.En }

func refuse(en, fr string, args ...any) error {
	return &Error{fmt.Sprintf(en, args...), fmt.Sprintf(fr, args...)}
}

// Open opens it. actor is who acts, as history is told; say is told of progress.
func Open(ctx context.Context, databaseURL, actor string, say func(en, fr string)) (*Room, error) {
	config, err := store.PoolConfig(databaseURL, map[string]string{
		"chorus.actor": actor, "statement_timeout": "0", "idle_in_transaction_session_timeout": "0", "lock_timeout": "2s",
		// What COPY writes, and so the hash of it, is the same in every session.
		"timezone": "UTC", "datestyle": "ISO, MDY", "bytea_output": "hex", "client_encoding": "UTF8",
	})
	if err != nil {
		return nil, err
	}
	config.MaxConns = conns
	config.ConnConfig.RuntimeParams["application_name"] = "choriste partition"
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, store.Unreachable(err, conns)
	}
	var owner bool
	if err := pool.QueryRow(ctx, `SELECT pg_has_role(current_user, c.relowner, 'USAGE') FROM pg_class c WHERE c.oid = 'chorus.events'::regclass`).Scan(&owner); err != nil {
		pool.Close()
		return nil, err
	}
	if !owner {
		pool.Close()
		return nil, refuse("DATABASE_URL: this changes tables, so it asks for the login that runs choriste migrate", "DATABASE_URL : ceci change des tables et demande donc le login de choriste migrate")
	}
	return &Room{pool: pool, say: say, at: func(string) error { return nil }}, nil
}

// Close ends its connections.
func (r *Room) Close() { r.pool.Close() }

// alone runs do while nobody else cuts, detaches or attaches.
func (r *Room) alone(ctx context.Context, do func() error) error {
	tx, err := r.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	for begun := time.Now(); ; {
		var mine bool
		if err := tx.QueryRow(ctx, `SELECT chorus.lock_partitions()`).Scan(&mine); err != nil {
			return err
		}
		if mine {
			return do()
		}
		if time.Since(begun) > 10*time.Second {
			return refuse("another choriste partition is at work on this database: wait for its end", "une autre commande choriste partition travaille sur cette base : attendez sa fin")
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// patience is for how long a lock is asked for again.
var patience = 5 * time.Minute

// insist tries again what did not get its locks within lock_timeout. What waited behind it goes on in between.
func (r *Room) insist(ctx context.Context, do func() error) error {
	begun := time.Now()
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, 10*time.Second) {
		err := do()
		if state := store.SQLState(err); state != "55P03" && state != "40P01" || time.Since(begun)+pause > patience {
			return err
		}
		r.say("another session holds what is needed: tried again in "+pause.String(), "une autre session détient ce qu'il faut : nouvel essai dans "+pause.String())
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// Apply makes this month and the next two, where they are not there, and returns those that it made. From then on workers make those that follow.
func (r *Room) Apply(ctx context.Context) (made []string, err error) {
	err = r.insist(ctx, func() error {
		return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
			var mine bool
			if err := tx.QueryRow(ctx, `SELECT chorus.lock_partitions()`).Scan(&mine); err != nil {
				return err
			}
			if !mine {
				return refuse("another choriste partition is at work on this database: wait for its end", "une autre commande choriste partition travaille sur cette base : attendez sa fin")
			}
			return tx.QueryRow(ctx, `SELECT chorus.cut_months()`).Scan(&made)
		})
	})
	return made, err
}

// part is a month's table.
type part struct {
	attached, pending bool
}

// known are a month's table and what is written down of it while it is away; nil: none.
func (r *Room) known(ctx context.Context, month string) (*part, *record, error) {
	var p *part
	var x part
	switch err := r.pool.QueryRow(ctx, `SELECT attached, pending FROM chorus.partitions() WHERE month = $1`, month).Scan(&x.attached, &x.pending); {
	case err == nil:
		p = &x
	case !errors.Is(err, pgx.ErrNoRows):
		return nil, nil, err
	}
	rec, err := r.record(ctx, `month = $1 AND attached_at IS NULL`, month)
	return p, rec, err
}

func (r *Room) record(ctx context.Context, where string, args ...any) (*record, error) {
	rows, err := r.pool.Query(ctx, `
		SELECT id, month, from_id, to_id, events, first_at, last_at, runs_from, runs_to, (SELECT array_agg(encode(h, 'hex') ORDER BY k) FROM unnest(runs_before) WITH ORDINALITY x (h, k)),
		       (SELECT array_agg(encode(h, 'hex') ORDER BY k) FROM unnest(runs_hash) WITH ORDINALITY x (h, k)), encode(sha256, 'hex'), file, archived_at, archived_by, attached_at
		FROM chorus.archives
		WHERE `+where+`
		ORDER BY id DESC
		LIMIT 1`, args...)
	if err != nil {
		return nil, err
	}
	rec, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[record])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &rec, err
}

// record is a row of chorus.archives; the manifest holds the same.
type record struct {
	ID         int64      `json:"-"`
	Month      string     `json:"month"`
	FromID     int64      `json:"from_id"`
	ToID       int64      `json:"to_id"`
	Events     int64      `json:"rows"`
	FirstAt    time.Time  `json:"first_at"`
	LastAt     time.Time  `json:"last_at"`
	RunsFrom   []int64    `json:"chain_from"`
	RunsTo     []int64    `json:"chain_to"`
	RunsBefore []string   `json:"chain_before"`
	RunsHash   []string   `json:"chain_head"`
	SHA256     string     `json:"sha256"`
	File       string     `json:"file"`
	ArchivedAt time.Time  `json:"archived_at"`
	ArchivedBy string     `json:"archived_by"`
	AttachedAt *time.Time `json:"-"`
}
