package chorustest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Facts is what the simulator keeps of an invoice document. The document itself is not kept.
type Facts struct {
	Numero       string   `json:"numero,omitempty"`
	Date         string   `json:"dateFacture,omitempty"` // 2006-01-02
	Type         string   `json:"typeFacture,omitempty"` // FACTURE or AVOIR
	Fournisseur  string   `json:"fournisseur,omitempty"` // SIRET
	Siren        string   `json:"siren,omitempty"`
	Annee        int      `json:"annee,omitempty"` // year of issue
	Destinataire string   `json:"destinataire,omitempty"`
	Service      string   `json:"codeService,omitempty"`
	Engagement   string   `json:"engagement,omitempty"`
	Cadre        string   `json:"cadre,omitempty"`
	Valideur     string   `json:"valideur,omitempty"` // SIRET, once the supplier has corrected it
	HT           string   `json:"montantHT,omitempty"`
	TTC          string   `json:"montantTTC,omitempty"`
	APayer       string   `json:"montantAPayer,omitempty"`
	Devise       string   `json:"devise,omitempty"`
	Mode         string   `json:"modeDepot,omitempty"`
	SHA256       string   `json:"sha256,omitempty"` // of this document
	Octets       int64    `json:"octets,omitempty"`
	Pieces       []string `json:"pieces,omitempty"`  // SHA256 of each file that was submitted with it, or completed it
	Syntaxe      string   `json:"syntaxe,omitempty"` // recognised, not declared

	// Defect is what the document would be refused for whatever the portal knows; DefectKind is
	// refusedTechnical or refusedRules.
	Defect     string `json:"defaut,omitempty"`
	DefectKind string `json:"defaut_type,omitempty"`
	Guess      string `json:"defaut_devine,omitempty"` // the same, where it is only guessed that the portal refuses it
}

// key is what Chorus Pro holds unique: year of issue, supplier SIREN, number (docs/chorus-pro.md §10).
func (f *Facts) key() string {
	if f == nil || f.Numero == "" {
		return ""
	}
	return fmt.Sprintf("%d/%s/%s", f.Annee, f.Siren, f.Numero)
}

// depot is one document inside a flux.
type depot struct {
	facts     *Facts
	refusedAs string // "" = will be integrated
	reason    string
	facture   *facture
}

// flux is one accepted deposit.
type flux struct {
	numero, account, client, nomFichier, syntaxe string

	request                             int64
	at, reportAt, integrateAt, searchAt time.Time

	depots []*depot
	done   bool
}

// landing is a deposit that has arrived but is taken up only later.
type landing struct {
	request  int64
	template Entry // the scheduled line
}

// Move is one step in the life of an invoice.
type Move struct {
	Statut      string `json:"statut"`
	Commentaire string `json:"commentaire,omitempty"`
}

// passage is a statut reached.
type passage struct {
	Move
	id    int64
	at    time.Time
	shown time.Time // since when the search knows it
}

// facture is an invoice that the portal holds.
type facture struct {
	*Facts
	id       int64
	flux     string // "" for an invoice typed in at the portal, or submitted beside its PDF
	request  int64  // that submitted it; 0: another way
	deposeLe time.Time
	searchAt time.Time
	hidden   bool // no search shows it any more

	rejetTraite bool // its supplier has taken note of its rejection
	telechargee bool // by its recipient

	histoire []passage
	path     []Move // the statuts still to come
	moves    int    // counts the passages
}

func (f *facture) statut() passage { return f.histoire[len(f.histoire)-1] }

// shown is the newest statut that the search knows by now; false while it does not know the invoice.
func (f *facture) shown(now time.Time) (passage, bool) {
	if now.Before(f.searchAt) || f.hidden {
		return passage{}, false
	}
	for k := len(f.histoire) - 1; k >= 0; k-- {
		if !now.Before(f.histoire[k].shown) {
			return f.histoire[k], true
		}
	}
	return passage{}, false
}

// apply changes the state by one line. It is the only place that does, for lines that are new and for lines
// read again after a restart. It takes no decision: those are in the line.
func (s *Sim) apply(e *Entry) {
	s.seq = max(s.seq, e.Seq)
	s.requests = max(s.requests, e.Request)
	s.stats.count(e)
	switch e.Type {
	case "clock":
		s.offset = time.Duration(e.OffsetMS) * time.Millisecond
	case "scheduled":
		l := &landing{request: e.Request, template: *e}
		s.landings[e.Request] = l
		s.fluxSeq++
		s.plan(due{at: *e.Due, landing: l})
	case "accepted":
		s.applyAccepted(e)
	case "integrated":
		fl := s.fluxes[e.Flux]
		d := fl.depots[e.N]
		d.facture = s.addFacture(e, d.facts, fl.numero, fl.at, fl.searchAt)
	case "rejected":
		// the flux is closed by integrate or, on replay, here
		s.fluxes[e.Flux].done = true
	case "portal":
		s.register(e.Facts)
		s.taken[e.key()] = true
		s.addFacture(e, e.Facts, "", e.At, *e.SearchAt)
	case "edited":
		f := s.factures[e.Facture]
		s.byNumero[f.Numero] = slices.DeleteFunc(s.byNumero[f.Numero], func(o *facture) bool { return o == f })
		s.byNumero[e.Numero] = append(s.byNumero[e.Numero], f)
		f.Facts, f.flux = e.Facts, e.Flux
	case "rejetTraite":
		s.factures[e.Facture].rejetTraite = true
	case "telechargee":
		s.factures[e.Facture].telechargee = true
	case "detached":
		delete(s.pieces, e.Piece)
		delete(s.kept, e.Piece)
	case "hidden":
		s.factures[e.Facture].hidden = *e.Hidden
	case "submitted":
		s.applySubmitted(e)
	case "recycled":
		s.factures[e.Facture].Facts = e.Facts
	case "statut":
		f := s.factures[e.Facture]
		s.passages++
		f.histoire = append(f.histoire, passage{Move{e.Statut, e.Commentaire}, s.passages, e.At, e.shown()})
		f.moves++
		if e.Statut != "COMPLETEE" { // a completed invoice goes on where it was suspended
			f.path = s.pathAfter(f, e.Statut)
		}
		if s.cfg.Step > 0 && len(f.path) > 0 && !waits(e.Statut) {
			s.plan(due{at: e.At.Add(s.cfg.Step), facture: f, move: f.moves})
		}
	case "structure":
		st := *e.Structure
		st.Services = slices.Clone(st.Services) // they get their numbers
		s.addStructure(st)
	case "script":
		s.scripts[e.Numero] = e.Moves
	case "piece":
		s.pieces[e.Piece] = piece{e.FileSHA256, e.Bytes}
		s.lastPiece = max(s.lastPiece, e.Piece)
	case "token":
		s.forgetTokens(e.At)
		s.tokens[e.Token] = &token{client: e.Client, end: *e.Due}
	case "revoke":
		for hash, t := range s.tokens {
			if (e.Client == "" || t.client == e.Client) && (e.Token == "" || hash == e.Token) {
				delete(s.tokens, hash)
			}
		}
	case "tolerated":
		s.tolerated = bounded(append(s.tolerated, Violation{Request: e.Request, Op: e.Op, Reason: e.Reason}))
	case "violation":
		s.violations = bounded(append(s.violations, Violation{Request: e.Request, Op: e.Op, Reason: e.Reason}))
	}
}

func (s *Sim) applyAccepted(e *Entry) {
	fl := s.fluxes[e.Flux]
	if fl == nil {
		fl = &flux{
			numero: e.Flux, account: e.Account, client: e.Client, nomFichier: e.NomFichier, syntaxe: e.Syntaxe,
			request: e.Request, at: e.At, reportAt: *e.ReportAt, integrateAt: *e.Due, searchAt: *e.SearchAt,
		}
		s.fluxes[e.Flux] = fl
		s.fluxOrder = append(s.fluxOrder, fl)
		if s.landings[e.Request] == nil { // a late one took its number when it arrived
			s.fluxSeq++
		}
		delete(s.landings, e.Request)
		s.plan(due{at: fl.integrateAt, flux: fl})
	}
	d := &depot{facts: e.Facts, refusedAs: e.RefusedAs, reason: e.Reason}
	if d.facts == nil {
		d.facts = &Facts{}
	}
	fl.depots = append(fl.depots, d)
	if !e.RefusedLater {
		s.register(d.facts)
		s.taken[d.facts.key()] = true
	}
}

func (s *Sim) addFacture(e *Entry, facts *Facts, numeroFlux string, depose, search time.Time) *facture {
	s.passages++
	s.nextFacture = max(s.nextFacture, e.Facture)
	f := &facture{Facts: facts, id: e.Facture, flux: numeroFlux, deposeLe: depose, searchAt: search}
	f.histoire = []passage{{Move{Statut: "DEPOSEE"}, s.passages, e.At, e.shown()}}
	f.moves = 1
	s.factures[f.id] = f
	s.order = append(s.order, f)
	s.byNumero[f.Numero] = append(s.byNumero[f.Numero], f)
	if numeroFlux != "" {
		s.fluxes[numeroFlux].done = true
	}
	f.path = s.pathAfter(f, "DEPOSEE")
	if s.cfg.Step > 0 && len(f.path) > 0 {
		s.plan(due{at: e.At.Add(s.cfg.Step), facture: f, move: f.moves})
	}
	return f
}

// firstFacture is the identifiantFactureCPP before the first one given, firstFlux the same for fluxes.
const (
	firstFacture = 41207732
	firstFlux    = 912344
)

// draw is a source of chance that depends on the seed and on what it is for, not on the order of requests.
func (s *Sim) draw(what string, n int64) *rand.Rand {
	h := uint64(14695981039346656037)
	for i := range len(what) {
		h = (h ^ uint64(what[i])) * 1099511628211
	}
	return rand.New(rand.NewPCG(s.cfg.Seed, h^uint64(n)*0x9e3779b97f4a7c15))
}

// between draws a duration in [0, limit].
func between(r *rand.Rand, limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	return time.Duration(r.Int64N(int64(limit) + 1))
}
