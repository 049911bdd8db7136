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
	inLine := func(c *element) bool { return c.Under("cac:Item") && line(c.Parent) && is(c) }
	ofCharge := func(want bool) func(*element) bool {
		return func(c *element) bool { return c.Under("cac:AllowanceCharge") && isCharge(c.Parent, want) && is(c) }
	}
	groups := []group{
		{on: ublRoots, rules: []rule{
			{id: f.name + "-01", ok: f.ublBreakdown()},
			{id: f.name + "-02", ok: func(t *document, _ *element) bool {
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
			return c.Under("cac:TaxSubtotal", "cac:TaxTotal") && header(c.Parent.Parent) && is(c)
		}, rules: []rule{
			{id: f.name + "-08", ok: f.ublTaxable(), at: "../cbc:TaxableAmount"},
			{id: f.name + "-09", ok: f.ublTax(), at: "../cbc:TaxAmount"},
			{id: f.name + "-10", ok: func(_ *document, c *element) bool {
				return (c.Has("cbc:TaxExemptionReason") || c.Has("cbc:TaxExemptionReasonCode")) == f.reason
			}},
		}},
	}
	switch f.code {
	case "K":
		groups = append(groups, group{on: ublRoots, when: func(e *element) bool { return e.Some(ublSubtotal+"cac:TaxCategory", is) }, rules: []rule{
			{id: "BR-IC-11", ok: func(_ *document, e *element) bool {
				return len([]rune(e.One("cac:Delivery/cbc:ActualDeliveryDate").Value())) > 1 ||
					e.Some("cac:InvoicePeriod", func(p *element) bool { return len(p.Kids) > 0 })
			}},
			{id: "BR-IC-12", ok: func(_ *document, e *element) bool {
				return len([]rune(e.One("cac:Delivery/cac:DeliveryLocation/cac:Address/cac:Country/cbc:IdentificationCode").Value())) > 1
			}},
		}})
	case "O":
		other := func(c *element) bool { return vat(c) && !category(c, "O") }
		ofOther := func(want bool) func(*document, *element) bool {
			return func(t *document, _ *element) bool {
				return !t.any("cac:TaxCategory", func(c *element) bool { return c.Under("cac:AllowanceCharge") && isCharge(c.Parent, want) && other(c) })
			}
		}
		groups = append(groups, group{on: ublRoots, when: func(e *element) bool { return e.Some(ublSubtotal+"cac:TaxCategory", is) }, rules: []rule{
			{id: "BR-O-11", ok: func(_ *document, e *element) bool { return !e.Some(ublSubtotal+"cac:TaxCategory", other) }},
			{id: "BR-O-12", ok: func(t *document, _ *element) bool { return !t.any("cac:ClassifiedTaxCategory", other) }},
			{id: "BR-O-13", ok: ofOther(false)},
			{id: "BR-O-14", ok: ofOther(true)},
		}})
	}
	return groups
}

// ublBreakdown: a category that is used has its entry in the VAT breakdown, and the other way round.
func (f family) ublBreakdown() func(*document, *element) bool {
	schemed := f.code != "S" // for S, the rule does not ask for the scheme of the tax
	is := func(c *element) bool { return category(c, f.code) && (!schemed || vat(c)) }
	if f.one {
		return func(t *document, e *element) bool {
			used := t.any("cac:TaxCategory", is) || t.any("cac:ClassifiedTaxCategory", is)
			entries := 0
			e.Each(ublSubtotal+"cac:TaxCategory", func(c *element) bool {
				if is(c) {
					entries++
				}
				return true
			})
			return !used || entries == 1
		}
	}
	return func(t *document, e *element) bool {
		used := t.any("cac:ClassifiedTaxCategory", is) ||
			t.any("cac:TaxCategory", func(c *element) bool { return c.Under("cac:AllowanceCharge") && is(c) })
		return used == e.Some(ublSubtotal+"cac:TaxCategory", is)
	}
}

// ublChargeRegistered asks for the parties' registrations where an allowance or charge has this category.
func (f family) ublChargeRegistered(want bool, is func(*element) bool) func(*document, *element) bool {
	return func(t *document, _ *element) bool {
		used := t.any("cac:TaxCategory", func(c *element) bool {
			return c.Under("cac:AllowanceCharge") && isCharge(c.Parent, want) && is(c) && (f.code != "O" || header(c.Parent))
		})
		return !used || f.ublRegistered(t)
	}
}

// ublRegistered tells whether the parties are registered as the category asks.
func (f family) ublRegistered(t *document) bool {
	return t.once(f.name, func() bool { return f.ublRegisteredIn(t) })
}

func (f family) ublRegisteredIn(t *document) bool {
	registered := func(role string, any bool) bool {
		return t.any("cac:PartyTaxScheme", func(s *element) bool {
			return s.Under("cac:Party", role) && s.Has("cbc:CompanyID") && (any || vat(s))
		})
	}
	represented := t.any("cac:PartyTaxScheme", func(s *element) bool {
		return s.Under("cac:TaxRepresentativeParty") && s.Has("cbc:CompanyID") && vat(s)
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
			return l.Under("cac:Party", buyer) && l.Has("cbc:CompanyID")
		}))
	default:
		return registered(seller, true) || represented
	}
}

// ublTaxable: the taxable amount of an entry is what the lines, charges and allowances of its category (and rate) add up to.
func (f family) ublTaxable() func(*document, *element) bool {
	return func(t *document, c *element) bool {
		root := c.Parent.Parent.Parent
		base, ok := c.Parent.One("cbc:TaxableAmount").Number()
		if f.one {
			if !ok {
				return false
			}
			in := func(x *element) bool { return category(x, f.code) }
			more := f.ublOfCharges(root, in)
			return len(t.ByName["cac:InvoiceLine"]) > 0 && base.Equal(more.Add(ublOfLines(root, "cac:InvoiceLine", in, anyOf))) ||
				len(t.ByName["cac:CreditNoteLine"]) > 0 && base.Equal(more.Add(ublOfLines(root, "cac:CreditNoteLine", in, anyOf)))
		}
		if !c.Has("cbc:Percent") {
			return true
		}
		rate, ok2 := c.One("cbc:Percent").Number()
		if !ok || !ok2 {
			return false
		}
		in := func(x *element) bool { return category(x, f.code) }
		at := func(x *element) bool {
			d, ok := x.One("cbc:Percent").Number()
			return ok && d.Equal(rate)
		}
		both := func(e *element, path string) bool { return e.Some(path, in) && e.Some(path, at) }
		more := decimal.Zero
		root.Each("cac:AllowanceCharge", func(x *element) bool {
			if both(x, "cac:TaxCategory") {
				more = more.Add(signed(x))
			}
			return true
		})
		charged := f.code == "S" && t.any("cac:AllowanceCharge", func(x *element) bool { return both(x, "cac:TaxCategory") })
		for _, kind := range []string{"cac:InvoiceLine", "cac:CreditNoteLine"} {
			asked := len(t.ByName[kind]) > 0
			if f.code == "S" {
				asked = charged || t.any(kind, func(l *element) bool { return both(l, "cac:Item/cac:ClassifiedTaxCategory") })
			}
			total := more
			root.Each(kind, func(l *element) bool {
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
	root.Each(kind, func(l *element) bool {
		if l.Some("cac:Item/cac:ClassifiedTaxCategory", in) && and(l) {
			total = total.Add(sum([]*element{l}, "cbc:LineExtensionAmount"))
		}
		return true
	})
	return total
}

// ublOfCharges is the charges less the allowances of a category.
func (f family) ublOfCharges(root *element, in func(*element) bool) decimal.Decimal {
	total := decimal.Zero
	root.Each("cac:AllowanceCharge", func(c *element) bool {
		if c.Some("cac:TaxCategory", in) {
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
func (f family) ublTax() func(*document, *element) bool {
	return func(_ *document, c *element) bool {
		tax, ok := c.Parent.One("cbc:TaxAmount").Number()
		if f.one {
			return ok && tax.IsZero()
		}
		base, ok2 := c.Parent.One("cbc:TaxableAmount").Number()
		rate, ok3 := c.One("cbc:Percent").Number()
		return ok && ok2 && ok3 && near(tax.Abs(), round2(base.Abs().Mul(rate).Shift(-2)))
	}
}
