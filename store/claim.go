package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Step is what is done next for a row; each is one kind of job.
type Step string

// The steps of an invoice's way.
const (
	StepValidate Step = "validate"
	StepSubmit   Step = "submit"
	StepResolve  Step = "resolve"
	StepReport   Step = "report"
	StepHistory  Step = "history" // read the reason of a statut that came without
)

// How a row is claimed. Dispatched, its claim is the number of the job that was created for it, with no end. The job takes it over (Take) for a lease.
// Whoever then finds another claim than its own goes away, so a job that runs twice, or late, does nothing. What a crash or a lost job leaves claimed
// comes back by the end of its lease, or by Sweep.

// due holds, for each step, which rows it may take, from when on, in which order, and how many of an account at once ($1 is as many as the step has). An
// index in the schema serves each. first is what a row must be while there are others.
var due = map[Step]struct{ where, at, order, room, first string }{
	StepValidate: {`state = 'received'`, `due_at`, `priority DESC, id`, `$1`, `true`},
	StepSubmit:   {ready, `due_at`, `priority DESC, id`, weather, untried},
	StepResolve:  {`state = 'in_doubt'`, `due_at`, `due_at`, reads, `true`},
	StepReport:   {`state = 'deposited'`, `due_at`, `due_at`, reads, `true`},
	StepHistory:  {`reason_due_at IS NOT NULL`, `reason_due_at`, `reason_due_at`, reads, `true`},
}

const (
	reads = `CASE WHEN acc.paused_at IS NULL AND chorus.reachable(acc.name) THEN $1 ELSE 0 END`

	ready = `state = 'ready' AND cancel_requested_at IS NULL`

	// A deposit on trial meets the outage, likely as not. It is one that was never sent: one that an outage has lost twice waits for a person (BUDGET).
	untried = `(attempt_no = 0
	    OR NOT EXISTS (SELECT FROM chorus.breakers b WHERE b.key = ANY (acc.behind) AND b.state = 'trial')
	    OR NOT EXISTS (
	        SELECT
	        FROM chorus.invoices u
	        WHERE u.state = 'ready' AND u.cancel_requested_at IS NULL AND u.account = a.name AND u.attempt_no = 0 AND u.due_at <= clock_timestamp()
	    ))`

	// As many deposits as the account's breakers let through; T1 asks them again.
	weather = `CASE WHEN acc.paused_at IS NULL AND acc.compare_since IS NULL AND NOT EXISTS (SELECT FROM chorus.able WHERE account = acc.name AND ` + unable + `) AND chorus.reachable(acc.name) THEN (
	               SELECT coalesce(min(CASE
	                   WHEN b.state = 'trial' THEN (b.trial_at <= clock_timestamp())::int
	                   WHEN b.ramp IS NOT NULL THEN greatest(0, b.ramp - (SELECT count(*) FROM chorus.slots WHERE attempt_id IS NOT NULL))
	               END), $1)
	               FROM chorus.breakers b
	               WHERE b.key = ANY (acc.behind)
	           ) ELSE 0 END`
)

// Due locks up to limit rows of these accounts that are due for step, within tx, and returns their numbers. Rows of that step which are claimed
// already count against limit, so that it bounds the work in flight over the whole fleet; while they are more than half of it there are none, because
// fetching a backlog in twos and threes costs as much as fetching it in hundreds. Paused accounts, and those whose portal is not to be
// asked anything, keep all rows but the ones to be read: reading a document asks the portal nothing. Several processes may call it at once;
// they get different rows. Accounts take turns by their weights (turns), counting what each has out already, so that one's hundred thousand rows do not
// delay another's ten.
func (s *Store) Due(ctx context.Context, tx pgx.Tx, step Step, limit int, turns map[string]float64) ([]int64, error) {
	rule := due[step]
	names, weights := make([]string, 0, len(turns)), make([]float64, 0, len(turns))
	for name, weight := range turns {
		names, weights = append(names, name), append(weights, weight)
	}
	// A bitmap scan reads, and sorts, the whole backlog for a handful of rows, and never forgets the index entries of rows that have moved on. A plain
	// one walks the index in the order wanted and marks what is dead: measured on 5,000 rows, a tenth of the pages.
	if _, err := tx.Exec(ctx, `SET LOCAL enable_bitmapscan = off`); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `
		WITH busy AS (
		    SELECT account, count(*) AS n
		    FROM chorus.invoices
		    WHERE `+rule.where+` AND claim IS NOT NULL AND claimed_until > (SELECT clock_timestamp())
		    GROUP BY account
		), free AS (
		    SELECT CASE WHEN 2 * coalesce(sum(n), 0) > $1 THEN 0 ELSE $1 - coalesce(sum(n), 0) END AS n
		    FROM busy
		)
		SELECT id
		FROM (
		    SELECT x.id, (coalesce(busy.n, 0) + row_number() OVER (PARTITION BY a.name ORDER BY x.rank)) / a.weight AS turn
		    FROM unnest($2::text[], $3::float8[]) AS a (name, weight)
		    JOIN chorus.accounts acc ON acc.name = a.name
		    LEFT JOIN busy ON busy.account = a.name
		    CROSS JOIN LATERAL (SELECT `+rule.room+` AS n) room
		    CROSS JOIN LATERAL (
		        SELECT id, row_number() OVER () AS rank
		        FROM (
		            SELECT id
		            FROM chorus.invoices
		            WHERE `+rule.where+`
		              AND account = a.name
		              AND `+rule.at+` <= (SELECT clock_timestamp())
		              AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
		              AND `+rule.first+`
		            ORDER BY `+rule.order+`
		            LIMIT (SELECT least(free.n, room.n) FROM free)
		            FOR UPDATE SKIP LOCKED
		        ) l
		    ) x
		) y
		ORDER BY turn, id
		LIMIT (SELECT n FROM free)`, limit, names, weights)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// SetClaims marks rows that Due locked as given to jobs, one number for each. A received row whose last job took it over, and neither ended nor gave it
// back within its lease, has seen a death: its reading may have been the cause.
func (s *Store) SetClaims(ctx context.Context, tx pgx.Tx, ids, jobs []int64) error {
	_, err := tx.Exec(ctx, `
		UPDATE chorus.invoices i
		SET claim = c.job, claimed_until = 'infinity',
		    deaths = deaths + CASE WHEN state = 'received' AND claimed_until < clock_timestamp() THEN 1 ELSE 0 END
		FROM unnest($1::bigint[], $2::bigint[]) AS c (id, job)
		WHERE i.id = c.id`, ids, jobs)
	return err
}

// notTaken is how long a job that River counts as running may take to take its row over; normally milliseconds.
const notTaken = 10 * time.Second

// Sweep gives back the rows whose job is gone before it took them over: deleted, cancelled, finished without doing its work, or fetched by a process that
// died. It looks River's jobs up by number. This is what makes the table river_job disposable. A row that another session has locked is left for the next
// time.
func (s *Store) Sweep(ctx context.Context) (int64, error) {
	const lost = `
		NOT EXISTS (
		    SELECT
		    FROM river.river_job j
		    WHERE j.id = claim
		      AND (j.state IN ('available', 'scheduled', 'retryable', 'pending')
		           OR j.state = 'running' AND j.attempted_at > clock_timestamp() - $1::interval)
		)`
	var n int64
	for _, table := range []string{"invoices", "structures", "remedies", "webhooks", "reconciliations"} {
		tag, err := s.pool.Exec(ctx, `
			UPDATE chorus.`+table+`
			SET claim = NULL, claimed_until = NULL
			WHERE ctid = ANY (ARRAY(
			    SELECT ctid FROM chorus.`+table+` WHERE claim IS NOT NULL AND claimed_until = 'infinity' AND `+lost+` FOR NO KEY UPDATE SKIP LOCKED
			))`, notTaken)
		if err != nil {
			return n, err
		}
		n += tag.RowsAffected()
	}
	return n, nil
}

// JobsWaiting is for how long the oldest job that River could fetch has waited, by queue.
func (s *Store) JobsWaiting(ctx context.Context) (map[string]time.Duration, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT queue, extract(epoch FROM clock_timestamp() - min(scheduled_at))::float8
		FROM river.river_job
		WHERE state = 'available'
		GROUP BY queue`)
	if err != nil {
		return nil, err
	}
	waiting := map[string]time.Duration{}
	var queue string
	var age float64
	_, err = pgx.ForEachRow(rows, []any{&queue, &age}, func() error {
		waiting[queue] = seconds(age)
		return nil
	})
	return waiting, err
}

// ResumeQueues ends the pauses of River's queues, and names those that it has resumed. One that somebody has locked is resumed later.
func (s *Store) ResumeQueues(ctx context.Context) ([]string, error) {
	rows, err := s.pool.Query(ctx, `
		UPDATE river.river_queue
		SET paused_at = NULL, updated_at = clock_timestamp()
		WHERE name IN (SELECT name FROM river.river_queue WHERE paused_at IS NOT NULL FOR UPDATE SKIP LOCKED)
		RETURNING name`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// StructureKey names one supplier structure of an account.
type StructureKey struct {
	Account string
	ID      int64
}

// DueStructures locks the structures whose change feed is due, within tx.
func (s *Store) DueStructures(ctx context.Context, tx pgx.Tx, limit int, accounts []string) ([]StructureKey, error) {
	rows, err := tx.Query(ctx, `
		SELECT account, id_structure_cpp
		FROM chorus.structures
		WHERE next_sync_at <= clock_timestamp()
		  AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
		  AND account IN (SELECT name FROM chorus.accounts WHERE name = ANY ($2) AND paused_at IS NULL AND chorus.reachable(name))
		ORDER BY next_sync_at
		LIMIT $1
		FOR UPDATE SKIP LOCKED`, limit, accounts)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[StructureKey])
}

// SetStructureClaim marks a structure that DueStructures locked as given to a job.
func (s *Store) SetStructureClaim(ctx context.Context, tx pgx.Tx, key StructureKey, job int64) error {
	_, err := tx.Exec(ctx, `
		UPDATE chorus.structures SET claim = $3, claimed_until = 'infinity' WHERE account = $1 AND id_structure_cpp = $2`, key.Account, key.ID, job)
	return err
}

// DueAccounts takes the accounts whose supplier structures are due to be asked for, within tx; each is due again after lease, unless its job says
// otherwise before (Structures, Ask): a job that is lost delays it by no more.
func (s *Store) DueAccounts(ctx context.Context, tx pgx.Tx, lease time.Duration, accounts []string) ([]string, error) {
	rows, err := tx.Query(ctx, `
		UPDATE chorus.accounts
		SET next_at = clock_timestamp() + $1::interval
		WHERE name IN (
		    SELECT name FROM chorus.accounts WHERE next_at <= clock_timestamp() AND name = ANY ($2) AND paused_at IS NULL AND chorus.reachable(name) FOR UPDATE SKIP LOCKED
		)
		RETURNING name`, lease, accounts)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// CancelRequested cancels the rows whose cancellation was asked for while a deposit was in the air that turned out not to have left. A row that another
// session has locked is left for the next time.
func (s *Store) CancelRequested(ctx context.Context) error {
	const most = 1000 // in one transaction; the others are next
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.invoices
		SET state = 'cancelled'
		WHERE id = ANY (ARRAY(SELECT id FROM chorus.invoices WHERE state = 'ready' AND cancel_requested_at IS NOT NULL LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED))`, most)
	return err
}
