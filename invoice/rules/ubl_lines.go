package rules

import (
	"strings"

	"github.com/choriste/choriste/invoice/tree"
)

var ublLineNames = []string{"cac:InvoiceLine", "cac:CreditNoteLine"}

var ublLines = []group{
	{on: ublLineNames, rules: []rule{
		{id: "BR-21", ok: filled("cbc:ID"), at: "cbc:ID"},
		{id: "BR-22", ok: either("cbc:InvoicedQuantity", "cbc:CreditedQuantity")},
		{id: "BR-23", ok: func(_ *document, e *element) bool {
			unit := func(q *element) bool { return q.HasAttr("unitCode") }
			return e.Some("cbc:InvoicedQuantity", unit) || e.Some("cbc:CreditedQuantity", unit)
		}},
		{id: "BR-24", ok: has("cbc:LineExtensionAmount")},
		{id: "BR-25", ok: filled("cac:Item/cbc:Name"), at: "cac:Item"},
		{id: "BR-26", ok: has("cac:Price/cbc:PriceAmount")},
		{id: "BR-27", ok: compare("cac:Price/cbc:PriceAmount", true), at: "cac:Price/cbc:PriceAmount"},
		{id: "BR-28", at: "cac:Price/cac:AllowanceCharge/cbc:BaseAmount", ok: func(t *document, e *element) bool {
			return !e.Has("cac:Price/cac:AllowanceCharge/cbc:BaseAmount") || compare("cac:Price/cac:AllowanceCharge/cbc:BaseAmount", true)(t, e)
		}},
		{id: "BR-CO-04", at: "cac:Item", ok: func(_ *document, e *element) bool {
			return e.Some("cac:Item/cac:ClassifiedTaxCategory", func(c *element) bool { return vat(c) && c.Has("cbc:ID") })
		}},
		{id: "BR-DEC-23", ok: decimals("cbc:LineExtensionAmount"), at: "cbc:LineExtensionAmount"},
		{id: "UBL-SR-34", ok: atMost(1, "cbc:Note"), at: "cbc:Note"},
		{id: "UBL-SR-35", ok: atMost(1, "cac:OrderLineReference/cbc:LineID")},
		{id: "UBL-SR-36", ok: atMost(1, "cac:InvoicePeriod")},
		{id: "UBL-SR-37", ok: atMost(1, "cac:Price/cac:AllowanceCharge/cbc:Amount")},
		{id: "UBL-SR-48", ok: func(_ *document, e *element) bool { return e.Count("cac:Item/cac:ClassifiedTaxCategory") == 1 }},
		{id: "UBL-SR-50", ok: atMost(1, "cac:Item/cbc:Description")},
		{id: "UBL-SR-52", ok: atMost(1, "cac:DocumentReference")},
	}},
	{on: []string{"cac:AllowanceCharge"}, when: func(e *element) bool { return line(e) && isCharge(e, false) }, rules: []rule{
		{id: "BR-41", ok: has("cbc:Amount")},
		{id: "BR-42", ok: either("cbc:AllowanceChargeReason", "cbc:AllowanceChargeReasonCode")},
		{id: "BR-CO-23", ok: either("cbc:AllowanceChargeReason", "cbc:AllowanceChargeReasonCode")},
		{id: "BR-DEC-24", ok: decimals("cbc:Amount"), at: "cbc:Amount"},
		{id: "BR-DEC-25", ok: decimals("cbc:BaseAmount"), at: "cbc:BaseAmount"},
	}},
	{on: []string{"cac:AllowanceCharge"}, when: func(e *element) bool { return line(e) && isCharge(e, true) && !isCharge(e, false) }, rules: []rule{
		{id: "BR-43", ok: has("cbc:Amount")},
		{id: "BR-44", ok: either("cbc:AllowanceChargeReason", "cbc:AllowanceChargeReasonCode")},
		{id: "BR-CO-24", ok: either("cbc:AllowanceChargeReason", "cbc:AllowanceChargeReasonCode")},
		{id: "BR-DEC-27", ok: decimals("cbc:Amount"), at: "cbc:Amount"},
		{id: "BR-DEC-28", ok: decimals("cbc:BaseAmount"), at: "cbc:BaseAmount"},
	}},
	{on: []string{"cac:AdditionalItemProperty"}, rules: []rule{
		{id: "BR-54", ok: func(_ *document, e *element) bool { return e.Has("cbc:Name") && e.Has("cbc:Value") }},
	}},
	{on: []string{"cbc:ItemClassificationCode"}, when: func(e *element) bool {
		return e.Under("cac:CommodityClassification", "cac:Item") && line(e.Parent.Parent)
	}, rules: []rule{{id: "BR-65", ok: func(_ *document, e *element) bool { return e.HasAttr("listID") }}}},
	{on: []string{"cbc:ID"}, when: func(e *element) bool {
		return e.Under("cac:StandardItemIdentification", "cac:Item") && line(e.Parent.Parent)
	}, rules: []rule{{id: "BR-64", ok: func(_ *document, e *element) bool { return e.HasAttr("schemeID") }}}},
}

func below(parent string, attr string) func(*element) bool {
	return func(e *element) bool { return e.Under(parent) && (attr == "" || e.HasAttr(attr)) }
}

var ublCodes = []group{
	{on: []string{"cbc:InvoiceTypeCode"}, rules: []rule{{id: "BR-CL-01", ok: listed(codeLists["invoices"])}}},
	{on: []string{"cbc:CreditNoteTypeCode"}, rules: []rule{{id: "BR-CL-01", ok: listed(codeLists["creditnotes"])}}},
	{on: []string{
		"cbc:Amount", "cbc:BaseAmount", "cbc:PriceAmount", "cbc:TaxAmount", "cbc:TaxableAmount", "cbc:LineExtensionAmount", "cbc:TaxExclusiveAmount",
		"cbc:TaxInclusiveAmount", "cbc:AllowanceTotalAmount", "cbc:ChargeTotalAmount", "cbc:PrepaidAmount", "cbc:PayableRoundingAmount", "cbc:PayableAmount",
	}, rules: []rule{{id: "BR-CL-03", attr: "currencyID", ok: attrListed("currencyID", currencies)}}},
	{on: []string{"cbc:DocumentCurrencyCode"}, rules: []rule{{id: "BR-CL-04", ok: listed(currencies)}}},
	{on: []string{"cbc:TaxCurrencyCode"}, rules: []rule{{id: "BR-CL-05", ok: listed(currencies)}}},
	{on: []string{"cbc:DescriptionCode"}, when: below("cac:InvoicePeriod", ""), rules: []rule{
		{id: "BR-CL-06", ok: listed(codes{"3": true, "35": true, "432": true})},
	}},
	{on: []string{"cbc:ID"}, when: func(e *element) bool {
		return e.HasAttr("schemeID") && (e.Under("cac:AdditionalDocumentReference") || e.Under("cac:DocumentReference")) && e.Parent.Is("cbc:DocumentTypeCode", "130")
	}, rules: []rule{{id: "BR-CL-07", attr: "schemeID", ok: attrListed("schemeID", codeLists["references"])}}},
	{on: []string{"cbc:ID"}, when: below("cac:PartyIdentification", "schemeID"), rules: []rule{{id: "BR-CL-10", ok: func(_ *document, e *element) bool {
		scheme, _ := e.Attr("schemeID")
		scheme = tree.Normalize(scheme)
		return icd.Has(scheme) || scheme == "SEPA" && (e.Within("cac:AccountingSupplierParty") || e.Within("cac:PayeeParty"))
	}}}},
	{on: []string{"cbc:CompanyID"}, when: below("cac:PartyLegalEntity", "schemeID"), rules: []rule{{id: "BR-CL-11", attr: "schemeID", ok: attrListed("schemeID", icd)}}},
	{on: []string{"cbc:ItemClassificationCode"}, when: below("cac:CommodityClassification", "listID"), rules: []rule{
		{id: "BR-CL-13", attr: "listID", ok: attrListed("listID", codeLists["items"])},
	}},
	{on: []string{"cbc:IdentificationCode"}, when: below("cac:Country", ""), rules: []rule{{id: "BR-CL-14", ok: listed(countries.and("SS"))}}},
	{on: []string{"cbc:IdentificationCode"}, when: below("cac:OriginCountry", ""), rules: []rule{{id: "BR-CL-15", ok: listed(countries.and("SS"))}}},
	{on: []string{"cbc:PaymentMeansCode"}, when: below("cac:PaymentMeans", ""), rules: []rule{{id: "BR-CL-16", ok: listed(codeLists["payments"])}}},
	{on: []string{"cbc:ID"}, when: below("cac:TaxCategory", ""), rules: []rule{{id: "BR-CL-17", ok: listed(vatCodes)}}},
	{on: []string{"cbc:ID"}, when: below("cac:ClassifiedTaxCategory", ""), rules: []rule{{id: "BR-CL-18", ok: listed(vatCodes)}}},
	{on: []string{"cbc:AllowanceChargeReasonCode"}, when: func(e *element) bool { return e.Under("cac:AllowanceCharge") && isCharge(e.Parent, false) }, rules: []rule{
		{id: "BR-CL-19", ok: listed(codeLists["allowances"])},
	}},
	{on: []string{"cbc:AllowanceChargeReasonCode"}, when: func(e *element) bool {
		return e.Under("cac:AllowanceCharge") && isCharge(e.Parent, true) && !isCharge(e.Parent, false)
	}, rules: []rule{{id: "BR-CL-20", ok: listed(codeLists["charges"])}}},
	{on: []string{"cbc:ID"}, when: below("cac:StandardItemIdentification", "schemeID"), rules: []rule{{id: "BR-CL-21", attr: "schemeID", ok: attrListed("schemeID", icd)}}},
	{on: []string{"cbc:TaxExemptionReasonCode"}, rules: []rule{{id: "BR-CL-22", ok: exemption}}},
	{on: []string{"cbc:InvoicedQuantity", "cbc:BaseQuantity", "cbc:CreditedQuantity"}, when: func(e *element) bool { return e.HasAttr("unitCode") }, rules: []rule{
		{id: "BR-CL-23", attr: "unitCode", ok: attrListed("unitCode", codeLists["units"])},
	}},
	{on: []string{"cbc:EmbeddedDocumentBinaryObject"}, when: func(e *element) bool { return e.HasAttr("mimeCode") }, rules: []rule{{id: "BR-CL-24", attr: "mimeCode", ok: attachable}}},
	{on: []string{"cbc:EndpointID"}, when: func(e *element) bool { return e.HasAttr("schemeID") }, rules: []rule{
		{id: "BR-CL-25", attr: "schemeID", ok: attrListed("schemeID", codeLists["addresses"])},
	}},
	{on: []string{"cbc:ID"}, when: below("cac:DeliveryLocation", "schemeID"), rules: []rule{{id: "BR-CL-26", attr: "schemeID", ok: attrListed("schemeID", icd)}}},
}

// exemption: a code of VATEX, in either case.
func exemption(_ *document, e *element) bool {
	return codeLists["exemptions"].Has(strings.ToUpper(e.Norm()))
}

// attachable: one of the six kinds of file that an invoice may carry.
func attachable(_ *document, e *element) bool {
	kind, _ := e.Attr("mimeCode")
	return mimeTypes.Has(kind)
}
