package operate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Verified is what VerifyDatabase has looked at.
type Verified struct {
	Events    int64        `json:"events"`
	Attempts  int64        `json:"attempts"`
	Invoices  int64        `json:"invoices"`
	Exchanges int64        `json:"exchanges"`
	Head      EvidenceHead `json:"head"`
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
	if err := v.events(ctx, db, anchor, bad); err != nil {
		return v, err
	}
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
	return v, v.exchanges(ctx, db, bad)
}

// page is how many rows are read at once, each page within the time that one statement has.
const page = 200

func (v *Verified) events(ctx context.Context, db *pgxpool.Pool, anchor EvidenceHead, bad func(string)) error {
	var before []byte
	known := true // the hash before the next event
	for {
		rows, err := db.Query(ctx, `
			SELECT e.seq, e.id, coalesce(e.invoice_id, 0), e.hash, chorus.event_text(e), coalesce(e.detail ->> 'sha256', ''), coalesce((e.detail ->> 'seq')::bigint, 0)
			FROM chorus.events e WHERE e.seq > $1 ORDER BY e.seq LIMIT $2`, v.Head.Seq, page)
		if err != nil {
			return err
		}
		n := 0
		var seq, id, invoice, sealedSeq int64
		var hash []byte
		var text, sealed string
		_, err = pgx.ForEachRow(rows, []any{&seq, &id, &invoice, &hash, &text, &sealed, &sealedSeq}, func() error {
			n++
			if seq == v.Head.Seq+2 {
				bad(fmt.Sprintf("event %d was removed", v.Head.Seq+1))
			} else if seq > v.Head.Seq+1 {
				bad(fmt.Sprintf("events %d to %d were removed", v.Head.Seq+1, seq-1))
			}
			known = known && seq == v.Head.Seq+1
			sum := sha256.Sum256(append(bytes.Clone(before), text...))
			if known && !bytes.Equal(sum[:], hash) || hash == nil {
				bad(fmt.Sprintf("event %d (id %d, invoice %d) was altered or inserted", seq, id, invoice))
			}
			if seq == anchor.Seq && hex.EncodeToString(hash) != anchor.SHA256 {
				bad(fmt.Sprintf("event %d does not have the hash that was announced: history was written anew before it", seq))
			}
			before, known = bytes.Clone(hash), true
			v.Events++
			v.Head = EvidenceHead{seq, hex.EncodeToString(hash)}
			return nil
		})
		if err != nil {
			return err
		}
		if n < page {
			break
		}
	}
	if anchor.Seq > v.Head.Seq {
		bad(fmt.Sprintf("events %d to %d were removed", v.Head.Seq+1, anchor.Seq))
	}
	return nil
}

// Each of these gives, beyond an id, at most so many rows: the id, and what is wrong with it or null. What nobody has numbered yet is left for the next time.
const (
	verifyAttempts = `
		SELECT i.id, string_agg(w.text, '; ')
		FROM (SELECT id FROM chorus.invoices WHERE id > $1 AND attempt_no > 0 ORDER BY id LIMIT $2) i
		LEFT JOIN LATERAL (
		    SELECT CASE
		        WHEN e.seq IS NULL AND NOT EXISTS (SELECT FROM chorus.events u WHERE u.invoice_id = i.id AND u.attempt = a.n AND u.seq IS NULL) THEN format('attempt %s of invoice %s was inserted', a.n, i.id)
		        WHEN e.attempt_sha256 <> sha256(convert_to(chorus.attempt_text(i.id, a.n, e.attempt_looks), 'UTF8'))
		             AND NOT EXISTS (SELECT FROM chorus.events u WHERE u.invoice_id = i.id AND u.attempt = a.n AND u.seq IS NULL) THEN format('attempt %s of invoice %s was altered', a.n, i.id)
		    END AS text
		    FROM chorus.attempts a
		    LEFT JOIN LATERAL (
		        SELECT * FROM chorus.events x WHERE x.invoice_id = i.id AND x.attempt = a.n AND x.attempt_sha256 IS NOT NULL ORDER BY x.id DESC LIMIT 1
		    ) e ON true
		    WHERE a.invoice_id = i.id
		    UNION ALL
		    SELECT format('attempt %s of invoice %s was removed', x.attempt, i.id)
		    FROM (SELECT DISTINCT attempt FROM chorus.events WHERE invoice_id = i.id AND attempt_sha256 IS NOT NULL) x
		    WHERE NOT EXISTS (SELECT FROM chorus.attempts a WHERE a.invoice_id = i.id AND a.n = x.attempt)
		) w ON true
		GROUP BY i.id
		ORDER BY i.id`
	verifyInvoices = `
		SELECT x.id, CASE
		    WHEN i.id IS NULL AND EXISTS (SELECT FROM chorus.events e WHERE e.invoice_id = x.id) THEN format('invoice %s was removed', x.id)
		    WHEN i.id IS NULL THEN NULL
		    WHEN NOT EXISTS (SELECT FROM chorus.events e WHERE e.invoice_id = x.id AND e.from_state IS NULL) THEN format('invoice %s was inserted past its history', x.id)
		    WHEN EXISTS (SELECT FROM chorus.events e WHERE e.invoice_id = x.id AND e.invoice_sha256 <> sha256(convert_to(chorus.invoice_text(x.id), 'UTF8')))
		         THEN format('invoice %s was altered', x.id)
		    WHEN NOT chorus.document_intact(x.id) THEN format('the document of invoice %s was altered', x.id)
		    WHEN i.state <> (SELECT e.to_state FROM chorus.events e WHERE e.invoice_id = x.id AND e.to_state IS NOT NULL ORDER BY e.id DESC LIMIT 1) THEN format('the state of invoice %s was altered', x.id)
		END
		FROM (
		    SELECT id FROM generate_series($1::bigint + 1, least($1 + $2, greatest((SELECT max(id) FROM chorus.invoices), (SELECT max(invoice_id) FROM chorus.events)))) AS id
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

// exchanges compares what is kept of deposits with the hashes that their attempts hold. What was deleted because it is old is no loss: an event says until when (EXCHANGES_FORGOTTEN).
func (v *Verified) exchanges(ctx context.Context, db *pgxpool.Pool, bad func(string)) error {
	for after := uuid.Nil; ; {
		rows, err := db.Query(ctx, `
			SELECT a.id, a.invoice_id, a.n, a.evidence ->> 'exchange_sha256', x.exchange,
			       a.finished_at > coalesce((SELECT max((detail ->> 'until')::timestamptz) FROM chorus.events WHERE reason_code = 'EXCHANGES_FORGOTTEN'), '-infinity')
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
		var younger bool
		if _, err := pgx.ForEachRow(rows, []any{&after, &invoice, &attempt, &sum, &packed, &younger}, func() error {
			n++
			v.Exchanges++
			text, err := unpack(packed)
			switch {
			case packed == nil && younger:
				bad(fmt.Sprintf("the exchange of attempt %d of invoice %d was removed", attempt, invoice))
			case packed != nil && (err != nil || hexSum(text) != sum):
				bad(fmt.Sprintf("the exchange of attempt %d of invoice %d was altered", attempt, invoice))
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

// CompareWithDatabase names the events of an archive that the database does not have with this hash.
func CompareWithDatabase(ctx context.Context, db *pgxpool.Pool, events map[int64]string) (wrong []string, err error) {
	for seq, hash := range events {
		var same bool
		if err := db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM chorus.events WHERE seq = $1 AND encode(hash, 'hex') = $2)`, seq, hash).Scan(&same); err != nil {
			return nil, err
		}
		if !same {
			wrong = append(wrong, fmt.Sprintf("event %d: the database that was asked does not have it with this hash", seq))
		}
	}
	slices.Sort(wrong)
	return wrong, nil
}
