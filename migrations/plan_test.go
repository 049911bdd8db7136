package migrations_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store/storetest"
)

// steps are statements of every kind that a step may hold, and the lock that PostgreSQL takes is compared with the one that the plan announced.
var steps = []string{
	`ALTER TABLE chorus.events ADD COLUMN more text`,
	`ALTER TABLE chorus.invoices SET (fillfactor = 90)`,
	`ALTER TABLE chorus.heartbeats ENABLE ROW LEVEL SECURITY`,
	`ALTER TABLE chorus.attempts ADD CONSTRAINT more FOREIGN KEY (worker) REFERENCES chorus.heartbeats (worker) NOT VALID`,
	`CREATE INDEX more_at ON chorus.events (at)`,
	`CREATE UNIQUE INDEX IF NOT EXISTS more_id ON chorus.invoices (id) WHERE id > 0`,
	`CREATE TABLE chorus.more (invoice_id bigint REFERENCES chorus.invoices, account text REFERENCES chorus.accounts (name))`,
	`CREATE TRIGGER more BEFORE UPDATE OF state ON chorus.invoices FOR EACH ROW WHEN (NEW.state = 'x') EXECUTE FUNCTION chorus.refuse()`,
	`CREATE POLICY more ON chorus.attempts USING (true)`,
	`DROP TRIGGER invoices_wake ON chorus.invoices`,
	`DROP INDEX chorus.events_unusual`,
	`INSERT INTO chorus.accounts (name) VALUES ('more')`,
	`UPDATE chorus.accounts SET paused_at = NULL`,
	`DELETE FROM chorus.heartbeats WHERE worker = 'x'`,
	`CREATE OR REPLACE FUNCTION chorus.more() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
	`GRANT SELECT ON chorus.heartbeats TO chorus_reader`,
	`COMMENT ON TABLE chorus.events IS 'more'`,
	`CREATE VIEW chorus.more_events AS SELECT id FROM chorus.events`,
}

// modes are PostgreSQL's own names of the locks, the weakest first.
var modes = []string{"RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock", "AccessExclusiveLock"}

func TestThePlanAnnouncesEveryLock(t *testing.T) {
	db := storetest.New(t)
	conn, err := pgx.Connect(t.Context(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	before := tables(t, conn)
	for _, step := range append(slices.Clone(steps), strings.Join(steps, ";\n-- a comment; with a semicolon\n")) {
		name := strings.SplitN(step, "\n", 2)[0]
		restore := migrations.OneMoreStep(step + ";\n-- +goose Down\nDROP TABLE chorus.events;\n")
		plan, err := migrations.Plan(t.Context(), db.URL)
		restore()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		announced := map[string]int{}
		for _, p := range plan {
			if p.Version != 99 || p.Step != "00099_more.sql" || p.Statement == "" || strings.Contains(p.Statement, "DROP TABLE") {
				t.Errorf("%s: planned %+v", name, p)
			}
			if p.Lock == migrations.LockUnknown {
				t.Errorf("%s: the lock is not known", name)
			}
			if p.Lock != "" {
				object := p.Object
				if object == "chorus.events_unusual" {
					object = "chorus.events"
				}
				announced[object] = max(announced[object], 1+slices.Index(migrations.Locks, p.Lock))
			}
		}
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), step, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rows, err := tx.Query(t.Context(), `
			SELECT n.nspname || '.' || c.relname, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE l.pid = pg_backend_pid() AND n.nspname = 'chorus' AND c.relkind IN ('r', 'p') AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')`)
		if err != nil {
			t.Fatal(err)
		}
		var table, mode string
		taken := map[string]int{}
		if _, err := pgx.ForEachRow(rows, []any{&table, &mode}, func() error {
			if table == "chorus.events_first" {
				table = "chorus.events" // what locks the whole locks its parts
			}
			if before[table] {
				taken[table] = max(taken[table], 1+slices.Index(modes, mode))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		_ = tx.Rollback(t.Context())
		for table, lock := range taken {
			if table != "chorus.tallies" && announced[table] < lock {
				t.Errorf("%s: PostgreSQL locks %s by %s, announced is %q", name, table, modes[lock-1], append([]migrations.Lock{""}, migrations.Locks...)[announced[table]])
			}
		}
		for table, lock := range announced {
			if taken[table] < lock {
				t.Errorf("%s: announced is %s on %s, and PostgreSQL takes less", name, migrations.Locks[lock-1], table)
			}
		}
	}
}

func tables(t *testing.T, conn *pgx.Conn) map[string]bool {
	t.Helper()
	rows, err := conn.Query(t.Context(), `SELECT 'chorus.' || relname FROM pg_class WHERE relnamespace = 'chorus'::regnamespace AND relkind IN ('r', 'p')`)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, n := range names {
		all[n] = true
	}
	return all
}

// Every statement of our own steps is one that the plan can judge.
func TestThePlanKnowsOurSteps(t *testing.T) {
	plan, err := migrations.Plan(t.Context(), empty(t))
	if err != nil {
		t.Fatal(err)
	}
	versions := map[int64]int{}
	for _, p := range plan {
		versions[p.Version]++
		if p.Lock != "" && !strings.HasPrefix(p.Statement, "DO $$ DECLARE r text; BEGIN FOREACH r IN ARRAY ARRAY['chorus_app'") {
			t.Errorf("%s: %s on %s by %q, in a database that has nothing", p.Step, p.Lock, p.Object, p.Statement)
		}
	}
	if len(versions) < 15 || versions[2] != 1 || versions[4] < 20 {
		t.Errorf("planned by step: %v", versions)
	}
}
