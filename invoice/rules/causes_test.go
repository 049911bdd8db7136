package rules_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/invoice/rules"
)

// A currency that is none is one cause, however many amounts bear it; every verdict is still among the findings.
func TestCauses(t *testing.T) {
	t.Parallel()
	ubl := string(invoicetest.Invoice{}.UBL())
	for _, c := range []struct{ old, new, want string }{
		{"EUR", "€", "BR-CL-04"},
		{"EUR", "eur", "BR-CL-04"},
		{">EUR<", ">eur<", "BR-CL-04"},
		{">EUR<", ">USD<", "CH-TOTAL-CURRENCY"},
		{`TaxInclusiveAmount currencyID="EUR">1500.00`, `TaxInclusiveAmount currencyID="EUR">1500,00`, "CH-AMOUNT"},
		{`PriceAmount currencyID="EUR">1250`, `PriceAmount currencyID="EUR">1250,`, "CH-SCHEMA"},
		{"<cbc:Percent>20<", "<cbc:Percent>20,0<", "CH-SCHEMA+CH-SCHEMA"},
		{`<cbc:PayableAmount currencyID="EUR"`, `<cbc:PayableAmount currencyID="Euro"`, "CH-TOTAL-CURRENCY+BR-CL-03"},
	} {
		doc := strings.ReplaceAll(ubl, c.old, c.new)
		found := rules.Judge([]byte(doc), rules.Options{}).Findings
		causes := rules.Causes(found)
		n := 0
		var codes []string
		for _, x := range causes {
			codes = append(codes, x.Code)
			n += 1 + len(x.Follow)
		}
		if strings.Join(codes, "+") != c.want || n != len(found) {
			t.Errorf("%s: %q of %d findings, %d shown, want %s", c.new, codes, len(found), n, c.want)
		}
		if i := slices.IndexFunc(found, func(f rules.Finding) bool { return f.Code == "BR-CL-04" }); i >= 0 && !strings.Contains(found[i].Remedy, "EUR") {
			t.Errorf("the remedy: %s", found[i].Remedy)
		}
	}
	// One rule at many places is shown once.
	many := strings.ReplaceAll(string(invoicetest.Invoice{Lignes: slices.Repeat([]invoicetest.Ligne{{}}, 9)}.UBL()), `unitCode="C62"`, `unitCode="jour"`)
	causes := rules.Causes(rules.Judge([]byte(many), rules.Options{}).Findings)
	if len(causes) != 1 || causes[0].Code != "BR-CL-23" || len(causes[0].Follow) != 8 {
		t.Errorf("%+v", causes)
	}
}
