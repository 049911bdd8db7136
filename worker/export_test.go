package worker

import (
	"testing"

	"github.com/choriste/choriste/jobs"
)

// StopRiver stops what runs the jobs behind the worker's back.
func StopRiver(t *testing.T, w *Worker) {
	t.Helper()
	if err := w.river.StopAndCancel(t.Context()); err != nil {
		t.Error(err)
	}
}

// Memory is what the worker remembers.
func Memory(w *Worker) *jobs.CommitMemory { return w.jobs.Memory }
