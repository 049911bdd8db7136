package jobs

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// Weather is what this process has last read of the breakers, which are the fleet's (store.Breaker): enough to spare requests and statements, while T1
// and the dispatcher ask the database itself. It is safe for concurrent use; the zero value is fair.
type Weather struct {
	mu   sync.Mutex
	list []store.Breaker

	telling sync.Mutex
	owed    map[string]failedDeposit // what a breaker could not be told of, by its key
	since   time.Time                // when the first of these was
}

// failedDeposit is one that failed for a reason that is not its own.
type failedDeposit struct {
	attempt pgtype.UUID
	fault   chorus.Fault
}

func (w *Weather) owe(key string, f failedDeposit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.owed == nil {
		w.owed = map[string]failedDeposit{}
	}
	if len(w.owed) == 0 {
		w.since = time.Now()
	}
	w.owed[key] = f
}

func (w *Weather) owes(key string) (failedDeposit, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f, ok := w.owed[key]
	return f, ok
}

func (w *Weather) paid(key string, f failedDeposit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.owed[key] == f {
		delete(w.owed, key)
	}
}

// debts are the keys of the breakers that are owed a word, and for how long the first has been.
func (w *Weather) debts() ([]string, time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.owed)), time.Since(w.since)
}

// Set replaces it.
func (w *Weather) Set(list []store.Breaker) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = list
}

// any tells whether one of the account's breakers is so.
func (w *Weather) any(a *Account, so func(store.Breaker) bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range w.list {
		if (b.Key == a.Portal || b.Key == a.Application) && so(b) {
			return true
		}
	}
	return false
}

// Calm tells that no breaker holds anything back.
func (w *Weather) Calm() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range w.list {
		if b.State != "closed" || b.Ramping {
			return false
		}
	}
	return true
}

// Open tells that nothing but the health check is to be asked.
func (w *Weather) Open(a *Account) bool {
	return w.any(a, func(b store.Breaker) bool { return b.State == "open" })
}

// unsettled tells that an answer may close a breaker, or widen what it lets through.
func (w *Weather) unsettled(a *Account) bool {
	return w.any(a, func(b store.Breaker) bool { return b.State != "closed" || b.Ramping })
}

// Unit is what the waits of breakers and gates are counted in: a second at the default T_http, and shorter in a fault run like everything else.
func (s Settings) Unit() time.Duration { return s.HTTPTimeout / 60 }

// tokenOp names the request for an OAuth token in errors.
const tokenOp = "oauth/token" //nolint:gosec // an operation, not a credential

// cause is the key of the breaker that an error speaks for, or "": it may be about one request alone.
func cause(a *Account, err error) string {
	var e *chorus.Error
	if !errors.As(err, &e) {
		return ""
	}
	switch e.Fault {
	case chorus.FaultSubscription, chorus.FaultApplication:
		return a.Application
	case chorus.FaultPortal, chorus.FaultNetwork:
		if e.Op == tokenOp {
			return a.Application
		}
		return a.Portal
	default:
		return ""
	}
}

// weigh tells the breakers how a deposit went.
func (j *Jobs) weigh(ctx context.Context, acct *Account, a store.Attempt, outcome store.Outcome, failure error) {
	keys := []string{acct.Portal, acct.Application}
	key := cause(acct, failure)
	answered := outcome == store.Accepted || outcome == store.Refused || outcome == store.Duplicate
	var turned bool
	var err error
	switch {
	case key != "":
		turned, err = j.Store.DepositFailed(ctx, key, string(chorus.FaultOf(failure)), a.ID, j.Settings.Unit())
	case answered && (a.Tried || j.Weather.unsettled(acct)):
		turned, err = j.Store.DepositAnswered(ctx, keys, a.ID)
	}
	if err == nil && a.Tried && !answered {
		err = j.Store.DepositSilent(ctx, keys, a.ID)
	}
	switch {
	case err != nil:
		j.Log.Warn("a breaker could not be told", "account", acct.Name, "error", store.Message(err))
		if key != "" {
			j.Weather.owe(key, failedDeposit{a.ID, chorus.FaultOf(failure)})
		}
	case turned && key != "":
		j.Log.Info("deposits are held back until the portal answers", "account", acct.Name, "fault", chorus.FaultOf(failure))
		j.Probe()
	case turned:
		j.Log.Info("deposits go on", "account", acct.Name)
		if err := j.Store.Wake(ctx); err != nil {
			j.Log.Warn("the other workers could not be woken", "error", store.Message(err))
		}
	}
}

// allTold tells the account's breakers what they could not be told before: somebody had locked them, say. Until they know, this process begins no deposit behind them, or an outage would
// leave all that waits in doubt.
func (j *Jobs) allTold(ctx context.Context, acct *Account) bool {
	for _, key := range []string{acct.Portal, acct.Application} {
		if !j.tellOwed(ctx, key, tellWithin) {
			return false
		}
	}
	return true
}

// TellOwed tells every breaker what it could not be told before, within a second each: no invoice may come that would do it.
func (j *Jobs) TellOwed(ctx context.Context) {
	keys, _ := j.Weather.debts()
	for _, key := range keys {
		j.tellOwed(ctx, key, time.Second)
	}
}

// tellOwed reports that a breaker is owed nothing, after it was told if need be.
func (j *Jobs) tellOwed(ctx context.Context, key string, within time.Duration) bool {
	if _, owes := j.Weather.owes(key); !owes {
		return true
	}
	if !j.Weather.telling.TryLock() { // another job does, and may have to wait
		return false
	}
	defer j.Weather.telling.Unlock()
	f, owes := j.Weather.owes(key)
	if !owes {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	opened, err := j.Store.DepositFailed(ctx, key, string(f.fault), f.attempt, j.Settings.Unit())
	if err != nil {
		return false
	}
	j.Weather.paid(key, f)
	if opened {
		j.Log.Info("deposits are held back until the portal answers", "fault", f.fault)
		j.Probe()
	}
	return true
}

// answers tells the breakers that the portal is there, and the fleet if deposits may go on.
func (j *Jobs) answers(ctx context.Context, acct *Account) error {
	closed, err := j.Store.ProbeAnswered(ctx, []string{acct.Portal, acct.Application})
	if err == nil && closed {
		j.Log.Info("deposits go on", "account", acct.Name)
		err = j.Store.Wake(ctx)
	}
	j.Poke()
	return err
}

// blame tells the rest of the fleet what the failure of a request that was no deposit means for it: to keep quiet, or to have the portal probed.
func (j *Jobs) blame(ctx context.Context, acct *Account, failure error) {
	j.heed(ctx, acct, failure)
	key := cause(acct, failure)
	if key == "" {
		return
	}
	if err := j.Store.Suspect(ctx, key); err != nil {
		j.Log.Warn("a breaker could not be told", "account", acct.Name, "error", store.Message(err))
		return
	}
	j.Probe()
}

// ProbeTimeout is how long a probe may take, the waits for a token and a permit included. Long before that another process may make one, too: this one may be dead.
func (s Settings) ProbeTimeout() time.Duration { return max(40*s.Unit(), 2*time.Second) }

func (s Settings) probeLease() time.Duration { return 15 * s.Unit() }

// ProbeDue makes the health checks that are this process's to make now.
func (j *Jobs) ProbeDue(ctx context.Context) error {
	by := map[string]*Account{} // an account that can ask for each key
	for _, a := range j.Accounts() {
		for _, key := range []string{a.Portal, a.Application} {
			if by[key] == nil || a.Gate.Open() {
				by[key] = a
			}
		}
	}
	keys := make([]string, 0, len(by))
	for key := range by {
		keys = append(keys, key)
	}
	due, err := j.Store.TakeProbes(ctx, keys, j.Settings.probeLease())
	if err != nil {
		return err
	}
	var busy sync.WaitGroup
	errs := make([]error, len(due))
	for k, key := range due {
		busy.Go(func() { errs[k] = j.probe(ctx, key, by[key]) })
	}
	busy.Wait()
	return errors.Join(errs...)
}

// probe makes one health check for a breaker and tells what it showed.
func (j *Jobs) probe(ctx context.Context, key string, acct *Account) error {
	limited, cancel := context.WithTimeout(ctx, j.Settings.ProbeTimeout())
	defer cancel()
	err := acct.Client.Health(limited)
	if ctx.Err() != nil {
		return ctx.Err() // the lease ends by itself
	}
	wait, held := busy(err)
	switch fault := chorus.FaultOf(err); {
	case err == nil:
		return j.answers(ctx, acct)
	case held:
		return j.Store.ProbeSilent(ctx, key, wait)
	case fault == chorus.FaultQuota:
		j.heed(ctx, acct, err)
		return j.Store.ProbeSilent(ctx, key, j.Settings.QuotaWait(err))
	case fault == chorus.FaultAccount, fault == chorus.FaultToken, fault == chorus.FaultLocal:
		return j.Store.ProbeSilent(ctx, key, j.Settings.Unit())
	default:
		opened, failed := j.Store.ProbeFailed(ctx, key, string(fault), j.Settings.Unit())
		if other := cause(acct, err); other != "" && other != key { // it is the token that cannot be had, say
			_, err := j.Store.ProbeFailed(ctx, other, string(fault), j.Settings.Unit())
			failed = errors.Join(failed, err)
		}
		if opened {
			j.Log.Info("nothing is asked until the portal answers", "account", acct.Name, "fault", fault)
		}
		return failed
	}
}
