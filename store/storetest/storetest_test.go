package storetest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

func TestNewGivesAFreshDatabaseToEachTest(t *testing.T) {
	seen := map[string]bool{}
	for i := range 3 {
		var db *Database
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			db = New(t)
			if seen[db.URL] {
				t.Fatal("the same database again")
			}
			seen[db.URL] = true
			owner := connect(t, db.URL)
			if n := ask(t, owner, `SELECT count(*)::text FROM chorus.invoices`); n != "0" {
				t.Errorf("%s invoices in a fresh database", n)
			}
			if _, err := owner.Exec(t.Context(), `CREATE TABLE trace (); ALTER TABLE chorus.invoices RENAME TO gone`); err != nil {
				t.Fatal(err)
			}
		})
		_, err := pgx.Connect(t.Context(), db.URL)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "3D000" {
			t.Errorf("after the test the database is still there: %v", err)
		}
	}
}

func TestLoginsAreMembersOfOneRoleEach(t *testing.T) {
	db := New(t)
	roles := map[string]string{"chorus_worker": db.WorkerURL, "chorus_app": db.AppURL, "chorus_operator": db.OperatorURL, "chorus_reader": db.ReaderURL}
	for role, url := range roles {
		conn := connect(t, url)
		if ask(t, conn, `SELECT rolsuper::text FROM pg_roles WHERE rolname = current_user`) != "false" {
			t.Errorf("the login of %s is a superuser", role)
		}
		for other := range roles {
			member := ask(t, conn, `SELECT pg_has_role('`+other+`', 'MEMBER')::text`)
			if member != fmt.Sprint(other == role) {
				t.Errorf("the login of %s is a member of %s: %s", role, other, member)
			}
		}
	}
	var name string
	if err := db.Pool.QueryRow(t.Context(), `SELECT current_user`).Scan(&name); err != nil || name != "choriste_test_worker" {
		t.Errorf("the pool is %s: %v", name, err)
	}
}

// Test processes that share a server neither disturb each other nor leave more behind than the next one clears away.
func TestProcessesShareAServer(t *testing.T) {
	t.Parallel()
	shared := startCluster(t, Options{})
	tests := func() ([]byte, error) {
		run := exec.Command(os.Args[0], "-test.run=^(TestNewGives|TestLoginsAre)", "-test.v")
		run.Env = append(os.Environ(), "TEST_DATABASE_URL="+shared.URL(""))
		return run.CombinedOutput()
	}
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			if out, err := tests(); err != nil || strings.Count(string(out), "\n--- PASS: Test") != 2 {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	group.Wait()
	if out, err := tests(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	conn := connect(t, shared.URL(""))
	rows, _ := conn.Query(t.Context(), `SELECT datname FROM pg_database WHERE datname LIKE 'choriste_test%'`)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != 1 || !strings.HasSuffix(names[0], "_template") {
		t.Errorf("left behind, beside the last process's template: %v", names)
	}
}

func TestAConnectionThatIsNotGivenBackFailsTheTest(t *testing.T) {
	t.Parallel()
	db := New(t)
	pool, err := pgxpool.New(t.Context(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var forgetful recorder
	closePool(&forgetful, pool, 10*time.Millisecond)
	conn.Release()
	if !strings.Contains(forgetful.said, "1 of its database connections") {
		t.Errorf("it said %q", forgetful.said)
	}
}

// recorder is a test that only remembers what was wrong with it.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) { r.said = fmt.Sprintf(format, args...) }

func TestServer(t *testing.T) {
	t.Setenv("STORETEST_URL", "postgres://me:secret@example.org:5433/own?sslmode=require")
	h, err := Server(t.Context(), "STORETEST_URL", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := h.URL(""); got != os.Getenv("STORETEST_URL") || h.Cluster() != nil {
		t.Errorf("%s, private: %v", got, h.Cluster() != nil)
	}
	if err := h.Stop(); err != nil {
		t.Error(err)
	}

	t.Setenv("STORETEST_URL", "")
	h, err = Server(t.Context(), "STORETEST_URL", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := ping(h.URL("template1")); err != nil || h.Cluster() == nil {
		t.Errorf("a private server: %v", err)
	}
	if err := h.Stop(); err != nil {
		t.Error(err)
	}
	if err := ping(h.URL("")); err == nil {
		t.Error("it still answers after Stop")
	}
}

// An address may come in each of libpq's two forms.
func TestAddresses(t *testing.T) {
	for _, address := range []string{
		"postgres://me:secret@example.org:5433/own?sslmode=disable",
		"postgresql://me:secret@example.org:5433/own?sslmode=disable",
		"host=example.org port=5433 user=me password='se cret' dbname=own sslmode=disable",
	} {
		config, err := pgx.ParseConfig(withUser(WithDatabase(address, "other"), "you", "hidden"))
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		got := fmt.Sprint(config.Host, config.Port, config.User, config.Password, config.Database)
		if want := fmt.Sprint("example.org", 5433, "you", "hidden", "other"); got != want {
			t.Errorf("%s: %s", address, got)
		}
		if config.TLSConfig != nil {
			t.Errorf("%s: sslmode was lost", address)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	New(b) // the server
	for b.Loop() {
		New(b)
	}
}
