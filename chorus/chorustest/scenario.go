package chorustest

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// Scenario is a course of events at the portal, and what a good client makes of it. docs/simulator.md describes the file.
type Scenario struct {
	Name    string `json:"-"`
	About   string `json:"about"`
	Apropos string `json:"a_propos"` // the same in French

	Seed       uint64            `json:"seed"`
	Profile    string            `json:"profile"`
	Quota      int               `json:"quota"`
	Step       Duration          `json:"step"`
	Visibility Duration          `json:"visibility"`
	LagFrom    Duration          `json:"lag_from"`
	Lag        Duration          `json:"lag"`
	Late       Duration          `json:"late"`
	Begins     string            `json:"begins"` // 12-31T23:50: the clock stands at the next such moment of Paris
	Accounts   []ScenarioAccount `json:"accounts"`
	Structures []Structure       `json:"structures"`
	Scripts    map[string][]Move `json:"scripts"` // by number; * is every other
	Faults     []Fault           `json:"faults"`
	Typed      []Facts           `json:"typed"`    // invoices that people type in at the portal before anything else; dateFacture may be "today"
	Timeline   []Happening       `json:"timeline"` // in virtual time since the start
	Expect     []Expectation     `json:"expect"`
}

// ScenarioAccount is a technical account whose password may end.
type ScenarioAccount struct {
	Login      string   `json:"login"`
	Password   string   `json:"password"`
	Structures []string `json:"structures"`
	ExpiresIn  Duration `json:"expires_in"`
}

// Happening is what the portal does at its moment: exactly one of the fields after After.
type Happening struct {
	After   Duration         `json:"after"`
	Faults  []Fault          `json:"faults,omitempty"`
	Clear   bool             `json:"clear,omitempty"` // of faults
	Outage  *outageAsk       `json:"outage,omitempty"`
	Revoke  bool             `json:"revoke,omitempty"` // of every token
	Weather *bool            `json:"weather,omitempty"`
	Account *ScenarioAccount `json:"account,omitempty"` // a new password
}

type outageAsk struct {
	On    bool   `json:"on"`
	Scope string `json:"scope"`
	Kind  string `json:"kind,omitempty"`
}

// Expectation is a bound on what the ledger counts.
type Expectation struct {
	What   string `json:"what"`             // accepted, twice, refused, integrated, statut, requests, answers, violations, max_rate
	Numero string `json:"numero,omitempty"` // accepted, refused, integrated, statut: only this one
	Op     string `json:"op,omitempty"`     // requests, answers
	Status int    `json:"status,omitempty"` // answers
	Statut string `json:"statut,omitempty"` // statut: invoices that have been in it
	Min    *int   `json:"min,omitempty"`
	Max    *int   `json:"max,omitempty"`

	Is  int  `json:"is"`  // set when asked
	Met bool `json:"met"` // likewise
}

// Duration is written as 90m or 36h.
type Duration time.Duration

// UnmarshalJSON reads it.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	v, err := time.ParseDuration(text)
	if err != nil || v < 0 {
		return fmt.Errorf("%.40q is not a positive duration as 90m or 36h", text)
	}
	*d = Duration(v)
	return nil
}

// MarshalJSON writes it.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

//go:embed scenarios/*.json
var scenarioFiles embed.FS

// Scenarios are the names of those that are shipped.
func Scenarios() (all []string) {
	names, _ := fs.Glob(scenarioFiles, "scenarios/*.json")
	for _, name := range names {
		all = append(all, strings.TrimSuffix(path.Base(name), ".json"))
	}
	return all
}

// ReadScenario reads a file, or one that is shipped by its name.
func ReadScenario(name string) (*Scenario, error) {
	raw, err := []byte(nil), error(nil)
	if slices.Contains(Scenarios(), name) {
		raw, err = scenarioFiles.ReadFile("scenarios/" + name + ".json")
	} else if raw, err = readBounded(name, maxScenario); errors.Is(err, fs.ErrNotExist) {
		return nil, &UsageError{"scenario", fmt.Sprintf("%q is neither a file nor one of %s", name, strings.Join(Scenarios(), ", "))}
	}
	if err != nil {
		return nil, fmt.Errorf("scenario %w", err)
	}
	sc, err := parseScenario(raw)
	if err != nil {
		return nil, &UsageError{"scenario", fmt.Sprintf("%s: %v", name, err)}
	}
	sc.Name = strings.TrimSuffix(path.Base(name), ".json")
	return sc, nil
}

// readBounded reads a file that may be so large at most.
func readBounded(name string, most int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	raw, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(raw)) > most {
		err = &UsageError{name, fmt.Sprintf("is larger than %d bytes", most)}
	}
	return raw, err
}

// nextMoment is the next 12-31T23:50 of Paris.
func nextMoment(text string, now time.Time) (time.Time, error) {
	at, err := time.ParseInLocation("01-02T15:04", text, Paris)
	if err != nil {
		return time.Time{}, fmt.Errorf("begins: %.40q is not as 12-31T23:50", text)
	}
	for year := now.In(Paris).Year(); ; year++ {
		if t := time.Date(year, at.Month(), at.Day(), at.Hour(), at.Minute(), 0, 0, Paris); t.After(now) {
			return t, nil
		}
	}
}

// configure puts the scenario into a configuration; what the configuration says by itself comes first.
func (sc *Scenario) configure(c *Config) {
	for into, d := range map[*time.Duration]Duration{&c.Step: sc.Step, &c.Visibility: sc.Visibility, &c.LagFrom: sc.LagFrom, &c.Lag: sc.Lag, &c.Late: sc.Late} {
		if *into == 0 {
			*into = time.Duration(d)
		}
	}
	if c.Seed == 0 {
		c.Seed = sc.Seed
	}
	if c.Profile == "" {
		c.Profile = sc.Profile
	}
	if c.Quota == 0 {
		c.Quota = sc.Quota
	}
	c.Structures = append(slices.Clone(sc.Structures), c.Structures...)
	if c.Scripts == nil {
		c.Scripts = sc.Scripts
	}
}

// stage sets the scene: callers hold the lock, the world is new.
func (s *Sim) stage(sc *Scenario) error {
	if sc.Begins != "" {
		at, err := nextMoment(sc.Begins, s.now())
		if err != nil {
			return err
		}
		s.record(Entry{Type: "clock", OffsetMS: (s.offset + at.Sub(s.now())).Milliseconds()})
	}
	for _, a := range sc.Accounts {
		s.putAccount(a)
	}
	for _, f := range sc.Typed {
		if f.Date == "today" {
			f.Date = dayOf(s.now())
		}
		if err := f.asTyped(); err != nil {
			return fmt.Errorf("typed: %w", err)
		}
		if _, err := s.takeTyped(f); err != nil {
			return fmt.Errorf("typed: %w", err)
		}
	}
	s.queueFaults(sc.Faults)
	now := s.now()
	for _, h := range sc.Timeline {
		s.plan(due{at: now.Add(time.Duration(h.After)).UnixMicro(), what: dueHappening, n: int64(len(s.timeline))})
		s.timeline = append(s.timeline, &h)
	}
	return nil
}

func (s *Sim) putAccount(a ScenarioAccount) {
	expires := defaultExpiry(s.now())
	if a.ExpiresIn > 0 {
		expires = s.now().Add(time.Duration(a.ExpiresIn))
	}
	s.accounts[a.Login] = &account{Account: Account{Login: a.Login, Password: a.Password, Structures: a.Structures, Expires: expires}}
	s.attach(s.accounts[a.Login].Account)
}

// happen carries out one entry of the timeline. Callers hold the lock.
func (s *Sim) happen(h *Happening) {
	if h.Clear {
		s.faults = nil
	}
	s.queueFaults(h.Faults)
	if o := h.Outage; o != nil {
		s.setOutage(o.On, o.Scope, o.Kind)
	}
	if h.Revoke {
		s.record(Entry{Type: "revoke"})
	}
	if h.Weather != nil {
		s.profile.on = *h.Weather
	}
	if h.Account != nil {
		s.putAccount(*h.Account)
	}
}

// GET /scenario: which one is played, and what is expected of the client.
func (s *Sim) getScenario(*http.Request) (any, error) {
	if s.cfg.Scenario == nil {
		return nil, errors.New("no scenario is played: -scenario NAME")
	}
	return object{"name": s.cfg.Scenario.Name, "about": s.cfg.Scenario.About, "a_propos": s.cfg.Scenario.Apropos, "expect": s.Expectations()}, nil
}
