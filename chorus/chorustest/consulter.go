package chorustest

import "time"

// One invoice in detail, for each of the three who may look at it. Lines, VAT by rate, addresses and bank details are not kept here: their lists are empty.

// onRecipientsSide is the idFacture of the recipient, which is another number than the supplier's identifiantFactureCPP (docs/chorus-pro.md §8.1).
const onRecipientsSide = 10_000_000

// POST factures/v1/consulter/fournisseur
func (s *Sim) consulterFournisseur(c *call) answer {
	f := s.facture(c.body.integer("identifiantFactureCPP"))
	if refused, is := s.unseen(f, func() bool { return c.account.sees(f.supplier()) }); is {
		return refused
	}
	return ok(object{"facture": s.detail(f, f.number())})
}

// POST factures/v1/consulter/recipiendaire
func (s *Sim) consulterRecipiendaire(c *call) answer {
	f := s.facture(c.body.integer("identifiantFactureCPP") - onRecipientsSide)
	if refused, is := s.unseen(f, func() bool { return c.account.sees(f.recipient()) }); is {
		return refused
	}
	facture := s.detail(f, f.number()+onRecipientsSide)
	to := facture.object("destinataire")
	to["destinataireEtat"] = "NON"
	delete(to, "miseEnPaiementDestinataire")
	delete(to, "designationDestinataire")
	delete(facture, "rejetTraite")
	from := facture.object("fournisseur")
	delete(from, "raisonSocialeFournisseur")
	return ok(object{"facture": facture})
}

// POST factures/v1/consulter/valideur
func (s *Sim) consulterValideur(c *call) answer {
	f := s.facture(c.body.integer("identifiantFactureCPP"))
	if refused, is := s.unseen(f, func() bool { return f.hasValidator() }); is {
		return refused
	}
	return ok(object{"facture": s.detail(f, f.number())})
}

// unseen refuses what is not there, or nothing for who asks.
func (s *Sim) unseen(f *facture, entitled func() bool) (refused answer, is bool) {
	switch {
	case f == nil:
		return refusal(20000, "GDP_MSG_11.008 - La facture n'existe pas."), true
	case !entitled():
		return refusal(20001, "GDP_MSG_11.005 - Utilisateur non habilité."), true
	}
	return answer{}, false
}

// detail is the object that is called facture in these answers.
func (s *Sim) detail(f *facture, id int64) object {
	var idRecipient, recipient, idSupplier, supplier any
	comesToPayment := true
	if st := s.structures[f.recipient()]; st != nil {
		idRecipient, recipient, comesToPayment = st.ID, st.Designation, !st.StatutMiseEnPaiementNestPasRemonte
	}
	if st := s.structures[f.supplier()]; st != nil {
		idSupplier, supplier = st.ID, st.Designation
	}
	to := object{
		"idDestinataire": idRecipient, "codeDestinataire": f.recipient(), "libelleDestinataire": recipient, "designationDestinataire": recipient,
		"codeServiceExecutant": orNil(f.serviceCode()), "miseEnPaiementDestinataire": comesToPayment,
	}
	if sv := s.serviceOf(f); sv.ID != 0 && f.serviceCode() != "" {
		to["idServiceExecutant"], to["libelleServiceExecutant"] = sv.ID, sv.Libelle
	}
	tva := any(nil)
	if f.facts().HT != "" && f.facts().TTC != "" {
		tva = amount(minus(f.facts().TTC, f.facts().HT))
	}
	return object{
		"identifiantFactureCPP": id, "numeroFacture": f.facts().Numero, "statutFacture": f.current(), "modeDepot": f.way(), "rejetTraite": f.rejetTraite(),
		"destinataire": to,
		"fournisseur": object{
			"idFournisseur": idSupplier, "typeIdentifiantFournisseur": "SIRET", "codeFournisseur": f.supplier(), "raisonSocialeFournisseur": supplier,
			"designationFournisseur": supplier, "affactureur": object{},
		},
		"cadreDeFacturation": object{"codeCadreFacturation": cadreOf(f.frame()), "codeValideur1": orNil(f.facts().Valideur)},
		"references": object{
			"dateFacture": f.facts().Date, "dateDepot": dayOf(f.deposeLe()), "codeDeviseFacture": f.facts().Devise, "typeFacture": f.kind(),
			"numeroBonCommande": orNil(f.facts().Engagement), "dateCreationFacture": dayOf(f.deposeLe()),
		},
		"recapitulatifDeTva": object{
			"ligneTva": []any{}, "pageCouranteLignesRecapitulativesTVA": 1, "pagesLignesRecapitulativesTVA": 0,
			"nbResultatsParPageLignesRecapitulativesTVA": defaultPage, "totalLignesRecapitulativesTVA": 0,
		},
		"montantTotal": object{
			"montantHtTotal": amount(f.facts().HT), "montantTVA": tva, "montantTtcTotal": amount(f.facts().TTC), "montantTtcAvantRemiseGlobalTTC": amount(f.facts().TTC), "montantAPayer": amount(f.facts().APayer),
		},
		"commentaire": orNil(f.comment(f.newest())),
	}
}

// cadreOf is the official value that begins with a document's code: A1_FACTURE_FOURNISSEUR of A1.
func cadreOf(code string) any {
	for _, full := range enumerations["codeCadreFacturation2"] {
		if len(full) > len(code) && full[:len(code)+1] == code+"_" {
			return full
		}
	}
	return nil
}

// POST factures/v1/traiterRejet: the supplier has taken note of a rejection.
func (s *Sim) traiterRejet(c *call) answer {
	var all []*facture
	for _, x := range c.body.list("listeDemandePaiement") {
		o := objectOf(x)
		f := s.facture(o.integer("idDemandePaiement"))
		if refused, is := s.unseen(f, func() bool { return c.account.sees(f.supplier()) }); is {
			return refused
		}
		if f.current() != "REJETEE" {
			return refusal(20002, "GDP_MSG_11.001 - L'état de la facture ne permet pas cette action.")
		}
		all = append(all, f)
	}
	for _, f := range all {
		s.record(Entry{Type: "rejetTraite", Request: c.id, Facture: f.number(), Facts: &Facts{Numero: f.facts().Numero}})
	}
	return written(object{})
}

// written is an answer of an operation that has changed something.
func written(body object) answer {
	a := ok(body)
	a.body["libelle"] = "GCU_MSG_01_000"
	return a
}

// POST factures/v1/corriger/valideur/facture: the supplier names another validator, after the first turned the invoice down as none of his.
func (s *Sim) corrigerValideur(c *call) answer {
	f := s.facture(c.body.integer("idFacture"))
	if refused, is := s.unseen(f, func() bool { return c.account.sees(f.supplier()) }); is {
		return refused
	}
	st := s.structuresByID[c.body.integer("idStructure")]
	if st == nil {
		st = s.structures[c.body.text("identifiantStructure")]
	}
	switch {
	case f.current() != "ERREUR_FOURNISSEUR_SUR_VALIDEUR":
		return refusal(20002, "GDP_MSG_11.001 - L'état de la facture ne permet pas cette action.")
	case st == nil:
		return refusal(20003, "GDP_MSG_11.999 - La structure n'existe pas.")
	}
	facts := *f.facts()
	facts.Valideur = st.SIRET
	now := s.now()
	s.record(Entry{At: now, Type: "recycled", Facture: f.number(), Facts: &facts})
	s.moveTo(f, Move{Statut: "A_VALIDER_1"}, now)
	return written(object{"idFacture": f.number()})
}

// hasValidator tells that the invoice is a sub- or co-contractor's.
func (f *facture) hasValidator() bool { return f.frame() == "A9" || f.frame() == "A12" }

// POST factures/v1/traiter/factureAValider. Which actions there are is not declared [G].
func (s *Sim) traiterFactureAValider(c *call) answer {
	f := s.facture(c.body.integer("idFacture"))
	if refused, is := s.unseen(f, func() bool { return f.hasValidator() }); is {
		return refused
	}
	ends := map[string]map[string]string{
		"A_VALIDER_1": {"VALIDER": "VALIDEE_1", "REFUSER": "REFUSEE_1", "ERREUR": "ERREUR_FOURNISSEUR_SUR_VALIDEUR"},
		"A_VALIDER_2": {"VALIDER": "VALIDEE_2", "REFUSER": "REFUSEE_2", "ERREUR": "ERREUR_COTRAITANT_SUR_VALIDEUR"},
	}
	from, waiting := ends[f.current()]
	to, known := from[c.body.text("action")]
	switch {
	case !waiting:
		return refusal(20002, "GDP_MSG_11.001 - L'état de la facture ne permet pas cette action.")
	case !known:
		c.why = "action is none of VALIDER, REFUSER, ERREUR"
		return refusal(20003, "GDP_MSG_11.999 - L'action n'est pas connue.")
	}
	now := s.now()
	s.moveTo(f, Move{to, c.body.text("motifRefus")}, now)
	return written(object{"idFacture": f.number(), "numeroFacture": f.facts().Numero, "dateTraitement": dayOf(now), "statutFacture": to})
}

// received are the statuts that a recipient may give.
var received = []string{
	"MISE_A_DISPOSITION", "SUSPENDUE", "REJETEE", "MANDATEE", "MISE_EN_PAIEMENT", "COMPTABILISEE", "MISE_A_DISPOSITION_COMPTABLE", "A_RECYCLER", "SERVICE_FAIT",
}

// POST factures/v1/traiter/recue: the recipient moves an invoice.
func (s *Sim) traiterRecue(c *call) answer {
	f := s.facture(c.body.integer("idFacture") - onRecipientsSide)
	if refused, is := s.unseen(f, func() bool { return c.account.sees(f.recipient()) }); is {
		return refused
	}
	to, reason := c.body.text("nouveauStatut"), c.body.text("motif")
	switch {
	case !isOneOf(to, received):
		c.why = "a recipient gives one of " + orNone(received)
		return refusal(20002, "GDP_MSG_11.001 - L'état de la facture ne permet pas cette action.")
	case reason == "" && isOneOf(to, []string{"SUSPENDUE", "REJETEE", "A_RECYCLER"}):
		return refusal(20003, "GDP_MSG_11.999 - Le motif est obligatoire.")
	}
	now := s.now().Truncate(time.Microsecond)
	s.moveTo(f, Move{to, reason}, now)
	return written(object{"idFacture": f.number() + onRecipientsSide, "numeroFacture": f.facts().Numero, "dateTraitement": dayOf(now), "nouveauStatut": to})
}
