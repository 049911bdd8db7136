package rules_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/invoice/rules"
)

// TestChorusRules: each rule is broken by its examples, says so in both languages with a remedy, and says nothing of a document that only comes near.
func TestChorusRules(t *testing.T) {
	t.Parallel()
	levels := map[string]rules.Severity{"CH-SIRET-CHECK": rules.Warning}
	for _, b := range invoicetest.Planted() {
		r := rules.Judge(b.Document, rules.Options{Levels: levels})
		i := slices.IndexFunc(r.Findings, func(f rules.Finding) bool { return f.Code == b.Code })
		if i < 0 {
			t.Errorf("%s: not found among %q", b.Name, codes(r))
			continue
		}
		f := r.Findings[i]
		for _, text := range []string{f.Message, f.MessageFR, f.Remedy, f.RemedyFR} {
			if text == "" || strings.Contains(text, "%") || strings.ContainsFunc(text, unicode.IsControl) || len([]rune(text)) > 400 {
				t.Errorf("%s: text %q", b.Name, text)
			}
		}
		if f.Message == f.MessageFR {
			t.Errorf("%s is not translated", b.Name)
		}
	}
	for _, b := range invoicetest.Near() {
		r := rules.Judge(b.Document, rules.Options{Levels: levels})
		if slices.ContainsFunc(r.Findings, func(f rules.Finding) bool { return f.Code == b.Code }) {
			t.Errorf("%s speaks of a document that passes: %+v", b.Name, r.Findings)
		}
	}
	if r := rules.Judge(invoicetest.Invoice{}.UBL(), rules.Options{SyntaxeFlux: "IN_DP_E1_XCBL"}); r.OK() || r.Findings[0].Code != "CH-SYNTAXE" {
		t.Errorf("another syntax is declared: %q", codes(r))
	}
}

// TestRightDocuments: of what is right in many ways, nothing is stopped.
func TestRightDocuments(t *testing.T) {
	t.Parallel()
	all := invoicetest.Right("R")
	if len(all) < 100 {
		t.Errorf("only %d documents", len(all))
	}
	for _, b := range all {
		if r := rules.Judge(b.Document, rules.Options{}); !r.OK() {
			t.Errorf("%s: %+v", b.Name, r.Findings[0])
		}
	}
}

// elsewhere are the tests of the rules of which no document alone is an example.
var elsewhere = map[string]string{
	"CH-DATE-FUTURE": "TestDatedAhead", "CH-SYNTAXE": "TestChorusRules", "CH-SUPPLIER": "worker/account_test.go", "CH-SUPPLIER-DETACHED": "worker/fields_test.go",
	"CH-SAME-NUMBER": "worker/remedy_test.go", "CH-POISON": "cmd/choriste/poison_test.go",
}

// TestEveryChorusRuleIsTried: a rule without an example that breaks it and one that passes is not a rule. Those of EN 16931 and of recipients are tried in examples_test.go, those
// of reading by the hostile documents, those of fields by TestFieldsSayWhatIsWrong.
func TestEveryChorusRuleIsTried(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range rules.Rules() {
		if seen[r.Code] {
			t.Errorf("%s is there twice", r.Code)
		}
		seen[r.Code] = true
		if r.Weight == "G" && r.Severity == rules.Error {
			t.Errorf("%s is a guess and stops invoices", r.Code)
		}
		if r.Text == "" || r.TextFR == "" || r.Remedy == "" || r.RemedyFR == "" || r.Source == "" || r.Weight == "" {
			t.Errorf("%s lacks words: %+v", r.Code, r)
		}
	}
	failing := map[string]bool{}
	for _, b := range invoicetest.Planted() {
		failing[b.Code] = true
	}
	for _, r := range rules.Rules() {
		recipients := r.Source == "docs/chorus-pro.md §5.3" || strings.HasPrefix(r.Source, "docs/chorus-pro.md §5.4")
		reading := r.Source == "docs/chorus-pro.md §6" || strings.HasPrefix(r.Code, "CH-FIELDS")
		if strings.HasPrefix(r.Code, "CH-") && !failing[r.Code] && elsewhere[r.Code] == "" && !recipients && !reading {
			t.Errorf("%s has no example that breaks it", r.Code)
		}
	}
	for code := range failing {
		if !seen[code] {
			t.Errorf("%s is tried and is no rule", code)
		}
	}
}
