package rules_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/invoice/rules"
)

// errorsOf are the errors of Chorus Pro's rules, as "CODE TERM".
func errorsOf(found []rules.Finding) (list []string) {
	for _, f := range found {
		if strings.HasPrefix(f.Code, "CH-") && f.Severity == rules.Error {
			list = append(list, f.Code+" "+f.Term)
		}
	}
	return list
}

// Values that a maker of invoices does not produce: each is named by its term, and what is only odd is not refused.
func TestRawValues(t *testing.T) {
	t.Parallel()
	ubl := string(invoicetest.Invoice{}.UBL())
	const ttc = `<cbc:TaxInclusiveAmount currencyID="EUR">1500.00<`
	const id = "<cbc:ID>F-2026-0001</cbc:ID>"
	amount := func(s string) string { return strings.Replace(ttc, "1500.00", s, 1) }
	for _, test := range []struct{ old, new, want string }{
		{"2026-01-15", "2026-02-30", "CH-DATE BT-2"},
		{"2026-01-15", "15/01/2026", "CH-DATE BT-2"},
		{"2026-01-15", "2026-0115", "CH-DATE BT-2"},
		{"2026-01-15", "2026-01-15T00:00:00", "CH-DATE BT-2"},
		{"2026-01-15", "0000-01-01", "CH-DATE-YEAR BT-2"},
		{"2026-01-15", "1989-12-31", "CH-DATE-YEAR BT-2"},
		{"2026-01-15", " 2026-01-15Z ", ""},
		{ttc, amount(" 1500.00 "), ""},
		{ttc, amount("+1500"), ""},
		{ttc, amount("1.5E3"), "CH-AMOUNT BT-112"},
		{ttc, amount("1,500.00"), "CH-AMOUNT BT-112"},
		{ttc, amount("1.500.00"), "CH-AMOUNT BT-112"},
		{ttc, amount("NaN"), "CH-AMOUNT BT-112"},
		{ttc, amount("0x10"), "CH-AMOUNT BT-112"},
		{ttc, amount(strings.Repeat("9", 16)), "CH-AMOUNT BT-112"},
		{ttc, amount("1." + strings.Repeat("0", 5000)), "CH-AMOUNT BT-112"},
		{id, id + "<cbc:ID>F-2</cbc:ID>", "CH-SEVERAL BT-1"},
		{id, id + id, "CH-SCHEMA BT-1"},
		{id, "<cbc:ID>\n  F-1\n  </cbc:ID>", "CH-NUMBER-CHARACTERS BT-1+CH-CONTROL-CHARACTERS BT-1"},
		{id, "<cbc:ID>" + strings.Repeat("é", 1_000_000) + "</cbc:ID>", "CH-NUMBER-LENGTH BT-1+CH-NUMBER-CHARACTERS BT-1"},
		{"99999999800012", "\u0669" + "9999999800012", "CH-SELLER-SIRET BT-30"}, // an Arabic-Indic nine
		{"99999999800012", "999999998\u00a000012", "CH-SELLER-SIRET BT-30"},
	} {
		doc := strings.Replace(ubl, test.old, test.new, 1)
		if doc == ubl {
			t.Fatalf("nothing replaced: %s", test.old)
		}
		if got := strings.Join(errorsOf(rules.Judge([]byte(doc), rules.Options{}).Findings), "+"); got != test.want {
			t.Errorf("%.60s: %s, want %s", test.new, got, test.want)
		}
	}
}

// A blank in a SIRET must be called a blank: Chorus Pro rejects it without a word.
func TestSIRETMessages(t *testing.T) {
	t.Parallel()
	for siret, want := range map[string]string{
		"999 999 998 00012":    "has a space",
		"99999999800012 ":      "has a space",
		"999999998\u202f00012": "has a space",
		"999999998":            "is a SIREN",
		"9999999980001":        "has 13 digits",
		"FR11999999998":        "not a SIRET",
	} {
		found := rules.Judge(invoicetest.Invoice{FournisseurSIRET: siret}.CII(), rules.Options{}).Findings
		i := slices.IndexFunc(found, func(f rules.Finding) bool { return f.Code == "CH-SELLER-SIRET" })
		if i < 0 || !strings.Contains(found[i].Message, want) {
			t.Errorf("%s: %v, want %q", siret, found, want)
		}
	}
}

// What cannot be sent without these is said of an invoice that lacks them, whatever the encoding of its bytes.
func TestWhatIsMissing(t *testing.T) {
	t.Parallel()
	for _, term := range []string{"BT-1", "BT-2", "BT-3", "BT-5", "BT-30", "BT-47", "BT-112"} {
		i := invoicetest.Invoice{Sans: []string{term}}
		for _, doc := range [][]byte{i.UBL(), i.CII()} {
			r := rules.Judge(doc, rules.Options{})
			if !slices.ContainsFunc(r.Findings, func(f rules.Finding) bool { return f.Term == term && f.Severity == rules.Error }) {
				t.Errorf("%s, %s: %q", term, r.Document.Syntaxe, errorsOf(r.Findings))
			}
		}
	}
	if r := rules.Judge((invoicetest.Invoice{Sans: []string{"BT-109", "BT-115", "BT-27"}}).UBL(), rules.Options{}); r.Document.Syntaxe != invoice.SyntaxeUBL || len(errorsOf(r.Findings)) > 0 {
		t.Errorf("%q", errorsOf(r.Findings))
	}
}
