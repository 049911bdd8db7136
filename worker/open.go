package worker

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/choriste/choriste/fleet"
	"github.com/choriste/choriste/jobs"
)

// A start waits for nobody: documents are read, doubts looked up and change feeds read at once. Only what acts on the outside waits until the worker is open,
// which is when it knows two things: that nobody works on another copy of this database, as far as a shared directory tells, and who speaks for the time
// before it came. That is another worker that is alive, or else Chorus Pro (docs/protocol.md §3.5).

const (
	openEvery   = 50 * time.Millisecond           // between two looks
	aliveWithin = 2*compareEvery + compareEvery/2 // in which a live worker beats, even a busy one that did not hear the request
	rivalWithin = 3*compareEvery + compareEvery/2 // in which a worker of another copy shows itself
)

// opening is what is known so far.
type opening struct {
	began   time.Time     // of looking; zero: not yet
	last    time.Time     // the latest heartbeat of others at that moment, by the database's clock
	vouched bool          // somebody speaks for the time before, or was asked to
	since   time.Time     // since when workers of an account of ours may have sent from another database; zero: none is known of
	rivals  *fleet.Rivals // nil: no directory is shared
}

// open looks, for as long as it takes, whether this worker may deposit. What goes wrong is tried again, and what was found out is kept.
func (w *Worker) open(ctx context.Context) error {
	o := &w.opening
	if o.began.IsZero() {
		last, _, err := w.store.Beating(ctx, w.life)
		if err != nil {
			return err
		}
		if err := w.store.AskBeat(ctx); err != nil {
			return err
		}
		o.began, o.last = time.Now(), last
	}
	for ; ctx.Err() == nil; sleep(ctx, openEvery) {
		if err := w.vouch(ctx); err != nil {
			return err
		}
		unsure := false
		if o.rivals != nil {
			rival, maybe, err := o.rivals.Look(ctx)
			if rival != "" {
				w.loops.fail(twoHistories(rival).Error())
				return nil
			}
			if err != nil {
				return err
			}
			unsure = maybe && time.Since(o.began) < rivalWithin
		}
		if o.vouched && !unsure {
			w.opened.Store(true)
			w.jobs.Memory.Doubt(nil) // beat at once: others may wait for it
			w.wake()
			return w.able(ctx)
		}
	}
	return ctx.Err()
}

// vouch finds another worker that is alive, or has every account compared with the portal. That a worker is alive is shown by a heartbeat after we came and
// by nothing else: one that was copied with the database does not go on, and locks, sessions and notifications are anybody's. A worker beats only once it is
// open itself and as long as the database knows all that it remembers, so each speaks for the time since the one before it, back to one for which Chorus Pro
// was asked. A live worker that is overlooked costs a comparison too many, and no more.
func (w *Worker) vouch(ctx context.Context) error {
	o := &w.opening
	if o.vouched {
		return nil
	}
	last, maybe, err := w.store.Beating(ctx, w.life)
	switch {
	case err != nil:
		return err
	case last.After(o.last):
		o.vouched = true
		return nil
	case maybe && time.Since(o.began) < aliveWithin:
		return nil
	}
	if err := w.store.AskComparison(ctx, o.since); err != nil {
		return err
	}
	o.vouched = true
	w.cfg.Log.Info("no other worker is alive: deposits wait until Chorus Pro has listed what it holds, in case the database was taken back")
	return nil
}

const (
	moment       = time.Second      // deposits may wait for so long after a start before /readyz says why
	openBound    = time.Minute      // and for so long before it fails
	compareBound = 10 * time.Minute // so long may Chorus Pro, while it can be reached, take to list what it holds
)

// held says what deposits wait for, as everybody may read it, or "".
func (w *Worker) held() string {
	if waits := time.Since(w.began); !w.opened.Load() && waits > moment {
		return "deposits of this worker wait until it is known who else is alive, for " + waits.Round(time.Second).String()
	}
	if c := w.comparing.Load(); c != nil {
		return c.Text()
	}
	return ""
}

// heldTooLong is held when that has lasted for longer than it may, or "".
func (w *Worker) heldTooLong() string {
	c := w.comparing.Load()
	if !w.opened.Load() && time.Since(w.began) > openBound || c != nil && c.Reachable > compareBound {
		return w.held()
	}
	return ""
}

// inward are the kinds of jobs that a worker does before it is open: they ask, and change nothing but rows.
var inward = []string{
	jobs.ValidateArgs{}.Kind(), jobs.ResolveArgs{}.Kind(), jobs.ReportArgs{}.Kind(), jobs.HistoryArgs{}.Kind(), jobs.RecipientArgs{}.Kind(),
	jobs.SyncArgs{}.Kind(), jobs.DiscoverArgs{}.Kind(), jobs.ReconcileArgs{}.Kind(), jobs.CompareArgs{}.Kind(),
}

// inwardUntilOpened is River's driver for a worker that fetches no other jobs before it is open: they are left to other workers, or wait.
type inwardUntilOpened struct {
	onlyInserts
	opened *atomic.Bool
}

func (d inwardUntilOpened) GetExecutor() riverdriver.Executor {
	return fetcher{d.onlyInserts.GetExecutor(), d.opened}
}

type fetcher struct {
	riverdriver.Executor
	opened *atomic.Bool
}

// QueueCreateOrSetUpdatedAt and QueueGet show no pause: what River's tools stop, chorus.pause does not know of (worker/river.go, unpause).
func (f fetcher) QueueCreateOrSetUpdatedAt(ctx context.Context, params *riverdriver.QueueCreateOrSetUpdatedAtParams) (*rivertype.Queue, error) {
	return unpaused(f.Executor.QueueCreateOrSetUpdatedAt(ctx, params))
}

func (f fetcher) QueueGet(ctx context.Context, params *riverdriver.QueueGetParams) (*rivertype.Queue, error) {
	return unpaused(f.Executor.QueueGet(ctx, params))
}

func unpaused(q *rivertype.Queue, err error) (*rivertype.Queue, error) {
	if q != nil {
		q.PausedAt = nil
	}
	return q, err
}

func (f fetcher) JobGetAvailable(ctx context.Context, params *riverdriver.JobGetAvailableParams) (*riverdriver.JobGetAvailableResult, error) {
	if !f.opened.Load() {
		restricted := *params
		restricted.Kind = inward
		params = &restricted
	}
	return f.Executor.JobGetAvailable(ctx, params)
}
