package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

// Budget is the fleet's shared right to call: requests leave one after the other, evenly spaced, whichever process they come from. It is safe for
// concurrent use.
type Budget struct {
	store *Store
	key   string
	every time.Duration // between two requests
	daily int           // requests a day; 0 = no limit
	limit time.Duration // longest wait for a slot
}

// NewBudget returns the budget called key at so many requests per second and, unless daily is 0, a day. A wait longer than limit is refused with *Busy
// instead of being sat out.
func NewBudget(s *Store, key string, perSecond float64, daily int, limit time.Duration) *Budget {
	return &Budget{store: s, key: key, every: time.Duration(float64(time.Second) / perSecond), daily: daily, limit: limit}
}

// Lane orders what requests are made for by importance. A lane with more demand than there is room for is served after the ones before it, but never
// with less than a fifth of the pace (sync and report together).
type Lane int

// The lanes, the most important first.
const (
	LaneResolve Lane = iota + 1
	LaneSubmit
	LaneSync
	LaneReport
)

// Busy says that no request may leave for so long; nothing was reserved.
type Busy struct{ Wait time.Duration }

func (b *Busy) Error() string {
	return fmt.Sprintf("the request budget is spent for the next %s", b.Wait.Round(time.Millisecond))
}

// stale is how late a slot may still be used. A process that was starved for longer throws the slot away, so that it cannot fire several at once.
const stale = 100 * time.Millisecond

// Wait returns when the next request of the lane may leave. A slot that was reserved and not used is lost; the next one is one interval later.
func (b *Budget) Wait(ctx context.Context, lane Lane) error {
	began := time.Now()
	for {
		var granted *bool
		var delay *int64
		err := b.store.pool.QueryRow(ctx, `SELECT granted, delay_us FROM chorus.reserve($1, $2)`, b.key, int(lane)).Scan(&granted, &delay)
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
			// Others are before this lane. Those who wait for the same room do not all ask at the same moment.
			wait += time.Duration(rand.Int64N(int64(b.every) + 1)) //nolint:gosec // not for secrets
			if time.Since(began)+wait > b.limit {
				return &Busy{Wait: wait}
			}
			if err := pause(ctx, wait); err != nil {
				return err
			}
			continue
		}
		due := time.Now().Add(wait)
		if err := pause(ctx, wait); err != nil {
			return err
		}
		if time.Since(due) < stale {
			return nil
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Pause stops every request of the fleet for so long: the portal asked for it, with an answer 429. Since the pace is below what PISTE is said to grant,
// that also teaches a slower one, by a tenth, at most half as fast, which is unlearned minute by minute.
func (b *Budget) Pause(ctx context.Context, d time.Duration) error {
	if err := b.create(ctx, time.Second); err != nil {
		return err
	}
	_, err := b.store.pool.Exec(ctx, `
		UPDATE chorus.budgets
		SET paused_until = greatest(paused_until, clock_timestamp() + $2::interval),
		    learned_us = CASE WHEN learned_at > clock_timestamp() - interval '5 seconds' THEN learned_us
		                      ELSE least(greatest(every_us, learned_us) * 11 / 10, every_us * 2) END,
		    learned_at = CASE WHEN learned_at > clock_timestamp() - interval '5 seconds' THEN learned_at ELSE clock_timestamp() END
		WHERE key = $1`, b.key, later(d))
	return err
}

// create writes the budget's row when it is not there: at first, or after a crash of the server. After a crash the first slot is a second away, so
// that what had left just before it is over.
func (b *Budget) create(ctx context.Context, wait time.Duration) error {
	_, err := b.store.pool.Exec(ctx, `
		INSERT INTO chorus.budgets (key, every_us, tat, daily)
		VALUES ($1, $2, clock_timestamp() + $3::interval, $4)
		ON CONFLICT DO NOTHING`, b.key, b.every.Microseconds(), wait, b.daily)
	return err
}

// Set brings the stored pace to this process's settings.
func (b *Budget) Set(ctx context.Context) error {
	if err := b.create(ctx, 0); err != nil {
		return err
	}
	_, err := b.store.pool.Exec(ctx, `UPDATE chorus.budgets SET every_us = $2, daily = $3 WHERE key = $1 AND (every_us, daily) <> ($2, $3)`, b.key, b.every.Microseconds(), b.daily)
	return err
}
