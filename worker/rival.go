package worker

import (
	"context"
	"fmt"
	"time"
)

func twoHistories(rival string) error {
	return fmt.Errorf("another copy of this database is being worked on at the same time, by worker %s, which shares CHORISTE_STATE_DIR but beats in another database: "+
		"an invoice that waits in both would be sent twice. Stop the workers of one of them (docs/operating.md, \"Backup and restore\")", rival)
}

// alone is called before a quarantine at the start, and returns an error if somebody works on another copy of this database. A quarantine is told in the directory,
// and the other copy would take it for one that it has forgotten: whoever starts the wrong copy for a moment would have everything in the right one looked up.
func (w *Worker) alone(ctx context.Context) error {
	rivals := w.opening.rivals
	if rivals == nil {
		return nil
	}
	for began := time.Now(); time.Since(began) < rivalWithin; sleep(ctx, openEvery) {
		rival, unsure, err := rivals.Look(ctx)
		switch {
		case err != nil:
			return err
		case rival != "":
			return twoHistories(rival)
		case !unsure || ctx.Err() != nil:
			return ctx.Err()
		}
	}
	return nil
}

// watchRivals touches the file of this worker, which has just beaten, and ends one of two workers that were started on two databases at the same moment: the
// one whose name comes first goes on.
func (w *Worker) watchRivals(ctx context.Context) error {
	if w.opening.rivals == nil {
		return nil
	}
	beats, err := w.store.Beats(ctx)
	if err != nil {
		return err
	}
	w.jobs.Memory.Beaten(beats[w.life])
	if err := w.opening.rivals.File.Touch(w.life, beats[w.life]); err != nil {
		return nil // the state file says so
	}
	rival, _, err := w.opening.rivals.Look(ctx)
	if rival != "" && rival < w.life {
		w.loops.fail(twoHistories(rival).Error())
	}
	return err
}
