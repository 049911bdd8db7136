package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/console"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// history fills a database with invoices as years leave them: of a hundred, 89 are settled, ten open at Chorus Pro, and one needs somebody or was never sent. Each has two events that move it,
// numbered and folded, but for the last thousand. A tenth are of a second account.
var history = []string{
	`SET session_replication_role = replica`,
	`SET synchronous_commit = off`,
	`INSERT INTO chorus.accounts (name) VALUES ('default'), ('second') ON CONFLICT DO NOTHING`,
	`INSERT INTO chorus.invoices (account, external_ref, document, document_sha256, document_bytes, state, reason_code, numero_facture, date_facture, fournisseur_siret, destinataire_siret, montant_ttc, devise,
		attempt_no, numero_flux_depot, date_depot, deposited_at, identifiant_facture_cpp, statut_courant, statut_courant_date, available_on, in_doubt_since, created_at, updated_at)
	 SELECT CASE WHEN n % 20 IN (3, 10) THEN 'second' ELSE 'default' END, 'R' || n, 'x', '\x00', 1, s.state, CASE s.state WHEN 'rejected' THEN 'FLUX_REJECTED' WHEN 'invalid' THEN 'BR-CO-10' WHEN 'parked' THEN 'SEVERAL' WHEN 'in_doubt' THEN 'AMBIGUOUS' END,
	        'F-' || n, t.at::date, '99999999800012', lpad((n % 500)::text, 14, '2'), 100 + n % 900, 'EUR',
	        1, CASE WHEN s.there THEN 'CPP' || n END, CASE WHEN s.there THEN t.at END, CASE WHEN s.there THEN t.at END, CASE WHEN s.there THEN n END,
	        CASE WHEN s.state = 'settled' THEN 'MISE_EN_PAIEMENT' WHEN n % 1000 = 7 THEN 'SUSPENDUE' WHEN s.state = 'integrated' THEN 'MISE_A_DISPOSITION' END,
	        CASE WHEN s.there THEN t.at + interval '20 days' END, CASE WHEN s.there THEN t.at::date END, CASE WHEN s.state = 'in_doubt' THEN now() - interval '1 hour' END, t.at, t.at + interval '20 days'
	 FROM generate_series(1, $1::bigint) n,
	      LATERAL (SELECT now() - interval '900 days' * (1 - n::float8 / $1) AS at) t,
	      LATERAL (SELECT CASE WHEN n % 100 < 10 THEN 'integrated' WHEN n % 1000 = 10 THEN 'rejected' WHEN n % 1000 = 110 THEN 'invalid' WHEN n % 10000 = 210 THEN 'parked'
	                           WHEN n % 10000 = 310 THEN 'in_doubt' WHEN n % 10000 = 410 THEN 'ready' ELSE 'settled' END AS state) x,
	      LATERAL (SELECT x.state, x.state IN ('integrated', 'settled') AS there) s`,
	`INSERT INTO chorus.events (seq, invoice_id, at, actor, from_state, to_state, hash)
	 SELECT CASE WHEN i.id <= $1::bigint - 500 THEN 2 * i.id - 2 + k END, i.id, i.created_at, 'bench', CASE k WHEN 2 THEN 'received' END, CASE k WHEN 1 THEN 'received' ELSE i.state END, '\x00'
	 FROM chorus.invoices i, generate_series(1, 2) k
	 WHERE i.id <= $1::bigint
	 ORDER BY i.id, k`,
	`SELECT chorus.fold_moves($1::bigint * 2)`,
	`SELECT chorus.recount($1::bigint < 0)`,
	`INSERT INTO chorus.heartbeats (worker, horizon) VALUES ('bench', '4 hours')`,
	`UPDATE chorus.installation SET created_at = now() - interval '901 days'`, // no younger than its history
	`SET session_replication_role = origin`,
	`VACUUM ANALYZE`,
}

// lookedAt is how often each figure is asked for.
const lookedAt = 40

// desk measures what people and Prometheus ask for, over a long history: as the worker, which serves the pages.
func desk(ctx context.Context, w *workshop) ([]figure, error) {
	w.say("console: %d invoices …", w.size.history)
	urls, err := w.database(ctx)
	if err != nil {
		return nil, err
	}
	if err := fill(ctx, urls[""], history, w.size.history); err != nil {
		return nil, err
	}
	pool, err := store.Connect(ctx, urls["worker"], "bench", 4)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	st := store.New(pool)
	acting, err := store.ConnectActing(ctx, urls["operator"], "console", 4)
	if err != nil {
		return nil, err
	}
	defer acting.Close()
	// People come by a proxy that names them: who sees everything, and who is confined to the second account, or to the first, which has nine tenths.
	const proxied = "X-Remote-User"
	pages := console.Handler(console.Config{
		Store: st, Operator: store.New(acting), Header: &console.Header{Name: proxied, From: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, // httptest's
		Users: func() []console.User {
			return []console.User{{Name: "all", Role: console.Operator}, {Name: "second", Role: console.Operator, Accounts: []string{"second"}}, {Name: "default", Role: console.Operator, Accounts: []string{"default"}}}
		},
	})
	as := func(who, path string) func(context.Context) error {
		return func(ctx context.Context) error {
			rec, r := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
			r.Header.Set(proxied, who)
			pages.ServeHTTP(rec, r)
			if rec.Code != http.StatusOK {
				return fmt.Errorf("%s: %d", path, rec.Code)
			}
			return nil
		}
	}
	page := func(path string) func(context.Context) error { return as("all", path) }
	var figures []figure
	for _, f := range []struct {
		name string
		most float64
		ask  func(context.Context) error
	}{
		{"invoices by state (stats, /metrics)", 100, func(ctx context.Context) error { _, err := st.Stats(ctx); return err }},
		{"what needs somebody, counted (todo, /metrics)", 100, func(ctx context.Context) error {
			_, err := operate.TodoCounts(ctx, pool, operate.TodoFilter{})
			return err
		}},
		{"overview", 100, page("/")},
		{"money", 150, page("/money")},
		{"list", 150, page("/invoices")},
		{"list, rejected", 150, page("/invoices?q=state:rejected")},
		{"list, SUSPENDUE", 150, page("/invoices?q=statut:SUSPENDUE&sort=told")},
		{"list, one recipient", 150, page("/invoices?q=recipient:22222222222277")},
		{"list, unpaid and older", 150, page("/invoices?q=is:unpaid+older:30d&sort=inserted")},
		{"list, by the beginning of a number", 150, page("/invoices?q=number:F-77*")},
		{"list, by number", 150, page("/invoices?sort=-number")},
		{"list, one supplier", 150, page("/invoices?q=supplier:99999999800012")},
		{"list, a month of issue", 300, page("/invoices?q=issued:last-month")},
		{"list, the largest amounts", 150, page("/invoices?sort=-amount")},
		{"list, the last changes", 150, page("/invoices?sort=-changed")},
		{"one invoice", 60, page(fmt.Sprintf("/invoices/%d", w.size.history/2))},
		{"causes", 150, page("/causes")},
		{"audit trail", 150, page("/audit")},
		{"differences", 150, page("/findings")},
		{"recipients", 150, page("/recipients")},
		{"accounts", 150, page("/accounts")},
		{"of a tenth: overview", 100, as("second", "/")},
		{"of a tenth: causes", 150, as("second", "/causes")},
		{"of a tenth: money", 150, as("second", "/money")},
		{"of a tenth: list", 150, as("second", "/invoices")},
		{"of a tenth: list, rejected", 150, as("second", "/invoices?q=state:rejected")},
		{"of a tenth: audit trail", 150, as("second", "/audit")},
		{"of a tenth: recipients", 150, as("second", "/recipients")},
		{"of a tenth: one invoice", 60, as("second", fmt.Sprintf("/invoices/%d", w.size.history/40*20+3))},
		{"of nine tenths: overview", 100, as("default", "/")},
		{"of nine tenths: causes", 150, as("default", "/causes")},
		{"of nine tenths: money", 150, as("default", "/money")},
		{"of nine tenths: list", 150, as("default", "/invoices")},
		{"of nine tenths: audit trail", 150, as("default", "/audit")},
	} {
		var took []float64
		for k := range lookedAt + 5 {
			began := time.Now()
			if err := f.ask(ctx); err != nil {
				return figures, fmt.Errorf("%s: %w", f.name, err)
			}
			if k >= 5 { // plans and pages are there
				took = append(took, float64(time.Since(began).Microseconds())/1000)
			}
		}
		slices.Sort(took)
		figures = append(figures, bar("console", f.name+", p95", percentile(took, 95), "ms", f.most))
	}
	many := min(mostRetried, w.size.history/4)
	if err := fill(ctx, urls[""], rejected, many); err != nil {
		return figures, err
	}
	var took []float64
	for range 5 {
		began := time.Now()
		if err := page(fmt.Sprintf("/acts?act=retry&q=reason:FLUX_REJECTED&limit=%d", mostRetried))(ctx); err != nil {
			return figures, fmt.Errorf("a retry of many: %w", err)
		}
		took = append(took, float64(time.Since(began).Microseconds())/1000)
	}
	slices.Sort(took)
	return append(figures, bar("console", fmt.Sprintf("a retry of %d, asked for or confirmed", many), percentile(took, 50), "ms", 3000)), nil
}

// mostRetried is how many invoices the console retries at once.
const mostRetried = 50_000

// rejected turns settled invoices into rejected ones.
var rejected = []string{
	`SET session_replication_role = replica`,
	`UPDATE chorus.invoices SET state = 'rejected', reason_code = 'FLUX_REJECTED', identifiant_facture_cpp = NULL, statut_courant = NULL, statut_courant_date = NULL, updated_at = clock_timestamp()
	 WHERE id IN (SELECT id FROM chorus.invoices WHERE state = 'settled' ORDER BY id DESC LIMIT $1::bigint)`,
	`SET session_replication_role = origin`,
	`ANALYZE chorus.invoices`,
}

// fill carries out statements, those with a parameter for so many invoices.
func fill(ctx context.Context, url string, statements []string, invoices int) (err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	for _, sql := range statements {
		var args []any
		if statement, prepared := conn.Prepare(ctx, "", sql); prepared == nil && len(statement.ParamOIDs) > 0 {
			args = []any{invoices}
		}
		if _, err := conn.Exec(ctx, sql, args...); err != nil {
			return fmt.Errorf("%.60s: %w", sql, err)
		}
	}
	return nil
}
