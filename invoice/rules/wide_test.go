package rules_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/invoice/rules"
)

// TestLongInvoicesAreJudgedToTheirEnd: a rule speaks however many amounts, entries, means of payment or attachments come before what is wrong.
func TestLongInvoicesAreJudgedToTheirEnd(t *testing.T) {
	t.Parallel()
	ubl := string(invoicetest.Invoice{}.UBL())
	part := func(from, to string) string { // the element as it stands in the sample
		at := strings.Index(ubl, from)
		return ubl[at : at+strings.Index(ubl[at:], to)+len(to)]
	}
	line, subtotal, payment := part("<cac:InvoiceLine>", "</cac:InvoiceLine>"), part("<cac:TaxSubtotal>", "</cac:TaxSubtotal>"), part("<cac:PaymentMeans>", "</cac:PaymentMeans>")
	const legal, currency = "<cac:LegalMonetaryTotal>", "</cbc:DocumentCurrencyCode>"
	file := func(name string) string {
		return `<cac:AdditionalDocumentReference><cbc:ID>1</cbc:ID><cac:Attachment><cbc:EmbeddedDocumentBinaryObject mimeCode="application/pdf" filename="` + name +
			`">eHh4</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>`
	}
	for _, c := range []struct{ name, from, to, want string }{
		{"the VAT in another currency after 250 lines", legal, `<cac:TaxTotal><cbc:TaxAmount currencyID="USD">275.0049</cbc:TaxAmount></cac:TaxTotal>` + legal, "UBL-DT-01 BT-111"},
		{"the last of 251 entries of VAT", subtotal, strings.Repeat(subtotal, 250) + strings.Replace(subtotal, "1250.00", "1251.00", 1), "BR-S-08 BT-116"},
		{"the last of 151 means of payment", payment, strings.Repeat(payment, 150) + strings.Replace(payment, ">30<", ">57<", 1), "CH-PAYMENT-CODE BT-81"},
		{"the last of 1,101 attachments", "<cac:AccountingSupplierParty>", strings.Repeat(file("a.pdf"), 1100) + file("a.exe") + "<cac:AccountingSupplierParty>", "CH-ATTACHMENT-TYPE BT-125"},
	} {
		doc := strings.Replace(ubl, c.from, c.to, 1)
		if strings.Contains(c.name, "250 lines") {
			doc = strings.Replace(doc, line, strings.Repeat(line, 250), 1)
			doc = strings.Replace(doc, currency, currency+"<cbc:TaxCurrencyCode>USD</cbc:TaxCurrencyCode>", 1)
		}
		found := rules.Judge([]byte(doc), rules.Options{}).Findings
		if !slices.ContainsFunc(found, func(f rules.Finding) bool { return strings.HasPrefix(f.Code+" "+f.Term, c.want) }) {
			t.Errorf("%s: no %s: %.2000v", c.name, c.want, found)
		}
	}
}
