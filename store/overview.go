package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
)

// What the console's pages show beside the invoices: the fleet, and lists that are read a page at a time.

// WorkerView is a worker that has been heard of within a day.
type WorkerView struct {
	Name      string
	StartedAt time.Time
	BeatAt    time.Time
	Stopped   bool // it said so itself
	Alive     bool // heard of within a minute
}

// mostWorkers bounds what Workers returns.
const mostWorkers = 100

// Workers lists the workers that were heard of within a day, those that live first.
func (s *Store) Workers(ctx context.Context) ([]WorkerView, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT worker, started_at, beat_at, stopped, NOT stopped AND beat_at > clock_timestamp() - interval '1 minute' AS alive
		FROM chorus.heartbeats
		WHERE beat_at > clock_timestamp() - interval '1 day'
		ORDER BY alive DESC, beat_at DESC
		LIMIT $1`, mostWorkers)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[WorkerView])
}

// CredentialView is a PISTE application's token and client secret, as far as they may be told of.
type CredentialView struct {
	Name        string     // of the application
	SecretSince *time.Time // when this fleet first used the client secret
	TokenAt     *time.Time // when the token was fetched
	TokenUntil  *time.Time // when it ends
	Failures    int        // of fetching it, in a row
	Failure     string     // the last one's code
}

// Credentials lists the applications that the fleet has a secret of, by name; of each the latest secret.
func (s *Store) Credentials(ctx context.Context) ([]CredentialView, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT DISTINCT ON (s.name, s.key)
		       s.name, s.since, t.refreshed_at, nullif(t.expires_at, '-infinity'), coalesce(t.failures, 0), coalesce(t.failure, '')
		FROM chorus.secrets s
		LEFT JOIN chorus.tokens t ON t.key = s.key
		WHERE `+inUse("breaker", "'application/' || s.key")+`
		ORDER BY s.name, s.key, s.since DESC
		LIMIT 100`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[CredentialView])
}

// FindingTotal counts the findings of one code that are open, or accepted.
type FindingTotal struct {
	Code  string
	State string
	Count int
}

// FindingTotals counts what is open and what is accepted, by code.
func (s *Store) FindingTotals(ctx context.Context) ([]FindingTotal, error) {
	rows, err := s.pool.Query(ctx, `SELECT code, state, count(*) FROM chorus.findings WHERE state <> 'closed' GROUP BY code, state ORDER BY state DESC, code`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[FindingTotal])
}

// FindingFilter selects findings that are not closed; zero values select all.
type FindingFilter struct {
	Code    string
	State   string // open or accepted
	Invoice int64
	Before  int64 // id: for paging
	Limit   int   // 0 = 50
}

// FindingPage lists findings, the latest first.
func (s *Store) FindingPage(ctx context.Context, f FindingFilter) ([]FindingView, error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	rows, err := s.pool.Query(ctx, findingView+`
		WHERE f.state <> 'closed' AND ($1 = '' OR f.code = $1) AND ($2 = '' OR f.state = $2) AND ($3::bigint = 0 OR f.invoice_id = $3) AND ($4::bigint = 0 OR f.id < $4)
		ORDER BY f.id DESC
		LIMIT $5`, f.Code, f.State, f.Invoice, f.Before, f.Limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[FindingView])
}

// RecipientView is a recipient as people read it. What the portal has not said is nil.
type RecipientView struct {
	SIRET               string
	Name                *string
	Structure           *int64 // nil: the portal knows none of this SIRET, or has not been asked
	Active              *bool
	NeverReportsPayment *bool
	ServiceRequired     *bool
	EngagementRequired  *bool
	EitherRequired      *bool
	CheckedAt           *time.Time
	Services            int                 // that are known
	Open                int                 // invoices that it deals with, at most 1000
	Amount              decimal.NullDecimal // of these
}

// RecipientPage lists recipients by SIRET from after on, which begin with prefix: at most limit of them.
func (s *Store) RecipientPage(ctx context.Context, prefix, after string, limit int) ([]RecipientView, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT r.siret, r.name, r.id_structure_cpp, r.active, r.never_reports_payment, r.service_required, r.engagement_required, r.either_required,
		       r.checked_at, (SELECT count(*) FROM chorus.recipient_services s WHERE s.siret = r.siret)::int, o.open, o.amount
		FROM (
		    SELECT siret, name, id_structure_cpp, active, never_reports_payment, service_required, engagement_required, either_required, checked_at
		    FROM chorus.recipients WHERE siret > $2 AND starts_with(siret, $1) ORDER BY siret LIMIT $3
		) r
		CROSS JOIN LATERAL (
		    SELECT count(*)::int AS open, sum(chorus.signed(type_facture, montant_ttc)) FILTER (WHERE devise = 'EUR') AS amount
		    FROM (SELECT type_facture, montant_ttc, devise FROM chorus.invoices i WHERE i.destinataire_siret = r.siret AND i.state = 'integrated' LIMIT 1000) i
		) o
		ORDER BY r.siret`, prefix, after, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[RecipientView])
}
