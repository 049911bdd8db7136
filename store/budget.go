package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Budget is the fleet's shared right to call: requests leave one after the other, evenly spaced, whichever process they come from. It is safe for
// concurrent use.
type Budget struct {
	store *Store
	key   string
	every time.Duration // between two requests
	limit time.Duration // longest wait for a slot
}

// NewBudget returns the budget called key at so many requests per second. Wait longer than limit is refused with *Busy instead of being sat out.
func NewBudget(s *Store, key string, perSecond float64, limit time.Duration) *Budget {
	return &Budget{store: s, key: key, every: time.Duration(float64(time.Second) / perSecond), limit: limit}
}

// Busy says that no request may leave for so long; nothing was reserved.
type Busy struct{ Wait time.Duration }

func (b *Busy) Error() string {
	return fmt.Sprintf("the request budget is spent for the next %s", b.Wait.Round(time.Millisecond))
}

// stale is how late a slot may still be used. A process that was starved for longer throws the slot away, so that it cannot fire several at once.
const stale = 100 * time.Millisecond

// Wait returns when the next request may leave. A slot that was reserved and not used is lost; the next one is one interval later.
func (b *Budget) Wait(ctx context.Context) error {
	for {
		var granted *bool
		var delay *int64
		err := b.store.pool.QueryRow(ctx, `SELECT granted, delay_us FROM chorus.reserve($1, $2)`, b.key, b.limit.Microseconds()).Scan(&granted, &delay)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if granted == nil {
			if err := b.create(ctx, time.Second); err != nil {
				return err
			}
			continue
		}
		wait := time.Duration(*delay) * time.Microsecond
		if !*granted {
			return &Busy{Wait: wait}
		}
		due := time.Now().Add(wait)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		if time.Since(due) < stale {
			return nil
		}
	}
}

// Pause stops every request of the fleet for so long: the portal asked for it.
func (b *Budget) Pause(ctx context.Context, d time.Duration) error {
	if err := b.create(ctx, time.Second); err != nil {
		return err
	}
	_, err := b.store.pool.Exec(ctx, `
		UPDATE chorus.budgets SET paused_until = greatest(paused_until, clock_timestamp() + $2::interval) WHERE key = $1`, b.key, later(d))
	return err
}

// create writes the budget's row when it is not there: at first, or after a crash of the server. After a crash the first slot is a second away, so
// that what had left just before it is over.
func (b *Budget) create(ctx context.Context, wait time.Duration) error {
	_, err := b.store.pool.Exec(ctx, `
		INSERT INTO chorus.budgets (key, every_us, tat)
		VALUES ($1, $2, clock_timestamp() + $3::interval)
		ON CONFLICT DO NOTHING`, b.key, b.every.Microseconds(), wait)
	return err
}

// Set brings the stored pace to this process's settings.
func (b *Budget) Set(ctx context.Context) error {
	if err := b.create(ctx, 0); err != nil {
		return err
	}
	_, err := b.store.pool.Exec(ctx, `UPDATE chorus.budgets SET every_us = $2 WHERE key = $1 AND every_us <> $2`, b.key, b.every.Microseconds())
	return err
}
