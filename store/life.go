package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Quiet settles integrated rows that have had no news for so long since the last statut that was to be expected (docs/states.md, "When an invoice is
// settled"): the payment has been ordered; or the recipient never reports payments and the invoice is with it or its accountant, where nobody waits for
// the supplier. A row that another session has locked is left for the next time. Nothing is settled within a day after the database's clock was set.
func (s *Store) Quiet(ctx context.Context, period time.Duration) (int64, error) {
	tag, err := s.pool.Exec(ctx, `
		UPDATE chorus.invoices i
		SET state = 'settled',
		    reason_code = 'QUIET',
		    reason = CASE WHEN t.awaits_payment THEN 'payment was ordered and nothing more has been reported for the quiet period'
		                  ELSE 'this recipient never reports payments, and nothing has been reported for the quiet period' END
		FROM chorus.statuts t
		WHERE t.code = i.statut_courant
		  AND (SELECT chorus.clock_is_trusted())
		  AND i.id = ANY (ARRAY(
		      SELECT q.id
		      FROM chorus.invoices q
		      JOIN chorus.statuts t ON t.code = q.statut_courant
		      WHERE q.state = 'integrated'
		        AND q.statut_courant_date < (SELECT clock_timestamp()) - $1::interval -- a volatile bound would have all open rows read
		        AND (t.awaits_payment
		             OR t.next_actor IN ('recipient', 'accountant')
		                AND EXISTS (SELECT FROM chorus.recipients r WHERE r.siret = q.destinataire_siret AND r.never_reports_payment))
		      FOR NO KEY UPDATE OF q SKIP LOCKED
		  ))`, period)
	return tag.RowsAffected(), err
}

// UnusualCount is how often something unusual was seen of the portal's statuts.
type UnusualCount struct {
	ReasonCode string `json:"unusual"`
	Count      int64  `json:"count"`
	LastWeek   int64  `json:"last_seven_days"`
}

// Unusual counts the statuts that nobody knows and the moves that went back, in this order.
func (s *Store) Unusual(ctx context.Context) ([]UnusualCount, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT c.code, count(e.id), count(e.id) FILTER (WHERE e.at > clock_timestamp() - interval '7 days')
		FROM unnest($1::text[]) WITH ORDINALITY AS c (code, k)
		LEFT JOIN chorus.events e ON e.reason_code = c.code AND e.reason_code IN `+unusual+`
		GROUP BY c.code, c.k
		ORDER BY c.k`, []string{EventUnknownStatut, EventBackwards})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[UnusualCount])
}

// unusual is what the index events_unusual holds, in its words.
const unusual = `('UNKNOWN_STATUT', 'BACKWARDS')`
