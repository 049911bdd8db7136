package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/choriste/choriste/fleet"
)

// rivalWithin is how long a start looks for workers of another database of this installation, where the directory shows some that may be alive.
const rivalWithin = 3*compareEvery + compareEvery/2

// noRival refuses the start while workers that share CHORISTE_STATE_DIR work on another copy of this database: what waits in both would be sent by both.
func (w *Worker) noRival(ctx context.Context) error {
	file := w.jobs.Memory.File()
	if file == nil {
		return nil
	}
	w.rivals = &fleet.Rivals{File: file, Life: w.life, Beats: w.store.Beats}
	for began := time.Now(); ; sleep(ctx, compareEvery/10) {
		rival, unsure, err := w.rivals.Look(ctx)
		if rival != "" {
			return twoHistories(rival)
		}
		if err != nil || !unsure || time.Since(began) > rivalWithin || ctx.Err() != nil {
			return err
		}
	}
}

func twoHistories(rival string) error {
	return fmt.Errorf("another copy of this database is being worked on at the same time, by worker %s, which shares CHORISTE_STATE_DIR but beats in another database: "+
		"an invoice that waits in both would be sent twice. Stop the workers of one of them (docs/operating.md, \"Backup and restore\")", rival)
}

// watchRivals touches the file of this worker, which has just beaten, and ends one of two workers that were started on two databases at the same moment: the
// one whose name comes first goes on.
func (w *Worker) watchRivals(ctx context.Context) error {
	if w.rivals == nil {
		return nil
	}
	if err := w.rivals.File.Touch(w.life); err != nil {
		return nil // the state file says so
	}
	rival, _, err := w.rivals.Look(ctx)
	if rival != "" && rival < w.life {
		w.loops.fail(twoHistories(rival).Error())
	}
	return err
}
