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
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
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
	started Config // what a reset goes back to
	cfg     Config
	swagger *swagger

	api, manage *http.Server
	apiURL      string
	manageURL   string
	done        chan struct{}
	closing     sync.Once
	closed      error
	serving     sync.WaitGroup

	requestID atomic.Int64 // given on arrival, before the lock is taken
	bodies    *semaphore.Weighted

	// mu guards everything below. The lock is never held while a client or the disk is waited for, but for older lines of the ledger, which are read under it.
	mu     sync.Mutex
	ledger *ledger
	seq    int64
	lastAt time.Time // of the lines that were read again
	open   map[int64]*openRequest

	requests int64
	world
}

// world is everything that a reset makes anew.
type world struct {
	offset   time.Duration
	latest   time.Time // that the clock has shown
	speed    int       // of the virtual clock; below 2: as the machine's
	hastened time.Time

	agenda  agenda
	planned int64

	landings       map[int64]*landing // by request
	holdings                          // what came in, and what became of it
	fluxSeq        int64
	fluxTotal      int
	invoiceTotal   int
	nextFacture    int64
	structures     map[string]*Structure
	structuresByID map[int64]*Structure
	annuaire       []byte // the file of all recipients; nil: made of the structures
	pieces         map[int64]piece
	lastPiece      int64
	kept           map[int64]keptPiece
	keptBytes      int
	scripts        map[string]uint32 // where the path begins
	ordinary       uint32            // likewise, of the itinerary
	unpaid         uint32            // without its end, which some recipients do not report
	timeline       []*Happening      // of the scenario
	tokens         map[string]*token
	clients        map[string]*Client
	accounts       map[string]*account
	violations     []Violation
	tolerated      []Violation

	profile   *profile
	faults    []*Fault // scripted, in order
	outages   map[string]Fault
	nextFault int
	rates     map[string]*rate
	stats     *stats
	exchanges exchanges // the newest, for the page
}

func newWorld() world {
	return world{
		landings: map[int64]*landing{}, holdings: newHoldings(), structures: map[string]*Structure{},
		structuresByID: map[int64]*Structure{}, pieces: map[int64]piece{}, kept: map[int64]keptPiece{}, scripts: map[string]uint32{},
		tokens: map[string]*token{}, clients: map[string]*Client{}, accounts: map[string]*account{},
		rates: map[string]*rate{}, stats: newStats(), outages: map[string]Fault{}, nextFacture: firstFacture,
	}
}

// Start runs a simulator until Close.
func Start(cfg Config) (*Sim, error) {
	if cfg.Scenario != nil {
		cfg.Scenario.configure(&cfg)
	}
	cfg.defaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Sim{cfg: cfg, started: cfg, done: make(chan struct{}), open: map[int64]*openRequest{}, bodies: semaphore.NewWeighted(maxBodies)}
	var err error
	if s.swagger, err = readSwagger(cfg.Swagger); err != nil {
		return nil, err
	}
	s.begin()
	if s.ledger, err = openLedger(cfg.Ledger, cfg.NoSync); err != nil {
		return nil, err
	}
	if err := s.ledger.replay(s.replay); err != nil {
		return nil, err
	}
	if cfg.Scenario != nil {
		err := error(&UsageError{"scenario", "begins with an empty ledger, and this one has lines"})
		if s.seq == 0 {
			s.record(s.startLine())
			err = s.stage(cfg.Scenario)
		}
		if err != nil {
			return nil, errors.Join(err, s.ledger.close())
		}
	}
	s.requestID.Store(s.requests)
	if behind := s.lastAt.Sub(s.now()); behind > 0 { // the clock ran faster than its last line says, or the machine's was set back
		s.offset += behind
	}
	if err := s.listen(); err != nil {
		return nil, errors.Join(err, s.ledger.close())
	}
	return s, nil
}

// begin makes the world as the configuration has it. Callers hold the lock, or are alone.
func (s *Sim) begin() {
	s.passages.close()
	s.world = newWorld()
	s.passages.folder, s.passages.failed = s.cfg.spillFolder(), func(err error) { s.ledger.fail(err) }
	s.ordinary, s.unpaid = s.addPath(itinerary), s.addPath(itinerary[:len(itinerary)-1])
	s.profile = newProfile(s.cfg.Profile, s.cfg.Seed)
	for _, st := range append(DefaultStructures(), s.cfg.Structures...) {
		st.Services = slices.Clone(st.Services) // they get their numbers
		s.addStructure(st)
	}
	for _, c := range s.cfg.Clients {
		s.clients[c.ID] = &c
	}
	for _, a := range s.cfg.Accounts {
		if a.Expires.IsZero() {
			a.Expires = defaultExpiry(time.Now())
		}
		s.accounts[a.Login] = &account{Account: a}
		s.attach(a)
	}
	for numero, moves := range s.cfg.Scripts {
		s.scripts[numero] = s.addPath(moves)
	}
}

func (s *Sim) listen() error {
	api, err := net.Listen("tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("API door: %w (another address by -listen)", err)
	}
	manage, err := net.Listen("tcp", s.cfg.Manage)
	if err != nil {
		_ = api.Close()
		return fmt.Errorf("management door: %w (another address by -manage)", err)
	}
	s.apiURL, s.manageURL = "http://"+api.Addr().String(), "http://"+manage.Addr().String()
	s.api = &http.Server{
		Handler: http.HandlerFunc(s.serveAPI), ReadHeaderTimeout: time.Minute, ReadTimeout: slowest, IdleTimeout: slowest, MaxHeaderBytes: maxHeader, ErrorLog: quiet(),
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, connection{}, new(atomic.Int64))
		},
	}
	s.manage = &http.Server{
		Handler: s.manageHandler(), ReadHeaderTimeout: time.Minute, ReadTimeout: time.Minute, IdleTimeout: slowest, MaxHeaderBytes: maxHeader, ErrorLog: quiet(),
	}
	s.mu.Lock()
	s.record(s.startLine())
	s.mu.Unlock()
	_ = s.ledger.flush() // a failure is kept, and told by Broken
	api, manage = limit(api, maxConnections), limit(manage, maxManaging)
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

// Broken is closed when the ledger cannot be written any more: no answer leaves from then on. Close returns why.
func (s *Sim) Broken() <-chan struct{} { return s.ledger.broken }

// Close ends every exchange at once and closes the ledger. It may be called twice.
func (s *Sim) Close() error {
	s.closing.Do(func() {
		close(s.done)
		err := errors.Join(s.api.Close(), s.manage.Close())
		s.serving.Wait()
		s.awaitHandlers()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.passages.close()
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
