package chorustest

import (
	"slices"
	"time"
)

// Deposit is one document that the portal has accepted.
type Deposit struct {
	Request      int64     `json:"request"`
	Flux         string    `json:"numeroFluxDepot"`
	At           time.Time `json:"at"`
	Facts        Facts     `json:"facts"`
	NomFichier   string    `json:"nomFichier"`
	RefusedLater bool      `json:"refused_later"`
	RefusedAs    string    `json:"refused_as,omitempty"`            // technical, rules, structure, duplicate, fault, incident, vanished or forgotten
	Facture      int64     `json:"identifiantFactureCPP,omitempty"` // once integrated
	Statut       string    `json:"statut,omitempty"`
}

// Deposits returns what the portal has accepted under an invoice number, oldest first.
func (s *Sim) Deposits(numero string) []Deposit {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	all := []Deposit{}
	came := s.documentsOf(numero, func(d *documentRecord) bool { return s.numberOf(d.flux) != "" })
	slices.Reverse(came)
	for _, n := range came {
		f := s.factureAt(n) // or what may become one
		came := s.line(f.line)
		x := Deposit{
			Request: came.Request, Flux: came.Flux, At: came.At, Facts: *s.facts(f.line), NomFichier: came.NomFichier,
			RefusedLater: came.RefusedAs != "", RefusedAs: came.RefusedAs,
		}
		if f.id != 0 {
			x.Facture, x.Statut = f.number(), f.current()
		}
		all = append(all, x)
	}
	for _, n := range s.numbered(numero) {
		if f := s.factureAt(n); f.is&isSubmitted != 0 {
			came := s.line(f.line)
			all = append(all, Deposit{Request: came.Request, At: came.At, Facts: *f.facts(), Facture: f.number(), Statut: f.current()})
		}
	}
	sortBy(all, func(d Deposit) int64 { return d.At.UnixNano() })
	return all
}
