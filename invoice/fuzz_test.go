package invoice_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/invoicetest"
)

// FuzzRead: whatever the bytes, Read ends soon, without a panic, with a Document or a Problem fit to be shown.
func FuzzRead(f *testing.F) {
	i := invoicetest.Invoice{FournisseurNom: "Été", CodeService: "S", Engagement: "E", FactureOrigine: "F-0"}
	pdf, err := i.FacturX()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(i.UBL())
	f.Add(i.CreditNote())
	f.Add(i.CII())
	f.Add(pdf)
	f.Add([]byte("\xff\xfe<\x00a\x00/\x00>\x00"))
	f.Add([]byte(strings.Replace(string(i.UBL()), "UTF-8", "windows-1252", 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		start := time.Now()
		d, err := invoice.Read(b)
		if took := time.Since(start); took > 15*time.Second {
			t.Errorf("took %s", took)
		}
		if err == nil {
			if d.Syntaxe == "" {
				t.Error("no syntaxe")
			}
			if said, err := json.Marshal(d.Content()); err != nil || !utf8.Valid(said) {
				t.Errorf("the content is no JSON: %v", err)
			}
			return
		}
		var p *invoice.Problem
		if !errors.As(err, &p) || d != nil || p.Code == "" {
			t.Fatalf("document %v, error %v", d, err)
		}
		for _, m := range []string{p.Message, p.MessageFR} {
			if m == "" || !utf8.ValidString(m) || strings.ContainsFunc(m, unicode.IsControl) || len(m) > 2000 {
				t.Errorf("message %q", m)
			}
		}
	})
}
