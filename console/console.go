// Package console is what an operator sees in a browser: what needs a person, the invoices and the history of each, what differs from the portal, and how the
// fleet fares. Its pages show what the commands print, from the same functions, in English and French. They need no JavaScript; with it, they are kept current.
package console

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/openid"
	"github.com/choriste/choriste/store"
)

const (
	// pageWithin is how long one page may take, the wait for its turn included.
	pageWithin = 20 * time.Second
	// mostAtOnce is how many pages are made at once: a worker's connections are for its work.
	mostAtOnce = 3
)

// console is what the pages share.
type console struct {
	store *store.Store
	turn  chan struct{}

	operator  *store.Store  // nil: nobody acts
	own       string        // what forms carry without sign-in
	users     func() []User // nil: nobody is asked who he is
	groups    func() []Group
	openID    *signInAt // nil: no provider signs people in
	header    *Header   // nil: no proxy signs people in
	secure    bool
	sessions  *sessions
	trail     *trail
	log       *slog.Logger
	hashing   chan struct{}
	reading   chan struct{} // one document at a time
	receiving chan struct{} // one form with files at a time
	runs      runs
	readings  readings
	flows     flows
	counts    counts
	shown     func() []Setting // nil: nobody says
}

// Config is what the pages are served with.
type Config struct {
	Store *store.Store
	// Operator is for acts, and for the pages of who may see some accounts only; of a pool of store.ConnectActing, whose login is a member of chorus_operator. Nil: the pages only read.
	Operator *store.Store
	// Users are those who may sign in, asked for at each request. Nil: nobody is asked; serve the pages to this machine alone then, or behind something that asks.
	Users func() []User
	// Groups are the values of a provider's claim, or of a proxy's header, that give a role; asked for at each request. Only with Users.
	Groups func() []Group
	// OpenID signs people in, or nil. Only with Users, which may be none.
	OpenID *openid.Provider
	// Header is how a proxy signs people in, or nil. Only with Users, which may be none.
	Header *Header
	// Log is told of sign-ins, and of those that were refused; nil: nobody is.
	Log *slog.Logger
	// Settings lists those that the process runs with, without secrets; nil: none are shown.
	Settings func() []Setting
	// Secure says that browsers come by TLS: then they give the session's cookie to nobody else.
	Secure bool
}

// view is a request for one page, in the language of its reader.
type view struct {
	*http.Request
	lang string
}

// t chooses the text of the reader's language.
func (v view) t(en, fr string) string {
	if v.lang == "fr" {
		return fr
	}
	return en
}

// content is what a page shows: the template of its name fills the frame.
type content struct {
	page    string // its template
	title   string
	data    any
	status  int    // 0 = 200
	to      string // another address, which the browser is sent to instead
	at      string // the page's address for the other language, where it is not the one that was asked for
	again   bool   // a browser without JavaScript asks for it again after a moment
	live    bool   // it is kept current in the browser
	running int    // acts on several invoices that go on, for who may act
}

// maker makes one page.
type maker func(context.Context, view) (content, error)

// errNotFound is the error of a page about something that there is not.
var errNotFound = errors.New("there is no such page")

// Handler serves the pages.
func Handler(cfg Config) http.Handler {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	c := &console{
		store: cfg.Store, operator: cfg.Operator, own: secret(), turn: make(chan struct{}, mostAtOnce),
		users: cfg.Users, groups: cfg.Groups, openID: newSignInAt(cfg.OpenID, cfg.Log), header: cfg.Header, secure: cfg.Secure, sessions: newSessions(), trail: newTrail(), log: cfg.Log, hashing: make(chan struct{}, 1), reading: make(chan struct{}, 1), receiving: make(chan struct{}, 1), runs: runs{list: map[string]*run{}},
		readings: readings{list: map[string]*reading{}}, flows: flows{list: map[string]*flow{}}, counts: counts{list: map[string]*count{}}, shown: cfg.Settings,
	}
	mux := http.NewServeMux()
	for pattern, serve := range c.routes() {
		mux.HandleFunc(pattern, serve)
	}
	return secure(c.guard(mux))
}

// routes is everything that is served, by the pattern of its address.
func (c *console) routes() map[string]http.HandlerFunc {
	list := map[string]http.HandlerFunc{
		"GET /charts/{chart}":          draw,
		"GET /icon.svg":                icon,
		"GET /audit.csv":               c.auditCSV,
		"GET /invoices.csv":            c.invoicesCSV,
		"GET /allowed/operator":        c.allowed,
		"POST /signin":                 c.signIn,
		"GET /signin/openid":           c.toProvider,
		"GET " + openid.CallbackPath:   c.fromProvider,
		"POST /invoices/{id}/{act}":    c.acting(Operator, c.act),
		"POST /invoices/{id}/complete": c.uploading(Operator, c.remedy("complete")),
		"POST /invoices/{id}/recycle":  c.uploading(Operator, c.remedy("recycle")),
		"POST /invoices/{id}/replace":  c.uploading(Operator, c.remedy("replace")),
		"POST /invoices/{id}/evidence": c.evidence,
		"POST /invoices/{id}/document": c.acting(Operator, c.document),
		"POST /invoices/{id}/file":     c.file,
		"POST /acts":                   c.acting(Operator, c.choose),
		"POST /acts/start":             c.acting(Operator, c.start),
		"POST /requests/{id}":          c.acting(Operator, c.answerRequest),
		"POST /acts/{run}/stop":        c.acting(Operator, c.stop),
		"POST /views":                  c.acting(Operator, c.saveView),
		"POST /views/delete":           c.acting(Operator, c.deleteView),
		"POST /accounts/{act}":         c.acting(Administrator, c.doing(accountDeeds, "/accounts")),
		"POST /webhooks/{act}":         c.acting(Administrator, c.doing(webhookDeeds, "/webhooks")),
		"POST /resubmission/{act}":     c.acting(Administrator, c.doing(resubmissionDeeds, "/accounts")),
		"POST /findings/{act}":         c.acting(Operator, c.doing(findingDeeds, "/findings")),
		"POST /signout":                c.signOut,
	}
	for path, build := range map[string]maker{
		"/acts":       c.confirm,
		"/causes":     c.causes,
		"/findings":   c.findings,
		"/recipients": c.recipients,
		"/money":      c.money,
		"/accounts":   c.accounts,
		"/webhooks":   c.webhooks,
		"/audit":      c.audit,
		"/settings":   c.settings,
		"/signin":     c.signinPage,
		"/find":       c.find,
		"/":           func(context.Context, view) (content, error) { return content{}, errNotFound },
	} {
		list["GET "+path] = c.page(build)
	}
	for path, build := range map[string]maker{
		"/{$}":           c.overview,
		"/invoices":      c.invoices,
		"/invoices/{id}": c.invoice,
		"/acts/{run}":    c.progress,
	} {
		list["GET "+path] = c.kept(build)
	}
	for _, a := range []asset{style, htmx, live} {
		list["GET "+a.path] = a.serve
	}
	return list
}

// secure has browsers load nothing from elsewhere, run nothing but our two scripts, and keep nothing.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// enter waits for a turn. The context that it returns ends when the page has taken too long; leave gives the turn back.
func (c *console) enter(r *http.Request) (ctx context.Context, leave func(), err error) {
	ctx, cancel := context.WithTimeout(r.Context(), pageWithin)
	select {
	case c.turn <- struct{}{}:
		return ctx, func() { <-c.turn; cancel() }, nil
	case <-ctx.Done():
		cancel()
		return nil, nil, errBusy
	}
}

// errBusy is the error of whoever has waited for his turn in vain.
var errBusy = errors.New("too many pages are asked for at once")

// page serves one page, or says in its frame why it cannot. It waits for its turn.
func (c *console) page(build maker) http.HandlerFunc {
	return c.answer(func(ctx context.Context, v view) (content, error) {
		ctx, leave, err := c.enter(v.WithContext(ctx))
		if err != nil {
			return content{}, err
		}
		defer leave()
		return build(ctx, v)
	})
}

// kept serves a page that is kept current. Whoever watches it waits for no turn: only a new reading does (current).
func (c *console) kept(build maker) http.HandlerFunc {
	loaded, watched := c.page(build), c.answer(build)
	return func(w http.ResponseWriter, r *http.Request) {
		if watches(r) {
			watched(w, r)
		} else {
			loaded(w, r)
		}
	}
}

func (c *console) answer(build maker) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		lang, chosen := languageChosen(w, r)
		if chosen {
			return
		}
		v := view{r, lang}
		if r.Method == http.MethodPost { // before the turn: who sends slowly keeps nobody waiting
			r.Body = http.MaxBytesReader(w, r.Body, mostForm)
			_ = r.ParseForm() // what could not be read is not there
		}
		body, err := build(r.Context(), v)
		status := max(body.status, http.StatusOK)
		if err != nil {
			status, body = failed(v, err)
		}
		if body.to != "" {
			http.Redirect(w, r, body.to, http.StatusSeeOther)
			return
		}
		if c.may(r, Operator) && body.page != "run" && body.page != "runs" {
			body.running = c.runs.going(c.as(r.Context(), r, Operator))
		}
		render(w, v, status, body)
	}
}

// failed is the page of an error. Errors of the database are said as the commands say them, without values.
func failed(v view, err error) (int, content) {
	body := content{page: "error", title: v.t("This page cannot be shown", "Cette page ne peut pas être affichée")}
	var wrong wrongInput
	var role errRole
	switch {
	case errors.Is(err, errNotFound), errors.Is(err, pgx.ErrNoRows):
		body.title = v.t("There is nothing here", "Il n'y a rien ici")
		body.data = v.t("No page or invoice has this address.", "Aucune page ni facture n'a cette adresse.")
		return http.StatusNotFound, body
	case errors.As(err, &role):
		return http.StatusForbidden, v.forbidden(Role(role))
	case errors.As(err, new(forbiddenWhy)):
		return http.StatusForbidden, v.refused(err.Error())
	case errors.As(err, &wrong):
		body.data = wrong.Error()
		return http.StatusBadRequest, body
	case errors.As(err, new(english)):
		body.data = err
		return http.StatusBadRequest, body
	case errors.Is(err, errNoText), store.SQLState(err) == "22021":
		body.data = v.t("A text has a byte that no text has.", "Un texte contient un octet qu'aucun texte ne contient.")
		return http.StatusBadRequest, body
	case errors.Is(err, errBusy):
		body.data = v.t("Too many pages are asked for at once: try again.", "Trop de pages sont demandées à la fois : réessayez.")
		return http.StatusServiceUnavailable, body
	}
	body.data = english(strings.ToUpper(store.Message(err)[:1]) + store.Message(err)[1:] + ".")
	return http.StatusServiceUnavailable, body
}

// english is what the database says: a page puts it into French, or marks it (view.said).
type english string

func (e english) Error() string { return string(e) }

// wrongInput is an error of whoever wrote the address.
type wrongInput string

func (e wrongInput) Error() string { return string(e) }
