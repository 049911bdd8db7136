package chorustest

import (
	"encoding/base64"
	"strings"
)

// POST transverses/v1/consulterCR: the older report, a PDF. For Factur-X it has not worked since 2018 (docs/chorus-pro.md §5.2): here it does not find such a flux [G].
func (s *Sim) consulterCR(c *call) answer {
	fl := s.flux(c.body.text("numeroFluxDepot"))
	now := s.now()
	if fl != nil && fl.syntax() == syntaxeFacturX {
		c.why = "consulterCR fails for Factur-X, as the portal's does: use consulterCRDetaille"
		fl = nil
	}
	if fl == nil || fl.forgotten() || fl.from() != c.login || now.Before(fl.reported()) {
		return refusal(20001, "POQ_MSG_01.003 - Flux introuvable.")
	}
	etat, since := fl.etat(now)
	code := "FSO" + interfaceOf(fl.syntax()) + "A"
	lines := []string{"Compte rendu", fl.numero, etat}
	if fl.done {
		dp, technique := fl.erreurs()
		for _, x := range append(dp, technique...) {
			o := objectOf(x)
			lines = append(lines, o.text("libelleErreurDP")+o.text("libelleErreur"))
		}
	}
	return ok(object{
		"etatCourantFlux": etat, "fichierCR": base64.StdEncoding.EncodeToString(onePage(lines)), "nomFichierFlux": code + "_CPP001_" + fl.numero,
		"dateDepotFlux": isoDate(fl.arrived()), "dateHeureEtatCourantFlux": isoDate(since), "codeInterfaceFlux": code, "codeAppliPartenaire": nil, "designationPartenaire": nil,
	})
}

// POST transverses/v1/recuperer/coordbanc/valides: each supplier has one account. What the elements hold is guessed [G].
func (s *Sim) coordonneesBancaires(c *call) answer {
	st := s.structuresByID[c.body.integer("idStructure")]
	if st == nil || st.Publique || !c.account.sees(st.SIRET) {
		return refusal(20001, "GDP_MSG_11.005 - Utilisateur non habilité.")
	}
	return ok(object{"listeCoordonneeBancaire": []any{object{
		"idCoordonneeBancaire": st.ID * 10, "nomCoordonneeBancaire": "COMPTE PRINCIPAL", "typeCoordonneeBancaire": "IBAN", "codePays": "FR", "cleIBAN": "76",
		"compteBancaire": "30006000011234567890189", "bicSwift": "AGRIFRPP",
	}}})
}

// POST transverses/v1/rechercher/destinataire: public structures by SIRET or by a part of the name.
func (s *Sim) rechercherDestinataire(c *call) answer {
	id, name := c.body.text("identifiant"), strings.ToLower(c.body.text("nomVilleCodePostal"))
	found := s.sorted(func(st *Structure) bool {
		return st.Publique && !st.Inactive && (id == "" || st.SIRET == id) && strings.Contains(strings.ToLower(st.Designation), name)
	})
	p := s.paging(c.body.object("parametresRecherche"), "pageResultatDemandee", "nbResultatsParPage")
	rows := make([]any, 0)
	for _, st := range page(p, found) {
		rows = append(rows, object{"idStructureCPP": st.ID, "siret": st.SIRET, "nomDestinataire": st.Designation, "typeStructure": "PUBLIQUE"})
	}
	return s.list(c, "listeDestinataires", rows, p, len(found))
}

// POST transverses/v1/rechercher/serviceexecutant
func (s *Sim) rechercherServiceExecutant(c *call) answer {
	st := s.structuresByID[c.body.integer("idDestinataireCPP")]
	if st == nil {
		return refusal(20000, "TRA_MSG_00.015 - La structure n'existe pas.")
	}
	active, asked := c.body.boolean("actif")
	var found []Service
	for _, sv := range st.Services {
		if code := c.body.text("codeServiceExecutant"); (code == "" || code == sv.Code) && (!asked || active == !sv.Inactif) {
			found = append(found, sv)
		}
	}
	p := s.paging(c.body.object("parametresRecherche"), "pageResultatDemandee", "nbResultatsParPage")
	rows := make([]any, 0)
	for _, sv := range page(p, found) {
		rows = append(rows, object{"idService": sv.ID, "codeService": sv.Code, "libelleService": sv.Libelle, "estActif": !sv.Inactif})
	}
	return s.list(c, "listeServices", rows, p, len(found))
}

// POST structures/v1/lister/rattachementsutilisateur: the services of a structure that the account is attached to. Here an account has all of its structures'.
func (s *Sim) listerRattachements(c *call) answer {
	st := s.structuresByID[c.body.integer("idStructure")]
	if st == nil {
		st = s.structures[c.body.text("identifiantStructure")]
	}
	if st == nil || !c.account.sees(st.SIRET) {
		return refusal(20001, "GDP_MSG_11.005 - Utilisateur non habilité.")
	}
	p := s.paging(c.body.object("parametresListerRattachementsStructureUtilisateur"), "pageResultatDemandee", "nbResultatsParPage")
	rows := make([]any, 0)
	for _, sv := range page(p, st.Services) {
		rows = append(rows, object{"idRattachement": sv.ID, "idService": sv.ID, "codeService": sv.Code, "nomService": sv.Libelle, "statutRattachement": "VALIDEE"})
	}
	a := s.list(c, "listeServices", rows, p, max(1, len(st.Services))) // a structure without services is no empty search
	a.body["listeServices"] = rows
	a.body.object("parametresRetour")["total"] = len(st.Services)
	a.body["idStructure"], a.body["identifiantStructure"], a.body["designationStructure"], a.body["premierService"] = st.ID, st.SIRET, st.Designation, false
	return a
}

// POST structures/v1/rechercher/espaces: which spaces an account has on a structure; here "Factures émises" on a supplier, "Factures reçues" on a recipient.
func (s *Sim) rechercherEspaces(c *call) answer {
	in := c.body.object("structure")
	st := s.structuresByID[in.integer("idStructure")]
	if st == nil {
		st = s.structures[in.text("identifiantStructure")]
	}
	if st == nil || !c.account.sees(st.SIRET) {
		return refusal(20001, "GDP_MSG_11.005 - Utilisateur non habilité.")
	}
	label := "Factures émises"
	if st.Publique {
		label = "Factures reçues"
	}
	p := s.paging(c.body.object("parametresRechercherEspaces"), "pageResultatDemandee", "nbResultatsParPage")
	return s.list(c, "listeEspace", page(p, []any{object{
		"codeEspace": 1, "idEspaceFo": 1, "etatCourant": "ACTIVE", "libelleEspace": label, "typeHabilitation": "MODIFICATION",
	}}), p, 1)
}
