package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

func as(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// force puts a row into a state as the owner of the database may, by switching the rules off: tests need rows that no worker made.
func force(t *testing.T, owner *pgxpool.Pool, id int64, set string) {
	t.Helper()
	forceAll(t, owner, []int64{id}, set)
}

func forceAll(t *testing.T, owner *pgxpool.Pool, ids []int64, set string) {
	t.Helper()
	unruled(t, owner, `UPDATE chorus.invoices SET `+set+` WHERE id = ANY ($1)`, ids)
}

// unruled does as the owner what no rule would let pass.
func unruled(t *testing.T, owner *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	err := pgx.BeginFunc(t.Context(), owner, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `SET LOCAL session_replication_role = replica`); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), sql, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRefusedInserts(t *testing.T) {
	app := as(t, storetest.New(t).AppURL)
	insert := func(columns, values string, args ...any) error {
		_, err := app.Exec(t.Context(), `INSERT INTO chorus.invoices (`+columns+`) VALUES (`+values+`)`, args...)
		return err
	}
	if err := insert("external_ref, document", "'twice', 'x'"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name            string
		columns, values string
		args            []any
		state, says     string
	}{
		{"no document", "external_ref", "'a'", nil, "CH010", `"document"`},
		{"empty document", "document", "''", nil, "CH010", `"document"`},
		{"a byte more than 10 MB", "document", "$1", []any{bytes.Repeat([]byte("x"), invoice.MaxBytes+1)}, "CH011", `"document"`},
		{"unknown syntax", "document, syntaxe_flux", "'x', 'IN_DP_E9'", nil, "CH012", `"syntaxe_flux"`},
		{"unknown account", "document, account", "'x', 'nobody'", nil, "CH013", `"account"`},
		{"the same external_ref", "document, external_ref", "'y', 'twice'", nil, "23505", "invoices_external_ref_key"},
		{"an empty external_ref", "document, external_ref", "'y', ''", nil, "23514", "external_ref"},
		{"NUL in text", "document, external_ref", "'y', $1", []any{"a\x00b"}, "22021", ""},
		{"a state of one's own", "document, state", "'y', 'settled'", nil, "42501", ""},
		{"a flux number of one's own", "document, numero_flux_depot", "'y', 'CPP1'", nil, "42501", ""},
		{"cancelled from the start", "document, cancel_requested_at", "'y', now()", nil, "42501", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := insert(c.columns, c.values, c.args...)
			if got := store.SQLState(err); got != c.state {
				t.Fatalf("SQLSTATE %q, want %s: %v", got, c.state, err)
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v does not say %s", err, c.says)
			}
		})
	}
	var n int
	if err := app.QueryRow(t.Context(), `SELECT count(*) FROM chorus.invoice_status`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows, want the first one alone; %v", n, err)
	}
}

func TestRolledBackMeansNothingHappened(t *testing.T) {
	app := as(t, storetest.New(t).AppURL)
	oops := errors.New("oops")
	err := pgx.BeginFunc(t.Context(), app, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `INSERT INTO chorus.invoices (document) VALUES ('x')`); err != nil {
			return err
		}
		return oops
	})
	if !errors.Is(err, oops) {
		t.Fatal(err)
	}
	var rows, events int
	err = app.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM chorus.invoice_status), (SELECT count(*) FROM chorus.events)`).Scan(&rows, &events)
	if err != nil || rows+events != 0 {
		t.Errorf("%d rows, %d events, %v", rows, events, err)
	}
}

// Who may do what to a row that the portal holds: nobody may change it, take it away, move it illegally or rewrite its history.
func TestAttacks(t *testing.T) {
	db := storetest.New(t)
	owner, app, worker, operator, reader := as(t, db.URL), as(t, db.AppURL), as(t, db.WorkerURL), as(t, db.OperatorURL), as(t, db.ReaderURL)
	var id int64
	if err := app.QueryRow(t.Context(), `INSERT INTO chorus.invoices (document) VALUES ('x') RETURNING id`).Scan(&id); err != nil {
		t.Fatal(err)
	}
	force(t, owner, id, `state = 'deposited', numero_flux_depot = 'CPP1', attempt_no = 1`)
	for _, c := range []struct {
		who   *pgxpool.Pool
		name  string
		sql   string
		state string
	}{
		{app, "app changes the document", `UPDATE chorus.invoices SET document = 'y' WHERE id = $1`, "42501"},
		{app, "app sets a state", `UPDATE chorus.invoices SET state = 'settled' WHERE id = $1`, "42501"},
		{app, "app deletes", `DELETE FROM chorus.invoices WHERE id = $1`, "42501"},
		{app, "app reads documents", `SELECT document FROM chorus.invoices WHERE id = $1`, "42501"},
		{app, "app writes history", `INSERT INTO chorus.events (invoice_id, actor) VALUES ($1, 'me')`, "42501"},
		{app, "app reads attempts", `SELECT * FROM chorus.attempts WHERE invoice_id = $1`, "42501"},
		{app, "app cancels what was sent", `UPDATE chorus.invoices SET cancel_requested_at = now() WHERE id = $1`, "CH004"},
		{app, "app reads jobs", `SELECT * FROM river.river_job WHERE id = $1`, "42501"},
		{app, "app retries", `SELECT chorus.retry($1, 'x')`, "42501"},
		{worker, "worker changes the document", `UPDATE chorus.invoices SET document = 'y' WHERE id = $1`, "42501"},
		{worker, "worker goes back", `UPDATE chorus.invoices SET state = 'ready' WHERE id = $1`, "CH002"},
		{worker, "worker invents a state", `UPDATE chorus.invoices SET state = 'paid' WHERE id = $1`, "CH002"},
		{worker, "worker lowers the attempt", `UPDATE chorus.invoices SET attempt_no = 0 WHERE id = $1`, "CH001"},
		{worker, "worker deletes", `DELETE FROM chorus.invoices WHERE id = $1`, "42501"},
		{worker, "worker inserts", `INSERT INTO chorus.invoices (document) SELECT 'x' WHERE $1 > 0`, "42501"},
		{worker, "worker rewrites history", `UPDATE chorus.events SET actor = 'nobody' WHERE invoice_id = $1`, "42501"},
		{worker, "worker deletes attempts", `DELETE FROM chorus.attempts WHERE invoice_id = $1`, "42501"},
		{worker, "worker retries", `SELECT chorus.retry($1, 'x')`, "42501"},
		{operator, "operator sets a state", `UPDATE chorus.invoices SET state = 'settled' WHERE id = $1`, "42501"},
		{operator, "operator reads documents", `SELECT document FROM chorus.invoices WHERE id = $1`, "42501"},
		{operator, "operator retries what is deposited", `SELECT chorus.retry($1, 'because')`, "CH022"},
		{operator, "operator cancels what was sent", `SELECT chorus.cancel($1)`, "CH004"},
		{reader, "reader changes", `UPDATE chorus.invoices SET priority = 1 WHERE id = $1`, "42501"},
		{reader, "reader reads documents", `SELECT document FROM chorus.invoices WHERE id = $1`, "42501"},
		{reader, "reader cancels", `SELECT chorus.cancel($1)`, "42501"},
		{owner, "owner changes the document", `UPDATE chorus.invoices SET document = 'y' WHERE id = $1`, "CH001"},
		{owner, "owner changes the reference", `UPDATE chorus.invoices SET external_ref = 'y' WHERE id = $1`, "CH001"},
		{owner, "owner moves illegally", `UPDATE chorus.invoices SET state = 'received' WHERE id = $1`, "CH002"},
		{owner, "owner deletes", `DELETE FROM chorus.invoices WHERE id = $1`, "CH003"},
		{owner, "owner rewrites history", `UPDATE chorus.events SET actor = 'nobody' WHERE invoice_id = $1`, "CH003"},
		{owner, "owner deletes history", `DELETE FROM chorus.events WHERE invoice_id = $1`, "CH003"},
	} {
		_, err := c.who.Exec(t.Context(), c.sql, id)
		if got := store.SQLState(err); got != c.state {
			t.Errorf("%s: SQLSTATE %q, want %s: %v", c.name, got, c.state, err)
		}
	}
	for _, table := range []string{"invoices", "attempts", "events"} {
		_, err := owner.Exec(t.Context(), `TRUNCATE chorus.`+table+` CASCADE`)
		if got := store.SQLState(err); got != "CH003" {
			t.Errorf("truncate %s: %q %v", table, got, err)
		}
	}
	var state string
	var doc []byte
	if err := owner.QueryRow(t.Context(), `SELECT state, document FROM chorus.invoices WHERE id = $1`, id).Scan(&state, &doc); err != nil || state != "deposited" || string(doc) != "x" {
		t.Errorf("after all this the row is %s %q, %v", state, doc, err)
	}
}

func TestCancellation(t *testing.T) {
	db := storetest.New(t)
	owner, app := as(t, db.URL), as(t, db.AppURL)
	for state, want := range map[string]string{
		"received": "cancelled", "ready": "cancelled", "sending": "sending", "in_doubt": "in_doubt",
		"deposited": "CH004", "integrated": "CH004", "settled": "CH004", "rejected": "CH004", "invalid": "CH004", "parked": "CH004",
	} {
		var id int64
		if err := app.QueryRow(t.Context(), `INSERT INTO chorus.invoices (document) VALUES ('x') RETURNING id`).Scan(&id); err != nil {
			t.Fatal(err)
		}
		force(t, owner, id, `state = '`+state+`'`)
		_, err := app.Exec(t.Context(), `UPDATE chorus.invoices SET cancel_requested_at = now() WHERE id = $1`, id)
		got := store.SQLState(err)
		if err == nil {
			if err := app.QueryRow(t.Context(), `SELECT state FROM chorus.invoices WHERE id = $1`, id).Scan(&got); err != nil {
				t.Fatal(err)
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", state, got, want)
		}
	}
}

// Every pair of states, tried by the worker: what the table allows succeeds, writes one event, and everything else is refused. What is for people to decide
// the owner may move, as their functions do; and nothing is ready without a proof (TestNothingIsReadyWithoutAProof).
func TestEveryTransition(t *testing.T) {
	db := storetest.New(t)
	owner, worker := as(t, db.URL), as(t, db.WorkerURL)
	allowed := map[string]bool{}
	rows, err := worker.Query(t.Context(), `SELECT from_state || '>' || to_state FROM chorus.transitions`)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range list {
		allowed[pair] = true
	}
	var id int64
	if err := owner.QueryRow(t.Context(), `INSERT INTO chorus.invoices (document) VALUES ('x') RETURNING id`).Scan(&id); err != nil {
		t.Fatal(err)
	}
	for _, from := range store.States {
		for _, to := range store.States {
			if from == to {
				continue
			}
			force(t, owner, id, `state = '`+string(from)+`', attempt_no = 0`)
			before := events(t, worker, id)
			pair := fmt.Sprintf("%s>%s", from, to)
			move := func(pool *pgxpool.Pool) error {
				_, err := pool.Exec(t.Context(), `UPDATE chorus.invoices SET state = $2, attempt_no = attempt_no + ($2 = 'sending')::int WHERE id = $1`, id, to)
				return err
			}
			err := move(worker)
			switch people := from == store.Parked || from == store.Invalid || pair == "rejected>in_doubt"; {
			case !allowed[pair] || people:
				if store.SQLState(err) != "CH002" {
					t.Errorf("%s was not refused: %v", pair, err)
				}
				if !allowed[pair] {
					continue
				}
				err = move(owner)
			case to == store.Ready && from != store.Received:
				if store.SQLState(err) != "CH005" {
					t.Errorf("%s without a proof: %v", pair, err)
				}
				continue
			}
			if err != nil || events(t, worker, id) != before+1 {
				t.Errorf("%s left %d events: %v", pair, events(t, worker, id)-before, err)
			}
		}
	}
}

func events(t *testing.T, pool *pgxpool.Pool, id int64) (n int) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM chorus.events WHERE invoice_id = $1`, id).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A consumer that remembers the last seq it read never misses an event whose transaction commits late.
func TestSeqNeverSkipsALateCommit(t *testing.T) {
	db := storetest.New(t)
	app, st := as(t, db.AppURL), store.New(db.Pool)
	late, err := app.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = late.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := late.Exec(t.Context(), `INSERT INTO chorus.invoices (external_ref, document) VALUES ('late', 'x')`); err != nil {
		t.Fatal(err)
	}
	if _, err := app.Exec(t.Context(), `INSERT INTO chorus.invoices (external_ref, document) VALUES ('early', 'x')`); err != nil {
		t.Fatal(err)
	}
	read := func(after int64) (last int64, n int) {
		if _, err := st.Announce(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := app.QueryRow(t.Context(), `SELECT coalesce(max(seq), 0), count(*) FROM chorus.events WHERE seq > $1`, after).Scan(&last, &n); err != nil {
			t.Fatal(err)
		}
		return last, n
	}
	last, n := read(0)
	if n != 1 {
		t.Fatalf("%d events before the late commit, want 1", n)
	}
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, n = read(last); n != 1 {
		t.Errorf("%d events after the late commit, want 1", n)
	}
}

func TestWakeUpDoesNotQueueCommits(t *testing.T) {
	db := storetest.New(t)
	app := as(t, db.AppURL)
	holder, err := app.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Rollback(context.WithoutCancel(t.Context())) }()
	// One open transaction holds the wake-up; another one must insert and commit without waiting for it.
	if _, err := holder.Exec(t.Context(), `INSERT INTO chorus.invoices (document) VALUES ('x')`); err != nil {
		t.Fatal(err)
	}
	if _, err := app.Exec(t.Context(), `SET statement_timeout = '2s'; INSERT INTO chorus.invoices (document) VALUES ('x')`); err != nil {
		var pgErr *pgconn.PgError
		if errors.As(err, &pgErr) {
			t.Fatalf("the second insert waited: %s", pgErr.Message)
		}
		t.Fatal(err)
	}
}

// A fleet that is started on a new database: all of its processes find it theirs.
func TestManyMarkAtOnce(t *testing.T) {
	db := storetest.New(t)
	st := store.New(as(t, db.WorkerURL))
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for k := range errs {
		wg.Go(func() { errs[k] = st.Mark(t.Context(), "sandbox") })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if err := st.Mark(t.Context(), "production"); !errors.Is(err, store.ErrEnvironment) {
		t.Errorf("the other environment: %v", err)
	}
}
