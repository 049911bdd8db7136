package worker

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/choriste/choriste/jobs"
	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store"
)

// newRiver makes River's client, which fetches and runs the jobs.
func (w *Worker) newRiver() (*river.Client[pgx.Tx], error) {
	cfg := w.cfg
	workers := river.NewWorkers()
	w.jobs.Register(workers)
	// Following up gets a quarter of the jobs, reading an eighth; deposits the rest. A job that reads may go on to deposit, on a place of those.
	readers, depositors := max(1, cfg.Workers/8), max(1, cfg.Workers-cfg.Workers/8-cfg.Workers/4)
	// A job that reads has up to sixteen rows in work. More of them than jobs are so at once, because what they ask of the database at the same moment is one statement; no more than
	// may be in the air, because in an outage each that waits for a place in the air takes the next one that is free.
	w.jobs.Readers, w.jobs.Depositors = jobs.NewPlaces(cfg.Workers), jobs.NewPlaces(min(2*cfg.Workers, max(1, cfg.InFlight)))
	w.jobs.Listers = jobs.NewPlaces(max(1, cfg.Workers/8))
	queues := map[string]river.QueueConfig{
		jobs.QueueValidate: {MaxWorkers: readers + depositors},
		jobs.QueueFollow:   {MaxWorkers: max(1, cfg.Workers/4)},
		jobs.QueueSubmit:   {MaxWorkers: depositors},
		jobs.QueueWebhook:  {MaxWorkers: jobs.MostWebhooks},
	}
	w.work = newWork(queues, cfg.Settings.Timeout()+cfg.Round)
	return river.NewClient[pgx.Tx](inwardUntilOpened{onlyInserts{riverpgxv5.New(cfg.Pool)}, &w.opened}, &river.Config{
		Schema:  migrations.RiverSchema,
		Queues:  queues,
		Workers: workers,
		// The rows' own leases bring work back in time; River's rescuer only tidies its table.
		JobTimeout:                  cfg.Settings.Timeout(),
		RescueStuckJobsAfter:        cfg.Settings.Timeout() + 10*time.Minute,
		FetchCooldown:               5 * time.Millisecond,
		FetchPollInterval:           2 * time.Second, // beside its notifications
		SoftStopTimeout:             cfg.Drain,
		CompletedJobRetentionPeriod: time.Hour,
		CancelledJobRetentionPeriod: 24 * time.Hour,
		DiscardedJobRetentionPeriod: 24 * time.Hour,
		Middleware:                  []rivertype.Middleware{river.WorkerMiddlewareFunc(w.around), river.JobInsertMiddlewareFunc(dueByTheDatabase)},
		Logger:                      slog.New(riverLog{w.loops.complaints, cfg.Log.Handler()}),
	})
}

// work is what this process knows of its jobs: whether they begin, end, and succeed. It is safe for concurrent use.
type work struct {
	queues  map[string]river.QueueConfig
	longest time.Duration // no job runs longer, unless it cannot write down what it did

	mu      sync.Mutex
	running map[int64]running
	begun   map[string]time.Time // the last job of each queue
	idle    time.Time            // since when jobs wait in some queue where none is begun; zero: in none
	failing map[string]failing   // kinds of which the last job failed
}

// failing is a kind of job of which every one has failed for a while.
type failing struct {
	since, last time.Time // the first and the last that did
	err         error
}

type running struct {
	queue, kind string
	since       time.Time
}

func newWork(queues map[string]river.QueueConfig, longest time.Duration) *work {
	k := &work{queues: queues, longest: longest, running: map[int64]running{}, begun: map[string]time.Time{}, failing: map[string]failing{}}
	for queue := range queues {
		k.begun[queue] = time.Now() // a start finds jobs that have waited for it
	}
	return k
}

// around is called around every job.
func (w *Worker) around(ctx context.Context, job *rivertype.JobRow, do func(context.Context) error) error {
	defer w.stirred.Store(true)
	return w.work.around(ctx, job, do)
}

// around keeps what is known of the jobs.
func (k *work) around(ctx context.Context, job *rivertype.JobRow, do func(context.Context) error) error {
	now := time.Now()
	k.mu.Lock()
	k.running[job.ID] = running{job.Queue, job.Kind, now}
	k.begun[job.Queue] = now
	k.mu.Unlock()
	err := fmt.Errorf("the job %s broke", job.Kind)
	defer func() { // a panic, too
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.running, job.ID)
		switch {
		case err == nil:
			delete(k.failing, job.Kind)
		case strings.HasPrefix(err.Error(), "SQLSTATE "): // what the portal does not answer is no standstill of ours
			f := failing{since: time.Now(), last: time.Now(), err: err}
			if before, fails := k.failing[job.Kind]; fails {
				f.since = before.since
			}
			k.failing[job.Kind] = f
		}
	}()
	err = do(ctx)
	return err
}

// moves is a loop's round: an error tells that work does not move although it could. within is how long it may stand still.
func (w *Worker) moves(ctx context.Context) error {
	oldest, err := w.store.JobsWaiting(ctx)
	if err != nil {
		return err
	}
	if err := w.unpause(ctx); err != nil {
		return err
	}
	w.jobs.TellOwed(ctx)
	if still := w.jobs.StandStill(w.loops.within); still != "" {
		return standstill(still)
	}
	err = w.work.judge(oldest, w.loops.within)
	if w.opened.Load() && w.work.dead(w.loops.within) {
		w.loops.fail(err.Error())
	}
	return err
}

// unpause takes back a pause of a queue of River, by its tools or by hand. It would stop deposits, or the change feed, and no account would say so: what is to stand
// still is an account, which says since when and why (chorus.pause). The workers pay no heed to it meanwhile (fetcher).
func (w *Worker) unpause(ctx context.Context) error {
	names, err := w.store.ResumeQueues(ctx)
	for _, queue := range names {
		w.loops.complaints.say("pause of "+queue, "jobs", "somebody has paused a queue of River: choriste goes on, and has resumed it. To stop deposits, pause the account (choriste pause)", "queue", queue)
	}
	return err
}

// dead tells that jobs have waited for so long, in a queue with room that the database shows without delay, that River does not fetch from it any more: one whose
// connection is cut while it begins is never begun (river v0.51.1, producer.go, StartWorkContext). Only a restart helps.
func (k *work) dead(within time.Duration) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.idle.IsZero() && time.Since(k.idle) > 5*within
}

// judge tells what does not move, given how long the oldest job of each queue has waited to be fetched.
func (k *work) judge(oldest map[string]time.Duration, within time.Duration) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	busy := map[string]int{}
	var faults []string
	idle := false
	for _, r := range k.running {
		busy[r.queue]++
		if t := time.Since(r.since); t > k.longest {
			faults = append(faults, fmt.Sprintf("a job %s has been running for %s", r.kind, t.Round(time.Second)))
		}
	}
	for queue, wait := range oldest {
		// Where every place is taken, jobs wait rightly.
		if q, ours := k.queues[queue]; ours && wait > within && busy[queue] < q.MaxWorkers && time.Since(k.begun[queue]) > within {
			faults, idle = append(faults, fmt.Sprintf("jobs wait in the queue %s and none is begun", queue)), true
		}
	}
	switch {
	case !idle:
		k.idle = time.Time{}
	case k.idle.IsZero():
		k.idle = time.Now()
	}
	// Rows that could not be worked come again within seconds, feeds when their lease is over: where no job of a kind has failed for a while, none wants to
	// be done. That others succeed does not help it.
	for kind, f := range k.failing {
		if f.last.Sub(f.since) > within && time.Since(f.last) < 5*within {
			faults = append(faults, fmt.Sprintf("every job %s has failed for %s: %s", kind, f.last.Sub(f.since).Round(time.Second), f.err))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	slices.Sort(faults)
	return standstill(strings.Join(slices.Compact(faults), ", "))
}

// standstill is an error that may be read by everybody.
type standstill string

func (s standstill) Error() string { return string(s) }

// riverLog is River's log in ours: warnings and errors, each kind ever more rarely while it lasts, and nothing that only says in its words that the
// database is away or read-only.
type riverLog struct {
	complaints *complaints
	slog.Handler
}

func (h riverLog) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && h.Handler.Enabled(ctx, l)
}

func (h riverLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return riverLog{h.complaints, h.Handler.WithAttrs(attrs)}
}

func (h riverLog) WithGroup(name string) slog.Handler {
	return riverLog{h.complaints, h.Handler.WithGroup(name)}
}

func (h riverLog) Handle(ctx context.Context, r slog.Record) error {
	database := false
	r.Attrs(func(a slog.Attr) bool {
		text := a.Value.String()
		database = database || strings.Contains(text, "SQLSTATE "+store.ReadOnlyState)
		return true
	})
	if database || !h.complaints.allows("river: "+r.Message) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}
