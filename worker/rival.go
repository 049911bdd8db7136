package worker

import (
	"context"
	"fmt"
)

func twoHistories(rival string) error {
	return fmt.Errorf("another copy of this database is being worked on at the same time, by worker %s, which shares CHORISTE_STATE_DIR but beats in another database: "+
		"an invoice that waits in both would be sent twice. Stop the workers of one of them (docs/operating.md, \"Backup and restore\")", rival)
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
