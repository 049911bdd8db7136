package rules

import (
	"github.com/shopspring/decimal"
)

var ublMoney = []group{
	{on: []string{"cac:LegalMonetaryTotal"}, rules: []rule{
		{id: "BR-12", ok: has("cbc:LineExtensionAmount")},
		{id: "BR-13", ok: has("cbc:TaxExclusiveAmount")},
		{id: "BR-14", ok: has("cbc:TaxInclusiveAmount")},
		{id: "BR-15", ok: has("cbc:PayableAmount")},
		{id: "BR-CO-10", at: "cbc:LineExtensionAmount", ok: func(t *document, e *element) bool {
			total, ok := e.One("cbc:LineExtensionAmount").Number()
			return ok && total.Equal(round2(sum(t.ublLines(), "cbc:LineExtensionAmount")))
		}},
		{id: "BR-CO-11", at: "cbc:AllowanceTotalAmount", ok: ublSumOfCharges("cbc:AllowanceTotalAmount", false)},
		{id: "BR-CO-12", at: "cbc:ChargeTotalAmount", ok: ublSumOfCharges("cbc:ChargeTotalAmount", true)},
		{id: "BR-CO-13", at: "cbc:TaxExclusiveAmount", ok: ublWithoutTax},
		{id: "BR-CO-16", at: "cbc:PayableAmount", ok: ublPayable},
		{id: "BR-DEC-09", at: "cbc:LineExtensionAmount", ok: decimals("cbc:LineExtensionAmount")},
		{id: "BR-DEC-10", at: "cbc:AllowanceTotalAmount", ok: decimals("cbc:AllowanceTotalAmount")},
		{id: "BR-DEC-11", at: "cbc:ChargeTotalAmount", ok: decimals("cbc:ChargeTotalAmount")},
		{id: "BR-DEC-12", at: "cbc:TaxExclusiveAmount", ok: decimals("cbc:TaxExclusiveAmount")},
		{id: "BR-DEC-14", at: "cbc:TaxInclusiveAmount", ok: decimals("cbc:TaxInclusiveAmount")},
		{id: "BR-DEC-16", at: "cbc:PrepaidAmount", ok: decimals("cbc:PrepaidAmount")},
		{id: "BR-DEC-17", at: "cbc:PayableRoundingAmount", ok: decimals("cbc:PayableRoundingAmount")},
		{id: "BR-DEC-18", at: "cbc:PayableAmount", ok: decimals("cbc:PayableAmount")},
	}},
	{on: []string{"cac:AllowanceCharge"}, when: func(e *element) bool { return header(e) && isCharge(e, false) }, rules: []rule{
		{id: "BR-31", ok: has("cbc:Amount")},
		{id: "BR-32", ok: ublHasVAT},
		{id: "BR-33", ok: either("cbc:AllowanceChargeReason", "cbc:AllowanceChargeReasonCode")},
		{id: "BR-CO-21", ok: either("cbc:AllowanceChargeReason", "cbc:AllowanceChargeReasonCode")},
		{id: "BR-DEC-01", ok: decimals("cbc:Amount"), at: "cbc:Amount"},
		{id: "BR-DEC-02", ok: decimals("cbc:BaseAmount"), at: "cbc:BaseAmount"},
	}},
	{on: []string{"cac:AllowanceCharge"}, when: func(e *element) bool { return header(e) && isCharge(e, true) && !isCharge(e, false) }, rules: []rule{
		{id: "BR-36", ok: has("cbc:Amount")},
		{id: "BR-37", ok: ublHasVAT},
		{id: "BR-38", ok: either("cbc:AllowanceChargeReason", "cbc:AllowanceChargeReasonCode")},
		{id: "BR-CO-22", ok: either("cbc:AllowanceChargeReason", "cbc:AllowanceChargeReasonCode")},
		{id: "BR-DEC-05", ok: decimals("cbc:Amount"), at: "cbc:Amount"},
		{id: "BR-DEC-06", ok: decimals("cbc:BaseAmount"), at: "cbc:BaseAmount"},
	}},
	{on: []string{"cac:PaymentMeans"}, rules: []rule{
		{id: "BR-49", ok: has("cbc:PaymentMeansCode")},
		{id: "BR-61", ok: func(_ *document, e *element) bool {
			return !transfer(e.One("cbc:PaymentMeansCode").Norm()) || e.Has("cac:PayeeFinancialAccount/cbc:ID")
		}},
	}},
	{on: []string{"cac:PayeeFinancialAccount"}, when: func(e *element) bool {
		return e.Under("cac:PaymentMeans") && (e.Parent.Is("cbc:PaymentMeansCode", "30") || e.Parent.Is("cbc:PaymentMeansCode", "58"))
	}, rules: []rule{{id: "BR-50", ok: filled("cbc:ID"), at: "cbc:ID"}}},
	{on: []string{"cac:TaxTotal"}, when: header, rules: []rule{
		{id: "BR-CO-14", at: "cbc:TaxAmount", ok: func(_ *document, e *element) bool {
			total, ok := e.One("cbc:TaxAmount").Number()
			return !e.Has("cac:TaxSubtotal") || ok && total.Equal(round2(sum([]*element{e}, "cac:TaxSubtotal/cbc:TaxAmount")))
		}},
	}},
	{on: []string{"cac:TaxSubtotal"}, when: func(e *element) bool { return e.Under("cac:TaxTotal") }, rules: []rule{
		{id: "BR-45", ok: has("cbc:TaxableAmount")},
		{id: "BR-46", ok: has("cbc:TaxAmount")},
		{id: "BR-47", ok: ublHasVAT},
		{id: "BR-48", ok: func(_ *document, e *element) bool {
			return e.Some("cac:TaxCategory", func(c *element) bool { return vat(c) && (c.Has("cbc:Percent") || category(c, "O")) })
		}},
		{id: "BR-CO-17", at: "cbc:TaxAmount", ok: ublTaxOfRate},
		{id: "BR-DEC-19", ok: decimals("cbc:TaxableAmount"), at: "cbc:TaxableAmount"},
		{id: "BR-DEC-20", ok: decimals("cbc:TaxAmount"), at: "cbc:TaxAmount"},
	}},
}

// transfer tells whether a means of payment is a transfer to an account.
func transfer(code string) bool { return code == "30" || code == "58" }

func ublHasVAT(_ *document, e *element) bool {
	return e.Some("cac:TaxCategory", func(c *element) bool { return vat(c) && c.Has("cbc:ID") })
}

// ublLines lists the lines, wherever they stand.
func (t *document) ublLines() []*element {
	return append(t.ByName["cac:InvoiceLine"][:len(t.ByName["cac:InvoiceLine"]):len(t.ByName["cac:InvoiceLine"])], t.ByName["cac:CreditNoteLine"]...)
}

// ublSumOfCharges: a total is the sum of the document's allowances, or charges; it may be missing where there are none.
func ublSumOfCharges(path string, want bool) func(*document, *element) bool {
	return func(_ *document, e *element) bool {
		total, all := e.One(path), ublCharges(e.Parent, want)
		if total == nil && len(all) == 0 {
			return true
		}
		d, ok := total.Number()
		return ok && d.Equal(round2(sum(all, "cbc:Amount")))
	}
}

// ublCharges lists the allowances (false) or charges (true) directly below e.
func ublCharges(e *element, want bool) []*element {
	var all []*element
	if e == nil {
		return nil
	}
	e.Each("cac:AllowanceCharge", func(c *element) bool {
		if isCharge(c, want) {
			all = append(all, c)
		}
		return true
	})
	return all
}

// amount is a number at a path; a missing one counts as zero and is told apart, one that is no number makes bad true.
func amount(e *element, path string) (d decimal.Decimal, there, bad bool) {
	x := e.One(path)
	if x == nil {
		return d, false, false
	}
	d, ok := x.Number()
	return d, true, !ok
}

// ublWithoutTax: BT-109 = BT-106 - BT-107 + BT-108.
func ublWithoutTax(_ *document, e *element) bool {
	total, ok := e.One("cbc:TaxExclusiveAmount").Number()
	lines, ok2 := e.One("cbc:LineExtensionAmount").Number()
	less, anyLess, bad := amount(e, "cbc:AllowanceTotalAmount")
	more, anyMore, bad2 := amount(e, "cbc:ChargeTotalAmount")
	if !ok || !ok2 || bad || bad2 {
		return false
	}
	if !anyLess && !anyMore {
		return total.Equal(lines)
	}
	return total.Equal(round2(lines.Sub(less).Add(more)))
}

// ublPayable: BT-115 = BT-112 - BT-113 + BT-114.
func ublPayable(_ *document, e *element) bool {
	payable, ok := e.One("cbc:PayableAmount").Number()
	total, ok2 := e.One("cbc:TaxInclusiveAmount").Number()
	paid, anyPaid, bad := amount(e, "cbc:PrepaidAmount")
	rounding, anyRounding, bad2 := amount(e, "cbc:PayableRoundingAmount")
	if !ok || !ok2 || bad || bad2 {
		return false
	}
	if anyRounding {
		payable = round2(payable.Sub(rounding))
	}
	if anyPaid {
		total = round2(total.Sub(paid))
	}
	return payable.Equal(total)
}

// ublTaxOfRate: BT-117 = BT-116 x BT-119, give or take one.
func ublTaxOfRate(_ *document, e *element) bool {
	var rate *element
	e.Each("cac:TaxCategory", func(c *element) bool {
		if vat(c) {
			rate = c.One("cbc:Percent")
		}
		return rate == nil
	})
	tax, ok := e.One("cbc:TaxAmount").Number()
	if rate == nil {
		return ok && round0(tax).IsZero()
	}
	percent, ok2 := rate.Number()
	if !ok || !ok2 {
		return false
	}
	if round0(percent).IsZero() {
		return round0(tax).IsZero()
	}
	base, ok := e.One("cbc:TaxableAmount").Number()
	return ok && near(tax.Abs(), round2(base.Abs().Mul(percent).Shift(-2)))
}

var one = decimal.New(1, 0)

// near tells whether two amounts differ by less than one: the tolerance of the rules about VAT.
func near(a, b decimal.Decimal) bool { return a.Sub(b).Abs().LessThan(one) }
