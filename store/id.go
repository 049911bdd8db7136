package store

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// NewID makes the id of an attempt: a UUID of version 7 (RFC 9562), which sorts by the time at which it was made, to a quarter of a microsecond, so that new rows are written at
// the end of their index.
func NewID() pgtype.UUID {
	id, now := pgtype.UUID{Valid: true}, time.Now()
	part := int64(now.Nanosecond()%1e6) << 12 / 1e6                                 // of the millisecond, in 4096ths
	binary.BigEndian.PutUint64(id.Bytes[:], uint64(now.UnixMilli()<<16|7<<12|part)) //nolint:gosec // a time after 1970
	_, _ = rand.Read(id.Bytes[8:])                                                  // never fails
	id.Bytes[8] = id.Bytes[8]&0x3f | 0x80
	return id
}
