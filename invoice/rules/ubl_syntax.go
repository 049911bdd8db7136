package rules

import "strings"

// ublSyntax: how often an element may be there in EN 16931, where UBL allows more.
var ublSyntax = []group{
	{on: ublRoots, rules: []rule{
		{id: "UBL-CR-666", ok: ublNoTypeOf("cac:Attachment")},
		{id: "UBL-CR-673", ok: ublNoTypeOf("cbc:DocumentDescription")},
		{id: "UBL-SR-01", ok: atMost(1, "cac:ContractDocumentReference/cbc:ID")},
		{id: "UBL-SR-02", ok: atMost(1, "cac:ReceiptDocumentReference/cbc:ID")},
		{id: "UBL-SR-03", ok: atMost(1, "cac:DespatchDocumentReference/cbc:ID")},
		{id: "UBL-SR-04", ok: func(_ *document, e *element) bool {
			n := 0
			e.Each("cac:AdditionalDocumentReference", func(r *element) bool {
				if r.Is("cbc:DocumentTypeCode", "130") {
					n += r.Count("cbc:ID")
				}
				return true
			})
			return n <= 1
		}},
		{id: "UBL-SR-05", ok: atMost(1, "cac:PaymentTerms/cbc:Note")},
		{id: "UBL-SR-08", ok: atMost(1, "cac:InvoicePeriod")},
		{id: "UBL-SR-09", ok: atMost(1, ublSeller+"cac:PartyLegalEntity/cbc:RegistrationName")},
		{id: "UBL-SR-10", ok: atMost(1, ublSeller+"cac:PartyName/cbc:Name")},
		{id: "UBL-SR-11", ok: atMost(1, ublSeller+"cac:PartyLegalEntity/cbc:CompanyID")},
		{id: "UBL-SR-12", ok: ublSchemes(ublSeller, true)},
		{id: "UBL-SR-13", ok: ublSchemes(ublSeller, false)},
		{id: "UBL-SR-14", ok: atMost(1, ublSeller+"cac:PartyLegalEntity/cbc:CompanyLegalForm")},
		{id: "UBL-SR-15", ok: atMost(1, ublBuyer+"cac:PartyLegalEntity/cbc:RegistrationName")},
		{id: "UBL-SR-16", ok: atMost(1, ublBuyer+"cac:PartyIdentification/cbc:ID")},
		{id: "UBL-SR-17", ok: atMost(1, ublBuyer+"cac:PartyLegalEntity/cbc:CompanyID")},
		{id: "UBL-SR-18", ok: ublSchemes(ublBuyer, true)},
		{id: "UBL-SR-24", ok: atMost(1, "cac:Delivery")},
		{id: "UBL-SR-29", ok: func(t *document, _ *element) bool {
			n := 0
			for _, id := range t.ByName["cbc:ID"] {
				if scheme, _ := id.Attr("schemeID"); strings.ToUpper(scheme) == "SEPA" && id.Under("cac:PartyIdentification") {
					n++
				}
			}
			return n <= 1
		}},
		{id: "UBL-SR-39", ok: atMost(1, "cac:ProjectReference/cbc:ID")},
		{id: "UBL-SR-40", ok: atMost(1, ublBuyer+"cac:PartyName/cbc:Name")},
		{id: "UBL-SR-44", ok: oneValue("cbc:PaymentID")},
		{id: "UBL-SR-45", ok: atMost(1, "cac:PaymentMeans/cbc:PaymentDueDate")},
		{id: "UBL-SR-46", ok: func(_ *document, e *element) bool {
			n := 0
			e.Each("cac:PaymentMeans/cbc:PaymentMeansCode", func(c *element) bool {
				if c.HasAttr("name") {
					n++
				}
				return true
			})
			return n <= 1
		}},
		{id: "UBL-SR-47", ok: oneValue("cbc:PaymentMeansCode")},
		{id: "UBL-SR-49", ok: atMost(1, "cac:InvoicePeriod/cbc:DescriptionCode")},
		{id: "UBL-SR-54", ok: atMost(1, "cac:PaymentMeans/cac:CardAccount")},
		{id: "UBL-SR-55", ok: atMost(1, "cac:PaymentMeans/cac:PaymentMandate")},
		{id: "UBL-SR-56", ok: atMost(1, "cac:OriginatorDocumentReference/cbc:ID")},
	}},
	{on: []string{"cac:PostalAddress", "cac:Address"}, rules: []rule{{id: "UBL-SR-51", ok: atMost(1, "cac:AddressLine")}}},
	{on: []string{"cac:Party"}, when: below("cac:AccountingSupplierParty", ""), rules: []rule{{id: "UBL-SR-42", ok: atMost(2, "cac:PartyTaxScheme")}}},
	{on: []string{"cac:AdditionalDocumentReference"}, rules: []rule{
		{id: "UBL-SR-33", ok: atMost(1, "cbc:DocumentDescription")},
		{id: "UBL-SR-43", ok: func(t *document, e *element) bool {
			scheme := e.Some("cbc:ID", func(id *element) bool { return id.HasAttr("schemeID") })
			return e.Is("cbc:DocumentTypeCode", "130") || t.Root.Name == "cn:CreditNote" && e.Is("cbc:DocumentTypeCode", "50") ||
				!scheme && !e.Has("cbc:DocumentTypeCode")
		}},
	}},
	{on: []string{"*Amount"}, when: func(e *element) bool {
		return !strings.HasSuffix(e.Name, "PriceAmount") && !ublPriceDiscount(e)
	}, rules: []rule{{id: "UBL-DT-01", ok: decimals("")}}},
	{on: []string{"*BinaryObject"}, rules: []rule{
		{id: "UBL-DT-06", ok: func(_ *document, e *element) bool { return e.HasAttr("mimeCode") }},
		{id: "UBL-DT-07", ok: func(_ *document, e *element) bool { return e.HasAttr("filename") }},
	}},
	{on: []string{"cac:Delivery"}, rules: []rule{{id: "UBL-SR-25", ok: atMost(1, "cac:DeliveryParty/cac:PartyName/cbc:Name")}}},
	{on: []string{"cac:AllowanceCharge"}, when: charge(false), rules: []rule{{id: "UBL-SR-30", ok: atMost(1, "cbc:AllowanceChargeReason")}}},
	{on: []string{"cac:AllowanceCharge"}, when: charge(true), rules: []rule{{id: "UBL-SR-31", ok: atMost(1, "cbc:AllowanceChargeReason")}}},
	{on: []string{"cac:PartyTaxScheme"}, rules: []rule{
		{id: "UBL-SR-53", ok: func(_ *document, e *element) bool { return e.Has("cac:TaxScheme/cbc:ID") && e.Has("cbc:CompanyID") }},
	}},
	{on: []string{"cac:PayeeParty"}, rules: []rule{
		{id: "UBL-SR-19", ok: ublPayee("cac:PartyName/cbc:Name", nil)},
		{id: "UBL-SR-20", ok: ublPayee("cac:PartyIdentification/cbc:ID", func(id *element) bool {
			scheme, _ := id.Attr("schemeID")
			return strings.ToUpper(scheme) != "SEPA"
		})},
		{id: "UBL-SR-21", ok: ublPayee("cac:PartyLegalEntity/cbc:CompanyID", nil)},
	}},
	{on: []string{"cac:PaymentMeans"}, rules: []rule{
		{id: "UBL-SR-26", ok: atMost(1, "cbc:PaymentID")},
		{id: "UBL-SR-27", ok: atMost(1, "cbc:PaymentMeansCode")},
		{id: "UBL-SR-28", ok: atMost(1, "cac:PaymentMandate/cbc:ID")},
	}},
	{on: []string{"cac:BillingReference"}, rules: []rule{
		{id: "UBL-SR-06", ok: atMost(1, "cac:InvoiceDocumentReference")},
		{id: "UBL-SR-07", ok: has("cac:InvoiceDocumentReference/cbc:ID")},
	}},
	{on: []string{"cac:TaxRepresentativeParty"}, rules: []rule{
		{id: "UBL-SR-22", ok: atMost(1, "cac:PartyName/cbc:Name")},
		{id: "UBL-SR-23", ok: atMost(1, "cac:PartyTaxScheme/cbc:CompanyID")},
	}},
	{on: []string{"cac:TaxSubtotal"}, rules: []rule{{id: "UBL-SR-32", ok: atMost(1, "cac:TaxCategory/cbc:TaxExemptionReason")}}},
}

func ublNoTypeOf(path string) func(*document, *element) bool {
	return func(t *document, _ *element) bool {
		return !t.any("cac:AdditionalDocumentReference", func(r *element) bool { return r.Is("cbc:DocumentTypeCode", "130") && r.Has(path) })
	}
}

// ublSchemes: a party has one registration for VAT, and the seller one for other taxes.
func ublSchemes(party string, wantVAT bool) func(*document, *element) bool {
	return func(_ *document, e *element) bool {
		n := 0
		e.Each(party+"cac:PartyTaxScheme", func(s *element) bool {
			if s.Some("cac:TaxScheme", func(x *element) bool { return (strings.ToUpper(x.One("cbc:ID").Value()) == "VAT") == wantVAT }) {
				n += s.Count("cbc:CompanyID")
			}
			return true
		})
		return n <= 1
	}
}

// oneValue: wherever the element is repeated, it holds the same.
func oneValue(name string) func(*document, *element) bool {
	return func(t *document, _ *element) bool {
		all := t.ByName[name]
		for _, e := range all[min(1, len(all)):] {
			if e.Value() != all[0].Value() {
				return false
			}
		}
		return true
	}
}

// ublPayee: an element is there once, and the payee is not the seller.
func ublPayee(path string, which func(*element) bool) func(*document, *element) bool {
	return func(_ *document, e *element) bool {
		n := 0
		e.Each(path, func(x *element) bool {
			if which == nil || which(x) {
				n++
			}
			return true
		})
		return n <= 1 && e.Parent != nil && e.Some("cac:PartyName/cbc:Name", func(name *element) bool {
			return e.Parent.Some(ublSeller+"cac:PartyLegalEntity/cbc:RegistrationName", func(s *element) bool { return s.Value() != name.Value() })
		})
	}
}

// ublPriceDiscount tells whether an amount belongs to the discount within a price, which may have more decimals.
func ublPriceDiscount(e *element) bool {
	for p := e.Parent; p != nil; p = p.Parent {
		if p.Name == "cac:AllowanceCharge" && p.Under("cac:Price") {
			return true
		}
	}
	return false
}
