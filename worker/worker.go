// Package worker is the running process: River's client, the dispatcher that turns rows into jobs, the reaper and the sweeper that tidy up after
// crashes, the announcer that numbers events, the drain at the end, and what is measured meanwhile. Any number of workers may run over one database.
package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/jobs"
	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store"
)

// Account is a technical account and the PISTE application it is used with.
type Account struct {
	Name   string        // as rows name it
	Chorus chorus.Config // without Budget: the worker adds the fleet's
}

// Config is what a worker needs. Zero durations and numbers get the defaults of docs/settings.md.
type Config struct {
	Pool     *pgxpool.Pool // of a member of chorus_worker, from store.Connect; the caller closes it after Run
	Accounts []Account     // at least one
	Settings jobs.Settings
	Never    bool    // CHORISTE_INDOUBT_RESUBMIT=never
	Quota    float64 // requests per second that PISTE grants each application
	Workers  int     // jobs at once in this process
	InFlight int     // deposits at once over the fleet
	Reap     time.Duration
	Sweep    time.Duration
	Drain    time.Duration
	Log      *slog.Logger          // nil is silent
	Registry prometheus.Registerer // nil: the counters are kept and not shown
}

// Pace is the share of the quota that is spent: an even pace just below it keeps every sliding second within it.
const Pace = 0.95

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
	def(&c.Reap, 5*time.Second)
	def(&c.Sweep, 5*time.Second)
	def(&c.Drain, 25*time.Second)
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
	cfg     Config
	store   *store.Store
	jobs    *jobs.Jobs
	river   *river.Client[pgx.Tx]
	budgets []*store.Budget
	poke    chan struct{} // there may be rows for the fast steps
	ready   atomic.Bool
	hard    context.CancelFunc
}

// New builds a worker; nothing runs yet and nothing is asked of the database.
func New(cfg Config) (*Worker, error) {
	cfg = cfg.withDefaults()
	if cfg.Pool == nil || len(cfg.Accounts) == 0 {
		return nil, errors.New("a worker needs a database and at least one account")
	}
	w := &Worker{cfg: cfg, store: store.New(cfg.Pool), poke: make(chan struct{}, 1)}
	hard, cancel := context.WithCancel(context.Background())
	w.hard = cancel

	accounts := make(map[string]*jobs.Account, len(cfg.Accounts))
	budgets := map[string]*store.Budget{}
	sources := map[string]*tokens{}
	for _, a := range cfg.Accounts {
		if accounts[a.Name] != nil {
			return nil, fmt.Errorf("account %s is configured twice", a.Name)
		}
		key := budgetKey(a.Chorus)
		if budgets[key] == nil {
			budgets[key] = store.NewBudget(w.store, key, cfg.Quota*Pace, cfg.Settings.LongestPermit())
			w.budgets = append(w.budgets, budgets[key])
		}
		conf := a.Chorus
		conf.Budget = permits{budgets[key]}
		conf.DepositTimeout = cfg.Settings.HTTPTimeout
		if sources[key] == nil {
			var err error
			margin := max(conf.TokenMargin, conf.DepositTimeout+time.Minute)
			if sources[key], err = newTokens(w.store, key, conf, margin, cfg.Log); err != nil {
				return nil, fmt.Errorf("account %s: %w", a.Name, err)
			}
		}
		conf.Tokens = sources[key]
		client, err := chorus.New(conf)
		if err != nil {
			return nil, fmt.Errorf("account %s: %w", a.Name, err)
		}
		accounts[a.Name] = &jobs.Account{Name: a.Name, Client: client, Budget: budgets[key], Breaker: &jobs.Breaker{}}
	}
	w.jobs = &jobs.Jobs{
		Store: w.store, Accounts: accounts, Settings: cfg.Settings, Log: cfg.Log, Worker: name(),
		Memory:  jobs.NewMemory(),
		Poke:    w.wake,
		Metrics: jobs.NewMetrics(cfg.Registry),
		Hard:    hard,
	}
	cfg.Registry.MustRegister(gauges{w})

	workers := river.NewWorkers()
	w.jobs.Register(workers)
	client, err := river.NewClient(riverpgxv5.New(cfg.Pool), &river.Config{
		Schema: migrations.RiverSchema,
		// Reading and following up get a quarter each; deposits the rest.
		Queues: map[string]river.QueueConfig{
			jobs.QueueValidate: {MaxWorkers: max(1, cfg.Workers/8)},
			jobs.QueueFollow:   {MaxWorkers: max(1, cfg.Workers/4)},
			jobs.QueueSubmit:   {MaxWorkers: max(1, cfg.Workers-cfg.Workers/8-cfg.Workers/4)},
		},
		Workers: workers,
		// The rows' own leases bring work back in time; River's rescuer only tidies its table.
		JobTimeout:                  cfg.Settings.Timeout(),
		RescueStuckJobsAfter:        cfg.Settings.Timeout() + 10*time.Minute,
		FetchCooldown:               5 * time.Millisecond,
		FetchPollInterval:           500 * time.Millisecond,
		SoftStopTimeout:             cfg.Drain,
		CompletedJobRetentionPeriod: time.Hour,
		CancelledJobRetentionPeriod: 24 * time.Hour,
		DiscardedJobRetentionPeriod: 24 * time.Hour,
		Logger:                      slog.New(atLeast{slog.LevelWarn, cfg.Log.Handler()}),
	})
	if err != nil {
		return nil, err
	}
	w.river = client
	return w, nil
}

// budgetKey names a PISTE application without naming it.
func budgetKey(c chorus.Config) string {
	sum := sha256.Sum256([]byte(c.TokenURL + "\n" + c.ClientID))
	return hex.EncodeToString(sum[:8])
}

// permits is the fleet's budget as the client asks for it.
type permits struct{ budget *store.Budget }

func (p permits) Take(ctx context.Context, _ chorus.Lane) error { return p.budget.Wait(ctx) }

// name tells this process from every other one, in attempts and logs.
func name() string {
	host, _ := os.Hostname()
	return fmt.Sprintf("%s:%d", host, os.Getpid())
}

// Run works until ctx ends and then drains: nothing new is begun, deposits in the air are waited for, and what becomes of them is written down. It
// returns nil after a clean drain. It waits for the database at the start as long as ctx lasts, and for ever while running.
func (w *Worker) Run(ctx context.Context) error {
	defer w.hard()
	if err := migrations.Check(ctx, w.cfg.Pool); err != nil {
		return err
	}
	if err := errors.Join(w.share(ctx), w.remember(ctx)); err != nil {
		return err
	}
	crash.OnDisconnect(w.disconnect)
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	if err := w.river.Start(running); err != nil {
		return err
	}
	var loops sync.WaitGroup
	for _, loop := range []func(context.Context){w.dispatch, w.listen, w.compare, w.reap, w.sweep, w.announce} {
		loops.Go(func() { loop(ctx) })
	}
	w.ready.Store(true)
	w.cfg.Log.Info("working", "accounts", len(w.cfg.Accounts), "workers", w.cfg.Workers, "quota", w.cfg.Quota)

	<-ctx.Done()
	w.ready.Store(false)
	if err := crash.Point(crash.Shutdown); err != nil {
		return err
	}
	if crash.Mutant(crash.NoDrain) {
		os.Exit(0)
	}
	w.cfg.Log.Info("draining", "for at most", w.cfg.Drain)
	w.jobs.Drain()
	loops.Wait()
	stop() // River waits for its jobs for cfg.Drain, then cancels them
	select {
	case <-w.river.Stopped():
	case <-time.After(w.cfg.Drain + lastWords):
		return errors.New("stopped before every deposit in the air was settled: those are in doubt and will be looked up")
	}
	w.cfg.Log.Info("stopped")
	return nil
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

// share writes down what the fleet shares, as this process's settings say.
func (w *Worker) share(ctx context.Context) error {
	if err := w.store.EnsureAccounts(ctx, w.jobs.Names()); err != nil {
		return err
	}
	if err := w.store.Slots(ctx, w.cfg.InFlight); err != nil {
		return err
	}
	for _, b := range w.budgets {
		if err := b.Set(ctx); err != nil {
			return err
		}
	}
	return nil
}

// wake has the dispatcher look at once; further calls until it does so are one.
func (w *Worker) wake() {
	select {
	case w.poke <- struct{}{}:
	default:
	}
}

// atLeast keeps what is less important than level out of a log.
type atLeast struct {
	level slog.Level
	slog.Handler
}

func (h atLeast) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= h.level && h.Handler.Enabled(ctx, l)
}

func (h atLeast) WithAttrs(attrs []slog.Attr) slog.Handler {
	return atLeast{h.level, h.Handler.WithAttrs(attrs)}
}

func (h atLeast) WithGroup(name string) slog.Handler {
	return atLeast{h.level, h.Handler.WithGroup(name)}
}
