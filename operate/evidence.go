package operate

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// MostEvidence is how many invoices one archive holds at most.
const MostEvidence = 1000

// mostExchange bounds what an exchange unfolds to, in bytes.
const mostExchange = 1 << 20

// Manifest is the last but one file of an archive: what it holds, and where history stood. manifest.sha256, the last one, is its hash.
type Manifest struct {
	Format string         `json:"format"` // choriste-evidence-1
	Made   time.Time      `json:"made_at"`
	By     string         `json:"made_by"`
	Head   EvidenceHead   `json:"head"` // of the whole chain; compare it with the ones that were announced
	Files  []EvidenceFile `json:"files"`
}

// EvidenceHead is an event's number and hash.
type EvidenceHead struct {
	Seq    int64  `json:"seq"`
	SHA256 string `json:"sha256"`
}

// EvidenceFile is one file of an archive.
type EvidenceFile struct {
	Name   string `json:"name"`
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// ChainedEvent is one line of events.jsonl: Hash is the SHA-256 of Before, as bytes, and of Text.
type ChainedEvent struct {
	Before string `json:"before"` // the hash of the event before, of whatever invoice; "" of the first
	Text   string `json:"text"`   // JSON, as it was hashed
	Hash   string `json:"hash"`
}

const evidenceFormat = "choriste-evidence-1"

// WriteEvidence writes one archive about invoices. Each reading is an event of the invoice (EVIDENCE_READ). The files stand in it as they are, not compressed, so
// that the same contents are the same bytes (VerifyArchive).
func WriteEvidence(ctx context.Context, db *pgxpool.Pool, out io.Writer, invoices []int64) (Manifest, error) {
	m := Manifest{Format: evidenceFormat}
	err := db.QueryRow(ctx, `
		SELECT clock_timestamp(), chorus.actor(), seq, encode(hash, 'hex') FROM chorus.events WHERE seq IS NOT NULL ORDER BY seq DESC LIMIT 1`).
		Scan(&m.Made, &m.By, &m.Head.Seq, &m.Head.SHA256)
	if err != nil {
		return m, fmt.Errorf("history has no numbered event that this login sees: %w", err)
	}
	m.Made = m.Made.UTC()
	z := zip.NewWriter(out)
	for _, id := range invoices {
		files, err := evidenceOf(ctx, db, id)
		if err != nil {
			return m, err
		}
		for _, f := range files {
			if err := addFile(z, f.name, f.data); err != nil {
				return m, err
			}
			m.Files = append(m.Files, EvidenceFile{f.name, len(f.data), hexSum(f.data)})
		}
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return m, err
	}
	if err := addFile(z, "manifest.json", text); err != nil {
		return m, err
	}
	if err := addFile(z, "manifest.sha256", []byte(hexSum(text)+"\n")); err != nil {
		return m, err
	}
	return m, z.Close()
}

type file struct {
	name string
	data []byte
}

// addFile stores a file with nothing in its head that could differ.
func addFile(z *zip.Writer, name string, data []byte) error {
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// evidenceOf reads all that is known of an invoice.
func evidenceOf(ctx context.Context, db *pgxpool.Pool, id int64) ([]file, error) {
	var document []byte
	var text, state, statut string
	if err := db.QueryRow(ctx, `SELECT chorus.read_evidence($1)`, id).Scan(&document); err != nil {
		return nil, err
	}
	err := db.QueryRow(ctx, `SELECT chorus.invoice_text(id), state, coalesce(statut_courant, '') FROM chorus.invoices WHERE id = $1`, id).Scan(&text, &state, &statut)
	if err != nil {
		return nil, err
	}
	ext := ".xml"
	if bytes.HasPrefix(document, []byte("%PDF")) {
		ext = ".pdf"
	}
	dir := fmt.Sprintf("%d/", id)
	files := []file{{dir + "document" + ext, document}, {dir + "invoice.json", []byte(text)}}

	attempts, err := evidenceAttempts(ctx, db, id)
	if err != nil {
		return nil, err
	}
	for _, a := range attempts {
		files = append(files, file{fmt.Sprintf("%sattempt-%d.json", dir, a.n), []byte(a.text)})
		if a.exchange != nil {
			files = append(files, file{fmt.Sprintf("%sexchange-%d.json", dir, a.n), a.exchange})
		}
	}
	events, err := chained(ctx, db, id)
	if err != nil {
		return nil, err
	}
	var lines bytes.Buffer
	for _, e := range events {
		line, err := json.Marshal(e)
		if err != nil {
			return nil, err
		}
		lines.Write(append(line, '\n'))
	}
	files = append(files, file{dir + "events.jsonl", lines.Bytes()})
	for _, lang := range []string{"en", "fr"} {
		page, err := evidenceSummary(lang, id, text, state, statut, hexSum(document), attempts, events)
		if err != nil {
			return nil, err
		}
		files = append(files, file{dir + "summary." + lang + ".html", page})
	}
	return files, nil
}

type evidenceAttempt struct {
	n        int
	text     string
	exchange []byte
}

func evidenceAttempts(ctx context.Context, db *pgxpool.Pool, id int64) ([]evidenceAttempt, error) {
	rows, err := db.Query(ctx, `
		SELECT a.n, chorus.attempt_text(a.invoice_id, a.n, jsonb_array_length(coalesce(a.evidence -> 'lookups', '[]'))), x.exchange
		FROM chorus.attempts a
		LEFT JOIN chorus.exchanges x ON x.attempt_id = a.id
		WHERE a.invoice_id = $1
		ORDER BY a.n`, id)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (a evidenceAttempt, err error) {
		var packed []byte
		if err := row.Scan(&a.n, &a.text, &packed); err != nil || packed == nil {
			return a, err
		}
		a.exchange, err = unpack(packed)
		return a, err
	})
}

func unpack(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, mostExchange))
}

// chained reads an invoice's numbered events, each with the hash of the event before it in the whole history.
func chained(ctx context.Context, db *pgxpool.Pool, id int64) ([]ChainedEvent, error) {
	rows, err := db.Query(ctx, `
		SELECT coalesce(encode(chorus.hash_before(e.seq), 'hex'), ''), chorus.event_text(e), encode(e.hash, 'hex')
		FROM chorus.events e
		WHERE e.invoice_id = $1 AND e.seq IS NOT NULL
		ORDER BY e.seq
		LIMIT 10000`, id)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[ChainedEvent])
}
