package fleet

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Beside its state, each worker that lives keeps a file that it touches after each of its heartbeats in the database. A file that is touched while the
// database sees no such heartbeat is another database's: a copy of the installation lives beside it (docs/protocol.md §3.5).

const aliveEnd = ".alive"

func (f *StateFile) alive(life string) string {
	return strings.TrimSuffix(f.name, ".json") + "." + url.QueryEscape(life) + aliveEnd
}

// Touch says that a worker has just written a heartbeat. What is written says nothing; when it is, does.
func (f *StateFile) Touch(life string) error {
	name, now := f.alive(life), time.Now()
	if os.Chtimes(name, now, now) == nil {
		return nil
	}
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		return clean(err)
	}
	return nil
}

// Leave says that a worker has ended.
func (f *StateFile) Leave(life string) { _ = os.Remove(f.alive(life)) }

// longDead is when the file of a worker that was killed is removed.
const longDead = 24 * time.Hour

// touched lists when each worker but life touched its file last.
func (f *StateFile) touched(life string) map[string]time.Time {
	start := strings.TrimSuffix(filepath.Base(f.name), "json")
	entries, _ := os.ReadDir(f.dir)
	at := map[string]time.Time{}
	for _, e := range entries {
		name, ours := strings.CutPrefix(e.Name(), start)
		name, ours2 := strings.CutSuffix(name, aliveEnd)
		who, err := url.QueryUnescape(name)
		info, gone := e.Info()
		switch {
		case !ours || !ours2 || err != nil || gone != nil || who == life:
		case time.Since(info.ModTime()) > longDead:
			_ = os.Remove(filepath.Join(f.dir, e.Name()))
		default:
			at[who] = info.ModTime()
		}
	}
	return at
}

// Rivals looks out for workers of another database of the same installation.
type Rivals struct {
	File  *StateFile
	Life  string                                                  // the worker that looks
	Beats func(ctx context.Context) (map[string]time.Time, error) // each worker's last heartbeat in this database

	seen map[string]sighting
}

// sighting is a worker's touch and heartbeat, and when, by this process's clock, it was seen with that heartbeat first.
type sighting struct {
	touch, beat, first time.Time
	again              bool // it has touched its file since
}

const (
	recent = 10 * time.Second        // after its last touch a worker may still be alive
	rhythm = 1500 * time.Millisecond // within which a live one touches again
)

// Look returns the name of a rival once it is certain, and whether some worker may still turn out to be one. A worker is one that has touched its file twice,
// and this database has not got the heartbeat that went before the second touch.
func (r *Rivals) Look(ctx context.Context) (rival string, unsure bool, err error) {
	touched := r.File.touched(r.Life)
	if len(touched) == 0 {
		return "", false, nil
	}
	beats, err := r.Beats(ctx)
	if err != nil {
		return "", false, err
	}
	touched = r.File.touched(r.Life) // after the heartbeats were read: what is touched later than this has beaten later than those
	seen := map[string]sighting{}
	for who, touch := range touched {
		s, known := r.seen[who]
		switch {
		case !known || !beats[who].Equal(s.beat):
			s = sighting{touch: touch, beat: beats[who], first: time.Now()}
		case touch.Equal(s.touch):
		case !s.again:
			s.touch, s.again = touch, true
		default:
			again, err := r.Beats(ctx)
			if err != nil {
				return "", false, err
			}
			if again[who].Equal(s.beat) {
				return who, true, nil
			}
			s = sighting{touch: touch, beat: again[who], first: time.Now()}
		}
		seen[who] = s
		unsure = unsure || s.again || time.Since(touch) < recent && time.Since(s.first) < rhythm
	}
	r.seen = seen
	return "", unsure, nil
}
