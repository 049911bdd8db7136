package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// departures is what the database knows of the latest ones.
func departures(t *testing.T, db *storetest.Database) (at []time.Time) {
	t.Helper()
	if err := db.Pool.QueryRow(t.Context(), `SELECT departures FROM chorus.budgets`).Scan(&at); err != nil {
		t.Fatal(err)
	}
	return at
}

// Whoever asks, and however many at once: the moments that are granted are never more than the quota in a second, with something to spare.
func TestDeparturesKeepTheQuota(t *testing.T) {
	db := storetest.New(t)
	taker(t, db, 20, 0, time.Second)
	var granted []time.Time
	for range 200 {
		var at time.Time
		if err := db.Pool.QueryRow(t.Context(), `SELECT leaves_at FROM chorus.depart('app')`).Scan(&at); err != nil {
			t.Fatal(err)
		}
		granted = append(granted, at)
	}
	if !slices.IsSortedFunc(granted, time.Time.Compare) {
		t.Error("a later one may leave earlier")
	}
	for k := 20; k < len(granted); k++ {
		if span := granted[k].Sub(granted[k-20]); span < 1030*time.Millisecond {
			t.Fatalf("21 departures within %s", span)
		}
	}
	// It takes nothing from the pace of 19 a second.
	if took := granted[199].Sub(granted[19]); took > 180*time.Second/19 {
		t.Errorf("180 departures took %s", took)
	}
}

// A request that leaves long after its moment, because the process was starved, is counted when it left.
func TestALateDepartureIsCountedWhenItWas(t *testing.T) {
	db := storetest.New(t)
	b := taker(t, db, 20, 0, time.Second)
	left, err := b.Depart(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now := func() (at time.Time) {
		if err := db.Pool.QueryRow(t.Context(), `SELECT clock_timestamp()`).Scan(&at); err != nil {
			t.Fatal(err)
		}
		return at
	}
	time.Sleep(60 * time.Millisecond)
	before := now()
	left()
	after := now()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		at := departures(t, db)
		last := at[len(at)-1]
		if len(at) == 20 && !last.Before(before) && last.Before(after.Add(150*time.Millisecond)) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("it left between %s and %s, and is counted at %s, one of %d", before, after, last, len(at))
		}
	}
}

// A process that was stopped between its moment and the request asks again.
func TestAMissedDepartureIsAskedForAgain(t *testing.T) {
	db := storetest.New(t)
	b := taker(t, db, 20, 0, time.Second)
	before := departures(t, db)
	done := make(chan error, 1)
	err := pgx.BeginFunc(t.Context(), db.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `SELECT FROM chorus.budgets FOR UPDATE`); err != nil {
			return err
		}
		go func() {
			_, err := b.Depart(t.Context())
			done <- err
		}()
		select {
		case err := <-done:
			t.Errorf("left while nobody could know of it: %v", err)
		case <-time.After(400 * time.Millisecond):
		}
		return nil
	})
	if err = errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
	fresh := 0
	for _, at := range departures(t, db) {
		if !slices.ContainsFunc(before, at.Equal) {
			fresh++
		}
	}
	if fresh < 2 {
		t.Errorf("%d departures, want another one after the first had come too late", fresh)
	}
}

func TestAPauseKeepsBackWhoseTurnItWas(t *testing.T) {
	db := storetest.New(t)
	a, b := taker(t, db, 20, 0, time.Second), taker(t, db, 20, 0, time.Second)
	if err := b.Wait(t.Context(), store.LaneSubmit); err != nil {
		t.Fatal(err)
	}
	if err := a.Pause(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	var busy *store.Busy
	if _, err := b.Depart(t.Context()); !errors.As(err, &busy) || busy.Wait < 59*time.Minute {
		t.Errorf("during the pause: %v", err)
	}
}

func TestAHighPaceIsNotCountedOneByOne(t *testing.T) {
	db := storetest.New(t)
	b := taker(t, db, 5000, 0, time.Second)
	for range 3 {
		if _, err := b.Depart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(departures(t, db)); n != 0 {
		t.Errorf("%d departures written down", n)
	}
}

// A crash of the server empties the budgets. A request that had its turn before must not leave at once after it, and neither may those of a process that
// starts: what left just before the crash is not known any more.
func TestACrashOfTheServerDoesNotBurst(t *testing.T) {
	cluster, err := storetest.Start(t.Context(), storetest.Options{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	url := cluster.URL("postgres")
	if err := migrations.Up(t.Context(), url, nil); err != nil {
		t.Fatal(err)
	}
	pool, err := store.Connect(t.Context(), url, "test", 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if _, err := pool.Exec(t.Context(), `UPDATE chorus.accounts SET accepted = 'x'`); err != nil { // the fleet has worked
		t.Fatal(err)
	}
	running := store.NewBudget(store.New(pool), "app", 20, 0, 5*time.Second)
	if err := running.Wait(t.Context(), store.LaneSubmit); err != nil {
		t.Fatal(err)
	}
	for _, starts := range []bool{false, true} {
		if err := cluster.Crash(); err != nil {
			t.Fatal(err)
		}
		if err := cluster.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		back := time.Now()
		pool.Reset() // its connections broke with the server
		if starts {
			if err := store.NewBudget(store.New(pool), "app", 20, 0, 5*time.Second).Open(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := running.Depart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(back); took < time.Second {
			t.Errorf("a process starts first: %t; a request left %s after the server was back", starts, took)
		}
	}
}
