package chorustest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// manageHandler is the management door: JSON in, JSON out, no credentials. It is for tests and demonstrations
// and listens on the loopback unless told otherwise.
func (s *Sim) manageHandler() http.Handler {
	mux := http.NewServeMux()
	post := func(path string, f func(r *http.Request) (any, error)) {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) { reply(w, r, f) })
	}
	get := func(path string, f func(r *http.Request) (any, error)) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { reply(w, r, f) })
	}
	post("/faults", s.postFaults)
	get("/faults", func(*http.Request) (any, error) { return s.pendingFaults(), nil })
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, r *http.Request) {
		reply(w, r, func(*http.Request) (any, error) { s.ClearFaults(); return object{}, nil })
	})
	post("/clock", s.postClock)
	get("/clock", func(*http.Request) (any, error) { return object{"now": s.Now()}, nil })
	post("/invoices/{numero}/statut", s.postStatut)
	post("/invoices/{numero}/script", s.postScript)
	post("/invoices/{numero}/edit", s.postEdit)
	post("/invoices/{numero}/hidden", s.postHidden)
	post("/invoices", s.postInvoice)
	get("/invoices/{numero}", s.getInvoice)
	mux.HandleFunc("GET /ledger", s.getLedger)
	get("/open", func(*http.Request) (any, error) { return s.openRequests(), nil })
	get("/stats", func(*http.Request) (any, error) { return s.Stats(), nil })
	post("/revoke", s.postRevoke)
	post("/accounts", s.postAccount)
	post("/structures/{siret}", s.postStructure)
	get("/structures", func(*http.Request) (any, error) { return s.everyStructure(), nil })
	post("/profile", s.postProfile)
	post("/outage", s.postOutage)
	post("/lag", s.postLag)
	get("/violations", func(*http.Request) (any, error) { return s.Violations(), nil })
	return mux
}

func reply(w http.ResponseWriter, r *http.Request, f func(*http.Request) (any, error)) {
	answer, err := f(r)
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		answer = object{"error": err.Error()}
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	_ = out.Encode(answer)
}

// decode reads a body strictly: a misspelt field in a script has to be heard of.
func decode(r *http.Request, into any) error {
	return strictly(io.LimitReader(r.Body, 8<<20), into)
}

func strictly(r io.Reader, into any) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	return d.Decode(into)
}

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

// POST /clock {"advance":"36h"}
func (s *Sim) postClock(r *http.Request) (any, error) {
	var in struct {
		Advance string `json:"advance"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	d, err := time.ParseDuration(in.Advance)
	if err != nil || d < 0 {
		return nil, fmt.Errorf("advance: %q is not a positive duration as 90m or 36h", in.Advance)
	}
	s.Advance(d)
	return object{"now": s.Now()}, nil
}

// POST /invoices/{numero}/statut {"statut":"SUSPENDUE","commentaire":"…"}
func (s *Sim) postStatut(r *http.Request) (any, error) {
	var in Move
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if !slices.Contains(statuts, in.Statut) {
		return nil, fmt.Errorf("statut: %.60q is none of %s", in.Statut, strings.Join(statuts, " "))
	}
	if err := s.Statut(r.PathValue("numero"), in.Statut, in.Commentaire); err != nil {
		return nil, err
	}
	return s.getInvoice(r)
}

// POST /invoices/{numero}/script [{"statut":…,"commentaire":…}, …]
func (s *Sim) postScript(r *http.Request) (any, error) {
	var moves []Move
	if err := decode(r, &moves); err != nil {
		return nil, err
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
	for _, f := range s.byNumero[numero] {
		past := make([]any, 0)
		for _, p := range f.histoire {
			past = append(past, object{"statut": p.Statut, "commentaire": p.Commentaire, "at": p.at, "searchable_at": p.shown})
		}
		invoices = append(invoices, object{"identifiantFactureCPP": f.id, "numeroFluxDepot": f.flux, "searchable_at": f.searchAt, "statuts": past, "facts": f.Facts})
	}
	return object{"deposits": deposits, "invoices": invoices}, nil
}

// POST /invoices: an invoice that a person typed in at the portal; no API deposit made it.
func (s *Sim) postInvoice(r *http.Request) (any, error) {
	var f Facts
	if err := decode(r, &f); err != nil {
		return nil, err
	}
	id, err := s.TypeIn(f)
	return object{"identifiantFactureCPP": id}, err
}

// TypeIn puts an invoice into the portal as a person would: no API deposit made it, so it has no flux number.
// Numero, Date (2006-01-02), Fournisseur and Destinataire (SIRETs) are required.
func (s *Sim) TypeIn(f Facts) (identifiantFactureCPP int64, err error) {
	date, day, ok := parseDate(f.Date)
	if f.Numero == "" || len(f.Fournisseur) != 14 || len(f.Destinataire) != 14 || !ok || !day {
		return 0, fmt.Errorf("numero, dateFacture (2006-01-02), fournisseur and destinataire (14 digits) are required")
	}
	f.Siren, f.Annee = f.Fournisseur[:9], date.Year()
	for field, otherwise := range map[*string]string{&f.Type: "FACTURE", &f.Devise: "EUR", &f.Mode: "SAISIE_PORTAIL", &f.Cadre: "A1"} {
		if *field == "" {
			*field = otherwise
		}
	}
	for name, sum := range map[string]string{"montantHT": f.HT, "montantTTC": f.TTC, "montantAPayer": f.APayer} {
		if sum != "" && !json.Valid([]byte(sum)) {
			return 0, fmt.Errorf("%s is not a number", name)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	if s.taken[f.key()] && !s.cfg.AcceptDuplicates {
		return 0, fmt.Errorf("the portal holds %s already", f.key())
	}
	now := s.now()
	id, search := s.nextFacture+1, &now
	if at := s.lagged(id, 0, now); at != nil {
		search = at
	}
	s.record(Entry{At: now, Type: "portal", Facts: &f, Key: f.key(), Facture: id, SearchAt: search})
	return id, nil
}

// GET /ledger?type=accepted&op=deposer/flux&numero=F-1&request=7&after=120: JSON lines.
func (s *Sim) getLedger(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	after, _ := strconv.ParseInt(q.Get("after"), 10, 64)
	request, _ := strconv.ParseInt(q.Get("request"), 10, 64)
	w.Header().Set("Content-Type", "application/jsonl")
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	_ = s.eachEntry(func(e Entry) error {
		numero := ""
		if e.Facts != nil {
			numero = e.Numero
		}
		if e.Seq <= after || request != 0 && e.Request != request || q.Has("type") && !slices.Contains(q["type"], e.Type) ||
			q.Has("op") && q.Get("op") != e.Op || q.Has("numero") && q.Get("numero") != numero || q.Has("flux") && q.Get("flux") != e.Flux {
			return nil
		}
		return out.Encode(e)
	})
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

// POST /revoke {"client":"sim"}, or {} for all.
func (s *Sim) postRevoke(r *http.Request) (any, error) {
	var in struct {
		Client string `json:"client"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	s.Revoke(in.Client)
	return object{}, nil
}

// POST /accounts {"login":…,"password":…,"locked":false,"expires":"2027-01-01","structures":[…]}
func (s *Sim) postAccount(r *http.Request) (any, error) {
	var in struct {
		Login      string    `json:"login"`
		Password   *string   `json:"password"`
		Locked     *bool     `json:"locked"`
		Expires    *string   `json:"expires"`
		Structures *[]string `json:"structures"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.Login == "" {
		return nil, fmt.Errorf("login is missing")
	}
	var expires time.Time
	if in.Expires != nil {
		var ok bool
		if expires, _, ok = parseDate(*in.Expires); !ok {
			return nil, fmt.Errorf("expires: %q is not a date", *in.Expires)
		}
	}
	err := s.SetAccount(in.Login, func(a *Account) {
		if in.Password != nil {
			a.Password = *in.Password
		}
		if in.Locked != nil {
			a.Locked = *in.Locked
		}
		if in.Expires != nil {
			a.Expires = expires
		}
		if in.Structures != nil {
			a.Structures = *in.Structures
		}
	})
	return object{"login": in.Login}, err
}

// SetAccount adds or changes a technical account and forgives its failures. It is not in the ledger.
func (s *Sim) SetAccount(login string, change func(*Account)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[login]
	if a == nil {
		a = &account{Account: Account{Login: login, Expires: defaultExpiry(s.now())}}
	}
	updated := a.Account
	change(&updated)
	if updated.Password == "" {
		return fmt.Errorf("account %s has no password", login)
	}
	updated.Login = login
	s.accounts[login] = &account{Account: updated}
	s.attach(updated)
	return nil
}

// SetClient adds or changes a PISTE application: a new secret ends the old one at once, tokens that were given live on. It is not in the ledger.
func (s *Sim) SetClient(id string, change func(*Client)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	updated := Client{ID: id}
	if c := s.clients[id]; c != nil {
		updated = *c
	}
	change(&updated)
	if updated.Secret == "" {
		return fmt.Errorf("client %s has no secret", id)
	}
	updated.ID = id
	s.clients[id] = &updated
	return nil
}

// POST /profile {"on":false}
func (s *Sim) postProfile(r *http.Request) (any, error) {
	var in struct {
		On bool `json:"on"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	s.Weather(in.On)
	return object{"profile": s.profile.name, "on": in.On}, nil
}

// POST /outage {"on":true,"scope":"api","kind":"503"}
func (s *Sim) postOutage(r *http.Request) (any, error) {
	in := struct {
		On    bool   `json:"on"`
		Scope string `json:"scope"`
		Kind  string `json:"kind"`
	}{Scope: "all"}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	return in, s.Outage(in.On, in.Scope, in.Kind)
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
