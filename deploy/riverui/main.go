// Command choriste-riverui serves River UI, the pages of the job queue under choriste, to operators of all accounts: it asks the console whether who comes has signed in there. It shows and
// changes nothing: every request that is not a reading is refused, and so is every statement that writes. The row of an invoice is the truth, and jobs only carry it out, so there is nothing to do here.
//
// It is a module of its own, so that choriste has neither its dependencies nor its licence (MPL-2.0).
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"riverqueue.com/riverui"

	"github.com/choriste/choriste/console"
)

// prefix is where the pages are, so that a proxy can serve them under the console's own name.
const prefix = "/river"

type settings struct {
	databaseURL string
	listen      string
	console     string   // where it is asked who somebody is
	signIn      string   // where somebody is sent to sign in
	hosts       []string // by which this is asked for, beside addresses
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := run(ctx, os.Getenv, log); err != nil {
		fmt.Fprintln(os.Stderr, "choriste-riverui:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to be done
	}
}

// load reads the settings.
func load(getenv func(string) string) (s settings, err error) {
	or := func(name, otherwise string) string {
		if v := getenv(name); v != "" {
			return v
		}
		return otherwise
	}
	s = settings{
		databaseURL: getenv("DATABASE_URL"), listen: or("CHORISTE_RIVERUI_LISTEN", "127.0.0.1:8081"), console: strings.TrimSuffix(or("CHORISTE_RIVERUI_CONSOLE", "http://127.0.0.1:8080"), "/"),
		hosts: strings.FieldsFunc(getenv("CHORISTE_HOSTS"), func(r rune) bool { return r == ',' || r == ' ' }),
	}
	s.signIn = strings.TrimSuffix(or("CHORISTE_RIVERUI_SIGNIN", s.console), "/")
	if file := getenv("DATABASE_URL_FILE"); file != "" {
		b, err := os.ReadFile(file) //nolint:gosec // the operator's own file
		if err != nil {
			return s, errors.New("DATABASE_URL_FILE cannot be read")
		}
		s.databaseURL = strings.TrimSpace(string(b))
	}
	if s.databaseURL == "" {
		return s, errors.New("DATABASE_URL is not set: a login that may read the schema river is enough")
	}
	for name, address := range map[string]string{"CHORISTE_RIVERUI_CONSOLE": s.console, "CHORISTE_RIVERUI_SIGNIN": s.signIn} {
		if u, err := url.Parse(address); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return s, fmt.Errorf("%s must be an address as http://127.0.0.1:8080", name)
		}
	}
	host, _, err := net.SplitHostPort(s.listen)
	if ip, wrong := netip.ParseAddr(host); err != nil || host != "localhost" && (wrong != nil || !ip.IsLoopback()) {
		return s, errors.New("CHORISTE_RIVERUI_LISTEN must be of this machine alone, as 127.0.0.1:8081: for others, put the proxy before it that is before the console")
	}
	return s, nil
}

func run(ctx context.Context, getenv func(string) string, log *slog.Logger) error {
	s, err := load(getenv)
	if err != nil {
		return err
	}
	handler, closeAll, err := serve(ctx, s, log)
	if err != nil {
		return err
	}
	defer closeAll()
	server := &http.Server{
		Addr: s.listen, Handler: handler,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
	}
	go func() {
		<-ctx.Done()
		done, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(done)
	}()
	log.Info("River UI is served to operators of all accounts", "address", "http://"+s.listen+prefix+"/", "console", s.console)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// serve makes the handler; closeAll ends what it has opened.
func serve(ctx context.Context, s settings, log *slog.Logger) (handler http.Handler, closeAll func(), err error) {
	config, err := pgxpool.ParseConfig(s.databaseURL)
	if err != nil {
		return nil, nil, errors.New("DATABASE_URL cannot be read: it should look like postgres://user@host:5432/database") // what the library says may hold the password
	}
	config.MaxConns = 3
	config.ConnConfig.ConnectTimeout = 10 * time.Second
	config.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	config.ConnConfig.RuntimeParams["statement_timeout"] = "10s"
	config.ConnConfig.RuntimeParams["application_name"] = "choriste-riverui"
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, nil, errors.New("DATABASE_URL cannot be used")
	}
	client, err := river.NewClient[pgx.Tx](riverpgxv5.New(pool), &river.Config{Schema: "river", Logger: log})
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	pages, err := riverui.NewHandler(&riverui.HandlerOpts{Endpoints: riverui.NewEndpoints(client, nil), Logger: log, Prefix: prefix})
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	if err := pages.Start(ctx); err != nil {
		pool.Close()
		return nil, nil, err
	}
	return console.CheckHost(s.hosts, secured(readOnly(s.signedIn(log, pages)))), pool.Close, nil
}

// secured has browsers load nothing from elsewhere. River UI sets styles in its page.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// readOnly refuses what would cancel, retry or delete a job, or pause a queue: the next round of choriste would do it over again, and the audit trail would know nothing of it.
func readOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "Nothing is changed here: act on the invoice, by the console or a command of choriste.", http.StatusMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// askWithin is how long the console may take to answer.
const askWithin = 5 * time.Second

// signedIn lets in whom the console knows as an operator of all accounts, by the cookie of his session there. It is asked each time, so who is signed out there is out here. No other header is
// handed on: the console may believe this machine about names in headers. What a page asks for by itself does not keep the session alive.
func (s settings) signedIn(log *slog.Logger, next http.Handler) http.Handler {
	client := &http.Client{Timeout: askWithin, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ask, err := http.NewRequestWithContext(r.Context(), http.MethodGet, s.console+"/allowed/operator", nil)
		if err != nil {
			http.Error(w, "The console cannot be asked.", http.StatusBadGateway)
			return
		}
		ask.Header["Cookie"] = r.Header["Cookie"]
		if strings.HasPrefix(r.URL.Path, prefix+"/api/") {
			ask.Header.Set("HX-Request", "true")
		}
		answer, err := client.Do(ask)
		if err != nil {
			log.Warn("the console does not answer", "console", s.console)
			http.Error(w, "The console does not answer, so nobody is let in.", http.StatusBadGateway)
			return
		}
		_ = answer.Body.Close()
		switch answer.StatusCode {
		case http.StatusNoContent:
			next.ServeHTTP(w, r)
		case http.StatusSeeOther, http.StatusUnauthorized:
			http.Error(w, "Sign in to the console first ("+s.signIn+"/), by the same host name, then load this again.", http.StatusUnauthorized)
		default:
			http.Error(w, "This is for operators of all accounts.", http.StatusForbidden)
		}
	})
}
