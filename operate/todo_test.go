package operate_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// desk is a database in which rows can be put into any state, and what is then said of them.
type desk struct {
	testing.TB
	db    *storetest.Database
	owner *pgxpool.Pool
}

func newDesk(t testing.TB) *desk {
	db := storetest.New(t)
	owner, err := store.Connect(t.Context(), db.URL, "test", 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(owner.Close)
	return &desk{t, db, owner}
}

// sql executes statements as the owner, past the rules of the rows.
func (d *desk) sql(statements ...string) {
	d.Helper()
	tx, err := d.owner.Begin(d.Context())
	if err != nil {
		d.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(d.Context())) }()
	for _, sql := range append([]string{`SET LOCAL session_replication_role = replica`, `SET LOCAL statement_timeout = 0`}, statements...) {
		if _, err := tx.Exec(d.Context(), sql); err != nil {
			d.Fatalf("%s: %v", sql, err)
		}
	}
	if err := tx.Commit(d.Context()); err != nil {
		d.Fatal(err)
	}
}

// invoice inserts one in a state; set is the rest of an UPDATE.
func (d *desk) invoice(number, state, set string) (id int64) {
	d.Helper()
	err := d.owner.QueryRow(d.Context(), `INSERT INTO chorus.invoices (external_ref, document) VALUES ($1, 'x') RETURNING id`, number).Scan(&id)
	if err != nil {
		d.Fatal(err)
	}
	if set != "" {
		set = ", " + set
	}
	d.sql(fmt.Sprintf(`
		UPDATE chorus.invoices
		SET state = '%s', numero_facture = '%s', fournisseur_siret = '99999999800012', montant_ttc = 120, devise = 'EUR', updated_at = clock_timestamp()%s
		WHERE id = %d`, state, number, set, id))
	return id
}

// list says "kind invoice who next" of every line, as a login sees it.
func (d *desk) list(pool *pgxpool.Pool) []string {
	d.Helper()
	lines, err := operate.Todos(d.Context(), pool, operate.TodoFilter{})
	if err != nil {
		d.Fatal(err)
	}
	var said []string
	for _, l := range lines {
		number := "-"
		if l.Numero != nil {
			number = *l.Numero
		}
		line := strings.Join([]string{l.Kind, number, l.Who, l.Next}, " ")
		if l.Until != nil {
			line += " until"
		}
		if l.Cause == "" || l.CauseFR == "" {
			d.Errorf("%s has no cause: %q, %q", line, l.Cause, l.CauseFR)
		}
		said = append(said, line)
	}
	return said
}

func (d *desk) expect(want ...string) {
	d.Helper()
	got := d.list(d.owner)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		d.Errorf("what needs a person:\n%s\nwanted:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestEachInvoiceThatWaits is the morning round: each kind of invoice that needs a person has one line, and none that does not.
func TestEachInvoiceThatWaits(t *testing.T) {
	d := newDesk(t)
	d.sql(`INSERT INTO chorus.heartbeats (worker, horizon) VALUES ('w', '4 hours')`)
	parked := d.invoice("PARKED", "parked", `reason_code = 'SEVERAL', reason = 'two'`)
	invalid := d.invoice("INVALID", "invalid", `reason_code = 'CH-BUYER-SIRET', reason = 'BT-47 is short'`)
	refused := d.invoice("REFUSED", "rejected", `reason_code = 'RECIPIENT', reason = 'wrong price', statut_courant = 'REJETEE', identifiant_facture_cpp = 1`)
	flux := d.invoice("FLUX", "rejected", `reason_code = 'FLUX_REJECTED', reason = 'no'`)
	suspended := d.invoice("SUSPENDED", "integrated", `statut_courant = 'SUSPENDUE', statut_courant_date = now() - interval '3 days', statut_commentaire = 'PJ'`)
	recycle := d.invoice("RECYCLE", "integrated", `statut_courant = 'A_RECYCLER', statut_courant_date = now()`)
	doubt := d.invoice("DOUBT", "in_doubt", `reason_code = 'AMBIGUOUS', in_doubt_since = clock_timestamp() - interval '1 minute'`)
	old := d.invoice("OLD", "in_doubt", `reason_code = 'AMBIGUOUS', in_doubt_since = clock_timestamp() - interval '29 hours'`)
	d.invoice("PAID", "settled", "")
	d.invoice("THERE", "integrated", `statut_courant = 'MISE_A_DISPOSITION', statut_courant_date = now()`)
	d.expect(
		fmt.Sprintf("parked PARKED operator choriste resolve %d", parked),
		fmt.Sprintf("invalid INVALID supplier choriste show %d", invalid),
		fmt.Sprintf("rejected REFUSED supplier choriste replace %d FILE", refused),
		fmt.Sprintf("rejected FLUX supplier choriste show %d", flux),
		fmt.Sprintf("statut SUSPENDED supplier choriste complete %d", suspended),
		fmt.Sprintf("statut RECYCLE supplier choriste recycle %d", recycle),
		fmt.Sprintf("in_doubt DOUBT nobody choriste show %d until", doubt),
		fmt.Sprintf("in_doubt OLD operator choriste show %d", old),
	)
	counts, err := operate.TodoCounts(t.Context(), d.owner, operate.TodoFilter{Kind: "rejected"})
	if err != nil || len(counts) != 1 || counts[0].Count != 2 || counts[0].Amount.Decimal.String() != "240" || *counts[0].Devise != "EUR" || !counts[0].Acts {
		t.Errorf("the rejected ones are counted as %+v, %v", counts, err)
	}
}

// TestWhatLeavesTheList tries each way in which a line is done with.
func TestWhatLeavesTheList(t *testing.T) {
	d := newDesk(t)
	d.sql(`INSERT INTO chorus.heartbeats (worker) VALUES ('w')`)
	invalid := d.invoice("CORRECTED", "invalid", `reason_code = 'CH-DATE', date_facture = '2026-01-01'`)
	d.sql(fmt.Sprintf(`UPDATE chorus.invoices SET external_ref = 'first' WHERE id = %d`, invalid))
	d.invoice("CORRECTED", "deposited", `date_facture = '2026-01-02'`)
	again := d.invoice("17", "rejected", `reason_code = 'FLUX_REJECTED', date_facture = '2026-12-20'`)
	d.sql(fmt.Sprintf(`UPDATE chorus.invoices SET external_ref = 'last year' WHERE id = %d`, again))
	d.invoice("17", "deposited", `date_facture = '2027-01-10'`) // numbers begin anew each year
	anew := fmt.Sprintf("rejected 17 supplier choriste show %d", again)
	refused := d.invoice("REFUSED", "rejected", `reason_code = 'RECIPIENT'`)
	d.invoice("ANOTHER", "ready", fmt.Sprintf("replaces = %d", refused))
	suspended := d.invoice("SUSPENDED", "integrated", `statut_courant = 'SUSPENDUE', statut_courant_date = now() - interval '3 days'`)
	d.sql(fmt.Sprintf(`INSERT INTO chorus.remedies (invoice_id, kind, requested_by) VALUES (%d, 'complete', 'me')`, suspended))
	dropped := d.invoice("DROPPED", "invalid", `reason_code = 'CH-EMPTY', reason = 'blank'`)
	d.expect(anew, fmt.Sprintf("invalid DROPPED supplier choriste show %d", dropped))

	if err := d.dismiss(dropped, " "); store.SQLState(err) != "CH021" {
		t.Errorf("dismissed without a reason: %v", err)
	}
	if err := d.dismiss(suspended, "no"); store.SQLState(err) != "CH022" {
		t.Errorf("dismissed what Chorus Pro waits for: %v", err)
	}
	if err := d.dismiss(dropped, "sent on paper"); err != nil {
		t.Fatal(err)
	}
	d.expect(anew)
	var said string
	if err := d.owner.QueryRow(t.Context(), `SELECT detail ->> 'reason' FROM chorus.events WHERE invoice_id = $1 AND reason_code = 'DISMISSED'`, dropped).Scan(&said); err != nil || said != "sent on paper" {
		t.Errorf("its history says %q, %v", said, err)
	}
	// The remedy is refused: the line is back, and says so.
	d.sql(fmt.Sprintf(`UPDATE chorus.remedies SET state = 'refused', reason = 'too large' WHERE invoice_id = %d`, suspended))
	d.expect(anew, fmt.Sprintf("remedy SUSPENDED supplier choriste complete %d", suspended))
}

// TestTakenOffTheList: it stays off as long as nothing else is said of it, whoever writes to its row; it is not retried meanwhile; it is put back, with a reason.
func TestTakenOffTheList(t *testing.T) {
	d := newDesk(t)
	d.sql(`INSERT INTO chorus.heartbeats (worker) VALUES ('w')`, `INSERT INTO chorus.accounts (name) VALUES ('default') ON CONFLICT DO NOTHING`,
		`INSERT INTO chorus.retention (account, keep, reason, set_by) VALUES ('default', '1 day', 'x', 'x')`, `UPDATE chorus.clock_watch SET since = clock_timestamp() - interval '2 days', seen = clock_timestamp()`)
	const old = `updated_at = clock_timestamp() - interval '2 days', created_at = clock_timestamp() - interval '2 days'`
	id := d.invoice("PAPER", "rejected", `reason_code = 'FLUX_REJECTED'`)
	line := fmt.Sprintf("rejected PAPER supplier choriste show %d", id)
	st := store.New(d.owner)
	retry := func() error { _, err := st.Retry(t.Context(), id, "again", nil); return err }
	chosen := func(query string) int {
		q, err := operate.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		list, err := operate.Invoices(t.Context(), st, operate.Listing{Query: q})
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	back := func(reason string) error { _, err := operate.Return.Do(t.Context(), st, id, reason, nil); return err }
	d.expect(line)
	if err := back("x"); store.SQLState(err) != "CH022" {
		t.Errorf("put back what is on it: %v", err)
	}
	if err := d.dismiss(id, "sent on paper"); err != nil {
		t.Fatal(err)
	}
	if err := retry(); store.SQLState(err) != "CH022" || !strings.Contains(err.Error(), "sent on paper") {
		t.Errorf("retried: %v", err)
	}
	if chosen("is:retriable") != 0 || chosen("is:dismissed") != 1 {
		t.Errorf("%d can be retried, %d are off the list", chosen("is:retriable"), chosen("is:dismissed"))
	}
	if _, err := d.owner.Exec(t.Context(), `UPDATE chorus.invoices SET looks = looks + 1 WHERE id = $1`, id); err != nil {
		t.Fatal(err)
	}
	d.sql(fmt.Sprintf(`UPDATE chorus.invoices SET `+old+` WHERE id = %d`, id))
	var purged int
	if err := d.owner.QueryRow(t.Context(), `SELECT invoices FROM chorus.purge('default', 10)`).Scan(&purged); err != nil || purged != 1 {
		t.Fatalf("%d purged, %v", purged, err)
	}
	d.expect()
	if err := back(" "); store.SQLState(err) != "CH021" {
		t.Errorf("put back without a reason: %v", err)
	}
	if err := back("a mistake"); err != nil {
		t.Fatal(err)
	}
	d.expect(line)
	var said string
	if err := d.owner.QueryRow(t.Context(), `SELECT detail ->> 'reason' FROM chorus.events WHERE invoice_id = $1 AND reason_code = 'UNDISMISSED'`, id).Scan(&said); err != nil || said != "a mistake" {
		t.Errorf("its history says %q, %v", said, err)
	}

	// Put back, it can be retried; and what is said of it later is not off the list.
	id = d.invoice("AGAIN", "invalid", `reason_code = 'CH-DATE'`)
	for _, err := range []error{d.dismiss(id, "x"), back("y"), d.dismiss(id, "z")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.owner.Exec(t.Context(), `UPDATE chorus.invoices SET reason_code = 'CH-IBAN' WHERE id = $1`, id); err != nil {
		t.Fatal(err)
	}
	d.expect(line, fmt.Sprintf("invalid AGAIN supplier choriste show %d", id))
	if err := retry(); err != nil {
		t.Fatal(err)
	}
	d.expect(line)
}

// TestAnActIsOnWhatWasSeen: an invoice that has changed since it was looked at is left alone by every act that was decided then.
func TestAnActIsOnWhatWasSeen(t *testing.T) {
	d := newDesk(t)
	st := store.New(d.owner)
	id, parked := d.invoice("F-1", "invalid", `reason_code = 'CH-IBAN'`), d.invoice("F-2", "parked", `reason_code = 'SEVERAL', attempt_no = 1`)
	before, _, err := st.Show(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{`UPDATE chorus.invoices SET reason_code = 'CH-DATE' WHERE id = 1`, `UPDATE chorus.invoices SET reason_code = 'MISMATCH' WHERE id = 2`} {
		if _, err := d.owner.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for name, act := range map[string]func() error{
		"retry":   func() error { _, err := operate.Retry.Do(t.Context(), st, id, "x", &before.UpdatedAt); return err },
		"dismiss": func() error { _, err := operate.Dismissal.Do(t.Context(), st, id, "x", &before.UpdatedAt); return err },
		"abandon": func() error {
			_, err := st.ResolveParked(t.Context(), parked, store.Resolution{Action: store.ActionAbandon, Reason: "x", Seen: &before.UpdatedAt})
			return err
		},
	} {
		if err := act(); store.SQLState(err) != "CH022" || !strings.Contains(err.Error(), "has changed since") {
			t.Errorf("%s of what has changed: %v", name, err)
		}
	}
	now, _, err := st.Show(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := operate.Retry.Do(t.Context(), st, id, "x", &now.UpdatedAt); err != nil {
		t.Errorf("retry of what was seen: %v", err)
	}
}

func (d *desk) dismiss(id int64, reason string) error {
	_, err := operate.Dismissal.Do(d.Context(), store.New(d.owner), id, reason, nil)
	return err
}

// TestWhatIsNoInvoice tries the lines about accounts, webhooks, the portal and the fleet.
func TestWhatIsNoInvoice(t *testing.T) {
	d := newDesk(t)
	d.expect()
	d.invoice("WAITS", "ready", "due_at = clock_timestamp() - interval '1 hour', created_at = clock_timestamp() - interval '1 hour'")
	d.expect("worker - operator choriste work")
	d.sql(`INSERT INTO chorus.heartbeats (worker) VALUES ('w')`, `INSERT INTO chorus.accounts (name) VALUES ('default') ON CONFLICT DO NOTHING`)
	d.expect("stalled - operator choriste doctor")
	d.sql(`INSERT INTO chorus.maintenance VALUES (now() - interval '1 minute', now() + interval '1 hour', 'running')`,
		`UPDATE chorus.accounts SET can_search = false, password_expires = current_date + 3`,
		`INSERT INTO chorus.accounts (name, paused_at, pause_reason) VALUES ('off', now(), 'refused')`,
		`INSERT INTO chorus.webhooks (name, cursor, failing_since, last_error) VALUES ('erp', 0, now() - interval '1 hour', '500')`,
		`INSERT INTO chorus.breakers (key, scope, name, state, since, announced, fault) VALUES ('k', 'portal', 'api.example', 'open', now(), true, 'network')`,
		`INSERT INTO chorus.structures (account, id_structure_cpp, identifiant, filter_honoured) VALUES ('default', 1, '99999999800012', 'ignored')`,
		`UPDATE chorus.installation SET assumption_broken_at = now()`)
	d.expect("maintenance - nobody choriste stats until", "rights - supplier choriste doctor", "password - operator choriste doctor", "account - operator choriste resume off",
		"webhook - operator choriste webhooks", "outage - portal choriste doctor", "feed - portal choriste doctor", "resubmission - operator choriste list --reason-code CONTRADICTION")
	for _, l := range d.list(d.owner) {
		if kind, _, _ := strings.Cut(l, " "); !slices.Contains(operate.Kinds, kind) {
			t.Errorf("%s is no kind that operate knows", kind)
		}
	}
}

// TestTheListIsOnesOwn has a reader who is mapped to one account see no other's.
func TestTheListIsOnesOwn(t *testing.T) {
	d := newDesk(t)
	d.invoice("OURS", "parked", `reason_code = 'ABSENT'`)
	other := d.invoice("THEIRS", "parked", `reason_code = 'ABSENT', account = 'other'`)
	login := d.reader("other")
	got := d.list(login)
	if want := []string{fmt.Sprintf("parked THEIRS operator choriste resolve %d", other)}; !slices.Equal(got, want) {
		t.Errorf("a reader of one account sees %q, wanted %q", got, want)
	}
}

// reader makes a login of chorus_reader that is mapped to an account.
func (d *desk) reader(account string) *pgxpool.Pool {
	d.Helper()
	name := d.owner.Config().ConnConfig.Database + "_reader"
	for _, sql := range []string{
		`CREATE ROLE ` + name + ` LOGIN PASSWORD 'r' IN ROLE chorus_reader`, `INSERT INTO chorus.accounts (name) VALUES ('` + account + `')`,
		`INSERT INTO chorus.logins (login, account) VALUES ('` + name + `', '` + account + `')`,
	} {
		if _, err := d.owner.Exec(d.Context(), sql); err != nil {
			d.Fatal(err)
		}
	}
	config := d.owner.Config()
	config.ConnConfig.User, config.ConnConfig.Password = name, "r"
	pool, err := pgxpool.NewWithConfig(d.Context(), config)
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() {
		pool.Close()
		if _, err := d.owner.Exec(context.WithoutCancel(d.Context()), `DELETE FROM chorus.logins; DROP ROLE `+name); err != nil {
			d.Error(err)
		}
	})
	return pool
}

// TestTheStatutsOfTheIndex holds the list that the view and its index know to chorus.statuts.
func TestTheStatutsOfTheIndex(t *testing.T) {
	d := newDesk(t)
	rows, err := d.owner.Query(t.Context(), `SELECT code FROM chorus.statuts WHERE next_actor = 'supplier' AND state = 'integrated' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	codes, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	d.sql(`INSERT INTO chorus.heartbeats (worker) VALUES ('w')`)
	for _, code := range codes {
		d.invoice(code, "integrated", `statut_courant = '`+code+`', statut_courant_date = now()`)
	}
	if got := d.list(d.owner); len(got) != len(codes) {
		t.Errorf("%d of %d statuts that wait for the supplier are on the list: %q", len(got), len(codes), got)
	}
	var plan string
	if err := d.owner.QueryRow(t.Context(), `SELECT pg_get_indexdef('chorus.invoices_supplier'::regclass)`).Scan(&plan); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(plan, "::text"); n < len(codes) {
		t.Errorf("the index knows fewer: %s", plan)
	}
}

// What is said of a row that a person must decide about is said once: its own reason, and in French what the code means, with the values.
func TestTheCauseIsSaidOnce(t *testing.T) {
	d := newDesk(t)
	d.invoice("M", "parked", `reason_code = 'MISMATCH', reason = 'Chorus Pro holds another one (choriste ≠ Chorus Pro: montant_ttc 1200.00 ≠ 1300.00)'`)
	d.invoice("A", "parked", `reason_code = 'ABSENT', reason = 'the account may not search'`)
	d.invoice("B", "parked", `reason_code = 'BUDGET', reason = NULL`)
	lines, err := operate.Todos(t.Context(), d.owner, operate.TodoFilter{Kind: "parked"})
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, l := range lines {
		said = append(said, l.Cause, l.CauseFR)
	}
	want := []string{
		"MISMATCH: Chorus Pro holds another one (choriste ≠ Chorus Pro: montant_ttc 1200.00 ≠ 1300.00)",
		"MISMATCH : Le portail en détient une qui peut être celle-ci : numéro, date, montant, fournisseur ou destinataire n'y est pas le même, ou n'y est pas dit (choriste ≠ Chorus Pro: montant_ttc 1200.00 ≠ 1300.00)",
		"ABSENT: the account may not search",
		"ABSENT : Absence prouvée sur Chorus Pro, sans renvoi automatique (réglages, refus pour doublon, ou recherche non autorisée)",
	}
	if !slices.Equal(said[:4], want) || !strings.HasPrefix(said[4], "BUDGET: Proven absent") {
		t.Errorf("it says:\n%s", strings.Join(said, "\n"))
	}
}

// TestACreditNoteIsBelowZero in each sum that is shown: beside the invoice that it takes back, nothing is left.
func TestACreditNoteIsBelowZero(t *testing.T) {
	d := newDesk(t)
	st := store.New(d.owner)
	for _, state := range []string{"invalid", "integrated", "in_doubt"} {
		set := `destinataire_siret = '21750001600019', statut_courant = 'SUSPENDUE', statut_courant_date = now(), in_doubt_since = now()`
		d.invoice("F-"+state, state, set)
		d.invoice("A-"+state, state, set+`, type_facture = '381'`)
	}
	d.sql(fmt.Sprintf(`UPDATE chorus.invoices SET montant_ttc = 'NaN' WHERE id = %d`, d.invoice("F-unreadable", "invalid", "")))
	d.sql(`INSERT INTO chorus.recipients (siret, account) VALUES ('21750001600019', 'default')`)
	nothing := func(what string, amount decimal.Decimal) {
		if !amount.IsZero() {
			t.Errorf("%s: %s", what, amount)
		}
	}
	sums, err := operate.Sums(t.Context(), st, operate.Query{})
	if err != nil || len(sums) != 3 {
		t.Fatalf("%v, %v", sums, err)
	}
	for _, s := range sums {
		nothing("the sum of "+string(s.State), s.Amount.Decimal)
	}
	counts, err := operate.TodoCounts(t.Context(), d.owner, operate.TodoFilter{})
	if err != nil || len(counts) < 3 {
		t.Fatalf("%v, %v", counts, err)
	}
	for _, n := range counts {
		nothing("what needs somebody, "+n.Kind, n.Amount.Decimal)
	}
	list, err := operate.Invoices(t.Context(), st, operate.Listing{})
	if err != nil || len(list) != 7 {
		t.Fatalf("%v, %v", list, err)
	}
	var chosen []operate.Chosen
	for _, i := range list {
		chosen = append(chosen, operate.Chosen{ID: i.ID, UpdatedAt: i.UpdatedAt})
	}
	n, worth, err := operate.Dismissal.Count(t.Context(), st, chosen)
	if err != nil || n != 3 {
		t.Fatalf("%d, %v", n, err)
	}
	nothing("what is confirmed", worth["EUR"])
	recipients, err := st.RecipientPage(t.Context(), "", "", 10)
	if err != nil || len(recipients) != 1 || recipients[0].Open != 2 {
		t.Fatalf("%v, %v", recipients, err)
	}
	nothing("the recipient's", recipients[0].Amount.Decimal)
	restored, err := st.Restored(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range restored.LookedUp {
		nothing("what is looked up after a restore", w.Sum)
	}
	var b strings.Builder
	if err := operate.NewInvoicesCSV(&b).Write(list); err != nil || !strings.Contains(b.String(), ";-120,00\r\n") {
		t.Errorf("%v:\n%s", err, b.String())
	}
}

// TestAnInvoiceOfSeveralFindingsIsWorthOnce what it is worth.
func TestAnInvoiceOfSeveralFindingsIsWorthOnce(t *testing.T) {
	d := newDesk(t)
	id := d.invoice("F-1", "integrated", "")
	for k, code := range []string{"AMOUNT", "DATE"} {
		d.sql(fmt.Sprintf(`
			INSERT INTO chorus.findings (reconciliation_id, last_reconciliation_id, account, id_structure_cpp, deposit_day, code, subject, text, invoice_id)
			VALUES (1, 1, 'default', 1, current_date, '%s', '%d', 'they differ', %d)`, code, k, id))
	}
	counts, err := operate.TodoCounts(t.Context(), d.owner, operate.TodoFilter{Kind: "finding"})
	if err != nil || len(counts) != 1 || counts[0].Count != 2 || counts[0].Amount.Decimal.String() != "120" {
		t.Errorf("%+v, %v", counts, err)
	}
}
