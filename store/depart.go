package store

import (
	"context"
	"time"
)

const (
	// prompt is how long after its departure a request may leave without anybody being told.
	prompt = 10 * time.Millisecond
	// missed is after how long a departure is not made use of any more: a process that was stopped has several of them.
	missed = 250 * time.Millisecond
	// tellWithin is how long telling may take. What is told later than a second afterwards is of no use.
	tellWithin = time.Second
)

// Depart returns at the moment at which a request may leave whose turn it was, or *Busy. It is called when nothing is left to be done but writing the
// first byte, and left when that is written: if it took long, it is counted from then on. So in no second do more arrive than the quota allows, however
// long some of them took from their turn to the portal's door.
func (b *Budget) Depart(ctx context.Context) (left func(), err error) {
	if b.most == 0 {
		return func() {}, nil
	}
	for {
		asked := time.Now()
		var at *time.Time
		var delay *int64
		if err := b.store.pool.QueryRow(ctx, `SELECT leaves_at, delay_us FROM chorus.depart($1)`, b.key).Scan(&at, &delay); err != nil {
			return nil, err
		}
		if delay == nil {
			if err := b.create(ctx, time.Second); err != nil {
				return nil, err
			}
			continue
		}
		answered, wait := time.Now(), time.Duration(*delay)*time.Microsecond
		if at == nil {
			return nil, &Busy{Wait: wait}
		}
		b.clock.learn(asked, answered, at.Add(-wait))
		if err := pause(ctx, b.clock.until(answered, *at)); err != nil {
			return nil, err
		}
		if b.clock.since(*at) > missed {
			continue
		}
		return func() {
			if late := b.clock.since(*at); late > prompt {
				go b.late(context.WithoutCancel(ctx), *at, late)
			}
		}, nil
	}
}

// late moves a departure to when it really was. What cannot be told is not: the next ones are a fiftieth of a second too early then, at the worst.
func (b *Budget) late(ctx context.Context, at time.Time, late time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, tellWithin)
	defer cancel()
	_, _ = b.store.pool.Exec(ctx, `
		UPDATE chorus.budgets SET departures = ARRAY(SELECT d FROM unnest(array_replace(departures, $2::timestamptz, $2 + $3::interval)) d ORDER BY d)
		WHERE key = $1`, b.key, at, later(late))
}
