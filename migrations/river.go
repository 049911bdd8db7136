package migrations

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// remakeRiver makes River's tables anew where the schema river is missing or empty: dropped, or left out of a dump. Nothing is lost with them: a sweep over
// our rows gives every job out again (docs/protocol.md). Whoever comes second finds them made.
func remakeRiver(ctx context.Context, pool *pgxpool.Pool, say func(string), h holdings) error {
	if err := mayMigrate(ctx, pool, h); err != nil {
		return err
	}
	turn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer turn.Release()
	if err := insist(ctx, pool, say, "River's turn", func() error {
		_, err := turn.Exec(ctx, `SELECT pg_advisory_lock(820001, 3)`)
		return err
	}); err != nil {
		return err
	}
	defer func() { _, _ = turn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock(820001, 3)`) }()
	switch now, err := look(ctx, pool); {
	case err != nil:
		return err
	case now.river != "":
		return nil
	}
	if err := createSchemas(ctx, pool); err != nil {
		return explain(err, h)
	}
	if err := riverUp(ctx, pool, riverVersion); err != nil {
		return explain(err, h)
	}
	lacks, err := Lacks(ctx, pool)
	if err != nil {
		return err
	}
	for _, l := range lacks { // those of chorus somebody else took away
		if strings.Contains(l.Statement, " river.") || strings.Contains(l.Statement, " SCHEMA river ") {
			if _, err := pool.Exec(ctx, l.Statement); err != nil {
				return explain(err, h)
			}
		}
	}
	say("River's tables were missing and are made anew; every job is given out again from the invoices")
	return nil
}
