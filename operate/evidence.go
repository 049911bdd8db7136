package operate

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Bounds of an archive. What is larger is not written, and not read.
const (
	// MostEvidence is how many invoices one archive holds at most.
	MostEvidence     = 1000
	mostArchiveFiles = MostEvidence * 60
	mostArchiveFile  = 64 << 20  // bytes of one file
	mostInvoiceFiles = 256 << 20 // bytes of the files of one invoice, which are in memory at once
	mostEvents       = 10_000    // of one invoice
	mostExchange     = 1 << 20   // bytes that an exchange unfolds to
)

// Manifest is the last but one file of an archive: what it holds, and where history stood. manifest.sha256, the last one, is its hash.
type Manifest struct {
	Format string       `json:"format"` // choriste-evidence-1
	Made   time.Time    `json:"made_at"`
	By     string       `json:"made_by"`
	Head   EvidenceHead `json:"head"` // of the whole chain, at last
	// Each invoice, in the order of the files, and where the whole chain stood when it was read: its events up to there are in the archive.
	Invoices []EvidenceInvoice `json:"invoices"`
	Files    []EvidenceFile    `json:"files"`
}

// EvidenceInvoice is one invoice of an archive.
type EvidenceInvoice struct {
	ID   int64        `json:"id"`
	Head EvidenceHead `json:"head"`
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

// evidenceFormat names what the files hold and how they are written, the summaries included: the check writes them again and compares every byte. Whoever changes that raises the number.
const evidenceFormat = "choriste-evidence-1"

// WriteEvidence writes one archive about invoices, each as of one moment. Each reading is an event of the invoice (EVIDENCE_READ), which is committed before the document is handed out. The files
// stand in it as they are, not compressed, so that the same contents are the same bytes (VerifyArchive). It takes one connection.
func WriteEvidence(ctx context.Context, db *pgxpool.Pool, out io.Writer, invoices []int64) (Manifest, error) {
	m := Manifest{Format: evidenceFormat}
	conn, err := db.Acquire(ctx)
	if err != nil {
		return m, err
	}
	defer conn.Release()
	if err := conn.QueryRow(ctx, `SELECT clock_timestamp(), chorus.actor()`).Scan(&m.Made, &m.By); err != nil {
		return m, err
	}
	m.Made = m.Made.UTC()
	z := zip.NewWriter(out)
	for _, id := range invoices {
		e, head, err := readEvidence(ctx, conn, id)
		if err != nil {
			return m, err
		}
		m.Head = head
		m.Invoices = append(m.Invoices, EvidenceInvoice{id, head})
		files, err := e.files()
		if err != nil {
			return m, err
		}
		var sum int
		for _, f := range files {
			if sum += len(f.data); len(f.data) > mostArchiveFile || sum > mostInvoiceFiles || len(m.Files) == mostArchiveFiles {
				return m, fmt.Errorf("what is known of invoice %d is more than an archive holds", id)
			}
			if err := addFile(z, f.name, f.data); err != nil {
				return m, err
			}
			m.Files = append(m.Files, EvidenceFile{f.name, len(f.data), hexSum(f.data)})
		}
	}
	text, err := m.text()
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

func (m Manifest) text() ([]byte, error) { return json.MarshalIndent(m, "", "  ") }

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
