package store

import (
	"context"
	"time"
)

const (
	// prompt is how long after its moment a request may leave without anybody being told before.
	prompt = 10 * time.Millisecond
	// grace is what a process takes that is slower: its request is counted at the end of it, until it has told when it left.
	grace = 250 * time.Millisecond
	// missed is after how long a moment is not made use of any more: a process that was stopped has several of them.
	missed = 250 * time.Millisecond
	// tellWithin is how long telling may take. What is told later than a second afterwards is of no use.
	tellWithin = time.Second
)

// Depart returns at the moment at which a request may leave whose turn it was, or *Busy. It is called when nothing is left to be done but writing the
// first byte, and left when that is written. In no second do more leave than the quota allows, however long some of them took from their turn to the
// portal's door: a request leaves when the database counts it or, where this process is slow, never later than the database has been told.
func (b *Budget) Depart(ctx context.Context) (left func(), err error) {
	if b.most == 0 {
		return func() {}, nil
	}
	for {
		counted, err := b.moment(ctx)
		if err != nil {
			return nil, err
		}
		if b.clock.since(counted) > prompt {
			if counted, err = b.announce(ctx, counted); err != nil {
				return nil, err
			}
			if b.clock.since(counted) > 0 {
				continue
			}
			if err := pause(ctx, -b.clock.since(counted)-grace); err != nil {
				return nil, err
			}
		}
		return func() {
			if late := b.clock.since(counted); late > prompt || late < -prompt {
				go b.correct(context.WithoutCancel(ctx), counted, late)
			}
		}, nil
	}
}

// moment asks for one and waits for it.
func (b *Budget) moment(ctx context.Context) (time.Time, error) {
	for {
		asked := time.Now()
		var at *time.Time
		var delay *int64
		if err := b.store.pool.QueryRow(ctx, `SELECT leaves_at, delay_us FROM chorus.depart($1)`, b.key).Scan(&at, &delay); err != nil {
			return time.Time{}, err
		}
		if delay == nil {
			if err := b.create(ctx, time.Second); err != nil {
				return time.Time{}, err
			}
			continue
		}
		answered, wait := time.Now(), time.Duration(*delay)*time.Microsecond
		if at == nil {
			return time.Time{}, &Busy{Wait: wait}
		}
		b.clock.learn(asked, answered, at.Add(-wait))
		if err := pause(ctx, b.clock.until(answered, *at)); err != nil {
			return time.Time{}, err
		}
		if b.clock.since(*at) <= missed+b.clock.width() {
			return *at, nil
		}
	}
}

// announce has a departure counted at the latest moment at which it will be, before it is, and returns that.
func (b *Budget) announce(ctx context.Context, at time.Time) (latest time.Time, err error) {
	asked, within := time.Now(), max(grace, 2*b.clock.width()) // a slow database tells late
	err = b.store.pool.QueryRow(ctx, `
		WITH latest AS MATERIALIZED (SELECT clock_timestamp() + $3::interval AS at)
		UPDATE chorus.budgets SET departures = ARRAY(SELECT d FROM unnest(array_replace(departures, $2::timestamptz, latest.at)) d ORDER BY d)
		FROM latest WHERE key = $1 RETURNING latest.at`, b.key, at, within).Scan(&latest)
	if err == nil {
		b.clock.learn(asked, time.Now(), latest.Add(-within))
	}
	return latest, err
}

// correct moves a departure to when it really was. What cannot be told any more stays as it is.
func (b *Budget) correct(ctx context.Context, at time.Time, late time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, tellWithin)
	defer cancel()
	_, _ = b.store.pool.Exec(ctx, `
		UPDATE chorus.budgets SET departures = ARRAY(SELECT d FROM unnest(array_replace(departures, $2::timestamptz, $2 + $3::interval)) d ORDER BY d)
		WHERE key = $1`, b.key, at, late)
}
