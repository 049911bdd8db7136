package chorustest

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
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
	if f.Numero == "" || !siretForm.MatchString(f.Fournisseur) || !siretForm.MatchString(f.Destinataire) || !ok || !day {
		return fmt.Errorf("numero, dateFacture (2006-01-02), fournisseur and destinataire (14 digits) are required")
	}
	f.Siren, f.Annee = f.Fournisseur[:9], date.Year()
	for field, otherwise := range map[*string]string{&f.Type: "FACTURE", &f.Devise: "EUR", &f.Mode: "SAISIE_PORTAIL", &f.Cadre: "A1"} {
		if *field == "" {
			*field = otherwise
		}
	}
	return f.asKept()
}

var sumForm = regexp.MustCompile(`^(-?[0-9]{1,15}(\.[0-9]{1,6})?)?$`)

// asKept looks at facts that a person made up: what the portal cannot hold is refused here, for no answer could be made of it.
func (f *Facts) asKept() error {
	for _, x := range []struct{ name, value string }{{"montantHT", f.HT}, {"montantTTC", f.TTC}, {"montantAPayer", f.APayer}} {
		if !sumForm.MatchString(x.value) {
			return fmt.Errorf("%s: %.40q is not an amount as 120.00", x.name, x.value)
		}
	}
	for _, x := range []struct {
		name, value string
		of          []string
	}{{"typeFacture", f.Type, enumerations["typeFacture"]}, {"modeDepot", f.Mode, enumerations["modeDepot"]}} {
		if x.value != "" && !slices.Contains(x.of, x.value) {
			return fmt.Errorf("%s: %.40q is none of %s", x.name, x.value, strings.Join(x.of, " "))
		}
	}
	if f.Cadre != "" && !cadreForm.MatchString(f.Cadre) {
		return fmt.Errorf("cadre: %.40q is none of A1 to A25", f.Cadre)
	}
	for _, x := range []struct{ name, value string }{{"numero", f.Numero}, {"codeService", f.Service}, {"engagement", f.Engagement}, {"devise", f.Devise}, {"fournisseur", f.Fournisseur}, {"destinataire", f.Destinataire}} {
		if len(x.value) > maxShort {
			return fmt.Errorf("%s: more than %d bytes", x.name, maxShort)
		}
	}
	return nil
}
