// Package fleet holds what all workers of an installation share beyond its rows.
package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// StateFile is what workers know to have been committed to one installation's database, kept outside of it (docs/protocol.md §3.5). Workers that share the
// directory share the file. Another installation has another file, so that it neither alarms nor vouches.
type StateFile struct {
	dir  string
	name string
}

// State is what the file says.
type State struct {
	Installation pgtype.UUID   `json:"installation"`
	Epoch        string        `json:"epoch"`
	Quarantines  int           `json:"quarantines"`
	Marks        []Mark        `json:"marks"`    // events that were read, oldest first
	Attempts     []pgtype.UUID `json:"attempts"` // the latest, oldest first
	Beat         time.Time     `json:"beat"`     // of the last heartbeat that the database has got, by its clock: until then nothing is missing here
	Portals      []string      `json:"portals"`  // names of the accounts at the portal, for comparison only
	SavedAt      time.Time     `json:"saved_at"`
}

// Mark is an event that was read, and when it happened.
type Mark struct {
	Event int64     `json:"event"`
	At    time.Time `json:"at"`
}

const (
	mostState    = 64 << 10 // bytes
	mostMarks    = 64
	mostPortals  = 256
	mostOthers   = 64 // files that are read
	mostAttempts = 64 // more than may be in flight between two savings, by default
)

// CheckStateDir tells why a directory cannot keep the file, or returns nil.
func CheckStateDir(dir string) error {
	if err := isDir(dir); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".choriste-*")
	if err != nil {
		return clean(err)
	}
	_ = tmp.Close()
	return os.Remove(tmp.Name())
}

func isDir(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New("it is no directory")
	}
	return clean(err)
}

// OpenState is the file of an installation in a directory, which must be there. That it takes no files is said when it is written: an old one still tells something.
func OpenState(dir string, installation pgtype.UUID) (*StateFile, error) {
	if err := isDir(dir); err != nil {
		return nil, fmt.Errorf("CHORISTE_STATE_DIR: %w", err)
	}
	return &StateFile{dir: dir, name: filepath.Join(dir, "choriste-"+installation.String()+".json")}, nil
}

// Path is where it is.
func (f *StateFile) Path() string { return f.name }

// ErrNoState says that nothing has been kept yet, or that it was lost.
var ErrNoState = errors.New("there is no such file yet")

// Load reads the file. ErrNoState and errors that say what is wrong with it are no reason to stop: the other witnesses remain.
func (f *StateFile) Load() (State, error) {
	var s State
	info, err := os.Stat(f.name) // opening something else (a FIFO) may wait for ever
	if errors.Is(err, fs.ErrNotExist) {
		return s, ErrNoState
	}
	if err != nil {
		return s, clean(err)
	}
	if !info.Mode().IsRegular() {
		return s, errors.New("it is not a regular file")
	}
	file, err := os.Open(f.name)
	if err != nil {
		return s, clean(err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, mostState+1))
	switch {
	case err != nil:
		return s, clean(err)
	case len(text) > mostState:
		return s, errors.New("it is too long to be ours")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&s); err != nil {
		return State{}, errors.New("it cannot be read")
	}
	if len(s.Marks) > mostMarks || len(s.Attempts) > mostAttempts || len(s.Portals) > mostPortals || s.Quarantines < 0 || s.Epoch == "" {
		return State{}, errors.New("it does not hold what a worker writes")
	}
	return s, nil
}

// Others lists what the files of other installations in the directory say, as far as they can be read.
func (f *StateFile) Others() (all []State) {
	names, _ := filepath.Glob(filepath.Join(f.dir, "choriste-*.json"))
	for _, name := range names[:min(len(names), mostOthers)] {
		if name == f.name {
			continue
		}
		if s, err := (&StateFile{dir: f.dir, name: name}).Load(); err == nil {
			all = append(all, s)
		}
	}
	return all
}

// Save adds s to what the file holds, and replaces it as a whole: a crash leaves the old file or the new one. What is of before the last quarantine is
// dropped: the quarantine has dealt with it. It returns what the file holds now.
func (f *StateFile) Save(s State) (State, error) {
	unlock := f.lock()
	defer unlock()
	if old, err := f.Load(); err == nil && old.Installation == s.Installation {
		s = merge(old, s)
	}
	s.Portals = slices.Clone(s.Portals[:min(len(s.Portals), mostPortals)]) // a file with more is refused when it is read
	s.SavedAt = time.Now().UTC().Truncate(time.Second)
	text, err := json.Marshal(s)
	if err != nil {
		return s, err
	}
	tmp, err := os.CreateTemp(f.dir, ".choriste-*") // mode 0600
	if err != nil {
		return s, clean(err)
	}
	_, err = tmp.Write(append(text, '\n'))
	if err == nil {
		err = tmp.Sync()
	}
	if closed := tmp.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(tmp.Name(), f.name)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
		return s, clean(err)
	}
	if d, err := os.Open(f.dir); err == nil { // so that the new name survives a loss of power
		_ = d.Sync()
		_ = d.Close()
	}
	return s, nil
}

// merge is what two workers know together.
func merge(a, b State) State {
	if a.Quarantines != b.Quarantines {
		if a.Quarantines > b.Quarantines {
			return a
		}
		return b
	}
	for _, m := range a.Marks {
		if !slices.ContainsFunc(b.Marks, func(o Mark) bool { return o.Event == m.Event && o.At.Equal(m.At) }) {
			b.Marks = append(b.Marks, m)
		}
	}
	slices.SortFunc(b.Marks, func(x, y Mark) int { return int(x.Event - y.Event) })
	b.Marks = b.Marks[max(0, len(b.Marks)-mostMarks):]
	for _, id := range a.Attempts {
		if !slices.Contains(b.Attempts, id) {
			b.Attempts = append(b.Attempts, id)
		}
	}
	slices.SortFunc(b.Attempts, func(x, y pgtype.UUID) int { return bytes.Compare(x.Bytes[:], y.Bytes[:]) }) // by time, as version 7 does
	b.Attempts = b.Attempts[max(0, len(b.Attempts)-mostAttempts):]
	if a.Beat.After(b.Beat) {
		b.Beat = a.Beat
	}
	for _, p := range a.Portals {
		if !slices.Contains(b.Portals, p) && len(b.Portals) < mostPortals {
			b.Portals = append(b.Portals, p)
		}
	}
	return b
}

// lockWithin is how long another worker's writing is waited for. Without the lock, what one of two writes at the same moment may be lost, until it writes again.
const lockWithin = 100 * time.Millisecond

func (f *StateFile) lock() (unlock func()) {
	file, err := os.OpenFile(f.name+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return func() {}
	}
	for began := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		if tryLock(file) || time.Since(began) > lockWithin {
			return func() { _ = file.Close() } // which gives the lock back
		}
	}
}

// clean leaves out what the caller says anyway.
func clean(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}
