package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// Loaded tells whether so many requests of the fleet are waiting for the budget, or it is held back, that what can wait should.
func (b *Budget) Loaded(ctx context.Context) (bool, error) {
	const slots = 3 // as many as a reading of a change feed queues behind
	var loaded bool
	err := b.store.pool.QueryRow(ctx, `
		SELECT greatest(tat, paused_until) > clock_timestamp() + make_interval(secs => every_us / 1e6 * $2) FROM chorus.budgets WHERE key = $1`, b.key, slots).Scan(&loaded)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return loaded, err
}
