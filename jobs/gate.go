package jobs

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// Gate stands before every request made with one technical account and one password of it, because some refusals in a row lock the account
// (docs/chorus-pro.md §3.6). A password that has not been accepted yet is tried by one health check, by one process of the fleet, and nothing else is
// asked with it; one that was refused is not used again by anybody, which the account's row tells all processes. In between, at most two requests are
// under way of which no refusal can have come back yet. It is safe for concurrent use; create one with NewGate.
type Gate struct {
	account string
	hash    []byte // of the password, see store.Standing
	store   *store.Store
	log     *slog.Logger
	probe   func(context.Context) error
	accept  func() // called after the first success
	fresh   chan struct{}
	guard   time.Duration
	unit    time.Duration // of the waits between probes, see Settings.Unit

	mu      sync.Mutex
	state   gateState
	unsaid  bool // the refusal is not in the database yet
	probing bool
	doubted bool          // a refusal did not say what it refused: only a probe of this process's own will do
	next    time.Time     // when the next probe may be made
	spacing time.Duration // between probes that show nothing
}

type gateState int

const (
	untried gateState = iota
	accepted
	refused
	retired // replaced by another password, or not configured any more
)

const (
	mostFresh  = 2
	mostProbe  = 60 // units between two probes
	saveWithin = 5 * time.Second
)

// NewGate makes the gate of an account whose password has this hash. probe makes one health check, past the gate. guard is how long a request counts as
// one that may still be refused: the gateway refuses at once, Chorus Pro may take its time; two requests per guard must not be fewer than the quota. Probes
// that show nothing are 1, 2, 4 … 60 units apart.
func NewGate(s *store.Store, account string, hash []byte, guard, unit time.Duration, log *slog.Logger, probe func(context.Context) error, accept func()) *Gate {
	return &Gate{
		account: account, hash: hash, store: s, log: log, probe: probe, accept: accept,
		fresh: make(chan struct{}, mostFresh), guard: guard, unit: unit,
	}
}

// lease is how long a probe may take, the wait for a token and a permit included; if its process dies, another one may try afterwards.
func (g *Gate) lease() time.Duration { return max(40*g.unit, 2*time.Second) }

// Held says that the account is not to be used for a while; nothing was sent.
type Held struct{ Wait time.Duration }

func (h *Held) Error() string { return "the technical account is paused, refused, or not tried yet" }

// heldFor is when to ask a closed gate again.
const heldFor = time.Second

// Open tells whether this process may use the account as far as it knows.
func (g *Gate) Open() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state == accepted
}

// Hash names the password.
func (g *Gate) Hash() []byte { return g.hash }

// Retire closes the gate for ever. What has passed it goes on.
func (g *Gate) Retire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state = retired
}

// Enter lets one request pass; it is what chorus.Config.Gate asks for. The database is asked last, so that a refusal that another process has met stops
// this one at its next request.
func (g *Gate) Enter(ctx context.Context) (leave func(chorus.Fault, bool), err error) {
	full := time.NewTimer(heldFor)
	defer full.Stop()
	select {
	case g.fresh <- struct{}{}:
	case <-full.C:
		return nil, &Held{Wait: heldFor}
	case <-ctx.Done():
		return nil, &Held{Wait: heldFor}
	}
	ctx, cancel := context.WithTimeout(ctx, saveWithin) // a database far away takes a second
	defer cancel()
	release := sync.OnceFunc(func() { <-g.fresh })
	ok := g.Open()
	if ok {
		ok, err = g.store.MayUse(ctx, g.account, g.hash)
	}
	if !ok || err != nil || !g.Open() {
		release()
		return nil, errors.Join(&Held{Wait: heldFor}, err)
	}
	timer := time.AfterFunc(g.guard, release)
	return func(fault chorus.Fault, unclear bool) {
		timer.Stop()
		switch {
		case fault == chorus.FaultAccount:
			g.refuse(ctx)
		case unclear: // it may be the account: try before anything else is asked
			g.doubt()
		}
		release()
	}, nil
}

// refuse closes the gate here, and then for the whole fleet.
func (g *Gate) refuse(ctx context.Context) {
	g.mu.Lock()
	inUse := g.state != retired
	first := inUse && g.state != refused
	if inUse {
		g.state, g.unsaid = refused, true
	}
	g.mu.Unlock()
	if first {
		g.log.Error("the technical account was refused: its invoices wait until it has another password, or for `choriste resume`", "account", g.account)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveWithin)
	defer cancel()
	if err := g.store.Refuse(ctx, g.account, g.hash, inUse); err != nil {
		g.log.Warn("the refusal of an account could not be written yet", "account", g.account, "error", store.Message(err))
		return // Keep tries again
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.unsaid = false
}

func (g *Gate) doubt() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state == accepted {
		g.state, g.doubted = untried, true
	}
}

// Keep brings the gate into line with what the fleet knows, st, and has the password tried when it is time. The worker calls it once a second.
func (g *Gate) Keep(ctx context.Context, st store.Standing) {
	g.mu.Lock()
	unsaid := g.unsaid
	switch {
	case g.state == retired, g.probing:
		g.mu.Unlock()
		return
	case unsaid:
	case st.Refused:
		g.state = refused
	case g.state == refused: // somebody has resumed the account
		g.state, g.next, g.spacing, g.doubted = untried, time.Time{}, 0, true
	case g.state == untried && st.Accepted && !st.Paused && !g.doubted: // another process has proven it
		g.state = accepted
	}
	now := g.state
	due := now == untried && !time.Now().Before(g.next) && (!st.Paused || st.PauseReason == store.AccountRefused)
	g.probing = due
	g.mu.Unlock()
	switch {
	case unsaid:
		g.refuse(ctx)
	case st.Paused && st.PauseReason == store.AccountRefused && now != refused:
		g.otherPassword(ctx)
	}
	if due {
		g.prove(ctx)
	}
}

// otherPassword takes the pause back that was due to a password which is not this one.
func (g *Gate) otherPassword(ctx context.Context) {
	ended, err := g.store.OtherPassword(ctx, g.account, g.hash)
	if err != nil {
		g.log.Warn("an account could not be resumed yet", "account", g.account, "error", store.Message(err))
	}
	if ended {
		g.log.Info("the account has another password than the one that was refused: it goes on", "account", g.account)
	}
}

// prove makes one health check, if no other process is making one.
func (g *Gate) prove(ctx context.Context) {
	defer func() { // also when an answer made it break: else this process would never try again
		g.mu.Lock()
		g.probing = false
		g.mu.Unlock()
	}()
	mine, err := g.store.BeginProbe(ctx, g.account, g.hash, g.lease())
	if mine && err == nil {
		err = g.try(ctx)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !mine || err == nil {
		return
	}
	g.spacing = min(max(2*g.spacing, g.unit), mostProbe*g.unit)
	g.next = time.Now().Add(g.spacing)
	if wait, ok := busy(err); ok {
		g.next = time.Now().Add(wait)
	}
	if ctx.Err() == nil {
		g.log.Warn("the technical account could not be tried yet", "account", g.account, "fault", chorus.FaultOf(err), "error", err)
	}
}

// try is the health check and what follows from it. An error says that it has shown nothing.
func (g *Gate) try(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, g.lease())
	defer cancel()
	err := g.probe(limited)
	save, done := context.WithTimeout(context.WithoutCancel(ctx), saveWithin)
	defer done()
	switch {
	case err == nil:
		if err := g.store.Accepted(save, g.account, g.hash); err != nil {
			return err
		}
		g.mu.Lock()
		if g.state == untried {
			g.state, g.spacing, g.doubted = accepted, 0, false
		}
		g.mu.Unlock()
		g.accept()
		return nil
	case chorus.FaultOf(err) == chorus.FaultAccount:
		g.refuse(ctx)
		return nil
	default:
		return errors.Join(err, g.store.EndProbe(save, g.account))
	}
}
