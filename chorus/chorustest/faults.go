package chorustest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Fault is something that goes wrong with the next requests it matches.
type Fault struct {
	ID     int    `json:"id,omitempty"` // given by the simulator
	Kind   string `json:"kind"`
	Op     string `json:"op,omitempty"`     // operation name, "token", or "*" for all; default deposer/flux
	Numero string `json:"numero,omitempty"` // only requests about this invoice number
	Times  int    `json:"times,omitempty"`  // how many requests, default 1, -1 = until cleared

	DelayMS    int64  `json:"delay_ms,omitempty"`    // late ones: virtual time until the landing; hangs: real time
	Commit     bool   `json:"commit,omitempty"`      // kinds that may or may not commit: this one does
	Status     int    `json:"status,omitempty"`      // redirects (302, 307, 308), refusals (200, 400)
	RetryAfter string `json:"retry_after,omitempty"` // 429: this value
	Location   string `json:"location,omitempty"`    // redirects
	Code       int    `json:"code,omitempty"`        // refusals: codeRetour
	Libelle    string `json:"libelle,omitempty"`     // refusals and rejections
	Value      string `json:"value,omitempty"`       // unknown_state, unknown_statut
}

// committing says whether the operation is carried out under a fault.
type committing int

const (
	never    committing = iota
	always              // before the answer goes wrong; a deposit may land later, see Fault.landing
	optional            // as Fault.Commit says
)

// faultKind is one way to go wrong: whether the operation is carried out, and what becomes of its answer.
type faultKind struct {
	commit committing
	answer func(*Sim, *call, *Fault, answer) answer
	about  string
}

func on(w wire) func(*Sim, *call, *Fault, answer) answer {
	return func(_ *Sim, _ *call, _ *Fault, a answer) answer {
		a.wire = w
		if a.status == 0 { // nothing to spoil: something has to be said badly all the same
			b := ok(object{})
			b.wire, b.flux = w, a.flux
			return b
		}
		return a
	}
}

func say(b answer) func(*Sim, *call, *Fault, answer) answer {
	return func(_ *Sim, _ *call, _ *Fault, a answer) answer {
		said := b // shared by every request it strikes
		said.flux = a.flux
		return said
	}
}

func kept(_ *Sim, _ *call, _ *Fault, a answer) answer { return a }

const (
	maintenance = "<html><head><title>Maintenance</title></head><body>Service momentanément indisponible</body></html>"
	badGateway  = "<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"
	unavailable = "<html><body>Chorus Pro est indisponible</body></html>"
)

// kinds are all faults. docs/simulator.md lists them in the same words.
var kinds = map[string]faultKind{
	"commit_then_drop":       {always, on(wireDrop), "carried out, connection closed without an answer"},
	"commit_then_500":        {always, say(plain(http.StatusInternalServerError)), "carried out, 500 without a body"},
	"commit_then_502_html":   {always, say(html(http.StatusBadGateway, badGateway)), "carried out, 502 with a page"},
	"commit_then_truncated":  {always, on(wireTruncated), "carried out, half of the answer"},
	"commit_then_empty_json": {always, say(answer{status: 200, text: "{}"}), "carried out, 200 {}"},
	"commit_then_null":       {always, say(answer{status: 200, text: "null"}), "carried out, 200 null"},
	"hang_after_commit":      {always, on(wireHang), "carried out, no answer"},
	"commit_late":            {always, on(wireHang), "no answer; a deposit lands within Late, below D"},
	"late_after_D":           {always, on(wireHang), "no answer; a deposit lands after D"},
	"commit_then_reject":     {always, kept, "accepted and answered, refused at integration"},
	"commit_then_incident":   {always, kept, "accepted and answered, ends IN_INCIDENTE"},
	"commit_then_vanish":     {always, kept, "accepted and answered, reported IN_INTEGRE, shown by no search"},
	"commit_then_forget":     {always, kept, "accepted and answered, never heard of again: no report, no search"},
	"no_flux_number":         {always, noFluxNumber, "accepted, codeRetour 0 without numeroFluxDepot (sample 23)"},
	"string_code":            {always, stringCode, "codeRetour as text (sample 24)"},

	"drop_before_commit": {never, on(wireDrop), "not carried out, connection closed"},
	"hang":               {never, on(wireHang), "not carried out, no answer"},
	"500":                {never, say(plain(http.StatusInternalServerError)), "not carried out, 500"},
	"503":                {never, say(html(http.StatusServiceUnavailable, maintenance)), "not carried out, 503 with a page"},
	"504":                {never, say(plain(http.StatusGatewayTimeout)), "not carried out, 504"},
	"429":                {never, throttled, "not carried out, 429 with Retry-After (1, or as set)"},
	"429_bare":           {never, say(tooMany("", "")), "429 without a header"},
	"429_date":           {never, throttledUntil, "429 with Retry-After as an HTTP date"},
	"429_zero":           {never, say(tooMany("0", throttle)), "429 with Retry-After: 0"},
	"429_absurd":         {never, say(tooMany("315360000", throttle)), "429 with Retry-After: ten years"},
	"429_daily":          {never, say(tooMany("23410", "")), "429 as when the daily quota is spent (sample 15)"},
	"401_token":          {never, killToken, "the token is revoked, 401 (sample 11)"},
	"401_account":        {never, say(challenge(http.StatusUnauthorized, badAccount)), "401 of the technical account (sample 12)"},
	"401_unclear":        {never, say(plain(http.StatusUnauthorized)), "401 that does not say what it refuses"},
	"403":                {never, say(plain(http.StatusForbidden)), "403"},
	"413":                {never, say(plain(http.StatusRequestEntityTooLarge)), "413"},
	"validation":         {never, refuse, "refused at once, codeRetour 20002 under 400 or status"},
	"duplicate":          {never, refuseDuplicate, "refused at once as a duplicate [G]"},
	"unknown_code":       {never, unknownCode, "a codeRetour nobody knows"},
	"not_entitled":       {never, say(refusal(20001, "GDP_MSG_11.005 - Utilisateur non habilité. (code réel inconnu ici)")), "not entitled (sample 44)"},

	"redirect":   {optional, redirect, "redirect to another host (location), 302 or as set"},
	"huge_body":  {optional, on(wireHuge), "an answer of 50 MB"},
	"slow_loris": {optional, on(wireLoris), "an answer one byte at a time"},
	"bad_gzip":   {optional, on(wireBadGzip), "says gzip, is not"},
	"gzip_bomb":  {optional, on(wireBomb), "64 MB of zeros, compressed"},
	"html_200":   {optional, say(html(http.StatusOK, unavailable)), "200 with a page (sample 18)"},
	"reset":      {optional, on(wireReset), "connection reset (RST)"},

	"many_rows":     {optional, lazily(manyRows), "4,000,000 empty rows, 12 MB"},
	"deep_json":     {optional, lazily(deepJSON), "a list in a list, 200,000 deep"},
	"long_texts":    {optional, lazily(longTexts), "an unknown codeRetour, texts of 1 MB"},
	"hostile_texts": {optional, say(answer{status: http.StatusOK, text: hostileTexts}), "an unknown codeRetour, texts with NUL, invalid UTF-8 and escape sequences"},
	"echo_token":    {optional, echoToken, "500 that echoes token and account in headers and page, plain, in base64 and in hexadecimal"},

	"short_page":       {always, shortPage, "search: fewer rows than the counters say"},
	"repeated_page":    {always, kept, "search: the page before the one asked"},
	"blank":            {always, blank, "search: nothing, and the counters know of nothing either"},
	"missing_invoice":  {always, missingInvoice, "search: one invoice (numero, or the first) is not there"},
	"mixed_dates":      {always, mixedDates, "search: dates without seconds and zone (sample 41)"},
	"unknown_statut":   {always, unknownStatut, "search, history: a statut nobody knows (sample 54)"},
	"statut_backwards": {always, backwards, "search, history, report: an older statut or state"},
	"statut_missing":   {always, statutMissing, "search, history: no statut"},
	"comment_missing":  {always, commentMissing, "search, history: no comment of any status"},
	"unknown_state":    {always, unknownState, "report: a state nobody knows (sample 3b)"},
	"list_as_object":   {always, listAsObject, "report: listeErreurDP as an object (sample 37)"},
	"another":          {always, another, "search, report: one invoice (numero, or the first), or the flux, is told of as another one's"},
	"no_detail":        {always, noDetail, "report: a rejection without number and reason (sample 38)"},

	"invalid_scope":  {never, say(tokenError("invalid_scope")), "token: the scope is refused [G]"},
	"no_expires_in":  {always, noExpiresIn, "token: expires_in is missing"},
	"expires_string": {always, expiresString, "token: expires_in as text"},
	"revoke_all":     {always, kept, "token: every older token is revoked, a new one granted"},
}

// Faults appends scripted faults to the queue. The first that matches a request strikes. Unknown kinds panic:
// a test that misspells one must not pass.
func (s *Sim) Faults(faults ...Fault) {
	if err := s.addFaults(faults); err != nil {
		panic(err)
	}
}

func (s *Sim) addFaults(faults []Fault) error {
	for _, f := range faults {
		if err := f.check(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults)+len(faults) > maxFaults {
		return fmt.Errorf("the queue holds %d faults, and takes %d: times makes one strike more than once", len(s.faults), maxFaults)
	}
	s.queueFaults(faults)
	return nil
}

// queueFaults appends faults that were checked. Callers hold the lock.
func (s *Sim) queueFaults(faults []Fault) {
	for _, f := range faults {
		s.nextFault++
		f.ID = s.nextFault
		if f.Times == 0 {
			f.Times = 1
		}
		if f.Op == "" {
			f.Op = "deposer/flux"
		}
		s.faults = append(s.faults, &f)
	}
}

func (f *Fault) check() error {
	if _, known := kinds[f.Kind]; !known {
		return fmt.Errorf("kind: unknown fault kind %.60q: it is none of %s", f.Kind, strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
	}
	if f.Op != "" && f.Op != "*" && f.Op != "token" && !slices.ContainsFunc(operationNames(), func(n string) bool { return n == f.Op }) {
		return fmt.Errorf("op: unknown operation %.60q: it is none of *, token, %s", f.Op, strings.Join(operationNames(), ", "))
	}
	switch {
	case f.Times < -1:
		return fmt.Errorf("times: %d is neither a number of requests nor -1 for all of them", f.Times)
	case f.DelayMS < 0 || f.DelayMS > maxAdvance.Milliseconds():
		return fmt.Errorf("delay_ms: %d is not between 0 and ten years", f.DelayMS)
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("status: %d is no status of an answer, 200 to 599", f.Status)
	}
	return nil
}

// ClearFaults empties the queue.
func (s *Sim) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// pick chooses the fault of a request: an outage, else the first scripted one that matches, else chance.
func (s *Sim) pick(c *call) *Fault {
	op := c.opName()
	for _, scope := range []string{"all", "api", "token", "deposits"} {
		f, on := s.outages[scope]
		if on && (scope == "all" || scope == "token" && op == "token" || scope == "api" && op != "token" || scope == "deposits" && (op == "deposer/flux" || op == "soumettre")) {
			struck := f
			return &struck
		}
	}
	numero := ""
	if slices.ContainsFunc(s.faults, func(f *Fault) bool { return f.Numero != "" }) {
		numero = c.numero(s)
	}
	for i, f := range s.faults {
		if f.Op != "*" && f.Op != op || f.Numero != "" && f.Numero != numero && !c.holds(f.Numero) {
			continue
		}
		struck := *f
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		return &struck
	}
	return s.profile.draw(s, c.id, op)
}

// withFault carries the operation out, or not, and spoils its answer, when a fault is due.
func (s *Sim) withFault(c *call, run func(*call) answer) answer {
	s.mu.Lock()
	c.fault = s.pick(c)
	s.mu.Unlock()
	if c.fault == nil {
		return run(c)
	}
	k := kinds[c.fault.Kind]
	asked := c.body.object("rechercheFactureParFournisseur")
	before := asked.integer("pageResultatDemandee") - 1
	if c.fault.Kind == "repeated_page" && before > 0 {
		asked["pageResultatDemandee"] = number64(before)
	}
	var a answer
	if k.commit == always || k.commit == optional && c.fault.Commit {
		a = run(c)
	}
	if c.fault.Kind == "repeated_page" && before > 0 && a.body.object("parametresRetour") != nil {
		a.body.object("parametresRetour")["pageCourante"] = before + 1
	}
	return k.answer(s, c, c.fault, a)
}

// fate is what a fault decides of a deposit on its arrival.
func (f *Fault) fate() (refusedAs, reason string) {
	switch f.Kind {
	case "commit_then_reject":
		if f.Libelle != "" {
			return refusedFault, cut(f.Libelle)
		}
		return refusedFault, "Rejet simulé : la demande de paiement est incohérente."
	case "commit_then_incident":
		return refusedIncident, ""
	case "commit_then_vanish":
		return refusedVanished, ""
	case "commit_then_forget":
		return refusedForgotten, ""
	}
	return "", ""
}

// landing is how much later than its arrival a deposit is taken up; 0 = at once.
func (f *Fault) landing(s *Sim, id int64) time.Duration {
	if f.Kind != "commit_late" && f.Kind != "late_after_D" {
		return 0
	}
	switch {
	case f.DelayMS > 0:
		return time.Duration(f.DelayMS) * time.Millisecond
	case f.Kind == "late_after_D":
		return s.cfg.LateAfterD
	}
	return s.cfg.Late/2 + between(s.draw("late", id), s.cfg.Late/2)
}

// FaultKinds describes every kind of fault, by name.
func FaultKinds() map[string]string {
	all := map[string]string{}
	for name, k := range kinds {
		all[name] = k.about
	}
	return all
}
