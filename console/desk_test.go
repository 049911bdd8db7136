package console_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/console"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// hostile is a text that does something wherever it is not escaped.
const hostile = `<script>document.title='owned'</script>"'><img src=x onerror=alert(1)>{{.}}` + "\u202e\x1b[31m"

// desk is a database with one of everything that pages show, and the pages over it, as the worker's login sees them.
type desk struct {
	testing.TB
	owner *pgxpool.Pool
	store *store.Store
	http.Handler
	operatorURL string
	users       atomic.Pointer[[]console.User] // who may sign in
	log         *logged
}

func newDesk(t testing.TB) *desk {
	db := storetest.New(t)
	connect := func(url string) *pgxpool.Pool {
		pool, err := store.Connect(t.Context(), url, "test", 4)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		return pool
	}
	d := &desk{TB: t, owner: connect(db.URL), store: store.New(connect(db.WorkerURL)), operatorURL: db.OperatorURL, log: newLogged()}
	d.Handler = console.Handler(console.Config{Store: d.store, Settings: someSettings})
	return d
}

// someSettings are of each kind that the page of settings tells apart.
func someSettings() []console.Setting {
	return []console.Setting{
		{Name: "DATABASE_URL", Secret: true, Value: "postgres://choriste@db.example.net:5432/choriste", From: console.FromFile, File: "/etc/choriste/database_url", Changed: time.Now().Add(-50 * time.Hour)},
		{Name: "CHORUS_ENV", Value: "sandbox", From: console.FromDefault},
		{Name: "CHORUS_API_URL", Value: "https://sandbox-api.piste.gouv.fr", From: console.FromOthers},
		{Name: "CHORISTE_PROXY"},
		{Name: "CHORUS_LOGIN", Value: "TECH_SECRET@cpro.fr", From: console.FromEnvironment},
		{Name: "CHORUS_PASSWORD", Secret: true, From: console.FromEnvironment},
		{Name: "CHORISTE_HOSTS", Value: hostile, From: console.FromEnvironment},
	}
}

// sql executes statements as the owner, past the rules of the rows. :x stands for the hostile text.
func (d *desk) sql(statements ...string) {
	d.Helper()
	tx, err := d.owner.Begin(d.Context())
	if err != nil {
		d.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(d.Context())) }()
	for _, sql := range append([]string{`SET LOCAL session_replication_role = replica`}, statements...) {
		sql = strings.ReplaceAll(sql, ":x", "'"+strings.ReplaceAll(hostile, "'", "''")+"'")
		if _, err := tx.Exec(d.Context(), sql); err != nil {
			d.Fatalf("%s: %v", sql, err)
		}
	}
	if _, err := tx.Exec(d.Context(), `SELECT chorus.recount(false)`); err != nil {
		d.Fatal(err)
	}
	if err := tx.Commit(d.Context()); err != nil {
		d.Fatal(err)
	}
}

// invoice inserts one in a state; set is the rest of an UPDATE.
func (d *desk) invoice(number, state, set string) (id int64) {
	d.Helper()
	if err := d.owner.QueryRow(d.Context(), `INSERT INTO chorus.invoices (document) VALUES ('x') RETURNING id`).Scan(&id); err != nil {
		d.Fatal(err)
	}
	if set != "" {
		set = ", " + set
	}
	d.sql(fmt.Sprintf(`
		UPDATE chorus.invoices
		SET state = '%s', numero_facture = '%s', date_facture = '2026-11-02', fournisseur_siret = '99999999800012', destinataire_siret = '00000000007654',
		    montant_ttc = 1234567.5, devise = 'EUR', updated_at = clock_timestamp()%s
		WHERE id = %d`, state, number, set, id))
	return id
}

// everyday fills the desk with an ordinary morning.
func (d *desk) everyday() {
	d.Helper()
	d.sql(
		`INSERT INTO chorus.heartbeats (worker, horizon) VALUES ('host-1/4711', '4 hours')`,
		`INSERT INTO chorus.breakers (key, scope, name, state, since, fault, announced) VALUES ('portal/1', 'portal', 'api.example', 'open', now() - interval '5 minutes', 'network', true)`,
		`UPDATE chorus.accounts SET password_expires = (clock_timestamp() AT TIME ZONE 'Europe/Paris')::date + 12`,
		`INSERT INTO chorus.secrets (key, hash, name, since) VALUES ('1', 'h', 'main', now() - interval '90 days')`,
		`INSERT INTO chorus.tokens (key, refreshed_at, expires_at) VALUES ('1', now() - interval '10 minutes', now() + interval '50 minutes')`,
		`INSERT INTO chorus.recipients (siret, name, id_structure_cpp, active, never_reports_payment, service_required, checked_at)
		 VALUES ('00000000007654', 'Commune d''Exemple', 42, true, true, true, now()), ('00000000009999', NULL, NULL, NULL, NULL, NULL, NULL)`,
		`INSERT INTO chorus.webhooks (name, cursor) VALUES ('erp', 0)`,
		`INSERT INTO chorus.saved_views (name, query, saved_by) VALUES ('À trancher', 'state:parked', 'operator/console:claire'), ('Old debts', 'is:unpaid older:30d', 'operator/choriste:paul')`,
	)
	d.invoice("F-1", "integrated", `statut_courant = 'SUSPENDUE', statut_courant_date = now() - interval '3 days', statut_commentaire = 'PJ_ABS : bon de livraison', identifiant_facture_cpp = 1`)
	d.invoice("F-2", "in_doubt", `reason_code = 'AMBIGUOUS', in_doubt_since = clock_timestamp() - interval '5 minutes', attempt_no = 1`)
	d.invoice("F-3", "parked", `reason_code = 'MISMATCH', reason = 'Chorus Pro holds an invoice of this number that differs from this one (choriste ≠ Chorus Pro: montant_ttc 1200.00 ≠ 1300.00)', attempt_no = 1`)
	d.invoice("F-4", "rejected", `reason_code = 'FLUX_REJECTED', reason = 'L''element (CreditNote.DocumentCurrencyCode.value) est obligatoire'`)
	d.invoice("F-5", "settled", `statut_courant = 'MISE_EN_PAIEMENT', statut_courant_date = now(), numero_flux_depot = 'CPP0001', attempt_no = 1`)
	d.invoice("F-6", "invalid", `reason_code = 'CH-IBAN', reason = 'BT-84 is wrong', findings = 12`)
	d.sql(
		`INSERT INTO chorus.invoice_findings (invoice_id, n, code, severity, term, value, "where", message, message_fr, remedy, remedy_fr)
		 SELECT 6, n, 'CH-IBAN', 'error', 'BT-84', 'FR76 ' || n, 'place ' || n, 'the IBAN is wrong', 'l''IBAN est faux', 'write it', 'écrivez-le' FROM generate_series(1, 12) n`,
		`INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline, finished_at, outcome, evidence)
		 SELECT gen_random_uuid(), id, 1, 'host-1/4711', 'F' || id || '.xml', 'x', 'e', now() - interval '2 minutes', now() - interval '110 seconds', now() - interval '119 seconds',
		        CASE id WHEN 5 THEN 'ACCEPTED' ELSE 'AMBIGUOUS' END,
		        '{"status": 504, "libelle": "Gateway Timeout", "took_ms": 1000, "wrote": true}'::jsonb || jsonb_build_object('lookups',
		            jsonb_build_array(jsonb_build_object('at', now() - interval '1 minute', 'age_ns', 60000000000, 'complete', true, 'absent', true)))
		 FROM generate_series(2, 5) id WHERE id <> 4`,
		`INSERT INTO chorus.reconciliations (account, id_structure_cpp, siret, period, requested_by, state, finished_at)
		 VALUES ('default', 1, '99999999800012', '[2026-11-01,2026-11-08)', 'nightly', 'done', now())`,
		`INSERT INTO chorus.findings (reconciliation_id, last_reconciliation_id, code, account, id_structure_cpp, subject, invoice_id, numero_facture, deposit_day, text, here, portal)
		 VALUES (1, 1, 'AMOUNT', 'default', 1, 'i3', 3, 'F-3', '2026-11-02', 'the amounts differ',
		         '{"numero_facture": "F-3", "montant_ttc": "120.00", "devise": "EUR"}', '{"numero_facture": "F-3", "montant_ttc": "100.00", "devise": "EUR"}')`,
	)
}

// hostility puts the hostile text into everything that others write.
func (d *desk) hostility() (id int64) {
	d.Helper()
	id = d.invoice("X", "parked", `external_ref = :x, reason_code = 'SEVERAL', reason = :x, statut_courant = left(:x, 60), statut_commentaire = :x,
		findings = 1, numero_flux_depot = left(:x, 50), attempt_no = 1,
		metadata = jsonb_build_object(:x::text, :x::text, 'a', jsonb_build_array(:x::text, jsonb_build_object('b', :x::text)))`)
	d.sql(
		fmt.Sprintf(`UPDATE chorus.invoices SET numero_facture = :x, fournisseur_siret = left(:x, 14), destinataire_siret = left(:x, 14), devise = left(:x, 3) WHERE id = %d`, id),
		fmt.Sprintf(`INSERT INTO chorus.invoice_findings (invoice_id, n, code, severity, term, value, "where", message, message_fr, remedy, remedy_fr)
			VALUES (%d, 1, left(:x, 60), 'error', left(:x, 60), :x, :x, :x, :x, :x, :x)`, id),
		fmt.Sprintf(`INSERT INTO chorus.events (invoice_id, actor, from_state, to_state, reason_code, detail)
			VALUES (%d, :x, 'in_doubt', 'parked', :x, jsonb_build_object('reason', :x::text, :x::text, :x::text, 'statut_courant', :x::text))`, id),
		fmt.Sprintf(`INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline, finished_at, outcome, evidence)
			VALUES (gen_random_uuid(), %d, 1, :x, 'x.xml', 'x', 'e', now(), now(), now(), 'REFUSED', jsonb_build_object('libelle', :x::text, :x::text, 1,
				'lookups', jsonb_build_array(jsonb_build_object('code', :x::text, 'at', now()))))`, id),
		fmt.Sprintf(`INSERT INTO chorus.remedies (invoice_id, kind, state, reason, requested_by, comment) VALUES (%d, 'complete', 'refused', :x, :x, :x)`, id),
		`UPDATE chorus.accounts SET paused_at = now(), pause_reason = :x`,
		`INSERT INTO chorus.webhooks (name, cursor, failing_since, failures, last_error, events) VALUES ('x', 0, now() - interval '1 hour', 3, :x, ARRAY[:x])`,
		`INSERT INTO chorus.saved_views (name, query, saved_by) VALUES ('<script>document.title=''owned''</script>"''><img src=x>{{.}}', :x, :x)`,
		`UPDATE chorus.recipients SET name = :x`,
		`UPDATE chorus.heartbeats SET worker = :x`,
		`UPDATE chorus.secrets SET name = :x`,
		`UPDATE chorus.tokens SET failures = 2, failure = :x`,
		`UPDATE chorus.breakers SET name = :x, fault = :x`,
		`UPDATE chorus.findings SET text = :x, numero_facture = :x, here = jsonb_build_object('montant_ttc', :x::text), portal = jsonb_build_object('statut', :x::text)`,
	)
	return id
}

// get asks for a page in a language.
func (d *desk) get(lang, path string) *httptest.ResponseRecorder {
	d.Helper()
	r := httptest.NewRequestWithContext(d.Context(), http.MethodGet, path, nil)
	r.Header.Set("Accept-Language", lang)
	rec := httptest.NewRecorder()
	d.ServeHTTP(rec, r)
	return rec
}

// see fails unless the page is there and says all of these.
func (d *desk) see(lang, path string, want ...string) string {
	d.Helper()
	rec := d.get(lang, path)
	if rec.Code != http.StatusOK {
		d.Fatalf("%s: %d %s", path, rec.Code, rec.Body)
	}
	for _, w := range want {
		if !strings.Contains(rec.Body.String(), w) {
			d.Errorf("%s (%s): no %q in\n%s", path, lang, w, rec.Body)
		}
	}
	return rec.Body.String()
}

// pages are the addresses of all pages over an everyday desk.
var pages = []string{
	"/", "/?kind=parked", "/invoices", "/invoices?q=state:parked,rejected&sort=amount&sum=1", "/invoices?q=recipient:00000000007654+older:0h", "/invoices?q=is:unusual&sort=-changed",
	"/invoices/1", "/invoices/2", "/invoices/3", "/invoices/4", "/invoices/5", "/invoices/6", "/find?q=nothing", "/causes", "/findings", "/findings?code=AMOUNT&state=open",
	"/recipients", "/money", "/money?recipient=000000000&since=2026-11-01&until=2026-11-30", "/accounts", "/webhooks", "/audit", "/audit?actor=claire&kind=dismiss&since=2026-01-01&until=2030-01-01", "/settings",
}
