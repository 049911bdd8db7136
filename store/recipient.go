package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Recipient is a public body that has, or had, an open invoice.
type Recipient struct {
	ID        int64 // ours
	SIRET     string
	Structure int64 // its idStructureCPP; 0: not known yet

	NeverReportsPayment                                 bool
	ServiceRequired, EngagementRequired, EitherRequired bool
}

// RecipientKey is a recipient that is due to be asked about, and an account that has an open invoice to it.
type RecipientKey struct {
	ID      int64
	Account string
}

// NoteRecipients writes down the recipients of open invoices that are not written down yet. It skips through an index from one recipient to the next,
// so what it costs grows with their number and not with that of the invoices.
func (s *Store) NoteRecipients(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, `
		WITH RECURSIVE open AS (
		    SELECT min(destinataire_siret) AS siret FROM chorus.invoices WHERE state = 'integrated'
		    UNION ALL
		    SELECT (SELECT min(destinataire_siret) FROM chorus.invoices WHERE state = 'integrated' AND destinataire_siret > open.siret)
		    FROM open
		    WHERE siret IS NOT NULL
		)
		INSERT INTO chorus.recipients (siret)
		SELECT siret FROM open WHERE siret IS NOT NULL AND NOT EXISTS (SELECT FROM chorus.recipients r WHERE r.siret = open.siret)
		ON CONFLICT DO NOTHING`)
	return err
}

// DueRecipients takes, within tx, recipients of open invoices of these accounts that are due to be asked about; each is due again after hold, should its
// job be lost.
func (s *Store) DueRecipients(ctx context.Context, tx pgx.Tx, limit int, hold time.Duration, accounts []string) ([]RecipientKey, error) {
	rows, err := tx.Query(ctx, `
		UPDATE chorus.recipients r
		SET due_at = clock_timestamp() + $2::interval
		FROM (
		    SELECT r.id, i.account
		    FROM chorus.recipients r
		    CROSS JOIN LATERAL (
		        SELECT account
		        FROM chorus.invoices
		        WHERE state = 'integrated'
		          AND destinataire_siret = r.siret
		          AND account IN (SELECT name FROM chorus.accounts WHERE name = ANY ($3) AND paused_at IS NULL AND chorus.reachable(name))
		        LIMIT 1
		    ) i
		    WHERE r.due_at <= clock_timestamp()
		    ORDER BY r.due_at
		    LIMIT $1
		    FOR UPDATE OF r SKIP LOCKED
		) due
		WHERE r.id = due.id
		RETURNING r.id, due.account`, limit, hold, accounts)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[RecipientKey])
}

// Recipient returns what is known of one.
func (s *Store) Recipient(ctx context.Context, id int64) (Recipient, error) {
	r := Recipient{ID: id}
	err := s.pool.QueryRow(ctx, `
		SELECT siret, coalesce(id_structure_cpp, 0),
		       coalesce(never_reports_payment, false), coalesce(service_required, false), coalesce(engagement_required, false), coalesce(either_required, false)
		FROM chorus.recipients
		WHERE id = $1`, id).
		Scan(&r.SIRET, &r.Structure, &r.NeverReportsPayment, &r.ServiceRequired, &r.EngagementRequired, &r.EitherRequired)
	return r, err
}

// RecipientChecked stores what the portal said, until it is asked again after every. One that the portal does not know stays unknown.
func (s *Store) RecipientChecked(ctx context.Context, r Recipient, every time.Duration) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.recipients
		SET id_structure_cpp = nullif($2, 0::bigint), checked_at = clock_timestamp(), due_at = clock_timestamp() + $7::interval,
		    never_reports_payment = CASE WHEN $2 <> 0 THEN $3::boolean END,
		    service_required = CASE WHEN $2 <> 0 THEN $4::boolean END,
		    engagement_required = CASE WHEN $2 <> 0 THEN $5::boolean END,
		    either_required = CASE WHEN $2 <> 0 THEN $6::boolean END
		WHERE id = $1`, r.ID, r.Structure, r.NeverReportsPayment, r.ServiceRequired, r.EngagementRequired, r.EitherRequired, every)
	return err
}

// RecipientLater has a recipient asked about again after wait.
func (s *Store) RecipientLater(ctx context.Context, id int64, wait time.Duration) error {
	_, err := s.pool.Exec(ctx, `UPDATE chorus.recipients SET due_at = clock_timestamp() + $2::interval WHERE id = $1`, id, later(wait))
	return err
}
