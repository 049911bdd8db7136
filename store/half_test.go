package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// T1 waits for a synchronous standby that is away, and somebody ends the wait: PostgreSQL says COMMIT, though a failover would forget it. Nothing may leave then.
func TestT1WhoseWaitForTheStandbyIsEnded(t *testing.T) {
	cluster, err := storetest.Start(t.Context(), storetest.Options{InMemory: true})
	must(t, err)
	t.Cleanup(func() { must(t, cluster.Stop()) })
	url := cluster.URL("postgres")
	must(t, migrations.Up(t.Context(), url, nil))
	pool, err := store.Connect(t.Context(), url, "test", 4)
	must(t, err)
	t.Cleanup(pool.Close)
	people, err := pgxpool.New(t.Context(), url)
	must(t, err)
	t.Cleanup(people.Close)

	s := store.New(pool)
	b := &bench{ctx: t.Context(), worker: s, app: s, operator: s, owner: people}
	must(t, s.EnsureAccounts(t.Context(), []string{"default"}))
	must(t, s.Slots(t.Context(), 2))
	b.memory, err = s.Remember(t.Context())
	must(t, err)
	id := b.ready(t, "default")
	inv, err := s.Take(t.Context(), id, b.claim(t, store.StepSubmit, "default")[id], store.Ready, time.Hour)
	must(t, err)
	for _, sql := range []string{`ALTER SYSTEM SET synchronous_standby_names = 'away'`, `SELECT pg_reload_conf()`} {
		_, err = people.Exec(t.Context(), sql)
		must(t, err)
	}
	ended, stop := context.WithCancel(t.Context())
	defer stop()
	go func() {
		for ; ended.Err() == nil; time.Sleep(50 * time.Millisecond) {
			_, _ = people.Exec(ended, `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)
		}
	}()
	time.Sleep(time.Second) // until the server has read its settings
	a, err := s.Begin(t.Context(), inv, b.intent(false))
	if err == nil {
		t.Error("T1 says that it is committed for good")
	}
	must(t, s.Finish(t.Context(), a, store.Ending{Outcome: store.NotSent, To: store.Ready}))
	var state string
	must(t, people.QueryRow(t.Context(), `SELECT state FROM chorus.invoices WHERE id = $1`, id).Scan(&state))
	if state != "ready" {
		t.Errorf("it is %s", state)
	}
}
