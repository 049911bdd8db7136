package rules

import (
	"strings"
	"unicode"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/invoice"
)

// JudgeFields says all that is to be said of a PDF without XML and of the fields beside it: what makes them unreadable, and what Chorus Pro refuses. EN 16931 has no rules for it.
func JudgeFields(fields, document []byte, o Options) Report {
	d, problems := invoice.ReadFields(fields, document)
	var found []Finding
	if d != nil {
		found = o.level(d, append(chorus(d, fieldGroups, nil), futureDate(d, o.Now)...))
	}
	for _, p := range problems {
		found = append(found, OfProblem(&p)) // no setting makes them readable
	}
	if o.SyntaxeFlux != "" {
		f := ruleOf("CH-SYNTAXE").finding(hit{value: o.SyntaxeFlux})
		f.Message, f.MessageFR = "syntaxe_flux is for files of a flux, and fields are for a PDF without XML", "syntaxe_flux concerne les fichiers d'un flux, et fields un PDF sans XML"
		found = append(found, f)
	}
	for k, f := range found {
		if remedy, other := fieldRemedies[f.Code]; other {
			found[k].Remedy, found[k].RemedyFR = remedy[0], remedy[1]
		}
	}
	errorsFirst(found)
	return Report{Document: d, Findings: found}
}

// fieldGroups are the rows that fields are held against.
var fieldGroups = [][]chorusRule{headerRules, partyRules, totalRules, fieldRules}

// fieldRemedies are said of fields instead of a rule's own, which speaks of XML.
var fieldRemedies = map[string][2]string{
	"CH-SELLER-SIRET": {"Write the SIRET in fournisseur_siret, 14 digits and nothing else.", "Écrivez le SIRET dans fournisseur_siret, 14 chiffres et rien d'autre."},
	"CH-BUYER-SIRET": {
		"Write the public body's SIRET in destinataire_siret, 14 digits and nothing else.", "Écrivez le SIRET de l'entité publique dans destinataire_siret, 14 chiffres et rien d'autre.",
	},
	"CH-DATE":       {"Write it as 2026-01-31.", "Écrivez-la comme 2026-01-31."},
	"CH-CADRE-PAID": {"Write A1, or montant_a_payer as it is: \"0.00\" when all is paid.", "Écrivez A1, ou le montant_a_payer exact : \"0.00\" si tout est payé."},
	"CH-PDF":        {"Open the PDF and save it again.", "Ouvrez le PDF et enregistrez-le de nouveau."},
}

const fieldSource = "docs/chorus-pro.md §5.2a, the Swagger of soumettre"

// The longest texts that are sent beside a PDF, in characters. What the portal takes is not documented.
const (
	maxFieldText = 500
	maxComment   = 4000
)

// fieldLists are the fields for which the route of submission has a list (its Swagger).
var fieldLists = []struct {
	term    string
	value   func(d *invoice.Document) string
	allowed []string
}{
	{"BT-3", func(d *invoice.Document) string { return d.Type }, strings.Fields("FACTURE AVOIR")},
	{"BT-23", func(d *invoice.Document) string { return d.Cadre }, submissionCadres},
	{"BT-8", func(d *invoice.Document) string { return d.Fields.TypeTVA }, strings.Fields("TVA_SUR_DEBIT TVA_SUR_ENCAISSEMENT EXONERATION SANS_TVA")},
	{"BT-81", func(d *invoice.Document) string { return d.Fields.ModePaiement }, strings.Fields("VIREMENT PRELEVEMENT CHEQUE ESPECE AUTRE REPORT")},
}

var fieldRules = []chorusRule{
	{
		Rule: Rule{
			Code: "CH-FIELDS-MISSING", Severity: Error, Source: fieldSource, Weight: "S",
			Text: "fields lack something that Chorus Pro requires", TextFR: "il manque dans fields une donnée que Chorus Pro exige",
			Remedy: "Write the field.", RemedyFR: "Renseignez ce champ.",
		},
		find: func(d *invoice.Document) (hits []hit) {
			lack := func(term, name string) {
				hits = append(hits, saying(hit{term: term, where: "fields." + name}, term+" ("+name+") is missing: Chorus Pro requires it", term+" ("+name+") manque : Chorus Pro l'exige")...)
			}
			for _, f := range []struct{ term, name string }{{"BT-1", "numero_facture"}, {"BT-2", "date_facture"}, {"BT-112", "montant_ttc"}} {
				if d.At(f.term).Text == "" {
					lack(f.term, f.name)
				}
			}
			if d.Fields.TypeTVA == "EXONERATION" && d.Fields.MotifExoneration == "" {
				lack("BT-120", "motif_exoneration")
			}
			for _, l := range d.Fields.LignesTVA {
				if l.At.Taux.Text == "" || l.At.Base.Text == "" || l.At.TVA.Text == "" {
					hits = append(hits, saying(hit{term: "BG-23", where: l.Where()}, "a line of lignes_tva lacks taux, base or tva", "une ligne de lignes_tva n'a pas taux, base et tva")...)
				}
			}
			return hits
		},
	},
	{
		Rule: Rule{
			Code: "CH-FIELDS-VALUE", Severity: Error, Source: fieldSource, Weight: "S",
			Text: "a field holds none of the values that Chorus Pro takes", TextFR: "un champ contient une valeur que Chorus Pro n'accepte pas",
			Remedy: "Write one of the values that the message names.", RemedyFR: "Écrivez l'une des valeurs que nomme le message.",
		},
		find: func(d *invoice.Document) (hits []hit) {
			for _, l := range fieldLists {
				v := l.value(d)
				switch {
				case v == "" || contains(l.allowed, v), l.term == "BT-23" && !cadreForm.MatchString(v): // of which CH-CADRE speaks
				case l.term == "BT-81" && isCredit(d): // so does the next rule
				default:
					list := strings.Join(l.allowed, ", ")
					hits = append(hits, saying(at(d.At(l.term)), l.term+" is "+quote(cut(v))+": write one of "+list, l.term+" vaut "+quote(cut(v))+" : écrivez "+list)...)
				}
			}
			if v := d.At("BT-5"); !currencies.Has(d.Devise) {
				hits = append(hits, saying(at(v), "BT-5 is "+quote(cut(d.Devise))+": write a code of ISO 4217, as EUR", "BT-5 vaut "+quote(cut(d.Devise))+" : écrivez un code ISO 4217, comme EUR")...)
			}
			return hits
		},
	},
	{
		Rule: Rule{
			Code: "CH-FIELDS-CREDIT", Severity: Error, Term: "BT-81", Source: "OCA l10n_fr_chorus_account", Weight: "P",
			Text: "BT-81 (means of payment) stands beside a credit note, which must have none", TextFR: "BT-81 (moyen de paiement) accompagne un avoir, qui ne doit pas en avoir",
			Remedy: "Leave mode_paiement out.", RemedyFR: "Supprimez mode_paiement.",
		},
		find: func(d *invoice.Document) []hit {
			return onlyIf(d.At("BT-81"), isCredit(d) && d.Fields.ModePaiement != "")
		},
	},
	{
		Rule: Rule{
			Code: "CH-FIELDS-AMOUNT", Severity: Error, Source: "EN 16931, BR-DEC-*; EDI annex G1.14", Weight: "S",
			Text: "an amount in fields is none, or has more than two decimals, which would be rounded", TextFR: "un montant de fields n'en est pas un, ou a plus de deux décimales, et serait arrondi",
			Remedy: "Write it as \"1250.00\".", RemedyFR: "Écrivez-le comme \"1250.00\".",
		},
		find: func(d *invoice.Document) (hits []hit) {
			look := func(v invoice.Value, term string, amount bool) {
				v.Term = term
				switch text := v.Trimmed(); {
				case text == "":
				case amount && !invoice.IsAmount(text):
					hits = append(hits, saying(at(v), term+" is "+quote(cut(text))+", which is no amount", term+" vaut "+quote(cut(text))+", qui n'est pas un montant")...)
				case invoice.IsAmount(text) && !twoDecimals(strings.TrimRight(text, "0")):
					hits = append(hits, saying(at(v), term+" is "+quote(cut(text))+", with more than two decimals", term+" vaut "+quote(cut(text))+", avec plus de deux décimales")...)
				}
			}
			for _, term := range totals {
				look(d.At(term), term, false) // whether it is an amount, CH-AMOUNT says
			}
			for _, l := range d.Fields.LignesTVA {
				look(l.At.Taux, "BT-119", true)
				look(l.At.Base, "BT-116", true)
				look(l.At.TVA, "BT-117", true)
			}
			return hits
		},
	},
	{
		Rule: Rule{
			Code: "CH-FIELDS-SUM", Severity: Error, Source: "EN 16931, BR-CO-14, BR-CO-15", Weight: "S",
			Text: "the amounts in fields do not add up", TextFR: "les montants de fields ne s'additionnent pas",
			Remedy:   "Correct the amounts: montant_ht and montant_tva make montant_ttc, and lignes_tva make montant_ht and montant_tva.",
			RemedyFR: "Corrigez les montants : montant_ht et montant_tva font montant_ttc, et lignes_tva font montant_ht et montant_tva.",
		},
		find: sums,
	},
	{
		Rule: Rule{
			Code: "CH-FIELDS-VAT", Severity: Warning, Term: "BT-117", Source: "EN 16931, BR-CO-17", Weight: "G",
			Text: "the VAT of a line of lignes_tva is not its base times its rate", TextFR: "la TVA d'une ligne de lignes_tva n'est pas le produit de la base et du taux",
			Remedy: "Correct taux, base or tva.", RemedyFR: "Corrigez taux, base ou tva.",
		},
		find: func(d *invoice.Document) (hits []hit) {
			for _, l := range d.Fields.LignesTVA {
				if l.Taux.Valid && l.Base.Valid && l.TVA.Valid && l.Base.Decimal.Mul(l.Taux.Decimal).Shift(-2).Sub(l.TVA.Decimal).Abs().GreaterThan(decimal.NewFromInt(1)) {
					h := at(l.At.TVA)
					h.term = "BT-117"
					hits = append(hits, h)
				}
			}
			return hits
		},
	},
	{
		Rule: Rule{
			Code: "CH-FIELDS-TEXT", Severity: Error, Source: "ours", Weight: "S",
			Text: "a text in fields has more than 500 characters (commentaire: 4000), or holds a control character", TextFR: "un texte de fields a plus de 500 caractères (commentaire : 4000), ou contient un caractère de contrôle",
			Remedy: "Shorten it, and take out what cannot be printed.", RemedyFR: "Raccourcissez-le, et supprimez ce qui n'est pas imprimable.",
		},
		find: func(d *invoice.Document) (hits []hit) {
			for _, term := range []string{"BT-12", "BT-22", "BT-25", "BT-120"} {
				v, most := d.At(term), maxFieldText
				text := v.Trimmed()
				if term == "BT-22" {
					most = maxComment
					text = strings.NewReplacer("\n", "", "\r", "", "\t", "").Replace(text) // a comment may have lines
				}
				hits = append(hits, onlyIf(v, longer(v.Trimmed(), most) || strings.ContainsFunc(text, unicode.IsControl))...)
			}
			return hits
		},
	},
}

// sums holds the amounts that are there against each other.
func sums(d *invoice.Document) (hits []hit) {
	ht, tva, ttc := d.MontantHT, d.MontantTVA, d.MontantTTC
	say := func(term, what, quoi string, is, made decimal.Decimal) {
		hits = append(hits, saying(at(d.At(term)), term+" is "+is.StringFixed(2)+", and "+what+" "+made.StringFixed(2), term+" vaut "+is.StringFixed(2)+", et "+quoi+" "+made.StringFixed(2))...)
	}
	if ht.Valid && tva.Valid && ttc.Valid && !ht.Decimal.Add(tva.Decimal).Equal(ttc.Decimal) {
		say("BT-112", "montant_ht and montant_tva make", "montant_ht et montant_tva font", ttc.Decimal, ht.Decimal.Add(tva.Decimal))
	}
	if ttc.Valid && d.MontantAPayer.Valid && d.MontantAPayer.Decimal.Abs().GreaterThan(ttc.Decimal.Abs()) {
		say("BT-115", "montant_ttc is only", "montant_ttc ne vaut que", d.MontantAPayer.Decimal, ttc.Decimal)
	}
	if len(d.Fields.LignesTVA) == 0 {
		return hits
	}
	var base, tax decimal.Decimal
	for _, l := range d.Fields.LignesTVA {
		if !l.Taux.Valid || !l.Base.Valid || !l.TVA.Valid {
			return hits // another rule says so
		}
		base, tax = base.Add(l.Base.Decimal), tax.Add(l.TVA.Decimal)
	}
	if ht.Valid && !base.Equal(ht.Decimal) {
		say("BT-109", "the bases of lignes_tva make", "les bases de lignes_tva font", ht.Decimal, base)
	}
	if tva.Valid && !tax.Equal(tva.Decimal) {
		say("BT-110", "the taxes of lignes_tva make", "les taxes de lignes_tva font", tva.Decimal, tax)
	}
	if !ht.Valid && !tva.Valid && ttc.Valid && !base.Add(tax).Equal(ttc.Decimal) {
		say("BT-112", "lignes_tva make", "lignes_tva font", ttc.Decimal, base.Add(tax))
	}
	return hits
}
