package chorustest

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// POST factures/v1/rechercher/fournisseur. Every filter of the Swagger is honoured; those about things that
// the simulator does not hold (bank details, validators, creators, market and origin numbers) find nothing.
func (s *Sim) rechercherFournisseur(c *call) answer {
	if id := c.body.integer("idFournisseur"); c.body.has("idFournisseur") {
		st := s.structuresByID[id]
		if st == nil || st.Publique || !c.account.sees(st.SIRET) {
			return refusal(20001, "GDP_MSG_11.005 - Utilisateur non habilité. (code réel inconnu ici)")
		}
	}
	now := s.now()
	keep := s.filter(c.body, now)
	var found []*facture
	for _, f := range s.candidates(c.body) {
		if _, known := f.shown(now); known && c.account.sees(f.Fournisseur) && keep(f) {
			found = append(found, f)
		}
	}
	in := c.body.object("rechercheFactureParFournisseur")
	sortFactures(found, in.text("triColonne"), in.text("triSens"), now)
	if limit := int(in.integer("nbResultatsMaximum")); limit > 0 && limit < len(found) {
		found = found[:limit]
	}
	p := s.paging(in, "pageResultatDemandee", "nbResultatsParPage")
	rows := make([]any, 0)
	for _, f := range page(p, found) {
		shown, _ := f.shown(now)
		rows = append(rows, s.row(f, shown))
	}
	return s.list(c, "listeFactures", rows, p, len(found))
}

// Periods changes what the search makes of periodeDateHeureEtatCourant, as Config says it at the start.
func (s *Sim) Periods(byDay, ignored bool, shift time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.PeriodsByDay, s.cfg.PeriodsIgnored, s.cfg.PeriodsShift = byDay, ignored, shift
}

// candidates narrows the search by what is indexed, so that a look-up among many invoices stays cheap.
func (s *Sim) candidates(in object) []*facture {
	if numero := in.text("numeroFacture"); numero != "" && !s.cfg.SubstringNumbers {
		return s.byNumero[numero]
	}
	if numero := in.text("numeroFluxDepot"); numero != "" {
		var all []*facture
		if fl := s.fluxes[numero]; fl != nil {
			for _, d := range fl.depots {
				if d.facture != nil {
					all = append(all, d.facture)
				}
			}
		}
		return all
	}
	return s.order
}

// filter makes the test of one request. An invoice has to pass every part that was asked.
func (s *Sim) filter(in object, now time.Time) func(*facture) bool {
	shown := func(f *facture) passage { p, _ := f.shown(now); return p }
	var tests []func(*facture) bool
	add := func(asked bool, test func(*facture) bool) {
		if asked {
			tests = append(tests, test)
		}
	}
	equal := func(field string, of func(*facture) string) {
		want := in.text(field)
		add(want != "", func(f *facture) bool { return of(f) == want })
	}
	within := func(name string, byDay bool, of func(*facture) time.Time) {
		from, okFrom := bound(in.text(name+"Du"), false, byDay)
		to, okTo := bound(in.text(name+"Au"), true, byDay)
		add(okFrom, func(f *facture) bool { return !of(f).Before(from) })
		add(okTo, func(f *facture) bool { return !of(f).After(to) })
	}
	sums := func(name string, of func(*facture) string) {
		for _, side := range []string{"Min", "Max"} {
			limit, err := decimal.NewFromString(in.number(name + side))
			add(err == nil, func(f *facture) bool {
				sum, err := decimal.NewFromString(of(f))
				return err == nil && (side == "Min" && sum.GreaterThanOrEqual(limit) || side == "Max" && sum.LessThanOrEqual(limit))
			})
		}
	}
	numero := in.text("numeroFacture")
	add(numero != "" && s.cfg.SubstringNumbers, func(f *facture) bool { return strings.Contains(f.Numero, numero) })
	add(numero != "" && !s.cfg.SubstringNumbers, func(f *facture) bool { return f.Numero == numero })
	equal("numeroFluxDepot", func(f *facture) string { return f.flux })
	equal("typeFacture", func(f *facture) string { return f.Type })
	equal("modeDepot", func(f *facture) string { return f.Mode })
	equal("numeroBonCommande", func(f *facture) string { return f.Engagement })
	cadre, _, _ := strings.Cut(in.text("cadreFacturation"), "_") // A1_FACTURE_FOURNISSEUR is A1
	add(cadre != "", func(f *facture) bool { return f.Cadre == cadre })
	add(in.has("idFournisseur"), func(f *facture) bool {
		return s.structuresByID[in.integer("idFournisseur")].SIRET == f.Fournisseur
	})
	statuts := in.list("statutCourant")
	add(len(statuts) > 0, func(f *facture) bool { return slices.Contains(statuts, any(shown(f).Statut)) })
	rejetTraite, asked := in.boolean("rejetTraite")
	add(asked, func(f *facture) bool { return f.rejetTraite == rejetTraite })
	recipients := in.list("listeDestinataire")
	bySiren, _ := in.boolean("rechercheSirenDestinataire")
	add(len(recipients) > 0, func(f *facture) bool { return s.toOneOf(f, recipients, bySiren) })
	within("periodeDateDepot", true, func(f *facture) time.Time { return f.deposeLe })
	within("periodeDateFacture", true, func(f *facture) time.Time { t, _, _ := parseDate(f.Date); return t })
	if !s.cfg.PeriodsIgnored {
		within("periodeDateHeureEtatCourant", s.cfg.PeriodsByDay, func(f *facture) time.Time { return shown(f).at.Add(s.cfg.PeriodsShift) })
	}
	sums("montantHT", func(f *facture) string { return f.HT })
	sums("montantTTC", func(f *facture) string { return f.TTC })
	sums("montantApayer", func(f *facture) string { return f.APayer })
	for _, unknown := range []string{
		"numeroMarche", "numeroFactureOrigine", "idServiceFournisseur", "idStructureValideur", "coordonneeBancaire",
	} {
		add(in.has(unknown), func(*facture) bool { return false })
	}
	add(len(in.list("idUtilisateurCreateur")) > 0, func(*facture) bool { return false })
	return func(f *facture) bool {
		for _, test := range tests {
			if !test(f) {
				return false
			}
		}
		return true
	}
}

// bound reads one end of a period. A date without time stands for the whole day at either end, and byDay
// makes every date so.
func bound(text string, end, byDay bool) (time.Time, bool) {
	t, day, ok := parseDate(text)
	if !ok {
		return time.Time{}, false
	}
	if day || byDay {
		y, m, d := t.In(Paris).Date()
		t = time.Date(y, m, d, 0, 0, 0, 0, Paris)
		if end {
			t = t.AddDate(0, 0, 1).Add(-time.Nanosecond)
		}
	}
	return t, true
}

// toOneOf matches listeDestinataire: any of the recipients, with any of its services if some are named.
func (s *Sim) toOneOf(f *facture, recipients []any, bySiren bool) bool {
	for _, x := range recipients {
		want, _ := x.(map[string]any)
		in := object(want)
		if in.has("idDestinataire") {
			st := s.structuresByID[in.integer("idDestinataire")]
			if st == nil || st.SIRET != f.Destinataire && !(bySiren && len(f.Destinataire) == 14 && st.SIRET[:9] == f.Destinataire[:9]) {
				continue
			}
		}
		if name := in.text("raisonSocialeStuctDmd"); name != "" {
			st := s.structures[f.Destinataire]
			if st == nil || !strings.Contains(strings.ToLower(st.Designation), strings.ToLower(name)) {
				continue
			}
		}
		if services := in.list("listeIdServiceExecutant"); len(services) > 0 {
			id := s.serviceOf(f).ID
			if id == 0 || !slices.ContainsFunc(services, func(x any) bool { return object{"id": x}.integer("id") == id }) {
				continue
			}
		}
		return true
	}
	return false
}

func (s *Sim) serviceOf(f *facture) Service {
	if st := s.structures[f.Destinataire]; st != nil {
		for _, sv := range st.Services {
			if sv.Code == f.Service {
				return sv
			}
		}
	}
	return Service{}
}

// sortFactures orders by a column and then by identifiantFactureCPP, so that pages never overlap. What the
// portal does without a column is not known: here the newest deposit comes first [G].
func sortFactures(all []*facture, column, sense string, now time.Time) {
	texts := map[string]func(*facture) string{
		"NumeroFacture":        func(f *facture) string { return f.Numero },
		"DateFacture":          func(f *facture) string { return f.Date },
		"Statut":               func(f *facture) string { p, _ := f.shown(now); return p.Statut },
		"NumeroFluxDepot":      func(f *facture) string { return f.flux },
		"TypeFacture":          func(f *facture) string { return f.Type },
		"CodeFournisseur":      func(f *facture) string { return f.Fournisseur },
		"CodeDestinataire":     func(f *facture) string { return f.Destinataire },
		"Devise":               func(f *facture) string { return f.Devise },
		"NumeroBonCommande":    func(f *facture) string { return f.Engagement },
		"ModeDepot":            func(f *facture) string { return f.Mode },
		"CodeServiceExecutant": func(f *facture) string { return f.Service },
	}
	sums := map[string]func(*facture) string{
		"MontantHT":     func(f *facture) string { return f.HT },
		"MontantTTC":    func(f *facture) string { return f.TTC },
		"MontantAPayer": func(f *facture) string { return f.APayer },
	}
	slices.SortFunc(all, func(a, b *facture) int {
		order := 0
		if of := texts[column]; of != nil {
			order = cmp.Compare(of(a), of(b))
		} else if of := sums[column]; of != nil {
			x, _ := decimal.NewFromString(of(a))
			y, _ := decimal.NewFromString(of(b))
			order = x.Cmp(y)
		} else {
			order = a.deposeLe.Compare(b.deposeLe)
		}
		order = cmp.Or(order, cmp.Compare(a.id, b.id))
		if sense == "Descendant" || sense == "" && column == "" {
			return -order
		}
		return order
	})
}

// row is one invoice of a search answer.
func (s *Sim) row(f *facture, last passage) object {
	supplier, recipient := "", ""
	var idRecipient any
	if st := s.structures[f.Fournisseur]; st != nil {
		supplier = st.Designation
	}
	if st := s.structures[f.Destinataire]; st != nil {
		recipient, idRecipient = st.Designation, st.ID
	}
	row := object{
		"identifiantFactureCPP": f.id, "typeDemandePaiement": "FACTURE", "numeroFacture": f.Numero, "typeFacture": f.Type,
		"dateFacture": f.Date, "dateDepot": dayOf(f.deposeLe), "codeFournisseur": f.Fournisseur,
		"typeIdentifiantFournisseur": "SIRET", "designationFournisseur": supplier, "idDestinataire": idRecipient,
		"codeDestinataire": f.Destinataire, "designationDestinataire": orNil(recipient), "codeServiceExecutant": orNil(f.Service),
		"montantHT": amount(f.HT), "montantTTC": amount(f.TTC), "montantAPayer": amount(f.APayer), "devise": f.Devise,
		"statut": last.Statut, "numeroBonCommande": orNil(f.Engagement), "numeroFluxDepot": orNil(f.flux), "modeDepot": f.Mode,
		"rejetTraite": f.rejetTraite, "dateHeureEtatCourant": isoDate(last.at), "commentaireEtatCourant": orNil(last.Commentaire),
	}
	if sv := s.serviceOf(f); sv.ID != 0 && f.Service != "" {
		row["idServiceExecutant"], row["nomServiceExecutant"] = sv.ID, sv.Libelle
	}
	return row
}
