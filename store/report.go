package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
)

// Run is a reconciliation as people see it.
type Run struct {
	ID             int64                      `json:"id"`
	Account        string                     `json:"account"`
	IDStructureCPP int64                      `json:"id_structure_cpp"`
	SIRET          string                     `json:"siret"`
	From           Day                        `json:"from"`
	To             Day                        `json:"to"`
	State          string                     `json:"state"`
	Reason         *string                    `json:"reason"`
	RequestedBy    string                     `json:"requested_by"`
	RequestedAt    time.Time                  `json:"requested_at"`
	StartedAt      *time.Time                 `json:"started_at"`
	FinishedAt     *time.Time                 `json:"finished_at"`
	PortalCount    *int                       `json:"portal_count"`
	PortalSums     map[string]decimal.Decimal `json:"portal_sums"`
	HereCount      *int                       `json:"here_count"`
	HereSums       map[string]decimal.Decimal `json:"here_sums"`
	Found          *int                       `json:"found"`
	Opened         *int                       `json:"opened"`
	Closed         *int                       `json:"closed"`
	Calls          int                        `json:"calls"`
	Page           int                        `json:"page"`
	Pages          int                        `json:"pages"` // -1: not known
}

// Ended tells that nothing more will come of the run.
func (r Run) Ended() bool { return r.FinishedAt != nil }

const runColumns = `
	id, account, id_structure_cpp, siret, lower(period), upper(period) - 1, state, reason, requested_by, requested_at, started_at, finished_at,
	portal_count, portal_sums, here_count, here_sums, found, opened, closed, calls, page, pages`

// Reconcile asks for the reconciliation of what matches; empty strings and zero days leave the choice to the database.
func (s *Store) Reconcile(ctx context.Context, account, siret string, from, to time.Time) ([]int64, error) {
	rows, err := s.pool.Query(ctx, `SELECT chorus.reconcile(nullif($1, ''), nullif($2, ''), $3::date, $4::date)`, account, siret, nullTime(from), nullTime(to))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// Runs lists these runs, in the order of their numbers.
func (s *Store) Runs(ctx context.Context, ids []int64) ([]Run, error) {
	return s.runs(ctx, `SELECT `+runColumns+` FROM chorus.reconciliations WHERE id = ANY ($1) ORDER BY id`, ids)
}

// LatestRuns lists the latest runs of an account and a supplier ("" = all), the newest first.
func (s *Store) LatestRuns(ctx context.Context, account, siret string, limit int) ([]Run, error) {
	return s.runs(ctx, `
		SELECT `+runColumns+`
		FROM chorus.reconciliations
		WHERE ($1 = '' OR account = $1) AND ($2 = '' OR siret = $2)
		ORDER BY id DESC
		LIMIT $3`, account, siret, limit)
}

func (s *Store) runs(ctx context.Context, sql string, args ...any) ([]Run, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Run])
}

// FindingView is a finding as people see it.
type FindingView struct {
	ID                    int64     `json:"id"`
	Run                   int64     `json:"run"` // that found it last
	Code                  string    `json:"code"`
	State                 string    `json:"state"` // open or accepted
	Account               string    `json:"account"`
	SIRET                 string    `json:"siret"` // of the supplier
	InvoiceID             *int64    `json:"invoice_id"`
	IdentifiantFactureCPP *int64    `json:"identifiant_facture_cpp"`
	NumeroFacture         *string   `json:"numero_facture"`
	DepositDay            Day       `json:"deposit_day"`
	Text                  string    `json:"text"`
	FirstFoundAt          time.Time `json:"first_found_at"`
	LastFoundAt           time.Time `json:"last_found_at"`
	ResolvedBy            *string   `json:"resolved_by"` // who accepted it
	Resolution            *string   `json:"resolution"`  // and why
	Here                  *Side     `json:"here"`
	Portal                *Side     `json:"portal"`
}

const findingView = `
	SELECT f.id, f.last_reconciliation_id, f.code, f.state, f.account, r.siret, f.invoice_id, f.identifiant_facture_cpp, f.numero_facture, f.deposit_day, f.text,
	       f.first_found_at, f.last_found_at, f.resolved_by, f.resolution, f.here, f.portal
	FROM chorus.findings f
	JOIN chorus.reconciliations r ON r.id = f.last_reconciliation_id`

// Findings lists what these runs found last, and, without runs, all that is open or accepted: at most so many, and then the open ones first. more: there are others.
func (s *Store) Findings(ctx context.Context, runs []int64, account, siret string, most int) (list []FindingView, more bool, err error) {
	rows, err := s.pool.Query(ctx, findingView+`
		WHERE f.state <> 'closed' AND ($1::bigint[] IS NULL OR f.last_reconciliation_id = ANY ($1)) AND ($2 = '' OR f.account = $2) AND ($3 = '' OR r.siret = $3)
		ORDER BY f.state DESC, f.id
		LIMIT $4`, runs, account, siret, most+1)
	if err != nil {
		return nil, false, err
	}
	if list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[FindingView]); err != nil {
		return nil, false, err
	}
	if more = len(list) > most; more {
		list = list[:most]
	}
	slices.SortFunc(list, func(a, b FindingView) int {
		return cmp.Or(cmp.Compare(a.SIRET, b.SIRET), cmp.Compare(a.Code, b.Code), cmp.Compare(a.ID, b.ID))
	})
	return list, more, nil
}

// AcceptFinding takes note of a finding that is as it should be.
func (s *Store) AcceptFinding(ctx context.Context, id int64, reason string) error {
	_, err := s.pool.Exec(ctx, `SELECT chorus.accept_finding($1, $2)`, id, reason)
	return err
}

// ReopenFinding opens one that was accepted by mistake.
func (s *Store) ReopenFinding(ctx context.Context, id int64, reason string) error {
	_, err := s.pool.Exec(ctx, `SELECT chorus.reopen_finding($1, $2)`, id, reason)
	return err
}

// OpenFindings counts open findings by code. Every code has an entry.
func (s *Store) OpenFindings(ctx context.Context) (map[string]int, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT c.code, count(f.id)
		FROM chorus.finding_codes c
		LEFT JOIN chorus.findings f ON f.code = c.code AND f.state = 'open'
		GROUP BY c.code`)
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	var code string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&code, &n}, func() error { counts[code] = n; return nil })
	return counts, err
}
