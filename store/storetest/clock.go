package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Clock is the time of one test database, which can be moved forward: what clock_timestamp() says to our SQL there, whoever asks.
//
// Only the database's time moves. River keeps real time: its now() is not touched, so its jobs are fetched as usual. The Go code of a worker keeps it,
// too: the fence of a deposit, the pauses of breakers and gates, and the waits for the shared budget last as long as they last. What follows:
//
//   - A deposit that is in the air while the clock is moved further than its deadline is in doubt, as after a pause of the whole machine. Advance when
//     nothing is under way.
//   - Store.Sweep compares River's times with ours. A job that was fetched and has not taken its row over when it looks counts as lost, and its row is
//     given to another one, which does no harm.
//   - A delay that the database tells a worker (the budget's) is waited for in real time.
type Clock struct {
	owner  *pgxpool.Pool
	others []Advancer
}

// Advancer is another clock: the simulator's.
type Advancer interface{ Advance(d time.Duration) }

// VirtualClock gives the database of a test a clock, which ends with it. Connections that the test opened itself before keep the real time.
func VirtualClock(t testing.TB, db *Database) *Clock {
	t.Helper()
	c, err := NewClock(t.Context(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	db.Pool.Reset()
	return c
}

// NewClock gives a migrated database a clock. Connections opened from now on live by it. url is the owner's; Close it before the database is dropped.
func NewClock(ctx context.Context, url string) (*Clock, error) {
	owner, err := pgxpool.New(ctx, url)
	if err != nil {
		return nil, err
	}
	c := &Clock{owner: owner}
	if err := c.install(ctx); err != nil {
		owner.Close()
		return nil, fmt.Errorf("giving the database a clock: %w", err)
	}
	owner.Reset()
	return c, nil
}

// Close ends the clock's own connections. The database's time goes on, at the distance that it has.
func (c *Clock) Close() { c.owner.Close() }

// With has other clocks move together with this one.
func (c *Clock) With(others ...Advancer) *Clock {
	c.others = append(c.others, others...)
	return c
}

// Advance moves the clock forward by whole milliseconds, the others first: a portal that is ahead for a moment only looks quick, while a database that is
// ahead would believe to have read what has not happened yet.
func (c *Clock) Advance(ctx context.Context, d time.Duration) error {
	if d < 0 || d%time.Millisecond != 0 {
		return fmt.Errorf("the clock moves forward, by whole milliseconds, and not by %s", d)
	}
	for _, other := range c.others {
		other.Advance(d)
	}
	return c.Step(ctx, d)
}

// Step sets this clock alone, forward or back by whole milliseconds, as somebody does who sets a machine's clock. It cannot go back further than it went forward.
func (c *Clock) Step(ctx context.Context, d time.Duration) error {
	// A sequence is outside of all transactions: everybody sees the new time at once, those within a transaction, too.
	_, err := c.owner.Exec(ctx, `SELECT setval('virtual.elapsed', pg_sequence_last_value('virtual.elapsed') + $1)`, d.Milliseconds())
	return err
}

// Now is the database's time.
func (c *Clock) Now(ctx context.Context) (now time.Time, err error) {
	err = c.owner.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now)
	return now, err
}

// Rest returns when there is nothing left to do at the present time: no row waits for a step that is due, none is under way, and every feed that was due
// has been read. A test that moves the clock only then sees what happens in the order in which it would happen.
func (c *Clock) Rest(ctx context.Context) error {
	const busy = `
		SELECT EXISTS (SELECT FROM chorus.invoices WHERE state IN ('received', 'ready', 'sending', 'in_doubt', 'deposited') AND due_at <= clock_timestamp())
		    OR EXISTS (SELECT FROM chorus.invoices WHERE state = 'sending')
		    OR EXISTS (SELECT FROM chorus.invoices WHERE claimed_until > clock_timestamp())
		    OR EXISTS (SELECT FROM chorus.structures WHERE next_sync_at <= clock_timestamp() OR claimed_until > clock_timestamp())
		    OR EXISTS (SELECT FROM chorus.accounts WHERE next_at <= clock_timestamp())`
	for {
		var more bool
		if err := c.owner.QueryRow(ctx, busy).Scan(&more); err != nil || !more {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("there is still something to do: %w", ctx.Err())
		case <-time.After(3 * time.Millisecond):
		}
	}
}

// install puts a function of our own in the place of PostgreSQL's, which gets another name, and rewrites what has bound itself to PostgreSQL's at its creation:
// defaults and views. No search path would do: sessions and functions of ours have their own.
func (c *Clock) install(ctx context.Context) error {
	return pgx.BeginFunc(ctx, c.owner, func(tx pgx.Tx) error {
		// With this path, what PostgreSQL prints is as short as it can be: clock_timestamp() without its schema.
		if _, err := tx.Exec(ctx, `SET LOCAL search_path = pg_catalog`); err != nil {
			return err
		}
		statements, err := rewritten(ctx, tx)
		if err != nil {
			return err
		}
		for _, statement := range slices.Concat([]string{
			`ALTER FUNCTION clock_timestamp() RENAME TO real_clock_timestamp`,
			`CREATE SCHEMA virtual`,
			`CREATE SEQUENCE virtual.elapsed MINVALUE 0`,
			`SELECT setval('virtual.elapsed', 0)`,
			// One expression without a FROM, so that it is inlined and costs next to nothing.
			`CREATE FUNCTION pg_catalog.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
			     SELECT pg_catalog.real_clock_timestamp() + pg_catalog.pg_sequence_last_value('virtual.elapsed'::pg_catalog.regclass) * interval '1 millisecond'
			 $$`,
			`GRANT USAGE ON SCHEMA virtual TO PUBLIC`,
			`GRANT SELECT ON SEQUENCE virtual.elapsed TO PUBLIC`,
		}, statements) {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return fmt.Errorf("%w: %s", err, statement)
			}
		}
		escaped, err := escapees(ctx, tx)
		if err == nil && len(escaped) > 0 {
			err = errors.New("these would keep the real time, and Clock knows no way to move them: " + strings.Join(escaped, "; "))
		}
		return err
	})
}

// rewritten lists the statements that bind everything in the schema chorus anew which names the clock.
func rewritten(ctx context.Context, tx pgx.Tx) ([]string, error) {
	rows, err := tx.Query(ctx, `
		SELECT format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s', d.adrelid::regclass, a.attname, pg_get_expr(d.adbin, d.adrelid))
		FROM pg_attrdef d
		JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
		JOIN pg_class t ON t.oid = d.adrelid
		WHERE t.relnamespace = 'chorus'::regnamespace AND pg_get_expr(d.adbin, d.adrelid) LIKE '%clock_timestamp()%'
		UNION ALL
		SELECT format('CREATE OR REPLACE VIEW %s AS %s', v.oid::regclass, pg_get_viewdef(v.oid))
		FROM pg_class v
		WHERE v.relnamespace = 'chorus'::regnamespace AND v.relkind = 'v' AND pg_get_viewdef(v.oid) LIKE '%clock_timestamp()%'
		UNION ALL
		SELECT pg_get_functiondef(p.oid)
		FROM pg_proc p
		WHERE p.pronamespace = 'chorus'::regnamespace AND p.prosqlbody IS NOT NULL AND pg_get_functiondef(p.oid) LIKE '%clock_timestamp()%'`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// otherClocks is a regular expression for everything else that tells the time, and for the real clock by its new name.
const otherClocks = `real_clock_timestamp|\m(now|transaction_timestamp|statement_timestamp|timeofday)\s*\(|\m(CURRENT_DATE|CURRENT_TIME|CURRENT_TIMESTAMP|LOCALTIME|LOCALTIMESTAMP)\M`

// escapees lists what in the schema chorus does not live by the clock. What is bound to the real clock is printed with that one's new name.
func escapees(ctx context.Context, tx pgx.Tx) ([]string, error) {
	rows, err := tx.Query(ctx, `
		WITH texts AS (
		    SELECT 'function ' || p.oid::regprocedure AS what, coalesce(pg_get_function_sqlbody(p.oid), regexp_replace(p.prosrc, '--[^\n]*', '', 'g')) AS body
		    FROM pg_proc p
		    WHERE p.pronamespace = 'chorus'::regnamespace
		    UNION ALL
		    SELECT format('default of %s.%s', d.adrelid::regclass, a.attname), pg_get_expr(d.adbin, d.adrelid)
		    FROM pg_attrdef d
		    JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
		    JOIN pg_class t ON t.oid = d.adrelid
		    WHERE t.relnamespace = 'chorus'::regnamespace AND t.relname <> 'goose_db_version' -- when it was migrated, really
		    UNION ALL
		    SELECT 'view ' || v.oid::regclass, pg_get_viewdef(v.oid)
		    FROM pg_class v
		    WHERE v.relnamespace = 'chorus'::regnamespace AND v.relkind IN ('v', 'm')
		    UNION ALL
		    SELECT 'constraint ' || c.conname, pg_get_constraintdef(c.oid)
		    FROM pg_constraint c
		    WHERE c.connamespace = 'chorus'::regnamespace
		    UNION ALL
		    SELECT 'trigger ' || g.tgname, pg_get_triggerdef(g.oid)
		    FROM pg_trigger g
		    JOIN pg_class t ON t.oid = g.tgrelid
		    WHERE t.relnamespace = 'chorus'::regnamespace AND NOT g.tgisinternal
		    UNION ALL
		    SELECT 'policy ' || y.polname, concat_ws(' ', pg_get_expr(y.polqual, y.polrelid), pg_get_expr(y.polwithcheck, y.polrelid))
		    FROM pg_policy y
		    JOIN pg_class t ON t.oid = y.polrelid
		    WHERE t.relnamespace = 'chorus'::regnamespace
		)
		SELECT what FROM texts WHERE body ~* $1 ORDER BY 1`, otherClocks)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
