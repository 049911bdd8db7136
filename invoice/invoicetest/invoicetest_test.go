package invoicetest_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/invoice/invoicetest"
)

func TestDeterministic(t *testing.T) {
	t.Parallel()
	i := invoicetest.Invoice{Numero: "F-1", Lignes: []invoicetest.Ligne{{}, {Designation: "Œuvre (1) \\ 100 €"}}}
	for range 3 {
		a, err := i.FacturX()
		if err != nil {
			t.Fatal(err)
		}
		b, err := i.FacturX()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) || !bytes.Equal(i.UBL(), i.UBL()) || !bytes.Equal(i.CII(), i.CII()) {
			t.Fatal("two makings differ")
		}
	}
	other, err := invoicetest.Invoice{Numero: "F-2"}.FacturX()
	if err != nil {
		t.Fatal(err)
	}
	if first, err := i.FacturX(); err != nil || bytes.Equal(first, other) {
		t.Fatal("two invoices are the same PDF", err)
	}
}

// The VAT of a group is rounded once, on the group's base.
func TestTotal(t *testing.T) {
	t.Parallel()
	number := func(s string) decimal.NullDecimal { return decimal.NewNullDecimal(decimal.RequireFromString(s)) }
	i := invoicetest.Invoice{Lignes: []invoicetest.Ligne{
		{Quantite: number("1"), PrixUnitaire: number("0.33"), TVA: number("5.5")},
		{Quantite: number("1"), PrixUnitaire: number("0.33"), TVA: number("5.50")},
		{Quantite: number("0.5"), PrixUnitaire: number("0.01"), TVA: number("0")},
	}}
	ht, tva, ttc := i.Total()
	if got := ht.StringFixed(2) + " " + tva.StringFixed(2) + " " + ttc.StringFixed(2); got != "0.67 0.04 0.71" {
		t.Errorf("total %s", got)
	}
	if ubl := string(i.UBL()); strings.Count(ubl, "<cac:TaxSubtotal>") != 2 || !strings.Contains(ubl, ">0.66<") {
		t.Errorf("VAT groups: %s", ubl)
	}
}

// A strict reader finds nothing wrong with the PDF, and one file attached.
func TestFacturXIsAPDF(t *testing.T) {
	t.Parallel()
	b, err := invoicetest.Invoice{}.FacturX()
	if err != nil {
		t.Fatal(err)
	}
	api.DisableConfigDir()
	conf := model.NewDefaultConfiguration()
	conf.ValidationMode = model.ValidationRelaxed // strict is PDF 1.7 to the letter, and AFRelationship came with PDF/A-3
	if err := api.Validate(bytes.NewReader(b), conf); err != nil {
		t.Error(err)
	}
	attachments, err := api.Attachments(bytes.NewReader(b), conf)
	if err != nil || len(attachments) != 1 || attachments[0].FileName != "factur-x.xml" {
		t.Errorf("attachments %v, %v", attachments, err)
	}
	for _, part := range []string{"/AFRelationship /Data", "<pdfaid:part>3<", "<fx:DocumentFileName>factur-x.xml<"} {
		if !bytes.Contains(b, []byte(part)) {
			t.Errorf("the PDF lacks %s", part)
		}
	}
}

func TestSans(t *testing.T) {
	t.Parallel()
	bare := invoicetest.Invoice{Sans: []string{"BT-1", "BT-30", "BT-81", "BT-112"}}
	for _, doc := range []string{string(bare.UBL()), string(bare.CII())} {
		for _, gone := range []string{"F-2026-0001", "99999999800012", "PaymentMeans", "TaxInclusiveAmount", "GrandTotalAmount"} {
			if strings.Contains(doc, gone) {
				t.Errorf("%s is still in %s", gone, doc)
			}
		}
	}
}
