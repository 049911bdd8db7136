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

// The intervals, in units of a sixtieth of T_http: one second at the default, and shorter in a fault run like everything else.
const (
	firstProbe = 1
	mostProbe  = 60
	mostTrial  = 300
	patience   = 1 // how long a deposit waits at the breaker before its row is given back
)

// Pass lets one deposit through; its Leave must follow.
type Pass struct {
	b     *Breaker
	unit  time.Duration
	trial bool
}

// Enter asks to deposit. It waits for what is decided within a unit; a wait above zero in the answer means no: ask again then. A probe that could not be made
// for want of a permit says nothing.
func (b *Breaker) Enter(ctx context.Context, unit time.Duration, probe func(context.Context) error) (pass Pass, wait time.Duration) {
	for until := time.Now().Add(patience * unit); ; {
		pass, wait = b.enter(ctx, unit, probe)
		if wait == 0 || ctx.Err() != nil || time.Now().Add(wait).After(until) {
			return pass, wait
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func (b *Breaker) enter(ctx context.Context, unit time.Duration, probe func(context.Context) error) (Pass, time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	soon := unit / 50 // while another deposit is the trial, or another caller probes
	if b.open {
		now := time.Now()
		if b.probing || now.Before(b.next) {
			return Pass{}, max(soon, b.next.Sub(now))
		}
		b.probing = true
		b.mu.Unlock()
		err := probe(ctx)
		b.mu.Lock()
		b.probing = false
		if wait, ok := busy(err); ok {
			return Pass{}, max(soon, wait)
		}
		if err != nil {
			b.spacing = min(2*b.spacing, mostProbe*unit)
			b.next = time.Now().Add(b.spacing)
			return Pass{}, max(soon, b.next.Sub(now))
		}
		b.open, b.trial = false, true
	}
	if !b.trial {
		return Pass{b: b, unit: unit}, 0
	}
	if left := time.Until(b.next); b.inTrial || left > 0 {
		return Pass{}, max(soon, left)
	}
	b.inTrial = true
	return Pass{b: b, unit: unit, trial: true}, 0
}

// Verdict is what a deposit says about the portal.
type Verdict int

// The verdicts.
const (
	Silent  Verdict = iota // nothing was sent, or the answer speaks of the document alone
	Healthy                // the portal answered as it should
	Failing                // the portal, or the way to it, is the cause
)

// Leave tells how the deposit went, and answers whether that has opened the breaker.
func (p Pass) Leave(v Verdict) (opened bool) {
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
		b.spacing = min(max(2*b.spacing, firstProbe*p.unit), mostTrial*p.unit)
		b.next = now.Add(b.spacing)
		return true
	case v == Failing && !b.open:
		b.open, b.opened, b.spacing, b.next = true, now, firstProbe*p.unit/2, now // the first probe is made at once
		return true
	}
	return false
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
