package operate_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

func (d *desk) connect(url, actor string) *store.Store {
	d.Helper()
	pool, err := store.ConnectActing(d.Context(), url, actor, 2)
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(pool.Close)
	return store.New(pool)
}

// A view is saved, saved anew, renamed and deleted, each in the audit trail with what was there before; what is none is refused.
func TestViews(t *testing.T) {
	d := newDesk(t)
	st := d.connect(d.db.OperatorURL, "console:claire")
	save := func(name, query, reason string) error {
		_, err := operate.SaveView(t.Context(), st, name, query, reason)
		return err
	}
	for _, v := range [][3]string{{" Old  debts ", "is:unpaid   older:30d", "for Mondays"}, {"Paris", "recipient:217500016", ""}, {"Old debts", "is:unpaid older:60d", ""}, {"Old debts", "is:unpaid older:60d", "again"}, {"Aged", "is:unpaid older:60d", ""}} {
		if err := save(v[0], v[1], v[2]); err != nil {
			t.Fatal(v, err)
		}
	}
	if err := operate.DeleteView(t.Context(), st, "Old debts", "renamed"); err != nil {
		t.Fatal(err)
	}
	list, err := operate.Views(t.Context(), d.connect(d.db.ReaderURL, "x"))
	if err != nil || len(list) != 2 || list[0].Name != "Aged" || list[0].Query != "is:unpaid older:60d" || !strings.HasSuffix(list[0].By, "/console:claire") || list[1].Name != "Paris" {
		t.Errorf("%+v %v", list, err)
	}
	var trail []string
	for _, a := range d.acts(st, operate.ActFilter{Kinds: []string{"view"}}) {
		why := ""
		if a.Reason != nil {
			why = " " + *a.Reason
		}
		trail = append(trail, *a.Object+why)
	}
	slices.Reverse(trail)
	if want := []string{"Old debts = is:unpaid older:30d for Mondays", "Paris = recipient:217500016", "Old debts = is:unpaid older:60d", "Aged = is:unpaid older:60d", "Old debts (is:unpaid older:60d) renamed"}; !slices.Equal(trail, want) {
		t.Errorf("the trail:\n%s", strings.Join(trail, "\n"))
	}
	var was string
	if err := d.owner.QueryRow(t.Context(), `SELECT detail ->> 'was' FROM chorus.events WHERE detail ? 'was' ORDER BY id LIMIT 1`).Scan(&was); err != nil || was != "is:unpaid older:30d" {
		t.Errorf("what was replaced: %q %v", was, err)
	}
	for bad, want := range map[[2]string]string{
		{"", "state:parked"}: "nom de 1 à 60", {strings.Repeat("é", 61), "state:parked"}: "nom de 1 à 60", {"a\u202eb", "state:parked"}: "nom de 1 à 60", {"a\x1bb", "state:parked"}: "nom de 1 à 60",
		{"x", ""}: "toutes les factures", {"x", "state:nothing"}: "l'une des valeurs", {"x", "number:" + strings.Repeat("1", 1000)}: "1000 octets", {"x", "account:nowhere"}: "il n'y a pas de compte nowhere",
	} {
		var q *operate.QueryError
		if err := save(bad[0], bad[1], ""); !errors.As(err, &q) || !strings.Contains(q.Fr, want) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := st.Pool().Exec(t.Context(), `SELECT chorus.save_view('By  SQL', 'is:unpaid')`); err != nil {
		t.Fatal(err)
	}
	if err := operate.DeleteView(t.Context(), st, "By  SQL", ""); err != nil {
		t.Errorf("a view that was saved by SQL: %v", err)
	}
	var q *operate.QueryError
	if err := operate.DeleteView(t.Context(), st, "Mine", ""); !errors.As(err, &q) || q.En != "there is no view Mine: there are Aged, Paris" {
		t.Errorf("%v", err)
	}
	if _, err := operate.ViewNamed(t.Context(), st, "Mine"); !errors.As(err, &q) || q.Fr != "il n'y a pas de vue Mine : il y a Aged, Paris" {
		t.Errorf("%v", err)
	}
	if v, err := operate.ViewNamed(t.Context(), st, "  Paris"); err != nil || v.String() != "recipient:217500016" {
		t.Errorf("%v %v", v, err)
	}
	for n := range operate.MostViews - 2 {
		if err := save(strings.Repeat("é", 58)+fmt.Sprint(n+10), "state:parked", ""); err != nil {
			t.Fatal(n, err)
		}
	}
	if err := save("one more", "state:parked", ""); !errors.As(err, &q) || !strings.Contains(q.Fr, "il y a 50 vues") {
		t.Errorf("the 51st: %v", err)
	}
	if err := save("Paris", "state:parked", ""); err != nil { // in the place of another
		t.Error(err)
	}
	// By SQL, too.
	for _, sql := range []string{`SELECT chorus.save_view('x' || chr(27), 'state:parked')`, `SELECT chorus.save_view('Paris', repeat('x', 1001))`, `SELECT chorus.save_view('Paris', NULL)`, `SELECT chorus.save_view(NULL, 'x')`} {
		if _, err := st.Pool().Exec(t.Context(), sql); store.SQLState(err) != "CH029" {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if _, err := st.Pool().Exec(t.Context(), `DELETE FROM chorus.saved_views`); store.SQLState(err) != "42501" {
		t.Errorf("past the functions: %v", err)
	}
}

// Who sees some accounts only uses the views of everybody on his own rows, and changes none.
func TestViewsOfSomeAccounts(t *testing.T) {
	d := newDesk(t)
	d.sql(`INSERT INTO chorus.accounts (name) VALUES ('lyon')`)
	for k := range 3 {
		d.invoice(fmt.Sprintf("L-%d", k), "parked", "account = 'lyon'")
	}
	d.invoice("F-1", "parked", "")
	st := d.connect(d.db.OperatorURL, "console")
	view, err := operate.SaveView(t.Context(), st, "Parked", "state:parked", "")
	if err != nil {
		t.Fatal(err)
	}
	all, lyon := t.Context(), store.OnlyAccounts(t.Context(), []string{"lyon"})
	for name, c := range map[string]int{"all": 4, "lyon": 3} {
		ctx := all
		if name == "lyon" {
			ctx = lyon
		}
		if n, err := view.Count(ctx, st); err != nil || n == nil || *n != (operate.Counted{N: c}) {
			t.Errorf("%s: %v %v", name, n, err)
		}
		q, err := operate.ViewNamed(ctx, st, "Parked")
		if err != nil {
			t.Fatal(err)
		}
		if list, err := operate.Invoices(ctx, st, operate.Listing{Query: q}); err != nil || len(list) != c {
			t.Errorf("%s: %d rows, %v", name, len(list), err)
		}
	}
	if _, err := operate.SaveView(lyon, st, "Mine", "state:parked", ""); store.SQLState(err) != "42501" {
		t.Errorf("saved: %v", err)
	}
	if err := operate.DeleteView(lyon, st, "Parked", ""); store.SQLState(err) != "42501" {
		t.Errorf("deleted: %v", err)
	}
	for _, url := range []string{d.db.ReaderURL, d.db.WorkerURL} {
		if _, err := operate.SaveView(all, d.connect(url, "x"), "Mine", "state:parked", ""); store.SQLState(err) != "42501" {
			t.Errorf("saved: %v", err)
		}
	}
}

// Counting ends: after so many, and after so long.
func TestCountOfAView(t *testing.T) {
	d := newDesk(t)
	d.sql(`INSERT INTO chorus.invoices (external_ref, document, document_sha256, document_bytes) SELECT 'n' || n, 'x', 'x', 1 FROM generate_series(1, 10002) n`)
	st := d.connect(d.db.OperatorURL, "console")
	if n, err := (operate.View{Query: "state:received"}).Count(t.Context(), st); err != nil || n == nil || *n != (operate.Counted{N: operate.MostCounted, More: true}) {
		t.Errorf("%v %v", n, err)
	}
	if n, err := (operate.View{Query: "state:nothing"}).Count(t.Context(), st); err != nil || n != nil {
		t.Errorf("a query of another version: %v %v", n, err)
	}
	tx, err := d.owner.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), `LOCK TABLE chorus.invoices IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	if n, err := (operate.View{Query: "state:received"}).Count(t.Context(), st); err != nil || n != nil {
		t.Errorf("what takes too long: %v %v", n, err)
	}
	var timeout string
	if err := st.Pool().QueryRow(t.Context(), `SHOW statement_timeout`).Scan(&timeout); err != nil || timeout == "200ms" {
		t.Errorf("afterwards: %s %v", timeout, err)
	}
}
