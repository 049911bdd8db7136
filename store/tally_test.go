package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// tallies are what is said of an account or all, as "account state count".
func tallies(t *testing.T, db querier, sql string) []string {
	t.Helper()
	rows, err := db.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

const (
	tallied = `SELECT concat_ws(' ', account, state, count) FROM chorus.tally() WHERE count <> 0 ORDER BY 1`
	counted = `SELECT concat_ws(' ', account, state, count(*)) FROM chorus.invoices GROUP BY account, state ORDER BY 1`
)

// TestTalliesAgreeWithTheRows: whatever moves, is undone, is numbered and is folded, in whatever order, the tallies are what counting finds.
func TestTalliesAgreeWithTheRows(t *testing.T) {
	db := storetest.New(t)
	owner := as(t, db.URL)
	if _, err := owner.Exec(t.Context(), `INSERT INTO chorus.accounts (name) VALUES ('second')`); err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	steps := []string{
		`INSERT INTO chorus.invoices (account, document) SELECT (ARRAY['default', 'second'])[1 + n % 2], 'x' FROM generate_series(1, $1) n`,
		`UPDATE chorus.invoices SET state = 'invalid', reason_code = 'CH-X' WHERE id IN (SELECT id FROM chorus.invoices WHERE state = 'received' ORDER BY random() LIMIT $1)`,
		`UPDATE chorus.invoices SET state = 'received' WHERE id IN (SELECT id FROM chorus.invoices WHERE state = 'invalid' ORDER BY random() LIMIT $1)`,
		`UPDATE chorus.invoices SET state = 'ready' WHERE id IN (SELECT id FROM chorus.invoices WHERE state = 'received' ORDER BY random() LIMIT $1)`,
		`UPDATE chorus.invoices SET cancel_requested_at = now() WHERE id IN (SELECT id FROM chorus.invoices WHERE state IN ('received', 'ready') AND cancel_requested_at IS NULL ORDER BY random() LIMIT $1)`,
		`UPDATE chorus.invoices SET reason = 'moves nothing' WHERE id IN (SELECT id FROM chorus.invoices WHERE state = 'invalid' LIMIT $1)`,
		`SELECT chorus.number_events($1)`,
		`SELECT chorus.fold_moves($1)`,
		`SELECT chorus.recount($1 < 0)`,
	}
	for k := range 120 {
		tx, err := owner.Begin(t.Context())
		must(t, err)
		step := steps[random.IntN(len(steps))]
		n := 1 + random.IntN(7)
		if _, err := tx.Exec(t.Context(), step, n); err != nil {
			t.Fatalf("seed %d, step %d: %s: %v", seed, k, step, err)
		}
		if random.IntN(5) == 0 {
			must(t, tx.Rollback(t.Context()))
		} else {
			must(t, tx.Commit(t.Context()))
		}
		if got, want := tallies(t, owner, tallied), tallies(t, owner, counted); !slices.Equal(got, want) {
			t.Fatalf("seed %d, step %d: after %s (%d) the tallies are\n%q, and the rows\n%q", seed, k, step, n, got, want)
		}
	}
	stats, err := store.New(as(t, db.WorkerURL)).Stats(t.Context())
	must(t, err)
	for _, s := range stats {
		var n int
		must(t, owner.QueryRow(t.Context(), `SELECT count(*) FROM chorus.invoices WHERE state = $1`, s.State).Scan(&n))
		if s.Count != n || len(stats) != len(store.States) {
			t.Errorf("%s: %d, and there are %d", s.State, s.Count, n)
		}
	}
}

// Moves that are under way are in nobody's tallies until they are committed; folding waits for none of them, nor for another who folds.
func TestTalliesOfWhatIsUnderWay(t *testing.T) {
	db := storetest.New(t)
	owner := as(t, db.URL)
	insert := func(tx pgx.Tx) {
		_, err := tx.Exec(t.Context(), `INSERT INTO chorus.invoices (document) VALUES ('x')`)
		must(t, err)
	}
	first, err := owner.Begin(t.Context())
	must(t, err)
	insert(first)
	must(t, pgx.BeginFunc(t.Context(), owner, func(tx pgx.Tx) error { insert(tx); return nil }))
	for _, sql := range []string{`SELECT chorus.number_events(10)`, `SELECT chorus.fold_moves(10)`} {
		_, err := owner.Exec(t.Context(), sql)
		must(t, err)
	}
	if got := tallies(t, owner, tallied); !slices.Equal(got, []string{"default received 1"}) {
		t.Errorf("one is committed: %q", got)
	}
	must(t, first.Commit(t.Context())) // with an earlier id, and a later number
	if got := tallies(t, owner, tallied); !slices.Equal(got, []string{"default received 2"}) {
		t.Errorf("both are committed: %q", got)
	}
	folding, err := owner.Begin(t.Context())
	must(t, err)
	for _, sql := range []string{`SELECT chorus.number_events(10)`, `SELECT chorus.fold_moves(10)`} {
		_, err := folding.Exec(t.Context(), sql)
		must(t, err)
	}
	if n, err := store.New(as(t, db.WorkerURL)).FoldMoves(t.Context()); n != 0 || err != nil {
		t.Errorf("while another folds: %d, %v", n, err)
	}
	must(t, folding.Commit(t.Context()))
	if got := tallies(t, owner, tallied); !slices.Equal(got, []string{"default received 2"}) {
		t.Errorf("both are folded: %q", got)
	}
}

// A login that is mapped to an account is told of that one's invoices alone.
func TestTalliesKeepAccountsApart(t *testing.T) {
	db := storetest.New(t)
	owner, reader := as(t, db.URL), as(t, db.ReaderURL)
	var login string
	must(t, reader.QueryRow(t.Context(), `SELECT session_user`).Scan(&login))
	for _, sql := range []string{
		`INSERT INTO chorus.accounts (name) VALUES ('second')`,
		`INSERT INTO chorus.invoices (account, document) SELECT (ARRAY['default', 'second', 'second'])[n], 'x' FROM generate_series(1, 3) n`,
	} {
		_, err := owner.Exec(t.Context(), sql)
		must(t, err)
	}
	if got := tallies(t, reader, tallied); !slices.Equal(got, []string{"default received 1", "second received 2"}) {
		t.Errorf("a reader who is mapped to nothing: %q", got)
	}
	_, err := owner.Exec(t.Context(), fmt.Sprintf(`INSERT INTO chorus.logins (login, account) VALUES ('%s', 'second')`, login))
	must(t, err)
	if got := tallies(t, reader, tallied); !slices.Equal(got, []string{"second received 2"}) {
		t.Errorf("a reader of second: %q", got)
	}
}
