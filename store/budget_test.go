package store_test

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// taker is one process's share of a test: its own pool and its own idea of the budget.
func taker(t *testing.T, db *storetest.Database, quota float64, daily int, limit time.Duration) *store.Budget {
	t.Helper()
	pool, err := store.Connect(t.Context(), db.WorkerURL, "test", 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	b := store.NewBudget(store.New(pool), "app", quota, daily, limit)
	if err := b.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// demand takes as much as it can get for so long, from several processes and lanes at once, and returns when each permit was used.
func demand(t *testing.T, db *storetest.Database, quota float64, span time.Duration, lanes map[store.Lane]int) map[store.Lane][]time.Time {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), span)
	defer cancel()
	var all sync.WaitGroup
	var mu sync.Mutex
	used := map[store.Lane][]time.Time{}
	for range 3 {
		b := taker(t, db, quota, 0, time.Second)
		for lane, callers := range lanes {
			for range callers {
				all.Go(func() {
					for ctx.Err() == nil {
						err := b.Wait(ctx, lane)
						if err == nil {
							_, err = b.Depart(ctx)
						}
						var busy *store.Busy
						if errors.As(err, &busy) || ctx.Err() != nil {
							continue
						}
						if err != nil {
							t.Error(err)
							return
						}
						mu.Lock()
						used[lane] = append(used[lane], time.Now())
						mu.Unlock()
					}
				})
			}
		}
	}
	all.Wait()
	return used
}

// worst is the most permits in any sliding second.
func worst(used map[store.Lane][]time.Time) (most, total int) {
	var all []time.Time
	for _, u := range used {
		all = append(all, u...)
	}
	sort.Slice(all, func(i, k int) bool { return all[i].Before(all[k]) })
	for i, k := 0, 0; k < len(all); k++ {
		for all[k].Sub(all[i]) >= time.Second {
			i++
		}
		most = max(most, k-i+1)
	}
	return most, len(all)
}

func TestThePaceIsKeptByAllTogether(t *testing.T) {
	used := demand(t, storetest.New(t), 20, 4*time.Second, map[store.Lane]int{store.LaneSubmit: 4, store.LaneSync: 2})
	most, total := worst(used)
	if most > 20 {
		t.Errorf("%d permits in one second", most)
	}
	if total > 4*19+1 {
		t.Errorf("%d permits in four seconds", total)
	}
	t.Logf("%d permits, at most %d in a second", total, most)
}

func TestEveryLaneGetsItsShare(t *testing.T) {
	used := demand(t, storetest.New(t), 200, 3*time.Second, map[store.Lane]int{store.LaneResolve: 12, store.LaneSubmit: 12, store.LaneSync: 4, store.LaneReport: 4})
	_, total := worst(used)
	share := func(lanes ...store.Lane) (s float64) {
		for _, l := range lanes {
			s += float64(len(used[l])) / float64(total)
		}
		return s
	}
	resolve, submit, follow := share(store.LaneResolve), share(store.LaneSubmit), share(store.LaneSync, store.LaneReport)
	t.Logf("%d permits: resolve %.2f, submit %.2f, follow %.2f", total, resolve, submit, follow)
	if submit < 0.15 || follow < 0.15 || resolve < 0.4 {
		t.Error("a lane does not get its share")
	}
}

func TestALaneAloneGetsEverything(t *testing.T) {
	used := demand(t, storetest.New(t), 100, 2*time.Second, map[store.Lane]int{store.LaneReport: 3})
	if n := len(used[store.LaneReport]); n < 120 {
		t.Errorf("%d permits of about 200", n)
	}
}

func TestAPauseStopsAllAndTeaches(t *testing.T) {
	db := storetest.New(t)
	a, b := taker(t, db, 1000, 0, time.Second), taker(t, db, 1000, 0, time.Second)
	if err := a.Wait(t.Context(), store.LaneSubmit); err != nil {
		t.Fatal(err)
	}
	if err := a.Pause(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	var busy *store.Busy
	if err := b.Wait(t.Context(), store.LaneResolve); !errors.As(err, &busy) || busy.Wait < 59*time.Minute {
		t.Errorf("during the pause: %v", err)
	}
	var learned int64
	if err := db.Pool.QueryRow(t.Context(), `SELECT learned_us FROM chorus.budgets`).Scan(&learned); err != nil || learned != 1157 {
		t.Errorf("learned %d µs between requests, want 1157; %v", learned, err)
	}
}

func TestTheDayIsCounted(t *testing.T) {
	b := taker(t, storetest.New(t), 1000, 3, time.Second)
	for range 3 {
		if err := b.Wait(t.Context(), store.LaneSubmit); err != nil {
			t.Fatal(err)
		}
	}
	var busy *store.Busy
	if err := b.Wait(t.Context(), store.LaneSubmit); !errors.As(err, &busy) || busy.Wait > 25*time.Hour {
		t.Errorf("the fourth of three: %v", err)
	}
}

func TestALostBudgetDoesNotBurst(t *testing.T) {
	db := storetest.New(t)
	b := taker(t, db, 100, 0, 2*time.Second)
	owner := as(t, db.URL)
	if _, err := owner.Exec(t.Context(), `DELETE FROM chorus.budgets`); err != nil { // as after a crash of the server
		t.Fatal(err)
	}
	began := time.Now()
	if err := b.Wait(t.Context(), store.LaneSubmit); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 900*time.Millisecond {
		t.Errorf("the first permit after the loss came after %s", took)
	}
}

func TestAccountsTakeTurns(t *testing.T) {
	db := storetest.New(t)
	owner := as(t, db.URL)
	_, err := owner.Exec(t.Context(), `
		INSERT INTO chorus.accounts (name) VALUES ('big'), ('small');
		INSERT INTO chorus.invoices (account, document) SELECT 'big', 'x' FROM generate_series(1, 5000);
		INSERT INTO chorus.invoices (account, document) SELECT 'small', 'x' FROM generate_series(1, 10)`)
	if err != nil {
		t.Fatal(err)
	}
	st := store.New(db.Pool)
	for _, step := range []struct {
		name  store.Step
		state string
	}{{store.StepValidate, "received"}, {store.StepSubmit, "ready"}, {store.StepResolve, "in_doubt"}, {store.StepReport, "deposited"}} {
		if _, err := owner.Exec(t.Context(), `SET session_replication_role = replica; UPDATE chorus.invoices SET state = '`+step.state+`', due_at = now(); SET session_replication_role = origin`); err != nil {
			t.Fatal(err)
		}
		err := pgx.BeginFunc(t.Context(), db.Pool, func(tx pgx.Tx) error {
			ids, err := st.Due(t.Context(), tx, step.name, 64, map[string]float64{"big": 1, "small": 1})
			if err != nil {
				return err
			}
			var small int
			if err := tx.QueryRow(t.Context(), `SELECT count(*) FROM chorus.invoices WHERE id = ANY ($1) AND account = 'small'`, ids).Scan(&small); err != nil {
				return err
			}
			if len(ids) != 64 || small != 10 {
				return fmt.Errorf("%d rows, %d of the small account's 10", len(ids), small)
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
	}
}
