package worker

import (
	"context"
	"errors"
	"time"

	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/store"
)

// every runs do at once and then again and again, until ctx ends.
func (w *Worker) every(ctx context.Context, interval time.Duration, what string, do func(context.Context) error) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		w.try(ctx, what, do)
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// compareEvery is how often a worker that is not sending makes sure that the database has not forgotten; T1 asks each time.
const compareEvery = 2 * time.Second

// compare notices that the database has been promoted or restored, and has what may have been sent before looked up first (docs/protocol.md §3.5).
func (w *Worker) compare(ctx context.Context) {
	ticker := time.NewTicker(compareEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-w.jobs.Memory.Doubts():
		}
		w.try(ctx, "compare the database with what is remembered", w.compareOnce)
	}
}

func (w *Worker) compareOnce(ctx context.Context) error {
	if crash.Mutant(crash.NoQuarantine) {
		return nil
	}
	moved, forgot, err := w.jobs.Memory.Compare(ctx, w.store, w.cfg.Settings, w.head())
	if forgot && err == nil {
		w.cfg.Log.Error("the database is living another history than before: what may have been sent is looked up before anything is sent", "invoices", moved)
		w.wake()
	}
	if forgot && err == nil {
		err = w.share(ctx) // forgotten too, perhaps
	}
	return err
}

// remember begins the comparison, and makes up for a promotion or restore that happened while no worker was looking.
func (w *Worker) remember(ctx context.Context) error {
	m, err := w.store.Remember(ctx)
	w.jobs.Memory.Set(m)
	if errors.Is(err, store.ErrForgot) {
		return w.compareOnce(ctx)
	}
	return err
}

// head is how many ready rows may have been sent within the ten minutes that a standby may be behind.
func (w *Worker) head() int { return int(w.cfg.Quota * 600) }

// reap takes deposits whose worker has fallen silent to in_doubt. The margin beyond the request's own deadline only spares needless doubt: any moment
// after the send deadline would be safe (docs/protocol.md §3.8).
func (w *Worker) reap(ctx context.Context) {
	if crash.Mutant(crash.NoReaper) {
		return
	}
	grace := w.cfg.Settings.HTTPTimeout + w.cfg.Settings.HTTPTimeout/6
	w.every(ctx, w.cfg.Reap, "reap", func(ctx context.Context) error {
		n, err := w.store.Reap(ctx, grace, w.cfg.Settings.ResolveAfter)
		if n > 0 {
			w.cfg.Log.Warn("deposits fell silent and are in doubt", "count", n)
		}
		return err
	})
}

// sweep gives back what lost jobs had claimed, honours late cancellations, and settles what nobody will report on.
func (w *Worker) sweep(ctx context.Context) {
	w.every(ctx, w.cfg.Sweep, "sweep", func(ctx context.Context) error {
		n, err := w.store.Sweep(ctx)
		if err != nil {
			return err
		}
		if n > 0 {
			w.cfg.Log.Info("rows whose job was gone were given back", "count", n)
			w.wake()
		}
		if err := w.store.CancelRequested(ctx); err != nil {
			return err
		}
		if err := w.store.FreeSlots(ctx); err != nil {
			return err
		}
		_, err = w.store.Quiet(ctx, w.cfg.Settings.QuietPeriod)
		return err
	})
}

// announce numbers committed events, ten times a second at most, and lets listeners know.
func (w *Worker) announce(ctx context.Context) {
	w.every(ctx, 100*time.Millisecond, "announce", func(ctx context.Context) error {
		_, err := w.store.Announce(ctx)
		return err
	})
}
