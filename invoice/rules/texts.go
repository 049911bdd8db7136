package rules

import (
	"fmt"
	"strings"
)

// text is what a person reads of a rule.
type text struct {
	term             string
	en, fr           string
	remedy, remedyFR string
}

// textOf never fails: a rule without a text of its own, which a test forbids, says its id.
func textOf(id string) text {
	if t, ok := texts[id]; ok {
		return t
	}
	return text{en: "the rule " + id + " is broken", fr: "la règle " + id + " n'est pas respectée"}
}

var texts = buildTexts()

// kind is a form of words that many rules share; %t is the term, %n its name.
type kind struct{ en, fr, remedy, remedyFR string }

var (
	missing = kind{"%t (%n) is missing", "il manque %t (%n)", "Write it; EN 16931 requires it.", "Renseignez-le : EN 16931 l'exige."}
	scheme  = kind{
		"%t (%n) does not say which scheme its value belongs to", "%t (%n) ne dit pas à quel référentiel appartient sa valeur",
		"Add the scheme's identifier (schemeID or listID).", "Ajoutez l'identifiant du référentiel (schemeID ou listID).",
	}
	digits = kind{
		"%t (%n) has more than two decimals", "%t (%n) a plus de deux décimales",
		"Round it to two decimals, and check the totals that contain it.", "Arrondissez-le à deux décimales et vérifiez les totaux qui le contiennent.",
	}
	code = kind{
		"%t (%n) holds a code that is not in its list", "%t (%n) contient un code qui n'est pas dans sa liste",
		"Use a code of the list that EN 16931 names.", "Utilisez un code de la liste que nomme EN 16931.",
	}
	once = kind{
		"%t (%n) is there more than once", "%t (%n) y est plusieurs fois",
		"Keep one.", "N'en gardez qu'un.",
	}
	reason = kind{
		"%t (%n) has neither a reason nor a reason code", "%t (%n) n'a ni motif ni code de motif",
		"Say why, in words or by a code of the list.", "Dites pourquoi, en clair ou par un code de la liste.",
	}
	needless = kind{
		"%n is not part of an invoice of EN 16931", "%n ne fait pas partie d'une facture EN 16931",
		"Leave it out.", "Supprimez-le.",
	}
)

// row is a rule whose words are those of its kind.
type row struct {
	id, term string
	name     string // English
	nom      string // French
	kind     kind
}

// own is a rule with words of its own.
type own struct {
	id string
	text
}

func buildTexts() map[string]text {
	all := map[string]text{}
	for _, r := range textRows {
		fill := func(s, name string) string { return strings.NewReplacer("%t", r.term, "%n", name).Replace(s) }
		all[r.id] = text{r.term, fill(r.kind.en, r.name), fill(r.kind.fr, r.nom), r.kind.remedy, r.kind.remedyFR}
	}
	for _, o := range ownTexts {
		all[o.id] = o.text
	}
	for _, f := range families {
		f.texts(all)
	}
	for _, list := range [][]rule{ciiOneOfEach()} {
		for _, r := range list {
			name := strings.TrimPrefix(r.at, "ram:")
			all[r.id] = text{"BG-22", "the total " + name + " is there more than once", "le total " + name + " y est plusieurs fois", "Keep one.", "N'en gardez qu'un."}
		}
	}
	refusedTexts(all)
	return all
}

// refusedTexts names the elements and attributes that CII has and EN 16931 does not use, from the rules themselves.
func refusedTexts(all map[string]text) {
	for _, g := range ciiSyntax {
		for _, r := range g.rules {
			if _, done := all[r.id]; done || !strings.HasPrefix(r.id, "CII-DT-") {
				continue
			}
			name := strings.TrimPrefix(strings.ReplaceAll(r.at, "ram:", ""), "udt:")
			if name == "" {
				name = attrNames[r.id]
			}
			where := strings.TrimPrefix(strings.TrimPrefix(g.on[0], "*"), "ram:")
			all[r.id] = text{
				en:     fmt.Sprintf("%s of %s is not used in an invoice of EN 16931", name, where),
				fr:     fmt.Sprintf("%s de %s n'est pas utilisé dans une facture EN 16931", name, where),
				remedy: "Leave it out.", remedyFR: "Supprimez-le.",
			}
		}
	}
}

var attrNames = map[string]string{
	"CII-DT-001": "@schemeName", "CII-DT-002": "@schemeAgencyName", "CII-DT-003": "@schemeDataURI", "CII-DT-004": "@schemeURI",
	"CII-DT-005": "@schemeID", "CII-DT-006": "@schemeAgencyID", "CII-DT-007": "@schemeVersionID", "CII-DT-008": "@name", "CII-DT-009": "@listURI",
	"CII-DT-013": "@languageID", "CII-DT-014": "@languageLocaleID", "CII-DT-031": "@currencyID", "CII-DT-032": "@currencyCodeListVersionID",
	"CII-DT-033": "@unitCode", "CII-DT-034": "@unitCodeListID", "CII-DT-035": "@unitCodeListAgencyID", "CII-DT-036": "@unitCodeListAgencyName",
	"CII-DT-101": "@schemeName", "CII-DT-102": "@schemeAgencyName", "CII-DT-103": "@schemeDataURI", "CII-DT-104": "@schemeURI",
}

// vatNames are the VAT categories in words.
var vatNames = map[string][2]string{
	"S": {"standard rate", "taux normal"}, "Z": {"zero rate", "taux zéro"}, "E": {"exempt from VAT", "exonéré de TVA"},
	"AE": {"reverse charge", "autoliquidation"}, "K": {"intra-community supply", "livraison intracommunautaire"},
	"G": {"export outside the EU", "exportation hors UE"}, "O": {"not subject to VAT", "non soumis à la TVA"},
	"L": {"Canary Islands tax (IGIC)", "impôt des Canaries (IGIC)"}, "M": {"tax of Ceuta and Melilla (IPSI)", "impôt de Ceuta et Melilla (IPSI)"},
}

// texts of the rules of one VAT category.
func (f family) texts(all map[string]text) {
	name := vatNames[f.code]
	cat, catFR := fmt.Sprintf("VAT category %s (%s)", f.code, name[0]), fmt.Sprintf("catégorie de TVA %s (%s)", f.code, name[1])
	add := func(n, term, en, fr, remedy, remedyFR string) {
		all[f.name+"-"+n] = text{term, en, fr, remedy, remedyFR}
	}
	add("01", "BG-23", "the VAT breakdown does not hold the entry that "+cat+" needs", "la ventilation de TVA ne contient pas l'entrée que demande la "+catFR,
		"Give the category one entry in the VAT breakdown (BG-23) for each rate that lines, allowances or charges use, and none that nothing uses.",
		"Donnez à la catégorie une entrée dans la ventilation (BG-23) pour chaque taux utilisé par des lignes, remises ou frais, et aucune que rien n'utilise.")
	parties, partiesFR := "the seller's VAT identifier (BT-31), tax registration (BT-32) or the representative's VAT identifier (BT-63)",
		"l'identifiant de TVA du vendeur (BT-31), son numéro fiscal (BT-32) ou l'identifiant de TVA de son représentant (BT-63)"
	switch f.code {
	case "G":
		parties, partiesFR = "the VAT identifier of the seller (BT-31) or of its representative (BT-63)", "l'identifiant de TVA du vendeur (BT-31) ou de son représentant (BT-63)"
	case "K":
		parties, partiesFR = "the VAT identifiers of the seller (BT-31) or its representative (BT-63), and of the buyer (BT-48)",
			"les identifiants de TVA du vendeur (BT-31) ou de son représentant (BT-63), et de l'acheteur (BT-48)"
	case "AE":
		parties, partiesFR = parties+", and the buyer's VAT identifier (BT-48) or legal registration (BT-47)",
			partiesFR+", et l'identifiant de TVA (BT-48) ou légal (BT-47) de l'acheteur"
	}
	for n, on := range map[string][3]string{
		"02": {"BT-151", "a line", "une ligne"}, "03": {"BT-95", "an allowance", "une remise"}, "04": {"BT-102", "a charge", "des frais"},
	} {
		if f.code == "O" {
			add(n, on[0], on[1]+" is of "+cat+", and a party gives a VAT identifier", on[2]+" : "+catFR+", et une partie donne un identifiant de TVA",
				"Leave out BT-31, BT-48 and BT-63, or use another category.", "Supprimez BT-31, BT-48 et BT-63, ou changez de catégorie.")
			continue
		}
		add(n, on[0], on[1]+" is of "+cat+", which needs "+parties, on[2]+" : la "+catFR+" demande "+partiesFR, "Write what is missing.", "Renseignez ce qui manque.")
	}
	rate, rateFR := map[rateRule][2]string{
		rateZero: {"must have the rate 0", "doit avoir le taux 0"}, ratePositive: {"must have a rate above 0", "doit avoir un taux supérieur à 0"},
		rateAny: {"must have a rate of 0 or above", "doit avoir un taux de 0 ou plus"}, rateNone: {"must not give a rate", "ne doit pas donner de taux"},
	}[f.rate][0], map[rateRule][2]string{
		rateZero: {"", "doit avoir le taux 0"}, ratePositive: {"", "doit avoir un taux supérieur à 0"},
		rateAny: {"", "doit avoir un taux de 0 ou plus"}, rateNone: {"", "ne doit pas donner de taux"},
	}[f.rate][1]
	for n, on := range map[string][3]string{
		"05": {"BT-152", "a line", "une ligne"}, "06": {"BT-96", "an allowance", "une remise"}, "07": {"BT-103", "a charge", "des frais"},
	} {
		add(n, on[0], on[1]+" of "+cat+" "+rate, on[2]+", "+catFR+", "+rateFR, "Correct the rate or the category.", "Corrigez le taux ou la catégorie.")
	}
	add("08", "BT-116", "the taxable amount of "+cat+" is not the sum of its lines and charges less its allowances",
		"la base de la "+catFR+" n'est pas la somme de ses lignes et frais moins ses remises",
		"Add up BT-131 and BT-99, take off BT-92, of this category and rate, and write that.", "Additionnez BT-131 et BT-99, retranchez BT-92, pour cette catégorie et ce taux, et écrivez le résultat.")
	if f.one {
		add("09", "BT-117", "the tax of "+cat+" is not 0", "la taxe de la "+catFR+" n'est pas 0", "Write 0.", "Écrivez 0.")
	} else {
		add("09", "BT-117", "the tax of "+cat+" is not its rate of its taxable amount", "la taxe de la "+catFR+" n'est pas son taux appliqué à sa base",
			"Multiply BT-116 by BT-119 / 100 and round to two decimals.", "Multipliez BT-116 par BT-119 / 100 et arrondissez à deux décimales.")
	}
	if f.reason {
		add("10", "BT-120", cat+" says no reason for the exemption", "la "+catFR+" ne dit pas le motif d'exonération",
			"Write the reason (BT-120) or its code (BT-121).", "Écrivez le motif (BT-120) ou son code (BT-121).")
	} else {
		add("10", "BT-120", cat+" gives a reason for an exemption that does not exist", "la "+catFR+" donne le motif d'une exonération qui n'existe pas",
			"Leave out BT-120 and BT-121, or correct the category.", "Supprimez BT-120 et BT-121, ou corrigez la catégorie.")
	}
}
