package rules

import (
	"strings"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/invoice/tree"
)

// The elements of CII D16B that several rules look at, from the document's own element on.
const (
	ciiTrade      = "rsm:SupplyChainTradeTransaction/"
	ciiAgreement  = ciiTrade + "ram:ApplicableHeaderTradeAgreement/"
	ciiDelivery   = ciiTrade + "ram:ApplicableHeaderTradeDelivery/"
	ciiSettlement = ciiTrade + "ram:ApplicableHeaderTradeSettlement/"
	ciiSeller     = ciiAgreement + "ram:SellerTradeParty/"
	ciiBuyer      = ciiAgreement + "ram:BuyerTradeParty/"
	ciiTotals     = ciiSettlement + "ram:SpecifiedTradeSettlementHeaderMonetarySummation/"
	ciiLineTotal  = "ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount"
	ciiLineTax    = "ram:ApplicableTradeTax"
)

var ciiRoot = []string{"rsm:CrossIndustryInvoice"}

var ciiGroups = concat(ciiHeader, ciiParties, ciiMoney, ciiLines, ciiVAT(), ciiCodes, ciiSyntax)

// inSettlement tells whether e stands directly in the settlement of the whole document.
func inSettlement(e *element) bool { return e.Under("ram:ApplicableHeaderTradeSettlement") }

// ciiIsCharge tells a charge (true) from an allowance (false), by the boolean that says so.
func ciiIsCharge(e *element, want bool) bool {
	return e.Some("ram:ChargeIndicator/udt:Indicator", func(x *element) bool {
		is, ok := x.Boolean()
		return ok && is == want
	})
}

// ciiSays is the same by the written word: some rules know only "true" and "false", not "1" and "0".
func ciiSays(e *element, word string) bool { return e.Is("ram:ChargeIndicator/udt:Indicator", word) }

// ciiVATType tells whether a tax is VAT.
func ciiVATType(e *element) bool { return strings.ToUpper(e.One("ram:TypeCode").Value()) == "VAT" }

func ciiFilledAttr(path, attr string) func(*document, *element) bool {
	return func(_ *document, e *element) bool {
		x := e.One(path)
		v, _ := x.Attr(attr)
		return tree.Normalize(v) != ""
	}
}

var ciiHeader = []group{
	{on: ciiRoot, rules: []rule{
		{id: "BR-01", ok: filled("rsm:ExchangedDocumentContext/ram:GuidelineSpecifiedDocumentContextParameter/ram:ID"), at: "rsm:ExchangedDocumentContext"},
		{id: "BR-02", ok: filled("rsm:ExchangedDocument/ram:ID"), at: "rsm:ExchangedDocument/ram:ID"},
		{id: "BR-03", at: "rsm:ExchangedDocument/ram:IssueDateTime/udt:DateTimeString", ok: func(_ *document, e *element) bool {
			date := false
			e.Each("rsm:ExchangedDocument/ram:IssueDateTime/udt:DateTimeString", func(d *element) bool {
				form, _ := d.Attr("format")
				date = form == "102" && d.Norm() != ""
				return form != "102"
			})
			return date
		}},
		{id: "BR-04", ok: filled("rsm:ExchangedDocument/ram:TypeCode"), at: "rsm:ExchangedDocument/ram:TypeCode"},
		{id: "BR-05", ok: filled(ciiSettlement + "ram:InvoiceCurrencyCode"), at: ciiSettlement + "ram:InvoiceCurrencyCode"},
		{id: "BR-06", ok: filled(ciiSeller + "ram:Name"), at: strings.TrimSuffix(ciiSeller, "/")},
		{id: "BR-07", ok: filled(ciiBuyer + "ram:Name"), at: strings.TrimSuffix(ciiBuyer, "/")},
		{id: "BR-08", ok: has(ciiSeller + "ram:PostalTradeAddress"), at: strings.TrimSuffix(ciiSeller, "/")},
		{id: "BR-09", ok: filled(ciiSeller + "ram:PostalTradeAddress/ram:CountryID"), at: ciiSeller + "ram:PostalTradeAddress"},
		{id: "BR-10", ok: has(ciiBuyer + "ram:PostalTradeAddress"), at: strings.TrimSuffix(ciiBuyer, "/")},
		{id: "BR-11", ok: filled(ciiBuyer + "ram:PostalTradeAddress/ram:CountryID"), at: ciiBuyer + "ram:PostalTradeAddress"},
		{id: "BR-16", ok: func(t *document, _ *element) bool { return len(t.ByName["ram:IncludedSupplyChainTradeLineItem"]) > 0 }},
		{id: "BR-62", ok: ciiAddressScheme(ciiSeller), at: ciiSeller + "ram:URIUniversalCommunication"},
		{id: "BR-63", ok: ciiAddressScheme(ciiBuyer), at: ciiBuyer + "ram:URIUniversalCommunication"},
		{id: "BR-CO-15", ok: ciiGrandTotal, at: ciiTotals + "ram:GrandTotalAmount"},
		{id: "BR-B-01", ok: func(t *document, _ *element) bool {
			return !t.ciiCategory("B") || !t.any("ram:CountryID", func(c *element) bool { return c.Value() != "IT" })
		}},
		{id: "BR-B-02", ok: func(t *document, _ *element) bool { return !t.ciiCategory("B") || !t.ciiCategory("S") }},
	}},
	{on: []string{"ram:AdditionalReferencedDocument"}, rules: []rule{{id: "BR-52", ok: filled("ram:IssuerAssignedID"), at: "ram:IssuerAssignedID"}}},
	{on: []string{"ram:InvoiceReferencedDocument"}, when: inSettlement, rules: []rule{{id: "BR-55", ok: filled("ram:IssuerAssignedID")}}},
	{on: []string{"ram:ApplicableHeaderTradeDelivery"}, rules: []rule{{id: "BR-57", at: "ram:ShipToTradeParty/ram:PostalTradeAddress", ok: func(_ *document, e *element) bool {
		return !e.Has("ram:ShipToTradeParty/ram:PostalTradeAddress") || e.Filled("ram:ShipToTradeParty/ram:PostalTradeAddress/ram:CountryID")
	}}}},
	{on: []string{"ram:BillingSpecifiedPeriod"}, when: inSettlement, rules: []rule{
		{id: "BR-29", ok: ciiPeriod, at: "ram:EndDateTime/udt:DateTimeString"},
		{id: "BR-CO-19", ok: either("ram:StartDateTime", "ram:EndDateTime")},
	}},
	{on: []string{"ram:BillingSpecifiedPeriod"}, when: func(e *element) bool { return e.Under("ram:SpecifiedLineTradeSettlement") }, rules: []rule{
		{id: "BR-30", ok: ciiPeriod, at: "ram:EndDateTime/udt:DateTimeString"},
		{id: "BR-CO-20", ok: either("ram:StartDateTime", "ram:EndDateTime")},
	}},
}

func ciiAddressScheme(party string) func(*document, *element) bool {
	filled := ciiFilledAttr(party+"ram:URIUniversalCommunication/ram:URIID", "schemeID")
	return func(t *document, e *element) bool {
		return !e.Has(party+"ram:URIUniversalCommunication") || filled(t, e)
	}
}

func (t *document) ciiCategory(code string) bool {
	return t.any("ram:CategoryCode", func(c *element) bool { return c.Value() == code })
}

// ciiGrandTotal: BT-112 = BT-109 + BT-110, where there is one BT-110; without any, BT-112 = BT-109.
func ciiGrandTotal(_ *document, e *element) bool {
	return !e.Some(ciiSettlement+"ram:InvoiceCurrencyCode", func(c *element) bool {
		currency := c.Value()
		n, tax, read := 0, decimal.Zero, true
		e.Each(ciiTotals+"ram:TaxTotalAmount", func(a *element) bool {
			if in, _ := a.Attr("currencyID"); in == currency {
				if n++; n == 1 {
					tax, read = a.Number()
				}
			}
			return true
		})
		with, ok := e.One(ciiTotals + "ram:GrandTotalAmount").Number()
		without, ok2 := e.One(ciiTotals + "ram:TaxBasisTotalAmount").Number()
		if !ok || !ok2 {
			return true
		}
		return !(n == 1 && read && with.Equal(round2(without.Add(tax)))) && !with.Equal(without)
	})
}

// ciiPeriod: the end is not before the start, where both are there, in the form 102.
func ciiPeriod(_ *document, e *element) bool {
	if !e.Has("ram:EndDateTime") || !e.Has("ram:StartDateTime") {
		return true
	}
	day := func(path string) (s string, ok bool) {
		e.Each(path+"/udt:DateTimeString", func(d *element) bool {
			if form, _ := d.Attr("format"); form == "102" {
				s, ok = d.Value(), true
			}
			return !ok
		})
		return s, ok
	}
	start, ok := day("ram:StartDateTime")
	end, ok2 := day("ram:EndDateTime")
	return ok && ok2 && end >= start
}

var ciiParties = []group{
	{on: []string{"ram:PayeeTradeParty"}, rules: []rule{{id: "BR-17", ok: func(_ *document, e *element) bool {
		if !e.Has("ram:Name") || e.Parent == nil || e.Parent.Parent == nil {
			return false
		}
		const seller = "ram:ApplicableHeaderTradeAgreement/ram:SellerTradeParty/"
		for _, path := range []string{"ram:Name", "ram:ID", "ram:SpecifiedLegalOrganization/ram:ID"} {
			if share(e, path, e.Parent.Parent, seller+path) {
				return false
			}
		}
		return true
	}}}},
	{on: []string{"ram:SellerTradeParty"}, rules: []rule{{id: "BR-CO-26", ok: func(_ *document, e *element) bool {
		return e.Has("ram:ID") || e.Has("ram:GlobalID") || e.Has("ram:SpecifiedLegalOrganization/ram:ID") || ciiRegistered(e, "VA")
	}}}},
	{on: []string{"ram:SellerTaxRepresentativeTradeParty"}, rules: []rule{
		{id: "BR-18", ok: filled("ram:Name")},
		{id: "BR-19", ok: has("ram:PostalTradeAddress")},
		{id: "BR-20", ok: filled("ram:PostalTradeAddress/ram:CountryID")},
		{id: "BR-56", ok: func(_ *document, e *element) bool {
			return e.Some("ram:SpecifiedTaxRegistration/ram:ID", func(id *element) bool {
				scheme, _ := id.Attr("schemeID")
				return scheme == "VA" && id.Norm() != ""
			})
		}},
	}},
	{on: []string{"ram:ID"}, when: func(e *element) bool {
		scheme, _ := e.Attr("schemeID")
		return scheme == "VA" && e.Under("ram:SpecifiedTaxRegistration")
	}, rules: []rule{{id: "BR-CO-09", ok: func(_ *document, e *element) bool {
		prefix := first(e.Value(), 2)
		return vatPrefixes.Has(prefix) || prefix == "AN"
	}}}},
}

// ciiRegistered tells whether a party has a tax registration of one of these schemes.
func ciiRegistered(party *element, schemes ...string) bool {
	return party.Some("ram:SpecifiedTaxRegistration/ram:ID", func(id *element) bool {
		scheme, _ := id.Attr("schemeID")
		for _, s := range schemes {
			if s == scheme {
				return true
			}
		}
		return false
	})
}

var ciiLines = []group{
	{on: []string{"ram:IncludedSupplyChainTradeLineItem"}, rules: []rule{
		{id: "BR-21", ok: filled("ram:AssociatedDocumentLineDocument/ram:LineID"), at: "ram:AssociatedDocumentLineDocument"},
		{id: "BR-22", ok: has("ram:SpecifiedLineTradeDelivery/ram:BilledQuantity")},
		{id: "BR-23", ok: func(_ *document, e *element) bool {
			return e.Some("ram:SpecifiedLineTradeDelivery/ram:BilledQuantity", func(q *element) bool { return q.HasAttr("unitCode") })
		}},
		{id: "BR-24", ok: has("ram:SpecifiedLineTradeSettlement/" + ciiLineTotal)},
		{id: "BR-25", ok: filled("ram:SpecifiedTradeProduct/ram:Name"), at: "ram:SpecifiedTradeProduct"},
		{id: "BR-26", ok: has("ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice/ram:ChargeAmount")},
		{id: "BR-27", ok: compare("ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice/ram:ChargeAmount", true), at: "ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice/ram:ChargeAmount"},
		{id: "BR-28", at: ciiGross, ok: func(t *document, e *element) bool { return !e.Has(ciiGross) || compare(ciiGross, true)(t, e) }},
		{id: "BR-64", at: "ram:SpecifiedTradeProduct/ram:GlobalID", ok: func(t *document, e *element) bool {
			return !e.Has("ram:SpecifiedTradeProduct/ram:GlobalID") || ciiFilledAttr("ram:SpecifiedTradeProduct/ram:GlobalID", "schemeID")(t, e)
		}},
		{id: "BR-CO-04", at: "ram:SpecifiedLineTradeSettlement", ok: func(_ *document, e *element) bool {
			return e.Some("ram:SpecifiedLineTradeSettlement/ram:ApplicableTradeTax", func(x *element) bool { return ciiVATType(x) && x.Has("ram:CategoryCode") })
		}},
		{id: "BR-CO-18", ok: func(t *document, _ *element) bool {
			return t.once("BR-CO-18", func() bool { return t.any("ram:ApplicableTradeTax", inSettlement) })
		}},
		{id: "BR-DEC-23", ok: decimals("ram:SpecifiedLineTradeSettlement/" + ciiLineTotal), at: "ram:SpecifiedLineTradeSettlement/" + ciiLineTotal},
	}},
	{on: []string{"ram:SpecifiedTradeAllowanceCharge"}, when: func(e *element) bool {
		return e.Under("ram:SpecifiedLineTradeSettlement") && ciiSays(e, "false")
	}, rules: []rule{
		{id: "BR-41", ok: has("ram:ActualAmount")},
		{id: "BR-42", ok: either("ram:Reason", "ram:ReasonCode")},
		{id: "BR-CO-23", ok: either("ram:Reason", "ram:ReasonCode")},
		{id: "BR-DEC-24", ok: decimals("ram:ActualAmount"), at: "ram:ActualAmount"},
		{id: "BR-DEC-25", ok: decimals("ram:BasisAmount"), at: "ram:BasisAmount"},
	}},
	{on: []string{"ram:SpecifiedTradeAllowanceCharge"}, when: func(e *element) bool {
		return e.Under("ram:SpecifiedLineTradeSettlement") && ciiSays(e, "true")
	}, rules: []rule{
		{id: "BR-43", ok: has("ram:ActualAmount")},
		{id: "BR-44", ok: either("ram:Reason", "ram:ReasonCode")},
		{id: "BR-CO-24", ok: either("ram:Reason", "ram:ReasonCode")},
		{id: "BR-DEC-27", ok: decimals("ram:ActualAmount"), at: "ram:ActualAmount"},
		{id: "BR-DEC-28", ok: decimals("ram:BasisAmount"), at: "ram:BasisAmount"},
	}},
	{on: []string{"ram:ApplicableProductCharacteristic"}, rules: []rule{
		{id: "BR-54", ok: func(_ *document, e *element) bool { return e.Has("ram:Description") && e.Has("ram:Value") }},
	}},
	{on: []string{"ram:DesignatedProductClassification"}, rules: []rule{{id: "BR-65", at: "ram:ClassCode", ok: func(t *document, e *element) bool {
		return !e.Has("ram:ClassCode") || ciiFilledAttr("ram:ClassCode", "listID")(t, e)
	}}}},
}

const ciiGross = "ram:SpecifiedLineTradeAgreement/ram:GrossPriceProductTradePrice/ram:ChargeAmount"
