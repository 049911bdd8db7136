package chaos

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// opDeposit is the ledger's name for a deposit.
const opDeposit = "deposer/flux"

// entry is what the harness reads of a line of the portal's ledger (the type Entry of chorus/chorustest tells all).
type entry struct {
	Seq            int64     `json:"seq"`
	At             time.Time `json:"at"`
	Type           string    `json:"type"`
	Request        int64     `json:"request"`
	Op             string    `json:"op"`
	Numero         string    `json:"numero"`
	Siren          string    `json:"siren"`
	Annee          int       `json:"annee"`
	NomFichier     string    `json:"nomFichier"`
	FileSHA256     string    `json:"file_sha256"`
	Flux           string    `json:"flux"`
	N              int       `json:"n"`
	Key            string    `json:"key"`
	RefusedLater   bool      `json:"refused_later"`
	RefusedAs      string    `json:"refused_as"`
	Facture        int64     `json:"identifiantFactureCPP"`
	Statut         string    `json:"statut"`
	Status         int       `json:"status"`
	Fault          string    `json:"fault"`
	Sent           *bool     `json:"sent"`
	Token          string    `json:"token"`
	Incomplete     bool      `json:"incomplete"`
	Reused         bool      `json:"reused"`
	IdempotencyKey string    `json:"idempotencyKey"`
}

var entryColumns = []string{
	"seq", "at", "type", "request", "op", "key", "nom_fichier", "file_sha256", "flux", "n", "refused_later", "refused_as", "facture", "statut", "status",
	"fault", "sent", "token", "incomplete", "reused", "idempotency_key",
}

func (e entry) row() []any {
	key := e.Key
	if key == "" && e.Numero != "" && e.Siren != "" {
		key = fmt.Sprintf("%d/%s/%s", e.Annee, e.Siren, e.Numero)
	}
	return []any{
		e.Seq, e.At, e.Type, null(e.Request), null(e.Op), null(key), null(e.NomFichier), null(e.FileSHA256), null(e.Flux), e.N, e.RefusedLater,
		null(e.RefusedAs), null(e.Facture), null(e.Statut), null(e.Status), null(e.Fault), e.Sent, null(e.Token), e.Incomplete, e.Reused,
		null(e.IdempotencyKey),
	}
}

// null is NULL for a zero value.
func null[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// ledgerReader follows the file. A line belongs to the ledger when it is whole.
type ledgerReader struct {
	path    string
	foreign bool // of the foreign portal
	offset  int64
	last    int64 // the newest line's seq
}

// read returns the lines that were added since the last time.
func (r *ledgerReader) read() ([]entry, error) {
	f, err := os.Open(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if _, err := f.Seek(r.offset, io.SeekStart); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	b = b[:bytes.LastIndexByte(b, '\n')+1]
	var all []entry
	for line := range bytes.Lines(b) {
		var e entry
		if r.foreign {
			e, err = readForeign(line)
		} else {
			err = json.Unmarshal(line, &e)
		}
		if err != nil {
			return nil, fmt.Errorf("ledger, after line %d: %w", r.last, err)
		}
		r.last = e.Seq
		all = append(all, e)
	}
	r.offset += int64(len(b))
	return all, nil
}
