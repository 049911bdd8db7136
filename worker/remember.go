package worker

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/fleet"
	"github.com/choriste/choriste/jobs"
	"github.com/choriste/choriste/store"
)

// compareEvery is how often a worker makes sure that the database has not forgotten, and says that it is alive; T1 compares each time.
const compareEvery = time.Second

// compareWithin is how much longer a comparison may take when it begins a quarantine.
const compareWithin = 90 * time.Second

// manyRows are so many that a quarantine of them takes long enough to be told of before.
const manyRows = 5000

// compareOnce notices that the database has been promoted or restored, and has what may have been sent before looked up first (docs/protocol.md §3.5).
func (w *Worker) compareOnce(ctx context.Context) error {
	if crash.Mutant(crash.NoQuarantine) {
		if !w.opened.Swap(true) {
			w.wake()
		}
		return nil
	}
	life := w.life
	if !w.opened.Load() {
		life = "" // others take a heartbeat for the word of one who knows
	}
	moved, forgot, err := w.jobs.Memory.Compare(ctx, w.store, life, w.cfg.Settings, w.head())
	switch {
	case err != nil:
		return err
	case forgot != nil:
		w.quarantined(moved, forgot)
		return w.share(ctx) // forgotten too, perhaps
	case life == "":
		return w.open(ctx)
	}
	waiting, err := w.store.WaitingToCompare(ctx, w.jobs.Names())
	if err != nil {
		return err
	}
	w.comparing.Store(waiting)
	return w.watchRivals(ctx)
}

func (w *Worker) quarantined(moved int, f *store.Forgot) {
	w.opening.vouched = true // a comparison with the portal would find nothing more
	w.cfg.Log.Error("the database has forgotten something: what may have been sent is looked up before anything is sent (docs/operating.md, \"Backup and restore\")",
		"witness", f.Witness, "what", f.Detail, "kind", f.Kind, "invoices", moved)
	w.wake()
}

// remember is done at the start, before anything else: it makes up for a promotion or restore that happened while no worker was looking, as far as the
// database and what was kept outside of it tell by themselves. What takes waiting is found out later (open).
func (w *Worker) remember(ctx context.Context) error {
	memory := w.jobs.Memory
	if !w.cfg.VirtualTime {
		if err := w.store.WatchClock(ctx, w.clockStepped); err != nil {
			return err
		}
	}
	id, err := w.store.Installation(ctx)
	if err != nil {
		return err
	}
	var kept store.Memory
	known := false
	if w.cfg.StateDir != "" {
		kept, known, err = memory.Open(w.store, w.cfg.StateDir, id, w.portals())
		switch others := memory.Elsewhere(); {
		case errors.Is(err, fleet.ErrNoState) && !others.IsZero():
			w.opening.since = others
			w.cfg.Log.Warn("nothing is known yet of this database from outside of it, and workers have sent for an account of its from another one: what the portal has got since is compared before anything is sent",
				"file", memory.Path(), "since", others)
		case errors.Is(err, fleet.ErrNoState):
			w.cfg.Log.Warn("nothing is known yet of this database from outside of it: this is right at the first start only", "file", memory.Path())
		case err != nil:
			w.cfg.Log.Warn("what workers have kept outside the database cannot be read: create the directory, correct CHORISTE_STATE_DIR, or move away a file that is torn; until then the other witnesses must do", "directory", w.cfg.StateDir, "error", err)
		}
		if file := memory.File(); file != nil {
			w.opening.rivals = &fleet.Rivals{File: file, Life: w.life, Beats: w.store.Beats}
		}
	}
	if err := w.nextMonths(ctx); err != nil {
		return err
	}
	now, err := w.store.Remember(ctx)
	var f *store.Forgot
	if err != nil && !errors.As(err, &f) {
		return err
	}
	vouched := false
	var waiting []string
	if known {
		_, err := w.store.Knows(ctx, kept, "")
		var g *store.Forgot
		switch {
		case err == nil:
			reaches, waits, err := w.store.Reaches(ctx, kept)
			if err != nil {
				return err
			}
			vouched, waiting = reaches && kept.Quarantines == now.Quarantines, waits
		case !errors.As(err, &g):
			return err
		default:
			if g.Witness == store.WitnessWorker {
				g.Witness = store.WitnessState
			}
			f, g.Kind, g.Tables = g, store.KindRestore, g.Tables || f != nil && f.Tables
			now.Quarantines = max(now.Quarantines, kept.Quarantines)
		}
	}
	for _, other := range memory.Others() {
		if err := w.store.Came(ctx, other); f == nil && err != nil && !errors.As(err, &f) {
			return err
		}
	}
	if f == nil {
		if err := w.store.Contradicts(ctx); err != nil && !errors.As(err, &f) {
			return err
		}
	}
	if crash.Mutant(crash.NoQuarantine) {
		memory.Start(now, kept, vouched, waiting)
		return nil
	}
	if f == nil {
		memory.Start(now, kept, vouched, waiting)
		return nil
	}
	if err := w.alone(ctx); err != nil {
		return err
	}
	memory.Set(now)
	if most, rows, err := w.store.QuarantineTakes(ctx); err == nil && rows > manyRows {
		w.cfg.Log.Warn("the database has forgotten something: all that waits is put into doubt in one transaction, which takes its time, and nothing is sent meanwhile", "witness", f.Witness, "what", f.Detail,
			"invoices", rows, "at_most", most.Round(time.Second))
	}
	moved, err := memory.Quarantine(ctx, w.store, w.cfg.Settings, w.head(), f)
	if err == nil {
		w.quarantined(moved, f)
	}
	return err
}

// clockStepped says that the database's clock was set.
func (w *Worker) clockStepped(by time.Duration) {
	w.jobs.Memory.Stepped()
	w.cfg.Log.Error("PostgreSQL's clock was set, or differs from this machine's: ages of doubt count anew from now, and what waits for a moment that it told while it was ahead is due when it would have been; "+
		"keep it in time (chrony, systemd-timesyncd)", "reason_code", "CLOCK_STEPPED", "by", by.Round(100*time.Millisecond))
	w.wake()
}

// stopped says that this worker is not alive any more, and knows nothing that is not in the database.
func (w *Worker) stopped(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := w.store.Stopped(ctx, w.life); err != nil {
		w.cfg.Log.Debug("the end could not be written", "error", store.Message(err))
	}
	w.jobs.Memory.Keep(time.Second)
	if file := w.jobs.Memory.File(); file != nil {
		file.Leave(w.life)
	}
}

func (w *Worker) dispatchComparisons(ctx context.Context) error {
	return pgx.BeginFunc(ctx, w.cfg.Pool, func(tx pgx.Tx) error {
		names, err := w.store.DueComparisons(ctx, tx, w.cfg.Settings.Timeout(), w.jobs.Names())
		if err != nil || len(names) == 0 {
			return err
		}
		params := make([]river.InsertManyParams, len(names))
		for k, name := range names {
			params[k] = jobs.InsertCompare(name)
		}
		_, err = w.insert(ctx, tx, params)
		return err
	})
}

// head is how many ready rows may have been sent within the ten minutes that a standby may be behind.
func (w *Worker) head() int { return int(w.cfg.Quota * 600) }
