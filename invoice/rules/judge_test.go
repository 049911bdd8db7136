package rules_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/invoice/rules"
)

func codes(r rules.Report) []string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, string(f.Severity)+" "+f.Code+" "+f.Term)
	}
	return all
}

// TestJudgeJoins: one answer holds what cannot be read, what Chorus Pro refuses and what EN 16931 refuses, each fault once.
func TestJudgeJoins(t *testing.T) {
	t.Parallel()
	good := invoicetest.Invoice{}
	pdf, err := good.FacturX()
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"UBL": good.UBL(), "CII": good.CII(), "Factur-X": pdf} {
		if r := rules.Judge(b, rules.Options{}); !r.OK() || len(r.Findings) > 0 || r.Document == nil {
			t.Errorf("%s: %v", name, r.Findings)
		}
	}
	r := rules.Judge([]byte("<html>"), rules.Options{})
	if r.OK() || r.Document != nil || codes(r)[0] != "error CH-NOT-AN-INVOICE " {
		t.Errorf("a page: %v", codes(r))
	}
	two := []byte(strings.NewReplacer("F-2026-0001", "", ">1500.00<", ">1400.00<").Replace(string(good.UBL())))
	got := codes(rules.Judge(two, rules.Options{SyntaxeFlux: "IN_DP_E1_CII_16B"}))
	if want := []string{"error BR-02 BT-1", "error BR-CO-15 BT-112", "error CH-SYNTAXE "}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	r = rules.Judge(two, rules.Options{Levels: map[string]rules.Severity{"BR-02": rules.Off, "BR-CO-15": rules.Warning}})
	if got := codes(r); r.OK() || !slices.Equal(got, []string{"error BR-02 BT-1", "warning BR-CO-15 BT-112"}) { // without its number nothing is sent
		t.Errorf("levels: %q", got)
	}
}
