package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/console"
	"github.com/choriste/choriste/jobs"
	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
	"github.com/choriste/choriste/worker"
)

// house is everything that runs, beside the application.
type house struct {
	portal  *chorustest.Sim
	app     *pgxpool.Pool // as the application's login
	console string        // address
	url     string        // of the database, for an operator
	ended   chan error    // the worker's end, which is not expected before stop

	undo []func() error // what stop does, last first
}

// The portal and the worker at the pace of a film: what takes hours or weeks takes seconds, in the same proportions.
const (
	step = 700 * time.Millisecond // from one statut to the next

	integration = 500 * time.Millisecond
	visibility  = 300 * time.Millisecond
)

// quick are settings under which three look-ups of what never arrived meet a portal that shows later deposits, before the horizon of 6 s has passed: it
// is then sent again at the horizon, and not at twice that.
func quick() jobs.Settings {
	return jobs.Settings{
		HTTPTimeout: 5 * time.Second, SendWithin: 2500 * time.Millisecond, LandingDelay: 1500 * time.Millisecond, VisibilityDelay: 2 * time.Second,
		ReportAfter: 400 * time.Millisecond, ResolveAfter: 200 * time.Millisecond, SyncEvery: 300 * time.Millisecond, QuietPeriod: 3 * time.Second,
	}
}

// start starts everything, saying so, or nothing.
func start(ctx context.Context, samples []sample, progress io.Writer) (*house, error) {
	h := &house{ended: make(chan error, 1)}
	if err := h.start(ctx, samples, progress); err != nil {
		if also := h.stop(); also != nil {
			err = fmt.Errorf("%w; and then: %w", err, also)
		}
		return nil, err
	}
	return h, nil
}

func (h *house) start(ctx context.Context, samples []sample, progress io.Writer) error {
	fmt.Fprintln(progress, "starting PostgreSQL …")
	server, err := storetest.Server(ctx, "DATABASE_URL", storetest.Options{})
	if err != nil {
		return err
	}
	h.undo = append(h.undo, server.Stop)
	fmt.Fprintln(progress, "preparing the database …")
	urls, err := h.database(ctx, server)
	if err != nil {
		return fmt.Errorf("preparing the database: %w", err)
	}
	h.url = urls["operator"]
	if h.app, err = pgxpool.New(ctx, urls["app"]); err != nil {
		return err
	}
	h.undo = append(h.undo, func() error { h.app.Close(); return nil })

	fmt.Fprintln(progress, "starting the simulator of Chorus Pro …")
	if err := h.startPortal(samples); err != nil {
		return err
	}
	fmt.Fprintln(progress, "starting the worker and the console …")
	return h.startWorker(ctx, urls["worker"])
}

// database makes a fresh database and one login for each part: roles and passwords of their own, as in production. On a private server they end with
// the server; on somebody else's they are taken away.
func (h *house) database(ctx context.Context, server *storetest.Handle) (map[string]string, error) {
	admin, err := pgx.Connect(ctx, server.URL(""))
	if err != nil {
		return nil, errors.New("PostgreSQL cannot be reached: check DATABASE_URL and that the server runs") // pgx's text may quote the address
	}
	defer func() { _ = admin.Close(context.WithoutCancel(ctx)) }()
	name := "choriste_demo_" + secret(4)
	made := []string{}
	if server.Cluster() == nil {
		h.undo = append(h.undo, func() error { return drop(server.URL(""), made) })
	}
	create := func(what, options string) error {
		_, err := admin.Exec(ctx, "CREATE "+what+" "+options)
		if err == nil {
			made = append(made, what)
		}
		return explain(err)
	}
	if err := create("DATABASE "+name, ""); err != nil {
		return nil, err
	}
	if err := migrations.Up(ctx, server.URL(name), nil); err != nil {
		return nil, err
	}
	urls := map[string]string{}
	for _, role := range []string{"worker", "app", "operator"} {
		login, password := name+"_"+role, secret(16)
		if err := create("ROLE "+login, "LOGIN PASSWORD '"+password+"' IN ROLE chorus_"+role); err != nil {
			return nil, err
		}
		urls[role] = server.URLAs(name, login, password)
	}
	return urls, nil
}

// drop takes away what was made, last first.
func drop(url string, made []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	admin, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("PostgreSQL cannot be reached any more; left behind: %v", made)
	}
	defer func() { _ = admin.Close(ctx) }()
	var failures []error
	for k := len(made) - 1; k >= 0; k-- {
		how := ""
		if k == 0 { // the database
			how = " WITH (FORCE)"
		}
		if _, err := admin.Exec(ctx, "DROP "+made[k]+how); err != nil {
			failures = append(failures, fmt.Errorf("left behind: %s: %s", made[k], store.Message(err)))
		}
	}
	return errors.Join(failures...)
}

// explain says which right is missing.
func explain(err error) error {
	if store.SQLState(err) == "42501" {
		return fmt.Errorf("the login of DATABASE_URL may not create databases and roles; unset it to use a private server: %s", store.Message(err))
	}
	return err
}

func (h *house) startPortal(samples []sample) error {
	scripts := map[string][]chorustest.Move{}
	var faults []chorustest.Fault
	for _, s := range samples {
		if s.script != nil {
			scripts[s.numero] = s.script
		}
		if s.fault != "" {
			faults = append(faults, chorustest.Fault{Kind: s.fault, Numero: s.numero})
		}
	}
	var err error
	h.portal, err = chorustest.Start(chorustest.Config{
		Quota: 20, Hidden: integration / 4, Integration: integration, Visibility: visibility, Step: step, Scripts: scripts,
	})
	if err != nil {
		return err
	}
	h.undo = append(h.undo, h.portal.Close)
	h.portal.Faults(faults...)
	return nil
}

// startWorker starts a worker, and the console on an address of its own.
func (h *house) startWorker(ctx context.Context, url string) error {
	pool, err := store.ConnectWorker(ctx, url, "demo", worker.Conns(16))
	if err != nil {
		return err
	}
	h.undo = append(h.undo, func() error { pool.Close(); return nil })
	acting, err := store.ConnectActing(ctx, h.url, "console", 2)
	if err != nil {
		return err
	}
	h.undo = append(h.undo, func() error { acting.Close(); return nil })
	registry := prometheus.NewRegistry()
	w, err := worker.New(worker.Config{
		Pool: pool,
		Accounts: []worker.Account{{Name: "default", Chorus: chorus.Config{
			APIURL: h.portal.APIURL(), TokenURL: h.portal.TokenURL(),
			ClientID: chorustest.DefaultClient.ID, ClientSecret: chorus.Secret(chorustest.DefaultClient.Secret),
			Login: chorustest.DefaultAccount.Login, Password: chorus.Secret(chorustest.DefaultAccount.Password),
		}}},
		Settings: quick(), Quota: 20, Reap: time.Second, Sweep: 500 * time.Millisecond, Drain: 5 * time.Second,
		Registry: registry,
	})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	go func() { h.ended <- w.Run(running) }()
	h.undo = append(h.undo, func() error {
		stop()
		return <-h.ended
	})

	listener, err := listen()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", console.Handler(console.Config{Store: store.New(pool), Operator: store.New(acting)}))
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		mux.Handle("GET "+path, w.Handler(registry))
	}
	server := &http.Server{Handler: console.CheckHost(nil, mux), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	h.undo = append(h.undo, server.Close)
	h.console = "http://" + listener.Addr().String() + "/"
	return nil
}

// listen takes the console's usual port, or the next free one.
func listen() (net.Listener, error) {
	const usual = 8080
	for port := usual; port < usual+20; port++ {
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return l, nil
		}
	}
	return net.Listen("tcp", "127.0.0.1:0")
}

// stop ends everything; what was started last ends first.
func (h *house) stop() error {
	var failures []error
	for k := len(h.undo) - 1; k >= 0; k-- {
		failures = append(failures, h.undo[k]())
	}
	h.undo = nil
	return errors.Join(failures...)
}

func secret(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails: it ends the program instead
	return hex.EncodeToString(b)
}
