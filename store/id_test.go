package store

import (
	"bytes"
	"testing"
	"time"
)

// TestIDs: PostgreSQL and the files of others take them for what they are, no two are the same, and the later sorts behind.
func TestIDs(t *testing.T) {
	before := time.Now().UnixMilli()
	last := NewID()
	for range 1000 {
		time.Sleep(time.Microsecond) // an id tells a quarter of one
		id := NewID()
		if bytes.Compare(id.Bytes[:], last.Bytes[:]) <= 0 {
			t.Fatalf("%s is not behind %s", id, last)
		}
		last = id
	}
	var ms int64
	for _, b := range last.Bytes[:6] {
		ms = ms<<8 | int64(b)
	}
	if ms < before || ms > time.Now().UnixMilli() {
		t.Errorf("%s is of %s", last, time.UnixMilli(ms))
	}
	if text := last.String(); text[14] != '7' || text[19] < '8' || text[19] > 'b' {
		t.Errorf("%s is no UUID of version 7", text)
	}
	same := NewID()
	copy(same.Bytes[:8], last.Bytes[:8])
	if same == last {
		t.Error("nothing of it is random")
	}
}
