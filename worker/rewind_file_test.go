package worker_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/choriste/choriste/fleet"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
	"github.com/choriste/choriste/worker"
)

// A machine is taken back with its memory, and its workers' file is not: neither the database nor the workers know of what is missing, and the file does. What other workers of
// this database write there says nothing.
func TestAFileKnowsBetterThanARunningWorker(t *testing.T) {
	t.Parallel()
	s := newHouse(t, nil)
	dir := t.TempDir()
	s.start(func(c *worker.Config) { c.StateDir = dir })
	people := store.New(s.db.Pool)
	s.await(s.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Deposited, store.Integrated, store.Settled)
	id, err := people.Installation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	file, err := fleet.OpenState(dir, id)
	if err != nil {
		t.Fatal(err)
	}
	write := func(mark fleet.Mark, attempt pgtype.UUID) {
		t.Helper()
		held, err := file.Load()
		if err != nil {
			t.Fatal(err)
		}
		held.Marks, held.Attempts = append(held.Marks, mark), append(held.Attempts, attempt)
		if _, err := file.Save(held); err != nil {
			t.Fatal(err)
		}
	}
	var mark fleet.Mark
	var attempt pgtype.UUID
	scan := `SELECT (SELECT id FROM chorus.events ORDER BY id LIMIT 1), (SELECT at FROM chorus.events ORDER BY id LIMIT 1), (SELECT id FROM chorus.attempts LIMIT 1)`
	if err := s.db.Pool.QueryRow(context.WithoutCancel(t.Context()), scan).Scan(&mark.Event, &mark.At, &attempt); err != nil {
		t.Fatal(err)
	}
	write(mark, attempt)
	s.await(s.insert(invoicetest.Invoice{Numero: "KNOWN"}.UBL()), store.Deposited, store.Integrated, store.Settled)
	(&site{house: s}).quarantined()

	storetest.Forge(t, s.db.URL, `SELECT chorus.pause('default', 'to hold them')`)
	waits := s.insert(invoicetest.Invoice{Numero: "WAITS"}.UBL())
	s.await(waits, store.Ready)
	write(fleet.Mark{Event: mark.Event + 1000, At: time.Now()}, store.NewID())
	storetest.Forge(t, s.db.URL, `SELECT chorus.pause('default', NULL)`)
	s.await(waits, store.InDoubt)
	(&site{house: s}).quarantined(store.WitnessState)
	if n := len(s.sim.Deposits("WAITS")); n != 0 {
		t.Errorf("it was deposited %d times before it was looked up", n)
	}
}
