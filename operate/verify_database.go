package operate

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/store"
)

// Verified is what VerifyDatabase has looked at.
type Verified struct {
	Events    int64        `json:"events"`
	Attempts  int64        `json:"attempts"`
	Invoices  int64        `json:"invoices"`
	Exchanges int64        `json:"exchanges"` // that are there
	Head      EvidenceHead `json:"head"`
	// Months that are in archives: their place in the chain was checked by what is written down of them, and not their rows.
	Archived []store.Archive `json:"archived,omitempty"`
}

// ErrSeesPart says that the login does not see the whole of history, so that what is missing means nothing.
var ErrSeesPart = errors.New("this login sees some accounts only: history is verified by one that sees all")

// VerifyDatabase reckons the whole chain anew, and compares attempts, invoices and exchanges with what it says of them. It calls bad with the name of each row that was altered, removed or inserted. anchor is a head
// that was announced earlier and kept outside of the database; zero means none: then a history that was written anew from end to end agrees with itself.
func VerifyDatabase(ctx context.Context, db *pgxpool.Pool, anchor EvidenceHead, bad func(string)) (Verified, error) {
	var v Verified
	var all bool
	if err := db.QueryRow(ctx, `SELECT chorus.sees_all()`).Scan(&all); err != nil {
		return v, err
	}
	if !all {
		return v, ErrSeesPart
	}
	c := chainCheck{bad: bad, anchors: []anchored{{anchor, "that was announced: history was written anew before it"}}}
	if err := c.readArchives(ctx, db); err != nil {
		return v, err
	}
	if err := c.run(ctx, db); err != nil {
		return v, err
	}
	v.Archived = c.archived
	v.Events, v.Head = c.events, c.head
	for _, check := range []struct {
		count *int64
		sql   string
	}{
		{&v.Attempts, verifyAttempts},
		{&v.Invoices, verifyInvoices},
	} {
		if err := paged(ctx, db, check.sql, check.count, bad); err != nil {
			return v, err
		}
	}
	if err := v.exchanges(ctx, db, bad); err != nil {
		return v, err
	}
	return v, strangeExchanges(ctx, db, bad)
}

// page is how many rows are read at once, each page within the time that one statement has.
const page = 200

// Each of these gives, beyond an id, at most so many rows: the id, and what is wrong with it or null. What nobody has numbered yet is left for the next time.
//
// Of an attempt, every event that names it must have hashed one of the texts that it can have had (chorus.attempt_texts), and the last one the text of today. Of an invoice, its state is where
// its last move led, and its status what its last move or news of a status said.
const (
	verifyAttempts = `
		SELECT i.id, string_agg(w.text, '; ')
		FROM (SELECT id FROM chorus.invoices WHERE id > $1 AND attempt_no > 0 ORDER BY id LIMIT $2) i
		LEFT JOIN LATERAL (
		    SELECT CASE
		        WHEN h.named IS NULL AND NOT h.waiting AND b.attempt IS NULL THEN format('attempt %s of invoice %s was inserted', a.n, i.id)
		        WHEN h.named IS NULL AND b.attempt = a.n AND NOT EXISTS (
		            SELECT FROM unnest(chorus.attempt_texts(i.id, a.n, b.attempt_looks)) t WHERE sha256(convert_to(t, 'UTF8')) = b.attempt_sha256)
		             THEN format('attempt %s of invoice %s was altered: its archive says otherwise', a.n, i.id)
		        WHEN h.strange IS NOT NULL THEN format('attempt %s of invoice %s was altered: event %s says otherwise', a.n, i.id, h.strange)
		        WHEN NOT h.latest AND NOT h.waiting THEN format('attempt %s of invoice %s was altered: event %s says otherwise', a.n, i.id, h.named)
		    END AS text
		    FROM chorus.attempts a
		    CROSS JOIN LATERAL (
		        SELECT max(x.last) FILTER (WHERE x.now IS NOT NULL) AS named,
		               coalesce(bool_or(x.waiting), false) AS waiting,
		               min(x.first) FILTER (WHERE NOT x.now AND NOT EXISTS (
		                   SELECT FROM unnest(chorus.attempt_texts(i.id, a.n, x.attempt_looks)) t WHERE sha256(convert_to(t, 'UTF8')) = x.attempt_sha256)) AS strange,
		               (array_agg(x.now ORDER BY x.last DESC) FILTER (WHERE x.now IS NOT NULL))[1] AS latest
		        FROM ( -- most events of an attempt have the same hash
		            SELECT min(e.seq) AS first, max(e.seq) AS last, bool_or(e.seq IS NULL) AS waiting, e.attempt_looks, e.attempt_sha256,
		                   e.attempt_sha256 = sha256(convert_to(chorus.attempt_text(i.id, a.n, e.attempt_looks), 'UTF8')) AS now
		            FROM chorus.events e
		            WHERE e.invoice_id = i.id AND e.attempt = a.n
		            GROUP BY e.attempt_looks, e.attempt_sha256
		        ) x
		    ) h
		    LEFT JOIN LATERAL ( -- what an archive tells of it
		        SELECT x.attempt, x.attempt_looks, x.attempt_sha256 FROM chorus.archived_invoices x WHERE x.invoice_id = i.id AND x.attempt >= a.n ORDER BY x.attempt, x.archive DESC LIMIT 1
		    ) b ON true
		    WHERE a.invoice_id = i.id
		    UNION ALL
		    SELECT format('attempt %s of invoice %s was removed', x.attempt, i.id)
		    FROM (
		        SELECT attempt FROM chorus.events WHERE invoice_id = i.id AND attempt_sha256 IS NOT NULL
		        UNION
		        SELECT attempt FROM chorus.archived_invoices WHERE invoice_id = i.id AND attempt_sha256 IS NOT NULL
		    ) x
		    WHERE NOT EXISTS (SELECT FROM chorus.attempts a WHERE a.invoice_id = i.id AND a.n = x.attempt)
		) w ON true
		GROUP BY i.id
		ORDER BY i.id`
	verifyInvoices = `
		SELECT x.id, CASE
		    WHEN i.id IS NULL AND (EXISTS (SELECT FROM chorus.events e WHERE e.invoice_id = x.id) OR EXISTS (SELECT FROM chorus.archived_invoices b WHERE b.invoice_id = x.id)) THEN format('invoice %s was removed', x.id)
		    WHEN i.id IS NULL THEN NULL
		    WHEN NOT EXISTS (SELECT FROM chorus.events e WHERE e.invoice_id = x.id AND e.from_state IS NULL)
		         AND NOT EXISTS (SELECT FROM chorus.archived_invoices b WHERE b.invoice_id = x.id AND b.begins) THEN format('invoice %s was inserted past its history', x.id)
		    WHEN EXISTS (SELECT FROM chorus.events e WHERE e.invoice_id = x.id AND e.invoice_sha256 <> sha256(convert_to(chorus.invoice_text(x.id), 'UTF8')))
		         OR EXISTS (SELECT FROM chorus.archived_invoices b WHERE b.invoice_id = x.id AND b.invoice_sha256 <> sha256(convert_to(chorus.invoice_text(x.id), 'UTF8')))
		         THEN format('invoice %s was altered', x.id)
		    WHEN NOT chorus.document_intact(x.id) THEN CASE WHEN i.purged_at IS NULL THEN format('the document of invoice %s was altered', x.id)
		              ELSE format('the document of invoice %s was removed, and no event says that it was purged', x.id) END
		    WHEN i.state <> chorus.last_move(x.id)
		         THEN format('the state of invoice %s was altered', x.id)
		    WHEN i.statut_courant IS DISTINCT FROM (
		        SELECT w.statut
		        FROM (
		            (SELECT e.id, e.detail ->> 'statut_courant' AS statut
		             FROM chorus.events e
		             WHERE e.invoice_id = x.id AND (e.to_state IS DISTINCT FROM e.from_state OR e.reason_code = 'STATUT' AND NOT e.detail ? 'from_history')
		             ORDER BY e.id DESC
		             LIMIT 1)
		            UNION ALL
		            SELECT b.statut_id, b.statut FROM chorus.archived_invoices b WHERE b.invoice_id = x.id AND b.statut_id IS NOT NULL
		        ) w
		        ORDER BY w.id DESC
		        LIMIT 1
		    ) THEN format('the status of invoice %s was altered', x.id)
		END
		FROM (
		    SELECT id FROM generate_series($1::bigint + 1, least($1 + $2, greatest((SELECT max(id) FROM chorus.invoices), (SELECT max(invoice_id) FROM chorus.events), (SELECT max(invoice_id) FROM chorus.archived_invoices)))) AS id
		) x
		LEFT JOIN chorus.invoices i ON i.id = x.id
		ORDER BY x.id`
)

func paged(ctx context.Context, db *pgxpool.Pool, sql string, count *int64, bad func(string)) error {
	for after := int64(0); ; {
		rows, err := db.Query(ctx, sql, after, page)
		if err != nil {
			return err
		}
		n := 0
		var id int64
		var wrong *string
		if _, err := pgx.ForEachRow(rows, []any{&id, &wrong}, func() error {
			n++
			after = id
			*count++
			if wrong != nil {
				bad(*wrong)
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
