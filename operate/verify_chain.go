package operate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/store"
)

// chainCheck goes through history in the order of its numbers.
type chainCheck struct {
	bad     func(string)
	anchors []anchored
	events  int64
	head    EvidenceHead // the last event that was read

	archived []store.Archive
	runs     []archivedRun // of those, by their numbers

	steps []chainStep // the clock was set back
	backs []chainStep // an event is older than the one that was written before it
}

// anchored is a hash that an event must have, and by which word.
type anchored struct {
	EvidenceHead
	why string
}

// chainStep is a time that goes back: by a step of the clock that was noticed, or without one.
type chainStep struct {
	id   int64
	at   float64 // seconds since 1970; infinite of an event without bounds
	by   float64 // seconds, above zero
	text string
}

// What time may go back without a word: programs insert side by side, and machines that follow on one another differ a little.
const timeSlack = 60

// mostBacks bounds what is kept of times that go back, until the steps after them are known.
const mostBacks = 10_000

func (c *chainCheck) run(ctx context.Context, db *pgxpool.Pool) error {
	if err := c.end(ctx, db); err != nil {
		return err
	}
	for {
		n, seals, err := c.page(ctx, db)
		if err != nil {
			return err
		}
		for _, s := range seals {
			var sum string
			err := db.QueryRow(ctx, `SELECT encode(hash, 'hex') FROM chorus.events WHERE seq = $1 AND hash IS NOT NULL`, s.Seq).Scan(&sum)
			if err == nil && sum != s.SHA256 {
				c.bad(fmt.Sprintf("%s announced another hash of event %d than it has: history was written anew before it", s.why, s.Seq))
			} else if err != nil && !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
		}
		if n < page {
			break
		}
	}
	c.pass(math.MaxInt64)
	for _, r := range c.runs {
		c.bad(fmt.Sprintf("events %d to %d are in the archive of %s by what is written down of it, and in the database, too, or where others are", r.first, r.last, r.month))
	}
	for _, a := range c.anchors {
		if a.Seq > c.head.Seq {
			c.bad(fmt.Sprintf("events %d to %d were removed", c.head.Seq+1, a.Seq))
			break
		}
	}
	for _, b := range c.backs {
		if !c.explained(b) {
			c.bad(b.text)
		}
	}
	return nil
}

// end reads where the chain ends (chorus.chain), which removing the last events does not change.
func (c *chainCheck) end(ctx context.Context, db *pgxpool.Pool) error {
	var end EvidenceHead
	var last int64
	err := db.QueryRow(ctx, `
		SELECT coalesce(c.seq, 0), coalesce(encode(c.hash, 'hex'), ''), coalesce((SELECT max(seq) FROM chorus.events), 0)
		FROM (VALUES (1)) one LEFT JOIN chorus.chain c ON true`).Scan(&end.Seq, &end.SHA256, &last)
	if err != nil {
		return err
	}
	if end.Seq < last {
		c.bad(fmt.Sprintf("the end of the chain (chorus.chain) was taken back from event %d to %d", last, end.Seq))
	}
	c.anchors = append(c.anchors, anchored{end, "with which the chain ends (chorus.chain)"})
	return nil
}

func (c *chainCheck) page(ctx context.Context, db *pgxpool.Pool) (n int, seals []anchored, err error) {
	rows, err := db.Query(ctx, `
		SELECT e.seq, e.id, coalesce(e.invoice_id, 0), e.hash, chorus.event_text(e), coalesce(e.reason_code, ''),
		       CASE WHEN e.reason_code = 'SEALED' THEN coalesce(e.detail ->> 'seq', '') WHEN e.reason_code = 'CLOCK_STEPPED' THEN coalesce(e.detail ->> 'seconds', '') ELSE '' END,
		       CASE WHEN e.reason_code = 'SEALED' THEN coalesce(e.detail ->> 'sha256', '') ELSE '' END,
		       extract(epoch FROM e.at)::float8, e.at::text, coalesce(p.id, 0), coalesce(extract(epoch FROM p.at)::float8, '-infinity'), coalesce(p.at::text, '')
		FROM chorus.events e
		LEFT JOIN LATERAL (SELECT id, at FROM chorus.events b WHERE b.id < e.id ORDER BY b.id DESC LIMIT 1) p ON true
		WHERE e.seq > $1
		ORDER BY e.seq
		LIMIT $2`, c.head.Seq, page)
	if err != nil {
		return 0, nil, err
	}
	before, err := hex.DecodeString(c.head.SHA256)
	if err != nil {
		return 0, nil, err
	}
	known := c.head.SHA256 != "" || c.head.Seq == 0 // the hash before the next event
	var seq, id, invoice, prior int64
	var hash []byte
	var text, code, told, sealed, atText, priorText string
	var at, priorAt float64
	_, err = pgx.ForEachRow(rows, []any{&seq, &id, &invoice, &hash, &text, &code, &told, &sealed, &at, &atText, &prior, &priorAt, &priorText}, func() error {
		n++
		if c.pass(seq) {
			var err error
			if before, err = hex.DecodeString(c.head.SHA256); err != nil {
				return err
			}
			known = true
		}
		if seq == c.head.Seq+2 {
			c.bad(fmt.Sprintf("event %d was removed", c.head.Seq+1))
		} else if seq > c.head.Seq+1 {
			c.bad(fmt.Sprintf("events %d to %d were removed", c.head.Seq+1, seq-1))
		}
		known = known && seq == c.head.Seq+1
		sum := sha256.Sum256(append(bytes.Clone(before), text...))
		if known && !bytes.Equal(sum[:], hash) || hash == nil {
			c.bad(fmt.Sprintf("event %d (id %d, invoice %d) was altered or inserted", seq, id, invoice))
		}
		for _, a := range c.anchors {
			if seq == a.Seq && hex.EncodeToString(hash) != a.SHA256 {
				c.bad(fmt.Sprintf("event %d does not have the hash %s", seq, a.why))
			}
		}
		switch code {
		case "SEALED":
			if of, err := strconv.ParseInt(told, 10, 64); err == nil {
				seals = append(seals, anchored{EvidenceHead{of, sealed}, fmt.Sprintf("event %d (%s)", seq, code)})
			}
		case "CLOCK_STEPPED":
			if by, err := strconv.ParseFloat(told, 64); err == nil && by < 0 && len(c.steps) < mostBacks {
				c.steps = append(c.steps, chainStep{id: id, at: at, by: -by})
			}
		}
		if by := priorAt - at; by > timeSlack && len(c.backs) < mostBacks {
			c.backs = append(c.backs, chainStep{id, at, by, fmt.Sprintf(
				"event %d (id %d, invoice %d) is dated %s, and the one written before it (id %d) %s: one of them was inserted by hand, or the clock was set back while no worker saw it",
				seq, id, invoice, atText, prior, priorText)})
		}
		before, known = bytes.Clone(hash), hash != nil
		c.events++
		c.head = EvidenceHead{seq, hex.EncodeToString(hash)}
		return nil
	})
	return n, seals, err
}

// explained tells that a time goes back because the clock was set back: a worker has seen it at that moment, or when it was started later.
func (c *chainCheck) explained(b chainStep) bool {
	for _, s := range c.steps {
		if s.id > b.id && s.at >= b.at-timeSlack && s.by+s.at-b.at+timeSlack >= b.by {
			return true
		}
	}
	return false
}
