package rules_test

import (
	"strings"
	"testing"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/invoice/rules"
)

// A rule that looks at many terms names the one that is wrong, and a value that is no SIRET by what it is.
func TestWhatIsWrongIsNamedByItsPlace(t *testing.T) {
	t.Parallel()
	ubl, cii := string(invoicetest.Invoice{}.UBL()), string(invoicetest.Invoice{}.CII())
	const recipient = `schemeID="0002">` // the last one of both samples
	last := func(doc, from, to string) string {
		i := strings.LastIndex(doc, from)
		return doc[:i] + to + doc[i+len(from):]
	}
	legal := func(doc, scheme, value string) string {
		i := strings.LastIndex(doc, recipient)
		end := i + strings.Index(doc[i:], "<")
		return doc[:i] + `schemeID="` + scheme + `">` + value + doc[end:]
	}
	const due = "<ram:Description>Paiement à 30 jours</ram:Description>"
	const country = "<cbc:IdentificationCode>FR"
	const delivered = "<cac:Delivery><cac:DeliveryLocation><cac:Address><cac:Country><cbc:IdentificationCode>fr</cbc:IdentificationCode></cac:Country></cac:Address></cac:DeliveryLocation></cac:Delivery>"
	const allowance = `<cac:AllowanceCharge><cbc:ChargeIndicator>false</cbc:ChargeIndicator><cbc:AllowanceChargeReasonCode>999</cbc:AllowanceChargeReasonCode><cbc:AllowanceChargeReason>a</cbc:AllowanceChargeReason><cbc:AllowanceChargeReason>b</cbc:AllowanceChargeReason>` +
		`<cbc:Amount currencyID="EUR">0.00</cbc:Amount><cac:TaxCategory><cbc:ID>X</cbc:ID><cbc:Percent>20</cbc:Percent><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:TaxCategory></cac:AllowanceCharge>`
	for _, c := range []struct{ name, doc, code, term, says string }{
		{"the due date", strings.Replace(cii, due, due+`<ram:DueDateDateTime><udt:DateTimeString format="102">2026-02-28</udt:DateTimeString></ram:DueDateDateTime>`, 1), "CII-DT-097", "BT-9", "20260131"},
		{"the due date of UBL", strings.Replace(ubl, "<cbc:InvoiceTypeCode>", "<cbc:DueDate>28.02.2026</cbc:DueDate><cbc:InvoiceTypeCode>", 1), "CH-DATE-OTHER", "BT-9", `"28.02.2026"`},
		{"the issue date all the same", strings.Replace(ubl, "<cbc:IssueDate>2026-01-15", "<cbc:IssueDate>2026-01-15+15:00", 1), "CH-DATE", "BT-2", ""},
		{"the recipient's scheme", legal(ubl, "9957", "FR12900000002"), "BR-CL-11", "BT-47", "BT-47 ("},
		{"a GLN", legal(ubl, "0088", "3000000000014"), "CH-BUYER-SIRET", "BT-47", `is missing: "3000000000014" is of the scheme "0088"`},
		{"a VAT number", legal(cii, "0223", "FR12900000002"), "CH-BUYER-SIRET", "BT-47", `is missing: "FR12900000002" is of the scheme "0223"`},
		{"a SIREN with blanks", legal(ubl, "0002", "900 000 002"), "CH-BUYER-SIRET", "BT-47", "is a SIREN"},
		{"a currency", last(ubl, `<cbc:PayableAmount currencyID="EUR"`, `<cbc:PayableAmount currencyID="FRF"`), "BR-CL-03", "BT-115", "BT-115 ("},
		{"two orders", strings.Replace(cii, "<ram:SellerTradeParty>", "<ram:BuyerReference>A</ram:BuyerReference><ram:BuyerReference>B</ram:BuyerReference><ram:SellerTradeParty>", 1), "CH-SEVERAL", "BT-10", `"A" and "B"`},
		{"the buyer's country", last(ubl, country, "<cbc:IdentificationCode>XX"), "BR-CL-14", "BT-55", "BT-55 (country"},
		{"the buyer's country in CII", last(cii, "CountryID>FR", "CountryID>XX"), "BR-CL-14", "BT-55", "BT-55 (country"},
		{"the country of delivery", strings.Replace(ubl, "<cac:PaymentMeans>", delivered+"<cac:PaymentMeans>", 1), "BR-CL-14", "BT-80", "BT-80 (country"},
		{"the country of another party", strings.Replace(ubl, "<cac:PaymentMeans>", strings.NewReplacer("DeliveryLocation", "DeliveryParty", "Address", "PostalAddress").Replace(delivered)+"<cac:PaymentMeans>", 1), "BR-CL-14", "", "cbc:IdentificationCode (country"},
		{"the buyer's VAT identifier", strings.Replace(ubl, "</cac:PostalAddress>\n      <cac:PartyLegalEntity>", "</cac:PostalAddress><cac:PartyTaxScheme><cbc:CompanyID>12900000002</cbc:CompanyID><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme><cac:PartyLegalEntity>", 1), "BR-CO-09", "BT-48", ""},
		{"the category of the breakdown", strings.Replace(cii, "<ram:CategoryCode>S</ram:CategoryCode>", "<ram:CategoryCode>X</ram:CategoryCode>", 2), "BR-CL-18", "BT-118", "BT-118 (VAT"},
		{"the category of a charge", strings.Replace(ubl, "<cac:TaxTotal>", strings.Replace(allowance, ">false<", ">true<", 1)+"<cac:TaxTotal>", 1), "BR-CL-17", "BT-102", "BT-102 (VAT"},
		{"the category of an allowance", strings.Replace(ubl, "<cac:TaxTotal>", allowance+"<cac:TaxTotal>", 1), "BR-CL-17", "BT-95", "BT-95 (VAT"},
		{"the unit of a price", strings.Replace(cii, "</ram:NetPriceProductTradePrice>", `<ram:BasisQuantity unitCode="Stück">1</ram:BasisQuantity></ram:NetPriceProductTradePrice>`, 1), "BR-CL-23", "BT-150", "BT-150 (unit"},
		{"the reason of a line's allowance", strings.Replace(ubl, "<cac:Item>", allowance+"<cac:Item>", 1), "BR-CL-19", "BT-140", "BT-140 (reason"},
		{"the reason of a line's charge", strings.Replace(ubl, "<cac:Item>", strings.Replace(allowance, ">false<", ">true<", 1)+"<cac:Item>", 1), "BR-CL-20", "BT-145", "BT-145 (reason"},
		{"two reasons of a line's charge", strings.Replace(ubl, "<cac:Item>", strings.Replace(allowance, ">false<", ">true<", 1)+"<cac:Item>", 1), "UBL-SR-31", "BT-144", "BT-144 (reason"},
		{"the scheme of an identifier in CII", strings.Replace(cii, "<ram:BuyerTradeParty>", `<ram:BuyerTradeParty><ram:ID schemeID="XXXX">1</ram:ID>`, 1), "BR-CL-11", "BT-46", "BT-46 (scheme of an identifier"},
		{"decimals of an amount", strings.Replace(ubl, `<cbc:PayableAmount currencyID="EUR">1500.00`, `<cbc:PayableAmount currencyID="EUR">1500.001`, 1), "UBL-DT-01", "BT-115", ""},
		{"two SIRETs at one place", strings.NewReplacer("<ram:BuyerTradeParty>", `<ram:BuyerTradeParty><ram:GlobalID schemeID="0009">99999999700031</ram:GlobalID><ram:GlobalID schemeID="0009">99999999700049</ram:GlobalID>`, ciiBuyer, "").Replace(cii), "CH-TWO-PLACES", "BT-46", "GlobalID[2]"},
		{"the rate of IGIC in CII", strings.NewReplacer("<ram:CategoryCode>S<", "<ram:CategoryCode>L<", "<ram:RateApplicablePercent>20<", "<ram:RateApplicablePercent>0<").Replace(cii), "BR-AF-05", "BT-152", "a rate above 0"},
		{"a phrase for nothing", strings.Replace(ubl, "<cac:AccountingSupplierParty>", "<cac:OrderReference><cbc:ID>Sans  objet</cbc:ID></cac:OrderReference><cac:AccountingSupplierParty>", 1), "CH-ENGAGEMENT-NONE", "BT-13", ""},
	} {
		found := false
		for _, f := range rules.Judge([]byte(c.doc), rules.Options{}).Findings {
			found = found || f.Code == c.code && f.Term == c.term && strings.Contains(f.Message, c.says)
		}
		if !found {
			t.Errorf("%s: no %s at %s that says %q: %+v", c.name, c.code, c.term, c.says, rules.Judge([]byte(c.doc), rules.Options{}).Findings)
		}
	}
}
