package rules

import (
	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/invoice"
)

// withSums adds to the findings about totals what the parts really make, where each part is a number.
func withSums(d *invoice.Document, found []Finding) []Finding {
	for k, f := range found {
		if v := d.Amount("BT-110"); f.Code == "BR-CO-15" && v.Trimmed() != "" && v.Currency == "" {
			found[k].Term, found[k].Value, found[k].Where = v.Term, cut(v.Trimmed()), v.Where()
			found[k].Message = "BT-110 (VAT total) names no currency, and is not counted: BT-112 is not BT-109 plus BT-110"
			found[k].MessageFR = "BT-110 (total de TVA) n'indique pas de devise et n'est pas compté : BT-112 n'est pas BT-109 plus BT-110"
			found[k].Remedy, found[k].RemedyFR = `Write currencyID="EUR" in it, or whichever BT-5 is.`, `Écrivez-y currencyID="EUR", ou la devise de BT-5.`
			continue
		}
		if total, ok := made(d, f.Code); ok {
			found[k].Message += ", which make " + total.StringFixed(2)
			found[k].MessageFR += ", soit " + total.StringFixed(2)
		}
	}
	return found
}

// made computes what a total should be.
func made(d *invoice.Document, code string) (total decimal.Decimal, ok bool) {
	ok = true
	add := func(n decimal.Decimal, is bool) {
		ok = ok && is
		total = total.Add(n)
	}
	less := func(n decimal.Decimal, is bool) { add(n.Neg(), is) }
	switch code {
	case "BR-CO-10":
		add(d.Sum("BT-131"))
	case "BR-CO-13":
		add(d.Sum("BT-106"))
		less(d.Sum("BT-107"))
		add(d.Sum("BT-108"))
	case "BR-CO-14":
		add(d.Sum("BT-117"))
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
