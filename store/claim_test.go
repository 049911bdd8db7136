package store_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/store"
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
