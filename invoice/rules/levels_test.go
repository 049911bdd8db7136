package rules_test

import (
	"testing"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/invoice/rules"
)

// An account lowers any rule, but not what an invoice is found by at the portal, nor what makes it unreadable.
func TestNoSettingDoesWithoutTheInvoicesName(t *testing.T) {
	levels := map[string]rules.Severity{}
	for _, r := range rules.Rules() {
		levels[r.Code] = rules.Off
	}
	for name, doc := range map[string][]byte{
		"the number": invoicetest.Invoice{Sans: []string{"BT-1"}}.UBL(), "the date": invoicetest.Invoice{Sans: []string{"BT-2"}}.CII(),
		"the supplier": invoicetest.Invoice{FournisseurSIRET: "999999998"}.UBL(), "anything": []byte("hello"),
	} {
		if rules.Judge(doc, rules.Options{Levels: levels}).OK() {
			t.Errorf("a document without %s is sent", name)
		}
	}
	if report := rules.Judge(invoicetest.Invoice{Type: "999"}.UBL(), rules.Options{Levels: levels}); !report.OK() || len(report.Findings) > 0 {
		t.Errorf("rules that are off: %v", report.Findings)
	}
}
