package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/choriste/choriste/migrations"
)

// riverSettings are how River is run alone.
type riverSettings struct {
	workers  int
	cooldown time.Duration
	poll     time.Duration
}

var (
	// sameRiver is River as the worker runs it by default: 16 jobs at once.
	sameRiver = riverSettings{workers: 16, cooldown: 5 * time.Millisecond, poll: 500 * time.Millisecond}
	// tunedRiver is River as its own benchmark runs it.
	tunedRiver = riverSettings{workers: 2000, cooldown: 2 * time.Millisecond, poll: 20 * time.Millisecond}
)

type noopArgs struct {
	N int64 `json:"n"`
}

func (noopArgs) Kind() string { return "noop" }

// noop returns how many jobs that do nothing River takes through in a second, from the insert of the first until the last is recorded as completed. They
// are inserted a thousand at a time while River works.
func noop(ctx context.Context, w *workshop, s riverSettings, jobs int) (perSecond float64, err error) {
	urls, err := w.database(ctx)
	if err != nil {
		return 0, err
	}
	pool, err := pgxpool.New(ctx, urls["worker"])
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(context.Context, *river.Job[noopArgs]) error { return nil }))
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Schema: migrations.RiverSchema,
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: s.workers}}, Workers: workers,
		FetchCooldown: s.cooldown, FetchPollInterval: s.poll, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return 0, err
	}
	if err := client.Start(ctx); err != nil {
		return 0, err
	}
	defer func() { _ = client.Stop(context.WithoutCancel(ctx)) }()

	began := time.Now()
	const batch = 1000
	for n := 0; n < jobs; n += batch {
		params := make([]river.InsertManyParams, min(batch, jobs-n))
		for k := range params {
			params[k].Args = noopArgs{int64(n + k)}
		}
		if _, err := client.InsertManyFast(ctx, params); err != nil {
			return 0, err
		}
	}
	for {
		var done int
		if err := pool.QueryRow(ctx, `SELECT count(*) FROM river.river_job WHERE state = 'completed'`).Scan(&done); err != nil {
			return 0, err
		}
		took := time.Since(began)
		if done == jobs {
			return float64(jobs) / took.Seconds(), nil
		}
		if took > patience {
			return 0, fmt.Errorf("River completed only %d of %d jobs", done, jobs)
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
