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
	var found []uint32
	for f := range s.invoices(s.candidates(c.body)) {
		if _, known := f.shown(now); known && c.account.sees(f.supplier()) && keep(f) {
			found = append(found, f.n)
		}
	}
	in := c.body.object("rechercheFactureParFournisseur")
	s.sortFactures(found, in.text("triColonne"), in.text("triSens"), now)
	if limit := int(in.integer("nbResultatsMaximum")); limit > 0 && limit < len(found) {
		found = found[:limit]
	}
	p := s.paging(in, "pageResultatDemandee", "nbResultatsParPage")
	rows := make([]any, 0)
	for f := range s.invoices(page(p, found)) {
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

// candidates narrows the search by what is indexed, so that a look-up among many invoices stays cheap. Documents that are no invoices may be among them.
func (s *Sim) candidates(in object) []uint32 {
	if numero := in.text("numeroFacture"); numero != "" && !s.cfg.SubstringNumbers {
		return s.numbered(numero)
	}
	if numero := in.text("numeroFluxDepot"); numero != "" {
		var all []uint32
		if fl := s.flux(numero); fl != nil {
			for n := range uint32(fl.documents) {
				all = append(all, fl.first+n)
			}
		}
		return all
	}
	return s.byID
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
	add(numero != "" && s.cfg.SubstringNumbers, func(f *facture) bool { return strings.Contains(f.facts().Numero, numero) })
	add(numero != "" && !s.cfg.SubstringNumbers, func(f *facture) bool { return f.facts().Numero == numero })
	equal("numeroFluxDepot", func(f *facture) string { return f.numeroFlux() })
	equal("typeFacture", func(f *facture) string { return f.kind() })
	equal("modeDepot", func(f *facture) string { return f.way() })
	equal("numeroBonCommande", func(f *facture) string { return f.facts().Engagement })
	cadre, _, _ := strings.Cut(in.text("cadreFacturation"), "_") // A1_FACTURE_FOURNISSEUR is A1
	add(cadre != "", func(f *facture) bool { return f.frame() == cadre })
	add(in.has("idFournisseur"), func(f *facture) bool {
		return s.structuresByID[in.integer("idFournisseur")].SIRET == f.supplier()
	})
	statuts := in.list("statutCourant")
	add(len(statuts) > 0, func(f *facture) bool { return slices.Contains(statuts, any(shown(f).statut)) })
	rejetTraite, asked := in.boolean("rejetTraite")
	add(asked, func(f *facture) bool { return f.rejetTraite() == rejetTraite })
	recipients := in.list("listeDestinataire")
	bySiren, _ := in.boolean("rechercheSirenDestinataire")
	add(len(recipients) > 0, func(f *facture) bool { return s.toOneOf(f, recipients, bySiren) })
	within("periodeDateDepot", true, func(f *facture) time.Time { return f.deposeLe() })
	within("periodeDateFacture", true, func(f *facture) time.Time { t, _, _ := parseDate(f.facts().Date); return t })
	if !s.cfg.PeriodsIgnored {
		within("periodeDateHeureEtatCourant", s.cfg.PeriodsByDay, func(f *facture) time.Time { return shown(f).at.Add(s.cfg.PeriodsShift) })
	}
	sums("montantHT", func(f *facture) string { return f.facts().HT })
	sums("montantTTC", func(f *facture) string { return f.facts().TTC })
	sums("montantApayer", func(f *facture) string { return f.facts().APayer })
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
			if st == nil || st.SIRET != f.recipient() && !(bySiren && len(f.recipient()) == 14 && st.SIRET[:9] == f.recipient()[:9]) {
				continue
			}
		}
		if name := in.text("raisonSocialeStuctDmd"); name != "" {
			st := s.structures[f.recipient()]
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
	if st := s.structures[f.recipient()]; st != nil {
		for _, sv := range st.Services {
			if sv.Code == f.serviceCode() {
				return sv
			}
		}
	}
	return Service{}
}

// sortFactures orders by a column and then by identifiantFactureCPP, so that pages never overlap. What the
// portal does without a column is not known: here the newest deposit comes first [G].
func (s *Sim) sortFactures(all []uint32, column, sense string, now time.Time) {
	if len(all) < 2 {
		return
	}
	texts := map[string]func(*facture) string{
		"NumeroFacture":        func(f *facture) string { return f.facts().Numero },
		"DateFacture":          func(f *facture) string { return f.facts().Date },
		"Statut":               func(f *facture) string { p, _ := f.shown(now); return p.statut },
		"NumeroFluxDepot":      (*facture).numeroFlux,
		"TypeFacture":          (*facture).kind,
		"CodeFournisseur":      (*facture).supplier,
		"CodeDestinataire":     (*facture).recipient,
		"Devise":               func(f *facture) string { return f.facts().Devise },
		"NumeroBonCommande":    func(f *facture) string { return f.facts().Engagement },
		"ModeDepot":            (*facture).way,
		"CodeServiceExecutant": (*facture).serviceCode,
	}
	sums := map[string]func(*facture) string{
		"MontantHT":     func(f *facture) string { return f.facts().HT },
		"MontantTTC":    func(f *facture) string { return f.facts().TTC },
		"MontantAPayer": func(f *facture) string { return f.facts().APayer },
	}
	byText, bySum := map[uint32]string{}, map[uint32]decimal.Decimal{} // read once each
	for f := range s.invoices(all) {
		if of := texts[column]; of != nil {
			byText[f.n] = of(f)
		} else if of := sums[column]; of != nil {
			bySum[f.n], _ = decimal.NewFromString(of(f))
		}
	}
	slices.SortFunc(all, func(a, b uint32) int {
		x, y := s.documents.at(a), s.documents.at(b)
		order := 0
		switch {
		case texts[column] != nil:
			order = cmp.Compare(byText[a], byText[b])
		case sums[column] != nil:
			order = bySum[a].Cmp(bySum[b])
		default:
			order = cmp.Compare(s.fluxes.at(x.flux).at, s.fluxes.at(y.flux).at)
		}
		order = cmp.Or(order, cmp.Compare(x.id, y.id))
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
	if st := s.structures[f.supplier()]; st != nil {
		supplier = st.Designation
	}
	if st := s.structures[f.recipient()]; st != nil {
		recipient, idRecipient = st.Designation, st.ID
	}
	facts := f.facts()
	row := object{
		"identifiantFactureCPP": f.number(), "typeDemandePaiement": "FACTURE", "numeroFacture": facts.Numero, "typeFacture": f.kind(),
		"dateFacture": facts.Date, "dateDepot": dayOf(f.deposeLe()), "codeFournisseur": f.supplier(),
		"typeIdentifiantFournisseur": "SIRET", "designationFournisseur": supplier, "idDestinataire": idRecipient,
		"codeDestinataire": f.recipient(), "designationDestinataire": orNil(recipient), "codeServiceExecutant": orNil(f.serviceCode()),
		"montantHT": amount(facts.HT), "montantTTC": amount(facts.TTC), "montantAPayer": amount(facts.APayer), "devise": facts.Devise,
		"statut": last.statut, "numeroBonCommande": orNil(facts.Engagement), "numeroFluxDepot": orNil(f.numeroFlux()), "modeDepot": f.way(),
		"rejetTraite": f.rejetTraite(), "dateHeureEtatCourant": isoDate(last.at), "commentaireEtatCourant": orNil(f.comment(last)),
	}
	if sv := s.serviceOf(f); sv.ID != 0 && f.serviceCode() != "" {
		row["idServiceExecutant"], row["nomServiceExecutant"] = sv.ID, sv.Libelle
	}
	return row
}
