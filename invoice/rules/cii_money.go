package rules

import "github.com/choriste/choriste/invoice/tree"

var ciiMoney = []group{
	{on: []string{"ram:SpecifiedTradeSettlementHeaderMonetarySummation"}, rules: []rule{
		{id: "BR-12", ok: has("ram:LineTotalAmount")},
		{id: "BR-13", ok: has("ram:TaxBasisTotalAmount")},
		{id: "BR-14", ok: has("ram:GrandTotalAmount")},
		{id: "BR-15", ok: has("ram:DuePayableAmount")},
		{id: "BR-53", ok: func(t *document, e *element) bool {
			return !t.Root.Has(ciiSettlement+"ram:TaxCurrencyCode") || t.Root.Some(ciiSettlement+"ram:TaxCurrencyCode", func(c *element) bool {
				return e.Some("ram:TaxTotalAmount", func(a *element) bool {
					in, there := a.Attr("currencyID")
					return there && in == c.Value()
				})
			}) && !share(t.Root, ciiSettlement+"ram:TaxCurrencyCode", t.Root, ciiSettlement+"ram:InvoiceCurrencyCode")
		}},
		{id: "BR-CO-10", at: "ram:LineTotalAmount", ok: func(_ *document, e *element) bool {
			total, ok := e.One("ram:LineTotalAmount").Number()
			if !ok || e.Parent == nil || e.Parent.Parent == nil {
				return false
			}
			return total.Equal(round2(sum([]*element{e.Parent.Parent}, "ram:IncludedSupplyChainTradeLineItem/ram:SpecifiedLineTradeSettlement/"+ciiLineTotal)))
		}},
		{id: "BR-CO-11", at: "ram:AllowanceTotalAmount", ok: ciiSumOfCharges("ram:AllowanceTotalAmount", false)},
		{id: "BR-CO-12", at: "ram:ChargeTotalAmount", ok: ciiSumOfCharges("ram:ChargeTotalAmount", true)},
		{id: "BR-CO-13", at: "ram:TaxBasisTotalAmount", ok: ciiWithoutTax},
		{id: "BR-CO-16", at: "ram:DuePayableAmount", ok: ciiPayable},
		{id: "BR-DEC-09", ok: decimals("ram:LineTotalAmount"), at: "ram:LineTotalAmount"},
		{id: "BR-DEC-10", ok: decimals("ram:AllowanceTotalAmount"), at: "ram:AllowanceTotalAmount"},
		{id: "BR-DEC-11", ok: decimals("ram:ChargeTotalAmount"), at: "ram:ChargeTotalAmount"},
		{id: "BR-DEC-12", ok: decimals("ram:TaxBasisTotalAmount"), at: "ram:TaxBasisTotalAmount"},
		{id: "BR-DEC-14", ok: decimals("ram:GrandTotalAmount"), at: "ram:GrandTotalAmount"},
		{id: "BR-DEC-13", ok: ciiTaxDecimals("ram:InvoiceCurrencyCode", true), at: "ram:TaxTotalAmount"},
		{id: "BR-DEC-15", ok: ciiTaxDecimals("ram:TaxCurrencyCode", false), at: "ram:TaxTotalAmount"},
		{id: "BR-DEC-16", ok: decimals("ram:TotalPrepaidAmount"), at: "ram:TotalPrepaidAmount"},
		{id: "BR-DEC-17", ok: decimals("ram:RoundingAmount"), at: "ram:RoundingAmount"},
		{id: "BR-DEC-18", ok: decimals("ram:DuePayableAmount"), at: "ram:DuePayableAmount"},
	}},
	{on: []string{"ram:TaxTotalAmount"}, when: func(e *element) bool { return e.Under("ram:SpecifiedTradeSettlementHeaderMonetarySummation") }, rules: []rule{
		{id: "BR-CO-14", ok: func(t *document, e *element) bool {
			in, there := e.Attr("currencyID")
			if !there || !t.Root.Is(ciiSettlement+"ram:InvoiceCurrencyCode", in) {
				return true
			}
			total, ok := e.Number()
			return ok && total.Equal(round2(sum([]*element{t.Root}, ciiSettlement+"ram:ApplicableTradeTax/ram:CalculatedAmount")))
		}},
	}},
	{on: []string{"ram:SpecifiedTradeAllowanceCharge"}, when: func(e *element) bool { return inSettlement(e) && ciiSays(e, "false") }, rules: []rule{
		{id: "BR-31", ok: has("ram:ActualAmount")},
		{id: "BR-32", ok: ciiChargeVAT},
		{id: "BR-33", ok: either("ram:Reason", "ram:ReasonCode")},
		{id: "BR-CO-21", ok: either("ram:Reason", "ram:ReasonCode")},
		{id: "BR-DEC-01", ok: decimals("ram:ActualAmount"), at: "ram:ActualAmount"},
		{id: "BR-DEC-02", ok: decimals("ram:BasisAmount"), at: "ram:BasisAmount"},
	}},
	{on: []string{"ram:SpecifiedTradeAllowanceCharge"}, when: func(e *element) bool { return inSettlement(e) && ciiSays(e, "true") }, rules: []rule{
		{id: "BR-36", ok: has("ram:ActualAmount")},
		{id: "BR-37", ok: ciiChargeVAT},
		{id: "BR-38", ok: either("ram:Reason", "ram:ReasonCode")},
		{id: "BR-CO-22", ok: either("ram:Reason", "ram:ReasonCode")},
		{id: "BR-DEC-05", ok: decimals("ram:ActualAmount"), at: "ram:ActualAmount"},
		{id: "BR-DEC-06", ok: decimals("ram:BasisAmount"), at: "ram:BasisAmount"},
	}},
	{on: []string{"ram:SpecifiedTradeSettlementPaymentMeans"}, rules: []rule{{id: "BR-49", ok: has("ram:TypeCode")}}},
	{on: []string{"ram:PayeePartyCreditorFinancialAccount"}, when: func(e *element) bool {
		return e.Under("ram:SpecifiedTradeSettlementPaymentMeans") && (e.Parent.Is("ram:TypeCode", "30") || e.Parent.Is("ram:TypeCode", "58"))
	}, rules: []rule{
		{id: "BR-50", ok: func(_ *document, e *element) bool { return e.Filled("ram:IBANID") || e.Filled("ram:ProprietaryID") }},
		{id: "BR-61", ok: either("ram:IBANID", "ram:ProprietaryID")},
	}},
	{on: []string{"ram:ApplicableTradeSettlementFinancialCard"}, rules: []rule{
		{id: "BR-51", at: "ram:ID", ok: func(_ *document, e *element) bool { return len([]rune(e.One("ram:ID").Norm())) <= 10 }},
	}},
	// A tax of the categories L, M and O has rules of its own, which stand in the way of these.
	{on: []string{"ram:ApplicableTradeTax"}, when: func(e *element) bool {
		return inSettlement(e) && !(ciiVATType(e) && (e.Is("ram:CategoryCode", "L") || e.Is("ram:CategoryCode", "M") || e.Is("ram:CategoryCode", "O")))
	}, rules: []rule{
		{id: "BR-45", ok: has("ram:BasisAmount")},
		{id: "BR-46", ok: has("ram:CalculatedAmount")},
		{id: "BR-47", ok: func(_ *document, e *element) bool { return ciiVATType(e) && e.Has("ram:CategoryCode") }},
		{id: "BR-48", ok: func(_ *document, e *element) bool {
			return ciiVATType(e) && (e.Has("ram:RateApplicablePercent") || e.Is("ram:CategoryCode", "O"))
		}},
		{id: "BR-CO-03", ok: func(t *document, _ *element) bool {
			return len(t.ByName["ram:TaxPointDate"]) == 0 || len(t.ByName["ram:DueDateTypeCode"]) == 0
		}},
		{id: "BR-CO-17", ok: ciiTaxOfRate, at: "ram:CalculatedAmount"},
		{id: "BR-DEC-19", ok: decimals("ram:BasisAmount"), at: "ram:BasisAmount"},
		{id: "BR-DEC-20", ok: decimals("ram:CalculatedAmount"), at: "ram:CalculatedAmount"},
	}},
}

func ciiChargeVAT(_ *document, e *element) bool {
	return e.Some("ram:CategoryTradeTax", func(c *element) bool { return ciiVATType(c) && c.Has("ram:CategoryCode") })
}

// ciiSumOfCharges: a total is the sum of the document's allowances, or charges; it may be missing where there are none.
func ciiSumOfCharges(path string, want bool) func(*document, *element) bool {
	return func(t *document, e *element) bool {
		var all []*element
		t.Root.Each(ciiSettlement+"ram:SpecifiedTradeAllowanceCharge", func(c *element) bool {
			if ciiIsCharge(c, want) {
				all = append(all, firstOf(c, "ram:ActualAmount")...)
			}
			return true
		})
		total, any := e.One(path), t.Root.Some(ciiSettlement+"ram:SpecifiedTradeAllowanceCharge", func(c *element) bool { return ciiIsCharge(c, want) })
		if total == nil && !any {
			return true
		}
		d, ok := total.Number()
		return ok && d.Equal(round2(sumOf(all)))
	}
}

// firstOf is the first element at a path, as a list of none or one.
func firstOf(e *element, path string) []*element {
	if x := e.One(path); x != nil {
		return []*element{x}
	}
	return nil
}

// ciiWithoutTax: BT-109 = BT-106 - BT-107 + BT-108.
func ciiWithoutTax(_ *document, e *element) bool {
	total, ok := e.One("ram:TaxBasisTotalAmount").Number()
	lines, ok2 := e.One("ram:LineTotalAmount").Number()
	less, _, bad := amount(e, "ram:AllowanceTotalAmount")
	more, _, bad2 := amount(e, "ram:ChargeTotalAmount")
	return ok && ok2 && !bad && !bad2 && total.Equal(round2(lines.Sub(less).Add(more)))
}

// ciiPayable: BT-115 = BT-112 - BT-113 + BT-114.
func ciiPayable(_ *document, e *element) bool {
	payable, ok := e.One("ram:DuePayableAmount").Number()
	total, ok2 := e.One("ram:GrandTotalAmount").Number()
	paid, _, bad := amount(e, "ram:TotalPrepaidAmount")
	rounding, _, bad2 := amount(e, "ram:RoundingAmount")
	return ok && ok2 && !bad && !bad2 && payable.Equal(total.Sub(paid).Add(rounding))
}

// ciiTaxDecimals: some VAT total has no more than two decimals, or is in another currency. Without an accounting currency the second has nothing to ask.
func ciiTaxDecimals(currency string, byAmount bool) func(*document, *element) bool {
	return func(t *document, e *element) bool {
		if !e.Has("ram:TaxTotalAmount") || !byAmount && !t.Root.Has(ciiSettlement+currency) {
			return true
		}
		return e.Some("ram:TaxTotalAmount", func(a *element) bool {
			in, there := a.Attr("currencyID")
			if !there || !t.Root.Is(ciiSettlement+currency, in) {
				return byAmount
			}
			d, ok := a.Number()
			return ok && d.Equal(round2(d))
		})
	}
}

// ciiTaxOfRate: BT-117 = BT-116 x BT-119, give or take one.
func ciiTaxOfRate(_ *document, e *element) bool {
	tax, ok := e.One("ram:CalculatedAmount").Number()
	if tree.Normalize(ciiType(e)) != "VAT" || !e.Has("ram:RateApplicablePercent") {
		return ok && round0(tax).IsZero()
	}
	rate, ok2 := e.One("ram:RateApplicablePercent").Number()
	if !ok || !ok2 {
		return false
	}
	if round0(rate).IsZero() {
		return round0(tax).IsZero()
	}
	base, ok := e.One("ram:BasisAmount").Number()
	return ok && tax.Abs().Sub(round2(base.Abs().Mul(rate).Shift(-2))).Abs().LessThanOrEqual(one)
}
