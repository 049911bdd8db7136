package store_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// retained is a database whose account default keeps documents for 30 days, in which a worker has watched the clock for two days.
type retained struct {
	*testing.T
	db              *storetest.Database
	owner, operator *pgxpool.Pool
	worker          *store.Store
}

func newRetained(t *testing.T) *retained {
	db := storetest.New(t)
	r := &retained{t, db, as(t, db.URL), as(t, db.OperatorURL), store.New(db.Pool)}
	r.exec(r.owner, `UPDATE chorus.clock_watch SET since = clock_timestamp() - interval '2 days', seen = clock_timestamp()`)
	must(t, store.New(r.operator).KeepDocuments(t.Context(), "default", 30*24*time.Hour, "our policy"))
	return r
}

func (r *retained) exec(db *pgxpool.Pool, sql string) {
	r.Helper()
	if _, err := db.Exec(r.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		r.Fatalf("%s: %v", sql, err)
	}
}

// row inserts an invoice that has been in this state for so many days.
func (r *retained) row(state string, days int, set string) (id int64) {
	r.Helper()
	must(r.T, r.owner.QueryRow(r.Context(), `INSERT INTO chorus.invoices (document, metadata) VALUES ('the document', '{"dossier": 7}') RETURNING id`).Scan(&id))
	if set != "" {
		set = ", " + set
	}
	r.exec(r.owner, fmt.Sprintf(`SET session_replication_role = replica;
		UPDATE chorus.invoices SET state = '%s', numero_facture = 'N-%d', fournisseur_siret = '99999999800012', date_facture = '2026-01-01', due_at = NULL,
		    updated_at = clock_timestamp() - interval '%d days'%s WHERE id = %[2]d; SET session_replication_role = origin`, state, id, days, set))
	return id
}

func (r *retained) purged() (list []int64) {
	r.Helper()
	rows, err := r.owner.Query(r.Context(), `SELECT id FROM chorus.invoices WHERE document IS NULL ORDER BY id`)
	must(r.T, err)
	list, err = pgx.CollectRows(rows, pgx.RowTo[int64])
	must(r.T, err)
	return list
}

// try runs one statement in a transaction that is undone, and returns its SQLSTATE.
func (r *retained) try(db *pgxpool.Pool, sql string) string {
	r.Helper()
	tx, err := db.Begin(r.Context())
	must(r.T, err)
	defer func() { _ = tx.Rollback(r.Context()) }()
	_, err = tx.Exec(r.Context(), sql, pgx.QueryExecModeSimpleProtocol)
	return store.SQLState(err)
}

// What goes, and what somebody still needs.
func TestWhatAPurgeDeletes(t *testing.T) {
	t.Parallel()
	r := newRetained(t)
	var want []int64
	for _, state := range store.States {
		old := r.row(string(state), 31, "")
		r.row(string(state), 29, "")
		if slices.Contains([]store.State{"settled", "rejected", "invalid", "cancelled", "abandoned"}, state) {
			want = append(want, old)
		}
	}
	held := []int64{
		r.row("settled", 31, "claim = 1"),
		r.row("settled", 31, "claimed_until = 'infinity'"),
		r.row("rejected", 31, "reason_due_at = clock_timestamp()"),
	}
	attempt, remedy, finding, replaced, namesake := r.row("abandoned", 31, ""), r.row("settled", 31, ""), r.row("settled", 31, ""), r.row("rejected", 31, ""), r.row("abandoned", 31, "")
	held = append(held, attempt, remedy, finding, replaced, namesake)
	r.row("received", 1, fmt.Sprintf("replaces = %d", replaced))
	force(t, r.owner, r.row("in_doubt", 1, ""), fmt.Sprintf("numero_facture = 'N-%d'", namesake))
	other := r.row("settled", 31, "account = 'other'")
	r.exec(r.owner, fmt.Sprintf(`SET session_replication_role = replica;
		INSERT INTO chorus.accounts (name) VALUES ('other');
		INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline) VALUES (gen_random_uuid(), %d, 1, 'w', 'a.xml', 'x', 'e', now(), now());
		INSERT INTO chorus.remedies (invoice_id, kind, requested_by) VALUES (%d, 'complete', 'x');
		INSERT INTO chorus.structures (account, id_structure_cpp, identifiant) VALUES ('default', 1, '99999999800012');
		INSERT INTO chorus.reconciliations (account, id_structure_cpp, siret, period, requested_by) VALUES ('default', 1, '99999999800012', '[2026-01-01,2026-01-02)', 'x');
		INSERT INTO chorus.findings (reconciliation_id, last_reconciliation_id, account, id_structure_cpp, deposit_day, code, subject, invoice_id, text)
		SELECT 1, 1, 'default', 1, '2026-01-01', (SELECT min(code) FROM chorus.finding_codes), 's', %d, 't';
		SET session_replication_role = origin`, attempt, remedy, finding))
	// What goes with a document: what was kept of its deposit, attachments, and what quotes it.
	r.exec(r.owner, fmt.Sprintf(`SET session_replication_role = replica;
		INSERT INTO chorus.exchanges (attempt_id, invoice_id, exchange) VALUES (gen_random_uuid(), %[1]d, 'x'), (gen_random_uuid(), %[2]d, 'x');
		INSERT INTO chorus.remedies (invoice_id, kind, requested_by, state) VALUES (%[1]d, 'complete', 'x', 'done');
		INSERT INTO chorus.remedy_files (remedy_id, n, nom, mime, contenu) SELECT max(id), 1, 'a.pdf', 'x', 'x' FROM chorus.remedies;
		INSERT INTO chorus.invoice_findings (invoice_id, n, code, severity, message, message_fr) VALUES (%[1]d, 1, 'BR-1', 'error', 'quotes', 'cite');
		SET session_replication_role = origin`, want[0], attempt))

	list, err := store.New(r.operator).Retentions(t.Context(), "default")
	must(t, err)
	if g := list[0]; len(list) != 1 || g.Due != int64(len(want)) || g.Held != int64(len(held)) || g.Bytes != 12*g.Due || g.Exchanges != 1 || g.Files != 1 || *g.Keep != "30 days" {
		t.Errorf("counted %+v, want %d due, %d held", g, len(want), len(held))
	}
	p, err := r.worker.Purge(t.Context(), "default", 1000)
	must(t, err)
	if p != (store.Purged{Invoices: int64(len(want)), Bytes: 12 * int64(len(want)), Exchanges: 1, Files: 1}) {
		t.Errorf("purged %+v", p)
	}
	if got := r.purged(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("purged %v, want %v; held %v, other %d", got, want, held, other)
	}
	var left int
	must(t, r.owner.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM chorus.remedy_files) + (SELECT count(*) FROM chorus.invoice_findings)`).Scan(&left))
	if left != 0 {
		t.Errorf("%d files and findings are left", left)
	}
	// A line about each stays, with the hash; the application's own data, too.
	var tombs, hashes int
	must(t, r.owner.QueryRow(t.Context(), `
		SELECT count(*), count(*) FILTER (WHERE e.detail ->> 'sha256' = encode(sha256('the document'), 'hex') AND e.detail ->> 'why' = 'retention' AND (e.detail ->> 'bytes')::int = 12
		                                    AND i.document_bytes = 12 AND i.metadata = '{"dossier": 7}' AND i.purged_at > clock_timestamp() - interval '1 minute')
		FROM chorus.events e JOIN chorus.invoices i ON i.id = e.invoice_id WHERE e.reason_code = 'PURGED'`).Scan(&tombs, &hashes))
	if tombs != len(want) || hashes != len(want) {
		t.Errorf("%d tombstones, %d of them whole, want %d", tombs, hashes, len(want))
	}
	if p, err := r.worker.Purge(t.Context(), "default", 1000); err != nil || p.Invoices != 0 {
		t.Errorf("again: %+v, %v", p, err)
	}
}

// Whoever asks, the database deletes nothing else.
func TestNothingElseIsPurged(t *testing.T) {
	t.Parallel()
	r := newRetained(t)
	old, young, open := r.row("settled", 31, ""), r.row("settled", 29, ""), r.row("integrated", 400, "")
	worker, app, reader := as(t, r.db.WorkerURL), as(t, r.db.AppURL), as(t, r.db.ReaderURL)
	purge := `UPDATE chorus.invoices SET purged_at = clock_timestamp(), document = NULL, fields = NULL WHERE id = %d`
	for _, c := range []struct {
		who  *pgxpool.Pool
		sql  string
		want string
	}{
		{r.owner, fmt.Sprintf(purge, old), ""}, // what the function does, and the rules hold
		{r.owner, fmt.Sprintf(purge, young), "CH025"},
		{r.owner, fmt.Sprintf(purge, open), "CH025"},
		{r.owner, fmt.Sprintf(`UPDATE chorus.invoices SET document = NULL WHERE id = %d`, old), "CH001"},
		{r.owner, fmt.Sprintf(`UPDATE chorus.invoices SET purged_at = clock_timestamp() WHERE id = %d`, old), "CH001"},
		{r.owner, fmt.Sprintf(`UPDATE chorus.invoices SET purged_at = clock_timestamp(), document = 'other' WHERE id = %d`, old), "CH001"},
		{r.owner, fmt.Sprintf(`UPDATE chorus.invoices SET purged_at = clock_timestamp(), document = NULL, fields = NULL, metadata = NULL WHERE id = %d`, old), "CH001"},
		{r.owner, fmt.Sprintf(`UPDATE chorus.invoices SET purged_at = clock_timestamp(), document = NULL, fields = NULL, state = 'integrated' WHERE id = %d`, old), "CH001"},
		{worker, fmt.Sprintf(purge, old), "42501"},
		{worker, `UPDATE chorus.retention SET keep = '1 day'`, "42501"},
		{worker, `UPDATE chorus.clock_watch SET since = '-infinity'`, "42501"},
		{worker, `SELECT chorus.keep_documents('default', '1 day', 'x')`, "42501"},
		{worker, `SELECT chorus.erase_account('default', 'x')`, "42501"},
		{worker, `DELETE FROM chorus.exchanges`, "42501"},
		{worker, `DELETE FROM chorus.remedy_files`, "42501"},
		{app, `SELECT chorus.purge('default', 1)`, "42501"},
		{reader, `SELECT chorus.purge('default', 1)`, "42501"},
		{reader, `SELECT chorus.keep_documents('default', '1 day', 'x')`, "42501"},
		{r.operator, fmt.Sprintf(purge, old), "42501"},
		{r.operator, `SELECT chorus.keep_documents('default', '23 hours', 'x')`, "CH026"},
		{r.operator, `SELECT chorus.keep_documents('default', '-1 day', 'x')`, "CH026"},
		{r.operator, `SELECT chorus.keep_documents('default', '2 days', ' ')`, "CH021"},
		{r.operator, `SELECT chorus.keep_documents('nobody', '2 days', 'x')`, "CH020"},
		{r.operator, `SELECT chorus.erase_account('nobody', 'x')`, "CH020"},
		{r.operator, `SELECT chorus.purge('nobody', 1)`, "CH020"},
		{app, `INSERT INTO chorus.invoices (document, purged_at) VALUES ('x', now())`, "42501"},
		{r.owner, `INSERT INTO chorus.invoices (document, purged_at) VALUES ('x', now())`, "CH002"},
	} {
		if got := r.try(c.who, c.sql); got != c.want {
			t.Errorf("%s: %q, want %q", c.sql, got, c.want)
		}
	}
	// An operator who is mapped to another account reaches none of it.
	r.exec(r.owner, `INSERT INTO chorus.accounts (name) VALUES ('other'); INSERT INTO chorus.logins (login, account) SELECT regexp_replace(`+"'"+r.operator.Config().ConnConfig.User+"'"+`, '', ''), 'other'`)
	for _, sql := range []string{`SELECT chorus.purge('default', 1)`, `SELECT chorus.keep_documents('default', '2 days', 'x')`, `SELECT chorus.erase_account('default', 'x')`, `SELECT chorus.purge_count('default')`} {
		if got := r.try(r.operator, sql); got != "CH020" {
			t.Errorf("of another account: %s: %q", sql, got)
		}
	}
}

// A purge that dies is undone, and leaves nothing half; one that meets follow-up waits for nobody, and what came back to life meanwhile stays whole.
func TestAPurgeAmongOthers(t *testing.T) {
	t.Parallel()
	r := newRetained(t)
	var ids []int64
	for range 20 {
		ids = append(ids, r.row("settled", 31, "statut_courant = 'MISE_EN_PAIEMENT', identifiant_facture_cpp = currval('chorus.invoices_id_seq')"))
	}
	// Killed half-way.
	tx, err := r.owner.Begin(t.Context())
	must(t, err)
	_, err = tx.Exec(t.Context(), `SELECT chorus.purge('default', 10)`)
	must(t, err)
	var pid int
	must(t, tx.QueryRow(t.Context(), `SELECT pg_backend_pid()`).Scan(&pid))
	r.exec(r.owner, fmt.Sprintf(`SELECT pg_terminate_backend(%d)`, pid))
	_ = tx.Rollback(t.Context())
	if got := r.purged(); len(got) != 0 {
		t.Fatalf("after the kill: %v", got)
	}
	// The feed holds one row, and brings another back to life while the purge is under way.
	feed, err := r.owner.Begin(t.Context())
	must(t, err)
	_, err = feed.Exec(t.Context(), `UPDATE chorus.invoices SET state = 'integrated', statut_courant = 'SUSPENDUE' WHERE id = $1`, ids[0])
	must(t, err)
	var done sync.WaitGroup
	for range 4 {
		done.Go(func() {
			for {
				p, err := r.worker.Purge(t.Context(), "default", 3)
				if err != nil || p.Invoices == 0 {
					if err != nil {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	done.Wait()
	must(t, feed.Commit(t.Context()))
	if got := r.purged(); fmt.Sprint(got) != fmt.Sprint(ids[1:]) {
		t.Errorf("purged %v, want all of %v but the first", got, ids)
	}
	var events int
	must(t, r.owner.QueryRow(t.Context(), `SELECT count(*) FROM chorus.events WHERE reason_code = 'PURGED'`).Scan(&events))
	if events != len(ids)-1 {
		t.Errorf("%d tombstones of %d", events, len(ids)-1)
	}
}

// A row that was settled because nothing more was heard is followed when something is. Its document is gone: it cannot be sent again, and whoever tries is told why.
func TestAPurgedInvoiceComesBackToLife(t *testing.T) {
	t.Parallel()
	r := newRetained(t)
	quiet := r.row("settled", 31, "reason_code = 'QUIET', statut_courant = 'MANDATEE', identifiant_facture_cpp = 1, numero_flux_depot = 'CPP1', attempt_no = 1")
	unread, refused, flux := r.row("invalid", 31, ""), r.row("rejected", 31, "identifiant_facture_cpp = 3, statut_courant = 'REJETEE'"), r.row("rejected", 31, "reason_code = 'FLUX_REJECTED'")
	_, err := r.worker.Purge(t.Context(), "default", 100)
	must(t, err)
	for _, to := range []string{"integrated", "settled", "integrated", "settled", "rejected", "integrated", "settled", "parked"} {
		set := ""
		if to == "parked" {
			set = ", reason_code = 'SEVERAL'"
		}
		r.exec(r.owner, fmt.Sprintf(`UPDATE chorus.invoices SET state = '%s'%s WHERE id = %d`, to, set, quiet))
	}
	if got := r.try(r.owner, fmt.Sprintf(`SET LOCAL session_replication_role = replica; UPDATE chorus.invoices SET state = 'in_doubt' WHERE id = %d; SET LOCAL session_replication_role = origin;
		UPDATE chorus.invoices SET state = 'ready' WHERE id = %[1]d`, quiet)); got != "CH001" && got != "CH005" {
		t.Errorf("ready without a document: %q", got)
	}
	st := store.New(r.operator)
	for id, act := range map[int64]func(id int64) error{
		unread: func(id int64) error { _, err := st.Retry(t.Context(), id, "x", nil); return err },
		flux:   func(id int64) error { _, err := st.Retry(t.Context(), id, "x", nil); return err },
		quiet: func(id int64) error {
			r.exec(r.owner, fmt.Sprintf(`SET session_replication_role = replica; UPDATE chorus.invoices SET identifiant_facture_cpp = NULL WHERE id = %d; SET session_replication_role = origin`, id))
			_, err := r.operator.Exec(t.Context(), `SELECT chorus.resolve($1, 'resubmit', 'x')`, id)
			return err
		},
	} {
		if err := act(id); store.SQLState(err) != "CH022" || !strings.Contains(err.Error(), "its document was purged on ") {
			t.Errorf("invoice %d: %v", id, err)
		}
	}
	// A replacement brings a document of its own.
	_, err = r.operator.Exec(t.Context(), `INSERT INTO chorus.invoices (document, replaces) VALUES ('the corrected one', $1)`, refused)
	must(t, err)
}

// A clock that was set, whether a worker saw it or none ran, purges nothing for a day.
func TestAClockThatWasSetPurgesNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		seen bool // a worker sees the step; otherwise none runs, and the next one starts after it
	}{{"seen", true}, {"unseen", false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, clock := clocked(t)
			operator := as(t, b.owner.Config().ConnString())
			must(t, store.New(operator).KeepDocuments(t.Context(), "default", 30*24*time.Hour, "x"))
			exec := func(sql string) {
				_, err := b.owner.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
				must(t, err)
			}
			exec(`INSERT INTO chorus.invoices (document) VALUES ('x'); SET session_replication_role = replica; UPDATE chorus.invoices SET state = 'settled'; SET session_replication_role = origin`)
			purgeable := func() bool {
				t.Helper()
				list, err := b.worker.Purgeable(t.Context())
				must(t, err)
				return len(list) > 0
			}
			hours := func(n int) {
				t.Helper()
				for range n {
					must(t, clock.Advance(t.Context(), time.Hour))
					purgeable()
				}
			}
			if purgeable() {
				t.Error("at the very start, the clock counts as watched")
			}
			hours(25)
			if !purgeable() {
				t.Fatal("a day later, it does not")
			}
			must(t, clock.Step(t.Context(), 10*365*24*time.Hour))
			if c.seen {
				exec(`SELECT chorus.clock_stepped(` + fmt.Sprint(10*365*86400) + `)`)
			}
			if purgeable() {
				t.Error("ten years later, at once")
			}
			if p, err := b.worker.Purge(t.Context(), "default", 10); store.SQLState(err) != "CH025" {
				t.Errorf("a purge: %+v, %v", p, err)
			}
			hours(23)
			if purgeable() {
				t.Error("within the day")
			}
			hours(2)
			if !purgeable() {
				t.Error("never again")
			}
		})
	}
}

// An account that is erased takes nothing new, and loses a day later all that is final, with the application's own data; what keeps an invoice from being sent twice stays.
func TestErasure(t *testing.T) {
	t.Parallel()
	r := newRetained(t)
	st := store.New(r.operator)
	before := r.row("settled", 31, "")
	_, err := r.worker.Purge(t.Context(), "default", 10)
	must(t, err)
	young, open := r.row("settled", 1, ""), r.row("integrated", 1, "")
	from, err := st.EraseAccount(t.Context(), "default", "the contract ended")
	must(t, err)
	if d := time.Until(from); d < 23*time.Hour || d > 25*time.Hour {
		t.Errorf("from %s on", from)
	}
	if got := r.try(as(t, r.db.AppURL), `INSERT INTO chorus.invoices (document) VALUES ('x')`); got != "CH013" {
		t.Errorf("a new invoice: %q", got)
	}
	if p, err := r.worker.Purge(t.Context(), "default", 10); err != nil || p.Invoices != 0 {
		t.Errorf("at once: %+v, %v", p, err)
	}
	r.exec(r.owner, `UPDATE chorus.retention SET erase_after = clock_timestamp() - interval '1 minute'`)
	list, err := st.Retentions(t.Context(), "default")
	must(t, err)
	if list[0].Due != 2 || list[0].NotFinal != 1 {
		t.Errorf("counted %+v", list[0])
	}
	p, err := r.worker.Purge(t.Context(), "default", 10)
	must(t, err)
	if p.Invoices != 2 || p.Bytes != 12 {
		t.Errorf("erased %+v", p)
	}
	var left string
	must(t, r.owner.QueryRow(t.Context(), `SELECT string_agg(id || ':' || (document IS NULL)::int || (metadata IS NULL)::int || (numero_facture IS NOT NULL)::int || (document_sha256 IS NOT NULL)::int, ' ' ORDER BY id) FROM chorus.invoices`).Scan(&left))
	if want := fmt.Sprintf("%d:1111 %d:1111 %d:0011", before, young, open); left != want {
		t.Errorf("left is %s, want %s", left, want)
	}
	if p, err := r.worker.Purge(t.Context(), "default", 10); err != nil || p.Invoices != 0 {
		t.Errorf("again: %+v, %v", p, err)
	}
	must(t, st.KeepDocuments(t.Context(), "default", 0, "a mistake"))
	if got := r.try(as(t, r.db.AppURL), `INSERT INTO chorus.invoices (document) VALUES ('x')`); got != "" {
		t.Errorf("after it was taken back: %q", got)
	}
}

// A quarantine marks what was never sent to be looked up first. It leaves all the same, is never read or sent again, and one of its number that is inserted later is looked up first.
func TestWhatIsLookedUpFirstIsPurged(t *testing.T) {
	t.Parallel()
	r := newRetained(t)
	invalid, received := r.row("invalid", 1, ""), r.row("received", 1, "")
	r.exec(r.owner, `SELECT chorus.quarantine('failover', 0, '{}', clock_timestamp(), false, interval '5 hours', 10)`)
	r.exec(r.owner, fmt.Sprintf(`UPDATE chorus.invoices SET state = 'cancelled' WHERE id = %d;
		SET session_replication_role = replica; UPDATE chorus.invoices SET updated_at = clock_timestamp() - interval '31 days'; SET session_replication_role = origin`, received))
	var marked int
	must(t, r.owner.QueryRow(t.Context(), `SELECT count(*) FROM chorus.invoices WHERE lookup_first`).Scan(&marked))
	if p, err := r.worker.Purge(t.Context(), "default", 10); err != nil || p.Invoices != 2 || marked != 2 {
		t.Errorf("purged %+v of %d that are marked: %v", p, marked, err)
	}
	for _, state := range []string{"received", "ready", "sending"} {
		if got := r.try(r.owner, fmt.Sprintf(`SET LOCAL session_replication_role = replica; UPDATE chorus.invoices SET state = 'in_doubt' WHERE id = %d; SET LOCAL session_replication_role = origin;
			INSERT INTO chorus.transitions (from_state, to_state, about) VALUES ('in_doubt', 'received', 'x'), ('in_doubt', 'sending', 'x');
			UPDATE chorus.invoices SET state = '%s' WHERE id = %[1]d`, invalid, state)); got != "CH001" && got != "CH005" {
			t.Errorf("purged, and then %s: %q", state, got)
		}
	}
	for _, first := range []int64{invalid, received} {
		var again int64
		must(t, r.owner.QueryRow(t.Context(), `INSERT INTO chorus.invoices (document) VALUES ('corrected') RETURNING id`).Scan(&again))
		var looked bool
		must(t, r.owner.QueryRow(t.Context(), `UPDATE chorus.invoices SET state = 'ready', numero_facture = 'N-' || $2, fournisseur_siret = '99999999800012', date_facture = '2026-01-01'
			WHERE id = $1 RETURNING lookup_first`, again, fmt.Sprint(first)).Scan(&looked))
		if !looked {
			t.Errorf("the namesake of invoice %d is not looked up first", first)
		}
	}
}

// The longest time that the command takes is taken by the database, too.
func TestTheLongestRetention(t *testing.T) {
	t.Parallel()
	r := newRetained(t)
	st := store.New(r.operator)
	must(t, st.KeepDocuments(t.Context(), "default", 36500*24*time.Hour, "x"))
	if err := st.KeepDocuments(t.Context(), "default", 36501*24*time.Hour, "x"); store.SQLState(err) != "CH026" {
		t.Errorf("a day more: %v", err)
	}
}

// What is attached to an invoice that came back to life after it was purged leaves when it is final again and old enough, or the account is erased; with metadata or without.
func TestFilesOfAPurgedInvoice(t *testing.T) {
	t.Parallel()
	r := newRetained(t)
	st := store.New(r.operator)
	var ids []int64
	for n := range 2 {
		ids = append(ids, r.row("settled", 31, fmt.Sprintf("statut_courant = 'MANDATEE', identifiant_facture_cpp = %d, attempt_no = 1, metadata = CASE WHEN %[1]d = 0 THEN metadata END", n)))
	}
	purge := func(want store.Purged) {
		t.Helper()
		list, err := st.Retentions(t.Context(), "default")
		must(t, err)
		if g := list[0]; g.Due != want.Invoices || g.Files != want.Files || g.Exchanges != want.Exchanges || g.Bytes != want.Bytes {
			t.Errorf("counted %+v, want %+v", g, want)
		}
		for _, want := range []store.Purged{want, {}} {
			if p, err := r.worker.Purge(t.Context(), "default", 10); err != nil || p != want {
				t.Errorf("purged %+v, want %+v: %v", p, want, err)
			}
		}
	}
	again := func(days int) {
		t.Helper()
		r.exec(r.owner, `UPDATE chorus.invoices SET state = 'integrated', statut_courant = 'SUSPENDUE'`)
		for _, id := range ids {
			r.exec(r.operator, fmt.Sprintf(`INSERT INTO chorus.attachments (invoice_id, nom, contenu) VALUES (%d, 'iban.pdf', 'personal')`, id))
		}
		r.exec(r.owner, fmt.Sprintf(`UPDATE chorus.invoices SET state = 'settled', statut_courant = 'MISE_EN_PAIEMENT'; SET session_replication_role = replica; UPDATE chorus.remedies SET state = 'done';
			INSERT INTO chorus.exchanges (attempt_id, invoice_id, exchange) VALUES (gen_random_uuid(), %d, 'x');
			UPDATE chorus.invoices SET purged_at = purged_at - interval '100 days', updated_at = clock_timestamp() - interval '%d days'; SET session_replication_role = origin`, ids[0], days))
	}
	purge(store.Purged{Invoices: 2, Bytes: 24})
	again(29)
	purge(store.Purged{})
	r.exec(r.owner, `SET session_replication_role = replica; UPDATE chorus.invoices SET updated_at = clock_timestamp() - interval '31 days', claim = CASE WHEN metadata IS NULL THEN 1 END; SET session_replication_role = origin`)
	if list, err := st.Retentions(t.Context(), "default"); err != nil || list[0].Due != 1 || list[0].Held != 1 {
		t.Errorf("with one that somebody holds: %+v, %v", list, err)
	}
	r.exec(r.owner, `SET session_replication_role = replica; UPDATE chorus.invoices SET claim = NULL; SET session_replication_role = origin`)
	purge(store.Purged{Invoices: 2, Exchanges: 1, Files: 2})
	again(1)
	_, err := st.EraseAccount(t.Context(), "default", "x")
	must(t, err)
	r.exec(r.owner, `UPDATE chorus.retention SET erase_after = clock_timestamp() - interval '1 minute'`)
	purge(store.Purged{Invoices: 2, Exchanges: 1, Files: 2})
	var left int
	must(t, r.owner.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM chorus.remedy_files) + (SELECT count(*) FROM chorus.attachments) + (SELECT count(*) FROM chorus.exchanges)`).Scan(&left))
	if left != 0 {
		t.Errorf("%d files and exchanges are left", left)
	}
}
