package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// lockRow locks a row as an application may, until the function that it returns is called, or the test ends.
func lockRow(t *testing.T, app *pgxpool.Pool, id int64) (release func()) {
	t.Helper()
	tx, err := app.Begin(t.Context())
	must(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	_, err = tx.Exec(t.Context(), `SELECT id FROM chorus.invoices WHERE id = $1 FOR SHARE`, id)
	must(t, err)
	return func() { must(t, tx.Rollback(t.Context())) }
}

// An application that keeps one row locked keeps no other one waiting, and the row's news comes when the lock is gone.
func TestALockedRowHoldsUpNoOther(t *testing.T) {
	b := newFeedBench(t)
	at := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	locked, free := b.deposited(t, "CPP1"), b.deposited(t, "CPP2")
	release := lockRow(t, b.app.Pool(), locked)

	b.mark.Last, b.mark.Keep = true, true
	b.mark.Read.Watermark, b.mark.Read.WideAt, b.mark.Read.WideFrom = time.Now(), time.Now(), at.Add(-time.Hour)
	began := time.Now()
	did := b.follow(t, seen(free, 42, "CPP2", at), seen(locked, 41, "CPP1", at.Add(-time.Second)))
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the page waited for %s", took)
	}
	if len(did.Held) != 1 || did.Held[0] != locked || did.Changed != 1 || did.Unknown != 0 {
		t.Errorf("%+v", did)
	}
	if state, _, _ := b.state(t, free); state != store.Integrated {
		t.Errorf("the free row is %s", state)
	}
	var watermark time.Time
	var wide *time.Time
	must(t, b.worker.Pool().QueryRow(b.ctx, `SELECT watermark, wide_at FROM chorus.structures`).Scan(&watermark, &wide))
	if !watermark.Equal(at.Add(-time.Second)) || wide != nil {
		t.Errorf("read up to %s, all up to %v; the line that waits is of %s", watermark, wide, at.Add(-time.Second))
	}
	holders, err := b.worker.RowHolders(b.ctx, did.Held)
	must(t, err)
	if len(holders) != 1 || !strings.Contains(holders[0].Text(true), "PID ") {
		t.Errorf("held by %+v", holders)
	}

	release()
	if did := b.follow(t, seen(locked, 41, "CPP1", at.Add(-time.Second))); len(did.Held) != 0 || did.Changed != 1 {
		t.Errorf("%+v", did)
	}
	if state, _, _ := b.state(t, locked); state != store.Integrated {
		t.Errorf("the row that was locked is %s", state)
	}
	if b.strangers(t) != 0 {
		t.Error("it is a stranger")
	}
}

// A locked row that the portal holds twice is parked when the lock is gone.
func TestALockedDouble(t *testing.T) {
	b := newFeedBench(t)
	at := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	id := b.deposited(t, "CPP1")
	b.follow(t, seen(id, 41, "CPP1", at))
	release := lockRow(t, b.app.Pool(), id)
	other := seen(id, 43, "CPP3", at.Add(time.Second))
	if did := b.follow(t, other); len(did.Held) != 1 || did.Doubles != 0 {
		t.Errorf("%+v", did)
	}
	release()
	if did := b.follow(t, other); len(did.Held) != 0 || did.Doubles != 1 {
		t.Errorf("%+v", did)
	}
	if state, code, _ := b.state(t, id); state != store.Parked || code != store.ParkContradiction {
		t.Errorf("%s %s", state, code)
	}
}

// What goes over all rows passes a locked one over, and takes it the next time.
func TestALockedRowIsPassedOver(t *testing.T) {
	db := storetest.New(t)
	owner, st := as(t, db.URL), store.New(db.Pool)
	old := time.Now().Add(-100 * 24 * time.Hour).UTC().Format(time.RFC3339)
	for name, c := range map[string]struct {
		state store.State
		set   string
		do    func(context.Context) error
		done  string
	}{
		"a lost job":     {store.Integrated, `claim = 1, claimed_until = 'infinity'`, func(ctx context.Context) error { _, err := st.Sweep(ctx); return err }, `claim IS NULL`},
		"a cancellation": {store.Ready, `cancel_requested_at = clock_timestamp()`, st.CancelRequested, `state = 'cancelled'`},
		"quiet": {store.Integrated, `statut_courant = 'MANDATEE', statut_courant_date = '` + old + `'`, func(ctx context.Context) error {
			_, err := st.Quiet(ctx, 90*24*time.Hour)
			return err
		}, `state = 'settled'`},
	} {
		t.Run(name, func(t *testing.T) {
			locked, free := held(t, owner, c.state, c.set), held(t, owner, c.state, c.set)
			release := lockRow(t, as(t, db.AppURL), locked)
			done := func() (which []int64) {
				rows, err := owner.Query(t.Context(), `SELECT id FROM chorus.invoices WHERE id = ANY ($1) AND `+c.done+` ORDER BY id`, []int64{locked, free})
				must(t, err)
				which, err = pgx.CollectRows(rows, pgx.RowTo[int64])
				must(t, err)
				return which
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			must(t, c.do(ctx))
			if got := done(); len(got) != 1 || got[0] != free {
				t.Errorf("done: %v, locked: %d", got, locked)
			}
			release()
			must(t, c.do(t.Context()))
			if got := done(); len(got) != 2 {
				t.Errorf("when the lock is gone: %v", got)
			}
		})
	}
}
