package store_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/choriste/choriste/store/storetest"
)

// besieged is a database of two accounts. The application of lyon, an operator of lyon, and others try to get at what is nantes's.
type besieged struct {
	owner *pgx.Conn
	conns map[string]*pgx.Conn
	heard *strings.Builder // what the server said beside results
}

const besiegedSQL = `
	INSERT INTO chorus.accounts (name) VALUES ('lyon'), ('nantes');
	INSERT INTO chorus.invoices (account, external_ref, document) VALUES
	    ('lyon', 'LYON-1', 'x'), ('nantes', 'SECRET-2', 'x'), ('nantes', 'SECRET-3', 'x'), ('nantes', 'SECRET-4', 'x'), ('nantes', 'SECRET-5', 'x'), ('nantes', 'SECRET-6', 'x'),
	    ('lyon', 'LYON-7', 'x');
	SELECT chorus.pause('nantes', 'SECRET pause'), chorus.pause('nantes', NULL), chorus.allow_resubmit('SECRET for all');
	INSERT INTO chorus.structures (account, id_structure_cpp, identifiant) VALUES ('nantes', 1, '99999999900001'), ('lyon', 2, '99999999900002');
	INSERT INTO chorus.strangers (account, id_structure_cpp, identifiant_facture_cpp, numero_facture) VALUES ('nantes', 1, 5, 'SECRET stranger');
	INSERT INTO chorus.reconciliations (account, id_structure_cpp, siret, period, requested_by) VALUES ('nantes', 1, '99999999900001', '[2026-01-01,2026-01-08)', 'SECRET');
	INSERT INTO chorus.findings (reconciliation_id, last_reconciliation_id, account, id_structure_cpp, deposit_day, code, subject, text)
	    VALUES (1, 1, 'nantes', 1, '2026-01-02', 'AMOUNT', 'SECRET', 'SECRET finding');
	INSERT INTO chorus.webhooks (name, account, cursor) VALUES ('SECRET-hook', 'nantes', 5), ('all', NULL, 5);
	INSERT INTO chorus.recipients (siret) VALUES ('77777777700007');
	INSERT INTO chorus.invoice_findings (invoice_id, n, code, severity, message, message_fr) SELECT id, 1, 'BR-01', 'error', external_ref, external_ref FROM chorus.invoices;
	SET session_replication_role = replica;
	INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline, finished_at, outcome, numero_flux_depot)
	    VALUES (gen_random_uuid(), 6, 1, 'w', 'SECRET-file', 'x', 'e', now(), now(), now(), 'ACCEPTED', 'SECRET-flux');
	UPDATE chorus.invoices SET numero_facture = 'SECRET-N' || id, fournisseur_siret = '99999999900001', date_facture = '2026-01-01' WHERE account = 'nantes';
	UPDATE chorus.invoices SET state = 'integrated', statut_courant = 'SUSPENDUE', identifiant_facture_cpp = 77, destinataire_siret = '77777777700007' WHERE id = 3;
	UPDATE chorus.invoices SET state = 'rejected', statut_courant = 'REJETEE', identifiant_facture_cpp = 78 WHERE id = 4;
	UPDATE chorus.invoices SET state = 'invalid' WHERE id = 5;
	UPDATE chorus.invoices SET state = 'parked', attempt_no = 1 WHERE id = 6;
	RESET session_replication_role;
	SELECT chorus.complete(3, 'SECRET words'), chorus.attach(1, 'SECRET.pdf', 'x');
	ANALYZE chorus.invoices`

func besiege(t *testing.T) *besieged {
	t.Helper()
	db := storetest.New(t)
	b := &besieged{conns: map[string]*pgx.Conn{}, heard: &strings.Builder{}}
	b.owner = b.connect(t, db.URL, "", "")
	prefix := b.owner.Config().Database
	b.do(t, besiegedSQL)
	for name, url := range map[string]string{"worker": db.WorkerURL, "reader": db.ReaderURL, "operator": db.OperatorURL} {
		b.conns[name] = b.connect(t, url, "", "")
	}
	for name, role := range map[string]string{"app of lyon": "chorus_app", "operator of lyon": "chorus_operator", "app of nobody": "chorus_app", "nobody": ""} {
		login := prefix + "_" + strings.ReplaceAll(name, " ", "_")
		b.do(t, `CREATE ROLE `+login+` LOGIN PASSWORD 'x'`)
		t.Cleanup(func() { b.do(t, `DROP OWNED BY `+login+`; DROP ROLE `+login) })
		if role != "" {
			b.do(t, `GRANT `+role+` TO `+login)
		}
		if strings.HasSuffix(name, "of lyon") {
			b.do(t, `INSERT INTO chorus.logins (login, account) VALUES ('`+login+`', 'lyon')`)
		}
		b.conns[name] = b.connect(t, db.URL, login, "x")
		t.Cleanup(func() { _ = b.conns[name].Close(context.WithoutCancel(t.Context())) })
	}
	return b
}

func (b *besieged) connect(t *testing.T, url, login, password string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	if login != "" {
		config.User, config.Password = login, password
	}
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { b.heard.WriteString(n.Message + n.Detail + n.Hint) }
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if login == "" {
		t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	}
	return conn
}

func (b *besieged) do(t *testing.T, sql string) {
	t.Helper()
	if _, err := b.owner.PgConn().Exec(context.WithoutCancel(t.Context()), sql).ReadAll(); err != nil {
		t.Fatal(err)
	}
}

// try runs an attack in a transaction that is rolled back. It returns "=" and the first value of the last result, or the SQLSTATE; and all that was said.
func (b *besieged) try(t *testing.T, who, sql string) (got, said string) {
	t.Helper()
	b.heard.Reset()
	conn := b.conns[who].PgConn()
	results, err := conn.Exec(t.Context(), `BEGIN; `+sql).ReadAll()
	if _, rollback := conn.Exec(t.Context(), `ROLLBACK; RESET ALL; RESET ROLE`).ReadAll(); rollback != nil {
		t.Fatal(rollback)
	}
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code, pgErr.Message + pgErr.Detail + pgErr.Hint + pgErr.Where + b.heard.String()
	}
	if err != nil {
		t.Fatal(err)
	}
	last := results[len(results)-1]
	got = "="
	for _, result := range results {
		for _, row := range result.Rows {
			for _, value := range row {
				b.heard.Write(value)
			}
		}
	}
	if len(last.Rows) > 0 && len(last.Rows[0]) > 0 {
		got += string(last.Rows[0][0])
	}
	return got, b.heard.String()
}

// Whatever a login tries, it gets the answer that is written here, and nothing that it hears holds what is another account's.
func TestAttacksOfEachRole(t *testing.T) {
	b := besiege(t)
	n := 0
	for who, attacks := range attacksOf {
		for _, a := range attacks {
			n++
			got, said := b.try(t, who, a.sql)
			if got != a.want {
				t.Errorf("%s: %s\ngives %s, want %s: %s", who, a.sql, got, a.want, said)
			}
			if who != "operator" && who != "reader" && who != "worker" && strings.Contains(said, "SECRET") && !strings.Contains(a.sql, "SECRET") {
				t.Errorf("%s: %s\nhears %s", who, a.sql, said)
			}
		}
	}
	t.Logf("%d attacks", n)
	// Nobody learns from the words which accounts there are.
	_, other := b.try(t, "app of lyon", `INSERT INTO chorus.invoices (document, account) VALUES ('x', 'nantes')`)
	_, none := b.try(t, "app of lyon", `INSERT INTO chorus.invoices (document, account) VALUES ('x', 'nowhere')`)
	if other != none {
		t.Errorf("%q of an account that is another's, %q of one that does not exist", other, none)
	}
	var invoices, ready int
	err := b.owner.QueryRow(t.Context(), `SELECT count(*), count(*) FILTER (WHERE cancel_requested_at IS NOT NULL) FROM chorus.invoices`).Scan(&invoices, &ready)
	if err != nil || invoices != 7 || ready != 0 {
		t.Errorf("after all this there are %d rows, %d cancelled, %v", invoices, ready, err)
	}
}

// As long as no login is mapped, an application has the account default and hears of the whole database; from the first line on, it has what is mapped to it.
func TestMappingLogins(t *testing.T) {
	db := storetest.New(t)
	owner, app := as(t, db.URL), as(t, db.AppURL)
	if _, err := owner.Exec(t.Context(), `INSERT INTO chorus.accounts (name) VALUES ('lyon'); INSERT INTO chorus.invoices (account, document) VALUES ('lyon', 'x'), ('default', 'x');
		SELECT chorus.allow_resubmit('for all')`); err != nil {
		t.Fatal(err)
	}
	sees := func() (s string) {
		err := app.QueryRow(t.Context(), `SELECT format('%s %s %s %s', (SELECT string_agg(account, ',') FROM chorus.invoice_status), (SELECT string_agg(account, ',') FROM chorus.invoices),
			(SELECT count(*) FROM chorus.events WHERE invoice_id IS NOT NULL), (SELECT count(*) FROM chorus.events WHERE reason_code = 'RESUBMIT_ALLOWED'))`).Scan(&s)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if got := sees(); got != "default default 1 1" {
		t.Errorf("without a mapping: %s", got)
	}
	if _, err := owner.Exec(t.Context(), `INSERT INTO chorus.logins (login, account) VALUES ('chorus_reader', 'default')`); err != nil {
		t.Fatal(err)
	}
	if got := sees(); got != "  0 0" {
		t.Errorf("another one is mapped: %s", got)
	}
	db.Map(t, "lyon")
	if got := sees(); got != "lyon lyon 1 0" {
		t.Errorf("mapped: %s", got)
	}
	var events string
	err := owner.QueryRow(t.Context(), `SELECT string_agg(reason_code || ' ' || (detail ->> 'account'), ',' ORDER BY id) FROM chorus.events WHERE reason_code LIKE 'LOGIN%'`).Scan(&events)
	if err != nil || events != "LOGIN_MAPPED default,LOGIN_MAPPED lyon" {
		t.Errorf("%s, %v", events, err)
	}
	for sql, want := range map[string]string{
		`INSERT INTO chorus.logins (login, account) VALUES ('nobody_of_this_name', 'lyon')`: "CH042",
		`INSERT INTO chorus.logins (login, account) VALUES ('chorus_app', 'nowhere')`:       "23503",
		`UPDATE chorus.logins SET account = 'default'`:                                      "CH003",
	} {
		_, err := owner.Exec(t.Context(), sql)
		var pgErr *pgconn.PgError
		if !errors.As(err, &pgErr) || pgErr.Code != want {
			t.Errorf("%s: %v, want %s", sql, err, want)
		}
	}
}

// What is dispatched is found by the index of its step, as before there were rules of rows: the worker's policy costs nothing.
func TestTheWorkersStatementsPayNothingForTheRules(t *testing.T) {
	db := storetest.New(t)
	owner, worker := as(t, db.URL), as(t, db.WorkerURL)
	if _, err := owner.Exec(t.Context(), `INSERT INTO chorus.invoices (document) SELECT 'x' FROM generate_series(1, 3000); ANALYZE chorus.invoices`); err != nil {
		t.Fatal(err)
	}
	plan := func(sql string) string {
		rows, err := worker.Query(t.Context(), `EXPLAIN (COSTS OFF) `+sql)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(lines, "\n")
	}
	for sql, index := range map[string]string{
		`SELECT id FROM chorus.invoices WHERE state = 'received' AND account = 'default' AND due_at <= clock_timestamp() ORDER BY priority DESC, id LIMIT 10 FOR UPDATE SKIP LOCKED`: "invoices_received",
		`UPDATE chorus.invoices SET claimed_until = NULL WHERE id = 7 AND claim = 3`:                                                                                                 "Index Cond: (id = 7)",
		`UPDATE chorus.attempts SET outcome = 'NOT_SENT' WHERE invoice_id = 7 AND n = 1`:                                                                                             "attempts_invoice_id_n_key",
		`SELECT * FROM chorus.events WHERE seq IS NULL ORDER BY id LIMIT 100`:                                                                                                        "events_first_unsequenced",
		`SELECT id FROM chorus.invoices WHERE numero_facture = 'x' AND metadata ->> 'a' = 'b'`:                                                                                       "invoices_numero",
		`SELECT 1 FROM chorus.invoices WHERE account = 'default' AND external_ref = 'x'`:                                                                                             "invoices_external_ref_key",
	} {
		if got := plan(sql); !strings.Contains(got, index) || strings.Contains(got, "my_accounts") || strings.Contains(got, "InitPlan") {
			t.Errorf("%s\n%s", sql, got)
		}
	}
	// An application finds its rows by the key, too.
	var lines []string
	rows, err := as(t, db.AppURL).Query(t.Context(), `EXPLAIN (COSTS OFF) SELECT state FROM chorus.invoice_status WHERE external_ref = 'F-1'`)
	if err == nil {
		lines, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if got := strings.Join(lines, "\n"); err != nil || !strings.Contains(got, "invoices_external_ref_key") {
		t.Errorf("%s, %v", got, err)
	}
}
