package worker

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/choriste/choriste/jobs"
)

// reconciling is how many reconciliations may be with jobs over the whole fleet: they take calls that nobody else wants, and places that others do.
const reconciling = 2

func (w *Worker) dispatchReconcile(ctx context.Context) error {
	return pgx.BeginFunc(ctx, w.cfg.Pool, func(tx pgx.Tx) error {
		runs, err := w.store.DueReconciliations(ctx, tx, reconciling, w.jobs.Names())
		if err != nil || len(runs) == 0 {
			return err
		}
		params := make([]river.InsertManyParams, len(runs))
		for k, run := range runs {
			params[k] = jobs.InsertReconcile(run)
		}
		claims, err := w.insert(ctx, tx, params)
		if err != nil {
			return err
		}
		return w.store.SetReconciliationClaims(ctx, tx, runs, claims)
	})
}

// nightlyEvery is how often it is looked whether a structure's nightly reconciliation is due.
const nightlyEvery = time.Minute

// nightly asks for the reconciliations of the night, and has the tallies counted anew.
func (w *Worker) nightly(ctx context.Context) error {
	if _, err := w.store.Nightly(ctx, w.names(), jobs.Nightly); err != nil {
		return err
	}
	return w.store.Recount(ctx)
}
