package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// A session of choriste's own is at work, until it has been in a transaction for longer than any of ours takes. A session of another login is none, whatever it calls itself: a lock of
// somebody else's is always named.
func TestWhoStandsStill(t *testing.T) {
	db := storetest.New(t)
	held, err := pgx.Connect(t.Context(), db.URL)
	must(t, err)
	defer func() { must(t, held.Close(context.WithoutCancel(t.Context()))) }()
	owner, err := pgxpool.New(t.Context(), db.URL)
	must(t, err)
	defer owner.Close()
	hold := func(application string) {
		t.Helper()
		_, err := held.Exec(t.Context(), `ROLLBACK; BEGIN; LOCK TABLE chorus.maintenance IN ACCESS EXCLUSIVE MODE; SET LOCAL application_name = `+application)
		must(t, err)
	}
	is := func(pool *pgxpool.Pool, still time.Duration, own, stands bool) {
		t.Helper()
		list, err := store.LockHoldersAfter(t.Context(), pool, still)
		must(t, err)
		if len(list) != 1 || list[0].Own != own || list[0].StandsStill != stands || (list[0].Doing != "") != own {
			t.Errorf("%+v: own %v, stands still %v", list, own, stands)
		}
	}
	hold("psql")
	is(owner, 0, false, false)
	hold("choriste")
	is(owner, time.Minute, true, false)
	is(owner, 0, true, true)
	is(db.Pool, 0, false, false) // the worker's login, and not the owner's
}
