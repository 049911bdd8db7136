package operate

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
)

// evidence is all that an archive holds of one invoice.
type evidence struct {
	id       int64
	document []byte
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
	ext := ".xml"
	if bytes.HasPrefix(e.document, []byte("%PDF")) {
		ext = ".pdf"
	}
	files := []file{{dir + "document" + ext, e.document}, {dir + "invoice.json", []byte(e.invoice)}}
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

// readEvidence reads all that is known of an invoice whose document was read, up to an event.
func readEvidence(ctx context.Context, tx pgx.Tx, id int64, document []byte, upTo int64) (*evidence, error) {
	e := &evidence{id: id, document: document}
	if err := tx.QueryRow(ctx, `SELECT chorus.invoice_text(id) FROM chorus.invoices WHERE id = $1`, id).Scan(&e.invoice); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `
		SELECT a.n, chorus.attempt_text(a.invoice_id, a.n, jsonb_array_length(coalesce(a.evidence -> 'lookups', '[]'))), x.exchange
		FROM chorus.attempts a
		LEFT JOIN chorus.exchanges x ON x.attempt_id = a.id
		WHERE a.invoice_id = $1
		ORDER BY a.n`, id)
	if err != nil {
		return nil, err
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
		return nil, err
	}
	e.events, err = chained(ctx, tx, id, upTo)
	if err == nil && len(e.events) > mostEvents {
		err = fmt.Errorf("invoice %d has more than %d events: its history is more than an archive holds", id, mostEvents)
	}
	return e, err
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
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
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
