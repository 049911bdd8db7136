package chorustest

import "time"

// stages are the states of a flux before its end, in order, each for an equal part of the time (docs/chorus-pro.md §7).
var stages = []string{
	"IN_DEPOT_PORTAIL_EN_ATTENTE_TRAITEMENT_SE_CPP", "IN_RECU", "IN_TRAITE_SE_CPP",
	"IN_EN_ATTENTE_TRAITEMENT_CPP", "IN_EN_COURS_TRAITEMENT_CPP",
}

// etat is the state of a flux, and since when.
func (fl *flux) etat(now time.Time) (string, time.Time) {
	if fl.done {
		return fl.end(), fl.finished()
	}
	part := fl.finished().Sub(fl.arrived()) / time.Duration(len(stages))
	i := 0
	if part > 0 {
		i = min(int(now.Sub(fl.arrived())/part), len(stages)-1)
	}
	return stages[i], fl.arrived().Add(part * time.Duration(i))
}

// end is the final state, which is decided on arrival.
func (fl *flux) end() string {
	refused := 0
	for n := range int(fl.documents) {
		as := fl.fate(n)
		if as == refusedIncident {
			return "IN_INCIDENTE"
		}
		if as != "" && as != refusedVanished {
			refused++
		}
	}
	switch refused {
	case 0:
		return "IN_INTEGRE"
	case int(fl.documents):
		return "IN_REJETE"
	}
	return "IN_INTEGRE_PARTIEL"
}

// forgotten tells that a fault made the portal lose the flux.
func (fl *flux) forgotten() bool {
	return fl.documents > 0 && fl.fate(0) == refusedForgotten
}

// POST transverses/v1/consulterCRDetaille
func (s *Sim) consulterCRDetaille(c *call) answer {
	fl := s.flux(c.body.text("numeroFluxDepot"))
	now := s.now()
	if fl == nil || fl.forgotten() || fl.from() != c.login || now.Before(fl.reported()) {
		return refusal(20001, "POQ_MSG_01.003 - Flux introuvable.")
	}
	etat, since := fl.etat(now)
	code := "FSO" + interfaceOf(fl.syntax()) + "A"
	body := object{
		"codeInterfaceDepotFlux": code, "nomFichier": code + "_CPP001_" + fl.numero,
		"dateDepotFlux": isoDate(fl.arrived()), "dateHeureEtatCourantFlux": isoDate(since), "etatCourantDepotFlux": etat,
		"listeErreurDP": nil, "listeErreurTechnique": nil,
	}
	if fl.done && etat != "IN_INCIDENTE" {
		body["listeErreurDP"], body["listeErreurTechnique"] = fl.erreurs()
	}
	return ok(body)
}

// erreurs are the two lists of a report that is final.
func (fl *flux) erreurs() (dp, technique []any) {
	dp, technique = []any{}, []any{}
	for n := range int(fl.documents) {
		switch fl.fate(n) {
		case "", refusedVanished:
		case refusedTechnical:
			technique = append(technique, object{"natureErreur": "IRRECEVABILITE", "codeErreur": "ERR_XSD_001", "libelleErreur": fl.line(n).Reason})
		default:
			facts := fl.facts(n)
			dp = append(dp, object{
				"identifiantFournisseur": orNil(facts.Fournisseur), "identifiantDestinataire": orNil(facts.Destinataire),
				"numeroDP": orNil(facts.Numero), "libelleErreurDP": orNil(fl.line(n).Reason),
			})
		}
	}
	return dp, technique
}
