package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// A statut that is of no use without its reason and came without has the reason asked for: a trigger sets reason_due_at (invoices_reason).

// Passage is one statut of the portal's own history of an invoice.
type Passage struct {
	Statut  string
	At      time.Time // zero: not said
	Comment string
}

// Reason is what a reading of the portal's history gave.
type Reason struct {
	Comment string        // of the row's statut; "" = there is none yet
	Due     time.Duration // without a comment: ask again after it
	GiveUp  bool          // without a comment: do not
	Earlier []Passage     // oldest first; those whose statut was never seen here are added to the history
}

// TakeForReason hands the invoice to the job that is to read the reason of its statut, as Take does.
func (s *Store) TakeForReason(ctx context.Context, id, claim int64, lease time.Duration) (Invoice, error) {
	return s.take(ctx, id, claim, lease, `i.reason_due_at IS NOT NULL`)
}

// Reasoned stores what was read for an invoice that the caller has claimed. A row that has another statut by now keeps that one's comment; whether it
// needs a reason has been decided with it.
func (s *Store) Reasoned(ctx context.Context, i Invoice, r Reason) error {
	var codes, comments []string
	var dates []*time.Time
	for _, p := range r.Earlier {
		codes, comments, dates = append(codes, p.Statut), append(comments, p.Comment), append(dates, nullTime(p.At))
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		// The row first: whoever else writes its history waits.
		_, err := tx.Exec(ctx, `SELECT FROM chorus.invoices WHERE id = $1 AND claim = $2 FOR UPDATE`, i.ID, i.Claim)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT chorus.earlier_statuts($1, $2, $3, $4, $5)`, i.ID, i.Claim, codes, dates, comments); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `
			UPDATE chorus.invoices
			SET statut_commentaire = coalesce(nullif($3, ''), statut_commentaire),
			    reason = CASE WHEN $3 <> '' AND reason_code = 'RECIPIENT' THEN $3 ELSE reason END,
			    looks = looks + 1, claim = NULL, claimed_until = NULL,
			    reason_due_at = CASE WHEN NOT $4 THEN clock_timestamp() + $5::interval END
			WHERE id = $1 AND claim = $2 AND statut_courant = $6 AND statut_courant_date IS NOT DISTINCT FROM $7`,
			i.ID, i.Claim, r.Comment, r.GiveUp, later(r.Due), i.StatutCourant, nullTime(i.StatutCourantDate))
		if err != nil || tag.RowsAffected() > 0 {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE chorus.invoices SET claim = NULL, claimed_until = NULL WHERE id = $1 AND claim = $2`, i.ID, i.Claim)
		return err
	})
}

// ReasonLater gives the claimed row back because nothing could be asked now.
func (s *Store) ReasonLater(ctx context.Context, i Invoice, wait time.Duration) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.invoices
		SET claim = NULL, claimed_until = NULL, reason_due_at = clock_timestamp() + $3::interval
		WHERE id = $1 AND claim = $2 AND reason_due_at IS NOT NULL`, i.ID, i.Claim, later(wait))
	return err
}
