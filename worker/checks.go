package worker

import (
	"context"
	"time"

	"github.com/choriste/choriste/jobs"
)

// checksEvery is how often the worker looks for documents to be checked when nobody wakes it.
const checksEvery = time.Second

// asked has checks answered at once.
func (w *Worker) asked() {
	select {
	case w.checks <- struct{}{}:
	default:
	}
}

// answerChecks judges documents that applications ask about before they insert them (chorus.checks), and forgets old answers.
func (w *Worker) answerChecks(ctx context.Context) error {
	more, err := w.jobs.Checks(ctx)
	if more {
		w.asked()
	}
	if err != nil || time.Since(w.forgot) < time.Minute {
		return err
	}
	if err := w.store.ForgetChecks(ctx, jobs.CheckFor); err != nil {
		return err
	}
	w.forgot = time.Now()
	return nil
}
