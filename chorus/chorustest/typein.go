package chorustest

import (
	"encoding/json"
	"fmt"
	"net/http"
)

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
	if err := f.asTyped(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.takeTyped(f)
}

// takeTyped is TypeIn for what was checked. Callers hold the lock.
func (s *Sim) takeTyped(f Facts) (identifiantFactureCPP int64, err error) {
	s.catchUp()
	if s.isTaken(f.key()) && !s.cfg.AcceptDuplicates {
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

// asTyped checks what a person types in, and fills in what is usual.
func (f *Facts) asTyped() error {
	date, day, ok := parseDate(f.Date)
	if f.Numero == "" || len(f.Fournisseur) != 14 || len(f.Destinataire) != 14 || !ok || !day {
		return fmt.Errorf("numero, dateFacture (2006-01-02), fournisseur and destinataire (14 digits) are required")
	}
	f.Siren, f.Annee = f.Fournisseur[:9], date.Year()
	for field, otherwise := range map[*string]string{&f.Type: "FACTURE", &f.Devise: "EUR", &f.Mode: "SAISIE_PORTAIL", &f.Cadre: "A1"} {
		if *field == "" {
			*field = otherwise
		}
	}
	for name, sum := range map[string]string{"montantHT": f.HT, "montantTTC": f.TTC, "montantAPayer": f.APayer} {
		if sum != "" && !json.Valid([]byte(sum)) {
			return fmt.Errorf("%s is not a number", name)
		}
	}
	return nil
}
