package jobs

import (
	"context"
	"sync"
	"time"
)

// Breaker keeps deposits from a portal that fails: every deposit into an outage is one more invoice in doubt. It opens at the first failure. While it is
// open, one caller at a time may probe, with the health check and never with a deposit, at growing intervals. If deposits fail although the probe is
// healthy, one deposit at a time is let through, less and less often. The zero value is closed. It is safe for concurrent use.
type Breaker struct {
	mu      sync.Mutex
	open    bool
	trial   bool          // closed by a probe, not by a deposit yet: one at a time
	inTrial bool          // that one is under way
	next    time.Time     // when the next probe or trial may be made
	spacing time.Duration // between probes, or trials
	opened  time.Time     // last
	probing bool
}

const (
	firstProbe   = time.Second
	mostProbe    = time.Minute
	mostTrial    = 5 * time.Minute
	idleInterval = 250 * time.Millisecond // how long a deposit waits while another one is the trial
)

// Pass lets one deposit through; its Leave must follow.
type Pass struct {
	b     *Breaker
	trial bool
}

// Enter asks to deposit. A wait above zero means no: ask again then.
func (b *Breaker) Enter(ctx context.Context, probe func(context.Context) error) (pass Pass, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open {
		now := time.Now()
		if b.probing || now.Before(b.next) {
			return Pass{}, max(idleInterval, b.next.Sub(now))
		}
		b.probing = true
		b.mu.Unlock()
		err := probe(ctx)
		b.mu.Lock()
		b.probing = false
		if err != nil {
			b.next = time.Now().Add(b.spacing)
			b.spacing = min(2*b.spacing, mostProbe)
			return Pass{}, b.next.Sub(now)
		}
		b.open, b.trial = false, true
	}
	if !b.trial {
		return Pass{b: b}, 0
	}
	if left := time.Until(b.next); b.inTrial || left > 0 {
		return Pass{}, max(idleInterval, left)
	}
	b.inTrial = true
	return Pass{b: b, trial: true}, 0
}

// Verdict is what a deposit says about the portal.
type Verdict int

// The verdicts.
const (
	Silent  Verdict = iota // nothing was sent, or the answer speaks of the document alone
	Healthy                // the portal answered as it should
	Failing                // the portal, or the way to it, is the cause
)

// Leave tells how the deposit went.
func (p Pass) Leave(v Verdict) {
	b := p.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.trial {
		b.inTrial = false
	}
	now := time.Now()
	switch {
	case v == Healthy && (p.trial || !b.open):
		b.trial, b.open, b.spacing, b.next = false, false, 0, time.Time{}
	case v == Failing && p.trial: // the probe was healthy and the deposit was not
		b.open, b.opened = true, now
		b.spacing = min(max(2*b.spacing, firstProbe), mostTrial)
		b.next = now.Add(b.spacing)
	case v == Failing && !b.open:
		b.open, b.opened, b.spacing, b.next = true, now, firstProbe, now // the first probe is made at once
	}
}

// Answered tells that the portal has just answered a search: as good as a probe.
func (b *Breaker) Answered() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open {
		b.open, b.trial = false, true
	}
}

// Calm is how long the portal has not failed a deposit of this process.
func (b *Breaker) Calm() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.opened.IsZero() {
		return 1 << 62
	}
	if b.open {
		return 0
	}
	return time.Since(b.opened)
}

// Open tells whether deposits are held back.
func (b *Breaker) Open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open
}
