package store_test

import (
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
		asked, err := b.worker.Able(t.Context(), []string{"default"})
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
