package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/choriste/choriste/fleet"
	"github.com/choriste/choriste/store"
)

// CommitMemory is what this process knows to have been committed, so that it notices when the database has forgotten (docs/protocol.md §3.5): in memory, and
// in a file if there is a directory for one. It is safe for concurrent use.
type CommitMemory struct {
	log    *slog.Logger
	doubts chan struct{}

	mu     sync.Mutex
	m      store.Memory
	recent []pgtype.UUID // attempts for the file, which other workers read: more of them than m holds
	forgot *store.Forgot // what a T1 has noticed

	quarantined time.Time // when this process began the last one
	alive, last time.Time // by the database's clock: since when this worker has beaten and the database has known all of this, and the last time

	file    *fleet.StateFile
	store   *store.Store // that the file is about
	id      pgtype.UUID
	portals []string      // what this worker's accounts are at the portal, as the file tells them
	others  []fleet.State // of other installations, in the same directory
	beat    time.Time     // the database has got a heartbeat of then
	kept    time.Time     // when the file was written last
	vouched bool
	waiting []string // accounts for which it vouches not
	writing bool
	next    chan struct{} // closed when the writing after this one is done
	failed  time.Time     // when a failure to write was said last

	saved    fleet.State // what the file holds
	compared fleet.State // what it held when the database knew all of it
	unsure   bool        // it holds more since
	ahead    int         // so many quarantines it tells of
}

// NewCommitMemory begins empty.
func NewCommitMemory(log *slog.Logger) *CommitMemory {
	return &CommitMemory{log: log, doubts: make(chan struct{}, 1)}
}

// Set replaces it.
func (k *CommitMemory) Set(m store.Memory) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.m, k.recent = m, slices.Clone(m.Attempts)
}

// Get returns a copy.
func (k *CommitMemory) Get() store.Memory {
	k.mu.Lock()
	defer k.mu.Unlock()
	m := k.m
	m.Attempts = append([]pgtype.UUID{}, m.Attempts...)
	m.Marks, m.Begun = slices.Clone(m.Marks), slices.Clone(m.Begun)
	return m
}

// keepWithin is how long a deposit waits for the file to be written: a disk that hangs holds nothing up.
const keepWithin = 250 * time.Millisecond

// mostRecent is how many attempts the file is given.
const mostRecent = 32

// Add remembers an attempt whose commit was confirmed; the two latest are enough for T1.
func (k *CommitMemory) Add(attempt pgtype.UUID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.m.Attempts = append(k.m.Attempts[max(0, len(k.m.Attempts)-1):], attempt)
	k.recent = append(k.recent[max(0, len(k.recent)-mostRecent+1):], attempt)
}

// justNow is how long after a quarantine what is told is taken for what led to it. What is not will be told again.
const justNow = 5 * time.Second

// Doubt asks for a comparison now; see Doubts. err is what T1 said: where it says by itself what was forgotten, that is dealt with.
func (k *CommitMemory) Doubt(err error) {
	var f *store.Forgot
	if errors.As(err, &f) {
		k.mu.Lock()
		if time.Since(k.quarantined) > justNow { // what was noticed before a quarantine and told after it is dealt with
			k.forgot = f
		}
		k.mu.Unlock()
	}
	k.wake()
}

func (k *CommitMemory) wake() {
	select {
	case k.doubts <- struct{}{}:
	default:
	}
}

// Doubts wakes whoever compares.
func (k *CommitMemory) Doubts() <-chan struct{} { return k.doubts }

// Compare compares it with the database, brings it up to date, and begins a quarantine when the database has forgotten; forgot tells why. A worker (not "")
// beats when the database knows everything.
func (k *CommitMemory) Compare(ctx context.Context, s *store.Store, worker string, settings Settings, head int) (moved int, forgot *store.Forgot, err error) {
	before := k.Get()
	now, err := s.Knows(ctx, before, worker)
	if errors.Is(err, store.ErrForgot) {
		// An address that leads to another server now, and an old connection that still leads to the first: without this, the two would be taken for one
		// database that goes back and forth, and each be quarantined again and again.
		s.Reconnect()
		now, err = s.Knows(ctx, before, worker)
	}
	k.mu.Lock()
	noticed := k.forgot
	k.forgot = nil
	k.mu.Unlock()
	if err == nil && (noticed == nil || now.Quarantines > before.Quarantines) {
		k.update(now)
		return 0, nil, nil
	}
	if !errors.As(err, &forgot) {
		if err != nil {
			k.Doubt(noticed)
			return 0, nil, err
		}
		forgot = noticed
	} else if now.Quarantines > before.Quarantines { // one that another worker began, and that does not do
		k.mu.Lock()
		k.m.Quarantines = now.Quarantines
		k.mu.Unlock()
	}
	moved, err = k.Quarantine(ctx, s, settings, head, forgot)
	return moved, forgot, err
}

// Quarantine has everything looked up that may have been sent and forgotten, and remembers what there is from here.
func (k *CommitMemory) Quarantine(ctx context.Context, s *store.Store, settings Settings, head int, f *store.Forgot) (moved int, err error) {
	before := k.Get()
	k.mu.Lock()
	before.Quarantines = max(before.Quarantines, k.ahead)
	k.mu.Unlock()
	after, moved, err := s.Quarantine(ctx, before, f, settings.Horizon(), head)
	if err == nil {
		k.mu.Lock()
		k.quarantined, k.unsure, k.ahead, k.alive = time.Now(), false, 0, time.Time{}
		k.mu.Unlock()
		k.Set(after)
		k.mu.Lock()
		k.forgot = nil // noticed before it: who notices still, says so again
		k.mu.Unlock()
		k.Keep(0)
	}
	return moved, err
}

// update takes over what the database says. What was added meanwhile is newer than what was just read.
func (k *CommitMemory) update(now store.Memory) {
	k.mu.Lock()
	defer k.mu.Unlock()
	news := k.m.Latest() != now.Latest() || k.m.Quarantines != now.Quarantines
	if now.Quarantines > k.m.Quarantines {
		k.m.Attempts, k.recent = []pgtype.UUID{}, nil
		k.unsure, k.ahead = false, 0
	}
	if now.Beat.IsZero() || now.Quarantines > k.m.Quarantines {
		k.alive = time.Time{}
	}
	if k.last = now.Beat; k.alive.IsZero() {
		k.alive = now.Beat
	}
	k.m.Epoch, k.m.Quarantines, k.m.Marks, k.m.Begun = now.Epoch, now.Quarantines, now.Marks, now.Begun
	if news {
		k.write()
	}
}

// openWithin is how long a start waits for the disk of the file.
const openWithin = 5 * time.Second

// load reads the file, and those of other installations beside it, if its disk answers in time; a disk that hangs holds no start up, and is not asked again.
func load(dir string, installation pgtype.UUID) (*fleet.StateFile, fleet.State, []fleet.State, error) {
	type answer struct {
		file   *fleet.StateFile
		state  fleet.State
		others []fleet.State
		err    error
	}
	answered := make(chan answer, 1)
	go func() {
		var a answer
		if a.file, a.err = fleet.OpenState(dir, installation); a.err == nil {
			a.others = a.file.Others()
			a.state, a.err = a.file.Load()
		}
		answered <- a
	}()
	select {
	case a := <-answered:
		return a.file, a.state, a.others, a.err
	case <-time.After(openWithin):
		return nil, fleet.State{}, nil, fmt.Errorf("its disk has not answered within %s", openWithin)
	}
}

// Open takes the file of this installation, which s is about, in dir and returns what it holds of before, if it holds anything. portals are what the accounts are at the portal.
func (k *CommitMemory) Open(s *store.Store, dir string, installation pgtype.UUID, portals []string) (m store.Memory, known bool, err error) {
	file, state, others, err := load(dir, installation)
	if file != nil {
		k.mu.Lock()
		k.file, k.store, k.id, k.portals, k.others = file, s, installation, portals, others
		k.mu.Unlock()
	}
	if err != nil {
		return m, false, err
	}
	if state.Installation != installation {
		return m, false, errors.New("it belongs to another installation")
	}
	return remembered(state), true, nil
}

func remembered(state fleet.State) store.Memory {
	m := store.Memory{Epoch: state.Epoch, Quarantines: state.Quarantines, Attempts: state.Attempts, Beat: state.Beat}
	for _, mark := range state.Marks {
		m.Marks = append(m.Marks, store.Mark(mark))
	}
	return m
}

// Others is what workers have kept of other installations in the same directory.
func (k *CommitMemory) Others() []store.Memory {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := make([]store.Memory, len(k.others))
	for n, state := range k.others {
		all[n] = remembered(state)
	}
	return all
}

// Elsewhere is since when an account of this worker's was worked for with another database, as far as the directory tells; zero: it was not.
func (k *CommitMemory) Elsewhere() (since time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, state := range k.others {
		same := slices.ContainsFunc(state.Portals, func(p string) bool { return slices.Contains(k.portals, p) })
		if same && len(state.Marks) > 0 && (since.IsZero() || state.Marks[0].At.Before(since)) {
			since = state.Marks[0].At
		}
	}
	return since
}

// Start begins with what the database and the file know together; vouched says that the file was there, that the database knows all of it, and that it reaches to the
// database's last heartbeat. The accounts that waited for a comparison before that one it does not vouch for.
func (k *CommitMemory) Start(db, file store.Memory, vouched bool, waiting []string) {
	if vouched {
		db = both(db, file)
	}
	k.Set(db)
	k.mu.Lock()
	k.vouched, k.waiting = vouched, waiting
	k.mu.Unlock()
	k.Keep(keepWithin)
}

// Vouched tells whether what was kept outside the database before this process began shows that nothing of the account was forgotten.
func (k *CommitMemory) Vouched(account string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.vouched && !slices.Contains(k.waiting, account)
}

// keepBeat is how old the file may become while the database gets heartbeats and nothing else. With the second between two of them, a worker that is killed leaves a file that
// reaches to the last (store.Reaches).
const keepBeat = 2 * time.Second

// Beaten says that the database has got a heartbeat of this worker.
func (k *CommitMemory) Beaten(at time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if at.IsZero() {
		return
	}
	k.beat = at
	if time.Since(k.kept) > keepBeat {
		k.write()
	}
}

// File is the file; nil when there is none.
func (k *CommitMemory) File() *fleet.StateFile {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.file
}

// Path is where the file is; "" when there is none.
func (k *CommitMemory) Path() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.file == nil {
		return ""
	}
	return k.file.Path()
}

// Keep writes the file, with all that is remembered now, and waits for it, but no longer than limit: a slow disk must not hold up deposits for long.
func (k *CommitMemory) Keep(limit time.Duration) {
	k.mu.Lock()
	done := k.write()
	k.mu.Unlock()
	if done == nil || limit == 0 {
		return
	}
	select {
	case <-done:
	case <-time.After(limit):
	}
}

// write has the file written by one goroutine, for all who ask meanwhile at once. The caller holds mu.
func (k *CommitMemory) write() <-chan struct{} {
	if k.file == nil {
		return nil
	}
	if k.next == nil {
		k.next = make(chan struct{})
	}
	if !k.writing {
		k.writing = true
		go k.writeAll()
	}
	return k.next
}

func (k *CommitMemory) writeAll() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for k.next != nil {
		done, file := k.next, k.file
		k.next, k.kept = nil, time.Now()
		state := fleet.State{Installation: k.id, Epoch: k.m.Epoch, Quarantines: k.m.Quarantines, Attempts: slices.Clone(k.recent), Beat: k.beat, Portals: k.portals}
		for _, mark := range k.m.Marks {
			state.Marks = append(state.Marks, fleet.Mark(mark))
		}
		k.mu.Unlock()
		saved, err := file.Save(state)
		k.mu.Lock()
		if err == nil {
			k.saved = saved
		}
		if err == nil || k.unsure {
			k.look(state)
		}
		if err != nil && time.Since(k.failed) > time.Minute {
			k.failed = time.Now()
			k.log.Warn("what was committed could not be kept outside the database: after a restore, this worker will not know", "file", file.Path(), "error", err)
		}
		close(done)
	}
	k.writing = false
}

// both is what the database and the file know together, when the one knows what the other does.
func both(db, file store.Memory) store.Memory {
	if file.Quarantines != db.Quarantines {
		return db
	}
	db.Marks = slices.Concat(file.Marks, db.Marks)
	slices.SortFunc(db.Marks, func(a, b store.Mark) int { return cmp.Compare(a.Event, b.Event) })
	db.Marks = store.Thin(slices.CompactFunc(db.Marks, func(a, b store.Mark) bool { return a.Event == b.Event }))
	db.Attempts = file.Attempts
	return db
}
