package rules

import (
	"strings"

	"github.com/shopspring/decimal"
)

func ciiType(e *element) string { return strings.ToUpper(e.One("ram:TypeCode").Value()) }

// sumOf adds up the decimals of elements.
func sumOf(all []*element) decimal.Decimal {
	total := decimal.Zero
	for _, e := range all {
		if d, ok := e.Number(); ok {
			total = total.Add(d)
		}
	}
	return total
}

// ciiVAT makes the rules of every VAT category.
func ciiVAT() []group {
	var groups []group
	for _, f := range families {
		groups = append(groups, f.cii()...)
	}
	return groups
}

func (f family) cii() []group {
	is := func(x *element) bool { return x.Is("ram:CategoryCode", f.code) && ciiVATType(x) }
	inLine := func(x *element) bool {
		return x.Under("ram:SpecifiedLineTradeSettlement", "ram:IncludedSupplyChainTradeLineItem", "rsm:SupplyChainTradeTransaction") && is(x)
	}
	ofCharge := func(want bool) func(*element) bool {
		return func(x *element) bool {
			return x.Under("ram:SpecifiedTradeAllowanceCharge") && ciiIsCharge(x.Parent, want) && is(x)
		}
	}
	// For S and Z, the entries of the breakdown are judged whatever kind of tax they name.
	inBreakdown := func(x *element) bool {
		return inSettlement(x) && x.Is("ram:CategoryCode", f.code) && (f.code == "S" || f.code == "Z" || ciiVATType(x))
	}
	rate := f.rate
	if f.code == "L" { // CII asks for more than zero here, UBL for zero or more
		rate = ratePositive
	}
	const percent = "ram:RateApplicablePercent"
	groups := []group{
		{on: ciiRoot, rules: []rule{{id: f.name + "-01", ok: f.ciiBreakdown()}}},
		{on: []string{"ram:ApplicableTradeTax"}, when: inLine, rules: []rule{
			{id: f.name + "-02", ok: f.ciiRegistered},
			{id: f.name + "-05", ok: rated(rate, percent), at: percent},
		}},
		{on: []string{"ram:CategoryTradeTax"}, when: ofCharge(false), rules: []rule{
			{id: f.name + "-03", ok: f.ciiRegistered},
			{id: f.name + "-06", ok: rated(rate, percent), at: percent},
		}},
		{on: []string{"ram:CategoryTradeTax"}, when: ofCharge(true), rules: []rule{
			{id: f.name + "-04", ok: f.ciiRegistered},
			{id: f.name + "-07", ok: rated(rate, percent), at: percent},
		}},
		{on: []string{"ram:ApplicableTradeTax"}, when: inBreakdown, rules: []rule{
			{id: f.name + "-08", ok: f.ciiTaxable(), at: "ram:BasisAmount"},
			{id: f.name + "-09", ok: f.ciiTax, at: "ram:CalculatedAmount"},
			{id: f.name + "-10", ok: func(_ *document, x *element) bool {
				return (x.Has("ram:ExemptionReason") || x.Has("ram:ExemptionReasonCode")) == f.reason
			}},
		}},
	}
	switch f.code {
	case "K":
		groups = append(groups, group{on: []string{"ram:ApplicableTradeTax"}, when: inBreakdown, rules: []rule{
			{id: "BR-IC-11", ok: func(t *document, x *element) bool {
				return t.Root.Has(ciiDelivery+"ram:ActualDeliverySupplyChainEvent/ram:OccurrenceDateTime/udt:DateTimeString") ||
					x.Parent.Has("ram:BillingSpecifiedPeriod/ram:StartDateTime") || x.Parent.Has("ram:BillingSpecifiedPeriod/ram:EndDateTime")
			}},
			{id: "BR-IC-12", ok: func(t *document, _ *element) bool {
				return t.Root.Has(ciiDelivery + "ram:ShipToTradeParty/ram:PostalTradeAddress/ram:CountryID")
			}},
		}})
	case "O":
		other := func(name string) func(*document, *element) bool {
			return func(t *document, _ *element) bool {
				return !t.any(name, func(x *element) bool {
					return x.Some("ram:CategoryCode", func(c *element) bool { return c.Value() != "O" })
				})
			}
		}
		groups = append(groups, group{on: []string{"ram:ApplicableTradeTax"}, when: inBreakdown, rules: []rule{
			{id: "BR-O-11", ok: other("ram:ApplicableTradeTax")},
			{id: "BR-O-12", ok: other("ram:ApplicableTradeTax")},
			{id: "BR-O-13", ok: other("ram:CategoryTradeTax")},
			{id: "BR-O-14", ok: other("ram:CategoryTradeTax")},
		}})
	}
	return groups
}

// ciiBreakdown: a category that is used has its entry in the VAT breakdown.
func (f family) ciiBreakdown() func(*document, *element) bool {
	return func(t *document, _ *element) bool {
		var entries, lines, charges int
		for _, x := range t.ByName["ram:ApplicableTradeTax"] {
			switch {
			case !x.Is("ram:CategoryCode", f.code):
			case inSettlement(x):
				entries++
			case x.Under("ram:SpecifiedLineTradeSettlement"):
				lines++
			}
		}
		for _, x := range t.ByName["ram:CategoryTradeTax"] {
			if x.Is("ram:CategoryCode", f.code) {
				charges++
			}
		}
		switch {
		case !f.one:
			return (lines == 0 || lines+entries >= 2) && (charges == 0 || charges+entries >= 2)
		case f.code == "O":
			return entries == 0 || entries == 1 && lines+charges > 0
		default:
			return entries == 0 && lines == 0 && charges == 0 || entries == 1 && lines+charges > 0
		}
	}
}

// ciiRegistered tells whether the parties are registered as the category asks.
func (f family) ciiRegistered(t *document, _ *element) bool {
	return t.once(f.name, func() bool { return f.ciiRegisteredIn(t) })
}

func (f family) ciiRegisteredIn(t *document) bool {
	anywhere := func(name string, schemes ...string) bool {
		return t.any(name, func(p *element) bool { return ciiRegistered(p, schemes...) })
	}
	const seller, buyer, representative = "ram:SellerTradeParty", "ram:BuyerTradeParty", "ram:SellerTaxRepresentativeTradeParty"
	headed := func(name string, schemes ...string) bool {
		return t.Root.Some(ciiAgreement+name, func(p *element) bool { return ciiRegistered(p, schemes...) })
	}
	switch f.code {
	case "O":
		return !headed(seller, "VA") && !headed(representative, "VA") && !anywhere(buyer, "VA")
	case "G":
		return anywhere(seller, "VA") || anywhere(representative, "VA")
	case "K":
		return (anywhere(seller, "VA") || anywhere(representative, "VA")) && anywhere(buyer, "VA")
	case "AE":
		return (anywhere(seller, "VA", "FC") || anywhere(representative, "VA")) &&
			(anywhere(buyer, "VA") || t.any(buyer, func(p *element) bool { return p.Has("ram:SpecifiedLegalOrganization/ram:ID") }))
	default:
		return headed(seller, "VA", "FC") || headed(representative, "VA")
	}
}

// ciiTaxable: the taxable amount of an entry is what the lines, charges and allowances of its category (and rate) add up to. L, M, S and O are exact;
// the others may be off by less than one.
func (f family) ciiTaxable() func(*document, *element) bool {
	return func(t *document, x *element) bool {
		base, ok := x.One("ram:BasisAmount").Number()
		if f.one {
			total := f.ciiTotal(t, nil)
			switch {
			case !ok:
				return false
			case f.code == "O":
				return base.Equal(total)
			default:
				return near(base, total)
			}
		}
		if f.code != "S" {
			return true // for L and M, the official rule looks for the rate where none can be
		}
		for _, r := range x.All("ram:RateApplicablePercent") {
			rate, ok2 := r.Number()
			if !ok || !ok2 || !base.Equal(f.ciiTotal(t, &rate)) {
				return false
			}
		}
		return true
	}
}

// ciiTotal adds up lines and charges less allowances of the category, at a rate if one is given, each part rounded by itself.
func (f family) ciiTotal(t *document, rate *decimal.Decimal) decimal.Decimal {
	in := func(e *element, path string) bool {
		return e.Some(path, func(x *element) bool { return x.Is("ram:CategoryCode", f.code) }) && (rate == nil || e.Some(path, func(x *element) bool {
			return x.Some("ram:RateApplicablePercent", func(p *element) bool {
				d, ok := p.Number()
				return ok && d.Equal(*rate)
			})
		}))
	}
	var lines, charges, allowances []*element
	t.Root.Each(ciiTrade+"ram:IncludedSupplyChainTradeLineItem/ram:SpecifiedLineTradeSettlement", func(l *element) bool {
		if in(l, ciiLineTax) {
			lines = append(lines, l.All(ciiLineTotal)...)
		}
		return true
	})
	t.Root.Each(ciiSettlement+"ram:SpecifiedTradeAllowanceCharge", func(c *element) bool {
		switch {
		case !in(c, "ram:CategoryTradeTax"):
		case ciiIsCharge(c, true):
			charges = append(charges, firstOf(c, "ram:ActualAmount")...)
		case ciiIsCharge(c, false):
			allowances = append(allowances, firstOf(c, "ram:ActualAmount")...)
		}
		return true
	})
	return round2(sumOf(lines)).Add(round2(sumOf(charges))).Sub(round2(sumOf(allowances)))
}

// ciiTax: the tax of an entry is zero where the category has no tax, and for S its rate of the taxable amount, give or take one.
func (f family) ciiTax(_ *document, x *element) bool {
	if f.code == "L" || f.code == "M" {
		return true
	}
	tax, ok := x.One("ram:CalculatedAmount").Number()
	if f.code != "S" {
		return ok && tax.IsZero()
	}
	base, ok2 := x.One("ram:BasisAmount").Number()
	rate, ok3 := x.One("ram:RateApplicablePercent").Number()
	return ok && ok2 && ok3 && near(tax.Abs(), round0(base.Abs().Mul(rate)).Shift(-2))
}
