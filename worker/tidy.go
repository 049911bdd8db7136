package worker

import (
	"context"
	"errors"
	"time"

	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/store"
)

// compareEvery is how often a worker that is not sending makes sure that the database has not forgotten; T1 asks each time.
const compareEvery = 2 * time.Second

// compareWithin is how much longer a comparison may take when it begins a quarantine.
const compareWithin = 90 * time.Second

// compareOnce notices that the database has been promoted or restored, and has what may have been sent before looked up first (docs/protocol.md §3.5).
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
func (w *Worker) reap(ctx context.Context) error {
	if crash.Mutant(crash.NoReaper) {
		return nil
	}
	n, err := w.store.Reap(ctx, w.cfg.Settings.HTTPTimeout+w.cfg.Settings.HTTPTimeout/6, w.cfg.Settings.ResolveAfter)
	if n > 0 {
		w.cfg.Log.Warn("deposits fell silent and are in doubt", "count", n)
	}
	return err
}

// sweep gives back what lost jobs had claimed, honours late cancellations, and settles what nobody will report on.
func (w *Worker) sweep(ctx context.Context) error {
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
}

// announce numbers committed events and lets listeners know.
func (w *Worker) announce(ctx context.Context) error {
	_, err := w.store.Announce(ctx)
	return err
}
