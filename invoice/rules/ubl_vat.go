package rules

import (
	"github.com/shopspring/decimal"
)

// ublVAT makes the rules of every VAT category.
func ublVAT() []group {
	var groups []group
	for _, f := range families {
		groups = append(groups, f.ubl()...)
	}
	return groups
}

func (f family) ubl() []group {
	is := func(c *element) bool { return category(c, f.code) && vat(c) }
	inLine := func(c *element) bool { return c.under("cac:Item") && line(c.parent) && is(c) }
	ofCharge := func(want bool) func(*element) bool {
		return func(c *element) bool { return c.under("cac:AllowanceCharge") && isCharge(c.parent, want) && is(c) }
	}
	groups := []group{
		{on: ublRoots, rules: []rule{
			{id: f.name + "-01", ok: f.ublBreakdown()},
			{id: f.name + "-02", ok: func(t *tree, _ *element) bool {
				if f.code == "S" { // a category S without a scheme of tax is taken for one here, and not found there
					return !t.any("cac:ClassifiedTaxCategory", func(c *element) bool { return category(c, "S") }) ||
						t.any("cac:ClassifiedTaxCategory", is) && f.ublRegistered(t)
				}
				return !t.any("cac:ClassifiedTaxCategory", is) || f.ublRegistered(t)
			}},
			{id: f.name + "-03", ok: f.ublChargeRegistered(false, is)},
			{id: f.name + "-04", ok: f.ublChargeRegistered(true, is)},
		}},
		{on: []string{"cac:ClassifiedTaxCategory"}, when: inLine, rules: []rule{{id: f.name + "-05", ok: rated(f.rate, "cbc:Percent"), at: "cbc:Percent"}}},
		{on: []string{"cac:TaxCategory"}, when: ofCharge(false), rules: []rule{{id: f.name + "-06", ok: rated(f.rate, "cbc:Percent"), at: "cbc:Percent"}}},
		{on: []string{"cac:TaxCategory"}, when: ofCharge(true), rules: []rule{{id: f.name + "-07", ok: rated(f.rate, "cbc:Percent"), at: "cbc:Percent"}}},
		{on: []string{"cac:TaxCategory"}, when: func(c *element) bool {
			return c.under("cac:TaxSubtotal", "cac:TaxTotal") && header(c.parent.parent) && is(c)
		}, rules: []rule{
			{id: f.name + "-08", ok: f.ublTaxable()},
			{id: f.name + "-09", ok: f.ublTax()},
			{id: f.name + "-10", ok: func(_ *tree, c *element) bool {
				return (c.has("cbc:TaxExemptionReason") || c.has("cbc:TaxExemptionReasonCode")) == f.reason
			}},
		}},
	}
	switch f.code {
	case "K":
		groups = append(groups, group{on: ublRoots, when: func(e *element) bool { return e.some(ublSubtotal+"cac:TaxCategory", is) }, rules: []rule{
			{id: "BR-IC-11", ok: func(_ *tree, e *element) bool {
				return len([]rune(e.one("cac:Delivery/cbc:ActualDeliveryDate").value())) > 1 ||
					e.some("cac:InvoicePeriod", func(p *element) bool { return len(p.kids) > 0 })
			}},
			{id: "BR-IC-12", ok: func(_ *tree, e *element) bool {
				return len([]rune(e.one("cac:Delivery/cac:DeliveryLocation/cac:Address/cac:Country/cbc:IdentificationCode").value())) > 1
			}},
		}})
	case "O":
		other := func(c *element) bool { return vat(c) && !category(c, "O") }
		ofOther := func(want bool) func(*tree, *element) bool {
			return func(t *tree, _ *element) bool {
				return !t.any("cac:TaxCategory", func(c *element) bool { return c.under("cac:AllowanceCharge") && isCharge(c.parent, want) && other(c) })
			}
		}
		groups = append(groups, group{on: ublRoots, when: func(e *element) bool { return e.some(ublSubtotal+"cac:TaxCategory", is) }, rules: []rule{
			{id: "BR-O-11", ok: func(_ *tree, e *element) bool { return !e.some(ublSubtotal+"cac:TaxCategory", other) }},
			{id: "BR-O-12", ok: func(t *tree, _ *element) bool { return !t.any("cac:ClassifiedTaxCategory", other) }},
			{id: "BR-O-13", ok: ofOther(false)},
			{id: "BR-O-14", ok: ofOther(true)},
		}})
	}
	return groups
}

// ublBreakdown: a category that is used has its entry in the VAT breakdown, and the other way round.
func (f family) ublBreakdown() func(*tree, *element) bool {
	schemed := f.code != "S" // for S, the rule does not ask for the scheme of the tax
	is := func(c *element) bool { return category(c, f.code) && (!schemed || vat(c)) }
	if f.one {
		return func(t *tree, e *element) bool {
			used := t.any("cac:TaxCategory", is) || t.any("cac:ClassifiedTaxCategory", is)
			entries := 0
			e.each(ublSubtotal+"cac:TaxCategory", func(c *element) bool {
				if is(c) {
					entries++
				}
				return true
			})
			return !used || entries == 1
		}
	}
	return func(t *tree, e *element) bool {
		used := t.any("cac:ClassifiedTaxCategory", is) ||
			t.any("cac:TaxCategory", func(c *element) bool { return c.under("cac:AllowanceCharge") && is(c) })
		return used == e.some(ublSubtotal+"cac:TaxCategory", is)
	}
}

// ublChargeRegistered asks for the parties' registrations where an allowance or charge has this category.
func (f family) ublChargeRegistered(want bool, is func(*element) bool) func(*tree, *element) bool {
	return func(t *tree, _ *element) bool {
		used := t.any("cac:TaxCategory", func(c *element) bool {
			return c.under("cac:AllowanceCharge") && isCharge(c.parent, want) && is(c) && (f.code != "O" || header(c.parent))
		})
		return !used || f.ublRegistered(t)
	}
}

// ublRegistered tells whether the parties are registered as the category asks.
func (f family) ublRegistered(t *tree) bool {
	registered := func(role string, any bool) bool {
		return t.any("cac:PartyTaxScheme", func(s *element) bool {
			return s.under("cac:Party", role) && s.has("cbc:CompanyID") && (any || vat(s))
		})
	}
	represented := t.any("cac:PartyTaxScheme", func(s *element) bool {
		return s.under("cac:TaxRepresentativeParty") && s.has("cbc:CompanyID") && vat(s)
	})
	const seller, buyer = "cac:AccountingSupplierParty", "cac:AccountingCustomerParty"
	switch f.code {
	case "O":
		return !registered(seller, false) && !represented && !registered(buyer, false)
	case "G":
		return registered(seller, false) || represented
	case "K":
		return (registered(seller, false) || represented) && registered(buyer, false)
	case "AE":
		return (registered(seller, true) || represented) && (registered(buyer, false) || t.any("cac:PartyLegalEntity", func(l *element) bool {
			return l.under("cac:Party", buyer) && l.has("cbc:CompanyID")
		}))
	default:
		return registered(seller, true) || represented
	}
}

// ublTaxable: the taxable amount of an entry is what the lines, charges and allowances of its category (and rate) add up to.
func (f family) ublTaxable() func(*tree, *element) bool {
	return func(t *tree, c *element) bool {
		root := c.parent.parent.parent
		base, ok := c.parent.one("cbc:TaxableAmount").number()
		if f.one {
			if !ok {
				return false
			}
			in := func(x *element) bool { return category(x, f.code) }
			more := f.ublOfCharges(root, in)
			return len(t.byName["cac:InvoiceLine"]) > 0 && base.Equal(more.Add(ublOfLines(root, "cac:InvoiceLine", in, anyOf))) ||
				len(t.byName["cac:CreditNoteLine"]) > 0 && base.Equal(more.Add(ublOfLines(root, "cac:CreditNoteLine", in, anyOf)))
		}
		if !c.has("cbc:Percent") {
			return true
		}
		rate, ok2 := c.one("cbc:Percent").number()
		if !ok || !ok2 {
			return false
		}
		in := func(x *element) bool { return category(x, f.code) }
		at := func(x *element) bool {
			d, ok := x.one("cbc:Percent").number()
			return ok && d.Equal(rate)
		}
		both := func(e *element, path string) bool { return e.some(path, in) && e.some(path, at) }
		more := decimal.Zero
		root.each("cac:AllowanceCharge", func(x *element) bool {
			if both(x, "cac:TaxCategory") {
				more = more.Add(signed(x))
			}
			return true
		})
		charged := f.code == "S" && t.any("cac:AllowanceCharge", func(x *element) bool { return both(x, "cac:TaxCategory") })
		for _, kind := range []string{"cac:InvoiceLine", "cac:CreditNoteLine"} {
			asked := len(t.byName[kind]) > 0
			if f.code == "S" {
				asked = charged || t.any(kind, func(l *element) bool { return both(l, "cac:Item/cac:ClassifiedTaxCategory") })
			}
			total := more
			root.each(kind, func(l *element) bool {
				if both(l, "cac:Item/cac:ClassifiedTaxCategory") {
					total = total.Add(sum([]*element{l}, "cbc:LineExtensionAmount"))
				}
				return true
			})
			if asked && near(base, total) {
				return true
			}
		}
		return false
	}
}

func anyOf(*element) bool { return true }

func ublOfLines(root *element, kind string, in, and func(*element) bool) decimal.Decimal {
	total := decimal.Zero
	root.each(kind, func(l *element) bool {
		if l.some("cac:Item/cac:ClassifiedTaxCategory", in) && and(l) {
			total = total.Add(sum([]*element{l}, "cbc:LineExtensionAmount"))
		}
		return true
	})
	return total
}

// ublOfCharges is the charges less the allowances of a category.
func (f family) ublOfCharges(root *element, in func(*element) bool) decimal.Decimal {
	total := decimal.Zero
	root.each("cac:AllowanceCharge", func(c *element) bool {
		if c.some("cac:TaxCategory", in) {
			total = total.Add(signed(c))
		}
		return true
	})
	return total
}

// signed is the amount of a charge, or of an allowance below zero.
func signed(c *element) decimal.Decimal {
	d := sum([]*element{c}, "cbc:Amount")
	switch {
	case isCharge(c, true):
		return d
	case isCharge(c, false):
		return d.Neg()
	default:
		return decimal.Zero
	}
}

// ublTax: the tax of an entry is its rate of its taxable amount, give or take one; or zero.
func (f family) ublTax() func(*tree, *element) bool {
	return func(_ *tree, c *element) bool {
		tax, ok := c.parent.one("cbc:TaxAmount").number()
		if f.one {
			return ok && tax.IsZero()
		}
		base, ok2 := c.parent.one("cbc:TaxableAmount").number()
		rate, ok3 := c.one("cbc:Percent").number()
		return ok && ok2 && ok3 && near(tax.Abs(), round2(base.Abs().Mul(rate).Shift(-2)))
	}
}
