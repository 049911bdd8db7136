package rules

import (
	"regexp"
	"strings"
)

var ciiCodes = []group{
	{on: []string{"ram:TypeCode"}, when: below("rsm:ExchangedDocument", ""), rules: []rule{{id: "BR-CL-01", ok: listed(codeLists["types"])}}},
	{on: []string{"ram:TaxTotalAmount"}, when: func(e *element) bool { return e.HasAttr("currencyID") }, rules: []rule{
		{id: "BR-CL-03", attr: "currencyID", ok: attrListed("currencyID", currencies)},
	}},
	{on: []string{"ram:InvoiceCurrencyCode"}, rules: []rule{{id: "BR-CL-04", ok: listed(currencies)}}},
	{on: []string{"ram:TaxCurrencyCode"}, rules: []rule{{id: "BR-CL-05", ok: listed(currencies)}}},
	{on: []string{"ram:DueDateTypeCode"}, rules: []rule{{id: "BR-CL-06", ok: listed(codes{"5": true, "29": true, "72": true})}}},
	{on: []string{"ram:ReferenceTypeCode"}, rules: []rule{{id: "BR-CL-07", ok: listed(codeLists["references"])}}},
	{on: []string{"ram:SubjectCode"}, rules: []rule{{id: "BR-CL-08", ok: func(_ *document, e *element) bool {
		return codeLists["subjects"].Has(e.Norm()) || codeLists["subjects-cii"].Has(e.Norm())
	}}}},
	{on: []string{"ram:GlobalID"}, when: func(e *element) bool {
		return e.HasAttr("schemeID") && !e.Within("ram:SpecifiedTradeProduct") && !e.Within("ram:ShipToTradeParty")
	}, rules: []rule{{id: "BR-CL-10", attr: "schemeID", ok: attrListed("schemeID", icd)}}},
	{on: []string{"ram:ID"}, when: func(e *element) bool { return e.HasAttr("schemeID") && !e.Within("ram:SpecifiedTaxRegistration") }, rules: []rule{
		{id: "BR-CL-11", attr: "schemeID", ok: attrListed("schemeID", icd)},
	}},
	{on: []string{"ram:ClassCode"}, when: func(e *element) bool { return e.HasAttr("listID") }, rules: []rule{
		{id: "BR-CL-13", attr: "listID", ok: attrListed("listID", codeLists["items"])},
	}},
	{on: []string{"ram:CountryID"}, rules: []rule{{id: "BR-CL-14", ok: listed(countries.and("AN"))}}},
	{on: []string{"ram:ID"}, when: func(e *element) bool {
		return e.Under("ram:OriginTradeCountry") && (!e.HasAttr("schemeID") || e.Within("ram:SpecifiedTaxRegistration"))
	}, rules: []rule{{id: "BR-CL-15", ok: listed(countries.and("AN"))}}},
	{on: []string{"ram:TypeCode"}, when: below("ram:SpecifiedTradeSettlementPaymentMeans", ""), rules: []rule{{id: "BR-CL-16", ok: listed(codeLists["payments"])}}},
	{on: []string{"ram:CategoryCode"}, when: below("ram:CategoryTradeTax", ""), rules: []rule{{id: "BR-CL-17", ok: listed(vatCodes)}}},
	{on: []string{"ram:CategoryCode"}, when: below("ram:ApplicableTradeTax", ""), rules: []rule{{id: "BR-CL-18", ok: listed(vatCodes)}}},
	{on: []string{"ram:ReasonCode"}, when: func(e *element) bool {
		return e.Under("ram:SpecifiedTradeAllowanceCharge") && ciiIsCharge(e.Parent, false)
	}, rules: []rule{
		{id: "BR-CL-19", ok: listed(codeLists["allowances"])},
	}},
	{on: []string{"ram:ReasonCode"}, when: func(e *element) bool {
		return e.Under("ram:SpecifiedTradeAllowanceCharge") && ciiIsCharge(e.Parent, true) && !ciiIsCharge(e.Parent, false)
	}, rules: []rule{{id: "BR-CL-20", ok: listed(codeLists["charges"])}}},
	{on: []string{"ram:GlobalID"}, when: below("ram:SpecifiedTradeProduct", "schemeID"), rules: []rule{{id: "BR-CL-21", attr: "schemeID", ok: attrListed("schemeID", icd)}}},
	{on: []string{"ram:ExemptionReasonCode"}, rules: []rule{{id: "BR-CL-22", ok: exemption}}},
	{on: []string{"ram:BasisQuantity", "ram:BilledQuantity"}, when: func(e *element) bool { return e.HasAttr("unitCode") }, rules: []rule{
		{id: "BR-CL-23", attr: "unitCode", ok: attrListed("unitCode", codeLists["units"])},
	}},
	{on: []string{"ram:AttachmentBinaryObject"}, when: func(e *element) bool { return e.HasAttr("mimeCode") }, rules: []rule{{id: "BR-CL-24", attr: "mimeCode", ok: attachable}}},
	{on: []string{"ram:URIID"}, when: below("ram:URIUniversalCommunication", "schemeID"), rules: []rule{
		{id: "BR-CL-25", attr: "schemeID", ok: attrListed("schemeID", codeLists["addresses"])},
	}},
	{on: []string{"ram:GlobalID"}, when: func(e *element) bool {
		return e.HasAttr("schemeID") && e.Under("ram:ShipToTradeParty", "ram:ApplicableHeaderTradeDelivery")
	}, rules: []rule{{id: "BR-CL-26", attr: "schemeID", ok: attrListed("schemeID", icd)}}},
}

// exactly asks for one element at a path.
func exactly1(path string) func(*document, *element) bool {
	return func(_ *document, e *element) bool { return e.Count(path) == 1 }
}

// refused makes a rule of each element name that must not be there: the id has the number that follows the last one.
func refused(prefix string, names map[string]string) []rule {
	rules := make([]rule, 0, len(names))
	for _, n := range sortedKeys(names) {
		rules = append(rules, rule{id: prefix + n, ok: lacks(names[n]), at: names[n]})
	}
	return rules
}

func refusedAttrs(prefix string, names map[string]string) []rule {
	rules := make([]rule, 0, len(names))
	for _, n := range sortedKeys(names) {
		rules = append(rules, rule{id: prefix + n, attr: names[n], ok: noAttr(names[n])})
	}
	return rules
}

// ciiPlainIDs are the identifiers that take no scheme of any kind.
func ciiPlainID(e *element) bool {
	switch e.Name {
	case "ram:ID":
		return e.Under("ram:GuidelineSpecifiedDocumentContextParameter", "rsm:ExchangedDocumentContext", "rsm:CrossIndustryInvoice") ||
			e.Under("rsm:ExchangedDocument", "rsm:CrossIndustryInvoice")
	case "ram:LineID":
		return e.Under("ram:AssociatedDocumentLineDocument", "ram:IncludedSupplyChainTradeLineItem", "rsm:SupplyChainTradeTransaction", "rsm:CrossIndustryInvoice")
	case "ram:SellerAssignedID":
		return e.Under("ram:SpecifiedTradeProduct", "ram:IncludedSupplyChainTradeLineItem", "rsm:SupplyChainTradeTransaction", "rsm:CrossIndustryInvoice")
	}
	return false
}

func ciiLine(path ...string) func(*element) bool {
	parents := append(path, "ram:IncludedSupplyChainTradeLineItem", "rsm:SupplyChainTradeTransaction", "rsm:CrossIndustryInvoice")
	return func(e *element) bool { return e.Under(parents...) }
}

func ram(e *element) bool { return strings.HasPrefix(e.Name, "ram:") }

var dateForm102 = regexp.MustCompile(`^\s*[0-9]{4}(1[0-2]|0[1-9])(3[01]|[12][0-9]|0[1-9])\s*$`)

// ciiSyntax: what CII allows and EN 16931 does not.
var ciiSyntax = []group{
	{on: []string{"rsm:ExchangedDocumentContext"}, rules: []rule{
		{id: "CII-SR-009", ok: exactly1("ram:GuidelineSpecifiedDocumentContextParameter")},
		{id: "CII-SR-010", ok: exactly1("ram:GuidelineSpecifiedDocumentContextParameter/ram:ID")},
	}},
	{on: []string{"rsm:ExchangedDocument"}, rules: []rule{{id: "CII-SR-014", ok: exactly1("ram:TypeCode")}}},
	{on: []string{"ram:SpecifiedTradeProduct"}, when: ciiLine(), rules: []rule{
		{id: "CII-SR-046", at: "ram:GlobalID", ok: func(_ *document, e *element) bool {
			return !e.Has("ram:GlobalID") || e.Some("ram:GlobalID", func(id *element) bool { return id.HasAttr("schemeID") })
		}},
		{id: "CII-SR-090", ok: func(_ *document, e *element) bool {
			return !e.Has("ram:OriginTradeCountry") || e.Count("ram:OriginTradeCountry/ram:ID") == 1
		}},
	}},
	{on: []string{"ram:ApplicableProductCharacteristic"}, when: ciiLine("ram:SpecifiedTradeProduct"), rules: []rule{
		{id: "CII-SR-069", ok: exactly1("ram:Description")},
		{id: "CII-SR-072", ok: exactly1("ram:Value")},
	}},
	{on: []string{"ram:SpecifiedLineTradeAgreement"}, when: ciiLine(), rules: []rule{
		{id: "CII-SR-439", ok: exactly1("ram:NetPriceProductTradePrice/ram:ChargeAmount")},
		{id: "CII-SR-441", ok: atMost(1, "ram:NetPriceProductTradePrice/ram:ChargeAmount")},
	}},
	{on: []string{"ram:SpecifiedTradeAllowanceCharge"}, rules: []rule{
		{id: "CII-SR-463", ok: has("ram:ChargeIndicator")},
		{id: "CII-SR-471", ok: atMost(1, "ram:RateApplicablePercent")},
		{id: "CII-SR-472", ok: atMost(1, "ram:CategoryTradeTax")},
		{id: "CII-SR-473", ok: atMost(1, "ram:ActualAmount")},
	}},
	{on: []string{"ram:AppliedTradeAllowanceCharge"}, when: below("ram:GrossPriceProductTradePrice", ""), rules: []rule{{id: "CII-SR-440", ok: atMost(1, "ram:ActualAmount")}}},
	{on: []string{"ram:ApplicableHeaderTradeAgreement"}, rules: []rule{
		{id: "CII-SR-455", ok: atMost(1, "ram:SellerTradeParty/ram:DefinedTradeContact")},
		{id: "CII-SR-456", ok: atMost(1, "ram:BuyerTradeParty/ram:DefinedTradeContact")},
		{id: "CII-SR-459", ok: atMost(1, "ram:SellerTradeParty/ram:URIUniversalCommunication")},
		{id: "CII-SR-460", ok: atMost(1, "ram:BuyerTradeParty/ram:URIUniversalCommunication")},
	}},
	{on: []string{"ram:ApplicableHeaderTradeSettlement"}, rules: []rule{
		{id: "CII-SR-461", ok: atMost(1, "ram:ApplicableTradeTax/ram:TaxPointDate")},
		{id: "CII-SR-462", ok: func(t *document, _ *element) bool {
			var kind *element
			return !t.any("ram:DueDateTypeCode", func(c *element) bool {
				if !c.Under("ram:ApplicableTradeTax") {
					return false
				}
				if kind == nil {
					kind = c
				}
				return c.Value() != kind.Value()
			})
		}},
		{id: "CII-SR-470", ok: func(_ *document, e *element) bool {
			const account = "ram:PayeePartyCreditorFinancialAccount/"
			return !e.Some("ram:SpecifiedTradeSettlementPaymentMeans", func(m *element) bool {
				return transfer(m.One("ram:TypeCode").Norm()) && !m.Has(account+"ram:IBANID") && !m.Has(account+"ram:ProprietaryID")
			})
		}},
	}},
	{on: []string{"ram:SpecifiedTradeSettlementHeaderMonetarySummation"}, rules: ciiOneOfEach()},
	{on: ciiRoot, rules: []rule{
		{id: "CII-DT-013", attr: "languageID", ok: noAttr("languageID")},
		{id: "CII-DT-014", attr: "languageLocaleID", ok: noAttr("languageLocaleID")},
		{id: "CII-SR-467", ok: ciiAlike("ram:TypeCode")},
		{id: "CII-SR-468", ok: ciiAlike("ram:Information")},
		{id: "CII-SR-469", ok: func(t *document, _ *element) bool {
			n := 0
			for _, r := range t.ByName["ram:PaymentReference"] {
				if inSettlement(r) {
					n++
				}
			}
			return n <= 1
		}},
	}},
	{on: []string{"ram:ID", "ram:LineID", "ram:SellerAssignedID"}, when: ciiPlainID, rules: refusedAttrs("CII-DT-", map[string]string{
		"001": "schemeName", "002": "schemeAgencyName", "003": "schemeDataURI", "004": "schemeURI", "005": "schemeID", "006": "schemeAgencyID", "007": "schemeVersionID",
	})},
	{on: []string{"*ID"}, when: func(e *element) bool { return ram(e) && !ciiPlainID(e) }, rules: refusedAttrs("CII-DT-", map[string]string{
		"101": "schemeName", "102": "schemeAgencyName", "103": "schemeDataURI", "104": "schemeURI",
	})},
	{on: []string{"ram:TypeCode"}, rules: refusedAttrs("CII-DT-", map[string]string{"008": "name", "009": "listURI"})},
	{on: []string{"*ReferencedDocument"}, when: ram, rules: append(refused("CII-DT-", map[string]string{
		"016": "ram:StatusCode", "017": "ram:CopyIndicator", "019": "ram:GlobalID", "020": "ram:RevisionID", "023": "ram:Information",
		"025": "ram:SectionName", "026": "ram:PreviousRevisionID", "028": "ram:EffectiveSpecifiedPeriod", "029": "ram:IssuerTradeParty",
		"030": "ram:AttachedSpecifiedBinaryFile",
	}), []rule{
		{id: "CII-DT-015", ok: ciiOnlyOfType("ram:URIID", "916"), at: "ram:URIID"},
		{id: "CII-DT-018", ok: ciiOnlyOfType("ram:TypeCode", "50", "130", "916"), at: "ram:TypeCode"},
		{id: "CII-DT-021", ok: ciiOnlyOfType("ram:Name", "916"), at: "ram:Name"},
		{id: "CII-DT-022", ok: ciiOnlyOfType("ram:AttachmentBinaryObject", "916")},
		{id: "CII-DT-024", ok: ciiOnlyOfType("ram:ReferenceTypeCode", "130"), at: "ram:ReferenceTypeCode"},
		{id: "CII-DT-027", at: "ram:FormattedIssueDateTime", ok: func(_ *document, e *element) bool {
			return !e.Has("ram:FormattedIssueDateTime") || e.Name == "ram:InvoiceReferencedDocument"
		}},
	}...)},
	{on: []string{"*Amount"}, when: func(e *element) bool { return ram(e) && e.Name != "ram:TaxTotalAmount" }, rules: refusedAttrs("CII-DT-", map[string]string{
		"031": "currencyID", "032": "currencyCodeListVersionID",
	})},
	{on: []string{"*Quantity"}, when: ram, rules: append([]rule{
		{id: "CII-DT-033", ok: func(t *document, e *element) bool {
			return !e.HasAttr("unitCode") || t.once("CII-DT-033", func() bool {
				return t.Root.Some(ciiTrade+"ram:IncludedSupplyChainTradeLineItem/ram:SpecifiedLineTradeDelivery/ram:BilledQuantity",
					func(q *element) bool { return q.HasAttr("unitCode") })
			})
		}},
	}, refusedAttrs("CII-DT-", map[string]string{"034": "unitCodeListID", "035": "unitCodeListAgencyID", "036": "unitCodeListAgencyName"})...)},
	{on: []string{"*TradeTax"}, when: ram, rules: []rule{
		{id: "CII-DT-037", at: "ram:TypeCode", ok: func(_ *document, e *element) bool { return !e.Has("ram:TypeCode") || e.Is("ram:TypeCode", "VAT") }},
	}},
	{on: []string{"ram:BillingSpecifiedPeriod"}, rules: refused("CII-DT-", map[string]string{
		"068": "ram:StartDateTime/udt:DateTime", "069": "ram:DurationMeasure", "070": "ram:InclusiveIndicator", "071": "ram:Description",
		"072": "ram:EndDateTime/udt:DateTime", "073": "ram:CompleteDateTime", "074": "ram:OpenIndicator", "075": "ram:SeasonCode", "076": "ram:ID",
		"077": "ram:Name", "078": "ram:SequenceNumeric", "079": "ram:StartDateFlexibilityCode", "080": "ram:ContinuousIndicator", "081": "ram:PurposeCode",
	})},
	{on: []string{"ram:PostalTradeAddress"}, rules: refused("CII-DT-", map[string]string{
		"082": "ram:ID", "083": "ram:PostOfficeBox", "084": "ram:BuildingName", "086": "ram:LineFour", "087": "ram:LineFive", "088": "ram:StreetName",
		"089": "ram:CitySubDivisionName", "090": "ram:CountryName", "091": "ram:CountrySubDivisionID", "092": "ram:AttentionOf", "093": "ram:CareOf",
		"094": "ram:BuildingNumber", "095": "ram:DepartmentName", "096": "ram:AdditionalStreetName",
	})},
	{on: []string{"udt:DateTimeString"}, when: func(e *element) bool {
		form, _ := e.Attr("format")
		return form == "102"
	}, rules: []rule{{id: "CII-DT-097", ok: func(_ *document, e *element) bool { return dateForm102.MatchString(e.Value()) }}}},
}

// ciiOneOfEach: each total is given once.
func ciiOneOfEach() []rule {
	names := []string{
		"LineTotalAmount", "ChargeTotalAmount", "AllowanceTotalAmount", "TaxBasisTotalAmount", "RoundingAmount", "GrandTotalAmount", "InformationAmount",
		"TotalPrepaidAmount", "TotalDiscountAmount", "TotalAllowanceChargeAmount", "DuePayableAmount", "RetailValueExcludingTaxInformationAmount",
		"TotalDepositFeeInformationAmount", "ProductValueExcludingTobaccoTaxInformationAmount", "TotalRetailValueInformationAmount",
		"GrossLineTotalAmount", "NetLineTotalAmount", "NetIncludingTaxesLineTotalAmount",
	}
	rules := make([]rule, len(names))
	for k, name := range names { // CII-SR-477 and following
		rules[k] = rule{id: "CII-SR-4" + string(rune('0'+(77+k)/10)) + string(rune('0'+(77+k)%10)), ok: atMost(1, "ram:"+name), at: "ram:" + name}
	}
	return rules
}

// ciiAlike: every means of payment says the same.
func ciiAlike(name string) func(*document, *element) bool {
	return func(t *document, _ *element) bool {
		var said *element
		return !t.any(name, func(x *element) bool {
			if !x.Under("ram:SpecifiedTradeSettlementPaymentMeans") {
				return false
			}
			if said == nil {
				said = x
			}
			return x.Norm() != said.Norm()
		})
	}
}

// ciiOnlyOfType: an element that only additional documents of these types may have.
func ciiOnlyOfType(path string, types ...string) func(*document, *element) bool {
	return func(_ *document, e *element) bool {
		if !e.Has(path) {
			return true
		}
		for _, kind := range types {
			if e.Name == "ram:AdditionalReferencedDocument" && e.Is("ram:TypeCode", kind) {
				return true
			}
		}
		return false
	}
}
