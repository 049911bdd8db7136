package store_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// A job that was to ask for an account's structures may be lost: it is given out again soon. One that has done so has hours.
func TestALostDiscoveryIsMadeUpFor(t *testing.T) {
	b := newBench(t)
	due := func(lease time.Duration) (n int) {
		must(t, pgx.BeginFunc(t.Context(), b.worker.Pool(), func(tx pgx.Tx) error {
			names, err := b.worker.DueAccounts(t.Context(), tx, lease, []string{"default"})
			n = len(names)
			return err
		}))
		return n
	}
	if first, again := due(50*time.Millisecond), due(50*time.Millisecond); first != 1 || again != 0 {
		t.Fatalf("given out %d times, and %d times at once", first, again)
	}
	time.Sleep(60 * time.Millisecond)
	if n := due(50 * time.Millisecond); n != 1 {
		t.Fatal("the lost one is not made up for")
	}
	must(t, b.worker.Structures(t.Context(), "default", []store.Structure{{ID: 1, Identifiant: "12345678200010"}}, time.Hour))
	time.Sleep(60 * time.Millisecond)
	if n := due(50 * time.Millisecond); n != 0 {
		t.Error("it is asked for again although it has been answered")
	}
}

// A received row whose job took it over, and neither ended nor gave it back, has seen a death; one that was only given out, or came back, has not.
func TestDeathsAreCounted(t *testing.T) {
	db := storetest.New(t)
	app, s := as(t, db.AppURL), store.New(as(t, db.WorkerURL))
	var id int64
	if err := app.QueryRow(t.Context(), `INSERT INTO chorus.invoices (document) VALUES ('x') RETURNING id`).Scan(&id); err != nil {
		t.Fatal(err)
	}
	claim := func(job int64) {
		t.Helper()
		must(t, pgx.BeginFunc(t.Context(), s.Pool(), func(tx pgx.Tx) error { return s.SetClaims(t.Context(), tx, []int64{id}, []int64{job}) }))
	}
	take := func(job int64, lease time.Duration) store.Invoice {
		t.Helper()
		inv, err := s.Take(t.Context(), id, job, store.Received, lease)
		if err != nil {
			t.Fatal(err)
		}
		return inv
	}
	claim(1)
	claim(2) // job 1 was lost before it took the row over
	inv := take(2, time.Minute)
	if inv.Deaths != 0 || inv.DocumentBytes != 1 {
		t.Fatalf("%d deaths, %d bytes", inv.Deaths, inv.DocumentBytes)
	}
	must(t, s.Release(t.Context(), inv, 0))
	claim(3)
	if inv = take(3, time.Millisecond); inv.Deaths != 0 {
		t.Fatalf("a row that was given back has %d deaths", inv.Deaths)
	}
	time.Sleep(5 * time.Millisecond) // the lease runs out
	claim(4)
	if inv = take(4, time.Minute); inv.Deaths != 1 {
		t.Fatalf("%d deaths, want 1", inv.Deaths)
	}
}
