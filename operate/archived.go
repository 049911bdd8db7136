package operate

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/store"
)

// archivedRun is a stretch of the chain that is in an archive, by what is written down of it.
type archivedRun struct {
	month        string
	first, last  int64
	before, hash string
}

// readArchives reads what is written down of the months that are away, and compares it with the events that told of them: whoever made the chain end and go on elsewhere would have to forge both.
func (c *chainCheck) readArchives(ctx context.Context, db *pgxpool.Pool) error {
	list, err := store.New(db).Archives(ctx)
	if err != nil {
		return err
	}
	for _, a := range list {
		if a.AttachedAt == nil {
			c.archived = append(c.archived, a)
		}
	}
	rows, err := db.Query(ctx, `
		SELECT a.month, r.first, r.last, encode(r.before, 'hex'), encode(r.hash, 'hex')
		FROM chorus.archives a
		CROSS JOIN LATERAL unnest(a.runs_from, a.runs_to, a.runs_before, a.runs_hash) r (first, last, before, hash)
		WHERE a.attached_at IS NULL
		  AND NOT EXISTS (SELECT FROM chorus.partitions() p WHERE p.month = a.month AND p.attached AND NOT p.pending) -- written down, and not gone yet
		ORDER BY r.first`)
	if err != nil {
		return err
	}
	if c.runs, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r archivedRun, err error) {
		err = row.Scan(&r.month, &r.first, &r.last, &r.before, &r.hash)
		return r, err
	}); err != nil {
		return err
	}
	rows, err = db.Query(ctx, `
		SELECT a.month
		FROM chorus.archives a
		LEFT JOIN chorus.events e ON e.id = a.event_id
		WHERE a.attached_at IS NULL
		  AND CASE WHEN e.id IS NULL THEN NOT EXISTS (SELECT FROM chorus.archives o WHERE o.attached_at IS NULL AND a.event_id BETWEEN o.from_id AND o.to_id)
		      ELSE (e.reason_code, e.detail ->> 'month', e.detail ->> 'sha256', e.detail -> 'from', e.detail -> 'to', e.detail -> 'hash') IS DISTINCT FROM
		           ('ARCHIVED', a.month, encode(a.sha256, 'hex'), to_jsonb(a.runs_from), to_jsonb(a.runs_to),
		            (SELECT jsonb_agg(encode(h, 'hex') ORDER BY k) FROM unnest(a.runs_hash) WITH ORDINALITY x (h, k))) END
		ORDER BY a.month`)
	if err != nil {
		return err
	}
	wrong, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, month := range wrong {
		c.bad(fmt.Sprintf("what is written down of the archive of %s (chorus.archives) was altered: the event that told of it says otherwise", month))
	}
	return err
}

// pass goes past the stretches that are in archives, up to the event seq, and says whether it went past any.
func (c *chainCheck) pass(seq int64) (passed bool) {
	for len(c.runs) > 0 && c.runs[0].first == c.head.Seq+1 && c.runs[0].last < seq {
		r := c.runs[0]
		c.runs = slices.Delete(c.runs, 0, 1)
		if r.before != c.head.SHA256 {
			c.bad(fmt.Sprintf("the archive of %s begins after event %d with another hash than that: history was written anew before it", r.month, c.head.Seq))
		}
		for _, a := range c.anchors {
			switch {
			case a.Seq == r.last && a.SHA256 != r.hash:
				c.bad(fmt.Sprintf("event %d does not have the hash %s", a.Seq, a.why))
			case a.Seq >= r.first && a.Seq < r.last:
				c.bad(fmt.Sprintf("event %d, %s, is within the archive of %s and was not compared: choriste partition attach brings it back", a.Seq, a.why, r.month))
			}
		}
		c.head = EvidenceHead{r.last, r.hash}
		passed = true
	}
	return passed
}

func archivedError(a store.Archive, what string, args ...any) error {
	return fmt.Errorf("%s is in the archive %s (%s): choriste partition attach brings it back; until then nothing can be proved by this database", fmt.Sprintf(what, args...), a.File, a.Month)
}

// archivedHistory is an error when a part of an invoice's history is in an archive: evidence without it would leave out what happened.
func archivedHistory(ctx context.Context, db querier, id int64) error {
	rows, err := db.Query(ctx, `
		SELECT a.month, a.file FROM chorus.archived_invoices b JOIN chorus.archives a ON a.id = b.archive WHERE b.invoice_id = $1 AND a.attached_at IS NULL ORDER BY a.from_id LIMIT 1`, id)
	if err != nil {
		return err
	}
	var a store.Archive
	tag, err := pgx.ForEachRow(rows, []any{&a.Month, &a.File}, func() error { return nil })
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	return archivedError(a, "history of invoice %d", id)
}
