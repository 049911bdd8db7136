package chorustest

import (
	"iter"
	"time"
)

// The views: what operations look at. They are made when somebody asks, and change nothing.

// flux is one accepted deposit.
type flux struct {
	*fluxRecord
	s      *Sim
	n      uint32
	numero string
}

// flux finds an accepted deposit by its number; nil when there is none. Callers hold the lock.
func (s *Sim) flux(numero string) *flux {
	if n := s.fluxNumbered(numero); n != 0 {
		return s.fluxAt(n)
	}
	return nil
}

func (s *Sim) fluxAt(n uint32) *flux { return &flux{s.fluxes.at(n), s, n, s.numberOf(n)} }

func (fl *flux) from() string        { return fl.s.nameOf(fl.account) } // the technical account
func (fl *flux) syntax() string      { return fl.s.nameOf(fl.syntaxe) }
func (fl *flux) arrived() time.Time  { return moment(fl.at) }
func (fl *flux) finished() time.Time { return moment(fl.integrateAt) }
func (fl *flux) reported() time.Time { return moment(fl.at).Add(fl.s.delays[fl.delay]) }
func (fl *flux) line(n int) *Entry   { return fl.s.line(fl.document(n).line) }
func (fl *flux) fate(n int) string   { return fl.s.nameOf(fl.document(n).refusedAs) }
func (fl *flux) facts(n int) *Facts  { return fl.s.facts(fl.document(n).line) }

func (fl *flux) document(n int) *documentRecord { return fl.s.documents.at(fl.first + uint32(n)) }

// facture is an invoice that the portal holds.
type facture struct {
	*documentRecord
	s *Sim
	n uint32
}

// facture finds an invoice by its identifiantFactureCPP; nil when there is none. Callers hold the lock.
func (s *Sim) facture(id int64) *facture {
	if place, is := idOf(id); is && int(place) < len(s.byID) && s.byID[place] != 0 {
		return s.factureAt(s.byID[place])
	}
	return nil
}

func (s *Sim) factureAt(n uint32) *facture { return &facture{s.documents.at(n), s, n} }

// find returns the newest invoice of that number.
func (s *Sim) find(numero string) *facture {
	all := s.numbered(numero)
	if len(all) == 0 {
		return nil
	}
	return s.factureAt(all[len(all)-1])
}

// invoices are those of some documents. The view is the same each time, with another invoice in it.
func (s *Sim) invoices(all []uint32) iter.Seq[*facture] {
	return func(yield func(*facture) bool) {
		f := &facture{s: s}
		for _, n := range all {
			if n == 0 {
				continue
			}
			if f.documentRecord, f.n = s.documents.at(n), n; f.id != 0 && !yield(f) {
				return
			}
		}
	}
}

func (f *facture) number() int64       { return firstFacture + int64(f.id) }
func (f *facture) supplier() string    { return f.s.parties.texts[f.fournisseur] }
func (f *facture) recipient() string   { return f.s.parties.texts[f.destinataire] }
func (f *facture) serviceCode() string { return f.s.parties.texts[f.service] }
func (f *facture) kind() string        { return f.s.nameOf(f.genre) }
func (f *facture) way() string         { return f.s.nameOf(f.mode) }
func (f *facture) frame() string       { return f.s.nameOf(f.cadre) }
func (f *facture) current() string     { return f.s.nameOf(f.documentRecord.statut) }
func (f *facture) hidden() bool        { return f.is&isHidden != 0 }
func (f *facture) rejetTraite() bool   { return f.is&isRejetTraite != 0 }
func (f *facture) telechargee() bool   { return f.is&isTelechargee != 0 }
func (f *facture) deposeLe() time.Time { return moment(f.s.fluxes.at(f.flux).at) }

// facts are what the portal holds of its document.
func (f *facture) facts() *Facts {
	if f.is&isRevised != 0 {
		return f.s.facts(f.s.revisions[f.n].line)
	}
	return f.s.facts(f.line)
}

// numeroFlux is "" for an invoice typed in at the portal, or submitted beside its PDF.
func (f *facture) numeroFlux() string {
	if r := f.s.revisions[f.n]; r.moved {
		return r.flux
	}
	return f.s.numberOf(f.flux)
}

// searchAt is since when the search knows it.
func (f *facture) searchAt() time.Time {
	if at, later := f.s.showLater[f.flux]; later {
		return moment(at)
	}
	return moment(f.s.fluxes.at(f.flux).integrateAt)
}

// newest is its current statut.
func (f *facture) newest() passage { return f.s.passages.at(f.passage, &f.s.names) }

// comment is what was said with a statut.
func (f *facture) comment(p passage) string {
	if p.line < 0 {
		return ""
	}
	return f.s.line(p.line).Commentaire
}

// shown is the newest statut that the search knows by now; false while it does not know the invoice.
func (f *facture) shown(now time.Time) (passage, bool) {
	if f.hidden() || now.Before(f.searchAt()) {
		return passage{}, false
	}
	if at := moment(f.since); f.is&(isLagging|isCommented) == 0 && !now.Before(at) { // all of it is at hand
		return passage{id: f.passage, statut: f.current(), at: at, shown: at, line: -1}, true
	}
	for n := f.passage; n != 0; {
		p := f.s.passages.at(n, &f.s.names)
		if !now.Before(p.shown) {
			return p, true
		}
		n = p.older
	}
	return passage{}, false
}

// history is every statut, oldest first.
func (f *facture) history() []passage {
	var all []passage
	for n := f.passage; n != 0; n = all[len(all)-1].older {
		all = append(all, f.s.passages.at(n, &f.s.names))
	}
	for i, k := 0, len(all)-1; i < k; i, k = i+1, k-1 {
		all[i], all[k] = all[k], all[i]
	}
	return all
}

// before is the statut before the current one.
func (f *facture) before() passage {
	if p := f.newest(); p.older != 0 {
		return f.s.passages.at(p.older, &f.s.names)
	}
	return f.newest()
}
