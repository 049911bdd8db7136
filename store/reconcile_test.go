package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// supplied makes structures of the account, and a deposited row of the first one.
func supplied(t *testing.T, db *storetest.Database, structures ...store.Structure) {
	t.Helper()
	st := store.New(db.Pool)
	if err := st.Structures(t.Context(), "default", structures, 0); err != nil {
		t.Fatal(err)
	}
	var id int64
	if err := as(t, db.AppURL).QueryRow(t.Context(), `INSERT INTO chorus.invoices (document) VALUES ('x') RETURNING id`).Scan(&id); err != nil {
		t.Fatal(err)
	}
	force(t, as(t, db.URL), id, `state = 'integrated', fournisseur_siret = '`+structures[0].Identifiant+`', deposited_at = clock_timestamp()`)
}

// One line in the night's plan: three runs for a structure that has rows, none for one that has none, and each night once.
func TestNightly(t *testing.T) {
	db := storetest.New(t)
	st, owner := store.New(db.Pool), as(t, db.URL)
	supplied(t, db, store.Structure{ID: 7, Identifiant: "11111111100011"}, store.Structure{ID: 190, Identifiant: "22222222200022"})
	nightly := func(want int64) {
		t.Helper()
		n, err := st.Nightly(t.Context(), []string{"default"}, []int{1, 7, 30})
		if err != nil || n != want {
			t.Errorf("%d runs, %v, want %d", n, err, want)
		}
	}
	nightly(0) // seen for the first time
	var times string
	err := owner.QueryRow(t.Context(), `
		SELECT string_agg(to_char(next_reconcile_at AT TIME ZONE 'Europe/Paris', 'HH24:MI'), ' ' ORDER BY id_structure_cpp) FROM chorus.structures
		WHERE next_reconcile_at > clock_timestamp() AND next_reconcile_at <= clock_timestamp() + interval '25 hours'`).Scan(&times)
	if err != nil || times != "02:07 02:10" {
		t.Errorf("due at %s, %v", times, err)
	}
	tonight := func() {
		t.Helper()
		if _, err := owner.Exec(t.Context(), `UPDATE chorus.structures SET next_reconcile_at = clock_timestamp()`); err != nil {
			t.Fatal(err)
		}
	}
	tonight()
	nightly(3)
	nightly(0)
	tonight()
	nightly(0) // those of last night are still waiting
	var days string
	err = owner.QueryRow(t.Context(), `
		SELECT string_agg(((clock_timestamp() AT TIME ZONE 'Europe/Paris')::date - lower(period)) || ' ' || (upper(period) - lower(period)), ', ' ORDER BY period DESC)
		FROM chorus.reconciliations WHERE id_structure_cpp = 7 AND requested_by = 'nightly'`).Scan(&days)
	if err != nil || days != "1 1, 7 1, 30 1" {
		t.Errorf("runs of %s, %v", days, err)
	}
	if _, err := owner.Exec(t.Context(), `UPDATE chorus.reconciliations SET state = 'done', finished_at = clock_timestamp(); UPDATE chorus.accounts SET paused_at = clock_timestamp()`); err != nil {
		t.Fatal(err)
	}
	tonight()
	nightly(0) // paused
	if err := st.SetPaused(t.Context(), "default", false, ""); err != nil {
		t.Fatal(err)
	}
	if err := st.CanSearch(t.Context(), "default", false); err != nil {
		t.Fatal(err)
	}
	nightly(0) // may not search
}

func TestReconcileFunctions(t *testing.T) {
	db := storetest.New(t)
	supplied(t, db, store.Structure{ID: 7, Identifiant: "11111111100011"}, store.Structure{ID: 190, Identifiant: "22222222200022"})
	operator := store.New(as(t, db.OperatorURL))
	ask := func(siret, from, to string) (int, string) {
		t.Helper()
		day := func(s string) (d time.Time) {
			if s != "" {
				d, _ = time.Parse(time.DateOnly, s)
			}
			return d
		}
		ids, err := operator.Reconcile(t.Context(), "", siret, day(from), day(to))
		return len(ids), store.SQLState(err)
	}
	for _, c := range []struct {
		siret, from, to string
		runs            int
		state           string
	}{
		{"", "2026-01-01", "2026-01-31", 5, ""}, // a week each, of the structure that has rows
		{"22222222200022", "2026-01-01", "2026-01-07", 1, ""},
		{"33333333300033", "2026-01-01", "2026-01-07", 0, "CH020"},
		{"", "2026-01-02", "2026-01-01", 0, "CH040"},
		{"", "2025-01-01", "2026-06-01", 0, "CH040"},
		{"", "", "", 1, ""},
	} {
		if n, state := ask(c.siret, c.from, c.to); n != c.runs || state != c.state {
			t.Errorf("%+v: %d runs, %s", c, n, state)
		}
	}
	for who, url := range map[string]string{"reader": db.ReaderURL, "app": db.AppURL, "worker": db.WorkerURL} {
		pool := as(t, url)
		for _, sql := range []string{`SELECT chorus.reconcile(NULL, NULL, NULL, NULL)`, `SELECT chorus.accept_finding(1, 'x')`, `DELETE FROM chorus.findings`} {
			if _, err := pool.Exec(t.Context(), sql); store.SQLState(err) != "42501" {
				t.Errorf("%s: %s: %v", who, sql, err)
			}
		}
	}
	for reason, state := range map[string]string{"": "CH021", "because": "CH020"} {
		if err := operator.AcceptFinding(t.Context(), 1, reason); store.SQLState(err) != state {
			t.Errorf("accepted for %q: %v", reason, err)
		}
	}
}

// However much differs, what is read at once is bounded: the open ones first, and it is said that there are more.
func TestFindingsAreBounded(t *testing.T) {
	db := storetest.New(t)
	supplied(t, db, store.Structure{ID: 7, Identifiant: "11111111100011"})
	if _, err := as(t, db.URL).Exec(t.Context(), `
		SET session_replication_role = replica;
		INSERT INTO chorus.reconciliations (account, id_structure_cpp, siret, period, requested_by, state, finished_at)
		VALUES ('default', 7, '11111111100011', '[2026-01-01,2026-01-08)', 'me', 'done', now());
		INSERT INTO chorus.findings (reconciliation_id, last_reconciliation_id, code, account, id_structure_cpp, subject, deposit_day, text, state, resolution)
		SELECT 1, 1, 'AMOUNT', 'default', 7, 'f' || n, '2026-01-02', 'differs', CASE WHEN n <= 3 THEN 'accepted' ELSE 'open' END, CASE WHEN n <= 3 THEN 'right' END
		FROM generate_series(1, 6) n;
		SET session_replication_role = origin`); err != nil {
		t.Fatal(err)
	}
	st := store.New(db.Pool)
	for most, want := range map[int]string{2: "open open more", 4: "accepted open open open more", 6: "accepted accepted accepted open open open", 7: "accepted accepted accepted open open open"} {
		list, more, err := st.Findings(t.Context(), nil, "", "", most)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range list {
			got += f.State + " "
		}
		if more {
			got += "more"
		}
		if strings.TrimSpace(got) != want {
			t.Errorf("at most %d: %q, want %q", most, got, want)
		}
	}
}
