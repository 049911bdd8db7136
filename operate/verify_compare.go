package operate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/store"
)

// compareHead asks the database for the event at which history stood. A hash tells nothing of what it is of, so that every operator's login may ask.
func (c *Checked) compareHead(ctx context.Context, db *pgxpool.Pool, h EvidenceHead) error {
	var same bool
	if h.Seq > 0 && h.Seq < math.MaxInt64 {
		if err := db.QueryRow(ctx, `SELECT coalesce(encode(chorus.hash_before($1), 'hex') = $2, false)`, h.Seq+1, h.SHA256).Scan(&same); err != nil {
			return err
		}
	}
	if !same {
		if list, err := store.New(db).ArchivedAfter(ctx, h.Seq-1, h.Seq); err != nil {
			return err
		} else if len(list) > 0 {
			return archivedError(list[0], "event %d", h.Seq)
		}
		c.bad("manifest.json: the database that was asked has no event %d with this hash", h.Seq)
	}
	return nil
}

// compareInvoice compares the files with what the database would write of the invoice, up to the event at which history stood. What may have changed since is compared as it was: an attempt
// that was open, look-ups that were not made yet, an exchange that was deleted because it is old, fields that had not been read.
func (c *Checked) compareInvoice(ctx context.Context, db *pgxpool.Pool, e *evidence, head EvidenceHead) error {
	if err := archivedHistory(ctx, db, e.id); err != nil {
		return err
	}
	if err := c.compareHead(ctx, db, head); err != nil {
		return err
	}
	var invoice *string
	if err := db.QueryRow(ctx, `SELECT (SELECT chorus.invoice_text(id) FROM chorus.invoices WHERE id = $1)`, e.id).Scan(&invoice); err != nil {
		return err
	}
	if invoice == nil {
		c.bad("%d: the database that was asked has no such invoice, or does not show it to this login", e.id)
		return nil
	}
	if *invoice != e.invoice && (len(e.attempts) > 0 || !within(e.invoice, *invoice)) {
		c.bad("%d/invoice.json: the database says otherwise", e.id)
	}
	if err := c.compareReading(ctx, db, e.id, head); err != nil {
		return err
	}
	events, err := chained(ctx, db, e.id, head.Seq)
	if err != nil {
		return err
	}
	for _, x := range e.events {
		if !slices.Contains(events, x) {
			c.bad("%d/events.jsonl: event %d: the database that was asked does not have it with this hash", e.id, seqOf(x))
		}
	}
	for _, x := range events {
		if !slices.Contains(e.events, x) {
			c.bad("%d/events.jsonl: event %d is missing, which the database has", e.id, seqOf(x))
		}
	}
	return c.compareAttempts(ctx, db, e)
}

// compareReading asks history who read the evidence, and when: made_by, at made_at or soon after. What of deposits had happened by then is in the archive, up to a minute that a transaction may
// have taken, so that nobody passes off what was known earlier.
func (c *Checked) compareReading(ctx context.Context, db *pgxpool.Pool, id int64, head EvidenceHead) error {
	m := c.Manifest
	soon := time.Minute
	if id != m.Invoices[0].ID {
		soon = time.Hour
	}
	var left *int64
	err := db.QueryRow(ctx, `
		WITH reading AS (
		    SELECT min(id) AS id FROM chorus.events WHERE invoice_id = $1 AND reason_code = 'EVIDENCE_READ' AND actor = $2 AND at BETWEEN $3 AND $3 + $4::interval
		)
		SELECT (SELECT min(e.seq) FROM chorus.events e
		        WHERE e.invoice_id = $1 AND e.attempt IS NOT NULL AND e.seq > $5 AND e.id < reading.id AND e.at < $3 - interval '1 minute')
		FROM reading
		WHERE id IS NOT NULL`, id, m.By, m.Made, soon, head.Seq).Scan(&left)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		c.bad("manifest.json: by the database, %s did not read invoice %d then", m.By, id)
	case err != nil:
		return err
	case left != nil:
		c.bad("%d/events.jsonl: event %d is missing, which the database had when the archive was made", id, *left)
	}
	return nil
}

func (c *Checked) compareAttempts(ctx context.Context, db *pgxpool.Pool, e *evidence) error {
	for _, a := range e.attempts {
		var t struct {
			Lookups  []json.RawMessage `json:"lookups"`
			Evidence map[string]any    `json:"evidence"`
		}
		if json.Unmarshal([]byte(a.text), &t) != nil {
			continue // it was named already
		}
		var same, kept bool
		err := db.QueryRow(ctx, `
			SELECT coalesce($4 = ANY (chorus.attempt_texts($1, $2, $3)), false),
			       EXISTS (SELECT FROM chorus.exchanges x JOIN chorus.attempts a ON a.id = x.attempt_id WHERE a.invoice_id = $1 AND a.n = $2)`,
			e.id, a.n, len(t.Lookups), a.text).Scan(&same, &kept)
		if err != nil {
			return err
		}
		if !same {
			c.bad("%d/attempt-%d.json: the database says otherwise", e.id, a.n)
		}
		if _, answered := t.Evidence["exchange_sha256"]; answered && kept && a.exchange == nil {
			c.bad("%d/exchange-%d.json: it is missing, and the database has it", e.id, a.n)
		}
	}
	return nil
}

// within tells that everything an invoice's text said is still said, while fields that were empty may have been read since.
func within(was, is string) bool {
	var a, b map[string]json.RawMessage
	if json.Unmarshal([]byte(was), &a) != nil || json.Unmarshal([]byte(is), &b) != nil || len(a) != len(b) {
		return false
	}
	for key, value := range a {
		if now, there := b[key]; !there || string(value) != "null" && !bytes.Equal(value, now) {
			return false
		}
	}
	return true
}

func seqOf(e ChainedEvent) int64 {
	var t eventText
	_ = json.Unmarshal([]byte(e.Text), &t) // it was read before
	return t.Seq
}
