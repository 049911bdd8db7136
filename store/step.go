package store

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Proofs of absence rest on ages, and ages on the database's clock. Somebody may set that: forward, and what landed a minute ago seems to be hours old. So a
// worker holds it against its own clock, which nobody can set, at each comparison and at each reading of ages that a proof rests on (docs/protocol.md §3.1).

const (
	stepFrom = 5 * time.Second // a clock that differs by more than this, and by more than drift, was set
	wrong    = time.Minute     // by more than this may it differ from this machine's wall clock at a start
)

// steps notices that the database's clock was set. It is safe for concurrent use.
type steps struct {
	said func(by time.Duration) // told of each step that was written down

	writing sync.Mutex // one step is written down once
	mu      sync.Mutex
	began   time.Time     // of this process's clock; zero: nothing was heard yet
	lo, hi  time.Duration // how far the database's clock is from this process's, at least and at most
	heard   time.Duration // when it was narrowed down last, since began
}

// told takes in that the database's clock showed now between two moments of this process. It returns by how much it was set since, at least; 0: it was not. What
// it returns is believed only after settle.
func (c *steps) told(asked, answered, now time.Time) (by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.began.IsZero() {
		c.settled(asked, answered, now)
		return 0
	}
	lo, hi := now.Sub(c.began.Round(0))-answered.Sub(c.began), now.Sub(c.began.Round(0))-asked.Sub(c.began)
	slack := time.Duration((answered.Sub(c.began) - c.heard).Seconds() * float64(drift))
	switch {
	case lo > c.hi+slack+stepFrom:
		return lo - c.hi
	case hi < c.lo-slack-stepFrom:
		return hi - c.lo
	}
	// Narrowed down by what is told beside it; a drift of more than that adds up to a step.
	if lo, hi := max(lo, c.lo-slack), min(hi, c.hi+slack); lo <= hi {
		c.lo, c.hi, c.heard = lo, hi, answered.Sub(c.began)
	}
	return 0
}

func (c *steps) settled(asked, answered, now time.Time) {
	if c.began.IsZero() {
		c.began = asked
	}
	c.lo, c.hi = now.Sub(c.began.Round(0))-answered.Sub(c.began), now.Sub(c.began.Round(0))-asked.Sub(c.began)
	c.heard = answered.Sub(c.began)
}

// WatchClock has this store notice from now on that the database's clock was set, and write it down; told is called after each time. At the start it holds it against
// the heartbeats, none of which can be to come, and against this machine's wall clock: ages count anew where they differ by more than a minute. A difference that stays is
// written down once.
func (s *Store) WatchClock(ctx context.Context, told func(by time.Duration)) error {
	var now time.Time
	var ahead float64
	var known *float64
	asked := time.Now()
	err := s.pool.QueryRow(ctx, `
		SELECT clock_timestamp(), coalesce(extract(epoch FROM max(beat_at) - clock_timestamp()), 0)::float8, (SELECT clock_differs FROM chorus.installation)
		FROM chorus.heartbeats`).Scan(&now, &ahead, &known)
	if err != nil {
		return err
	}
	answered := time.Now()
	w := &steps{said: told}
	w.settled(asked, answered, now)
	var by, back time.Duration
	var differs *float64
	bound := wrong + answered.Sub(asked)
	switch off := now.Sub(asked.Add(answered.Sub(asked) / 2).Round(0)); {
	case seconds(ahead) > stepFrom:
		by, back = -seconds(ahead), -seconds(ahead)
	case off.Abs() > bound && (known == nil || (off-seconds(*known)).Abs() > bound):
		by = off // which of the two is wrong, nobody knows: nothing is pulled back
		f := off.Seconds()
		differs = &f
	case off.Abs() <= bound && known != nil: // one that comes again is another one, unless it is another machine's
		if err := s.agrees(ctx); err != nil {
			return err
		}
	}
	if by != 0 {
		if err := s.writeStep(ctx, back, differs); err != nil {
			return err
		}
		told(by)
	}
	s.steps = w
	return nil
}

// held tells whether the clock went on as it should until it showed now, between two moments of this process. If not, that is written down, and ages must be read
// anew.
func (s *Store) clockHeld(ctx context.Context, asked, answered, now time.Time) (bool, error) {
	w := s.steps
	if w == nil || w.told(asked, answered, now) == 0 {
		return true, nil
	}
	w.writing.Lock()
	defer w.writing.Unlock()
	by := w.told(asked, answered, now)
	if by == 0 { // another reading has told of it meanwhile
		return false, nil
	}
	if err := s.writeStep(ctx, by, nil); err != nil {
		return false, err
	}
	w.mu.Lock()
	w.settled(asked, answered, now)
	w.mu.Unlock()
	w.said(by)
	return false, nil
}

// ClockHolds looks at the database's clock once more, and tells whether it went on as it should until now. If not, ages that were read before are void.
func (s *Store) ClockHolds(ctx context.Context) (bool, error) {
	var now time.Time
	asked := time.Now()
	if err := s.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		return false, err
	}
	return s.clockHeld(ctx, asked, time.Now(), now)
}

// agrees forgets the difference of a machine's clock, when no other worker is alive, whose machine that may be.
func (s *Store) agrees(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.installation SET clock_differs = NULL
		WHERE NOT EXISTS (SELECT FROM chorus.heartbeats WHERE NOT stopped AND beat_at > clock_timestamp() - $1::interval)`, alive)
	return err
}

func (s *Store) writeStep(ctx context.Context, by time.Duration, differs *float64) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := allow(ctx, tx, quarantineWithin); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `SELECT chorus.clock_stepped($1, $2)`, by.Seconds(), differs)
		return err
	})
}
