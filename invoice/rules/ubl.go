package rules

import (
	"maps"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/invoice/tree"
)

// The elements of UBL 2.1 that several rules look at, from the document on.
const (
	ublSeller   = "cac:AccountingSupplierParty/cac:Party/"
	ublBuyer    = "cac:AccountingCustomerParty/cac:Party/"
	ublSubtotal = "cac:TaxTotal/cac:TaxSubtotal/"
)

var ublRoots = []string{"ubl:Invoice", "cn:CreditNote"}

var ublGroups = concat(ublHeader, ublParties, ublMoney, ublLines, ublVAT(), ublCodes, ublSyntax)

func concat(all ...[]group) []group {
	var groups []group
	for _, g := range all {
		groups = append(groups, g...)
	}
	for _, g := range groups {
		for k := range g.rules {
			g.rules[k].wide = wideRules[g.rules[k].id]
		}
	}
	return groups
}

// header tells whether e is a child of the document's own element.
func header(e *element) bool { return e.Parent != nil && e.Parent.Parent == nil }

func line(e *element) bool {
	return e.Parent != nil && (e.Parent.Name == "cac:InvoiceLine" || e.Parent.Name == "cac:CreditNoteLine")
}

// charge tells a charge (true) from an allowance (false); neither when it does not say which it is.
func charge(want bool) func(e *element) bool {
	return func(e *element) bool { return isCharge(e, want) }
}

func isCharge(e *element, want bool) bool {
	return e.Some("cbc:ChargeIndicator", func(x *element) bool {
		is, ok := x.Boolean()
		return ok && is == want
	})
}

// vat tells whether a tax category, or a party's registration, is about VAT.
func vat(e *element) bool {
	return e.Some("cac:TaxScheme", func(s *element) bool { return tree.Normalize(strings.ToUpper(s.One("cbc:ID").Value())) == "VAT" })
}

// category tells whether a tax category has this code.
func category(e *element, code string) bool { return e.One("cbc:ID").Norm() == code }

var ublHeader = []group{
	{on: ublRoots, rules: []rule{
		{id: "BR-01", ok: filled("cbc:CustomizationID"), at: "cbc:CustomizationID"},
		{id: "BR-02", ok: filled("cbc:ID"), at: "cbc:ID"},
		{id: "BR-03", ok: filled("cbc:IssueDate"), at: "cbc:IssueDate"},
		{id: "BR-04", ok: func(_ *document, e *element) bool {
			return e.Filled("cbc:InvoiceTypeCode") || e.Filled("cbc:CreditNoteTypeCode")
		}},
		{id: "BR-05", ok: filled("cbc:DocumentCurrencyCode"), at: "cbc:DocumentCurrencyCode"},
		{id: "BR-06", ok: filled(ublSeller + "cac:PartyLegalEntity/cbc:RegistrationName"), at: "cac:AccountingSupplierParty/cac:Party"},
		{id: "BR-07", ok: filled(ublBuyer + "cac:PartyLegalEntity/cbc:RegistrationName"), at: "cac:AccountingCustomerParty/cac:Party"},
		{id: "BR-08", ok: has(ublSeller + "cac:PostalAddress"), at: "cac:AccountingSupplierParty/cac:Party"},
		{id: "BR-10", ok: has(ublBuyer + "cac:PostalAddress"), at: "cac:AccountingCustomerParty/cac:Party"},
		{id: "BR-16", ok: either("cac:InvoiceLine", "cac:CreditNoteLine")},
		{id: "BR-53", at: "cbc:TaxCurrencyCode", ok: func(t *document, e *element) bool {
			return !e.Some("cbc:TaxCurrencyCode", func(c *element) bool { return !t.taxIn(c.Value()) })
		}},
		{id: "BR-CO-03", at: "cbc:TaxPointDate", ok: func(_ *document, e *element) bool {
			return !(e.Has("cbc:TaxPointDate") && e.Has("cac:InvoicePeriod/cbc:DescriptionCode"))
		}},
		{id: "BR-CO-15", at: "cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount", ok: ublGrandTotal},
		{id: "BR-CO-18", ok: has("cac:TaxTotal/cac:TaxSubtotal"), at: "cac:TaxTotal"},
		{id: "BR-B-01", ok: func(t *document, _ *element) bool {
			return !t.splitPayment() || !t.any("cbc:IdentificationCode", func(c *element) bool { return c.Value() != "IT" })
		}},
		{id: "BR-B-02", ok: func(t *document, e *element) bool {
			in := func(code string) bool {
				return e.Is(ublSubtotal+"cac:TaxCategory/cbc:ID", code) || e.Is("cac:AllowanceCharge/cac:TaxCategory/cbc:ID", code) ||
					t.any("cac:ClassifiedTaxCategory", func(c *element) bool { return c.Is("cbc:ID", code) })
			}
			return !in("B") || !in("S")
		}},
	}},
	{on: []string{"cac:InvoicePeriod"}, when: line, rules: []rule{
		{id: "BR-30", ok: periodInOrder, at: "cbc:EndDate"},
		{id: "BR-CO-20", ok: either("cbc:StartDate", "cbc:EndDate")},
	}},
	{on: []string{"cac:InvoicePeriod"}, when: func(e *element) bool { return !line(e) }, rules: []rule{
		{id: "BR-29", ok: periodInOrder, at: "cbc:EndDate"},
		{id: "BR-CO-19", ok: func(_ *document, e *element) bool {
			return e.Has("cbc:StartDate") || e.Has("cbc:EndDate") || e.Has("cbc:DescriptionCode")
		}},
	}},
	{on: []string{"cac:AdditionalDocumentReference"}, rules: []rule{{id: "BR-52", ok: filled("cbc:ID"), at: "cbc:ID"}}},
	{on: []string{"cac:BillingReference"}, rules: []rule{{id: "BR-55", ok: has("cac:InvoiceDocumentReference/cbc:ID")}}},
	{on: []string{"cac:Address"}, when: func(e *element) bool { return e.Under("cac:DeliveryLocation", "cac:Delivery") }, rules: []rule{
		{id: "BR-57", ok: has("cac:Country/cbc:IdentificationCode")},
	}},
	{on: []string{"cbc:Note"}, when: header, rules: []rule{{id: "BR-CL-08", ok: ublSubject}}},
}

// taxIn tells whether some VAT total is in a currency.
func (t *document) taxIn(currency string) bool {
	return t.any("cbc:TaxAmount", func(a *element) bool {
		c, _ := a.Attr("currencyID")
		return c == currency && a.Under("cac:TaxTotal")
	})
}

// any tells whether ok holds for some element of a name, anywhere.
func (t *document) any(name string, ok func(*element) bool) bool {
	for _, e := range t.ByName[name] {
		if ok(e) {
			return true
		}
	}
	return false
}

// splitPayment tells whether the document uses Italy's VAT category B.
func (t *document) splitPayment() bool {
	is := func(c *element) bool { return c.Is("cbc:ID", "B") }
	return t.any("cac:TaxCategory", is) || t.any("cac:ClassifiedTaxCategory", is)
}

// ublGrandTotal: BT-112 = BT-109 + BT-110, and there is one BT-110.
func ublGrandTotal(_ *document, e *element) bool {
	return !e.Some("cbc:DocumentCurrencyCode", func(c *element) bool {
		currency := c.Value()
		n, tax := 0, decimal.Zero
		e.Each("cac:TaxTotal/cbc:TaxAmount", func(a *element) bool {
			if in, _ := a.Attr("currencyID"); in == currency {
				if d, ok := a.Number(); ok {
					n, tax = n+1, d
				}
			}
			return true
		})
		with, ok := e.One("cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount").Number()
		without, ok2 := e.One("cac:LegalMonetaryTotal/cbc:TaxExclusiveAmount").Number()
		return n != 1 || !ok || !ok2 || !with.Equal(round2(without.Add(tax)))
	})
}

// periodInOrder: the end is not before the start, where both are there. Dates of one form compare as texts.
func periodInOrder(_ *document, e *element) bool {
	start, end := e.One("cbc:StartDate"), e.One("cbc:EndDate")
	return start == nil || end == nil || civil(end.Norm()) >= civil(start.Norm())
}

// civil leaves a zone out of an xs:date.
func civil(s string) string {
	if len(s) > 10 {
		return s[:10]
	}
	return s
}

// ublSubject: a note that begins with #ABC# names a subject of UNTDID 4451.
func ublSubject(_ *document, e *element) bool {
	_, rest, ok := strings.Cut(e.Value(), "#")
	if !ok {
		return true
	}
	code, _, ok := strings.Cut(rest, "#")
	return !ok || len([]rune(code)) != 3 || codeLists["subjects"].Has(code)
}

var ublParties = []group{
	{on: []string{"cbc:EndpointID"}, when: func(e *element) bool { return e.Under("cac:Party", "cac:AccountingSupplierParty") }, rules: []rule{
		{id: "BR-62", ok: func(_ *document, e *element) bool { return e.HasAttr("schemeID") }},
	}},
	{on: []string{"cbc:EndpointID"}, when: func(e *element) bool { return e.Under("cac:Party", "cac:AccountingCustomerParty") }, rules: []rule{
		{id: "BR-63", ok: func(_ *document, e *element) bool { return e.HasAttr("schemeID") }},
	}},
	{on: []string{"cac:PostalAddress"}, when: func(e *element) bool { return e.Under("cac:Party", "cac:AccountingSupplierParty") }, rules: []rule{
		{id: "BR-09", ok: filled("cac:Country/cbc:IdentificationCode")},
	}},
	{on: []string{"cac:PostalAddress"}, when: func(e *element) bool { return e.Under("cac:Party", "cac:AccountingCustomerParty") }, rules: []rule{
		{id: "BR-11", ok: filled("cac:Country/cbc:IdentificationCode")},
	}},
	{on: []string{"cac:PostalAddress"}, when: func(e *element) bool { return e.Under("cac:TaxRepresentativeParty") }, rules: []rule{
		{id: "BR-20", ok: filled("cac:Country/cbc:IdentificationCode")},
	}},
	{on: []string{"cac:PayeeParty"}, rules: []rule{{id: "BR-17", ok: func(_ *document, e *element) bool {
		return e.Has("cac:PartyName/cbc:Name") && e.Parent != nil &&
			!share(e, "cac:PartyName/cbc:Name", e.Parent, ublSeller+"cac:PartyName/cbc:Name") &&
			!share(e, "cac:PartyIdentification/cbc:ID", e.Parent, ublSeller+"cac:PartyIdentification/cbc:ID")
	}}}},
	{on: []string{"cac:TaxRepresentativeParty"}, rules: []rule{
		{id: "BR-18", ok: filled("cac:PartyName/cbc:Name")},
		{id: "BR-19", ok: has("cac:PostalAddress")},
		{id: "BR-56", ok: func(_ *document, e *element) bool {
			return e.Some("cac:PartyTaxScheme", func(s *element) bool { return vat(s) && s.Has("cbc:CompanyID") })
		}},
	}},
	{on: []string{"cac:AccountingSupplierParty"}, rules: []rule{{id: "BR-CO-26", ok: func(_ *document, e *element) bool {
		return e.Some("cac:Party/cac:PartyTaxScheme", func(s *element) bool { return vat(s) && s.Has("cbc:CompanyID") }) ||
			e.Has("cac:Party/cac:PartyLegalEntity/cbc:CompanyID") ||
			e.Some("cac:Party/cac:PartyIdentification/cbc:ID", func(id *element) bool {
				scheme, _ := id.Attr("schemeID")
				return scheme != "SEPA"
			})
	}}}},
	{on: []string{"cac:PartyTaxScheme"}, when: vat, rules: []rule{{id: "BR-CO-09", at: "cbc:CompanyID", ok: func(_ *document, e *element) bool {
		return strings.Contains(ublVATPrefixes, first(e.One("cbc:CompanyID").Value(), 2))
	}}}},
}

// vatPrefixes are what a VAT identifier may begin with; the list of UBL knows South Sudan, that of CII the Netherlands Antilles. The official rule of
// UBL looks for two characters anywhere in a text of all codes, blanks included, and so does this.
var (
	vatPrefixes    = countries.and("EL")
	ublVATPrefixes = " " + strings.Join(slices.Sorted(maps.Keys(vatPrefixes.and("SS"))), " ") + " "
)

func first(s string, n int) string {
	r := []rune(s)
	return string(r[:min(n, len(r))])
}

// share tells whether some value at one path equals some value at another.
func share(a *element, pathA string, b *element, pathB string) bool {
	return a.Some(pathA, func(x *element) bool { return b.Is(pathB, x.Value()) })
}
