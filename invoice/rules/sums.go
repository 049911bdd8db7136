package rules

import (
	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/invoice"
)

// sumPaths are where a syntax keeps what totals are made of.
type sumPaths struct{ lines, lineTotal, allowances, charges, paid, rounding, taxes string }

var (
	ublSums = sumPaths{
		lines: "cac:InvoiceLine/cbc:LineExtensionAmount", lineTotal: "cac:LegalMonetaryTotal/cbc:LineExtensionAmount", allowances: "cac:LegalMonetaryTotal/cbc:AllowanceTotalAmount",
		charges: "cac:LegalMonetaryTotal/cbc:ChargeTotalAmount", paid: "cac:LegalMonetaryTotal/cbc:PrepaidAmount", rounding: "cac:LegalMonetaryTotal/cbc:PayableRoundingAmount",
		taxes: "cac:TaxTotal/cac:TaxSubtotal/cbc:TaxAmount",
	}
	ciiSums = sumPaths{
		lines: ciiTrade + "ram:IncludedSupplyChainTradeLineItem/ram:SpecifiedLineTradeSettlement/" + ciiLineTotal, lineTotal: ciiTotals + "ram:LineTotalAmount", allowances: ciiTotals + "ram:AllowanceTotalAmount",
		charges: ciiTotals + "ram:ChargeTotalAmount", paid: ciiTotals + "ram:TotalPrepaidAmount", rounding: ciiTotals + "ram:RoundingAmount", taxes: ciiSettlement + "ram:ApplicableTradeTax/ram:CalculatedAmount",
	}
)

// withSums adds to the findings about totals what the parts really make, where each part is a number.
func withSums(d *invoice.Document, found []Finding) []Finding {
	p := ciiSums
	switch d.Tree().Root.Name {
	case "ubl:Invoice":
		p = ublSums
	case "cn:CreditNote":
		p = ublSums
		p.lines = "cac:CreditNoteLine/cbc:LineExtensionAmount"
	}
	for k, f := range found {
		if made, ok := p.made(d, f.Code); ok {
			found[k].Message += ", which make " + made.StringFixed(2)
			found[k].MessageFR += ", soit " + made.StringFixed(2)
		}
	}
	return found
}

// made computes what a total should be.
func (p sumPaths) made(d *invoice.Document, code string) (total decimal.Decimal, ok bool) {
	ok = true
	add := func(path string, sign int64) {
		d.Tree().Root.Each(path, func(e *element) bool {
			n, is := e.Number()
			ok = ok && is
			total = total.Add(n.Mul(decimal.NewFromInt(sign)))
			return ok
		})
	}
	header := func(n decimal.NullDecimal) {
		ok = ok && n.Valid
		total = total.Add(n.Decimal)
	}
	switch code {
	case "BR-CO-10":
		add(p.lines, 1)
	case "BR-CO-13":
		add(p.lineTotal, 1)
		add(p.allowances, -1)
		add(p.charges, 1)
	case "BR-CO-14":
		add(p.taxes, 1)
	case "BR-CO-15":
		header(d.MontantHT)
		header(d.MontantTVA)
	case "BR-CO-16":
		header(d.MontantTTC)
		add(p.paid, -1)
		add(p.rounding, 1)
	default:
		return total, false
	}
	return total.Round(2), ok
}
