package rules_test

import (
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/invoice/rules"
)

// TestHostileDocuments: whatever cannot be read ends in its code, soon, in bounded memory, with words in both languages; what is not well formed names its line and column.
func TestHostileDocuments(t *testing.T) {
	all := invoicetest.Hostile()
	if len(all) < 300 {
		t.Fatalf("only %d documents", len(all))
	}
	seen := map[string]bool{}
	for _, b := range all {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var r rules.Report
		took := invoicetest.Work(func() { r = rules.Judge(b.Document, rules.Options{}) })
		runtime.ReadMemStats(&after)
		if len(r.Findings) != 1 || r.Findings[0].Code != b.Code || r.Document != nil {
			t.Errorf("%s: %q, want %s", b.Name, codes(r), b.Code)
			continue
		}
		f := r.Findings[0]
		seen[f.Code] = true
		for _, text := range []string{f.Message, f.MessageFR, f.Remedy, f.RemedyFR} {
			if text == "" || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) || len([]rune(text)) > 300 {
				t.Errorf("%s: text %q", b.Name, text)
			}
		}
		if f.Code == "CH-XML" && (!strings.Contains(f.Message, "line ") || !strings.Contains(f.Message, "column ") || !strings.Contains(f.MessageFR, "colonne ")) {
			t.Errorf("%s: %q, %q", b.Name, f.Message, f.MessageFR)
		}
		if took > 2*time.Second { // a second, on a machine that has nothing else to do
			t.Errorf("%s: %s", b.Name, took)
		}
		if spent := (after.TotalAlloc - before.TotalAlloc) >> 20; spent > uint64(96+8*len(b.Document)>>20) {
			t.Errorf("%s: %d MiB allocated", b.Name, spent)
		}
	}
	for _, r := range rules.Rules() {
		if r.Source == "docs/chorus-pro.md §6" && !seen[r.Code] && r.Code != "CH-SYNTAXE" && r.Code != "CH-FIELDS" {
			t.Errorf("no hostile document ends in %s", r.Code)
		}
	}
}

// TestUnusualXML: what XML allows and hardly anybody writes is read.
func TestUnusualXML(t *testing.T) {
	t.Parallel()
	for _, doc := range invoicetest.Unusual() {
		if r := rules.Judge(doc, rules.Options{}); r.Document == nil || !r.OK() {
			t.Errorf("%.200q: %+v", doc, r.Findings)
		}
	}
}

// FuzzJudge: whatever the bytes, Judge ends without a panic, with a document or one finding, and with texts that are fit to be shown.
func FuzzJudge(f *testing.F) {
	i := invoicetest.Invoice{CodeService: "S", Engagement: "E"}
	pdf, err := i.FacturX()
	if err != nil {
		f.Fatal(err)
	}
	for _, doc := range [][]byte{i.UBL(), i.CreditNote(), i.CII(), pdf} {
		f.Add(doc)
	}
	for _, b := range invoicetest.Hostile() {
		if len(b.Document) < 20_000 {
			f.Add(b.Document)
		}
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		r := rules.Judge(doc, rules.Options{})
		if r.Document == nil && len(r.Findings) != 1 {
			t.Errorf("unreadable, with %d findings", len(r.Findings))
		}
		for _, x := range r.Findings {
			for _, text := range []string{x.Code, x.Message, x.MessageFR, x.Remedy, x.RemedyFR} {
				if text == "" || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
					t.Errorf("%s: text %q", x.Code, text)
				}
			}
			if !slices.Contains([]rules.Severity{rules.Error, rules.Warning}, x.Severity) {
				t.Errorf("%s: severity %q", x.Code, x.Severity)
			}
		}
	})
}
