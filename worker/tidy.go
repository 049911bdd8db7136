package worker

import (
	"context"
	"time"

	"github.com/choriste/choriste/crash"
)

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
	if _, err = w.store.Quiet(ctx, w.cfg.Settings.QuietPeriod); err != nil {
		return err
	}
	if _, err := w.store.FoldMoves(ctx); err != nil {
		return err
	}
	head, err := w.store.TidyEvidence(ctx, w.cfg.Settings.KeepExchanges)
	if head != nil {
		w.cfg.Log.Info("history sealed", "seq", head.Seq, "sha256", head.SHA256)
	}
	return err
}

// announce numbers committed events and lets listeners know, ten times a second while something happens.
func (w *Worker) announce(ctx context.Context) error {
	if !w.stirred.Swap(false) && time.Since(w.announced) < announceAtRest {
		return nil
	}
	w.announced = time.Now()
	n, err := w.store.Announce(ctx)
	if n > 0 || err != nil {
		w.stirred.Store(true)
	}
	return err
}
