package store_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// nested is JSON of so many lists within one another.
func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

// TestInsertBounds: what an application writes beside the document is refused in its own transaction when it is more than a program can bear.
func TestInsertBounds(t *testing.T) {
	app := as(t, storetest.New(t).AppURL)
	for name, c := range map[string]struct{ column, value, state string }{
		"deep":                        {"metadata", nested(10_500), "CH015"},
		"a little too deep":           {"metadata", nested(35), "CH015"},
		"deep objects":                {"metadata", strings.Repeat(`{"a":`, 900) + "1" + strings.Repeat("}", 900), "CH015"},
		"deeper than the server goes": {"metadata", nested(500_000), "54001"},
		"20 MB":                       {"metadata", `"` + strings.Repeat("x", 20<<20) + `"`, "CH015"},
		"70 kB, which compresses":     {"metadata", `"` + strings.Repeat("x", 70_000) + `"`, "CH015"},
		"many keys":                   {"metadata", `{"k":[` + strings.Repeat("1,", 40_000) + `1]}`, "CH015"},
		"a number beyond a double":    {"metadata", `{"n":1e400}`, "CH015"},
		"small, but not as text":      {"metadata", `[` + strings.Repeat("1e131000,", 3_000) + `1]`, "CH015"},
		"tiny, but not as text":       {"metadata", `[` + strings.Repeat("1e-16000,", 3_000) + `1]`, "CH015"},
		"NUL":                         {"metadata", `{"a":"\u0000"}`, "22P05"},
		"no JSON":                     {"metadata", `{`, "22P02"},
		"infinity":                    {"not_before", "infinity", "CH016"},
		"minus infinity":              {"not_before", "-infinity", "CH016"},
		"the year 294276":             {"not_before", "294276-12-31", "CH016"},
		"in six years":                {"not_before", time.Now().AddDate(6, 0, 0).Format(time.RFC3339), "CH016"},
		"a long reference":            {"external_ref", strings.Repeat("x", 10<<20), "23514"},
		"a long account":              {"account", strings.Repeat("x", 10<<20), "CH013"},
		"a long syntax":               {"syntaxe_flux", strings.Repeat("x", 10<<20), "CH012"},
		"priority":                    {"priority", "32768", "22003"},
		"deep enough":                 {"metadata", nested(32), ""},
		"large enough":                {"metadata", `"` + strings.Repeat("x", 65_000) + `"`, ""},
		"an ordinary one":             {"metadata", `{"order": 4711, "amount": 1250.10, "clerk": "Ada"}`, ""},
		"yesterday":                   {"not_before", time.Now().AddDate(0, 0, -1).Format(time.RFC3339), ""},
		"a reference with escapes":    {"external_ref", "a\x1b[31m\x1b]0;t\x07", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := app.Exec(t.Context(), `INSERT INTO chorus.invoices (document, `+c.column+`) SELECT 'x', $1::text::`+map[string]string{
				"metadata": "jsonb", "not_before": "timestamptz", "priority": "smallint",
			}[c.column]+strings.Repeat("text", map[string]int{"external_ref": 1, "account": 1, "syntaxe_flux": 1}[c.column]), c.value)
			if got := store.SQLState(err); got != c.state {
				t.Errorf("SQLSTATE %q, want %q: %.200v", got, c.state, err)
			}
			if strings.HasPrefix(c.state, "CH") && !strings.Contains(err.Error(), `"`+c.column+`"`) {
				t.Errorf("the column is not named: %v", err)
			}
		})
	}
}

// TestUnreadableRows: rows that a superuser planted, or a version without bounds let in, hide no other row and stop no endpoint.
func TestUnreadableRows(t *testing.T) {
	db := storetest.New(t)
	owner, app := as(t, db.URL), as(t, db.AppURL)
	plant := func(set string, args ...any) int64 {
		t.Helper()
		var id int64
		if err := app.QueryRow(t.Context(), `INSERT INTO chorus.invoices (document) VALUES ('x') RETURNING id`).Scan(&id); err != nil {
			t.Fatal(err)
		}
		tx, err := owner.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, sql := range []string{`SET LOCAL session_replication_role = replica`, `UPDATE chorus.invoices SET ` + set + ` WHERE id = $1`} {
			a := append([]any{id}, args...)
			if sql[0] == 'S' {
				a = nil
			}
			if _, err := tx.Exec(t.Context(), sql, a...); err != nil {
				t.Fatal(sql, err)
			}
		}
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		return id
	}
	deep := plant(`metadata = $2::text::jsonb`, nested(6_000))
	plant(`metadata = $2::text::jsonb`, `"`+strings.Repeat("x", 5<<20)+`"`)
	plant(`metadata = $2::text::jsonb`, `[`+strings.Repeat("1e131000,", 1_000)+`1]`)
	never := plant(`created_at = 'infinity'`)
	plant(`statut_courant = 'X', statut_courant_date = '-infinity'`)
	plant(`statut_courant = 'X', statut_courant_date = '200000-01-01'`)
	plant(`date_depot = '0044-03-15 BC'`)
	plant(`date_facture = 'infinity'`)
	nan := plant(`montant_ttc = 'NaN'`)
	good := plant(`metadata = '{"a": 1}'`)

	s := store.New(as(t, db.WorkerURL))
	for name, read := range map[string]func() ([]store.Status, error){
		"list":   func() ([]store.Status, error) { return s.List(t.Context(), store.Filter{}) },
		"recent": func() ([]store.Status, error) { return s.Recent(t.Context(), 100) },
	} {
		list, err := read()
		if err != nil || len(list) != 10 {
			t.Fatalf("%s: %d rows, %v", name, len(list), err)
		}
		for _, i := range list {
			text, err := json.Marshal(i)
			if err != nil || len(text) > 100_000 {
				t.Errorf("%s: invoice %d as JSON: %d bytes, %v", name, i.ID, len(text), err)
			}
			bad := i.ReasonCode != nil && *i.ReasonCode == store.ReasonUnreadable
			if i.ID == 0 || i.State != store.Received || i.ID == good && (bad || string(i.Metadata) != `{"a": 1}`) || bad != (i.ID == never || i.ID == nan || i.DateFacture == nil && bad) {
				t.Errorf("%s: %s", name, text)
			}
			if i.ID == deep && !strings.Contains(string(i.Metadata), "unreadable") {
				t.Errorf("%s: %s", name, text)
			}
		}
	}
	for id := deep; id <= good; id++ {
		if _, _, err := s.Show(t.Context(), id); err != nil {
			t.Errorf("show %d: %v", id, err)
		}
	}
	storetest.Forge(t, db.URL, `INSERT INTO chorus.events (invoice_id, actor, at, detail) VALUES ($1, 'x', 'infinity', $2::text::jsonb)`, good, nested(6_000))
	for {
		if n, err := s.Announce(t.Context()); err != nil {
			t.Fatal(err)
		} else if n == 0 {
			break
		}
	}
	if _, err := owner.Exec(t.Context(), `INSERT INTO chorus.webhooks (name, cursor, claim) VALUES ('all', 0, 1)`); err != nil {
		t.Fatal(err)
	}
	told := 0
	for {
		next, err := s.NextEvent(t.Context(), "all", 1, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if next == nil {
			break
		}
		if _, err := json.Marshal(next); err != nil {
			t.Fatalf("event %d: %v", next.Seq, err)
		}
		if err := s.Told(t.Context(), "all", 1, next.Seq, 200); err != nil {
			t.Fatal(err)
		}
		told++
	}
	if told != 11 {
		t.Errorf("%d events were told, want 11", told)
	}
}
