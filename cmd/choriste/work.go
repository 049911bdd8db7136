package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/lmittmann/tint"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/term"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/jobs"
	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

type workCmd struct{}

// mostActing is how many connections the console's acts have.
const mostActing = 4

func (workCmd) Run(a *app) error {
	hup := make(chan os.Signal, 1) // from the beginning: without it, the signal would end the program
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	s, err := load(a.getenv)
	if err != nil {
		return err
	}
	log, err := logger(a.log, s.Log)
	if err != nil {
		return err
	}
	limitMemory(a.getenv, "")
	if len(s.exposed) > 0 {
		log.Warn("secrets in environment variables can be read by other programs of this user: prefer files", "use", strings.Join(s.exposed, "_FILE, ")+"_FILE")
	}
	if len(s.foreign) > 0 {
		log.Warn("production is reached by hosts that are not PISTE's, as CHORISTE_FOREIGN_HOSTS allows", "hosts", strings.Join(s.foreign, ", "))
	}
	if name := s.environmentsProxy(a.getenv); name != "" {
		log.Warn("the environment names a proxy, which is not used: set CHORISTE_PROXY if Chorus Pro is reached by it", "variable", name)
	}
	if s.Way.Proxy != "" {
		log.Info("Chorus Pro and webhooks are reached by a proxy", "proxy", hostOf(s.Way.Proxy))
	}
	if names := unknown(a.getenv); len(names) > 0 {
		log.Warn("variables that look like settings are none, and change nothing (choriste help env)", "variables", strings.Join(names, ", "))
	}
	conns := worker.Conns(s.Workers)
	pool, err := store.ConnectWorker(a.ctx, s.DatabaseURL, "work", conns)
	if err != nil {
		return err
	}
	defer store.ClosePool(pool, 3*time.Second)
	for latest := time.Now().Add(s.DatabaseWait); ; {
		if err := await(a.ctx, pool, conns+1, s.DatabaseWait, log); err != nil || a.ctx.Err() != nil {
			return err
		}
		err := fit(a.ctx, pool, conns+1, log)
		if err == nil {
			break
		}
		if a.ctx.Err() != nil {
			return nil // told to stop
		}
		if !store.Away(err) || time.Now().After(latest) { // it may go away again at once
			return err
		}
	}
	st := store.New(pool)

	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	cfg := s.worker()
	cfg.Pool, cfg.Log, cfg.Registry = pool, log, registry
	w, err := worker.New(cfg)
	if err != nil {
		return err
	}
	listener, err := listenOn(s.Listen)
	if err != nil {
		return err
	}
	var operator *store.Store
	if s.ConsoleURL != "" {
		acting, err := store.ConnectActing(a.ctx, s.ConsoleURL, "console", mostActing)
		if err != nil {
			return inPlaceOf("CHORISTE_CONSOLE_DATABASE_URL", err)
		}
		defer store.ClosePool(acting, 3*time.Second)
		operator = store.New(acting)
	}
	if err := secondPerson(a.ctx, s, st, operator); err != nil {
		return err
	}
	web := newWeb(s, st, operator, w.Handler(registry), log)
	go func() {
		if err := web.serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the HTTP server ended", "error", err)
		}
	}()
	defer func() { _ = web.server.Close() }()
	log.Info("listening", "address", listener.Addr().String(), "environment", s.Env, "api", hostOf(s.APIURL), "token", hostOf(s.TokenURL))

	go reload(a.ctx, a.getenv, s.files, hup, reloadEvery, log, func(s settings) error {
		if err := w.SetAccounts(s.Accounts); err != nil {
			return err
		}
		w.SetWebhooks(s.Webhooks)
		web.set(s)
		return nil
	})
	return w.Run(a.ctx)
}

// secondPerson has the database know whether a second person is asked, and by which login the console acts.
func secondPerson(ctx context.Context, s settings, st, operator *store.Store) error {
	if !s.SecondPerson {
		return st.SetSecondPerson(ctx, 0, "")
	}
	login := ""
	if operator != nil {
		var err error
		if login, err = operator.Login(ctx); err != nil {
			return inPlaceOf("CHORISTE_CONSOLE_DATABASE_URL", err)
		}
	}
	return st.SetSecondPerson(ctx, s.SecondWithin, login)
}

// worker is what a worker is told of the settings.
func (s settings) worker() worker.Config {
	return worker.Config{
		Accounts: s.Accounts,
		Webhooks: s.Webhooks,
		Settings: jobs.Settings{
			HTTPTimeout: s.HTTPTimeout, SendWithin: s.SendWithin, LandingDelay: s.LandingDelay, VisibilityDelay: s.VisibilityDelay,
			ReportAfter: s.ReportAfter, ResolveAfter: s.ResolveAfter, SyncEvery: s.SyncEvery, QuietPeriod: s.QuietPeriod, KeepExchanges: s.KeepExchanges,
		},
		Environment: s.Env,
		Never:       s.Never, Quota: s.Quota, Workers: s.Workers, InFlight: s.InFlight,
		Reap: s.ReapEvery, Sweep: s.SweepEvery, Drain: s.ShutdownTimeout, Annuaire: s.Annuaire, Maintenance: s.Maintenance, StateDir: s.StateDir,
	}
}

// await waits for PostgreSQL to answer, saying so, as long as waiting can help.
func await(ctx context.Context, pool *pgxpool.Pool, conns int, limit time.Duration, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var why *store.Fault
	for {
		err := pool.Ping(ctx)
		if err == nil {
			return nil
		}
		if errors.Is(context.Cause(ctx), context.Canceled) {
			return nil // told to stop
		}
		if why == nil || ctx.Err() == nil { // the last try is cut short, and knows no reason
			why = store.Unreachable(err, conns)
			if !why.Passes() {
				return why
			}
			log.Warn("waiting for PostgreSQL", "at most", limit, "because", why.Error())
			log = slog.New(slog.DiscardHandler) // said once
		}
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
			continue
		}
		if errors.Is(context.Cause(ctx), context.Canceled) {
			return nil
		}
		return why
	}
}

// fit refuses a database that a worker cannot use, and warns of one that is nearly full.
func fit(ctx context.Context, pool *pgxpool.Pool, conns int, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	unfit := migrations.Check(ctx, pool)
	var f *store.Fault
	if unfit != nil && !(errors.As(unfit, &f) && f.Code == "DATABASE_ROLE") { // that one is for any of our roles: a worker needs its own
		return unfit
	}
	outsider, err := store.Member(ctx, pool, "chorus_worker")
	if err != nil {
		return err
	}
	if outsider != nil {
		return outsider
	}
	if unfit != nil {
		return unfit
	}
	switch behind, err := migrations.Sequences(ctx, pool); {
	case err != nil && store.SQLState(err) != "55P03": // who has locked a table is said while the worker runs
		return err
	case behind != nil:
		return behind
	}
	if tight, err := store.Room(ctx, pool, conns); err == nil && tight != nil {
		log.Warn(tight.Error())
	}
	return nil
}

// parseLog reads CHORISTE_LOG: a form, "text" or "json" or "" for either by itself, and a level.
func parseLog(v string) (form string, level slog.Level, err error) {
	form, name, _ := strings.Cut(v, ":")
	if form != "" && form != "text" && form != "json" {
		return "", 0, errors.New("must be text or json, with a level after a colon if wanted, as text:debug")
	}
	if name != "" {
		if err := level.UnmarshalText([]byte(name)); err != nil {
			return "", 0, errors.New("names a level that is none of debug, info, warn, error")
		}
	}
	return form, level, nil
}

// logger writes for people on a terminal and for machines elsewhere.
func logger(out io.Writer, v string) (*slog.Logger, error) {
	form, level, err := parseLog(v)
	if err != nil {
		return nil, err
	}
	f, isFile := out.(*os.File)
	terminal := isFile && term.IsTerminal(int(f.Fd()))
	if form == "text" || form == "" && terminal {
		return slog.New(tint.NewTextHandler(out, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !terminal})), nil
	}
	return slog.New(slog.NewJSONHandler(&visible.Writer{Out: out, JSON: true}, &slog.HandlerOptions{Level: level})), nil
}
