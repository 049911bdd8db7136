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
	const legal, agreement = `<ram:ID schemeID="0002">99999999700023</ram:ID>`, "<ram:SpecifiedLegalOrganization>\n          "
	routed := strings.Replace(cii, agreement+legal+"\n        </ram:SpecifiedLegalOrganization>", "", 1)
	const country = "</ram:BuyerTradeParty>"
	routed = strings.Replace(routed, country, `<ram:URIUniversalCommunication><ram:URIID schemeID="0009">11000201100044</ram:URIID></ram:URIUniversalCommunication>`+country, 1)
	if found := rules.Judge([]byte(routed), rules.Options{}).Findings; routed == cii || len(found) == 0 || found[0].Code != "CH-BUYER-SIRET" || !strings.Contains(found[0].Message, "every public body") {
		t.Errorf("routed to the portal: %+v", found)
	}
}
