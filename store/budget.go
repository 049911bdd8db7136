package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// Budget is the fleet's shared right to call: requests leave one after the other, evenly spaced, whichever process they come from. It is safe for
// concurrent use.
type Budget struct {
	store *Store
	key   string
	every time.Duration // between two requests
	most  int           // requests in as many intervals, counted as they leave; 0 = not counted
	daily int           // requests a day; 0 = no limit
	limit time.Duration // longest wait for a slot
	clock clock         // of the database
	lines [LaneReport + 1]line
}

// line is the callers of one lane in this process. One of them asks, for itself and, where the pace is high, for those who wait behind it: were all to ask
// for what only one of them can get, the database would have more to do with that than with everything else.
type line struct {
	ask     chan struct{}  // holds one value while somebody asks
	given   chan time.Time // slots that were reserved for the others
	waiting atomic.Int32   // the one who asks included
}

// mostAtOnce bounds how many slots are asked for at once, and atOnce how long they may last: others wait behind them.
const (
	mostAtOnce = 16
	atOnce     = 50 * time.Millisecond
)

// Pace is the share of the quota that is spent. What is left of a second is for requests that take longer on their way than others.
const Pace = 0.95

// mostCounted is the largest quota whose requests are counted one by one as they leave. Above it a late one more or less is lost in what Pace leaves.
const mostCounted = 200

// NewBudget returns the budget called key of an application that is granted quota requests per second and, unless daily is 0, so many a day. A wait longer than limit is
// refused with *Busy instead of being sat out.
func NewBudget(s *Store, key string, quota float64, daily int, limit time.Duration) *Budget {
	b := &Budget{store: s, key: key, every: time.Duration(float64(time.Second) / (quota * Pace)), daily: daily, limit: limit}
	if quota <= mostCounted {
		b.most = max(1, int(quota))
	}
	for lane := range b.lines {
		b.lines[lane].ask, b.lines[lane].given = make(chan struct{}, 1), make(chan time.Time, mostAtOnce)
	}
	return b
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

// A slot that comes to a process later than this is thrown away, so that one that was starved cannot use several at once. Where departures are counted,
// only a pile of slots does harm: it would keep the others waiting at the door.
const (
	stale        = 100 * time.Millisecond
	staleCounted = 500 * time.Millisecond
)

func (b *Budget) stale() time.Duration {
	if b.most > 0 {
		return staleCounted
	}
	return stale
}

// Wait returns when it is the turn of a request of the lane; what is still to be done before it leaves is done then, and Depart called. A slot that was
// reserved and not used is lost; the next one is one interval later.
func (b *Budget) Wait(ctx context.Context, lane Lane) error {
	began := time.Now()
	for {
		due, err := b.reserve(ctx, lane, began)
		if err != nil {
			return err
		}
		if err := pause(ctx, time.Until(due)); err != nil {
			return err
		}
		if time.Since(due) < b.stale() {
			return nil
		}
	}
}

// reserve returns when the lane's next slot is.
func (b *Budget) reserve(ctx context.Context, lane Lane, began time.Time) (due time.Time, err error) {
	l := &b.lines[lane]
	l.waiting.Add(1)
	defer l.waiting.Add(-1)
	waited := time.NewTimer(time.Until(began.Add(b.limit)))
	defer waited.Stop()
	select {
	case due = <-l.given:
		return due, nil
	case l.ask <- struct{}{}:
		defer func() { <-l.ask }()
	case <-waited.C:
		return due, &Busy{Wait: b.every}
	case <-ctx.Done():
		return due, ctx.Err()
	}
	for refused := false; ; refused = true {
		n := min(max(1, int(atOnce/b.every)), int(l.waiting.Load()), mostAtOnce)
		var granted *bool
		var delay, every *int64
		err := b.store.pool.QueryRow(ctx, `SELECT granted, delay_us, every_us FROM chorus.reserve($1, $2, $3)`, b.key, int(lane), n).
			Scan(&granted, &delay, &every)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return due, err
		}
		if granted == nil {
			if err := b.create(ctx, time.Second); err != nil {
				return due, err
			}
			continue
		}
		wait := time.Duration(*delay) * time.Microsecond
		if !*granted {
			// Others are before this lane. Those who wait for the same room do not all ask at the same moment, and no more often than it takes for the lane to get
			// its share.
			if wait < time.Second {
				wait = max(min(wait, 2*b.every), shortestWait)
				if refused {
					wait = max(wait, 4*b.every)
				}
			}
			wait += time.Duration(rand.Int64N(int64(b.every) + 1)) //nolint:gosec // not for secrets
			if time.Since(began)+wait > b.limit {
				return due, &Busy{Wait: wait}
			}
			if err := pause(ctx, wait); err != nil {
				return due, err
			}
			continue
		}
		due = time.Now().Add(wait)
		for k := 1; k < n; k++ {
			select {
			case l.given <- due.Add(time.Duration(k) * time.Duration(*every) * time.Microsecond):
			default: // whoever waited is gone
			}
		}
		return due, nil
	}
}

// shortestWait is how long a lane that was refused waits at least: at a high pace there is always more than one slot to be had by then.
const shortestWait = 2 * time.Millisecond

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

// create writes the budget's row when it is not there: at first, or after a crash of the server. After a crash, which a fleet that has worked before
// must take for the reason, nothing leaves for a second, so that what had left just before it is over.
func (b *Budget) create(ctx context.Context, wait time.Duration) error {
	_, err := b.store.pool.Exec(ctx, `
		WITH opening AS (
			SELECT clock_timestamp() + CASE WHEN EXISTS (SELECT FROM chorus.accounts WHERE accepted IS NOT NULL) THEN '1 second' ELSE $3::interval END AS at
		)
		INSERT INTO chorus.budgets (key, every_us, tat, daily, most, departures)
		SELECT $1, $2, at, $4, $5::integer, array_fill(at - interval '1 second', ARRAY[$5::integer]) FROM opening
		ON CONFLICT DO NOTHING`, b.key, b.every.Microseconds(), wait, b.daily, b.most)
	return err
}

// Open writes the budget's row when it is not there. Which pace it has, of those that workers are configured with, is Heed's.
func (b *Budget) Open(ctx context.Context) error { return b.create(ctx, 0) }

// Pace names this process's settings for Heed.
func (b *Budget) Pace() string {
	return fmt.Sprintf("%s %d %d %d", b.key, b.every.Microseconds(), b.most, b.daily)
}
