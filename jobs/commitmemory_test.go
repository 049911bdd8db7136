package jobs

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// DATABASE_URL leads to another server from one moment on, as after a change in DNS, and some connections still lead to the first, which lives. That is one
// quarantine, of the database that the address leads to now.
func TestConnectionsToTwoServers(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	first, second := storetest.New(t), storetest.New(t) // copies of one database
	dbs := []*storetest.Database{first, second}
	owners := make([]*pgxpool.Pool, len(dbs))
	for k, db := range dbs {
		owner, err := pgxpool.New(ctx, db.URL)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(owner.Close)
		owners[k] = owner
		if _, err := store.New(owner).Installation(ctx); err != nil {
			t.Fatal(err)
		}
	}
	storetest.Forge(t, first.URL, `INSERT INTO chorus.events (actor, reason_code) VALUES ('test', 'PAUSED')`) // which the second does not know

	config, err := store.PoolConfig(first.WorkerURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	var moved atomic.Bool
	config.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		to, err := pgx.ParseConfig(dbs[0].WorkerURL)
		if moved.Load() {
			to, err = pgx.ParseConfig(dbs[1].WorkerURL)
		}
		if err == nil {
			c.Host, c.Port, c.Database, c.User, c.Password = to.Host, to.Port, to.Database, to.User, to.Password
		}
		return err
	}
	pool, err := store.NewPool(ctx, config, store.Waits{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	s := store.New(pool)
	memory := NewCommitMemory(slog.New(slog.DiscardHandler))
	known, err := s.Remember(ctx)
	if err != nil {
		t.Fatal(err)
	}
	memory.Start(known, store.Memory{}, false, nil)

	noticed := 0
	compare := func() {
		t.Helper()
		_, forgot, err := memory.Compare(ctx, s, "test", Settings{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		if forgot != nil {
			noticed++
		}
	}
	compare()
	old, err := pool.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	moved.Store(true)
	compare()     // by a new connection
	old.Release() // the latest to come back is the next to be used
	for range 4 {
		compare()
	}
	if noticed != 1 {
		t.Errorf("noticed %d times that the database has forgotten something", noticed)
	}
	for k, want := range []int{0, 1} {
		var n int
		if err := owners[k].QueryRow(ctx, `SELECT count(*) FROM chorus.events WHERE reason_code = 'QUARANTINE'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n != want {
			t.Errorf("database %d was quarantined %d times", k+1, n)
		}
	}
}
