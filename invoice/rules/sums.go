package rules

import (
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/tree"
)

// withSums adds to the findings about totals what the parts really make, where each part is a number, or what else keeps the rule from adding up.
func withSums(d *invoice.Document, found []Finding) []Finding {
	for k, f := range found {
		if f.Code == "BR-CO-15" && f.at != nil {
			if other, is := withoutVAT(d, f); is {
				found[k] = other
				continue
			}
		}
		total, ok := made(d, f)
		if said, is := tree.Decimal(f.Value); ok && !(is && said.Equal(total)) { // never that 1200.00 is not what makes 1200.00
			found[k].Message += ", which make " + total.StringFixed(2)
			found[k].MessageFR += ", soit " + total.StringFixed(2)
		}
	}
	return found
}

// withoutVAT says why BR-CO-15 finds no single VAT total in the invoice's currency; is tells whether that is so.
func withoutVAT(d *invoice.Document, f Finding) (other Finding, is bool) {
	var own []invoice.Value
	currency := d.At("BT-5")
	for _, v := range d.All("BT-110") {
		if v.Currency == currency.Text { // as the rule compares them: white space counts
			own = append(own, v)
		}
	}
	at := func(v invoice.Value) { f.Term, f.Value, f.Where = v.Term, cut(v.Trimmed()), v.Where() }
	v := d.Amount("BT-110")
	switch {
	case len(own) > 1:
		at(own[1])
		n, c := strconv.Itoa(len(own)), quote(cut(d.Devise))
		return f.saying("BT-110 (VAT total) is there "+n+" times in "+c+", and the rule adds up one", "BT-110 (total de TVA) y est "+n+" fois en "+c+", et la règle n'en additionne qu'un",
			"Keep one VAT total in the invoice's currency.", "Ne gardez qu'un total de TVA dans la devise de la facture."), true
	case len(own) == 1:
		return f, false
	case currency.Text != d.Devise:
		at(currency)
		return f.saying("BT-5 (currency) has white space or a line break around it, so that no amount is in it: "+quote(cut(currency.Text)),
			"BT-5 (devise) a un blanc ou un saut de ligne autour de sa valeur, si bien qu'aucun montant n'est dans cette devise : "+quote(cut(currency.Text)),
			"Write the code alone between the tags.", "N'écrivez que le code entre les balises."), true
	case v.Trimmed() == "":
		f.Term, f.Value = "BT-110", ""
		return f.saying("BT-110 (VAT total) is missing, so that BT-112 cannot be BT-109 plus BT-110", "BT-110 (total de TVA) est absent : BT-112 ne peut pas être BT-109 plus BT-110",
			"Write it: 0.00 where there is no VAT.", "Écrivez-le : 0.00 s'il n'y a pas de TVA."), true
	case v.Currency == "":
		at(v)
		return f.saying("BT-110 (VAT total) names no currency, and is not counted: BT-112 is not BT-109 plus BT-110",
			"BT-110 (total de TVA) n'indique pas de devise et n'est pas compté : BT-112 n'est pas BT-109 plus BT-110",
			`Write currencyID="EUR" in it, or whichever BT-5 is.`, `Écrivez-y currencyID="EUR", ou la devise de BT-5.`), true
	case strings.TrimSpace(v.Currency) == d.Devise:
		at(v)
		return f.saying("the currency of BT-110 (VAT total) has white space around it, and BT-110 is not counted", "la devise de BT-110 (total de TVA) a un blanc autour de sa valeur, et BT-110 n'est pas compté",
			`Write currencyID="EUR", or whichever BT-5 is, without white space.`, `Écrivez currencyID="EUR", ou la devise de BT-5, sans blanc.`), true
	}
	return f, false
}

// made computes what a total should be.
func made(d *invoice.Document, f Finding) (total decimal.Decimal, ok bool) {
	ok = true
	add := func(n decimal.Decimal, is bool) {
		ok = ok && is
		total = total.Add(n)
	}
	less := func(n decimal.Decimal, is bool) { add(n.Neg(), is) }
	switch f.Code {
	case "BR-CO-10":
		add(d.Sum("BT-131"))
	case "BR-CO-13":
		add(d.Sum("BT-106"))
		less(d.Sum("BT-107"))
		add(d.Sum("BT-108"))
	case "BR-CO-14":
		if f.at == nil || f.at.Name != "cbc:TaxAmount" {
			add(d.Sum("BT-117"))
			break
		}
		f.at.Parent.Each("cac:TaxSubtotal/cbc:TaxAmount", func(e *element) bool { // of this total in UBL, where there may be another in another currency
			add(e.Number())
			return ok
		})
	case "BR-CO-15":
		add(d.MontantHT.Decimal, d.MontantHT.Valid)
		add(d.MontantTVA.Decimal, d.MontantTVA.Valid)
	case "BR-CO-16":
		add(d.MontantTTC.Decimal, d.MontantTTC.Valid)
		less(d.Sum("BT-113"))
		add(d.Sum("BT-114"))
	default:
		return total, false
	}
	return total.Round(2), ok
}

// withCreditNote tells of a UBL Invoice whose type is a credit note's that it is a document of its own.
func withCreditNote(d *invoice.Document, found []Finding) []Finding {
	for k, f := range found {
		if f.Code == "BR-CL-01" && d.Tree().Root.Name == "ubl:Invoice" && codeLists["creditnotes"].Has(f.Value) {
			found[k].Message += ": " + quote(f.Value) + " is a credit note, which in UBL is not an Invoice"
			found[k].MessageFR += " : " + quote(f.Value) + " est un avoir, qui en UBL n'est pas un Invoice"
			found[k].Remedy, found[k].RemedyFR = "Write a CreditNote, with CreditNoteTypeCode and CreditNoteLine.", "Émettez un CreditNote, avec CreditNoteTypeCode et CreditNoteLine."
		}
	}
	return found
}
