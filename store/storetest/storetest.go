// Package storetest gives PostgreSQL to whoever needs one without asking for it: a private server that leaves nothing
// behind, and a fresh migrated database for one test.
//
//	func TestSomething(t *testing.T) {
//		db := storetest.New(t)
//		_, err := db.Pool.Exec(t.Context(), `INSERT INTO chorus.invoices …`)
//
// Tests use the server of TEST_DATABASE_URL (a login that may create databases and roles) or else, without anything
// being set up, one private server per test process. Fault tests start their own with Start, and Crash it. It works
// wherever there is a Unix shell.
package storetest

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/migrations"
)

// Database is one test's own: migrated, empty, and dropped when the test ends.
type Database struct {
	URL string // its owner, who may do anything

	// Logins that are members of chorus_worker, chorus_app, chorus_operator and chorus_reader, with no other rights.
	WorkerURL, AppURL, OperatorURL, ReaderURL string

	Pool *pgxpool.Pool // as the worker; closed when the test ends
}

// setupWithin bounds the start of the server and the migration of the template, which take a second or two.
const setupWithin = 2 * time.Minute

// New makes a fresh database in about 20 milliseconds; the first call in a test process also starts or finds the server.
// It fails the test when there is none, and never skips it.
func New(t testing.TB) *Database {
	t.Helper()
	s, err := sharedServer()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("%s_%d", s.name, s.made.Add(1))
	if _, err := s.admin.Exec(t.Context(), `CREATE DATABASE `+name+` TEMPLATE `+s.template+s.strategy); err != nil {
		t.Fatalf("creating a test database: %v", err)
	}
	t.Cleanup(func() { s.drop(t, name) })
	db := &Database{
		URL:         s.handle.URL(name),
		WorkerURL:   s.login(name, "worker"),
		AppURL:      s.login(name, "app"),
		OperatorURL: s.login(name, "operator"),
		ReaderURL:   s.login(name, "reader"),
	}
	// The pool connects when it is first used, and outlives the test's context, which ends before its clean-up does.
	config, err := pgxpool.ParseConfig(db.WorkerURL)
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.RuntimeParams["plan_cache_mode"] = "force_generic_plan" // as the worker's own (store.ConnectWorker)
	db.Pool, err = pgxpool.NewWithConfig(context.WithoutCancel(t.Context()), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closePool(t, db.Pool, 5*time.Second) })
	return db
}

// TempDir makes a directory for a private cluster and copies of it, which is removed when the test ends: in memory where there is room, because making and deleting
// their thousands of files costs more on a disk than all else; and open to the user that runs the server, as t.TempDir is not.
func TempDir(t testing.TB) string {
	t.Helper()
	who, err := unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	base := memoryFolder(t.Context(), who)
	if base == "" {
		base = diskFolder(t.Context(), who)
	}
	dir, err := os.MkdirTemp(base, "choriste-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil { //nolint:gosec // the user that runs the server writes there
		t.Fatal(err)
	}
	return dir
}

// closePool does not hang the test when it kept a connection, but fails it.
func closePool(t testing.TB, pool *pgxpool.Pool, patience time.Duration) {
	t.Helper()
	closed := make(chan struct{})
	go func() {
		pool.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(patience):
		t.Errorf("the test did not give back %d of its database connections", pool.Stat().AcquiredConns())
	}
}

// server is what the tests of one process share.
type server struct {
	handle   *Handle
	admin    *pgxpool.Pool
	name     string // the first part of all our databases' names
	template string
	strategy string // of copying it
	made     atomic.Int64
}

// sharedServer is never stopped: a private server ends with the process, whose end no package can foresee.
var sharedServer = sync.OnceValues(func() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), setupWithin)
	defer cancel()
	handle, err := Server(ctx, "TEST_DATABASE_URL", Options{
		InMemory: true,
		Settings: map[string]string{"max_wal_size": "256MB"}, // old log is of no use to anybody
	})
	if err != nil {
		return nil, err
	}
	s, err := prepare(ctx, handle)
	if err != nil {
		return nil, fmt.Errorf("preparing the test server: %w", err)
	}
	return s, nil
})

const prefix = "choriste_test_"

// setupLock is the advisory lock under which processes that share a server take turns to prepare it.
const setupLock = 8_200_010_001

// prepare makes the template and the logins. Nothing but advisory locks in the admin's database coordinates the processes
// that share a server: each holds one, named by the number that is also in its databases' names, for as long as it lives,
// and so everybody can tell whose databases nobody will drop any more.
func prepare(ctx context.Context, handle *Handle) (*server, error) {
	id := randomHex(8)
	s := &server{handle: handle, name: prefix + id, template: prefix + id + "_template"}
	var err error
	if s.admin, err = pgxpool.New(ctx, handle.URL("")); err != nil {
		return nil, err
	}
	life, err := s.admin.Acquire(ctx) // never released
	if err != nil {
		return nil, err
	}
	for _, lock := range []int64{lockOf(id), setupLock} {
		if _, err := life.Exec(ctx, `SELECT pg_advisory_lock($1)`, lock); err != nil {
			return nil, err
		}
	}
	if handle.Cluster() == nil {
		if err := s.sweep(ctx, life); err != nil {
			return nil, err
		}
	} else if s.strategy, err = fastestCopy(ctx, s.admin); err != nil {
		return nil, err
	}
	if _, err := s.admin.Exec(ctx, `CREATE DATABASE `+s.template); err != nil {
		return nil, err
	}
	if err := migrations.Up(ctx, handle.URL(s.template), nil); err != nil {
		return nil, fmt.Errorf("migrating: %w", err)
	}
	if err := s.anonymous(ctx); err != nil {
		return nil, fmt.Errorf("making the template: %w", err)
	}
	if err := s.makeLogins(ctx); err != nil {
		return nil, err
	}
	_, err = life.Exec(ctx, `SELECT pg_advisory_unlock($1)`, int64(setupLock))
	return s, err
}

// lockOf turns the number in a database's name into an advisory lock's.
func lockOf(id string) int64 {
	b, err := hex.DecodeString(id)
	if err != nil || len(b) != 8 {
		panic("storetest: not one of our numbers: " + id)
	}
	return int64(binary.BigEndian.Uint64(b)) //nolint:gosec // all 64 bits are meant
}
