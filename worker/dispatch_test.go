package worker_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// A job may be fetched at once and is due by the database's clock: one that waits for River's scheduler waits up to five seconds, and one that is due by the
// clock of a worker that is ahead waits for as long as that.
func TestJobsAreDueByTheDatabasesClock(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	owner, err := pgx.Connect(t.Context(), h.db.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = owner.Close(context.WithoutCancel(t.Context())) }()
	_, err = owner.Exec(t.Context(), `
		CREATE FUNCTION public.on_time() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
		    IF NEW.state <> 'available' OR NEW.scheduled_at <> now() OR NEW.created_at <> now() THEN
		        RAISE 'a job is % and due at %, not at %', NEW.state, NEW.scheduled_at, now();
		    END IF;
		    RETURN NEW;
		END $$;
		CREATE TRIGGER on_time BEFORE INSERT ON river.river_job FOR EACH ROW EXECUTE FUNCTION public.on_time()`)
	if err != nil {
		t.Fatal(err)
	}
	h.start()
	h.await(h.insert(invoicetest.Invoice{Numero: "ON-TIME"}.UBL()), store.Settled)
}

// What is inserted while nothing waits is read and sent by one job.
func TestOneJobReadsAndSends(t *testing.T) {
	h := newHouse(t, nil)
	h.start()
	h.await(h.insert(invoicetest.Invoice{Numero: "WARM"}.UBL()), store.Deposited, store.Integrated) // the worker is open
	h.await(h.insert(invoicetest.Invoice{Numero: "ONE"}.UBL()), store.Deposited, store.Integrated)
	if n := h.count(`SELECT count(*) FROM river.river_job j JOIN chorus.invoices i ON i.numero_facture = 'ONE' AND (j.args -> 'ids' @> to_jsonb(i.id) OR j.args -> 'id' = to_jsonb(i.id)) WHERE j.kind IN ('validate', 'submit')`); n != 1 {
		t.Errorf("%d jobs", n)
	}
}

// Of inserts at the same time one announces itself. Another that commits after the dispatcher has looked is found without a poll.
func TestAnInsertThatCouldNotAnnounceItself(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start(func(c *worker.Config) { c.Poll = time.Hour })
	h.await(h.insert(invoicetest.Invoice{Numero: "TOLD"}.UBL()), store.Ready, store.Sending, store.Deposited) // somebody listens
	ctx := t.Context()
	first, err := h.db.Pool.Begin(ctx)
	h.must(err)
	second, err := h.app().Begin(ctx)
	h.must(err)
	_, err = first.Exec(ctx, `SELECT pg_try_advisory_xact_lock(820001, 1), pg_notify('chorus_wake', '')`) // as chorus.invoices_wake does
	h.must(err)
	var id int64
	h.must(second.QueryRow(ctx, `INSERT INTO chorus.invoices (document) VALUES ($1) RETURNING id`, invoicetest.Invoice{Numero: "UNTOLD"}.UBL()).Scan(&id))
	h.must(first.Commit(ctx))
	time.Sleep(50 * time.Millisecond) // the dispatcher looks, and finds nothing
	h.must(second.Commit(ctx))
	h.await(id, store.Ready, store.Sending, store.Deposited)
}
