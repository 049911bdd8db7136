package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// packers are reused: each needs most of a megabyte.
var packers = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// packed compresses what is kept of an exchange, and says the SHA-256 of the text; nil and nil of nothing.
func packed(text []byte) ([]byte, *string) {
	if text == nil {
		return nil, nil
	}
	var b bytes.Buffer
	w := packers.Get().(*gzip.Writer)
	w.Reset(&b)
	_, _ = w.Write(text) // a buffer takes everything
	_ = w.Close()
	w.Reset(nil) // keep nothing of it
	packers.Put(w)
	sum := sha256.Sum256(text)
	s := hex.EncodeToString(sum[:])
	return b.Bytes(), &s
}

// Head is the end of the chain over history: the hash of the event of this number, which stands for all before it.
type Head struct {
	Seq    int64  `json:"seq"`
	SHA256 string `json:"sha256"`
}

// TidyEvidence deletes exchanges that have been kept for longer, at most once an hour: their hashes stay in the attempts' evidence, and an event says what was deleted. And it writes
// the head of the chain into history, once a day (of UTC) on which something happened, from the second day on, and returns it; nil when there is nothing to say. When there is nothing to do, it writes nothing and
// takes no lock. A crash of the caller loses the line of its log, not the event.
func (s *Store) TidyEvidence(ctx context.Context, keep time.Duration) (*Head, error) {
	var due bool
	err := s.pool.QueryRow(ctx, `
		SELECT chorus.forget_exchanges($1) >= 0
		   AND coalesce((SELECT at FROM chorus.events WHERE seq IS NOT NULL ORDER BY seq LIMIT 1) < date_trunc('day', clock_timestamp(), 'UTC'), false)
		   AND (SELECT reason_code FROM chorus.events ORDER BY id DESC LIMIT 1) IS DISTINCT FROM 'SEALED'
		   AND NOT EXISTS (SELECT FROM chorus.events WHERE reason_code = 'SEALED' AND at BETWEEN date_trunc('day', clock_timestamp(), 'UTC') AND clock_timestamp())`, keep).Scan(&due)
	if err != nil || !due {
		return nil, err
	}
	var seq *int64
	var sum *string
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if mine, err := alone(ctx, tx, "announce"); err != nil || !mine {
			return err
		}
		return tx.QueryRow(ctx, `SELECT seq, sha256 FROM chorus.seal()`).Scan(&seq, &sum)
	})
	if err != nil || seq == nil {
		return nil, err
	}
	return &Head{*seq, *sum}, nil
}
