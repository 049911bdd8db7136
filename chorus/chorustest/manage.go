package chorustest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// POST /faults: one fault or a list.
func (s *Sim) postFaults(r *http.Request) (any, error) {
	var raw json.RawMessage
	if err := decode(r, &raw); err != nil {
		return nil, err
	}
	text := strings.TrimSpace(string(raw))
	if !strings.HasPrefix(text, "[") {
		text = "[" + text + "]"
	}
	var faults []Fault
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&faults); err != nil {
		return nil, err
	}
	if err := s.addFaults(faults); err != nil {
		return nil, err
	}
	return s.pendingFaults(), nil
}

func (s *Sim) pendingFaults() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	queue := make([]Fault, 0, len(s.faults))
	for _, f := range s.faults {
		queue = append(queue, *f)
	}
	return object{"queue": queue, "kinds": FaultKinds()}
}

const maxAdvance = 10 * 366 * 24 * time.Hour

// POST /clock {"advance":"36h"}, {"speed":60}, or both.
func (s *Sim) postClock(r *http.Request) (any, error) {
	var in struct {
		Advance *string `json:"advance"`
		Speed   *int    `json:"speed"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.Advance == nil && in.Speed == nil {
		return nil, fmt.Errorf("advance (a duration) or speed (a number) is missing")
	}
	d := time.Duration(0)
	if in.Advance != nil {
		var err error
		if d, err = parseAdvance(*in.Advance); err != nil {
			return nil, err
		}
	}
	if in.Speed != nil {
		if err := s.SetSpeed(*in.Speed); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	before, fits := s.liveTokens(), s.offset+d <= maxAhead
	s.mu.Unlock()
	if !fits {
		return nil, fmt.Errorf("advance: the clock may be a hundred years ahead, and not more: POST /reset puts it back")
	}
	s.Advance(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	return withTokens(object{"now": s.now(), "speed": max(1, s.speed)}, max(0, before-s.liveTokens())), nil
}

// POST /invoices/{numero}/statut {"statut":"SUSPENDUE","commentaire":"…"}
func (s *Sim) postStatut(r *http.Request) (any, error) {
	var in Move
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if err := checkStatut(in.Statut); err != nil {
		return nil, err
	}
	if err := s.Statut(r.PathValue("numero"), in.Statut, in.Commentaire); err != nil {
		return nil, err
	}
	return s.getInvoice(r)
}

func checkStatut(statut string) error {
	if !slices.Contains(statuts, statut) {
		return fmt.Errorf("statut: %.60q is none of %s", statut, strings.Join(statuts, " "))
	}
	return nil
}

// POST /invoices/{numero}/script [{"statut":…,"commentaire":…}, …]
func (s *Sim) postScript(r *http.Request) (any, error) {
	var moves []Move
	if err := decode(r, &moves); err != nil {
		return nil, err
	}
	for _, m := range moves {
		if err := checkStatut(m.Statut); err != nil {
			return nil, err
		}
	}
	s.Script(r.PathValue("numero"), moves...)
	return moves, nil
}

// GET /invoices/{numero}: what the portal has of this number.
func (s *Sim) getInvoice(r *http.Request) (any, error) {
	numero := r.PathValue("numero")
	deposits := s.Deposits(numero)
	s.mu.Lock()
	defer s.mu.Unlock()
	invoices := make([]any, 0)
	for _, n := range s.numbered(numero) {
		f := s.factureAt(n)
		past := make([]any, 0)
		for _, p := range f.history() {
			past = append(past, object{"statut": p.statut, "commentaire": f.comment(p), "at": p.at, "searchable_at": p.shown})
		}
		invoices = append(invoices, object{"identifiantFactureCPP": f.number(), "numeroFluxDepot": f.numeroFlux(), "searchable_at": f.searchAt(), "statuts": past, "facts": f.facts()})
	}
	return object{"deposits": deposits, "invoices": invoices}, nil
}

// openRequests are the exchanges that have not ended, and the deposits that are still to land.
func (s *Sim) openRequests() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	now := make([]object, 0, len(s.open))
	for _, o := range s.open {
		now = append(now, object{"request": o.call.id, "op": o.call.opName(), "since": o.since})
	}
	sortBy(now, func(o object) int64 { return o["request"].(int64) })
	coming := make([]object, 0, len(s.landings))
	for _, l := range s.landings {
		var numeros []string
		for _, f := range l.template.Documents {
			numeros = append(numeros, f.Numero)
		}
		coming = append(coming, object{"request": l.request, "flux": l.template.Flux, "lands_at": *l.template.Due, "numeros": numeros, "nomFichier": l.template.NomFichier})
	}
	sortBy(coming, func(o object) int64 { return o["request"].(int64) })
	return object{"requests": now, "landings": coming}
}

// Counts is what a simulator has counted.
type Counts struct {
	stats
	MaxRate map[string]int `json:"max_rate"` // by client: most requests in any sliding second since the start
	Quota   int            `json:"quota"`
	Open    int            `json:"open"`
}

// Stats counts requests, answers and faults.
func (s *Sim) Stats() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	c := Counts{stats: s.stats.copy(), MaxRate: map[string]int{}, Quota: s.cfg.Quota, Open: len(s.open)}
	for client, r := range s.rates {
		c.MaxRate[client] = r.max
	}
	return c
}

// errNoOn: who leaves it away may mean either.
var errNoOn = errors.New("on is missing: true or false")

// POST /profile {"on":false}, {"name":"hostile","on":true}
func (s *Sim) postProfile(r *http.Request) (any, error) {
	var in struct {
		Name string `json:"name"`
		On   *bool  `json:"on"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.On == nil {
		return nil, errNoOn
	}
	if in.Name == "" {
		s.Weather(*in.On)
	} else if err := s.SetProfile(in.Name, *in.On); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return object{"profile": s.profile.name, "on": *in.On}, nil
}

// POST /outage {"on":true,"scope":"api","kind":"503"}
func (s *Sim) postOutage(r *http.Request) (any, error) {
	in := struct {
		On    *bool  `json:"on"`
		Scope string `json:"scope"`
		Kind  string `json:"kind"`
	}{Scope: "all"}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.On == nil {
		return nil, errNoOn
	}
	return in, s.Outage(*in.On, in.Scope, in.Kind)
}

// POST /lag {"from":"0s","to":"90s"}
func (s *Sim) postLag(r *http.Request) (any, error) {
	in := struct {
		From string `json:"from"`
		To   string `json:"to"`
	}{From: "0s"}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	from, err := time.ParseDuration(in.From)
	if err != nil || from < 0 {
		return nil, fmt.Errorf("from: %q is not a positive duration as 0s or 30s", in.From)
	}
	to, err := time.ParseDuration(in.To)
	if err != nil || to < from {
		return nil, fmt.Errorf("to: %q is not a duration as 90s, and not below from", in.To)
	}
	s.SetLag(from, to)
	return in, nil
}
