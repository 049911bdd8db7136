package rules

import (
	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/invoice"
)

// withSums adds to the findings about totals what the parts really make, where each part is a number.
func withSums(d *invoice.Document, found []Finding) []Finding {
	for k, f := range found {
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
