package storetest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

type hand struct{ moved time.Duration }

func (h *hand) Advance(d time.Duration) { h.moved += d }

func TestTheClockMovesEverythingOfOurs(t *testing.T) {
	db := New(t)
	if err := db.Pool.Ping(t.Context()); err != nil { // a connection from before
		t.Fatal(err)
	}
	other := &hand{}
	clock := VirtualClock(t, db).With(other)
	const year = 365 * 24 * time.Hour
	if err := clock.Advance(t.Context(), year); err != nil {
		t.Fatal(err)
	}
	moved := func(what string, at time.Time) {
		t.Helper()
		if d := time.Since(at.Add(-year)); d < 0 || d > time.Minute {
			t.Errorf("%s is %s, a year from now less %s", what, at, d)
		}
	}
	app, operator := connect(t, db.AppURL), connect(t, db.OperatorURL)
	var id int64
	if err := app.QueryRow(t.Context(), `INSERT INTO chorus.invoices (document) VALUES ('x') RETURNING id`).Scan(&id); err != nil {
		t.Fatal(err)
	}
	if _, err := operator.Exec(t.Context(), `SELECT chorus.pause('default', 'the clock')`); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Pool.Exec(t.Context(), `
		INSERT INTO chorus.accounts (name) VALUES ('later');
		UPDATE chorus.invoices SET state = 'ready';
		UPDATE chorus.invoices SET state = 'in_doubt', attempt_no = 1;
		INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline, outcome)
		SELECT gen_random_uuid(), id, 1, 'w', 'f', document_sha256, 'e', clock_timestamp(), clock_timestamp(), 'OWNER_LOST' FROM chorus.invoices`); err != nil {
		t.Fatal(err)
	}
	for what, sql := range map[string]string{
		"the default of a column":           `SELECT created_at FROM chorus.invoices`,
		"of another one":                    `SELECT created_at FROM chorus.accounts WHERE name = 'later'`,
		"what a trigger writes":             `SELECT due_at FROM chorus.invoices`,
		"what another trigger writes":       `SELECT updated_at FROM chorus.invoices`,
		"history":                           `SELECT at FROM chorus.events WHERE to_state = 'received'`,
		"what a SECURITY DEFINER writes":    `SELECT paused_at FROM chorus.accounts WHERE name = 'default'`,
		"and its history":                   `SELECT at FROM chorus.events WHERE reason_code = 'PAUSED'`,
		"what the worker's statements read": `SELECT claimed_at FROM chorus.attempts`,
	} {
		var at time.Time
		if err := db.Pool.QueryRow(t.Context(), sql).Scan(&at); err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		moved(what, at)
	}
	now, err := clock.Now(t.Context())
	if err != nil {
		t.Error(err)
	}
	moved("now", now)
	if other.moved != year {
		t.Errorf("the other clock moved by %s", other.moved)
	}
	// River's own.
	if ask(t, connect(t, db.WorkerURL), `SELECT (abs(extract(epoch FROM now() - real_clock_timestamp())) < 60)::text`) != "true" {
		t.Error("now() has moved, too")
	}
	if clock.Advance(t.Context(), -time.Second) == nil || clock.Advance(t.Context(), time.Microsecond) == nil {
		t.Error("the clock went back, or moved by less than it can hold")
	}
}

// Whoever is in a transaction sees the new time, as with a real clock.
func TestTheClockIsOutsideOfTransactions(t *testing.T) {
	db := New(t)
	clock := VirtualClock(t, db)
	err := pgx.BeginTxFunc(t.Context(), db.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		var before, after time.Time
		if err := tx.QueryRow(t.Context(), `SELECT clock_timestamp()`).Scan(&before); err != nil {
			return err
		}
		if err := clock.Advance(t.Context(), time.Hour); err != nil {
			return err
		}
		if err := tx.QueryRow(t.Context(), `SELECT clock_timestamp()`).Scan(&after); err != nil {
			return err
		}
		if d := after.Sub(before); d < time.Hour || d > time.Hour+time.Minute {
			t.Errorf("an hour was %s", d)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What is bound to the clock when it is created is bound anew; what tells the time otherwise is noticed.
func TestNothingEscapesTheClock(t *testing.T) {
	for _, c := range []struct{ name, sql, escapes string }{
		{"view", `CREATE VIEW chorus.v AS SELECT clock_timestamp() AS at`, ""},
		{"body", `CREATE FUNCTION chorus.v() RETURNS timestamptz LANGUAGE sql RETURN clock_timestamp()`, ""},
		{"default", `CREATE TABLE chorus.v (at timestamptz DEFAULT clock_timestamp() + interval '1 day')`, ""},
		{"check", `CREATE TABLE chorus.v (at timestamptz, CONSTRAINT past CHECK (at < clock_timestamp()))`, "constraint past"},
		{"now", `CREATE TABLE chorus.v (at timestamptz DEFAULT now())`, "default of chorus.v.at"},
		{"date", `CREATE VIEW chorus.v AS SELECT CURRENT_DATE AS today`, "view chorus.v"},
		{"function", `CREATE FUNCTION chorus.v() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RETURN statement_timestamp(); END $$`, "function chorus.v()"},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := New(t)
			owner := connect(t, db.URL)
			if _, err := owner.Exec(t.Context(), c.sql); err != nil {
				t.Fatal(err)
			}
			clock, err := NewClock(t.Context(), db.URL)
			if c.escapes != "" {
				if err == nil || !strings.HasSuffix(err.Error(), ": "+c.escapes) {
					t.Errorf("%v, want %s to be named", err, c.escapes)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer clock.Close()
			if err := clock.Advance(t.Context(), 72*time.Hour); err != nil {
				t.Fatal(err)
			}
			moved := connect(t, db.URL)
			sql := map[string]string{
				"view": `SELECT at FROM chorus.v`, "body": `SELECT chorus.v()`, "default": `INSERT INTO chorus.v DEFAULT VALUES RETURNING at`,
			}[c.name]
			var at time.Time
			if err := moved.QueryRow(t.Context(), sql).Scan(&at); err != nil || time.Until(at) < 71*time.Hour {
				t.Errorf("%s, %v", at, err)
			}
		})
	}
}

// The statements in our Go code ask no other clock; what is given to River has the time that River compares with, now().
func TestOurStatementsAskOneClock(t *testing.T) {
	other := regexp.MustCompile(`(?i)\b(now\(\)|statement_timestamp\(|transaction_timestamp\(|timeofday\(|(current_(date|timestamp|time)|localtime(stamp)?)\b)`)
	texts := 0
	for _, folder := range []string{"store", "jobs", "worker", "migrations", "cmd/choriste"} {
		files, err := filepath.Glob(filepath.Join("..", "..", folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING {
					texts++
					if found := other.FindString(text.Value); found != "" && !strings.Contains(text.Value, "river_insert") {
						t.Errorf("%s asks another clock, %s: %s", name, found, text.Value)
					}
				}
				return true
			})
		}
	}
	if texts < 1000 {
		t.Errorf("only %d strings were read", texts)
	}
}
