package store

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Work is what the dispatcher gives out: the steps, and what follows.
type Work string

// What is given out beside the steps of invoices.
const (
	WorkComparisons     Work = "comparisons"
	WorkFeeds           Work = "feeds"
	WorkStructures      Work = "structures"
	WorkReconciliations Work = "reconciliations"
	WorkRemedies        Work = "remedies"
)

// Urgent and Patient are the kinds of work, by how soon they are given out.
var (
	Urgent  = []Work{Work(StepValidate), Work(StepSubmit)}
	Patient = []Work{WorkComparisons, WorkFeeds, WorkStructures, WorkReconciliations, WorkRemedies, Work(StepResolve), Work(StepReport), Work(StepHistory)}
)

const (
	now  = `(SELECT clock_timestamp())`
	free = `(claimed_until IS NULL OR claimed_until < clock_timestamp())`
)

// waiting says, for each kind of work, whether any may be due: all that its own query wants, but for what depends on accounts.
var waiting = func() map[Work]string {
	all := map[Work]string{
		WorkComparisons:     `chorus.accounts WHERE compare_since IS NOT NULL AND compare_next_at <= ` + now,
		WorkFeeds:           `chorus.structures WHERE next_sync_at <= ` + now + ` AND ` + free,
		WorkStructures:      `chorus.accounts WHERE next_at <= ` + now,
		WorkReconciliations: `chorus.reconciliations WHERE state IN ('requested', 'running') AND due_at <= ` + now + ` AND ` + free,
		WorkRemedies:        `chorus.remedies WHERE state NOT IN ('done', 'refused') AND due_at <= ` + now + ` AND ` + free,
	}
	for step, rule := range due {
		// By account, as the indexes are.
		all[Work(step)] = `chorus.accounts a CROSS JOIN LATERAL (
		    SELECT FROM chorus.invoices
		    WHERE ` + rule.where + ` AND account = a.name AND ` + rule.at + ` <= ` + now + ` AND ` + free + `
		    ORDER BY ` + rule.order + `
		    LIMIT 1
		) one`
	}
	return all
}()

// Waiting tells for which of these anything may be due. It has no parameters, so PostgreSQL plans it once in a session; what it saves are the transactions that would
// find nothing, each of which is planned anew.
func (s *Store) Waiting(ctx context.Context, kinds []Work) (map[Work]bool, error) {
	var sql strings.Builder
	for k, kind := range kinds {
		if k > 0 {
			sql.WriteString(` UNION ALL `)
		}
		sql.WriteString(`SELECT '` + string(kind) + `' WHERE EXISTS (SELECT FROM ` + waiting[kind] + `)`)
	}
	rows, err := s.pool.Query(ctx, sql.String())
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	found := map[Work]bool{}
	for _, name := range names {
		found[Work(name)] = true
	}
	return found, err
}
