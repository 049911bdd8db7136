package store_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/choriste/choriste/store"
)

// An account for which nobody could send for more than a minute is compared before T1 lets anything through, and nobody says that he can while its budget is closed.
func TestAble(t *testing.T) {
	b := newWeather(t)
	must(t, b.worker.WatchClock(t.Context(), func(time.Duration) {}))
	must(t, store.NewBudget(b.worker, "a", 20, 0, time.Second).Open(t.Context()))
	exec := func(sql string) {
		_, err := b.owner.Exec(t.Context(), sql)
		must(t, err)
	}
	count := func(sql string) (n int) {
		must(t, b.owner.QueryRow(t.Context(), `SELECT count(*) FROM chorus.accounts WHERE `+sql).Scan(&n))
		return n
	}
	able := func(want int) {
		t.Helper()
		asked, err := b.worker.Able(t.Context(), []string{"default"}, []string{"default"})
		if err != nil || len(asked) != want {
			t.Errorf("asked for %v, want %d (%v)", asked, want, err)
		}
	}
	begins := func(want error) {
		t.Helper()
		if _, err := b.begin(t); err != want { //nolint:errorlint // nil, or as it is
			t.Errorf("T1 says %v, want %v", err, want)
		}
	}
	begins(nil) // before anybody has said anything
	able(0)
	begins(nil)
	for _, closed := range []string{`paused_until = clock_timestamp() + interval '1 hour'`, `daily = 10, today = 10, day = (clock_timestamp() AT TIME ZONE 'Europe/Paris')::date`} {
		exec(`UPDATE chorus.budgets SET ` + closed)
		exec(`UPDATE chorus.able SET said_at = said_at - interval '2 minutes'`)
		able(0)
		begins(store.ErrHeld)
		exec(`UPDATE chorus.budgets SET paused_until = '-infinity', daily = 0`)
		able(1)
		able(0)
		if count(`compare_since < clock_timestamp() - interval '100 seconds' AND compare_resumed_at = compare_asked_at`) != 1 {
			t.Error("it is not compared as after a pause")
		}
		begins(store.ErrHeld)
		exec(`UPDATE chorus.accounts SET compare_since = NULL`)
		begins(nil)
	}
	exec(`UPDATE chorus.able SET said_at = said_at - interval '2 minutes'`)
	exec(`UPDATE chorus.accounts SET can_search = false`) // nobody can look
	able(0)
	begins(nil)
}

// Who asks for a comparison while nobody could send has all of that time compared: a start in the middle of a closure asked for what came since the last heartbeat alone.
// An account that is configured while nothing can be sent is compared afterwards, like those that were there before.
func TestAnAccountThatComesWhileUnable(t *testing.T) {
	b := newWeather(t)
	must(t, b.worker.WatchClock(t.Context(), func(time.Duration) {}))
	must(t, store.NewBudget(b.worker, "a", 20, 0, time.Second).Open(t.Context()))
	exec := func(sql string) {
		_, err := b.owner.Exec(t.Context(), sql)
		must(t, err)
	}
	exec(`DELETE FROM chorus.able`)
	exec(`UPDATE chorus.budgets SET paused_until = clock_timestamp() + interval '1 hour'`)
	asked, err := b.worker.Able(t.Context(), nil, []string{"default"})
	if err != nil || len(asked) != 0 {
		t.Fatalf("asked for %v (%v)", asked, err)
	}
	exec(`UPDATE chorus.able SET said_at = said_at - interval '2 minutes'`)
	exec(`UPDATE chorus.budgets SET paused_until = '-infinity'`)
	if _, err := b.begin(t); err != store.ErrHeld { //nolint:errorlint // as it is
		t.Errorf("T1 says %v", err)
	}
	asked, err = b.worker.Able(t.Context(), []string{"default"}, []string{"default"})
	if err != nil || !slices.Equal(asked, []string{"default"}) {
		t.Errorf("asked for %v (%v)", asked, err)
	}
}

func TestAskedWhileUnable(t *testing.T) {
	for name, of := range map[string]struct{ before, ask string }{
		"start":        {ask: ``},
		"clock":        {ask: `SELECT chorus.clock_stepped(60)`},
		"resumed":      {before: `UPDATE chorus.accounts SET paused_at = clock_timestamp() - interval '2 hours', pause_reason = 'x'`, ask: `SELECT chorus.pause('default', NULL)`},
		"resumed anew": {before: `UPDATE chorus.accounts SET paused_at = clock_timestamp() - interval '2 hours', pause_reason = 'NOT_VOUCHED: x'`, ask: `SELECT chorus.pause('default', NULL)`},
		"outage": {
			before: `UPDATE chorus.breakers SET state = 'open', announced = true, since = clock_timestamp() - interval '2 hours', fault = 'unavailable' WHERE key = '` + portal + `'`,
			ask:    `UPDATE chorus.breakers SET state = 'trial', announced = false WHERE key = '` + portal + `'`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newWeather(t)
			must(t, b.worker.WatchClock(t.Context(), func(time.Duration) {}))
			exec := func(sql string) {
				t.Helper()
				_, err := b.owner.Exec(t.Context(), sql)
				must(t, err)
			}
			exec(`INSERT INTO chorus.able VALUES ('default', clock_timestamp() - interval '3 days')`)
			if of.before != "" {
				exec(of.before)
			}
			if of.ask == "" {
				must(t, b.worker.AskComparison(t.Context(), time.Time{}))
			} else {
				exec(of.ask)
			}
			var since, able time.Duration
			must(t, b.owner.QueryRow(t.Context(), `
				SELECT coalesce(clock_timestamp() - compare_since, '0'), clock_timestamp() - said_at FROM chorus.accounts JOIN chorus.able ON account = name`).Scan(&since, &able))
			if since < 71*time.Hour || able > time.Minute {
				t.Errorf("it is compared from %s ago on, and able since %s ago", since, able)
			}
		})
	}
}

// The database's clock is put back: since when nobody could send is as much earlier.
func TestUnableWhileTheClockIsPutBack(t *testing.T) {
	b := newWeather(t)
	must(t, b.worker.WatchClock(t.Context(), func(time.Duration) {}))
	exec := func(sql string) {
		t.Helper()
		_, err := b.owner.Exec(t.Context(), sql)
		must(t, err)
	}
	exec(`INSERT INTO chorus.able VALUES ('default', clock_timestamp() + interval '20 hours')`) // by the clock that was a day ahead
	exec(`SELECT chorus.clock_stepped(-86400)`)
	if asked, err := b.worker.Able(t.Context(), []string{"default"}, []string{"default"}); err != nil || len(asked) != 1 {
		t.Errorf("asked for %v (%v)", asked, err)
	}
	var since time.Duration
	must(t, b.owner.QueryRow(t.Context(), `SELECT clock_timestamp() - compare_since FROM chorus.accounts`).Scan(&since))
	if since < 3*time.Hour {
		t.Errorf("it is compared from %s ago on", since)
	}
}

// A comparison that is asked for again and again has its deposits wait since the first time: a restart each ten minutes hid for ever that nothing was sent. The time in which
// nobody could send is left out.
func TestWaitsSinceTheFirstTime(t *testing.T) {
	b := newWeather(t)
	exec := func(sql string) {
		t.Helper()
		_, err := b.owner.Exec(t.Context(), sql)
		must(t, err)
	}
	waits := func(want time.Duration) {
		t.Helper()
		w, err := b.worker.WaitingToCompare(t.Context(), []string{"default"})
		must(t, err)
		c, err := b.worker.Comparing(t.Context(), "default")
		must(t, err)
		for _, is := range []time.Duration{w.Reachable, time.Since(w.Since), c.Waited} {
			if (is - want).Abs() > 30*time.Second {
				t.Errorf("it waits for %s, want %s", is, want)
			}
		}
	}
	ask := func() { must(t, b.worker.AskComparison(t.Context(), time.Time{})) }
	ask()
	waits(0)
	exec(`UPDATE chorus.accounts SET compare_waits_since = compare_waits_since - interval '20 minutes'`)
	ask()
	waits(20 * time.Minute)
	b.ready(t, "default")
	exec(`UPDATE chorus.heartbeats SET beat_at = clock_timestamp()`)
	exec(`INSERT INTO chorus.heartbeats (worker) VALUES ('alive')`)
	var n int
	must(t, b.owner.QueryRow(t.Context(), `SELECT count(*) FROM chorus.todo WHERE kind = 'stalled' AND cause LIKE 'deposits have waited%'`).Scan(&n))
	if n != 1 {
		t.Error("todo does not say it")
	}
	exec(`INSERT INTO chorus.able VALUES ('default', clock_timestamp() - interval '15 minutes')`)
	ask()
	waits(5 * time.Minute)
	exec(`UPDATE chorus.accounts SET compare_since = NULL`)
	ask()
	waits(0)
}

// Somebody's open transaction on an account keeps no other one back, and its own deposits until it ends.
func TestALockedAccountKeepsNoOtherOneBack(t *testing.T) {
	b := newWeather(t)
	must(t, b.worker.WatchClock(t.Context(), func(time.Duration) {}))
	_, err := b.owner.Exec(t.Context(), `
		INSERT INTO chorus.accounts (name) VALUES ('other');
		INSERT INTO chorus.able SELECT name, clock_timestamp() - interval '2 hours' FROM chorus.accounts ON CONFLICT (account) DO UPDATE SET said_at = excluded.said_at`)
	must(t, err)
	tx, err := b.owner.Begin(t.Context())
	must(t, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = tx.Exec(t.Context(), `SELECT chorus.pause('other', 'x')`)
	must(t, err)
	waits := time.AfterFunc(2*time.Second, func() { // it is looked who has locked it
		if holders, err := store.LockHolders(context.WithoutCancel(t.Context()), b.owner); err != nil || len(holders) != 1 {
			t.Errorf("holders: %v, %v", holders, err)
		}
	})
	defer waits.Stop()
	asked, err := b.worker.Able(t.Context(), []string{"default", "other"}, []string{"default", "other"})
	if !slices.Equal(asked, []string{"default"}) || store.SQLState(err) != "55P03" {
		t.Fatalf("asked for %v, %v", asked, err)
	}
	_, err = b.owner.Exec(t.Context(), `UPDATE chorus.accounts SET compare_since = NULL WHERE name = 'default'`)
	must(t, err)
	if _, err := b.begin(t); err != nil {
		t.Errorf("T1 says %v", err)
	}
	if asked, _ = b.worker.Able(t.Context(), []string{"default"}, []string{"default"}); len(asked) != 0 {
		t.Errorf("asked for %v once more", asked)
	}
	must(t, tx.Rollback(t.Context()))
	if asked, err = b.worker.Able(t.Context(), []string{"default", "other"}, []string{"default", "other"}); err != nil || !slices.Equal(asked, []string{"other"}) {
		t.Errorf("asked for %v, %v", asked, err)
	}
}
