package chorustest

import "time"

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
	var all []Deposit
	for _, fl := range s.fluxes {
		for _, d := range fl.depots {
			if d.facts.Numero != numero {
				continue
			}
			x := Deposit{
				Request: fl.request, Flux: fl.numero, At: fl.at, Facts: *d.facts, NomFichier: fl.nomFichier,
				RefusedLater: d.refusedAs != "", RefusedAs: d.refusedAs,
			}
			if d.facture != nil {
				x.Facture, x.Statut = d.facture.id, d.facture.statut().Statut
			}
			all = append(all, x)
		}
	}
	for _, f := range s.byNumero[numero] {
		if f.request != 0 {
			all = append(all, Deposit{Request: f.request, At: f.deposeLe, Facts: *f.Facts, Facture: f.id, Statut: f.statut().Statut})
		}
	}
	sortBy(all, func(d Deposit) int64 { return d.At.UnixNano() })
	return all
}
