package migrations_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/store/storetest"
)

// TestRights holds rights.txt to what each role may really do, by whatever way it came to it: a new GRANT shows here.
// After a change that is meant: go test ./migrations -run TestRights -update
func TestRights(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), storetest.New(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	// A login without any role stands for PUBLIC.
	public := conn.Config().Database + "_public"
	if _, err := conn.Exec(t.Context(), `CREATE ROLE `+public); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if _, err := conn.Exec(context.WithoutCancel(t.Context()), `DROP ROLE `+public); err != nil {
			t.Error(err)
		}
	}()
	rows, err := conn.Query(t.Context(), `
		WITH who AS (
		    SELECT * FROM unnest(ARRAY['chorus_app', 'chorus_operator', 'chorus_reader', 'chorus_worker', $1]) WITH ORDINALITY r (role, place)
		), tables AS (
		    SELECT c.oid, nspname || '.' || relname AS name, relkind FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname IN ('chorus', 'river') AND relkind IN ('r', 'v', 'm', 'p', 'S')
		), rights AS (
		    SELECT place, role, 0 AS kind, 'schema ' || n AS object, p AS privilege FROM who, unnest(ARRAY['chorus', 'river', 'public']) n, unnest(ARRAY['USAGE', 'CREATE']) p
		    WHERE has_schema_privilege(role, n, p) AND (n, p) <> ('public', 'USAGE') AND (n, p, current_setting('server_version_num')::int < 150000) <> ('public', 'CREATE', true)
		    UNION ALL
		    SELECT place, role, 1, name, p FROM who, tables, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p
		    WHERE relkind <> 'S' AND has_table_privilege(role, oid, p)
		    UNION ALL
		    SELECT place, role, 2, name || ' (' || attname || ')', p FROM who, tables JOIN pg_attribute a ON attrelid = oid AND attnum > 0 AND NOT attisdropped, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) p
		    WHERE relkind <> 'S' AND has_column_privilege(role, oid, attnum, p) AND NOT has_table_privilege(role, oid, p)
		    UNION ALL
		    SELECT place, role, 3, 'sequence ' || name, p FROM who, tables, unnest(ARRAY['SELECT', 'USAGE', 'UPDATE']) p WHERE relkind = 'S' AND has_sequence_privilege(role, oid, p)
		    UNION ALL
		    SELECT place, role, 4, f.oid::regprocedure::text, 'EXECUTE' FROM who, pg_proc f WHERE f.pronamespace = 'chorus'::regnamespace AND has_function_privilege(role, f.oid, 'EXECUTE')
		)
		SELECT CASE role WHEN $1 THEN 'PUBLIC' ELSE role END || ' ' || object || ': ' || string_agg(privilege, ', ' ORDER BY privilege)
		FROM rights
		GROUP BY place, role, kind, object
		ORDER BY place, kind, object COLLATE "C"`, public)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("rights.txt", []byte(strings.Join(got, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile("rights.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(file)), "\n")
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("too much: %s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("missing: %s", line)
		}
	}
}

// TestViewsAreBarriers: a view reads as its owner, whom no rule of rows holds, so that a condition of whoever asks may not be tried on a row before the view's own are.
func TestViewsAreBarriers(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), storetest.New(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	rows, err := conn.Query(t.Context(), `
		SELECT relname, coalesce('security_barrier=true' = ANY (reloptions), false)
		FROM pg_class
		WHERE relnamespace = 'chorus'::regnamespace AND relkind = 'v'`)
	if err != nil {
		t.Fatal(err)
	}
	var view string
	var barrier bool
	tag, err := pgx.ForEachRow(rows, []any{&view, &barrier}, func() error {
		if !barrier {
			t.Errorf("chorus.%s is no security_barrier: whoever may read it hears of every account's rows from the errors of his conditions", view)
		}
		return nil
	})
	if err != nil || tag.RowsAffected() < 5 {
		t.Errorf("%d views, %v", tag.RowsAffected(), err)
	}
}

// TestRowsOfAccountsHaveRules: every table that an application, an operator or a reader can read has rules of rows, unless it belongs to no account.
func TestRowsOfAccountsHaveRules(t *testing.T) {
	shared := []string{
		"states", "transitions", "statuts", "finding_codes", "answers", "ecb_rates", // words and figures of the world
		"budgets", "slots", "tokens", "secrets", "breakers", "maintenance", "installation", "heartbeats", "annuaire", "chain", "archives", // the fleet's
		"saved_views",      // everybody's, and no rows of anybody
		"goose_db_version", // the schema's
	}
	conn, err := pgx.Connect(t.Context(), storetest.New(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	rows, err := conn.Query(t.Context(), `
		SELECT relname
		FROM pg_class c
		WHERE relnamespace = 'chorus'::regnamespace AND relkind IN ('r', 'p')
		  AND EXISTS (SELECT FROM unnest(ARRAY['chorus_app', 'chorus_operator', 'chorus_reader']) r WHERE has_any_column_privilege(r, c.oid, 'SELECT'))
		  AND NOT (relrowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'mine')
		           -- What the worker may touch at all it sees without a condition.
		           AND (NOT has_any_column_privilege('chorus_worker', c.oid, 'SELECT')
		                OR EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'worker' AND pg_get_expr(p.polqual, p.polrelid) = 'true')))
		ORDER BY relname`)
	if err != nil {
		t.Fatal(err)
	}
	open, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range open {
		if !slices.Contains(shared, table) {
			t.Errorf("chorus.%s has no rules of rows (migrations/00012_rows.sql), or belongs among the shared ones", table)
		}
	}
}
