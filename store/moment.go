package store

import (
	"sync"
	"time"
)

// clock tells where the database's clock stands, by this process's own, which nobody sets. Each answer that holds the database's time narrows it down: the
// time was read between question and answer, so that the quickest exchanges say most. It is safe for concurrent use.
type clock struct {
	mu    sync.Mutex
	began time.Time // of this process's clock
	lo    time.Time // what the database's clock showed then, at the earliest and at the latest
	hi    time.Time
	heard time.Duration // when, since began

	learned int // exchanges
}

// drift is how much the clocks may have moved apart since the last exchange, per second.
const drift = time.Millisecond

// learn takes in that the database's clock showed now between two moments of this process.
func (c *clock) learn(asked, answered, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.began.IsZero() {
		c.began = asked
	}
	c.learned++
	lo, hi := now.Add(-answered.Sub(c.began)), now.Add(-asked.Sub(c.began))
	slack := time.Duration((answered.Sub(c.began) - c.heard).Seconds() * float64(drift))
	c.heard = answered.Sub(c.began)
	if known := c.lo.Add(-slack); !c.lo.IsZero() && lo.Before(known) {
		lo = known
	}
	if known := c.hi.Add(slack); !c.hi.IsZero() && hi.After(known) {
		hi = known
	}
	if hi.Before(lo) { // one of them was set
		lo, hi = now.Add(-answered.Sub(c.began)), now.Add(-asked.Sub(c.began))
	}
	c.lo, c.hi = lo, hi
}

// until is how long it takes, at the longest, from a moment of this process until the database's clock shows at; negative when it has.
func (c *clock) until(from, at time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return at.Sub(c.lo) - from.Sub(c.began)
}

// since is how long ago, at the longest, the database's clock showed at.
func (c *clock) since(at time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.began) - at.Sub(c.hi)
}

// width is how little is known: as much as the quickest exchange took. One exchange alone may have been slow for a reason that has passed, and tells nothing.
func (c *clock) width() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.learned < 2 {
		return 0
	}
	return c.hi.Sub(c.lo)
}
