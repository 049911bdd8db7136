package chorustest

import (
	"slices"
	"strings"

	"github.com/shopspring/decimal"
)

// The other searches: what waits for each of the three who act, and the recipient's and validator's own.

func isOneOf(text string, all []string) bool { return slices.Contains(all, text) }

func minus(a, b string) string {
	x, _ := decimal.NewFromString(a)
	y, _ := decimal.NewFromString(b)
	return x.Sub(y).StringFixed(2)
}

// wanted is one search: which invoices, and where its paging stands.
type wanted struct {
	keep   func(*facture) bool
	paging string
	row    func(*facture, passage) object
	root   bool // the counters stand at the root, as in older operations
}

// searched answers one page of it. Filters are those of the supplier's search, under its names.
func (s *Sim) searched(c *call, filters object, w wanted) answer {
	now := s.now()
	keep := s.filter(filters, now)
	var found []uint32
	for f := range s.invoices(s.candidates(filters)) {
		if _, known := f.shown(now); known && w.keep(f) && keep(f) {
			found = append(found, f.n)
		}
	}
	in := c.body.object(w.paging)
	column := strings.NewReplacer("Identifiant", "Code", "NumeroEngagement", "NumeroBonCommande").Replace(in.text("triColonne"))
	s.sortFactures(found, column, in.text("triSens"), now)
	limit := max(in.integer("nbResultatsMaximum"), in.integer("getnbResultatsMaximum"))
	if limit > 0 && int(limit) < len(found) {
		found = found[:limit]
	}
	p := s.paging(in, "pageResultatDemandee", "nbResultatsParPage")
	rows := make([]any, 0)
	for f := range s.invoices(page(p, found)) {
		shown, _ := f.shown(now)
		rows = append(rows, w.row(f, shown))
	}
	a := s.list(c, "listeFactures", rows, p, len(found))
	if counters := a.body.object("parametresRetour"); w.root && counters != nil {
		delete(a.body, "parametresRetour")
		for name, value := range counters {
			a.body[name] = value
		}
	}
	return a
}

// renamed takes over what a request asks under names of the supplier's search, and others under theirs: from, to, from, to, ….
func renamed(in object, pairs ...string) object {
	out := object{}
	for name, value := range in {
		if d := descriptions["factures/v1/rechercher/fournisseur"].asks; d[name].kind != nested && name != "numeroMarche" {
			if _, same := d[name]; same {
				out[name] = value
			}
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if in.has(pairs[i]) {
			out[pairs[i+1]] = in[pairs[i]]
		}
	}
	return out
}

// POST factures/v1/rechercher/atraiter/fournisseur: what waits for the supplier.
func (s *Sim) aTraiterFournisseur(c *call) answer {
	st := s.structuresByID[c.body.integer("idStructure")]
	if st == nil || !c.account.sees(st.SIRET) {
		return refusal(20001, "GDP_MSG_11.005 - Utilisateur non habilité.")
	}
	noRejected, _ := c.body.boolean("masquerRejetee")
	return s.searched(c, object{}, wanted{paging: "rechercheFactureATraiterParFournisseur", keep: func(f *facture) bool {
		statut := f.current()
		return f.supplier() == st.SIRET && (isOneOf(statut, []string{"SUSPENDUE", "A_RECYCLER", "ERREUR_FOURNISSEUR_SUR_VALIDEUR", "REFUSEE_1", "REFUSEE_2"}) ||
			statut == "REJETEE" && !noRejected && !f.rejetTraite())
	}, row: func(f *facture, shown passage) object {
		row := s.row(f, shown)
		for _, newer := range []string{"numeroFluxDepot", "modeDepot", "rejetTraite", "dateHeureEtatCourant", "commentaireEtatCourant"} {
			delete(row, newer)
		}
		return row
	}})
}

// recipientRow is an invoice as its recipient sees it.
func (s *Sim) recipientRow(f *facture, shown passage) object {
	row := s.row(f, shown)
	row["idFacture"], row["factureTelechargeeParDestinataire"] = f.number()+onRecipientsSide, f.telechargee()
	for _, supplierOnly := range []string{"identifiantFactureCPP", "numeroFluxDepot", "modeDepot", "rejetTraite"} {
		delete(row, supplierOnly)
	}
	return row
}

// POST factures/v1/rechercher/recipiendaire
func (s *Sim) rechercherRecipiendaire(c *call) answer {
	filters := renamed(c.body)
	to := map[string]any{}
	if c.body.has("idDestinataire") {
		to["idDestinataire"] = c.body["idDestinataire"]
	}
	if c.body.has("idServiceExecutant") {
		to["listeIdServiceExecutant"] = []any{c.body["idServiceExecutant"]}
	}
	if len(to) > 0 {
		filters["listeDestinataire"] = []any{to}
	}
	types := c.body.list("listeTypeFacture")
	downloaded, asked := c.body.boolean("factureTelechargeeParDestinataire")
	suppliers := map[string]bool{}
	for _, x := range c.body.list("listeFournisseurs") {
		o := objectOf(x)
		if st := s.structuresByID[o.integer("idFournisseur")]; st != nil {
			suppliers[st.SIRET] = true
		} else {
			suppliers["nobody"] = true
		}
	}
	return s.searched(c, filters, wanted{paging: "paramRecherche", root: true, row: s.recipientRow, keep: func(f *facture) bool {
		return c.account.sees(f.recipient()) && (len(types) == 0 || slices.Contains(types, any(f.kind()))) && (!asked || f.telechargee() == downloaded) &&
			(len(suppliers) == 0 || suppliers[f.supplier()])
	}})
}

// POST factures/v1/rechercher/atraiter/recipiendaire: what waits for the recipient.
func (s *Sim) aTraiterRecipiendaire(c *call) answer {
	st := s.structuresByID[c.body.integer("idStructure")]
	if st == nil || !c.account.sees(st.SIRET) {
		return refusal(20001, "GDP_MSG_11.005 - Utilisateur non habilité.")
	}
	return s.searched(c, object{}, wanted{paging: "parametreRechercheFactureATraiterParRecipiendaire", row: s.recipientRow, keep: func(f *facture) bool {
		return f.recipient() == st.SIRET && isOneOf(f.current(), []string{"MISE_A_DISPOSITION", "PRISE_EN_COMPTE_DESTINATAIRE", "COMPLETEE"})
	}})
}

// validatorRow is an invoice as its validator sees it.
func (s *Sim) validatorRow(f *facture, shown passage) object {
	row := s.row(f, shown)
	row["idFacture"], row["identifiantFournisseur"], row["identifiantDestinataire"], row["numeroEngagement"] = f.number(), row["codeFournisseur"], row["codeDestinataire"], row["numeroBonCommande"]
	for name := range row {
		if _, declared := descriptions["factures/v1/rechercher/valideur"].says["listeFactures"].fields[name]; !declared {
			delete(row, name)
		}
	}
	row["typeIdentifiantDestinataire"], row["identifiantValideur"] = "SIRET", orNil(f.facts().Valideur)
	if st := s.structures[f.supplier()]; st != nil {
		row["idFournisseur"] = st.ID
	}
	// The description has integers where money stands: what is no whole number is left out rather than rounded.
	for _, name := range []string{"montantHT", "montantTTC", "montantAPayer"} {
		text, _ := row[name].(interface{ String() string })
		row[name] = nil
		if text != nil {
			if whole, err := decimal.NewFromString(text.String()); err == nil && whole.IsInteger() {
				row[name] = whole.IntPart()
			}
		}
	}
	return row
}

// POST factures/v1/rechercher/valideur: invoices of sub- and co-contractors. Whose validator an account is, is not known here: it sees all.
func (s *Sim) rechercherValideur(c *call) answer {
	types := c.body.list("listeTypeFacture")
	filters := renamed(c.body, "numeroEngagement", "numeroBonCommande", "montantAPayerMin", "montantApayerMin", "montantAPayerMax", "montantApayerMax")
	delete(filters, "idFournisseur")
	supplier := s.structuresByID[c.body.integer("idFournisseur")]
	return s.searched(c, filters, wanted{paging: "pagination", row: s.validatorRow, keep: func(f *facture) bool {
		return f.hasValidator() && (len(types) == 0 || slices.Contains(types, any(f.kind()))) && (!c.body.has("idFournisseur") || supplier != nil && supplier.SIRET == f.supplier())
	}})
}

// POST factures/v1/rechercher/aTraiter/valideur
func (s *Sim) aTraiterValideur(c *call) answer {
	return s.searched(c, object{}, wanted{paging: "pagination", row: s.validatorRow, keep: func(f *facture) bool {
		return f.hasValidator() && isOneOf(f.current(), []string{"A_VALIDER_1", "A_VALIDER_2"})
	}})
}

// POST factures/v1/recuperer/statutsFactureVisibles/valideur
func (s *Sim) statutsVisibles(*call) answer {
	rows := make([]any, 0)
	for _, statut := range statuts {
		if strings.Contains(statut, "VALID") || strings.HasPrefix(statut, "REFUSEE_") {
			rows = append(rows, object{"codeStatutFacture": statut})
		}
	}
	return ok(object{"listeStatutFacture": rows})
}

// POST factures/v1/rechercher/demandePaiement: all sides in one; it has no paging, and only a total.
func (s *Sim) rechercherDemandePaiement(c *call) answer {
	filters := renamed(c.body, "montantAPayerMin", "montantApayerMin", "montantAPayerMax", "montantApayerMax")
	now := s.now()
	keep := s.filter(filters, now)
	role, supplier := c.body.text("roleUtilisateur"), c.body.object("structureFournisseur")
	rows := make([]any, 0)
	for f := range s.invoices(s.candidates(filters)) {
		shown, known := f.shown(now)
		st, recipient := s.structures[f.supplier()], s.structures[f.recipient()]
		switch {
		case !known || !keep(f) || role == "DESTINATAIRE" && !c.account.sees(f.recipient()) || role == "VALIDEUR" && !f.hasValidator() ||
			(role == "" || role == "FOURNISSEUR") && !c.account.sees(f.supplier()) || role == "MOE" || role == "MOA":
			continue
		case supplier.has("identifiantStructureFournisseur") && supplier.text("identifiantStructureFournisseur") != f.supplier():
			continue
		case supplier.has("idStructureFournisseur") && (st == nil || st.ID != supplier.integer("idStructureFournisseur")):
			continue
		case len(rows) >= s.cfg.MaxPage:
			continue
		}
		row := object{
			"idDemandePaiement": f.number(), "numeroDemandePaiement": f.facts().Numero, "typeDemandePaiement": "FACTURE", "typeFacture": f.kind(), "cadreFacturation": cadreOf(f.frame()),
			"etatCourant": shown.statut, "dateHeureEtatCourant": isoDate(shown.at), "dateFournisseur": f.facts().Date, "dateDepot": dayOf(f.deposeLe()),
			"montantHT": amount(f.facts().HT), "montantTTC": amount(f.facts().TTC), "montantAPayer": amount(f.facts().APayer), "numeroBonCommande": orNil(f.facts().Engagement),
			"identifiantStructureFournisseur": f.supplier(), "identifiantStructureDestinataire": f.recipient(), "codeServiceDestinataire": orNil(f.serviceCode()),
			"commentaireEtatCourant": orNil(f.comment(shown)),
		}
		if st != nil {
			row["idStructureFournisseur"] = st.ID
		}
		if recipient != nil {
			row["idStructureDestinataire"] = recipient.ID
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 && s.empty20000(c) {
		return refusal(20000, noResult)
	}
	return ok(object{"listeDemandePaiement": rows, "total": len(rows)})
}
