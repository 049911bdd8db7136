package chorustest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

// What makes the two sides drift apart without any request: for proving that a client's reconciliation finds it.

// POST /invoices/{numero}/edit {"montantTTC":"120.00","numeroFluxDepot":"CPP…"}: what is named changes, the rest stays.
func (s *Sim) postEdit(r *http.Request) (any, error) {
	var raw json.RawMessage
	if err := decode(r, &raw); err != nil {
		return nil, err
	}
	return object{}, s.edit(r.PathValue("numero"), raw)
}

// Edit changes what the portal holds of the newest invoice of that number, as no supplier can: changes is JSON with the fields of Facts, and
// numeroFluxDepot.
func (s *Sim) Edit(numero, changes string) error { return s.edit(numero, []byte(changes)) }

func (s *Sim) edit(numero string, changes []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	f := s.find(numero)
	if f == nil {
		return fmt.Errorf("the portal holds no invoice %s", numero)
	}
	facts := *f.facts()
	edited := struct {
		*Facts
		Flux string `json:"numeroFluxDepot"`
	}{&facts, f.numeroFlux()}
	if err := strictly(bytes.NewReader(changes), &edited); err != nil {
		return err
	}
	if facts.Numero == "" {
		return fmt.Errorf("an invoice without a number cannot be found again")
	}
	if err := facts.asKept(); err != nil {
		return err
	}
	s.record(Entry{Type: "edited", Facture: f.number(), Flux: edited.Flux, Facts: &facts})
	return nil
}

// POST /invoices/{numero}/hidden {"on":true}
func (s *Sim) postHidden(r *http.Request) (any, error) {
	var in struct {
		On *bool `json:"on"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.On == nil {
		return nil, errNoOn
	}
	return in, s.Hide(r.PathValue("numero"), *in.On)
}

// Hide makes the newest invoice of that number disappear from every search, or come back.
func (s *Sim) Hide(numero string, on bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	f := s.find(numero)
	if f == nil {
		return fmt.Errorf("the portal holds no invoice %s", numero)
	}
	s.record(Entry{Type: "hidden", Facture: f.number(), Facts: &Facts{Numero: f.facts().Numero}, Hidden: &on})
	return nil
}
