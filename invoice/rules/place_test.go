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
