package chorustest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// share is how often a fault strikes, of all calls of an operation.
type share struct {
	kind string
	rate float64
}

// profile is the weather of one seed: random faults, at rates that the seed draws between nothing and twice
// the table, so that different seeds try different mixes.
type profile struct {
	name    string
	on      bool
	shares  map[string][]share // by operation; "" = every other one
	revoke  bool
	revoked time.Time // virtual time of the last storm
}

// The table (docs/simulator.md repeats it). A 429 keeps a fleet quiet for a second or two, so that few of them are as much as many of anything else.
var hostile = map[string][]share{
	"deposer/flux": {
		{"commit_then_drop", 0.05},
		{"commit_then_500", 0.02},
		{"commit_then_502_html", 0.01},
		{"commit_then_truncated", 0.0075},
		{"commit_then_empty_json", 0.005},
		{"commit_then_null", 0.0025},
		{"commit_late", 0.01},
		{"commit_then_reject", 0.02},
		{"429", 0.004},
		{"429_bare", 0.004},
		{"401_token", 0.02},
		{"503", 0.02},
		{"drop_before_commit", 0.03},
		{"hang", 0.01},
		{"redirect", 0.005},
		{"huge_body", 0.005},
		{"slow_loris", 0.005},
		{"bad_gzip", 0.005},
		{"reset", 0.005},
	},
	"token": {{"500", 0.025}, {"503", 0.025}, {"html_200", 0.02}, {"no_expires_in", 0.01}, {"hang", 0.01}},
	"rechercher/fournisseur": {
		{"500", 0.01},
		{"503", 0.01},
		{"drop_before_commit", 0.01},
		{"html_200", 0.01},
		{"429", 0.002},
		{"unknown_code", 0.005},
		{"short_page", 0.02},
		{"repeated_page", 0.01},
		{"missing_invoice", 0.01},
		{"mixed_dates", 0.02},
		{"unknown_statut", 0.02},
		{"statut_backwards", 0.01},
		{"statut_missing", 0.01},
	},
	"consulterCRDetaille": {
		{"500", 0.01},
		{"503", 0.01},
		{"drop_before_commit", 0.01},
		{"html_200", 0.01},
		{"429", 0.003},
		{"unknown_state", 0.02},
		{"statut_backwards", 0.01},
		{"list_as_object", 0.02},
		{"no_detail", 0.01},
		{"another", 0.01},
	},
	"consulter/historique": {
		{"500", 0.01},
		{"503", 0.01},
		{"drop_before_commit", 0.01},
		{"html_200", 0.01},
		{"429", 0.003},
		{"unknown_statut", 0.02},
		{"statut_backwards", 0.01},
		{"statut_missing", 0.01},
	},
	"": {{"500", 0.01}, {"503", 0.01}, {"drop_before_commit", 0.01}, {"html_200", 0.01}, {"429", 0.003}},
}

// late is calm but for deposits that land late, half of them after D: for proving that a client notices.
var late = map[string][]share{"deposer/flux": {{"commit_late", 0.05}, {"late_after_D", 0.05}}}

func newProfile(name string, seed uint64) *profile {
	table := map[string]map[string][]share{"hostile": hostile, "late": late}[name]
	p := &profile{name: name, on: true, shares: map[string][]share{}, revoke: name == "hostile"}
	chance := (&Sim{cfg: Config{Seed: seed}}).draw("profile", 0)
	for _, op := range slices.Sorted(maps.Keys(table)) { // in order: the seed decides, not the map
		for _, s := range table[op] {
			p.shares[op] = append(p.shares[op], share{s.kind, s.rate * 2 * chance.Float64()})
		}
	}
	return p
}

// draw decides by seed and request what goes wrong with it; nil = nothing. Callers hold the lock.
func (p *profile) draw(s *Sim, id int64, op string) *Fault {
	if !p.on {
		return nil
	}
	like := op
	if op == "soumettre" { // it deposits, too
		like = "deposer/flux"
	}
	shares, own := p.shares[like]
	if !own {
		shares = p.shares[""]
	}
	if len(shares) == 0 {
		return nil
	}
	chance := s.draw("fault", id)
	x := chance.Float64()
	for _, sh := range shares {
		if x -= sh.rate; x < 0 {
			f := &Fault{Kind: sh.kind, Op: op, Commit: chance.IntN(2) == 0}
			if sh.kind == "redirect" {
				f.Status = []int{302, 307, 308}[chance.IntN(3)]
			}
			return f
		}
	}
	return nil
}

// everyMinute revokes all tokens once a minute of virtual time in hostile weather.
func (p *profile) everyMinute(s *Sim) {
	now := s.now()
	if p.revoked.IsZero() {
		p.revoked = now
	}
	if p.on && p.revoke && now.Sub(p.revoked) >= time.Minute {
		p.revoked = now
		if len(s.tokens) > 0 {
			s.record(Entry{Type: "revoke", Fault: "revoke_all"})
		}
	}
}

// Weather switches the profile's random faults off and on. Scripted faults are not touched.
func (s *Sim) Weather(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.profile.on = on
}

// SetProfile changes the random faults to those of another profile.
func (s *Sim) SetProfile(name string, on bool) error {
	if !slices.Contains(profiles, name) {
		return fmt.Errorf("profile: %.40q is none of %s", name, strings.Join(profiles, ", "))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.profile = newProfile(name, s.cfg.Seed)
	s.profile.on = on
	return nil
}

var profiles = []string{"calm", "hostile", "late"}

// Outage takes a part of the platform down, or up again. scope is api, token, deposits or all; kind is any
// fault, "" = 503.
func (s *Sim) Outage(on bool, scope, kind string) error {
	if err := checkOutage(scope, kind); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setOutage(on, scope, kind)
	return nil
}

func checkOutage(scope, kind string) error {
	if !slices.Contains([]string{"all", "api", "token", "deposits"}, scope) {
		return fmt.Errorf("scope: unknown scope %q: api, token, deposits or all", scope)
	}
	if kind == "" {
		return nil
	}
	return (&Fault{Kind: kind}).check()
}

// setOutage is Outage for what was checked. Callers hold the lock.
func (s *Sim) setOutage(on bool, scope, kind string) {
	delete(s.outages, scope)
	if on {
		if kind == "" {
			kind = "503"
		}
		s.outages[scope] = Fault{Kind: kind, Times: -1}
	}
}

func operationNames() []string {
	var all []string
	for _, op := range operations {
		all = append(all, op.name)
	}
	slices.Sort(all)
	return all
}
