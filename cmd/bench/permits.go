package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/store"
)

const (
	pools   = 8 // as many processes would have
	callers = 8 // in each
)

// permits asks for permits as fast as they are given, without a portal: at a quota of thousands a second, where the cost is of the work, and at two at which
// each departure is counted, where most of it is of waking up.
func permits(ctx context.Context, w *workshop) ([]figure, error) {
	w.say("permits: three times %s …", w.size.permits)
	many, err := take(ctx, w, 5500)
	if err != nil {
		return nil, err
	}
	figures := []figure{
		least("permits", "a second, quota 5500 (pace 5225)", many.rate, "permits/s", 5000),
		bar("permits", "CPU of one, PostgreSQL and client, quota 5500", many.cost, "µs", 200),
	}
	for _, quota := range []float64{200, 20} {
		counted, err := take(ctx, w, quota)
		if err != nil {
			return nil, err
		}
		figures = append(figures,
			fact("permits", fmt.Sprintf("a second, quota %g (pace %g)", quota, quota*store.Pace), counted.rate, "permits/s"),
			fact("permits", fmt.Sprintf("CPU of one, PostgreSQL and client, quota %g", quota), counted.cost, "µs"))
	}
	if many.cost == 0 {
		w.say("permits: this system does not say how long PostgreSQL's processes have worked: no cost")
		figures = slices.DeleteFunc(figures, func(f figure) bool { return f.Unit == "µs" })
	}
	return figures, nil
}

type taken struct {
	rate float64 // permits a second
	cost float64 // µs of CPU for each; 0 = not known
}

// take has every caller wait for its turn and depart, again and again.
func take(ctx context.Context, w *workshop, quota float64) (taken, error) {
	urls, err := w.database(ctx)
	if err != nil {
		return taken{}, err
	}
	var budgets []*store.Budget
	for range pools {
		conf, err := pgxpool.ParseConfig(urls["worker"])
		if err != nil {
			return taken{}, err
		}
		conf.MaxConns, conf.MinConns = 3, 3
		pool, err := pgxpool.NewWithConfig(ctx, conf)
		if err != nil {
			return taken{}, err
		}
		defer pool.Close()
		b := store.NewBudget(store.New(pool), "bench", quota, 0, time.Minute)
		if err := b.Open(ctx); err != nil {
			return taken{}, err
		}
		budgets = append(budgets, b)
	}
	owner, err := pgxpool.New(ctx, urls[""])
	if err != nil {
		return taken{}, err
	}
	defer owner.Close()

	var given atomic.Int64
	running, stop := context.WithCancel(ctx)
	defer stop()
	failures := make(chan error, pools*callers)
	var all sync.WaitGroup
	for _, b := range budgets {
		for range callers {
			all.Go(func() {
				for {
					err := b.Wait(running, store.LaneSubmit)
					var left func()
					if err == nil {
						left, err = b.Depart(running)
					}
					switch {
					case running.Err() != nil:
						return
					case err != nil:
						failures <- err
						return
					}
					left()
					given.Add(1)
				}
			})
		}
	}
	defer all.Wait()
	defer stop()
	if err := sleep(ctx, time.Second); err != nil { // connections are made
		return taken{}, err
	}
	backends, err := serverProcesses(ctx, owner)
	if err != nil {
		return taken{}, err
	}
	before, began, n := working(backends), time.Now(), given.Load()
	select {
	case err := <-failures:
		return taken{}, err
	case <-ctx.Done():
		return taken{}, ctx.Err()
	case <-time.After(w.size.permits):
	}
	n = given.Load() - n
	if n == 0 {
		return taken{}, errors.New("no permit was given")
	}
	t := taken{rate: float64(n) / time.Since(began).Seconds()}
	if after := working(backends); before > 0 && after > 0 {
		t.cost = float64((after - before).Microseconds()) / float64(n)
	}
	return t, nil
}

// serverProcesses are those that serve the connections of the database, but for the one that is asked.
func serverProcesses(ctx context.Context, owner *pgxpool.Pool) (pids []int, err error) {
	err = owner.QueryRow(ctx, `
		SELECT coalesce(array_agg(pid), '{}') FROM pg_stat_activity WHERE datname = current_database() AND usename <> current_user`).Scan(&pids)
	return pids, err
}

// working is for how long this process and these have used a CPU so far; 0 where the system does not tell of others.
func working(pids []int) time.Duration {
	sum := ownTime()
	for _, pid := range pids {
		// The time on a CPU in ns comes first.
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
		if err != nil {
			return 0
		}
		var ns int64
		if _, err := fmt.Fscan(strings.NewReader(string(text)), &ns); err != nil {
			return 0
		}
		sum += time.Duration(ns)
	}
	return sum
}
