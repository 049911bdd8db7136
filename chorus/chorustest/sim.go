// Package chorustest is a simulator of PISTE and Chorus Pro as a supplier meets them: the OAuth door, the
// gateway with its quota, the operations a supplier uses, and behind them a portal that integrates deposits
// later, moves invoices along their life and refuses what the real one refuses.
//
// It is hostile when asked (Faults, Config.Profile) and exact in its counting: every request, acceptance and
// answer is a line of its ledger, written before the answer leaves. It knows no client of this project.
// docs/simulator.md describes the doors, and what is known, and what is guessed.
package chorustest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Config says what to simulate. The zero value is a calm portal that integrates within a few milliseconds,
// shows invoices at once, and leaves their statut alone.
type Config struct {
	Listen string // API and token door, default 127.0.0.1:0
	Manage string // management door, default 127.0.0.1:0

	Seed    uint64
	Profile string // calm (default), hostile or late
	Quota   int    // requests per second and client, default 20; negative = none

	Ledger string // file; "" = in memory, gone at the end
	NoSync bool   // do not wait for the disk: survives a killed process, not a power cut

	Clients    []Client  // default DefaultClient
	Accounts   []Account // default DefaultAccount
	Structures []Structure

	// KnownSuppliersOnly refuses invoices of suppliers that are not among the structures. Otherwise a SIRET
	// that is not known yet is registered by its first invoice.
	KnownSuppliersOnly bool
	// AcceptDuplicates switches the uniqueness of year, SIREN and number off: assumption U of the design.
	// A harness that looks for double deposits wants it so, or the portal hides them.
	AcceptDuplicates bool
	// AcceptFutureDates takes invoices that are dated later than their deposit: a harness has no days to let pass.
	AcceptFutureDates bool

	// Virtual times.
	Hidden      time.Duration // a report is "introuvable" for so long after the deposit; default 2 ms
	Integration time.Duration // a deposit is integrated within (half of it at least); default 8 ms
	Visibility  time.Duration // V: search lags the deposit by up to this, drawn for each; default 0
	LagFrom     time.Duration // the search shows each integration and each statut so much later at least,
	Lag         time.Duration // and so much at most, drawn for each: a later one may show before an earlier one; see also Sim.SetLag
	Step        time.Duration // from one statut to the next; 0 = only when moved by hand
	Late        time.Duration // commit_late lands between half of this and this after arrival; default 2 min
	LateAfterD  time.Duration // late_after_D lands so long after arrival; default 20 min
	TokenLife   time.Duration // default 3600 s

	HangFor time.Duration // real time that a hanging answer holds a connection, default 5 min

	MaxPage          int    // most rows granted per page, default 100
	Empty            string // how an empty search answers: "0", "20000", or "" = by turns
	SubstringNumbers bool   // the search matches numeroFacture anywhere, not exactly [G: unknown]

	// What the search makes of periodeDateHeureEtatCourant [G: unknown]; see also Sim.Periods.
	PeriodsByDay   bool          // ignores the time of day
	PeriodsIgnored bool          // ignores it
	PeriodsShift   time.Duration // takes changes for so much later than it says they were, as in another zone

	Scripts map[string][]Move // by invoice number: the statuts after DEPOSEE

	Swagger            []string // official Swagger 2.0 files to check requests against
	TolerateViolations bool     // New does not fail the test for malformed requests
}

// Client is a PISTE application.
type Client struct {
	ID, Secret   string
	Unsubscribed []string // APIs not ticked in PISTE: factures, transverses, structures, utilisateurs, engagementsJuridiques
}

// Account is a technical account of Chorus Pro.
type Account struct {
	Login, Password string
	Structures      []string  // SIRETs of the supplier structures it is attached to; empty = every one
	Expires         time.Time // of the password; default 424 days after the start
	Locked          bool
}

// The credentials that a simulator accepts when none are given.
var (
	DefaultClient  = Client{ID: "sim", Secret: "sim-secret"}
	DefaultAccount = Account{Login: "TECH_SIM@cpro.fr", Password: "sim-password"}
)

type account struct {
	Account
	failures int // wrong passwords in a row; five lock it
}

// Violation is a request that no correct client sends.
type Violation struct {
	Request int64  `json:"request"`
	Op      string `json:"op"`
	Reason  string `json:"reason"`
}

// Sim is a running simulator.
type Sim struct {
	cfg     Config
	profile *profile
	swagger *swagger

	api, manage *http.Server
	apiURL      string
	manageURL   string
	done        chan struct{}
	closing     sync.Once
	closed      error
	serving     sync.WaitGroup

	requestID atomic.Int64 // given on arrival, before the lock is taken

	// mu guards everything below. The lock is never held while a client or the disk is waited for.
	mu     sync.Mutex
	ledger *ledger
	seq    int64
	offset time.Duration

	agenda  agenda
	planned int64

	requests       int64
	landings       map[int64]*landing // by request
	fluxes         map[string]*flux
	fluxSeq        int64
	factures       map[int64]*facture
	order          []*facture // by identifiantFactureCPP
	byNumero       map[string][]*facture
	nextFacture    int64
	passages       int64
	taken          map[string]bool // keys that are integrated or will be
	structures     map[string]*Structure
	structuresByID map[int64]*Structure
	annuaire       []byte // the file of all recipients; nil: made of the structures
	pieces         map[int64]piece
	scripts        map[string][]Move
	tokens         map[string]*token
	clients        map[string]*Client
	accounts       map[string]*account
	violations     []Violation

	faults    []*Fault // scripted, in order
	outages   map[string]Fault
	nextFault int
	open      map[int64]*openRequest
	rates     map[string]*rate
	stats     *stats
}

// Start runs a simulator until Close.
func Start(cfg Config) (*Sim, error) {
	cfg.defaults()
	prof, err := newProfile(cfg.Profile, cfg.Seed)
	if err != nil {
		return nil, err
	}
	s := &Sim{
		cfg: cfg, profile: prof, done: make(chan struct{}),
		landings: map[int64]*landing{}, fluxes: map[string]*flux{}, factures: map[int64]*facture{},
		byNumero: map[string][]*facture{}, taken: map[string]bool{}, structures: map[string]*Structure{},
		structuresByID: map[int64]*Structure{}, pieces: map[int64]piece{}, scripts: map[string][]Move{},
		tokens: map[string]*token{}, clients: map[string]*Client{}, accounts: map[string]*account{},
		open: map[int64]*openRequest{}, rates: map[string]*rate{}, stats: newStats(),
		outages: map[string]Fault{}, nextFacture: firstFacture,
	}
	if s.swagger, err = readSwagger(cfg.Swagger); err != nil {
		return nil, err
	}
	for _, st := range append(DefaultStructures(), cfg.Structures...) {
		s.addStructure(st)
	}
	for _, c := range cfg.Clients {
		s.clients[c.ID] = &c
	}
	for _, a := range cfg.Accounts {
		if a.Expires.IsZero() {
			a.Expires = defaultExpiry(time.Now())
		}
		s.accounts[a.Login] = &account{Account: a}
		s.attach(a)
	}
	for numero, moves := range cfg.Scripts {
		s.scripts[numero] = moves
	}
	if s.ledger, err = openLedger(cfg.Ledger, cfg.NoSync, func(e Entry) error { s.apply(&e); return nil }); err != nil {
		return nil, err
	}
	s.requestID.Store(s.requests)
	if err := s.listen(); err != nil {
		return nil, errors.Join(err, s.ledger.close())
	}
	return s, nil
}

func (c *Config) defaults() {
	text := func(v *string, d string) {
		if *v == "" {
			*v = d
		}
	}
	duration := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	text(&c.Listen, "127.0.0.1:0")
	text(&c.Manage, "127.0.0.1:0")
	text(&c.Profile, "calm")
	if c.Quota == 0 {
		c.Quota = 20
	}
	if c.MaxPage == 0 {
		c.MaxPage = 100
	}
	if len(c.Clients) == 0 {
		c.Clients = []Client{DefaultClient}
	}
	if len(c.Accounts) == 0 {
		c.Accounts = []Account{DefaultAccount}
	}
	duration(&c.Hidden, 2*time.Millisecond)
	duration(&c.Integration, 8*time.Millisecond)
	duration(&c.Late, 2*time.Minute)
	duration(&c.LateAfterD, 20*time.Minute)
	duration(&c.TokenLife, time.Hour)
	duration(&c.HangFor, 5*time.Minute)
}

func (s *Sim) listen() error {
	api, err := net.Listen("tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("API door: %w", err)
	}
	manage, err := net.Listen("tcp", s.cfg.Manage)
	if err != nil {
		_ = api.Close()
		return fmt.Errorf("management door: %w", err)
	}
	s.apiURL, s.manageURL = "http://"+api.Addr().String(), "http://"+manage.Addr().String()
	s.api = &http.Server{
		Handler: http.HandlerFunc(s.serveAPI), ReadHeaderTimeout: time.Minute, ErrorLog: quiet(),
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, connection{}, new(atomic.Int64))
		},
	}
	s.manage = &http.Server{Handler: s.manageHandler(), ReadHeaderTimeout: time.Minute, ErrorLog: quiet()}
	s.mu.Lock()
	s.record(Entry{Type: "start", Seed: s.cfg.Seed, Profile: s.cfg.Profile})
	s.mu.Unlock()
	s.serving.Add(3)
	go func() { defer s.serving.Done(); _ = s.api.Serve(api) }()
	go func() { defer s.serving.Done(); _ = s.manage.Serve(manage) }()
	go func() { defer s.serving.Done(); s.housekeeping() }()
	return nil
}

// APIURL is the API's root, without /cpro.
func (s *Sim) APIURL() string { return s.apiURL }

// TokenURL is the full address of the token endpoint.
func (s *Sim) TokenURL() string { return s.apiURL + tokenPath }

// ManageURL is the root of the management door.
func (s *Sim) ManageURL() string { return s.manageURL }

// Close ends every exchange at once and closes the ledger. It may be called twice.
func (s *Sim) Close() error {
	s.closing.Do(func() {
		close(s.done)
		err := errors.Join(s.api.Close(), s.manage.Close())
		s.serving.Wait()
		s.awaitHandlers()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.closed = errors.Join(err, s.ledger.close())
	})
	return s.closed
}

// awaitHandlers waits until no handler holds an exchange any more: they end because their connections were
// closed and done is closed.
func (s *Sim) awaitHandlers() {
	for range 2000 {
		s.mu.Lock()
		n := len(s.open)
		s.mu.Unlock()
		if n == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// Violations are the malformed and undocumented requests so far.
func (s *Sim) Violations() []Violation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Violation{}, s.violations...)
}

// Deposit is one document that the portal has accepted.
type Deposit struct {
	Request      int64     `json:"request"`
	Flux         string    `json:"numeroFluxDepot"`
	At           time.Time `json:"at"`
	Facts        Facts     `json:"facts"`
	NomFichier   string    `json:"nomFichier"`
	RefusedLater bool      `json:"refused_later"`
	RefusedAs    string    `json:"refused_as,omitempty"`            // technical, rules, structure, duplicate, fault, incident, vanished or forgotten
	Facture      int64     `json:"identifiantFactureCPP,omitempty"` // once integrated
	Statut       string    `json:"statut,omitempty"`
}

// Deposits returns what the portal has accepted under an invoice number, oldest first.
func (s *Sim) Deposits(numero string) []Deposit {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	var all []Deposit
	for _, fl := range s.fluxes {
		for _, d := range fl.depots {
			if d.facts.Numero != numero {
				continue
			}
			x := Deposit{
				Request: fl.request, Flux: fl.numero, At: fl.at, Facts: *d.facts, NomFichier: fl.nomFichier,
				RefusedLater: d.refusedAs != "", RefusedAs: d.refusedAs,
			}
			if d.facture != nil {
				x.Facture, x.Statut = d.facture.id, d.facture.statut().Statut
			}
			all = append(all, x)
		}
	}
	for _, f := range s.byNumero[numero] {
		if f.request != 0 {
			all = append(all, Deposit{Request: f.request, At: f.deposeLe, Facts: *f.Facts, Facture: f.id, Statut: f.statut().Statut})
		}
	}
	sortBy(all, func(d Deposit) int64 { return d.At.UnixNano() })
	return all
}
