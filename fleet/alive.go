package fleet

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Beside its state, each worker that lives keeps a file into which it writes each of its heartbeats once the database has got it. A file that is written to
// while the database has not got such a heartbeat is another database's: a copy of the installation lives beside it (docs/protocol.md §3.5).

const aliveEnd = ".alive"

func (f *StateFile) alive(life string) string {
	return strings.TrimSuffix(f.name, ".json") + "." + url.QueryEscape(life) + aliveEnd
}

// Touch says that the database has got a heartbeat of a worker, by the database's clock.
func (f *StateFile) Touch(life string, beat time.Time) error {
	if err := os.WriteFile(f.alive(life), []byte(beat.Format(time.RFC3339Nano)), 0o600); err != nil {
		return clean(err)
	}
	return nil
}

// Leave says that a worker has ended.
func (f *StateFile) Leave(life string) { _ = os.Remove(f.alive(life)) }

// longDead is when the file of a worker that was killed is removed.
const longDead = 24 * time.Hour

// touch is the last sign of a worker in its file.
type touch struct {
	at   time.Time // by the clock of the file system
	beat time.Time // by the database's; zero: it is just being written, or long ago
}

// touched lists the last touch of each worker but life.
func (f *StateFile) touched(life string) map[string]touch {
	start := strings.TrimSuffix(filepath.Base(f.name), "json")
	entries, _ := os.ReadDir(f.dir)
	all := map[string]touch{}
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
			t := touch{at: info.ModTime()}
			if time.Since(t.at) < recent {
				text, _ := os.ReadFile(filepath.Join(f.dir, e.Name()))
				t.beat, _ = time.Parse(time.RFC3339Nano, string(text))
			}
			all[who] = t
		}
	}
	return all
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
	touched, beat, first time.Time
	again                bool // it has touched its file since
	ours                 bool // it has beaten in this database since it was seen first
}

const (
	recent = 10 * time.Second        // after its last touch a worker may still be alive
	rhythm = 1500 * time.Millisecond // within which a live one touches again
)

// Look returns the name of a rival once it is certain, and whether some worker may still turn out to be one. A worker is one that has touched its file twice,
// and this database has not got the heartbeat that went before the second touch. Nobody waits for one that beats in this database, or that is silent since this
// database got its last heartbeat: it was killed.
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
	for who, t := range touched {
		s, known := r.seen[who]
		switch {
		case !known || !beats[who].Equal(s.beat):
			s = sighting{touched: t.at, beat: beats[who], first: time.Now(), ours: known}
		case t.at.Equal(s.touched):
		case !s.again:
			s.touched, s.again = t.at, true
		default:
			again, err := r.Beats(ctx)
			if err != nil {
				return "", false, err
			}
			if again[who].Equal(s.beat) {
				return who, true, nil
			}
			s = sighting{touched: t.at, beat: again[who], first: time.Now(), ours: true}
		}
		seen[who] = s
		dead := time.Since(t.at) >= rhythm && t.beat.Equal(s.beat)
		unsure = unsure || !s.ours && !dead && (s.again || time.Since(t.at) < recent && time.Since(s.first) < rhythm)
	}
	r.seen = seen
	return "", unsure, nil
}
