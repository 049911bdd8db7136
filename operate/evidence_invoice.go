package operate

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// evidence is all that an archive holds of one invoice.
type evidence struct {
	id       int64
	document []byte // nil: it was purged, and history says so
	invoice  string // chorus.invoice_text
	attempts []evidenceAttempt
	events   []ChainedEvent
}

type evidenceAttempt struct {
	n        int
	text     string // chorus.attempt_text
	exchange []byte // nil: none is kept
}

// ChainedEvent is one line of events.jsonl: Hash is the SHA-256 of Before, as bytes, and of Text.
type ChainedEvent struct {
	Before string `json:"before"` // the hash of the event before, of whatever invoice; "" of the first
	Text   string `json:"text"`   // JSON, as it was hashed
	Hash   string `json:"hash"`
}

type file struct {
	name string
	data []byte
}

// files writes what an archive holds of the invoice, and reads nothing: the check does the same, and compares.
func (e *evidence) files() ([]file, error) {
	dir := fmt.Sprintf("%d/", e.id)
	var files []file
	switch {
	case e.document == nil:
	case bytes.HasPrefix(e.document, []byte("%PDF")):
		files = append(files, file{dir + "document.pdf", e.document})
	default:
		files = append(files, file{dir + "document.xml", e.document})
	}
	files = append(files, file{dir + "invoice.json", []byte(e.invoice)})
	for _, a := range e.attempts {
		files = append(files, file{fmt.Sprintf("%sattempt-%d.json", dir, a.n), []byte(a.text)})
		if a.exchange != nil {
			files = append(files, file{fmt.Sprintf("%sexchange-%d.json", dir, a.n), a.exchange})
		}
	}
	var lines bytes.Buffer
	for _, e := range e.events {
		line, err := json.Marshal(e)
		if err != nil {
			return nil, err
		}
		lines.Write(append(line, '\n'))
	}
	files = append(files, file{dir + "events.jsonl", lines.Bytes()})
	for _, lang := range []string{"en", "fr"} {
		page, err := e.summary(lang)
		if err != nil {
			return nil, err
		}
		files = append(files, file{dir + "summary." + lang + ".html", page})
	}
	return files, nil
}

// numberedWithin is how long an archive waits for the last events of an invoice to be numbered. A worker takes a tenth of a second.
const numberedWithin = 5 * time.Second

// readEvidence hands out the document, which is an event, and then reads at one moment all that is known of the invoice, and where the chain stood.
func readEvidence(ctx context.Context, conn *pgxpool.Conn, id int64) (*evidence, EvidenceHead, error) {
	e := &evidence{id: id}
	var head EvidenceHead
	var err error
	if e.document, err = ReadDocument(ctx, conn, id); err != nil {
		return nil, head, err
	}
	if err := archivedHistory(ctx, conn, id); err != nil {
		return nil, head, err
	}
	wait, cancel := context.WithTimeout(ctx, numberedWithin)
	defer cancel()
	for {
		numbered := false
		err := pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			// What the chain does not tell of yet, nothing would prove.
			err := tx.QueryRow(ctx, `
				SELECT seq, encode(hash, 'hex'), NOT EXISTS (SELECT FROM chorus.events WHERE seq IS NULL AND attempt IS NOT NULL AND invoice_id = $1) FROM chorus.chain`, id).
				Scan(&head.Seq, &head.SHA256, &numbered)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			if err != nil || !numbered {
				return err
			}
			return e.read(ctx, tx, head.Seq)
		})
		if err != nil || numbered {
			return e, head, err
		}
		select {
		case <-wait.Done():
			return nil, head, fmt.Errorf("the last events of invoice %d are not numbered yet, so that nothing would prove them: a running worker does that (choriste work); then try again", id)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// read reads what is known of the invoice up to an event.
func (e *evidence) read(ctx context.Context, tx pgx.Tx, upTo int64) error {
	if err := tx.QueryRow(ctx, `SELECT chorus.invoice_text(id) FROM chorus.invoices WHERE id = $1`, e.id).Scan(&e.invoice); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `
		SELECT a.n, chorus.attempt_text(a.invoice_id, a.n, jsonb_array_length(coalesce(a.evidence -> 'lookups', '[]'))), x.exchange
		FROM chorus.attempts a
		LEFT JOIN chorus.exchanges x ON x.attempt_id = a.id
		WHERE a.invoice_id = $1
		ORDER BY a.n`, e.id)
	if err != nil {
		return err
	}
	e.attempts, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a evidenceAttempt, err error) {
		var packed []byte
		if err := row.Scan(&a.n, &a.text, &packed); err != nil || packed == nil {
			return a, err
		}
		a.exchange, err = unpack(packed)
		return a, err
	})
	if err != nil {
		return err
	}
	e.events, err = chained(ctx, tx, e.id, upTo)
	if err == nil && len(e.events) > mostEvents {
		err = fmt.Errorf("invoice %d has more than %d events: its history is more than an archive holds", e.id, mostEvents)
	}
	return err
}

func unpack(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, mostExchange))
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// chained reads an invoice's numbered events up to one, each with the hash of the event before it in the whole history: one more than an archive holds at most.
func chained(ctx context.Context, db querier, id, upTo int64) ([]ChainedEvent, error) {
	rows, err := db.Query(ctx, `
		SELECT coalesce(encode(chorus.hash_before(e.seq), 'hex'), ''), chorus.event_text(e), encode(e.hash, 'hex')
		FROM chorus.events e
		WHERE e.invoice_id = $1 AND e.seq <= $2
		ORDER BY e.seq
		LIMIT $3`, id, upTo, mostEvents+1)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[ChainedEvent])
}
