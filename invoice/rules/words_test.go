package rules_test

import (
	"strings"
	"testing"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/invoice/rules"
)

// Faults that makers of ERPs put into documents, and a word of the message by which each is understood: the value and the cause, not the consequence.
func TestWordsOfWhatIsWrong(t *testing.T) {
	t.Parallel()
	ubl, cii := string(invoicetest.Invoice{}.UBL()), string(invoicetest.Invoice{}.CII())
	const ciiPlace = "<ram:SpecifiedTradePaymentTerms>"
	const day = `<udt:DateTimeString format="102">20260115</udt:DateTimeString>`
	for _, c := range []struct{ name, doc, old, new, code, en, fr string }{
		{"no namespace, UBL", ubl, ` xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"`, "", "CH-NOT-AN-INVOICE", `xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"`, "espace de noms"},
		{"base64", "PD94bWwgdmVyc2lvbj0iMS4wIj8+", "", "", "CH-NOT-AN-INVOICE", "base64", "base64"},
		{"hexadecimal", `\x3c3f786d6c`, "", "", "CH-NOT-AN-INVOICE", "hexadecimal", "hexadecimal"},
		{"no format", cii, ` format="102">20260115`, `>20260115`, "CH-DATE", `without format="102"`, `sans format="102"`},
		{"another format", cii, `format="102">20260115`, `format="203">20260115`, "CH-DATE", `format "203"`, `format "203"`},
		{"no day, CII", cii, "20260115", "20260230", "CH-DATE", "calendar", "calendrier"},
		{"no day, UBL", ubl, "2026-01-15", "2026-02-30", "CH-DATE", "calendar", "calendrier"},
		{"DateTime", cii, day, "<udt:DateTime>2026-01-15T00:00:00</udt:DateTime>", "CH-DATE", `"2026-01-15T00:00:00" in udt:DateTime`, "udt:DateTimeString"},
		{"a bare date", cii, day, "20260115", "CH-DATE", `"20260115" in ram:IssueDateTime`, "udt:DateTimeString"},
		{"a credit note as Invoice", ubl, ">380<", ">381<", "BR-CL-01", "not an Invoice", "pas un Invoice"},
		{"a line break in an amount, UBL", ubl, `<cbc:PayableAmount currencyID="EUR">1500.00`, "<cbc:PayableAmount currencyID=\"EUR\">\n 1500.00\n", "UBL-DT-01", `line break around its number, which EN 16931's rule counts as decimals: "\n 1500.00\n"`, "saut de ligne"},
		{"a line break in an amount, CII", cii, "<ram:DuePayableAmount>1500.00", "<ram:DuePayableAmount>1500.00\n\n\n", "BR-DEC-18", "line break around its number", "saut de ligne"},
		{"decimals all the same", cii, "<ram:DuePayableAmount>1500.00", "<ram:DuePayableAmount> 1500.001", "BR-DEC-18", "more than two decimals", "plus de deux décimales"},
		{"a price with a comma", ubl, `<cbc:PriceAmount currencyID="EUR">1250`, `<cbc:PriceAmount currencyID="EUR">1250,`, "BR-27", "which is no number", "pas un nombre"},
		{"a price below zero all the same", ubl, `<cbc:PriceAmount currencyID="EUR">`, `<cbc:PriceAmount currencyID="EUR">-`, "BR-27", "below zero", "négatif"},
		{"a rate with a comma", cii, "<ram:RateApplicablePercent>20<", "<ram:RateApplicablePercent>20,00<", "BR-S-05", "which is no number", "pas un nombre"},
		{"an empty rate", cii, "<ram:RateApplicablePercent>20<", "<ram:RateApplicablePercent><", "BR-S-05", "is empty", "est vide"},
		{"a tax with a comma", cii, "<ram:CalculatedAmount>250.00", "<ram:CalculatedAmount>250,00", "BR-S-09", "which is no number", "pas un nombre"},
		{"a period without format", cii, ciiPlace, "<ram:BillingSpecifiedPeriod><ram:StartDateTime><udt:DateTimeString>20250101</udt:DateTimeString></ram:StartDateTime><ram:EndDateTime><udt:DateTimeString>20250131</udt:DateTimeString></ram:EndDateTime></ram:BillingSpecifiedPeriod>" + ciiPlace, "BR-29", `no format="102"`, `format="102"`},
		{"a period of no dates", ubl, "<cac:AccountingSupplierParty>", "<cac:InvoicePeriod><cbc:StartDate>31/01/2025</cbc:StartDate><cbc:EndDate>28/02/2025</cbc:EndDate></cac:InvoicePeriod><cac:AccountingSupplierParty>", "BR-29", "none that can be read", "ne peut pas être lue"},
		{"a period that ends before it begins", ubl, "<cac:AccountingSupplierParty>", "<cac:InvoicePeriod><cbc:StartDate>2025-02-01</cbc:StartDate><cbc:EndDate>2025-01-31</cbc:EndDate></cac:InvoicePeriod><cac:AccountingSupplierParty>", "BR-29", "ends before it begins", "finit avant"},
		{"a VAT category with a line break", cii, "<ram:CategoryCode>S<", "<ram:CategoryCode>\nS\n<", "BR-S-08", "white space or a line break around it", "saut de ligne"},
		{"a VAT number with a line break", cii, `<ram:ID schemeID="VA">FR`, "<ram:ID schemeID=\"VA\">\nFR", "BR-CO-09", "white space or a line break", "saut de ligne"},
		{"a VAT number without its country", cii, `<ram:ID schemeID="VA">FR`, `<ram:ID schemeID="VA">`, "BR-CO-09", "does not begin with a country", "pays"},
		{"a kind of tax with a line break", cii, "<ram:TypeCode>VAT", "<ram:TypeCode>\nVAT", "CII-DT-037", "white space or a line break", "saut de ligne"},
		{"two VAT totals, UBL", ubl, "<cac:LegalMonetaryTotal>", `<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">250.00</cbc:TaxAmount></cac:TaxTotal><cac:LegalMonetaryTotal>`, "BR-CO-15", `2 times in "EUR"`, `2 fois en "EUR"`},
		{"two VAT totals, CII", cii, "<ram:GrandTotalAmount>", `<ram:TaxTotalAmount currencyID="EUR">250.00</ram:TaxTotalAmount><ram:GrandTotalAmount>`, "BR-CO-15", `2 times in "EUR"`, `2 fois en "EUR"`},
		{"a line break in the currency", cii, "<ram:InvoiceCurrencyCode>EUR", "<ram:InvoiceCurrencyCode>\nEUR\n", "BR-CO-15", "BT-5 (currency) has white space", "BT-5 (devise) a un blanc"},
		{"a blank in the currency of VAT", cii, `<ram:TaxTotalAmount currencyID="EUR">`, `<ram:TaxTotalAmount currencyID="EUR ">`, "BR-CO-15", "the currency of BT-110", "la devise de BT-110"},
		{"no VAT total", ubl, `<cbc:TaxAmount currencyID="EUR">250.00</cbc:TaxAmount>`, "", "BR-CO-15", "BT-110 (VAT total) is missing", "est absent"},
		{"VAT without its currency", cii, `<ram:TaxTotalAmount currencyID="EUR">`, "<ram:TaxTotalAmount>", "BR-CO-15", "names no currency", "pas de devise"},
	} {
		doc := strings.Replace(c.doc, c.old, c.new, 1)
		if c.old != "" && doc == c.doc {
			t.Errorf("%s: nothing is replaced", c.name)
		}
		said := ""
		for _, f := range rules.Judge([]byte(doc), rules.Options{}).Findings {
			if said += f.Code + " "; f.Code == c.code && strings.Contains(f.Message, c.en) && strings.Contains(f.MessageFR, c.fr) {
				said = ""
				break
			}
			said += f.Message + " / " + f.MessageFR + "; "
		}
		if said != "" {
			t.Errorf("%s: %s", c.name, said)
		}
	}
	// The sum that is said is that of the total at the place.
	total := ubl[strings.Index(ubl, "<cac:TaxTotal>"):strings.Index(ubl, "<cac:LegalMonetaryTotal>")]
	two := strings.Replace(strings.Replace(ubl, ">250.00<", ">250.01<", 1), "<cac:LegalMonetaryTotal>", strings.ReplaceAll(total, "EUR", "USD")+"<cac:LegalMonetaryTotal>", 1)
	for _, f := range rules.Judge([]byte(two), rules.Options{}).Findings {
		if f.Code == "BR-CO-14" && !strings.HasSuffix(f.Message, "which make 250.00") {
			t.Errorf("two totals with parts of their own: %s", f.Message)
		}
	}
	const legal, agreement = `<ram:ID schemeID="0002">99999999700023</ram:ID>`, "<ram:SpecifiedLegalOrganization>\n          "
	routed := strings.Replace(cii, agreement+legal+"\n        </ram:SpecifiedLegalOrganization>", "", 1)
	const country = "</ram:BuyerTradeParty>"
	routed = strings.Replace(routed, country, `<ram:URIUniversalCommunication><ram:URIID schemeID="0009">11000201100044</ram:URIID></ram:URIUniversalCommunication>`+country, 1)
	if found := rules.Judge([]byte(routed), rules.Options{}).Findings; routed == cii || len(found) == 0 || found[0].Code != "CH-BUYER-SIRET" || !strings.Contains(found[0].Message, "every public body") {
		t.Errorf("routed to the portal: %+v", found)
	}
}
