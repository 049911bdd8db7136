package operate_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// TestAPageOfTheListIsReadByItself: a page of the newest, of those that changed last and of one state reads its rows and not all, whoever looks; and its columns are the view's.
func TestAPageOfTheListIsReadByItself(t *testing.T) {
	d := newDesk(t)
	d.sql(`INSERT INTO chorus.invoices (external_ref, document, document_sha256, document_bytes, state) SELECT 'n' || n, 'x', 'x', 1, 'settled' FROM generate_series(1, 5000) n`)
	if _, err := d.owner.Exec(t.Context(), `ANALYZE chorus.invoices`); err != nil {
		t.Fatal(err)
	}
	for login, url := range map[string]string{"worker": d.db.WorkerURL, "operator": d.db.OperatorURL, "reader": d.db.ReaderURL} {
		pool, err := pgxpool.New(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		for _, c := range []struct{ query, sort string }{{"", ""}, {"", "id"}, {"", "-changed"}, {"", "changed"}, {"", "inserted"}, {"", "-inserted"}, {"state:settled", ""}} {
			l := operate.Listing{Limit: 50}
			if l.Query, err = operate.ParseQuery(c.query); err != nil {
				t.Fatal(err)
			}
			if l.Sort, err = operate.ParseSort(c.sort); err != nil {
				t.Fatal(err)
			}
			sql, args := l.SQL()
			rows, err := pool.Query(t.Context(), "EXPLAIN "+sql, args...)
			if err != nil {
				t.Fatal(err)
			}
			plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				t.Fatal(err)
			}
			if text := strings.Join(plan, "\n"); strings.Contains(text, "Seq Scan on invoices") || strings.Contains(text, "Sort") && !strings.Contains(text, "Incremental Sort") {
				t.Errorf("%s, %q by %q:\n%s", login, c.query, c.sort, text)
			}
			if list, err := operate.Invoices(t.Context(), store.New(pool), l); err != nil || len(list) != 50 {
				t.Errorf("%s: %d invoices, %v", login, len(list), err)
			}
		}
		sql, args := operate.Listing{}.SQL()
		var columns [2][]string
		for k, q := range []string{sql, `SELECT * FROM chorus.invoice_status LIMIT $1`} {
			rows, err := pool.Query(t.Context(), q, args...)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range rows.FieldDescriptions() {
				columns[k] = append(columns[k], f.Name)
			}
			rows.Close()
		}
		if !slices.Equal(columns[0], columns[1]) {
			t.Errorf("the list has %v, the view %v", columns[0], columns[1])
		}
	}
}

// What is looked for among many that are settled is found by an index, and read in its order, whoever looks.
func TestWhatIsSettledIsFoundByAnIndex(t *testing.T) {
	d := newDesk(t)
	d.sql(`INSERT INTO chorus.invoices (external_ref, document, document_sha256, document_bytes, state, numero_facture, montant_ttc, destinataire_siret, fournisseur_siret,
		    date_facture, date_depot, statut_courant_date, statut_courant, reason_code)
		SELECT 'n' || n, 'x', 'x', 1, 'settled', CASE WHEN n > 3 THEN 'F-' || n END, n, lpad((n % 500)::text, 14, '2'), lpad((n % 400)::text, 14, '3'),
		    date '2020-01-01' + n, timestamptz '2020-01-01 12:00Z' + n * interval '1 day', timestamptz '2020-01-01 12:00Z' + n * interval '1 day', CASE WHEN n > 5 THEN 'MISE_EN_PAIEMENT' ELSE 'SUPPRIMEE' END, CASE WHEN n = 7 THEN 'QUIET' END
		FROM generate_series(1, 5000) n`)
	if _, err := d.owner.Exec(t.Context(), `ANALYZE chorus.invoices`); err != nil {
		t.Fatal(err)
	}
	for login, url := range map[string]string{"worker": d.db.WorkerURL, "operator": d.db.OperatorURL} {
		pool, err := pgxpool.New(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		for _, c := range []struct {
			query, sort, index string
			rows               int
		}{
			{"", "-amount", "invoices_settled_amount", 50},
			{"", "amount", "invoices_settled_amount", 50},
			{"", "recipient", "invoices_settled_recipient", 50},
			{"", "-recipient", "invoices_settled_recipient", 50},
			{"", "statut", "invoices_settled_statut", 50},
			{"recipient:22222222222277", "", "invoices_settled_recipient", 20},
			{"recipient:99999999999999", "", "invoices_settled_recipient", 0},
			{"statut:SUPPRIMEE", "", "invoices_settled_statut", 5},
			{"amount:>=4990", "", "", 11},
			{"amount:<=40 state:settled", "id", "", 40},
			{"is:unpaid", "-amount", "", 0},
			{"inserted:today", "", "", 50},
			{"changed:yesterday", "", "invoices_updated", 0},
			{"", "reason", "invoices_reason_code", 50},
			{"", "-reason", "invoices_reason_code", 50},
			{"reason:QUIET", "", "invoices_reason_code", 1},
			{"number:F-77*", "number", "invoices_numero", 11},
			{"number:ZZ*", "", "invoices_numero", 0},
			{"", "number", "invoices_numero", 50},
			{"", "-number", "invoices_numero", 50},
			{"recipient:22222222222277", "number", "invoices_settled_recipient", 20},
			{"supplier:33333333333377", "", "invoices_settled_supplier", 25},
			{"siret:33333333333377", "", "invoices_settled_supplier", 25},
			{"ref:n77", "", "invoices_external_ref_key", 1},
			{"issued:2020-03", "", "invoices_days", 31},
			{"deposited:2020-03", "", map[string]string{"worker": "invoices_days"}[login], 31}, // the policy of others lets no index with a zone of time see the rows
			{"told:2020-03", "", "invoices_days", 31},
		} {
			l := operate.Listing{Query: parse(t, c.query), Limit: 50}
			if l.Sort, err = operate.ParseSort(c.sort); err != nil {
				t.Fatal(err)
			}
			if err := l.Measure(t.Context(), store.New(pool)); err != nil {
				t.Fatal(err)
			}
			sql, args := l.SQL()
			rows, err := pool.Query(t.Context(), "EXPLAIN "+sql, args...)
			if err != nil {
				t.Fatal(err)
			}
			plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if text := strings.Join(plan, "\n"); err != nil || c.index != "" && (strings.Contains(text, "Seq Scan on invoices") || !strings.Contains(text, c.index)) {
				t.Errorf("%s, %q by %q: %v\n%s", login, c.query, c.sort, err, text)
			}
			if list, err := operate.Invoices(t.Context(), store.New(pool), l); err != nil || len(list) != c.rows {
				t.Errorf("%s, %q by %q: %d invoices, %v", login, c.query, c.sort, len(list), err)
			}
		}
	}
}

// What is open is read in the order of its amounts, however many there are, with what else is asked for.
func TestTheLargestOpenAmountsAreReadByAnIndex(t *testing.T) {
	d := newDesk(t)
	d.sql(`INSERT INTO chorus.invoices (external_ref, document, document_sha256, document_bytes, state, montant_ttc, destinataire_siret)
		SELECT 'n' || n, 'x', 'x', 1, CASE WHEN n % 100 = 0 THEN 'rejected' WHEN n % 3 = 0 THEN 'settled' ELSE 'integrated' END, nullif(n % 4999, 0), lpad((n % 2)::text, 14, '2')
		FROM generate_series(1, 10000) n`)
	if _, err := d.owner.Exec(t.Context(), `ANALYZE chorus.invoices`); err != nil {
		t.Fatal(err)
	}
	for login, url := range map[string]string{"worker": d.db.WorkerURL, "operator": d.db.OperatorURL} {
		pool, err := pgxpool.New(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		for _, query := range []string{"", "recipient:22222222222221"} {
			for _, sort := range []string{"-amount", "amount"} {
				l := operate.Listing{Query: parse(t, query), Limit: 50}
				if l.Sort, err = operate.ParseSort(sort); err != nil {
					t.Fatal(err)
				}
				sql, args := l.SQL()
				rows, err := pool.Query(t.Context(), "EXPLAIN "+sql, args...)
				if err != nil {
					t.Fatal(err)
				}
				plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
				if text := strings.Join(plan, "\n"); err != nil || !strings.Contains(text, "invoices_open_amount") || strings.Contains(text, "Seq Scan on invoices") {
					t.Errorf("%s, %q by %q: %v\n%s", login, query, sort, err, text)
				}
				list, err := operate.Invoices(t.Context(), store.New(pool), l)
				if err != nil || len(list) != 50 {
					t.Fatalf("%s, %q by %q: %d invoices, %v", login, query, sort, len(list), err)
				}
				for k := range list[1:] {
					if c := list[k].MontantTTC.Decimal.Cmp(list[k+1].MontantTTC.Decimal); c > 0 != (sort == "-amount") && c != 0 {
						t.Errorf("%s, %q by %q: %s before %s", login, query, sort, list[k].MontantTTC.Decimal, list[k+1].MontantTTC.Decimal)
					}
				}
			}
		}
	}
}

// A reader who is mapped to an account sees its invoices alone in the list, as in the view.
func TestTheListKeepsAccountsApart(t *testing.T) {
	d := newDesk(t)
	mine := d.invoice("MINE", "ready", "")
	other := d.invoice("OTHER", "ready", "account = 'other'")
	d.sql(`INSERT INTO chorus.accounts (name) VALUES ('other')`)
	reader, err := pgxpool.New(t.Context(), d.db.ReaderURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reader.Close)
	ids := func() (list []int64) {
		all, err := operate.Invoices(t.Context(), store.New(reader), operate.Listing{})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range all {
			list = append(list, i.ID)
		}
		return list
	}
	if got := ids(); !slices.Equal(got, []int64{other, mine}) {
		t.Errorf("a reader who is mapped to nothing sees %v", got)
	}
	var login string
	if err := reader.QueryRow(t.Context(), `SELECT session_user`).Scan(&login); err != nil {
		t.Fatal(err)
	}
	if _, err := d.owner.Exec(t.Context(), `INSERT INTO chorus.logins (login, account) VALUES ($1, 'default')`, login); err != nil {
		t.Fatal(err)
	}
	if got := ids(); !slices.Equal(got, []int64{mine}) {
		t.Errorf("a reader of default sees %v", got)
	}
}

// A list is planned for what is asked for, however often the same is asked on one connection: a statement that PostgreSQL keeps is planned for any value from the sixth time on.
func TestAListIsPlannedForItsValues(t *testing.T) {
	d := newDesk(t)
	pool, err := store.Connect(t.Context(), d.db.OperatorURL, "test", 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	st := store.New(pool)
	q, err := operate.ParseQuery("recipient:22222222222277 amount:>5 number:F-7*")
	if err != nil {
		t.Fatal(err)
	}
	for range 8 {
		_, listed := operate.Invoices(t.Context(), st, operate.Listing{Query: q, Limit: 50})
		_, summed := operate.Sums(t.Context(), st, q)
		_, grouped := operate.Causes(t.Context(), st, q, 10)
		_, counted := operate.View{Name: "x", Query: q.String()}.Count(t.Context(), st)
		_, audited := operate.Acts(t.Context(), st, operate.ActFilter{Limit: 10})
		_, _, open := operate.Open(t.Context(), pool, operate.MoneyFilter{Recipient: "222222222"}, 10)
		_, _, settled := operate.Settled(t.Context(), pool, operate.MoneyFilter{Recipient: "222222222"}, 0)
		if err := errors.Join(listed, summed, grouped, counted, audited, open, settled); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := pool.Query(t.Context(), `SELECT statement FROM pg_prepared_statements WHERE generic_plans > 0 AND statement ~ 'chorus\.(invoices|invoice_status|money|events)'`)
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := pgx.CollectRows(rows, pgx.RowTo[string]); err != nil || len(kept) > 0 {
		t.Errorf("%v: planned for any value:\n%s", err, strings.Join(kept, "\n\n"))
	}
}
