package migrations_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store/storetest"
)

// step makes something, and then needs the table of invoices for itself.
const step = `CREATE TABLE chorus.made_first (id int);
ALTER TABLE chorus.invoices ADD COLUMN later int;`

func ownerOf(t *testing.T, db *storetest.Database) *pgxpool.Pool {
	t.Helper()
	owner, err := pgxpool.New(t.Context(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(owner.Close)
	return owner
}

// longTransaction reads the invoices and does not end before end is called.
func longTransaction(t *testing.T, owner *pgxpool.Pool) (pid uint32, end func()) {
	t.Helper()
	conn, err := owner.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{`SET application_name = 'a report'`, `BEGIN`, `SELECT count(*) FROM chorus.invoices`} {
		if _, err := conn.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	end = sync.OnceFunc(func() {
		_, _ = conn.Exec(context.WithoutCancel(t.Context()), `ROLLBACK`)
		conn.Release()
	})
	t.Cleanup(end)
	return conn.Conn().PgConn().PID(), end
}

// A migration behind a long transaction lets inserts go on, says who is in the way, and is done when the transaction ends.
func TestMigrationBehindALongTransaction(t *testing.T) {
	defer migrations.Patience(time.Minute, 500*time.Millisecond)()
	db := storetest.New(t)
	defer migrations.OneMoreStep(step)()
	owner := ownerOf(t, db)
	pid, end := longTransaction(t, owner)

	app, err := pgxpool.New(t.Context(), db.AppURL)
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	slowest := make(chan time.Duration, 1)
	go func() {
		var most time.Duration
		for n := 0; ctx.Err() == nil; n++ {
			began := time.Now()
			if _, err := app.Exec(context.WithoutCancel(ctx), `INSERT INTO chorus.invoices (external_ref, document) VALUES ($1, 'x')`, fmt.Sprint("L-", n)); err != nil {
				t.Error(err)
			}
			most = max(most, time.Since(began))
		}
		slowest <- most
	}()

	var said []string
	err = migrations.Up(t.Context(), db.URL, func(text string) {
		said = append(said, text)
		if len(said) == 2 { // twice in vain
			end()
		}
	})
	stop()
	if most := <-slowest; most > 10*time.Second {
		t.Errorf("an insert waited %s", most)
	}
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("PID %d (login ", pid)
	if len(said) < 3 || !strings.Contains(said[0], want) || !strings.Contains(said[0], "a report, idle in transaction, in a transaction since 20") || strings.Contains(said[0], "SELECT") {
		t.Errorf("said %q", said)
	}
	if last := said[len(said)-1]; !strings.Contains(last, "done in") {
		t.Errorf("said last %q", last)
	}
}

// When the transaction does not end, the migration gives up with a line that names it, and has changed nothing.
func TestMigrationGivesUp(t *testing.T) {
	defer migrations.Patience(3*time.Second, 100*time.Millisecond)()
	db := storetest.New(t)
	defer migrations.OneMoreStep(step)()
	owner := ownerOf(t, db)
	pid, end := longTransaction(t, owner)
	before, _, err := migrations.Status(t.Context(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	err = migrations.Up(t.Context(), db.URL, nil)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("PID %d", pid)) || !strings.Contains(err.Error(), "pg_terminate_backend") {
		t.Errorf("gave up with %v", err)
	}
	after, _, err := migrations.Status(t.Context(), db.URL)
	if err != nil || fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("before %v, after %v, %v", before, after, err)
	}
	var half bool
	if err := owner.QueryRow(t.Context(), `SELECT to_regclass('chorus.made_first') IS NOT NULL`).Scan(&half); err != nil || half {
		t.Errorf("a step was left half done: %t, %v", half, err)
	}
	end()
	if err := migrations.Up(t.Context(), db.URL, nil); err != nil {
		t.Error(err)
	}
}

// An older binary on a newer schema neither works nor migrates.
func TestOlderBinaryOnNewerSchema(t *testing.T) {
	db := storetest.New(t)
	restore := migrations.OneMoreStep(step)
	if err := migrations.Up(t.Context(), db.URL, nil); err != nil {
		t.Fatal(err)
	}
	if err := migrations.Check(t.Context(), db.Pool); err != nil {
		t.Errorf("the newer one: %v", err)
	}
	restore()
	if err := migrations.Check(t.Context(), db.Pool); code(err) != "MIGRATION_NEWER" {
		t.Errorf("to work: %v", err)
	}
	if err := migrations.Up(t.Context(), db.URL, nil); code(err) != "MIGRATION_NEWER" {
		t.Errorf("to migrate: %v", err)
	}
}

// A login that may not migrate is told what it lacks, before anything is changed; with the roles there, an owner without CREATEROLE is enough.
func TestMigrationRights(t *testing.T) {
	address := empty(t)
	owner, err := pgxpool.New(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	name := owner.Config().ConnConfig.Database
	login := name + "_login"
	for _, q := range []string{
		fmt.Sprintf(`CREATE ROLE %s LOGIN PASSWORD 'p'`, login),
		fmt.Sprintf(`GRANT CONNECT ON DATABASE %s TO %s`, name, login),
	} {
		if _, err := owner.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		admin, err := pgxpool.New(context.WithoutCancel(t.Context()), storetest.WithDatabase(address, "postgres"))
		if err != nil {
			t.Error(err)
			return
		}
		defer admin.Close()
		ctx := context.WithoutCancel(t.Context())
		_, _ = admin.Exec(ctx, fmt.Sprintf(`ALTER DATABASE %s OWNER TO CURRENT_USER`, name))
		if own, err := pgxpool.New(ctx, address); err == nil {
			_, _ = own.Exec(ctx, `DROP OWNED BY `+login+` CASCADE`)
			own.Close()
		}
		if _, err := admin.Exec(ctx, `DROP ROLE `+login); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(login, "p")
	err = migrations.Up(t.Context(), u.String(), nil)
	if code(err) != "MIGRATE_RIGHTS" || !strings.Contains(err.Error(), "CREATE ON DATABASE "+name) {
		t.Errorf("refused with %v", err)
	}
	var schemas int
	if err := owner.QueryRow(t.Context(), `SELECT count(*) FROM pg_namespace WHERE nspname IN ('chorus', 'river')`).Scan(&schemas); err != nil || schemas != 0 {
		t.Errorf("%d schemas were made, %v", schemas, err)
	}
	if _, err := owner.Exec(t.Context(), fmt.Sprintf(`ALTER DATABASE %s OWNER TO %s`, name, login)); err != nil {
		t.Fatal(err)
	}
	if err := migrations.Up(t.Context(), u.String(), nil); err != nil {
		t.Errorf("as the owner: %v", err)
	}
}
