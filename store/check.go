package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// CheckAsked is the payload of a notification on chorus_wake that says that a check waits.
const CheckAsked = "check"

// Check is a document that an application wants judged before it inserts it (chorus.checks).
type Check struct {
	ID            int64
	Account       string
	SyntaxeFlux   string
	DocumentBytes int
	Tries         int       // with this one: an earlier one died, or took too long
	Now           time.Time // the database's clock
}

// TakeChecks claims up to limit documents of these accounts that wait to be judged, for as long as hold. The accounts take turns.
func (s *Store) TakeChecks(ctx context.Context, limit int, hold time.Duration, accounts []string) ([]Check, error) {
	rows, err := s.pool.Query(ctx, `
		UPDATE chorus.checks c
		SET claimed_until = clock_timestamp() + $2::interval, tries = c.tries + 1
		FROM (
		    SELECT f.id
		    FROM unnest($3::text[]) a (account)
		    CROSS JOIN LATERAL (
		        SELECT id
		        FROM chorus.checks
		        WHERE done_at IS NULL AND (claimed_until IS NULL OR claimed_until < clock_timestamp()) AND account = a.account AND tries < 1000
		        ORDER BY id
		        LIMIT $1
		        FOR UPDATE SKIP LOCKED
		    ) f
		    ORDER BY row_number() OVER (PARTITION BY a.account ORDER BY f.id), f.id
		    LIMIT $1
		) w
		WHERE c.id = w.id
		RETURNING c.id, c.account, coalesce(c.syntaxe_flux, ''), c.document_bytes, c.tries, clock_timestamp()`, limit, hold, accounts)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Check])
}

// CheckDocument returns the document of a check, and its fields; nil: there are none.
func (s *Store) CheckDocument(ctx context.Context, c Check) (doc, fields []byte, err error) {
	err = s.pool.QueryRow(ctx, `SELECT document, fields FROM chorus.checks WHERE id = $1`, c.ID).Scan(&doc, &fields)
	return doc, fields, err
}

// Checked stores the answer, and lets the document go. Where another worker has taken the check meanwhile, it is that one's to answer.
func (s *Store) Checked(ctx context.Context, c Check, ok bool, found []RuleFinding) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			UPDATE chorus.checks
			SET document = NULL, fields = NULL, claimed_until = NULL, done_at = clock_timestamp(), ok = $3, findings = $4
			WHERE id = $1 AND tries = $2 AND done_at IS NULL`, c.ID, c.Tries, ok, len(found))
		if err != nil || tag.RowsAffected() == 0 || len(found) == 0 {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO chorus.check_findings (check_id, n, code, severity, term, value, "where", message, message_fr, remedy, remedy_fr)
			SELECT $1::bigint, f.n, f.code, f.severity, f.term, f.value, f."where", f.message, f.message_fr, nullif(f.remedy, ''), nullif(f.remedy_fr, '')
			FROM `+ruleFindings, c.ID, fitting(found))
		return err
	})
}

// CheckLater gives a check back, to be taken again after wait. The try does not count.
func (s *Store) CheckLater(ctx context.Context, c Check, wait time.Duration) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.checks SET claimed_until = clock_timestamp() + $3::interval, tries = tries - 1 WHERE id = $1 AND tries = $2 AND done_at IS NULL`,
		c.ID, c.Tries, later(wait))
	return err
}

// ForgetChecks deletes all checks that were asked for longer ago than after, answered or not, a thousand at a time.
func (s *Store) ForgetChecks(ctx context.Context, after time.Duration) error {
	for {
		tag, err := s.pool.Exec(ctx, `
			DELETE FROM chorus.checks
			WHERE id IN (SELECT id FROM chorus.checks WHERE created_at < clock_timestamp() - $1::interval ORDER BY created_at LIMIT 1000 FOR UPDATE SKIP LOCKED)`, after)
		if err != nil || tag.RowsAffected() < 1000 {
			return err
		}
	}
}
