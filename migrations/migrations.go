// Package migrations brings a database to the schema that this binary needs: choriste's own tables in the schema chorus, by goose, and River's
// in the schema river, by River's own migrator. It refuses a database that is not fit for it, or whose schemas belong to something else, before it
// changes anything.
package migrations

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/choriste/choriste/store"
)

//go:embed *.sql
var embedded embed.FS

// files are the steps in SQL; a test adds one.
var files fs.FS = embedded

// RiverSchema is the PostgreSQL schema that holds River's tables.
const RiverSchema = "river"

// riverVersion is the version of River's schema that this binary was built for. A River upgrade that brings a new one adds a goose migration
// that leads from this to that; a test fails until it does.
const riverVersion = 8

// The version numbers of the migrations written in Go; the others are the .sql files beside this one.
const riverMigration = 2

// Migration is one step of the schema's history.
type Migration struct {
	Version int64     `json:"version"`
	Name    string    `json:"name"`
	Applied time.Time `json:"applied"` // zero: pending
}

// Up applies every pending migration. Several processes may call it at once: they wait for each other. The login of databaseURL must own the
// database (or be able to create schemas in it) and be allowed to create roles, unless the four chorus_ roles exist already.
//
// Each step waits for a lock for two seconds at most, and is undone and tried again when it does not get it: what waits behind it, an application's
// insert above all, goes on in between. say is told of every step and of who is in the way; it may be nil.
func Up(ctx context.Context, databaseURL string, say func(string)) error {
	if say == nil {
		say = func(string) {}
	}
	pool, err := open(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer pool.Close()
	h, err := fit(ctx, pool)
	if err != nil {
		return err
	}
	if h.version == latest() && h.riverVersion < riverVersion { // missing, or about to be made by another
		if err := remakeRiver(ctx, pool, say, h); err != nil {
			return err
		}
	}
	if h.version == latest() { // nothing else is to be done, and what others undid is not done again
		for _, examine := range []func(context.Context, *pgxpool.Pool) (*store.Fault, error){whole, Rights, Sequences} {
			switch fault, err := examine(ctx, pool); {
			case err != nil:
				return err
			case fault != nil:
				return fault
			}
		}
		return nil
	}
	if err := mayMigrate(ctx, pool, h); err != nil {
		return err
	}
	if err := insist(ctx, pool, say, "the first step", func() error { return createSchemas(ctx, pool) }); err != nil {
		return explain(err, h)
	}
	provider, closeDB, err := provide(pool)
	if err != nil {
		return err
	}
	defer closeDB()
	for {
		var done *goose.MigrationResult
		err := insist(ctx, pool, say, "the next step", func() (err error) {
			done, err = provider.UpByOne(ctx)
			return err
		})
		switch {
		case errors.Is(err, goose.ErrNoNextVersion):
			return nil
		case err != nil:
			return explain(err, h)
		}
		say(fmt.Sprintf("%d %s: done in %s", done.Source.Version, name(done.Source), done.Duration.Round(time.Millisecond)))
	}
}

// Status lists all migrations, oldest first, and what the rights lack once all are applied. It changes nothing.
func Status(ctx context.Context, databaseURL string) (list []Migration, lacks []Lack, err error) {
	pool, err := open(ctx, databaseURL)
	if err != nil {
		return nil, nil, err
	}
	defer pool.Close()
	h, err := fit(ctx, pool)
	if err != nil {
		return nil, nil, err
	}
	if h.version == latest() {
		if lacks, err = Lacks(ctx, pool); err != nil {
			return nil, nil, err
		}
	}
	provider, closeDB, err := provide(pool)
	if err != nil {
		return nil, nil, err
	}
	defer closeDB()
	if !h.counted {
		for _, s := range provider.ListSources() {
			list = append(list, Migration{Version: s.Version, Name: name(s)})
		}
		return list, nil, nil
	}
	status, err := provider.Status(ctx)
	if store.SQLState(err) == "42501" { // this login may not read what goose has done
		if lack, err := Rights(ctx, pool); lack != nil || err != nil {
			return nil, nil, cmp.Or[error](err, lack)
		}
		if outsider, err := store.Member(ctx, pool, lookers...); outsider != nil || err != nil {
			return nil, nil, cmp.Or[error](err, outsider)
		}
	}
	if err != nil {
		return nil, nil, explain(err, h)
	}
	for _, s := range status {
		m := Migration{Version: s.Source.Version, Name: name(s.Source)}
		if s.State == goose.StateApplied {
			m.Applied = s.AppliedAt
		}
		list = append(list, m)
	}
	return list, lacks, nil
}

func latest() int64 {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		panic(err) // embedded
	}
	last := int64(riverMigration)
	for _, e := range entries {
		if v, err := goose.NumericComponent(e.Name()); err == nil && v > last {
			last = v
		}
	}
	return last
}

// application is the name of our sessions, by which what they wait for is found.
const application = "choriste migrate"

// conns: one that holds goose's lock, those of a step, one that looks who is in the way.
const conns = 5

// open connects, and says why if it cannot.
func open(ctx context.Context, databaseURL string) (*pgxpool.Pool, error) {
	config, err := store.PoolConfig(databaseURL, map[string]string{
		"chorus.actor": "migrate", "statement_timeout": "0", "idle_in_transaction_session_timeout": "0", "lock_timeout": "2s",
	})
	if err != nil {
		return nil, err
	}
	config.MaxConns = conns
	config.ConnConfig.RuntimeParams["application_name"] = application
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, store.Unreachable(err, conns)
	}
	return pool, nil
}

// fit refuses a database in which nothing may be changed.
func fit(ctx context.Context, pool *pgxpool.Pool) (h holdings, err error) {
	switch unfit, err := store.Examine(ctx, pool); {
	case err != nil:
		return h, err
	case unfit != nil:
		return h, unfit
	}
	if h, err = look(ctx, pool); err != nil {
		return h, err
	}
	if f := h.foreign(); f != nil {
		return h, f
	}
	if h.version > latest() {
		return h, store.NewFault("MIGRATION_NEWER", h.version, latest())
	}
	return h, nil
}

// provide makes a goose provider, which holds a lock on the database while it works.
func provide(pool *pgxpool.Pool) (p *goose.Provider, closeDB func(), err error) {
	// Five minutes of asking once a second: another process may be migrating a large database.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil, nil, err
	}
	db := stdlib.OpenDBFromPool(pool)
	p, err = goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithTableName("chorus.goose_db_version"),
		goose.WithSessionLocker(locker),
		goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(riverTo(pool, riverMigration, riverVersion)))
	return p, func() { _ = db.Close() }, err
}

// createSchemas makes room for goose's own table and for River. CREATE SCHEMA IF NOT EXISTS is not safe against a second process doing the same
// at the same moment, hence the lock.
func createSchemas(ctx context.Context, pool *pgxpool.Pool) error {
	tx, err := pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	for _, q := range []string{
		`SELECT pg_advisory_xact_lock(820001, 2)`,
		`CREATE SCHEMA IF NOT EXISTS chorus`,
		`CREATE SCHEMA IF NOT EXISTS river`,
		// Readable by whoever may use the schema, so that a worker can tell without being the owner. Not replaced when it is there: another process
		// may be at its rights.
		`DO $do$ BEGIN
		     IF to_regprocedure('chorus.schema_version()') IS NULL THEN
		         CREATE FUNCTION chorus.schema_version() RETURNS bigint LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
		         BEGIN
		             RETURN (SELECT max(version_id) FROM chorus.goose_db_version WHERE is_applied);
		         EXCEPTION WHEN undefined_table THEN
		             RETURN 0;
		         END $$;
		     END IF;
		     -- An empty schema becomes ours. Another application's was refused before.
		     IF NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'river'::regnamespace) THEN
		         COMMENT ON SCHEMA river IS $$` + mark + `$$;
		     END IF;
		 END $do$`,
	} {
		if _, err := tx.Exec(ctx, q); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

// riverTo is the goose migration that brings River's tables to one version. River's migrator takes no lock of its own and cannot run in one
// transaction, so it runs outside of goose's, on the pool, while goose holds the lock. Each of its versions is a transaction, and those that are there are
// passed over when it is called again.
func riverTo(pool *pgxpool.Pool, version int64, to int) *goose.Migration {
	return goose.NewGoMigration(version, &goose.GoFunc{RunDB: func(ctx context.Context, _ *sql.DB) error { return riverUp(ctx, pool, to) }}, nil)
}

func riverUp(ctx context.Context, pool *pgxpool.Pool, to int) error {
	m, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: RiverSchema, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, &rivermigrate.MigrateOpts{TargetVersion: to})
	return err
}

func name(s *goose.Source) string {
	if s.Path == "" {
		return "river"
	}
	return s.Path
}
