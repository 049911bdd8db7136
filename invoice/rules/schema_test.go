package rules_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/invoice/rules"
)

// TestSchema: how often an element may be there, what must be there, and the attributes. Where an official rule says the same, it speaks alone.
func TestSchema(t *testing.T) {
	t.Parallel()
	const (
		supplier = "<cac:AccountingSupplierParty>"
		name     = "<cbc:RegistrationName>"
		charge   = `<cac:AllowanceCharge><cbc:ChargeIndicator>false</cbc:ChargeIndicator><cbc:AllowanceChargeReason>a</cbc:AllowanceChargeReason>%<cbc:Amount currencyID="EUR">0.00</cbc:Amount><cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>20</cbc:Percent><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:TaxCategory></cac:AllowanceCharge><cac:TaxTotal>`
	)
	ubl, cii := string(invoicetest.Invoice{Engagement: "E-1"}.UBL()), string(invoicetest.Invoice{Engagement: "E-1"}.CII())
	for _, x := range []struct{ name, old, new, want, words string }{
		{"a price with an exponent, by the schema alone", "</cbc:PriceAmount>", "E0</cbc:PriceAmount>", "CH-SCHEMA BT-146", "which is no number"},
		{"twice in a line", "</cac:Item>", "</cac:Item><cac:Item><cbc:Name>b</cbc:Name></cac:Item>", "CH-SCHEMA", "cac:Item is there several times in cac:InvoiceLine"},
		{"by an official rule alone", name, name + "A</cbc:RegistrationName>" + name, "UBL-SR-09 BT-27", ""},
		{"missing, by an official rule alone", "<cbc:PaymentMeansCode>30</cbc:PaymentMeansCode>", "", "BR-49 BT-81", ""},
		{"no indicator", "<cac:TaxTotal>", strings.Replace(strings.Replace(charge, "<cbc:ChargeIndicator>false</cbc:ChargeIndicator>", "", 1), "%", "", 1), "CH-SCHEMA", "cbc:ChargeIndicator is missing in cac:AllowanceCharge"},
		{"with two values, by CH-SEVERAL alone", "<cac:OrderReference>", "<cac:OrderReference><cbc:ID>E-2</cbc:ID></cac:OrderReference><cac:OrderReference>", "CH-SEVERAL BT-13", ""},
		{"with one value twice", "<cac:OrderReference>", "<cac:OrderReference><cbc:ID>E-1</cbc:ID></cac:OrderReference><cac:OrderReference>", "CH-SCHEMA", "cac:OrderReference is there several times"},
		{"a currency under a wrong name", `<cbc:PriceAmount currencyID=`, `<cbc:PriceAmount currencyId=`, "CH-SCHEMA BT-146+BR-CL-03 BT-146", "@currencyId"},
		{"an amount of nothing in EN 16931 without its currency", "</cac:PaymentTerms>", "<cbc:PenaltyAmount>40.00</cbc:PenaltyAmount></cac:PaymentTerms>", "CH-SCHEMA", "has no currencyID"},
		{"a scheme under a wrong name", `schemeID="0002"`, `schemeid="0002"`, "CH-SCHEMA BT-30", "@schemeid"},
		{"what schemas of others write", "<Invoice ", `<Invoice xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b" `, "", ""},
		{"a language", "<cac:PaymentTerms>\n    <cbc:Note>", `<cac:PaymentTerms><cbc:Note languageID="fr">`, "", ""},
		{"many that may be many", supplier, `<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>1</cbc:ID></cac:InvoiceDocumentReference></cac:BillingReference><cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>2</cbc:ID></cac:InvoiceDocumentReference></cac:BillingReference>` + supplier, "", ""},
		{"an item by its other numbers", "<cac:ClassifiedTaxCategory>", "<cac:AdditionalItemIdentification><cbc:ID>1</cbc:ID></cac:AdditionalItemIdentification><cac:ClassifiedTaxCategory>", "", ""},
	} {
		compareErrors(t, x.name, ubl, x.old, x.new, x.want, x.words)
	}
	for _, x := range []struct{ name, old, new, want, words string }{
		{"two buyers", "<ram:BuyerTradeParty>", "<ram:BuyerTradeParty><ram:Name>A</ram:Name></ram:BuyerTradeParty><ram:BuyerTradeParty>", "CH-SCHEMA", "ram:BuyerTradeParty is there several times in ram:ApplicableHeaderTradeAgreement"},
		{"two totals, by an official rule alone", "<ram:GrandTotalAmount>", "<ram:GrandTotalAmount>1500.00</ram:GrandTotalAmount><ram:GrandTotalAmount>", "CII-SR-482 BG-22", ""},
		{"an address by parts that it has not", "<ram:LineOne>", "<ram:Street>a</ram:Street><ram:LineOne>", "CH-SCHEMA", "ram:Street is no element that the schema has in ram:PostalTradeAddress"},
		{"a currency in an element of nobody", "<ram:InvoiceCurrencyCode>", "<ram:Currency>EUR</ram:Currency><ram:InvoiceCurrencyCode>", "CH-SCHEMA", "ram:Currency is no element"},
		{"a scheme under a wrong name", `<ram:ID schemeID="0002">`, `<ram:ID schemeId="0002">`, "CH-SCHEMA BT-30", "@schemeId"},
		{"the language of a text", "<ram:Description>", `<ram:Description languageID="fr">`, "", ""},
		{"several registrations", "<ram:SpecifiedTaxRegistration>", `<ram:SpecifiedTaxRegistration><ram:ID schemeID="FC">1</ram:ID></ram:SpecifiedTaxRegistration><ram:SpecifiedTaxRegistration>`, "", ""},
	} {
		compareErrors(t, x.name, cii, x.old, x.new, x.want, x.words)
	}
}

// compareErrors changes a document once and compares the errors, as "CODE TERM"; those of CH-SCHEMA have words in their message.
func compareErrors(t *testing.T, name, doc, old, changed, want, words string) {
	t.Helper()
	if !strings.Contains(doc, old) {
		t.Fatalf("%s: nothing to replace: %s", name, old)
	}
	var got []string
	said := words == ""
	for _, f := range rules.Judge([]byte(strings.Replace(doc, old, changed, 1)), rules.Options{}).Findings {
		if f.Severity == rules.Error {
			got = append(got, strings.TrimSpace(f.Code+" "+f.Term))
			said = said || f.Code == "CH-SCHEMA" && strings.Contains(f.Message, words) && f.MessageFR != f.Message && f.Where != ""
		}
	}
	expected := strings.FieldsFunc(want, func(r rune) bool { return r == '+' })
	slices.Sort(got)
	slices.Sort(expected)
	if !slices.Equal(got, expected) || !said {
		t.Errorf("%s: %q, want %q with %q", name, got, expected, words)
	}
}

// TestNoBreakdown: Chorus Pro takes invoices without a VAT breakdown, so its entries are not demanded either.
func TestNoBreakdown(t *testing.T) {
	t.Parallel()
	for name, doc := range map[string]string{
		"UBL": regexp.MustCompile(`(?s)<cac:TaxSubtotal>.*</cac:TaxSubtotal>`).ReplaceAllString(string(invoicetest.Invoice{}.UBL()), ""),
		"CII": regexp.MustCompile(`(?s)(<ram:SpecifiedTradeSettlementPaymentMeans>.*?</ram:SpecifiedTradeSettlementPaymentMeans>)\s*<ram:ApplicableTradeTax>.*?</ram:ApplicableTradeTax>`).ReplaceAllString(string(invoicetest.Invoice{}.CII()), "$1"),
	} {
		var got []string
		for _, f := range rules.Judge([]byte(doc), rules.Options{}).Findings {
			if f.Code != "BR-CO-14" || f.Severity != rules.Warning { // of CII, where nothing makes the sum
				got = append(got, string(f.Severity)+" "+f.Code)
			}
		}
		slices.Sort(got)
		if want := []string{"warning BR-CO-18", "warning BR-S-01"}; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
