package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// with is an address with one more parameter.
func with(t testing.TB, address, name, value string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

func connect(t testing.TB, address string, conns int) *pgxpool.Pool {
	t.Helper()
	pool, err := store.Connect(t.Context(), address, "élodie's", conns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// wanted are some of the settings that every session of ours must have, and the actor.
var wanted = map[string]string{
	"synchronous_commit": "on", "default_transaction_isolation": "read committed", "transaction_isolation": "read committed",
	"client_encoding": "UTF8", "DateStyle": "ISO, MDY", "standard_conforming_strings": "on", "bytea_output": "hex",
	"TimeZone": "UTC", "lock_timeout": "7s", "statement_timeout": "15s", "chorus.actor": "élodie's",
	"search_path": "pg_catalog, pg_temp", "exit_on_error": "off",
}

func check(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	for name, want := range wanted {
		var got string
		if err := pool.QueryRow(t.Context(), `SELECT current_setting($1)`, name).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q instead of %q, %v", name, got, want, err)
		}
	}
}

// Whatever the database and the address set, a session of ours has our settings.
func TestSessionSettings(t *testing.T) {
	db := storetest.New(t)
	owner := as(t, db.URL)
	var name string
	if err := owner.QueryRow(t.Context(), `SELECT current_database()`).Scan(&name); err != nil {
		t.Fatal(err)
	}
	for setting, value := range map[string]string{
		"synchronous_commit": "off", "default_transaction_isolation": "serializable", "default_transaction_deferrable": "on", "client_encoding": "LATIN1",
		"DateStyle": "German", "IntervalStyle": "iso_8601", "standard_conforming_strings": "off", "bytea_output": "escape", "extra_float_digits": "-15",
		"TimeZone": "Asia/Tokyo", "lock_timeout": "1", "statement_timeout": "1", "idle_in_transaction_session_timeout": "1", "search_path": "nowhere",
		"array_nulls": "off", "transform_null_equals": "on", "jit": "on", "plan_cache_mode": "force_generic_plan", "row_security": "off",
	} {
		if _, err := owner.Exec(t.Context(), fmt.Sprintf(`ALTER DATABASE %s SET %s = '%s'`, name, setting, value)); err != nil {
			t.Fatal(err)
		}
	}
	check(t, connect(t, db.WorkerURL, 2))
	check(t, connect(t, with(t, with(t, db.WorkerURL, "synchronous_commit", "off"), "timezone", "Asia/Tokyo"), 2))
}

// Functions and types of another schema, which a role's search path puts before PostgreSQL's own, as some extensions ask for, change nothing that ours says.
func TestAnotherSearchPath(t *testing.T) {
	db := storetest.New(t)
	owner := as(t, db.URL)
	for _, statement := range []string{
		`CREATE SCHEMA evil`, `GRANT USAGE ON SCHEMA evil TO PUBLIC`,
		`CREATE TYPE evil.text AS ENUM ('nothing')`,
		`CREATE FUNCTION evil.left(pg_catalog.text, int) RETURNS pg_catalog.text LANGUAGE sql AS $$ SELECT 'nothing'::pg_catalog.text $$`,
		`CREATE FUNCTION evil.starts_with(pg_catalog.text, pg_catalog.text) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$`,
		`CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT timestamptz '2001-01-01' $$`,
		`CREATE FUNCTION evil.pg_backend_pid() RETURNS int LANGUAGE sql AS $$ SELECT 0 $$`,
		`CREATE FUNCTION evil.bool_and(boolean) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$`,
		`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = evil, pg_catalog', current_database()); END $$`,
	} {
		if _, err := owner.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	addresses := []string{db.WorkerURL, with(t, db.WorkerURL, "search_path", "evil,pg_catalog")}
	if through, ok := storetest.PgBouncer(t, db.WorkerURL, "session"); ok {
		addresses = append(addresses, through)
	}
	for _, address := range addresses {
		pool := connect(t, address, 2)
		check(t, pool)
		var word string
		var late bool
		if err := pool.QueryRow(t.Context(), `SELECT left('abc', 1), clock_timestamp() > '2002-01-01'`).Scan(&word, &late); err != nil || word != "a" || !late {
			t.Errorf("another schema's functions are asked: %q, %v, %v", word, late, err)
		}
	}
}

// default_query_exec_mode in the address changes nothing: our statements need the types that preparing tells.
func TestExecModes(t *testing.T) {
	db := storetest.New(t)
	for _, mode := range []string{"simple_protocol", "exec", "describe_exec", "cache_describe", "cache_statement"} {
		pool := connect(t, with(t, with(t, db.WorkerURL, "default_query_exec_mode", mode), "statement_cache_capacity", "0"), 2)
		if got := pool.Config().ConnConfig.DefaultQueryExecMode; got != pgx.QueryExecModeCacheStatement {
			t.Errorf("%s: statements are sent by %s", mode, got)
		}
		check(t, pool)
	}
	if _, err := store.Connect(t.Context(), with(t, db.WorkerURL, "default_query_exec_mode", "guess"), "", 1); code(err) != "DATABASE_ADDRESS" {
		t.Errorf("an unknown mode: %v", err)
	}
}

// code is what a fault says, for programs.
func code(err error) string {
	var f *store.Fault
	if !errors.As(err, &f) {
		return ""
	}
	return f.Code
}

// Through PgBouncer in session mode everything holds, on each connection, though it lends server sessions that others have used.
func TestPgBouncerInSessionMode(t *testing.T) {
	db := storetest.New(t)
	through, ok := storetest.PgBouncer(t, db.WorkerURL, "session")
	if !ok {
		t.Log("PgBouncer is not installed: only the direct way is tried")
		through = db.WorkerURL
	}
	for range 3 {
		pool, err := store.Connect(t.Context(), through, "élodie's", 5)
		if err != nil {
			t.Fatal(err)
		}
		var held []*pgxpool.Conn
		for range 5 {
			conn, err := pool.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, conn)
			if _, err := conn.Exec(t.Context(), `LISTEN chorus_wake`); err != nil {
				t.Error(err)
			}
		}
		for _, conn := range held {
			conn.Release()
		}
		check(t, pool)
		pool.Close()
	}
}

// In the other modes each connection is refused, whatever other clients do meanwhile.
func TestPgBouncerInOtherModes(t *testing.T) {
	db := storetest.New(t)
	for _, mode := range []string{"transaction", "statement"} {
		for _, more := range [][]string{nil, {"server_round_robin = 1"}, {"default_pool_size = 1"}, {"ignore_startup_parameters = extra_float_digits,options", "min_pool_size = 5"}} {
			through, ok := storetest.PgBouncer(t, db.WorkerURL, mode, more...)
			if !ok {
				t.Log("PgBouncer is not installed")
				return
			}
			ctx, cancel := context.WithCancel(t.Context())
			for range 2 { // other clients
				go func() {
					conn, err := pgx.Connect(ctx, with(t, through, "default_query_exec_mode", "exec"))
					if err != nil {
						return
					}
					defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
					for ctx.Err() == nil {
						_, _ = conn.Exec(ctx, `SELECT pg_sleep(0.01)`)
					}
				}()
			}
			for range 3 {
				pool := connect(t, through, 2)
				if err := pool.Ping(t.Context()); code(err) != "DATABASE_POOL_MODE" {
					t.Errorf("%s %v: %v", mode, more, err)
				}
			}
			cancel()
		}
	}
}

// A pooler that has no server session left for a client says nothing to it: that is said in our words, in time.
func TestPgBouncerWithoutRoom(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	through, ok := storetest.PgBouncer(t, db.WorkerURL, "session", "default_pool_size = 1")
	if !ok {
		t.Log("PgBouncer is not installed")
		return
	}
	pool := connect(t, through, 2)
	first, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer first.Release()
	if err := pool.Ping(t.Context()); code(err) != "DATABASE_SILENT" {
		t.Errorf("the second connection: %v", err)
	}
}

// The address's own pool settings do not hold: how many connections we need is ours to say.
func TestPoolSettingsOfTheAddress(t *testing.T) {
	db := storetest.New(t)
	pool := connect(t, with(t, with(t, db.WorkerURL, "pool_min_conns", "50"), "pool_max_conns", "90"), 2)
	check(t, pool)
	if c := pool.Config(); c.MaxConns != 2 || c.MinConns != 0 {
		t.Errorf("%d to %d connections", c.MinConns, c.MaxConns)
	}
}
