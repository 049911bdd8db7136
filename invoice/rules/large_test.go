//go:build unix

package rules_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/invoice/rules"
)

// processorTime is what this process has had of the processors: others may want them at the same time.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestLargeDocumentsAreJudgedSoon: what repeats without end what others are held against takes no time either.
func TestLargeDocumentsAreJudgedSoon(t *testing.T) {
	i := invoicetest.Invoice{}
	ubl, cii := string(i.UBL()), string(i.CII())
	part := func(doc, from, to string) string { // the element as it stands in the sample
		at := strings.Index(doc, from)
		return doc[at : at+strings.Index(doc[at:], to)+len(to)]
	}
	many := func(doc string, n int, parts ...string) []byte {
		for _, p := range parts {
			doc = strings.Replace(doc, p, strings.Repeat(p, n), 1)
		}
		return []byte(doc)
	}
	for name, doc := range map[string][]byte{
		"UBL":                          many(ubl, 5_000, part(ubl, "<cac:TaxSubtotal>", "</cac:TaxSubtotal>"), part(ubl, "<cac:InvoiceLine>", "</cac:InvoiceLine>")),
		"UBL of amounts that are none": many(strings.ReplaceAll(ubl, ">1250.00<", ">x<"), 5_000, strings.ReplaceAll(part(ubl, "<cac:TaxSubtotal>", "</cac:TaxSubtotal>"), ">1250.00<", ">x<"), strings.ReplaceAll(part(ubl, "<cac:InvoiceLine>", "</cac:InvoiceLine>"), ">1250.00<", ">x<")),
		"UBL of unknown elements":      []byte(strings.Replace(ubl, "<cac:PaymentMeans>", strings.Repeat("<cbc:X>x</cbc:X>", 150_000)+"<cac:PaymentMeans>", 1)),
		"UBL of totals that are none":  []byte(strings.Replace(ubl, "<cac:LegalMonetaryTotal>", "<cac:LegalMonetaryTotal>"+strings.Repeat("<cbc:PayableAmount>x</cbc:PayableAmount>", 150_000), 1)),
		"CII":                          many(cii, 5_000, part(cii, "<ram:IncludedSupplyChainTradeLineItem>", "</ram:IncludedSupplyChainTradeLineItem>")),
		"CII without taxes": []byte(strings.ReplaceAll(string(many(cii, 6_000, part(cii, "<ram:IncludedSupplyChainTradeLineItem>", "</ram:IncludedSupplyChainTradeLineItem>"))),
			"ram:ApplicableTradeTax>", "ram:CategoryTradeTax>")),
	} {
		began := processorTime(t)
		r := rules.Judge(doc, rules.Options{})
		if took := processorTime(t) - began; r.Document == nil || len(r.Findings) > 1000 || took > 2*time.Second { // a second, on a machine that is not as slow as some
			t.Errorf("%s, %d bytes: %s, %d findings", name, len(doc), took, len(r.Findings))
		} else {
			t.Logf("%s, %d bytes: %s", name, len(doc), took)
		}
	}
}
