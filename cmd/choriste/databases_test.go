package main

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// oddDatabase is one that is not what it seems: work, migrate and doctor say the same of it, in one line, and change nothing.
type oddDatabase struct {
	name, code string
	but        string // the command that does not refuse it
	// address makes it and returns the way in; the owner's is used for migrate, and is the same where it is "".
	address func(*clinic) (worker, owner string)
}

// edited is an address with something changed.
func edited(address string, change func(*url.URL)) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	change(u)
	return u.String()
}

func parameters(address string, pairs ...string) string {
	return edited(address, func(u *url.URL) {
		q := u.Query()
		for i := 0; i < len(pairs); i += 2 {
			q.Set(pairs[i], pairs[i+1])
		}
		u.RawQuery = q.Encode()
	})
}

func inDatabase(address, database string) string {
	return edited(address, func(u *url.URL) { u.Path = "/" + database })
}

// changed is a migrated database in which the owner has done something.
func changed(statement string) func(*clinic) (string, string) {
	return func(c *clinic) (string, string) {
		c.exec(`DO $do$ BEGIN EXECUTE format($$` + statement + `$$, current_database()); END $do$`)
		return c.db.WorkerURL, c.db.URL
	}
}

// made is an empty database.
func made(options string, statements ...string) func(*clinic) (string, string) {
	return func(c *clinic) (string, string) {
		c.exec(`SELECT 1`) // a database of its own, whose name is taken
		owner := admin(c, c.db.URL)
		name := owner.Config().ConnConfig.Database + "_other"
		if _, err := owner.Exec(c.Context(), `CREATE DATABASE `+name+` `+options); err != nil {
			c.Fatal(err)
		}
		c.Cleanup(func() {
			owner := admin(c, c.db.URL)
			_, _ = owner.Exec(context.WithoutCancel(c.Context()), `DROP DATABASE `+name+` WITH (FORCE)`)
		})
		other := admin(c, inDatabase(c.db.URL, name))
		for _, s := range statements {
			if _, err := other.Exec(c.Context(), s); err != nil {
				c.Fatal(err)
			}
		}
		return inDatabase(c.db.WorkerURL, name), inDatabase(c.db.URL, name)
	}
}

func admin(c *clinic, address string) *pgxpool.Pool {
	pool, err := pgxpool.New(context.WithoutCancel(c.Context()), address)
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(pool.Close)
	return pool
}

// the is the address of a healthy database, with something changed.
func the(change func(address string) string) func(*clinic) (string, string) {
	return func(c *clinic) (string, string) { return change(c.db.WorkerURL), "" }
}

func behindPgBouncer(mode string, parameters ...string) func(*clinic) (string, string) {
	return func(c *clinic) (string, string) {
		through, ok := storetest.PgBouncer(c, c.db.WorkerURL, mode)
		if !ok {
			c.Log("PgBouncer is not installed")
			return "", ""
		}
		return parametersOf(through, parameters), ""
	}
}

func parametersOf(address string, pairs []string) string { return parameters(address, pairs...) }

var databases = []oddDatabase{
	{name: "LATIN1", code: "DATABASE_ENCODING", address: made(`ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`)},
	{name: "SQL_ASCII", code: "DATABASE_ENCODING", address: made(`ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0`)},
	{name: "ordered by another library", code: "DATABASE_COLLATION", address: made(`TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'und' LOCALE 'C'`,
		`UPDATE pg_database SET datcollversion = '1' WHERE datname = current_database()`)},
	{name: "read-only by default", code: "DATABASE_READONLY", address: changed(`ALTER DATABASE %I SET default_transaction_read_only = on`)},
	{name: "read-only by the address", code: "DATABASE_READONLY", address: the(func(a string) string { return parameters(a, "default_transaction_read_only", "on") })},
	{name: "triggers off", code: "DATABASE_TRIGGERS", address: changed(`ALTER DATABASE %I SET session_replication_role = replica`)},
	{name: "somebody else's chorus", code: "SCHEMA_FOREIGN", address: made(``, `CREATE SCHEMA chorus`, `CREATE TABLE chorus.invoices (id int)`)},
	{name: "somebody else's function", code: "SCHEMA_FOREIGN", address: made(``, `CREATE SCHEMA chorus`,
		`CREATE FUNCTION chorus.actor() RETURNS text LANGUAGE sql AS $$ SELECT 'me' $$`)},
	{name: "somebody else's type", code: "SCHEMA_FOREIGN", address: made(``, `CREATE SCHEMA chorus`, `CREATE TYPE chorus.state AS ENUM ('open')`)},
	{name: "somebody else's chorus, by goose", code: "SCHEMA_FOREIGN", address: made(``, `CREATE SCHEMA chorus`,
		`CREATE TABLE chorus.goose_db_version (version_id bigint, is_applied boolean)`, `INSERT INTO chorus.goose_db_version VALUES (11, true)`)},
	{name: "triggers left off by a restore", code: "SCHEMA_TORN", address: changed(`ALTER TABLE chorus.invoices DISABLE TRIGGER ALL -- %I`)},
	{name: "without a trigger", code: "SCHEMA_TORN", address: changed(`DROP TRIGGER invoices_proof ON chorus.invoices -- %I`)},
	{name: "without an index", code: "SCHEMA_TORN", address: changed(`DROP INDEX chorus.invoices_business_key -- %I`)},
	{name: "without a constraint", code: "SCHEMA_TORN", address: changed(`ALTER TABLE chorus.attempts DROP CONSTRAINT attempts_invoice_id_n_key -- %I`)},
	{name: "without the right to use it", code: "RIGHTS_MISSING", address: changed(`REVOKE USAGE ON SCHEMA chorus FROM chorus_worker, chorus_operator, chorus_reader -- %I`)},
	{name: "without row-level security", code: "SCHEMA_TORN", address: changed(`ALTER TABLE chorus.invoices DISABLE ROW LEVEL SECURITY -- %I`)},
	{name: "without a right to a table", code: "RIGHTS_MISSING", address: changed(`REVOKE UPDATE ON chorus.attempts FROM chorus_worker -- %I`)},
	{name: "without a right to a column", code: "RIGHTS_MISSING", address: changed(`REVOKE UPDATE (claim) ON chorus.invoices FROM chorus_worker -- %I`)},
	{name: "without a right to a function", code: "RIGHTS_MISSING", address: changed(`REVOKE EXECUTE ON FUNCTION chorus.reserve(text, integer, integer) FROM chorus_worker -- %I`)},
	{name: "without a right to River", code: "RIGHTS_MISSING", address: changed(`REVOKE USAGE ON SEQUENCE river.river_job_id_seq FROM chorus_worker -- %I`)},
	{name: "somebody else's river", code: "RIVER_FOREIGN", address: func(c *clinic) (string, string) {
		worker, owner := made(``, `CREATE SCHEMA river`)(c)
		m, err := rivermigrate.New(riverpgxv5.New(admin(c, owner)), &rivermigrate.Config{Schema: "river"})
		if err != nil {
			c.Fatal(err)
		}
		if _, err := m.Migrate(c.Context(), rivermigrate.DirectionUp, nil); err != nil {
			c.Fatal(err)
		}
		return worker, owner
	}},
	{name: "no River", code: "RIVER_MISSING", but: "migrate", address: changed(`DROP SCHEMA river CASCADE -- %I`)},
	{name: "River moved on", code: "RIVER_VERSION", but: "migrate", address: changed(`INSERT INTO river.river_migration (line, version) VALUES ('main', 99) -- %I`)},
	{name: "a copy by logical replication", code: "SEQUENCE_BEHIND", address: changed(`SELECT set_config('session_replication_role', 'replica', true); INSERT INTO chorus.events (id, actor) OVERRIDING SYSTEM VALUE VALUES (1000000, 'copy') -- %I`)},
	{name: "a newer schema", code: "MIGRATION_NEWER", address: changed(`INSERT INTO chorus.goose_db_version (version_id, is_applied) VALUES (999, true) -- %I`)},
	{name: "no schema", code: "MIGRATION_PENDING", but: "migrate", address: made(``)},
	{name: "an application's login", code: "DATABASE_ROLE", but: "migrate", address: func(c *clinic) (string, string) { return c.db.AppURL, c.db.URL }},

	{name: "no server", code: "DATABASE_UNREACHABLE", address: the(func(a string) string { return edited(a, func(u *url.URL) { u.Host = "127.0.0.1:1" }) })},
	{name: "no such host", code: "DATABASE_UNREACHABLE", address: the(func(a string) string { return edited(a, func(u *url.URL) { u.Host = "postgres.invalid:5432" }) })},
	{name: "no such database", code: "DATABASE_MISSING", address: the(func(a string) string { return inDatabase(a, "choriste_nowhere") })},
	{name: "a template", code: "DATABASE_CLOSED", address: the(func(a string) string { return inDatabase(a, "template0") })},
	{name: "a wrong password", code: "DATABASE_LOGIN", address: the(func(a string) string {
		return edited(a, func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "wrong") })
	})},
	{name: "no right to connect", code: "DATABASE_CONNECT", address: func(c *clinic) (string, string) {
		changed(`REVOKE CONNECT ON DATABASE %I FROM PUBLIC`)(c)
		return c.db.WorkerURL, ""
	}},
	{name: "the database is full", code: "DATABASE_LIMIT", address: func(c *clinic) (string, string) {
		changed(`ALTER DATABASE %I CONNECTION LIMIT 0`)(c)
		return c.db.WorkerURL, ""
	}},
	{name: "the role is full", code: "DATABASE_ROLE_FULL", address: func(c *clinic) (string, string) {
		return c.login(`CONNECTION LIMIT 0 IN ROLE chorus_worker`, nil), ""
	}},
	{name: "TLS wanted and not there", code: "DATABASE_TLS_REFUSED", address: the(func(a string) string { return parameters(a, "sslmode", "require") })},
	{name: "a standby wanted", code: "DATABASE_STANDBY_WANTED", address: the(func(a string) string { return parameters(a, "target_session_attrs", "standby") })},

	{name: "PgBouncer in transaction mode", code: "DATABASE_POOL_MODE", address: behindPgBouncer("transaction")},
	{name: "PgBouncer in statement mode", code: "DATABASE_POOL_MODE", address: behindPgBouncer("statement")},
	{name: "PgBouncer and a parameter", code: "DATABASE_PARAMETER", address: behindPgBouncer("session", "geqo", "on")},
}

func TestDatabases(t *testing.T) {
	db := storetest.New(t)
	for _, s := range databases {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			refusedAlike(newClinic(t, db, nil), s)
		})
	}
}

// refusedAlike tries the three commands.
func refusedAlike(c *clinic, s oddDatabase) {
	c.Helper()
	worker, owner := s.address(c)
	if worker == "" {
		return
	}
	if owner == "" {
		owner = worker
	}
	before := shape(c, owner)
	for _, command := range []string{"work", "migrate", "doctor", "list"} {
		if command == s.but || command == "list" && (s.code == "DATABASE_ROLE" || s.code == "RIVER_VERSION" || s.code == "SEQUENCE_BEHIND") {
			continue
		}
		exit, said := c.command(command, map[bool]string{true: owner, false: worker}[command == "migrate"])
		if command == "doctor" {
			if want := exitOf(store.Faults[s.code].Layer); exit != want || !strings.HasSuffix(said, "choriste: the set-up is broken: "+s.code+"\n") {
				c.Errorf("doctor: exit status %d instead of %d\n%s", exit, want, said)
			}
			continue
		}
		if !store.NewFault(s.code).Passes() && strings.Contains(said, "waiting for PostgreSQL") {
			c.Errorf("%s waits for what waiting does not mend:\n%s", command, said)
		}
		t := store.Faults[s.code].English
		means := regexp.MustCompile(`%.`).Split(t.Means, -1)
		var lines []string
		for line := range strings.Lines(said) {
			if strings.HasPrefix(line, "choriste: ") {
				lines = append(lines, line)
			}
		}
		if exit != 1 || len(lines) != 1 || !strings.HasPrefix(lines[0], "choriste: "+means[0]) || !strings.HasSuffix(lines[0], t.Next+"\n") {
			c.Errorf("%s: exit status %d\n%s", command, exit, said)
		}
	}
	if after := shape(c, owner); after != before {
		c.Errorf("something was changed:\n%s\n%s", before, after)
	}
}

// command runs one with the clinic's settings and another address.
func (c *clinic) command(command, address string) (exit int, said string) {
	c.Helper()
	c.secret("DATABASE_URL", address)
	env := map[string]string{"CHORISTE_LISTEN": "127.0.0.1:0", "CHORISTE_DATABASE_WAIT": "1s"}
	ctx, cancel := context.WithTimeout(c.Context(), time.Minute)
	defer cancel()
	var out, errOut bytes.Buffer
	began := time.Now()
	exit = run(ctx, strings.Fields(command), func(name string) string {
		if v, ok := env[name]; ok {
			return v
		}
		return c.env[name]
	}, &out, &errOut)
	if took := time.Since(began); took > 40*time.Second {
		c.Errorf("%s took %s", command, took)
	}
	return exit, out.String() + errOut.String()
}

// shape is what a database holds, "" when it does not let its owner in.
func shape(c *clinic, address string) string {
	conn, err := pgx.Connect(c.Context(), address)
	if err != nil {
		return ""
	}
	defer func() { _ = conn.Close(c.Context()) }()
	var text string
	err = conn.QueryRow(c.Context(), `
		SELECT coalesce(string_agg(n.nspname || '.' || relname, ' ' ORDER BY nspname, relname), '') || (SELECT string_agg(nspname, ' ' ORDER BY nspname) FROM pg_namespace)
		FROM pg_class
		JOIN pg_namespace n ON n.oid = relnamespace
		WHERE n.nspname IN ('chorus', 'river')`).Scan(&text)
	if err != nil {
		return ""
	}
	return text
}

// Every fault of the database is some test's, and says what the others do.
func TestEveryFaultIsMet(t *testing.T) {
	met := []string{"RIGHTS_OF_OTHERS", "DATABASE_LOCKED", "DATABASE_ADDRESS", "DATABASE_ANSWER", "DATABASE_SILENT", "DATABASE_ROOM", "MIGRATE_RIGHTS", "DATABASE_USER", "DATABASE_FULL", "SETTINGS_DIFFER", "ACCOUNT_WITHOUT_WORKER"} // tests of their own
	for _, list := range [][]oddDatabase{databases, guardedDatabases, certifiedDatabases, followers} {
		for _, s := range list {
			met = append(met, s.code)
		}
	}
	for code := range store.Faults {
		if !slices.Contains(met, code) {
			t.Errorf("no test meets %s", code)
		}
	}
}

// A worker with room for fewer connections than it needs is warned of it before the server is full.
func TestDoctorWarnsOfAFullServer(t *testing.T) {
	c := newClinic(t, storetest.New(t), nil)
	c.exec(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 5', current_database()); END $$`)
	exit, said := c.command("doctor", c.db.WorkerURL)
	if exit != 0 || !strings.Contains(said, "DATABASE_ROOM") {
		t.Errorf("exit status %d\n%s", exit, said)
	}
}

// A worker that lives with other settings is said, with both values.
func TestDoctorNamesOtherSettings(t *testing.T) {
	c := newClinic(t, storetest.New(t), nil)
	c.exec(`INSERT INTO chorus.configured (kind, key) VALUES ('settings', 'CHORISTE_QUOTA=5 CHORISTE_SEND_WITHIN=10s')`)
	exit, said := c.command("doctor", c.db.WorkerURL)
	if exit != 0 || !strings.Contains(said, "SETTINGS_DIFFER") || !strings.Contains(said, "CHORISTE_QUOTA is 100 here and 5 there.") {
		t.Errorf("exit status %d\n%s", exit, said)
	}
	c.exec(`UPDATE chorus.configured SET seen_at = now() - interval '1 minute'`)
	if exit, said := c.command("doctor", c.db.WorkerURL); exit != 0 || strings.Contains(said, "SETTINGS_DIFFER") {
		t.Errorf("of a worker that is gone: exit status %d\n%s", exit, said)
	}
}

// A lock that is in the way is said with its holder: as a warning, and as the failure where the doctor itself waited for it in vain.
func TestDoctorNamesWhoHoldsALock(t *testing.T) {
	for lock, want := range map[string]int{
		`LOCK TABLE chorus.tokens`:   0,
		`LOCK TABLE chorus.invoices`: exitOf(layerDatabase),
	} {
		t.Run(lock, func(t *testing.T) {
			t.Parallel()
			c := newClinic(t, storetest.New(t), nil)
			tx, err := admin(c, c.db.URL).Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
			var pid int
			if err := tx.QueryRow(t.Context(), `SELECT pg_backend_pid() FROM set_config('application_name', 'nightly report', true)`).Scan(&pid); err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec(t.Context(), lock); err != nil {
				t.Fatal(err)
			}
			exit, said := c.command("doctor", c.db.WorkerURL)
			if holder := fmt.Sprintf(`PID %d (application "nightly report", login "`, pid); exit != want || !strings.Contains(said, "DATABASE_LOCKED") || !strings.Contains(said, holder) {
				t.Errorf("exit status %d\n%s", exit, said)
			}
			if strings.Contains(said, "DATABASE_ANSWER") {
				t.Errorf("and said twice:\n%s", said)
			}
		})
	}
}

// Rights of roles that are not the login's, and rights that everybody has, are said and stop nothing.
func TestDoctorWarnsOfOthersRights(t *testing.T) {
	for want, statement := range map[string]string{
		"GRANT INSERT (document) ON chorus.invoices TO chorus_app":                           `REVOKE INSERT (document) ON chorus.invoices FROM chorus_app`,
		"REVOKE EXECUTE ON FUNCTION chorus.pause(text,text) FROM PUBLIC":                     `GRANT EXECUTE ON FUNCTION chorus.pause(text, text) TO PUBLIC`,
		"GRANT SELECT ON chorus.events TO chorus_reader":                                     `REVOKE SELECT ON chorus.events FROM chorus_reader`,
		"GRANT EXECUTE ON FUNCTION chorus.attach(bigint,text,bytea,text) TO chorus_operator": `REVOKE EXECUTE ON FUNCTION chorus.attach(bigint, text, bytea, text) FROM chorus_operator`,
	} {
		c := newClinic(t, storetest.New(t), nil)
		c.exec(statement)
		exit, said := c.command("doctor", c.db.WorkerURL)
		if exit != 0 || !strings.Contains(said, "RIGHTS_OF_OTHERS") || !strings.Contains(said, ": "+want+".") {
			t.Errorf("exit status %d\n%s", exit, said)
		}
	}
}

// After a restore without rights, `migrate status` prints to a login of any role what gives them back.
func TestMigrateStatusGivesTheRightsBack(t *testing.T) {
	c := newClinic(t, storetest.New(t), nil)
	healthy, said := c.command("migrate status", c.db.WorkerURL)
	if healthy != 0 || strings.Contains(said, "GRANT") {
		t.Fatalf("exit status %d\n%s", healthy, said)
	}
	c.exec(`DO $$
		DECLARE s text;
		BEGIN
		    FOREACH s IN ARRAY ARRAY['chorus', 'river'] LOOP
		        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM chorus_app, chorus_operator, chorus_reader, chorus_worker', s);
		        EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA %I FROM chorus_worker', s);
		        EXECUTE format('REVOKE ALL ON SCHEMA %I FROM chorus_app, chorus_operator, chorus_reader, chorus_worker', s);
		    END LOOP;
		    REVOKE ALL ON ALL FUNCTIONS IN SCHEMA chorus FROM chorus_app, chorus_operator, chorus_reader, chorus_worker;
		    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA chorus TO PUBLIC;
		END $$`)
	exit, said := c.command("migrate status", c.db.URL)
	_, statements, found := strings.Cut(said, "with psql:\n")
	if exit != 0 || !found {
		t.Fatalf("exit status %d\n%s", exit, said)
	}
	c.exec(statements)
	if exit, said := c.command("migrate status", c.db.WorkerURL); exit != 0 || strings.Contains(said, "GRANT") {
		t.Errorf("afterwards: exit status %d\n%s", exit, said)
	}
	if exit, said := c.command("doctor", c.db.WorkerURL); exit != 0 || strings.Contains(said, "RIGHTS") {
		t.Errorf("doctor afterwards: exit status %d\n%s", exit, said)
	}
}

// What looks odd and is right: each of these is used as it is.
func TestDatabasesThatAreFit(t *testing.T) {
	db := storetest.New(t)
	session, ok := storetest.PgBouncer(t, db.WorkerURL, "session")
	if !ok {
		session = db.WorkerURL
	}
	u, err := url.Parse(db.WorkerURL)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	owner, err := pgxpool.New(context.WithoutCancel(t.Context()), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(owner.Close)
	const signs = `#?/@:% &=+é`
	odd := owner.Config().ConnConfig.Database + "_odd"
	if _, err := owner.Exec(t.Context(), fmt.Sprintf(`CREATE ROLE %s LOGIN PASSWORD '%s' IN ROLE chorus_worker`, odd, signs)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := owner.Exec(context.WithoutCancel(t.Context()), `DROP ROLE `+odd); err != nil {
			t.Error(err)
		}
	})
	for name, address := range map[string]string{
		"PgBouncer in session mode":  session,
		"every sign in the password": edited(db.WorkerURL, func(u *url.URL) { u.User = url.UserPassword(odd, signs) }),
		"another exec mode":          parameters(db.WorkerURL, "default_query_exec_mode", "simple_protocol"),
		"a pooler's own settings":    parameters(db.WorkerURL, "statement_cache_capacity", "0", "synchronous_commit", "off"),
		"several hosts":              edited(db.WorkerURL, func(u *url.URL) { u.Host = "127.0.0.1:1," + u.Host }),
		"keywords": fmt.Sprintf("host=%s port=%s user=%s password=%s dbname=%s sslmode=disable",
			u.Hostname(), u.Port(), u.User.Username(), password, strings.TrimPrefix(u.Path, "/")),
	} {
		t.Run(name, func(t *testing.T) {
			c := newClinic(t, db, nil)
			if exit, said := c.command("doctor", address); exit != 0 {
				t.Errorf("exit status %d\n%s", exit, said)
			}
			if exit, said := c.command("list", address); exit != 0 {
				t.Errorf("list: exit status %d\n%s", exit, said)
			}
		})
	}
}

// An account whose invoices wait and that no live worker has is named; two workers with different accounts are none of its business.
func TestDoctorNamesAnAccountWithoutWorker(t *testing.T) {
	c := newClinic(t, storetest.New(t), nil)
	c.exec(`INSERT INTO chorus.accounts (name) VALUES ('default'), ('north'), ('south') ON CONFLICT DO NOTHING`)
	c.exec(`INSERT INTO chorus.heartbeats (worker) VALUES ('one'), ('two')`)
	c.exec(`INSERT INTO chorus.configured (kind, key) VALUES ('account', 'default'), ('account', 'south')`)
	c.exec(`INSERT INTO chorus.invoices (account, document) VALUES ('south', 'x')`)
	if exit, said := c.command("doctor", c.db.WorkerURL); exit != 0 || strings.Contains(said, "ACCOUNT_WITHOUT_WORKER") {
		t.Errorf("each has a worker: exit status %d\n%s", exit, said)
	}
	c.exec(`INSERT INTO chorus.invoices (account, document) VALUES ('north', 'x')`)
	exit, said := c.command("doctor", c.db.WorkerURL)
	if exit != 0 || !strings.Contains(said, "ACCOUNT_WITHOUT_WORKER") || !strings.Contains(said, "invoices wait: north.") {
		t.Errorf("exit status %d\n%s", exit, said)
	}
}
