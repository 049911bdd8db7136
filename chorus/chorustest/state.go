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

// apply changes the state by one line, which stands at this place of the ledger. It is the only one that does, for lines that are new and for lines
// read again after a restart. It takes no decision: those are in the line.
func (s *Sim) apply(e *Entry, at int64) {
	s.seq = max(s.seq, e.Seq)
	s.requests = max(s.requests, e.Request)
	s.stats.count(e)
	switch e.Type {
	case "clock":
		s.offset = time.Duration(e.OffsetMS) * time.Millisecond
	case "scheduled":
		s.landings[e.Request] = &landing{request: e.Request, template: *e}
		s.fluxSeq++
		s.plan(due{at: e.Due.UnixMicro(), what: dueLanding, n: e.Request})
	case "accepted":
		s.remind(e, at)
		s.applyAccepted(e, at)
	case "integrated":
		n := s.fluxNumbered(e.Flux)
		fl := s.fluxAt(n)
		if e.N >= int(fl.documents) {
			panic("no such document")
		}
		s.addFacture(e, fl.first+uint32(e.N))
		fl.done = true
	case "rejected":
		// the flux is closed by integrate or, on replay, here
		s.fluxAt(s.fluxNumbered(e.Flux)).done = true
	case "portal":
		s.remind(e, at)
		s.register(e.Facts)
		s.addFacture(e, s.addAlone(e, at))
	case "edited":
		s.remind(e, at)
		s.applyEdited(e, at)
	case "rejetTraite":
		s.facture(e.Facture).is.set(isRejetTraite, true)
	case "telechargee":
		s.facture(e.Facture).is.set(isTelechargee, true)
	case "detached":
		delete(s.pieces, e.Piece)
		delete(s.kept, e.Piece)
	case "hidden":
		s.facture(e.Facture).is.set(isHidden, *e.Hidden)
	case "submitted":
		s.remind(e, at)
		s.applySubmitted(e, at)
	case "recycled":
		s.remind(e, at)
		f := s.facture(e.Facture)
		r := s.revisions[f.n]
		r.line = at
		s.revise(f, r, e.Facts)
	case "statut":
		s.applyStatut(e, at)
	case "structure":
		st := *e.Structure
		st.Services = slices.Clone(st.Services) // they get their numbers
		s.addStructure(st)
	case "script":
		s.scripts[e.Numero] = s.addPath(e.Moves)
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

func (s *Sim) applyAccepted(e *Entry, at int64) {
	n := s.fluxNumbered(e.Flux)
	if n == 0 {
		var fl *fluxRecord
		n, fl = s.addFlux(e.Flux, e.Syntaxe)
		fl.account, fl.first = s.name(e.Account), s.documents.n+1
		s.setTimes(n, e.At, *e.Due, *e.SearchAt)
		fl.delay = s.delayOf(time.Duration(e.ReportAt.UnixMicro()-fl.at) * time.Microsecond)
		s.fluxTotal++
		if s.landings[e.Request] == nil { // a late one took its number when it arrived
			s.fluxSeq++
		}
		delete(s.landings, e.Request)
		s.plan(due{at: fl.integrateAt, what: dueFlux, n: int64(n)})
	}
	fl := s.fluxes.at(n)
	if s.documents.n+1 != fl.first+uint32(fl.documents) {
		panic("a document that does not follow those of its flux")
	}
	facts := e.Facts
	if facts == nil {
		facts = &Facts{}
	}
	fl.documents++
	document, d := s.addDocument(n, at, facts.Numero)
	d.refusedAs = s.name(e.RefusedAs)
	if !e.RefusedLater {
		s.register(facts)
		s.take(document, facts)
	}
}

// setTimes says when a flux arrived, when it is integrated and when the search shows it.
func (s *Sim) setTimes(n uint32, arrived, integrated, shown time.Time) {
	fl := s.fluxes.at(n)
	fl.at, fl.integrateAt = arrived.UnixMicro(), integrated.UnixMicro()
	if later := shown.UnixMicro(); later != fl.integrateAt {
		s.showLater[n] = later
	}
}

// delayOf keeps a delay of the report. They are few: the configuration has one.
func (s *Sim) delayOf(d time.Duration) uint8 {
	i := slices.Index(s.delays, d)
	if i < 0 {
		i, s.delays = len(s.delays), append(s.delays, d)
	}
	if i > 255 {
		panic("too many delays")
	}
	return uint8(i)
}

// addAlone keeps an invoice that came in no flux.
func (s *Sim) addAlone(e *Entry, at int64) uint32 {
	flux, _ := s.addFlux("", "")
	s.setTimes(flux, e.At, *e.SearchAt, *e.SearchAt)
	n, _ := s.addDocument(flux, at, e.Numero)
	s.take(n, e.Facts)
	return n
}

// addFacture makes a document an invoice.
func (s *Sim) addFacture(e *Entry, n uint32) {
	s.nextFacture = max(s.nextFacture, e.Facture)
	if err := s.giveID(n, e.Facture); err != nil {
		panic(err)
	}
	s.invoiceTotal++
	f := s.factureAt(n)
	s.reach(f, e, "DEPOSEE", -1)
	f.path = s.pathAfter(f, "DEPOSEE")
	s.planStep(f, e.At)
}

// reach adds a statut to the history of an invoice; line holds what was said with it, below 0 if nothing was.
func (s *Sim) reach(f *facture, e *Entry, statut string, line int64) {
	x := passage{older: f.passage, place: 1, at: e.At, shown: e.shown(), line: line}
	if f.passage != 0 {
		x.place = f.newest().place + 1
	}
	f.documentRecord.statut, f.since = s.name(statut), e.At.UnixMicro()
	f.is.set(isLagging, e.SearchAt != nil && !x.shown.Equal(x.at))
	f.is.set(isCommented, line >= 0)
	f.passage = s.passages.add(x, f.documentRecord.statut)
}

func (s *Sim) applyStatut(e *Entry, at int64) {
	f := s.facture(e.Facture)
	if e.Commentaire == "" {
		at = -1
	}
	s.reach(f, e, e.Statut, at)
	if e.Statut != "COMPLETEE" { // a completed invoice goes on where it was suspended
		f.path = s.pathAfter(f, e.Statut)
	}
	if !waits(e.Statut) {
		s.planStep(f, e.At)
	}
}

// planStep plans the next statut of an invoice, if it goes on by itself.
func (s *Sim) planStep(f *facture, at time.Time) {
	if s.cfg.Step > 0 && !s.steps[f.path].end {
		s.plan(due{at: at.Add(s.cfg.Step).UnixMicro(), what: dueStep, n: int64(f.n), passage: f.passage})
	}
}

func (s *Sim) applyEdited(e *Entry, at int64) {
	f := s.facture(e.Facture)
	s.renumber(f.n, f.facts().Numero, e.Numero)
	s.revise(f, revision{line: at, moved: true, flux: e.Flux}, e.Facts)
}

// revise keeps that an invoice has other facts than it came with.
func (s *Sim) revise(f *facture, r revision, facts *Facts) {
	s.revisions[f.n] = r
	f.is.set(isRevised, true)
	s.describe(f.documentRecord, facts)
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
