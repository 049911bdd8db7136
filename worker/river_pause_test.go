package worker_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// What River's tools pause stops nothing, before a start and while a worker runs: an account would not say so. The pause is taken back, and the log says how to stop deposits.
func TestAPausedQueueStopsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.exec(`INSERT INTO river.river_queue (name, updated_at, paused_at) SELECT n, now(), now() FROM unnest('{validate,submit,follow,webhook}'::text[]) n
		ON CONFLICT (name) DO UPDATE SET paused_at = now()`)
	var log lines
	h.start(func(c *worker.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	h.await(h.insert(invoicetest.Invoice{Numero: "PAUSED-1"}.UBL()), store.Settled)
	resumed := `SELECT NOT EXISTS (SELECT FROM river.river_queue WHERE paused_at IS NOT NULL)`
	h.until("the queues are resumed", resumed)
	h.exec(`UPDATE river.river_queue SET paused_at = now()`)
	h.await(h.insert(invoicetest.Invoice{Numero: "PAUSED-2"}.UBL()), store.Settled)
	h.until("the queues are resumed again", resumed)
	for until := time.Now().Add(5 * time.Second); len(log.with("queue=submit")) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("the log does not say so: %q", log.with(""))
		}
	}
}
