package fleet

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// A start waits for who may work on another copy of the database, and for nobody else: not for a worker that was killed a moment ago, nor for one that beats.
func TestRivals(t *testing.T) {
	t.Parallel()
	beat := time.Now().Add(-time.Hour).Truncate(time.Microsecond) // the database's clock is not ours
	for name, c := range map[string]struct {
		written, has, later time.Time // the heartbeat in the file, and in the database at both looks
		silent              time.Duration
		unsure              bool
	}{
		"killed":                              {beat, beat, beat, 2 * rhythm, false},
		"killed, or about to beat":            {beat, beat, beat, rhythm / 2, true},
		"alive":                               {beat, beat, beat.Add(time.Second), rhythm / 2, false},
		"its heartbeat is not here":           {beat.Add(time.Second), beat, beat, 2 * rhythm, true},
		"nothing of it is here":               {beat, time.Time{}, time.Time{}, 2 * rhythm, true},
		"nothing of it is here, and long ago": {beat, time.Time{}, time.Time{}, 2 * recent, false},
	} {
		f, err := OpenState(t.TempDir(), pgtype.UUID{Bytes: [16]byte{1}, Valid: true})
		if err == nil {
			err = f.Touch("host:1", c.written)
		}
		at := time.Now().Add(-c.silent)
		if err == nil {
			err = os.Chtimes(f.alive("host:1"), at, at)
		}
		if err != nil {
			t.Fatal(err)
		}
		looks := 0
		r := Rivals{File: f, Life: "host:2", Beats: func(context.Context) (map[string]time.Time, error) {
			if looks++; looks > 1 {
				return map[string]time.Time{"host:1": c.later}, nil
			}
			return map[string]time.Time{"host:1": c.has}, nil
		}}
		var unsure bool
		for range 2 {
			var rival string
			if rival, unsure, err = r.Look(t.Context()); rival != "" || err != nil {
				t.Fatalf("%s: %q, %v", name, rival, err)
			}
		}
		if unsure != c.unsure {
			t.Errorf("%s: unsure %v", name, unsure)
		}
	}
}
