// Package jobs is what is done for one invoice or one account: validate, submit, resolve, report, history, sync, discover, recipient, webhook. It
// translates between Chorus Pro's words
// (package chorus) and the rows (package store), and holds the decisions of docs/protocol.md as plain functions (decide.go).
//
// River runs these jobs and knows nothing of them but a number: the row is the truth. A job that finds its row claimed by another job, or moved on, goes
// away; a job that dies leaves a claim that runs out. So River may lose a job, or run it twice, and nothing happens.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/invoice/rules"
	"github.com/choriste/choriste/store"
)

// Settings are the delays and policies of docs/protocol.md §3.1.
type Settings struct {
	HTTPTimeout     time.Duration // T_http: one deposit, connect to last byte
	SendWithin      time.Duration // T_send: from T1 to the request
	LandingDelay    time.Duration // D: a request lands within it, or never
	VisibilityDelay time.Duration // V: what landed is found by a search within it
	Resubmit        bool          // send once more what is proven absent
	ReportAfter     time.Duration
	ResolveAfter    time.Duration
	SyncEvery       time.Duration
	QuietPeriod     time.Duration
	KeepExchanges   time.Duration // what left and what came back, of deposits
}

// Horizon is H: what was sent so long ago and cannot be found never arrived, if D and V hold.
func (s Settings) Horizon() time.Duration { return s.SendWithin + s.LandingDelay + s.VisibilityDelay }

// UnreadAfter is for how long a change feed may be overdue before somebody is told: ten readings, and no less than two minutes.
func (s Settings) UnreadAfter() time.Duration { return max(10*s.SyncEvery, 2*time.Minute) }

// LongestPermit is how long a job may wait for its turn to call; a longer wait goes back to the row.
func (s Settings) LongestPermit() time.Duration { return s.SendWithin / 2 }

// Timeout bounds one job: the waits for the budget and for a token, and one deposit.
func (s Settings) Timeout() time.Duration { return s.HTTPTimeout + 30*time.Second }

// lease is how long a job keeps others away from its row; after it, the row is taken for abandoned and given to another job. A job that is slower finds
// its claim gone at its next statement: T1 asks for it too.
func (s Settings) lease() time.Duration { return 2 * s.SendWithin }

// Account is one technical account and the client that speaks for it. It is never changed; a job ends with the one that it began with.
type Account struct {
	Name      string
	Client    *chorus.Client
	Budget    *store.Budget // of the account's PISTE application
	Gate      *Gate
	Weight    float64                   // share of turns among the accounts
	Suppliers []string                  // SIRETs that it may send for; empty = any
	Rules     map[string]rules.Severity // raised, lowered or off, by code

	Engagements bool // the State is asked whether it knows the commitment that an invoice bears

	Portal, Application string // the keys of the breakers that it is behind
}

// Jobs does the work. Its fields are set once, before Register; the accounts may be replaced at any time.
type Jobs struct {
	Store    *store.Store
	Settings Settings
	Log      *slog.Logger
	Worker   string        // this process, as attempts name it
	Life     string        // this run of it, as heartbeats name it
	Memory   *CommitMemory // what this process knows to have been committed
	Weather  Weather       // what this process has last read of the breakers
	Poke     func()        // there may be something to dispatch
	Probe    func()        // a breaker wants a probe
	Remind   func()        // the last day of a password has been learned
	Metrics  *Metrics      // never nil

	Readers, Depositors Places          // of this process
	Listers             Places          // how many of its jobs read a listing at once
	MayDeposit          func() bool     // it may begin to deposit; nil: only what the dispatcher gives out
	Hard                context.Context //nolint:containedctx // ends when nothing may be waited for any more: the last moment for T2
	draining            atomic.Bool
	crowded             atomic.Int64 // until when, in Unix nanoseconds, reading does not wait for a place to send from
	accounts            atomic.Pointer[map[string]*Account]
	webhooks            atomic.Pointer[map[string]Webhook]

	gather      gatherings
	listingOf   listingCache
	comparingOf comparisons
	sights      sights
	engagement  engagements
	refusals    refusals
	motives     texts // unknown ones that were counted
	strange     texts // accounts of others that were told of
}

// Drain makes every job that has not begun a deposit leave it; those in the air go on.
func (j *Jobs) Drain() { j.draining.Store(true) }

// SetAccounts replaces the accounts, by name. The map is not to be changed afterwards.
func (j *Jobs) SetAccounts(accounts map[string]*Account) { j.accounts.Store(&accounts) }

// Accounts are all that this process is configured with, by name; not to be changed.
func (j *Jobs) Accounts() map[string]*Account {
	if m := j.accounts.Load(); m != nil {
		return *m
	}
	return nil
}

// Names lists the accounts that may be used now.
func (j *Jobs) Names() []string {
	var names []string
	for name, a := range j.Accounts() {
		if a.Gate.Open() {
			names = append(names, name)
		}
	}
	return names
}

// Turns gives each account whose rows may take this step now its weight among the others. Documents are read whether or not the account may be used.
func (j *Jobs) Turns(step store.Step) map[string]float64 {
	turns := map[string]float64{}
	for name, a := range j.Accounts() {
		if step == store.StepValidate || a.Gate.Open() {
			turns[name] = a.Weight
		}
	}
	return turns
}

// The queues: deposits, reading documents, and following up have workers of their own, so that none starves the others.
const (
	QueueValidate = "validate"
	QueueSubmit   = "submit"
	QueueFollow   = "follow"
)

// River's arguments hold numbers and nothing else: its tables keep them, and whoever sees those tables.
type (
	// ValidateArgs has received invoices read.
	ValidateArgs struct {
		IDs []int64 `json:"ids"`
	}
	// SubmitArgs has a ready invoice deposited.
	SubmitArgs struct {
		ID int64 `json:"id"`
	}
	// ResolveArgs has an invoice in doubt looked up.
	ResolveArgs struct {
		ID int64 `json:"id"`
	}
	// ReportArgs has the integration report of a deposited invoice read.
	ReportArgs struct {
		ID int64 `json:"id"`
	}
	// HistoryArgs has the reason of an invoice's status read.
	HistoryArgs struct {
		ID int64 `json:"id"`
	}
	// RecipientArgs has a recipient's settings asked for.
	RecipientArgs struct {
		ID      int64  `json:"id"`
		Account string `json:"account"`
	}
	// SyncArgs has a supplier structure's change feed read.
	SyncArgs struct {
		Account   string `json:"account"`
		Structure int64  `json:"structure"`
	}
	// RemedyArgs has an invoice completed or recycled.
	RemedyArgs struct {
		ID int64 `json:"id"`
	}
	// DiscoverArgs has an account's supplier structures asked for.
	DiscoverArgs struct {
		Account string `json:"account"`
	}
)

// Kind names the job for River; a name is never used for anything else again.
func (ValidateArgs) Kind() string { return "validate" }

// Kind names the job for River.
func (SubmitArgs) Kind() string { return "submit" }

// Kind names the job for River.
func (ResolveArgs) Kind() string { return "resolve" }

// Kind names the job for River.
func (ReportArgs) Kind() string { return "report" }

// Kind names the job for River.
func (HistoryArgs) Kind() string { return "history" }

// Kind names the job for River.
func (RecipientArgs) Kind() string { return "recipient" }

// Kind names the job for River.
func (SyncArgs) Kind() string { return "sync" }

// Kind names the job for River.
func (RemedyArgs) Kind() string { return "remedy" }

// Kind names the job for River.
func (DiscoverArgs) Kind() string { return "discover" }

// insert is what River is given for one step of one invoice, or to read some. A job is tried once: the row, not River, says when it is tried again.
func insert(step store.Step, ids []int64) river.InsertManyParams {
	switch step {
	case store.StepValidate:
		return once(ValidateArgs{ids}, QueueValidate, 1)
	case store.StepSubmit:
		return once(SubmitArgs{ids[0]}, QueueSubmit, 1)
	case store.StepResolve:
		return once(ResolveArgs{ids[0]}, QueueFollow, 1)
	case store.StepHistory:
		return once(HistoryArgs{ids[0]}, QueueFollow, 4)
	default:
		return once(ReportArgs{ids[0]}, QueueFollow, 4)
	}
}

// mostRead is how many invoices one job reads.
const mostRead = 16

// InsertAll is what River is given for one step of invoices, and which of these jobs has which of them: each a job of its own, but for reading, of which one job does
// the more the more there is to be read.
func InsertAll(step store.Step, ids []int64) (params []river.InsertManyParams, job []int) {
	size := 1
	if step == store.StepValidate {
		size = min(1+len(ids)/8, mostRead)
	}
	for some := range slices.Chunk(ids, size) {
		params = append(params, insert(step, some))
	}
	job = make([]int, len(ids))
	for k := range job {
		job[k] = k / size
	}
	return params, job
}

// InsertRecipient is what River is given to ask for a recipient's settings.
func InsertRecipient(key store.RecipientKey) river.InsertManyParams {
	return once(RecipientArgs{key.ID, key.Account}, QueueFollow, 4)
}

// InsertSync is what River is given to read a structure's change feed.
func InsertSync(key store.StructureKey) river.InsertManyParams {
	return once(SyncArgs{key.Account, key.ID}, QueueFollow, 2)
}

// InsertRemedy is what River is given to carry out a remedy.
func InsertRemedy(id int64) river.InsertManyParams { return once(RemedyArgs{id}, QueueFollow, 1) }

// InsertDiscover is what River is given to ask for an account's structures.
func InsertDiscover(account string) river.InsertManyParams {
	return once(DiscoverArgs{account}, QueueFollow, 3)
}

func once(args river.JobArgs, queue string, priority int) river.InsertManyParams {
	return river.InsertManyParams{Args: args, InsertOpts: &river.InsertOpts{Queue: queue, Priority: priority, MaxAttempts: 1}}
}

// Register makes River run the jobs.
func (j *Jobs) Register(w *river.Workers) {
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, r *river.Job[ValidateArgs]) error {
		return j.readAll(ctx, r.Args.IDs, r.ID)
	}))
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, r *river.Job[SubmitArgs]) error {
		return j.guard(ctx, r.Args.ID, r.ID, j.submit)
	}))
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, r *river.Job[ResolveArgs]) error {
		return j.guard(ctx, r.Args.ID, r.ID, j.resolve)
	}))
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, r *river.Job[ReportArgs]) error {
		return j.guard(ctx, r.Args.ID, r.ID, j.report)
	}))
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, r *river.Job[HistoryArgs]) error {
		return j.guard(ctx, r.Args.ID, r.ID, j.history)
	}))
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, r *river.Job[RecipientArgs]) error {
		return j.quiet(ctx, j.recipient(ctx, store.RecipientKey{ID: r.Args.ID, Account: r.Args.Account}))
	}))
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, r *river.Job[SyncArgs]) error {
		return j.quiet(ctx, j.sync(ctx, store.StructureKey{Account: r.Args.Account, ID: r.Args.Structure}, r.ID))
	}))
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, r *river.Job[RemedyArgs]) error {
		defer j.Poke()
		return j.quiet(ctx, j.remedy(ctx, r.Args.ID, r.ID))
	}))
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, r *river.Job[ReconcileArgs]) error {
		return j.quiet(ctx, j.reconcile(ctx, r.Args.Run, r.ID))
	}))
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, r *river.Job[DiscoverArgs]) error {
		return j.quiet(ctx, j.discover(ctx, r.Args.Account))
	}))
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, r *river.Job[CompareArgs]) error {
		return j.quiet(ctx, j.compareAccount(ctx, r.Args.Account))
	}))
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, r *river.Job[WebhookArgs]) error {
		return j.quiet(ctx, j.tell(ctx, r.Args.Name, r.ID))
	}))
}

// errBroke is all that River is told of a panic: its text could quote a document.
var errBroke = errors.New("the job broke: see the log")

// guard runs one step and keeps what it leaves behind in order: a panic is counted on the row, an error of the database gives the row back soon.
func (j *Jobs) guard(ctx context.Context, id, claim int64, step func(ctx context.Context, id, claim int64) error) (err error) {
	defer j.Poke()
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		j.Metrics.Panics.Inc()
		// The type and the stack say where; the value could quote the document.
		j.Log.Error("a job broke", "invoice", id, "panic", fmt.Sprintf("%T", r), "stack", string(debug.Stack()))
		ctx, cancel := context.WithTimeout(j.Hard, 5*time.Second)
		defer cancel()
		if e := j.Store.Panicked(ctx, id, claim); e != nil {
			j.Log.Error("a broken job could not be counted", "invoice", id, "error", store.Message(e))
		}
		err = errBroke
	}()
	return j.quiet(ctx, step(ctx, id, claim))
}

// quiet makes an error fit for River's table, which keeps texts for ever: the whole of it goes to the log only.
func (j *Jobs) quiet(ctx context.Context, err error) error {
	switch {
	case err == nil, errors.Is(err, store.ErrGone):
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	var s *strange
	if errors.As(err, &s) { // nothing has failed: it is passed on
		if j.strange.first(s.account) { // once: there may be as many as rows
			j.Log.Warn(s.Error())
		}
		return nil
	}
	j.Log.Warn("a job failed and will be tried again", "error", store.Message(err))
	if state := store.SQLState(err); state != "" {
		return fmt.Errorf("SQLSTATE %s", state)
	}
	return errors.New("failed: see the log")
}

// account finds the account of a row; a row of an account that this process does not know is left to others.
func (j *Jobs) account(name string) (*Account, error) {
	a := j.Accounts()[name]
	if a == nil {
		return nil, &strange{name}
	}
	return a, nil
}

// strange says that this process does not know a row's account. Another one does, which gave the job out. Whoever meets it gives back what the job was about (passOn) and returns it,
// unless that fails.
type strange struct{ account string }

func (s *strange) Error() string {
	return "account " + s.account + " is not configured in this process, and jobs of it come here: they are passed on to a worker that has it, which takes longer than where all workers have the same accounts"
}

// passOn is how long what came to a process without its account rests. Then it is given out again, and may come to one that has it: two processes may differ while a
// file is replaced on one machine after the other.
func (s Settings) passOn() time.Duration { return about(s.SendWithin / 2) }

// about is d give or take a tenth, so that rows that fell due together do not stay together.
func about(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()-0.5)*0.2*float64(d)) //nolint:gosec // not for secrets
}

// busy tells that nothing was asked because the budget is spent or the account held back, or that a listing is being read, and for how long.
func busy(err error) (time.Duration, bool) {
	var b *store.Busy
	var h *Held
	var r *reading
	switch {
	case errors.As(err, &r):
		return r.wait, true
	case errors.As(err, &b):
		return b.Wait, true
	case errors.As(err, &h):
		return h.Wait, true
	}
	return 0, false
}
