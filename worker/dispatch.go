package worker

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/jobs"
	"github.com/choriste/choriste/store"
)

// A row becomes a job here and nowhere else: claimed and given to River in one transaction. Only a few rows of each step are out at a time, so that
// River's tables stay small and what is more urgent need not queue behind what came first.

// out is how many rows of a step may be with jobs over the whole fleet.
func (w *Worker) out(step store.Step) int {
	switch step {
	case store.StepSubmit:
		return 2 * w.cfg.InFlight
	case store.StepValidate:
		return 200
	case store.StepHistory:
		return 8
	default:
		return 64
	}
}

// dispatch gives out the fast steps, whenever something happened here, a wake-up came, or a poll is due.
func (w *Worker) dispatch(ctx context.Context) error {
	if unfit := w.unfit.Load(); unfit != nil {
		return unfit
	}
	woken := w.woken.Swap(false)
	see, due := w.see(store.Urgent)
	return parts(ctx,
		part{"be woken", func(context.Context) error {
			if !woken {
				return nil
			}
			return crash.Point(crash.AfterWake)
		}},
		see, due(store.Work(store.StepValidate), w.step(store.StepValidate)), due(store.Work(store.StepSubmit), w.step(store.StepSubmit)))
}

// see looks for what anything is due, and due leaves out the others; none where that could not be seen, as while one of the tables is locked: each then fails by itself.
func (w *Worker) see(kinds []store.Work) (see part, due func(store.Work, part) part) {
	var waiting map[store.Work]bool
	var blind bool
	see = part{"see what is due", func(ctx context.Context) (err error) {
		waiting, err = w.store.Waiting(ctx, kinds)
		blind = err != nil
		return err
	}}
	return see, func(kind store.Work, p part) part {
		return part{p.what, func(ctx context.Context) error {
			if !blind && !waiting[kind] {
				return nil
			}
			return p.do(ctx)
		}}
	}
}

// follow gives out what is never in such a hurry.
func (w *Worker) follow(ctx context.Context) error {
	if unfit := w.unfit.Load(); unfit != nil {
		return unfit
	}
	see, due := w.see(store.Patient)
	return parts(ctx, see,
		due(store.WorkComparisons, part{"give out accounts to be compared with the portal", w.dispatchComparisons}),
		due(store.WorkFeeds, part{"give out change feeds", w.dispatchSync}),
		due(store.WorkStructures, part{"give out accounts to be asked for structures", w.dispatchDiscover}),
		due(store.WorkReconciliations, part{"give out reconciliations", w.dispatchReconcile}),
		due(store.WorkRemedies, part{"give out remedies", w.dispatchRemedies}),
		part{"give out webhooks", w.dispatchWebhooks},
		due(store.Work(store.StepResolve), w.step(store.StepResolve)),
		due(store.Work(store.StepReport), w.step(store.StepReport)),
		due(store.Work(store.StepHistory), w.step(store.StepHistory)))
}

func (w *Worker) step(step store.Step) part {
	return part{"give out the step " + string(step), func(ctx context.Context) error { return w.dispatchStep(ctx, step) }}
}

func (w *Worker) dispatchStep(ctx context.Context, step store.Step) error {
	full := false
	err := pgx.BeginFunc(ctx, w.cfg.Pool, func(tx pgx.Tx) error {
		ids, err := w.store.Due(ctx, tx, step, w.out(step), w.jobs.Turns(step))
		if err != nil || len(ids) == 0 {
			return err
		}
		params, of := jobs.InsertAll(step, ids)
		given, err := w.insert(ctx, tx, params)
		if err != nil {
			return err
		}
		claims := make([]int64, len(ids))
		for k := range ids {
			claims[k] = given[of[k]]
		}
		full = len(ids) == w.out(step)
		return w.store.SetClaims(ctx, tx, ids, claims)
	})
	if full {
		w.wake()
	}
	return err
}

func (w *Worker) dispatchSync(ctx context.Context) error {
	return pgx.BeginFunc(ctx, w.cfg.Pool, func(tx pgx.Tx) error {
		keys, err := w.store.DueStructures(ctx, tx, 64, w.jobs.Names())
		if err != nil || len(keys) == 0 {
			return err
		}
		params := make([]river.InsertManyParams, len(keys))
		for k, key := range keys {
			params[k] = jobs.InsertSync(key)
		}
		claims, err := w.insert(ctx, tx, params)
		if err != nil {
			return err
		}
		for k, key := range keys {
			if err := w.store.SetStructureClaim(ctx, tx, key, claims[k]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *Worker) dispatchRemedies(ctx context.Context) error {
	return pgx.BeginFunc(ctx, w.cfg.Pool, func(tx pgx.Tx) error {
		ids, err := w.store.DueRemedies(ctx, tx, 64, w.jobs.Names())
		if err != nil || len(ids) == 0 {
			return err
		}
		params := make([]river.InsertManyParams, len(ids))
		for k, id := range ids {
			params[k] = jobs.InsertRemedy(id)
		}
		claims, err := w.insert(ctx, tx, params)
		if err != nil {
			return err
		}
		for k, id := range ids {
			if err := w.store.SetRemedyClaim(ctx, tx, id, claims[k]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *Worker) dispatchDiscover(ctx context.Context) error {
	return pgx.BeginFunc(ctx, w.cfg.Pool, func(tx pgx.Tx) error {
		names, err := w.store.DueAccounts(ctx, tx, 2*w.cfg.Settings.SendWithin, w.jobs.Names())
		if err != nil || len(names) == 0 {
			return err
		}
		params := make([]river.InsertManyParams, len(names))
		for k, name := range names {
			params[k] = jobs.InsertDiscover(name)
		}
		_, err = w.insert(ctx, tx, params)
		return err
	})
}

// recipients has the recipients of invoices asked about, a few at a time.
func (w *Worker) recipients(ctx context.Context) error {
	return pgx.BeginFunc(ctx, w.cfg.Pool, func(tx pgx.Tx) error {
		keys, err := w.store.DueRecipients(ctx, tx, 8, jobs.RecipientHold, w.jobs.Names())
		if err != nil || len(keys) == 0 {
			return err
		}
		params := make([]river.InsertManyParams, len(keys))
		for k, key := range keys {
			params[k] = jobs.InsertRecipient(key)
		}
		_, err = w.insert(ctx, tx, params)
		return err
	})
}

// insert gives jobs to River and returns their numbers. River's own notification is left out now and then (it limits them per queue), hence ours.
func (w *Worker) insert(ctx context.Context, tx pgx.Tx, params []river.InsertManyParams) ([]int64, error) {
	var now time.Time
	err := tx.QueryRow(ctx, `SELECT now(), pg_notify('river.river_insert', json_build_object('queue', $1::text)::text)::text`, params[0].InsertOpts.Queue).Scan(&now, nil)
	if err != nil {
		return nil, err
	}
	results, err := w.river.InsertManyTx(context.WithValue(ctx, dueAt{}, now), tx, params)
	if err != nil {
		return nil, err
	}
	claims := make([]int64, len(results))
	for k, r := range results {
		claims[k] = r.Job.ID
	}
	return claims, nil
}

// dueAt is the key of the database's time in the context of an insert.
type dueAt struct{}

// dueByTheDatabase makes jobs due at once by the database's clock. River would take this machine's: were it ahead, nobody would fetch the job until then. (Nor
// may it be told as InsertOpts.ScheduledAt, because such jobs wait for River's scheduler, up to 5 s.)
func dueByTheDatabase(ctx context.Context, many []*rivertype.JobInsertParams, insert func(context.Context) ([]*rivertype.JobInsertResult, error)) ([]*rivertype.JobInsertResult, error) {
	now, known := ctx.Value(dueAt{}).(time.Time)
	for _, job := range many {
		if known {
			job.CreatedAt, job.ScheduledAt = &now, &now
		}
	}
	return insert(ctx)
}
