package operate

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// forgotten are the events that tell of exchanges that were deleted because of their age.
const forgotten = `FROM chorus.events WHERE reason_code = 'EXCHANGES_FORGOTTEN' AND reason_code IN ('SEALED', 'EXCHANGES_FORGOTTEN')`

// exchanges compares what is kept of deposits with the hashes that their attempts hold. What was deleted because it is old is no loss: events say until when, and how many
// (EXCHANGES_FORGOTTEN). So is what went with its invoice's document (PURGED).
func (v *Verified) exchanges(ctx context.Context, db *pgxpool.Pool, bad func(string)) error {
	var old int64 // that are missing
	for after := (pgtype.UUID{Valid: true}); ; {
		rows, err := db.Query(ctx, `
			SELECT a.id, a.invoice_id, a.n, a.evidence ->> 'exchange_sha256', x.exchange,
			       a.finished_at > coalesce(greatest((SELECT max((detail ->> 'until')::timestamptz) `+forgotten+`), (SELECT max(exchanges_forgotten_until) FROM chorus.archives WHERE attached_at IS NULL)), '-infinity'),
			       EXISTS (SELECT FROM chorus.events e WHERE e.invoice_id = a.invoice_id AND e.reason_code = 'PURGED')
			       OR EXISTS (SELECT FROM chorus.archived_invoices b WHERE b.invoice_id = a.invoice_id AND b.purged_sha256 IS NOT NULL)
			FROM chorus.attempts a
			LEFT JOIN chorus.exchanges x ON x.attempt_id = a.id
			WHERE a.id > $1 AND a.evidence ? 'exchange_sha256'
			ORDER BY a.id
			LIMIT $2`, after, page)
		if err != nil {
			return err
		}
		n := 0
		var invoice int64
		var attempt int
		var sum string
		var packed []byte
		var younger, purged bool
		if _, err := pgx.ForEachRow(rows, []any{&after, &invoice, &attempt, &sum, &packed, &younger, &purged}, func() error {
			n++
			text, err := unpack(packed)
			if packed != nil {
				v.Exchanges++
			}
			switch {
			case packed == nil && purged:
			case packed == nil && younger:
				bad(fmt.Sprintf("the exchange of attempt %d of invoice %d was removed", attempt, invoice))
			case packed == nil:
				old++
			case packed != nil && (err != nil || hexSum(text) != sum):
				bad(fmt.Sprintf("the exchange of attempt %d of invoice %d was altered", attempt, invoice))
			}
			return nil
		}); err != nil {
			return err
		}
		if n < page {
			break
		}
	}
	var deleted int64
	err := db.QueryRow(ctx, `
		SELECT (SELECT coalesce(sum((detail ->> 'count')::bigint), 0) `+forgotten+`)::bigint + (SELECT coalesce(sum(exchanges_forgotten), 0) FROM chorus.archives WHERE attached_at IS NULL)::bigint`).Scan(&deleted)
	if err == nil && old > deleted {
		bad(fmt.Sprintf("%d old exchanges are missing, and history tells of %d that were deleted because of their age: the others were removed", old, deleted))
	}
	return err
}

// strangeExchanges names what is kept of deposits that no attempt tells of.
func strangeExchanges(ctx context.Context, db *pgxpool.Pool, bad func(string)) error {
	for after := (pgtype.UUID{Valid: true}); ; {
		rows, err := db.Query(ctx, `
			SELECT x.attempt_id, x.invoice_id, coalesce(a.invoice_id = x.invoice_id AND a.evidence ? 'exchange_sha256', false)
			FROM chorus.exchanges x
			LEFT JOIN chorus.attempts a ON a.id = x.attempt_id
			WHERE x.attempt_id > $1
			ORDER BY x.attempt_id
			LIMIT $2`, after, page)
		if err != nil {
			return err
		}
		n := 0
		var invoice int64
		var known bool
		if _, err := pgx.ForEachRow(rows, []any{&after, &invoice, &known}, func() error {
			n++
			if !known {
				bad(fmt.Sprintf("the exchange of attempt %s of invoice %d was inserted", after, invoice))
			}
			return nil
		}); err != nil {
			return err
		}
		if n < page {
			return nil
		}
	}
}
