package chorustest

import "slices"

// POST factures/v1/consulter/historique
func (s *Sim) consulterHistorique(c *call) answer {
	f := s.facture(c.body.integer("idFacture"))
	if f == nil {
		return refusal(20000, "GDP_MSG_11.008 - La facture n'existe pas.")
	}
	if !c.account.sees(f.supplier()) {
		return refusal(20001, "GDP_MSG_11.005 - Utilisateur non habilité.")
	}
	in := c.body.object("paramRechercheHistoStatuts")
	p := s.paging(in, "pageResultatDemandeeListeHistoStatut", "nbResultatsParPageListeHistoStatut")
	passages := f.history()
	if in.text("triSensListeHistoStatut") != "Ascendant" {
		slices.Reverse(passages)
	}
	if limit := int(c.body.integer("nbResultatsMaximum")); limit > 0 && limit < len(passages) {
		passages = passages[:limit]
	}
	rows := make([]any, 0)
	for _, x := range page(p, passages) {
		rows = append(rows, object{
			"histoStatutId": x.id, "histoStatutCode": x.statut, "histoStatutDatePassage": shortDate(x.at),
			"histoStatutCommentaire": orNil(f.comment(x)), "histoStatutUtilisateurNom": nil, "histoStatutUtilisateurPrenom": nil,
			"histoStatutUtilisateurEmail": nil, "histoStatutUtilisateurTelephone": nil,
		})
	}
	return ok(object{
		"idFacture": f.number(), "numeroFacture": f.facts().Numero, "modeDepot": f.way(), "statutCourantCode": f.current(),
		"historiquesDesStatuts": object{
			"histoStatut": rows, "pageCouranteHistoStatut": p.page, "pagesHistoStatut": p.pages(len(passages)),
			"nbResultatsParPageHistoStatut": p.size, "totalHistoStatut": len(passages),
		},
		"historiquesDesEvenementsComplementaires": object{
			"evenement": []any{}, "pageCouranteEvenement": 1, "pagesEvenement": 0, "nbResultatsParPageEvenement": defaultPage, "totalEvenement": 0,
		},
		"historiquesDesActionsUtilisateurs": object{
			"histoAction": []any{}, "pageCouranteHistoAction": 1, "pagesHistoAction": 0, "nbResultatsParPageHistoAction": defaultPage, "totalHistoAction": 0,
		},
		"derniereAction": nil,
	})
}
