// Package migrations brings a database to the schema that this binary needs: choriste's own tables in the schema chorus, by goose, and River's
// in the schema river, by River's own migrator.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed 0*.sql
var files embed.FS

// RiverSchema is the PostgreSQL schema that holds River's tables.
const RiverSchema = "river"

// riverVersion is the version of River's schema that this binary was built for. A River upgrade that brings a new one adds a goose migration
// that leads from this to that; a test fails until it does.
const riverVersion = 8

// The version numbers of the migrations written in Go; the others are the .sql files beside this one.
const riverMigration = 2

// ErrBehind says that the database has not been migrated to the schema that this binary needs.
var ErrBehind = errors.New("the database schema is older than this program needs: run `choriste migrate up` first")

// Migration is one step of the schema's history.
type Migration struct {
	Version int64     `json:"version"`
	Name    string    `json:"name"`
	Applied time.Time `json:"applied"` // zero: pending
}

// Up applies every pending migration. Several processes may call it at once: they wait for each other. The login of databaseURL must own the
// database (or be able to create schemas in it) and be allowed to create roles, unless the four chorus_ roles exist already.
// A nil log is silent.
func Up(ctx context.Context, databaseURL string, log *slog.Logger) error {
	return with(ctx, databaseURL, func(p *goose.Provider) error {
		applied, err := p.Up(ctx)
		if err != nil {
			return explain(err)
		}
		for _, m := range applied {
			if log != nil {
				log.InfoContext(ctx, "migrated", "version", m.Source.Version, "took", m.Duration)
			}
		}
		return nil
	})
}

// Status lists all migrations, oldest first.
func Status(ctx context.Context, databaseURL string) ([]Migration, error) {
	var list []Migration
	err := with(ctx, databaseURL, func(p *goose.Provider) error {
		status, err := p.Status(ctx)
		if err != nil {
			return explain(err)
		}
		for _, s := range status {
			m := Migration{Version: s.Source.Version, Name: name(s.Source)}
			if s.State == goose.StateApplied {
				m.Applied = s.AppliedAt
			}
			list = append(list, m)
		}
		return nil
	})
	return list, err
}

// Check returns ErrBehind when a migration that this binary knows has not been applied. It needs no more rights than to read.
func Check(ctx context.Context, pool *pgxpool.Pool) error {
	var at int64
	err := pool.QueryRow(ctx, `SELECT chorus.schema_version()`).Scan(&at)
	if state := sqlState(err); state == "3F000" || state == "42883" { // no such schema, no such function
		return ErrBehind
	}
	if err != nil {
		return err
	}
	if at < latest() {
		return ErrBehind
	}
	return nil
}

func latest() int64 {
	entries, err := files.ReadDir(".")
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

// with opens the database and hands over a goose provider that holds a lock on the database while it works.
func with(ctx context.Context, databaseURL string, do func(*goose.Provider) error) error {
	config, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return errors.New("the database URL cannot be read") // pgx's own text may quote the password
	}
	config.MaxConns = 4
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	db := stdlib.OpenDBFromPool(pool)
	defer func() { _ = db.Close() }()

	if err := createSchemas(ctx, pool); err != nil {
		return explain(err)
	}
	// Five minutes of asking once a second: another process may be migrating a large database.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithTableName("chorus.goose_db_version"),
		goose.WithSessionLocker(locker),
		goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(riverTo(pool, riverMigration, riverVersion)))
	if err != nil {
		return err
	}
	return do(provider)
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
		 END $do$`,
	} {
		if _, err := tx.Exec(ctx, q); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

// riverTo is the goose migration that brings River's tables to one version. River's migrator takes no lock of its own and cannot run in one
// transaction, so it runs outside of goose's, on the pool, while goose holds the lock.
func riverTo(pool *pgxpool.Pool, version int64, to int) *goose.Migration {
	return goose.NewGoMigration(version, &goose.GoFunc{RunDB: func(ctx context.Context, _ *sql.DB) error {
		m, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: RiverSchema, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			return err
		}
		_, err = m.Migrate(ctx, rivermigrate.DirectionUp, &rivermigrate.MigrateOpts{TargetVersion: to})
		return err
	}}, nil)
}

// explain puts what an administrator has to do before what PostgreSQL said.
func explain(err error) error {
	if sqlState(err) == "42501" {
		return fmt.Errorf("the login may not do this: migrate as the owner of the database, with the right to create roles: %w", err)
	}
	return err
}

func sqlState(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}

func name(s *goose.Source) string {
	if s.Path == "" {
		return "river"
	}
	return s.Path
}
