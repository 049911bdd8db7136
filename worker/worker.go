// Package worker is the running process: River's client, the dispatcher that turns rows into jobs, the reaper and the sweeper that tidy up after
// crashes, the announcer that numbers events, the drain at the end, and what is measured meanwhile. Any number of workers may run over one database.
package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/jobs"
	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store"
)

// Config is what a worker needs. Zero durations and numbers get the defaults of docs/settings.md.
type Config struct {
	Pool     *pgxpool.Pool // of a member of chorus_worker, from store.Connect; migrations.Check finds its database fit, and the caller closes it after Run
	Accounts []Account     // at least one
	Webhooks []jobs.Webhook
	// Environment binds the database to one portal, sandbox or production, and refuses the other's; "" does neither.
	Environment string
	Settings    jobs.Settings
	Never       bool    // CHORISTE_INDOUBT_RESUBMIT=never
	Quota       float64 // requests per second that PISTE grants each application
	Daily       int     // requests a day that it grants; 0 = no limit
	Workers     int     // jobs at once in this process
	InFlight    int     // deposits at once over the fleet
	Reap        time.Duration
	Sweep       time.Duration
	Drain       time.Duration
	Annuaire    bool                  // the file of all public recipients is read once a day
	Maintenance []store.Window        // announced closures of the portal
	StateDir    string                // where to keep what is known to have been committed, outside the database; "": nowhere
	Poll        time.Duration         // between two looks for what is due when nobody wakes us
	Round       time.Duration         // how long a round of a loop may wait for the database; what hangs longer is begun anew
	VirtualTime bool                  // the database's clock is a test's, which sets it: nobody minds
	Log         *slog.Logger          // nil is silent
	Registry    prometheus.Registerer // nil: the counters are kept and not shown
}

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&c.Settings.HTTPTimeout, time.Minute)
	def(&c.Settings.SendWithin, 10*time.Second)
	def(&c.Settings.LandingDelay, 15*time.Minute)
	def(&c.Settings.VisibilityDelay, 4*time.Hour)
	def(&c.Settings.ReportAfter, 2*time.Minute)
	def(&c.Settings.ResolveAfter, 30*time.Second)
	def(&c.Settings.SyncEvery, time.Minute)
	def(&c.Settings.QuietPeriod, 2160*time.Hour)
	def(&c.Settings.KeepExchanges, 43800*time.Hour)
	def(&c.Reap, 5*time.Second)
	def(&c.Sweep, 5*time.Second)
	def(&c.Drain, 25*time.Second)
	def(&c.Poll, time.Second)
	def(&c.Round, 10*time.Second)
	c.Settings.Resubmit = !c.Never
	if c.Quota == 0 {
		c.Quota = 20
	}
	if c.Workers == 0 {
		c.Workers = 16
	}
	if c.InFlight == 0 {
		c.InFlight = 32
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	return c
}

// Conns is how many database connections a worker of so many jobs needs: no job holds one while it waits for the portal.
func Conns(workers int) int { return 6 + workers/2 }

// Worker is one process of the fleet.
type Worker struct {
	cfg       Config
	store     *store.Store
	jobs      *jobs.Jobs
	river     *river.Client[pgx.Tx]
	loops     *loops
	work      *work
	poke      chan struct{} // there may be rows for the fast steps
	woken     atomic.Bool   // a poke came
	stirred   atomic.Bool   // something happened, so there may be events without a number
	announced time.Time     // when somebody looked for them; of the loop alone
	probe     chan struct{} // a breaker wants a probe
	ready     atomic.Bool
	unfit     atomic.Pointer[store.Fault] // why nothing is given out: the database is not what it was at the start

	examined int         // how often it was looked at, and
	sound    bool        // that nothing was wrong the last time; only the loop's
	locks    lockHolders // who is in the way

	checks chan struct{} // somebody asks what is wrong with a document
	probed chan struct{} // breakers may have changed
	tended time.Time     // when outages were looked after; of the loop alone
	forgot time.Time     // when old checks were deleted; of the loop alone

	setting   sync.Mutex // guards roster
	roster    *roster
	said      store.Configured // of the loop that says it
	differs   string           // of the same loop: how the settings of other workers differ
	spoken    atomic.Bool      // something has been said
	unshared  atomic.Bool      // the database does not know the roster yet
	reset     chan struct{}    // there is another roster
	recalled  chan struct{}    // something is known of the age of credentials
	hard      context.CancelFunc
	life      string      // this run of this process, among the heartbeats
	opened    atomic.Bool // it may deposit
	opening   opening     // of the start, and the loop that compares
	began     time.Time
	comparing atomic.Pointer[store.Waiting] // nil: no account's deposits wait for a comparison
}

// New builds a worker; nothing runs yet and nothing is asked of the database.
func New(cfg Config) (*Worker, error) {
	cfg = cfg.withDefaults()
	if cfg.Pool == nil {
		return nil, errors.New("a worker needs a database")
	}
	w := &Worker{
		cfg: cfg, store: store.New(cfg.Pool), roster: &roster{},
		poke: make(chan struct{}, 1), probe: make(chan struct{}, 1), reset: make(chan struct{}, 1), recalled: make(chan struct{}, 1),
		probed: make(chan struct{}, 1), checks: make(chan struct{}, 1), began: time.Now(), loops: newLoops(cfg.Round, cfg.Log, cfg.Registry),
	}
	hard, cancel := context.WithCancel(context.Background())
	w.hard = cancel
	life := name() + "/" + rand.Text()[:8]
	w.life = life

	w.jobs = &jobs.Jobs{
		Store: w.store, Settings: cfg.Settings, Log: cfg.Log, Worker: name(), Life: life,
		Memory: jobs.NewCommitMemory(cfg.Log),
		Poke:   w.wake,
		Probe: func() {
			select {
			case w.probe <- struct{}{}:
			default:
			}
		},
		Remind:     w.recall,
		Metrics:    jobs.NewMetrics(cfg.Registry),
		Hard:       hard,
		MayDeposit: func() bool { return w.opened.Load() && w.unfit.Load() == nil },
	}
	if err := w.SetAccounts(cfg.Accounts); err != nil {
		return nil, err
	}
	w.SetWebhooks(cfg.Webhooks)
	cfg.Registry.MustRegister(gauges{w}, lags{w})

	client, err := w.newRiver()
	if err != nil {
		return nil, err
	}
	w.river = client
	return w, nil
}

// permits is the fleet's budget as the client asks for it.
type permits struct{ budget *store.Budget }

func (p permits) Take(ctx context.Context, lane chorus.Lane) error {
	return p.budget.Wait(ctx, map[chorus.Lane]store.Lane{
		chorus.LaneResolve: store.LaneResolve, chorus.LaneSubmit: store.LaneSubmit, chorus.LaneSync: store.LaneSync, chorus.LaneReport: store.LaneReport,
	}[lane])
}

func (p permits) Depart(ctx context.Context) (left func(), err error) { return p.budget.Depart(ctx) }

// name tells this process from every other one, in attempts and logs.
func name() string {
	host, _ := os.Hostname()
	return fmt.Sprintf("%s:%d", host, os.Getpid())
}

// Run works until ctx ends and then drains: nothing new is begun, deposits in the air are waited for, and what becomes of them is written down. It
// returns nil after a clean drain. It waits for the database at the start as long as ctx lasts, and for ever while running.
func (w *Worker) Run(ctx context.Context) error {
	defer w.unsay(context.WithoutCancel(ctx))
	defer w.hard()
	crash.OnDisconnect(w.disconnect)
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	for _, step := range []func(context.Context) error{
		w.mark,
		w.share,
		w.remember,
		func(context.Context) error { return w.river.Start(running) },
	} {
		if err := w.insist(ctx, step); err != nil || ctx.Err() != nil {
			return err
		}
	}
	life, end := context.WithCancel(ctx)
	defer end()
	for k, l := range w.duties(life) {
		l.first = time.Duration(k) * firstRounds
		w.loops.start(life, l)
	}
	go w.loops.watch(life)
	w.ready.Store(true)
	w.cfg.Log.Info("working", "accounts", len(w.jobs.Accounts()), "workers", w.cfg.Workers, "quota", w.cfg.Quota)

	var lost error
	select {
	case <-ctx.Done():
	case <-w.river.Stopped():
		w.loops.fail("River, which runs the jobs, has stopped by itself")
	case <-w.loops.ended:
	}
	if why := w.loops.lost(); why != "" {
		lost = fmt.Errorf("only a restart helps, so the worker ends: %s", why)
		w.cfg.Log.Error("only a restart helps: the worker ends by itself", "reason", why)
	}
	w.ready.Store(false)
	end()
	if err := crash.Point(crash.Shutdown); err != nil {
		return err
	}
	if crash.Mutant(crash.NoDrain) {
		os.Exit(0)
	}
	w.cfg.Log.Info("draining", "for at most", w.cfg.Drain)
	w.jobs.Drain()
	w.loops.wait(lastWords / 2)
	stop() // River waits for its jobs for cfg.Drain, then cancels them
	select {
	case <-w.river.Stopped():
	case <-time.After(w.cfg.Drain + lastWords):
		return errors.Join(lost, errors.New("stopped before every deposit in the air was settled: those are in doubt and will be looked up"))
	}
	w.stopped(context.WithoutCancel(ctx))
	w.cfg.Log.Info("stopped")
	return lost
}

// firstRounds is the time from the first round of one loop to that of the next: all at once, each would open a connection of its own.
const firstRounds = 20 * time.Millisecond

// duties are the worker's loops, those first for which invoices wait. What a round begins and does not wait for ends with life.
func (w *Worker) duties(life context.Context) []*loop {
	cfg := w.cfg
	slow := 3 * cfg.Round // more rows than others, or more statements
	listener := &listener{w: w}
	var asked []*loop // for by a setting
	if cfg.Annuaire {
		asked = append(asked, &loop{name: "annuaire", every: cfg.Sweep, within: jobs.AnnuaireWithin + time.Minute, round: w.jobs.Annuaire})
	}
	return append(asked, []*loop{
		{name: "dispatch", every: cfg.Poll, wake: w.poke, round: w.dispatch},
		{name: "follow", every: cfg.Poll, within: slow, round: w.follow},
		{name: "database", every: examineEvery, urgent: true, round: w.examine},
		{name: "listen", round: listener.round, done: listener.close},
		{name: "accounts", every: keepEvery, within: slow, wake: w.reset, round: func(ctx context.Context) error { return w.keepAccounts(ctx, life) }},
		{name: "configuration", every: store.SayEvery, round: w.say},
		{name: "probes", every: w.breakersEvery(), within: cfg.Round + cfg.Settings.ProbeTimeout(), wake: w.probe, round: w.probeBreakers},
		{name: "breakers", every: w.breakersEvery(), wake: w.probed, round: w.watchBreakers},
		{name: "credentials", every: remindEvery, wake: w.recalled, later: true, round: w.remind},
		{name: "compare", every: compareEvery, within: slow + compareWithin, wake: w.jobs.Memory.Doubts(), round: w.compareOnce},
		{name: "checks", every: checksEvery, within: slow, wake: w.checks, round: w.answerChecks},
		{name: "reap", every: cfg.Reap, within: slow, round: w.reap},
		{name: "sweep", every: cfg.Sweep, within: slow, round: w.sweep},
		{name: "recipients", every: cfg.Sweep, within: slow, round: w.recipients},
		{name: "nightly", every: nightlyEvery, within: slow, round: w.nightly},
		{name: "purge", every: purgeEvery, within: time.Minute, round: w.purge},
		{name: "announce", every: announceEvery, round: w.announce},
		{name: "jobs", every: cfg.Round / 5, round: w.moves},
	}...)
}

// announceEvery is how often events are numbered: listeners hear of them ten times a second at most. announceAtRest is how often somebody looks for those of which this
// process has not heard: what other programs wrote without waking anybody.
const (
	announceEvery  = 100 * time.Millisecond
	announceAtRest = time.Second
)

// examineEvery is how often the database is looked at: somebody may have migrated it to a newer schema. One look in thoroughly is at every object and right.
const (
	examineEvery = 2 * time.Second
	thoroughly   = 5
)

// examine has nothing more given out, by this worker, from a database that it would not start with. What is under way goes on, and fails safely.
func (w *Worker) examine(ctx context.Context) error {
	look := migrations.Check
	if w.sound && w.examined%thoroughly != 0 {
		look = migrations.Glance
	}
	w.examined++
	err := look(ctx, w.cfg.Pool)
	w.sound = err == nil
	var unfit *store.Fault
	if errors.As(err, &unfit) && unfit.Passes() {
		unfit = nil // away: the other loops see it as well
	}
	w.unfit.Store(unfit)
	if err == nil {
		err = w.lookForLocks(ctx)
	}
	if err == nil && w.examined%thoroughly == 1 {
		err = w.lookForLockedRows(ctx)
	}
	return err
}

func (w *Worker) mark(ctx context.Context) error {
	if w.cfg.Environment == "" {
		return nil
	}
	return w.store.Mark(ctx, w.cfg.Environment)
}

// insist repeats a step of the start while the database is away or others are in its way; any other failure is final. It returns nil when ctx ends first.
func (w *Worker) insist(ctx context.Context, step func(context.Context) error) error {
	looking, end := context.WithCancel(ctx)
	defer end()
	go w.nameLockHolders(looking)
	for said, wait := false, 20*time.Millisecond; ; {
		err := step(ctx)
		locked := store.SQLState(err) == "55P03"
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil, !locked && !store.Away(err) && !store.Collided(err):
			return err
		}
		if !said && !locked { // of locks nameLockHolders tells
			w.cfg.Log.Warn("waiting for PostgreSQL", "error", store.Message(err))
			said = true
		}
		sleep(ctx, wait)
		wait = min(2*wait, 500*time.Millisecond)
	}
}

// disconnect cuts every connection of this process's pool, for the tests: what is under way on them fails.
func (w *Worker) disconnect() {
	if !crash.Enabled {
		return
	}
	for _, c := range w.cfg.Pool.AcquireAllIdle(context.Background()) {
		_ = c.Conn().Close(context.Background())
		c.Release()
	}
	_, _ = w.cfg.Pool.Exec(context.Background(), `
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user AND datname = current_database() AND pid <> pg_backend_pid()`)
}

// lastWords is how long cancelled jobs may take to write down what they know.
const lastWords = 4 * time.Second

// wake has the dispatcher look at once; further calls until it does so are one.
func (w *Worker) wake() {
	w.woken.Store(true)
	w.stirred.Store(true)
	select {
	case w.poke <- struct{}{}:
	default:
	}
}
