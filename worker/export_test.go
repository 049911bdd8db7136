package worker

import "testing"

// StopRiver stops what runs the jobs behind the worker's back.
func StopRiver(t *testing.T, w *Worker) {
	t.Helper()
	if err := w.river.StopAndCancel(t.Context()); err != nil {
		t.Error(err)
	}
}
