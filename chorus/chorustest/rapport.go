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
		return fl.end(), fl.integrateAt
	}
	part := fl.integrateAt.Sub(fl.at) / time.Duration(len(stages))
	i := 0
	if part > 0 {
		i = min(int(now.Sub(fl.at)/part), len(stages)-1)
	}
	return stages[i], fl.at.Add(part * time.Duration(i))
}

// end is the final state, which is decided on arrival.
func (fl *flux) end() string {
	refused := 0
	for _, d := range fl.depots {
		if d.refusedAs == refusedIncident {
			return "IN_INCIDENTE"
		}
		if d.refusedAs != "" && d.refusedAs != refusedVanished {
			refused++
		}
	}
	switch refused {
	case 0:
		return "IN_INTEGRE"
	case len(fl.depots):
		return "IN_REJETE"
	}
	return "IN_INTEGRE_PARTIEL"
}

// forgotten tells that a fault made the portal lose the flux.
func (fl *flux) forgotten() bool {
	return len(fl.depots) > 0 && fl.depots[0].refusedAs == refusedForgotten
}

// POST transverses/v1/consulterCRDetaille
func (s *Sim) consulterCRDetaille(c *call) answer {
	fl := s.fluxes[c.body.text("numeroFluxDepot")]
	now := s.now()
	if fl == nil || fl.forgotten() || fl.account != c.login || now.Before(fl.reportAt) {
		return refusal(20001, "POQ_MSG_01.003 - Flux introuvable.")
	}
	etat, since := fl.etat(now)
	code := "FSO" + interfaceOf(fl.syntaxe) + "A"
	body := object{
		"codeInterfaceDepotFlux": code, "nomFichier": code + "_CPP001_" + fl.numero,
		"dateDepotFlux": isoDate(fl.at), "dateHeureEtatCourantFlux": isoDate(since), "etatCourantDepotFlux": etat,
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
	for _, d := range fl.depots {
		switch d.refusedAs {
		case "", refusedVanished:
		case refusedTechnical:
			technique = append(technique, object{"natureErreur": "IRRECEVABILITE", "codeErreur": "ERR_XSD_001", "libelleErreur": d.reason})
		default:
			dp = append(dp, object{
				"identifiantFournisseur": orNil(d.facts.Fournisseur), "identifiantDestinataire": orNil(d.facts.Destinataire),
				"numeroDP": orNil(d.facts.Numero), "libelleErreurDP": orNil(d.reason),
			})
		}
	}
	return dp, technique
}
