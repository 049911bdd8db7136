package chorustest

import (
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The page of the management door, for people: what arrived, and every lever that the door has. It needs no script and no build; the little script keeps it
// up to date.

//go:embed page
var pageFiles embed.FS

var pageTemplates = map[string]*template.Template{"en": parsePage("en"), "fr": parsePage("fr")}

func parsePage(lang string) *template.Template {
	say := func(english string) string {
		if lang == "fr" {
			return frenchWords[english]
		}
		return english
	}
	what := func(k pageKind) string {
		if lang == "fr" {
			return frenchFaults[k.Name]
		}
		return k.About
	}
	return template.Must(template.New("page.html").Funcs(template.FuncMap{"t": say, "what": what}).ParseFS(pageFiles, "page/page.html"))
}

// shownRows is how many of each the page shows, newest first.
const shownRows = 100

// pageFacts is what the page shows.
type pageFacts struct {
	Lang, OtherLang, Said, Query string

	API, Client, Account, Now, Profile string
	Weather                            bool
	Requests, Speed                    int

	Invoices      []pageInvoice
	InvoicesTotal int
	Statuts       []string
	Fluxes        []pageFlux
	FluxesTotal   int

	Faults                         []Fault
	Kinds                          []pageKind
	Ops, Profiles, Scopes, Outages []string
	Exchanges                      []exchange
	Violations                     []Violation
	ViolationsTotal                int
	Structures                     []Structure
}

type (
	pageInvoice struct {
		Numero, Date, Fournisseur, Destinataire, TTC, Devise, Statut, Commentaire, At string
		Link                                                                          string // to what the door says of its number

		Hidden bool
		Next   []string
	}
	pageFlux struct {
		Numero, NomFichier, Syntaxe, At, Etat string
		Documents                             []pageDocument
	}
	pageDocument struct{ Numero, Reason string }
	pageKind     struct{ Name, About string }
)

// servePage shows the page; said is what went wrong with what was asked of it.
func (s *Sim) servePage(w http.ResponseWriter, r *http.Request, said string) {
	lang := chooseLanguage(w, r)
	facts := s.pageFacts(r.URL.Query().Get("q"))
	facts.Lang, facts.OtherLang, facts.Said = lang, map[string]string{"en": "fr", "fr": "en"}[lang], said
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept, Accept-Language, Cookie")
	if said != "" {
		w.WriteHeader(http.StatusBadRequest)
	}
	_ = pageTemplates[lang].Execute(w, facts) // whoever has left need not read it
}

// chooseLanguage: what the link said, else what it said before, else what the browser asks for.
func chooseLanguage(w http.ResponseWriter, r *http.Request) string {
	if lang := r.URL.Query().Get("lang"); lang == "en" || lang == "fr" {
		http.SetCookie(w, &http.Cookie{Name: "lang", Value: lang, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: 365 * 24 * 3600})
		return lang
	}
	if c, err := r.Cookie("lang"); err == nil && (c.Value == "en" || c.Value == "fr") {
		return c.Value
	}
	for want := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		switch strings.ToLower(strings.TrimSpace(want)[:min(2, len(strings.TrimSpace(want)))]) {
		case "fr":
			return "fr"
		case "en":
			return "en"
		}
	}
	return "en"
}

func (s *Sim) pageFacts(query string) pageFacts {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	now := s.now()
	f := pageFacts{
		Query: query, API: s.apiURL, Client: s.cfg.Clients[0].ID, Account: s.cfg.Accounts[0].Login, Now: parisian(now), Profile: s.profile.name, Weather: s.profile.on,
		Speed: max(1, s.speed), Statuts: statuts, Profiles: profiles, Scopes: []string{"all", "api", "token", "deposits"},
		ViolationsTotal: len(s.violations), InvoicesTotal: s.invoiceTotal, FluxesTotal: s.fluxTotal,
	}
	for _, n := range s.stats.Requests {
		f.Requests += n
	}
	for i := len(s.byID) - 1; i >= 0 && len(f.Invoices) < shownRows; i-- {
		if s.byID[i] == 0 {
			continue
		}
		if x := s.factureAt(s.byID[i]); query == "" || strings.Contains(x.facts().Numero, query) {
			f.Invoices = append(f.Invoices, s.pageInvoice(x))
		}
	}
	for _, fl := range s.newestFluxes() {
		x := pageFlux{Numero: fl.numero, NomFichier: fl.line(0).NomFichier, Syntaxe: fl.syntax(), At: parisian(fl.arrived())}
		x.Etat, _ = fl.etat(now)
		for n := range min(int(fl.documents), 20) {
			reason := ""
			if fl.done {
				reason = fl.line(n).Reason
			}
			x.Documents = append(x.Documents, pageDocument{fl.facts(n).Numero, reason})
		}
		f.Fluxes = append(f.Fluxes, x)
	}
	for _, x := range s.faults {
		f.Faults = append(f.Faults, *x)
	}
	for name, about := range FaultKinds() {
		f.Kinds = append(f.Kinds, pageKind{name, about})
	}
	slices.SortFunc(f.Kinds, func(a, b pageKind) int { return strings.Compare(a.Name, b.Name) })
	f.Ops = append([]string{"*", "token"}, operationNames()...)
	for scope, x := range s.outages {
		f.Outages = append(f.Outages, scope+" "+x.Kind)
	}
	slices.Sort(f.Outages)
	f.Exchanges = s.newestExchanges()
	f.Violations = slices.Clone(s.violations[max(0, len(s.violations)-shownRows):])
	slices.Reverse(f.Violations)
	for _, st := range s.sorted(func(*Structure) bool { return true }) {
		if len(f.Structures) < 5*shownRows {
			f.Structures = append(f.Structures, *st)
		}
	}
	return f
}

func (s *Sim) pageInvoice(x *facture) pageInvoice {
	last, facts := x.newest(), x.facts()
	p := pageInvoice{
		facts.Numero, facts.Date, facts.Fournisseur, facts.Destinataire, facts.TTC, facts.Devise, last.statut, x.comment(last), parisian(last.at),
		"/invoices/" + url.PathEscape(facts.Numero), x.hidden(), nil,
	}
	if next := s.steps[x.path]; !next.end {
		p.Next = append(p.Next, next.Statut)
	}
	for _, usual := range []string{"SUSPENDUE", "A_RECYCLER", "REJETEE", "MISE_EN_PAIEMENT"} {
		if usual != last.statut && !slices.Contains(p.Next, usual) {
			p.Next = append(p.Next, usual)
		}
	}
	return p
}

// newestFluxes looks at the last ones by their numbers. Callers hold the lock.
func (s *Sim) newestFluxes() (all []*flux) {
	for n := s.fluxes.n; n > 0 && len(all) < shownRows; n-- {
		if fl := s.fluxAt(n); fl.numero != "" {
			all = append(all, fl)
		}
	}
	return all
}

func parisian(t time.Time) string { return t.In(Paris).Format("2006-01-02 15:04:05") }

func pageFile(name, media string) func(*Sim, http.ResponseWriter, *http.Request) {
	return func(_ *Sim, w http.ResponseWriter, _ *http.Request) {
		content, err := pageFiles.ReadFile("page/" + name)
		if err != nil {
			refuseManage(w, http.StatusNotFound, err.Error())
			return
		}
		w.Header().Set("Content-Type", media)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(content) // whoever has left need not read it
	}
}
