package worker_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
)

// NOTIFY asks for no right: somebody who may only connect tells River to pause, again and again, and to cancel every job.
func TestOrdersOfOthersAreNotHeard(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	h.await(h.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Settled)
	anybody, err := pgx.Connect(t.Context(), h.db.URL)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			_, err := anybody.Exec(ctx, `
				SELECT pg_notify('river.river_control', '{"action":"pause","queue":"*"}'), pg_sleep(0.01)
				UNION ALL
				SELECT pg_notify('river.river_control', json_build_object('action', 'cancel', 'queue', queue, 'job_id', id)::text), NULL
				FROM river.river_job WHERE state = 'running'`)
			if err != nil && ctx.Err() == nil {
				ended <- err
				return
			}
		}
		ended <- anybody.Close(context.WithoutCancel(ctx))
	}()
	h.await(h.insert(invoicetest.Invoice{Numero: "DURING"}.UBL()), store.Settled)
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}
