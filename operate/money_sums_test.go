package operate_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// What is open, as the sums say, and as a plain aggregate of the rows says.
const (
	summed = `
		SELECT concat_ws(' ', stage, coalesce(destinataire_siret, '?'), coalesce(devise, '?'), oldest, invoices, amount, late, interest, indemnity)
		FROM chorus.money_open('', '') ORDER BY 1`
	addedUp = `
		SELECT concat_ws(' ', stage, coalesce(destinataire_siret, '?'), coalesce(devise, '?'), min(available_on), count(*), sum(amount), count(indemnity), sum(interest), sum(indemnity))
		FROM chorus.money WHERE open GROUP BY stage, destinataire_siret, devise ORDER BY 1`
)

type queries interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// sameSums compares the two as one login sees them at one moment, and the page's sums with those of the lines.
func (d *desk) sameSums(db queries, what string) (groups int) {
	d.Helper()
	read := func(sql string) []string {
		d.Helper()
		rows, err := db.Query(d.Context(), sql)
		if err != nil {
			d.Fatalf("%s: %v", what, err)
		}
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			d.Fatalf("%s: %v", what, err)
		}
		return list
	}
	got, want := read(summed), read(addedUp)
	if !slices.Equal(got, want) {
		d.Fatalf("%s: the sums are\n%s\nand the rows\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	return len(got)
}

// sent inserts n invoices that are on their way, which only a worker's steps could make, and moves ids on to the next block now and then, or far beyond it.
const sent = `
	SELECT setval(pg_get_serial_sequence('chorus.invoices', 'id'), (SELECT coalesce(max(id), 0) FROM chorus.invoices) + CASE WHEN random() < 0.1 THEN 1000000000000 ELSE (random() * 9000)::int END + 1);
	INSERT INTO chorus.invoices (account, document) SELECT (ARRAY['default', 'second'])[1 + n %% 2], 'x' FROM generate_series(1, %d) n;
	SET LOCAL session_replication_role = replica;
	UPDATE chorus.invoices
	SET state = 'sending', numero_facture = 'F-' || id, montant_ttc = CASE WHEN random() < 0.9 THEN (random() * 1000)::numeric(9, 2) END, devise = CASE WHEN random() < 0.9 THEN 'EUR' WHEN random() < 0.9 THEN 'USD' END,
	    type_facture = CASE WHEN random() < 0.1 THEN '381' ELSE '380' END, destinataire_siret = CASE WHEN random() < 0.9 THEN lpad((random() * 3)::int::text, 14, '1') END, identifiant_facture_cpp = id,
	    created_at = created_at - interval '200 days'
	WHERE state = 'received';
	SET LOCAL session_replication_role = origin`

// some are n invoices in one of some states.
func some(n int, states ...string) string {
	return fmt.Sprintf(`id IN (SELECT id FROM chorus.invoices WHERE state IN ('%s') ORDER BY random() LIMIT %d)`, strings.Join(states, "', '"), n)
}

// TestOpenSumsAgreeWithTheRows: whatever moves, is undone, comes back, is purged, corrected, numbered, folded and added up, in whatever order and on whatever day, the sums are what adding up the rows finds.
func TestOpenSumsAgreeWithTheRows(t *testing.T) {
	d := newDesk(t)
	d.script(`INSERT INTO chorus.accounts (name) VALUES ('second')`)
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	operator, err := store.Connect(t.Context(), d.db.OperatorURL, "test", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close()
	if _, err := d.owner.Exec(t.Context(), `INSERT INTO chorus.logins (login, account) VALUES ($1, 'second')`, operator.Config().ConnConfig.User); err != nil {
		t.Fatal(err)
	}
	ago := func() string { return paris(random.IntN(150)) }
	steps := []func(n int) string{
		func(n int) string { return fmt.Sprintf(sent, n) },
		func(n int) string {
			return `UPDATE chorus.invoices SET state = 'deposited' WHERE ` + some(n, "sending")
		},
		func(n int) string {
			return `UPDATE chorus.invoices SET state = 'integrated', statut_courant = 'MISE_A_DISPOSITION', statut_courant_date = ` + ago() + ` WHERE ` + some(n, "deposited")
		},
		func(n int) string { // settled ones come back
			return `UPDATE chorus.invoices SET state = 'integrated', statut_courant = 'SUSPENDUE', statut_courant_date = ` + ago() + ` WHERE ` + some(n, "deposited", "integrated", "settled", "rejected")
		},
		func(n int) string {
			return `UPDATE chorus.invoices SET statut_courant = 'COMPLETEE', statut_courant_date = ` + ago() + ` WHERE ` + some(n, "integrated")
		},
		func(n int) string {
			return `UPDATE chorus.invoices SET statut_courant = 'A_RECYCLER', statut_courant_date = ` + ago() + ` WHERE ` + some(n, "integrated")
		},
		func(n int) string {
			return `UPDATE chorus.invoices SET state = 'settled', statut_courant = 'MISE_EN_PAIEMENT', statut_courant_date = ` + ago() + ` WHERE ` + some(n, "integrated")
		},
		func(n int) string {
			return `UPDATE chorus.invoices SET state = 'rejected', statut_courant = 'REJETEE', statut_courant_date = ` + ago() + ` WHERE ` + some(n, "deposited", "integrated")
		},
		func(int) string { // a replacement of what was refused
			return `INSERT INTO chorus.invoices (account, document, replaces)
				SELECT account, 'x', id FROM chorus.invoices i
				WHERE state = 'rejected' AND NOT EXISTS (SELECT FROM chorus.invoices r WHERE r.replaces = i.id) LIMIT 1`
		},
		func(n int) string { // erasure takes documents, and no money
			return `SET LOCAL session_replication_role = replica; UPDATE chorus.invoices SET purged_at = clock_timestamp(), document = NULL WHERE ` + some(n, "settled") + `; SET LOCAL session_replication_role = origin`
		},
		func(int) string { // the portal's history, as chorus.earlier_statuts has it
			return `UPDATE chorus.invoices SET available_on = available_on - 20 WHERE id = (SELECT id FROM chorus.invoices WHERE available_on IS NOT NULL ORDER BY random() LIMIT 1)`
		},
		func(n int) string {
			return fmt.Sprintf(`INSERT INTO chorus.payment_delays VALUES ('111111111', %[1]d) ON CONFLICT (siren) DO UPDATE SET days = excluded.days`, 20+n)
		},
		func(n int) string { return fmt.Sprintf(`UPDATE chorus.ecb_rates SET rate = %d`, n) },
		func(n int) string { return fmt.Sprintf(`SELECT chorus.number_events(%d)`, 40*n) },
		func(n int) string { return fmt.Sprintf(`SELECT chorus.fold_moves(%d)`, 40*n) },
		func(int) string { return `SELECT chorus.recount(false)` },
		func(int) string { // half a minute later
			return `UPDATE chorus.money_blocks SET counted_at = counted_at - interval '30 seconds'`
		},
		func(int) string { return `UPDATE chorus.money_blocks SET day = day - 1` }, // a day ends
	}
	usual := []int{0, 1, 2, 13, 14, 16}
	groups, kept := 0, 0
	for k := range 240 {
		step := random.IntN(len(steps))
		if random.IntN(2) == 0 {
			step = usual[random.IntN(len(usual))]
		}
		sql := steps[step](1 + random.IntN(9))
		what := fmt.Sprintf("seed %d, step %d: after %s", seed, k, sql)
		tx := d.begin()
		if _, err := tx.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		d.sameSums(tx, what)
		end := tx.Commit
		if random.IntN(5) == 0 {
			end = tx.Rollback
		}
		if err := end(t.Context()); err != nil {
			t.Fatal(err)
		}
		groups = max(groups, d.sameSums(d.owner, what))
		d.sameSums(operator, what+", of one account")
		var n int
		if err := d.owner.QueryRow(t.Context(), `SELECT count(*) FROM chorus.money_blocks WHERE NOT changed`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		kept = max(kept, n)
	}
	if groups < 5 || kept < 2 {
		t.Errorf("seed %d: %d sums, and %d blocks that were kept, at most: too few to tell", seed, groups, kept)
	}
}

// TestOpenSumsAreKept: sums are read from what was added up, until something moves, and for that alone the rows are read again.
func TestOpenSumsAreKept(t *testing.T) {
	d := accountant(t)
	d.script(`SELECT chorus.number_events(1000)`, `SELECT chorus.fold_moves(100000)`, `SELECT chorus.recount(false)`)
	// No rule sees this: it is in the sums when the rows are read.
	d.sql(`UPDATE chorus.invoices SET montant_ttc = montant_ttc + 1000000 WHERE state IN ('deposited', 'integrated')`)
	million := func() bool {
		t.Helper()
		open, _, err := operate.Open(t.Context(), d.owner, operate.MoneyFilter{}, 0)
		if err != nil || len(open) == 0 {
			t.Fatal(open, err)
		}
		return len(open[0].Amount.StringFixed(0)) > 6
	}
	if million() {
		t.Error("the rows were read, and nothing has moved")
	}
	d.script(`UPDATE chorus.invoices SET statut_courant = 'COMPTABILISEE', statut_courant_date = clock_timestamp() WHERE external_ref = 'LATE'`)
	if !million() {
		t.Error("the sums were read, and something has moved")
	}
	d.script(`SELECT chorus.number_events(1000)`, `SELECT chorus.fold_moves(100000)`)
	if !million() {
		t.Error("the sums of before were read after what moved was folded")
	}
	d.script(`UPDATE chorus.money_blocks SET counted_at = counted_at - interval '1 minute'`, `SELECT chorus.fold_moves(100000)`)
	d.sql(`UPDATE chorus.invoices SET montant_ttc = montant_ttc - 1000000 WHERE state IN ('deposited', 'integrated')`)
	if !million() {
		t.Error("the rows were read, though all was added up anew")
	}
}

// TestOpenSumsOfWhatIsUnderWay: what is committed while somebody adds up is in the sums, whether it has an event or not.
func TestOpenSumsOfWhatIsUnderWay(t *testing.T) {
	d := accountant(t)
	moving := d.begin()
	if _, err := moving.Exec(t.Context(), `UPDATE chorus.invoices SET state = 'settled', statut_courant = 'MISE_EN_PAIEMENT', statut_courant_date = clock_timestamp() WHERE external_ref = 'LATE'`); err != nil {
		t.Fatal(err)
	}
	d.script(`SELECT chorus.number_events(1000)`, `SELECT chorus.fold_moves(100000)`)
	d.sameSums(d.owner, "one moves, all was added up")
	if err := moving.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.sameSums(d.owner, "it has moved")
	d.script(`SELECT chorus.number_events(1000)`, `SELECT chorus.fold_moves(100000)`)
	d.sameSums(d.owner, "it is numbered and folded")

	d.script(`DELETE FROM chorus.money_blocks`)
	adding := d.begin()
	if _, err := adding.Exec(t.Context(), `SELECT chorus.fold_moves(100000)`); err != nil {
		t.Fatal(err)
	}
	corrected := make(chan error, 1)
	go func() {
		_, err := d.owner.Exec(context.WithoutCancel(t.Context()), `UPDATE chorus.invoices SET available_on = available_on - 60 WHERE external_ref = 'FRESH'`)
		corrected <- err
	}()
	waits(t, d.owner, "transactionid")
	if err := adding.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-corrected; err != nil {
		t.Fatal(err)
	}
	d.sameSums(d.owner, "a clock was set right while all was added up")
}

// begin begins a transaction, which ends with the test.
func (d *desk) begin() pgx.Tx {
	d.Helper()
	tx, err := d.owner.Begin(d.Context())
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return tx
}

// waits returns when a session waits for a lock.
func waits(t *testing.T, db *pgxpool.Pool, event string) {
	t.Helper()
	for range 1000 {
		var n int
		if err := db.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = $1`, event).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("nobody waits")
}
