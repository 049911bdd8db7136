package invoice_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/invoicetest"
)

// contentOf is what a document says, as JSON.
func contentOf(t *testing.T, doc []byte) string {
	t.Helper()
	b, err := json.MarshalIndent(mustRead(t, doc).Content(), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestContentHoldsEveryTerm: each of EN 16931's business terms is in Content, and has a place in each syntax.
func TestContentHoldsEveryTerm(t *testing.T) {
	t.Parallel()
	held := map[string]bool{}
	var walk func(of reflect.Type)
	walk = func(of reflect.Type) {
		for i := range of.NumField() {
			f := of.Field(i)
			inner := f.Type
			if inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			for term := range strings.SplitSeq(f.Tag.Get("bt"), ",") {
				held[term] = true
				if term != "" && (f.Tag.Get("cii") == "" || f.Tag.Get("ubl") == "" && term != "BT-21") {
					t.Errorf("%s has no place", term)
				}
			}
			if inner.Kind() == reflect.Struct && inner.PkgPath() == of.PkgPath() && f.IsExported() {
				walk(inner)
			}
		}
	}
	walk(reflect.TypeFor[invoice.Content]())
	for n := 1; n <= 165; n++ {
		if term := fmt.Sprintf("BT-%d", n); !held[term] && n != 4 { // there is no BT-4
			t.Errorf("%s is not in Content", term)
		}
	}
}

// TestContentOfPairs: UBL, CII and Factur-X that say the same give the same content.
func TestContentOfPairs(t *testing.T) {
	t.Parallel()
	num := func(s string) decimal.NullDecimal { return decimal.NewNullDecimal(decimal.RequireFromString(s)) }
	for _, i := range []invoicetest.Invoice{
		{},
		{CodeService: "SERV1", Engagement: "E-1", Cadre: "A9", FactureOrigine: "F-0", Devise: "USD"},
		{Paiement: "48", Sans: []string{"BT-30"}, Lignes: []invoicetest.Ligne{
			{Designation: "a", Quantite: num("3.5"), PrixUnitaire: num("10.333"), TVA: num("5.5")}, {Designation: "b & c", TVA: num("0")},
		}},
	} {
		ubl, cii := contentOf(t, i.UBL()), contentOf(t, i.CII())
		same(t, ubl, cii)
		same(t, cii, contentOf(t, mustFacturX(t, i)))
	}
	rich := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	same(t, contentOf(t, rich("full-ubl.xml")), contentOf(t, rich("full-cii.xml")))
}

// same compares two texts line by line.
func same(t *testing.T, a, b string) {
	t.Helper()
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for n := range max(len(as), len(bs)) {
		if n >= len(as) || n >= len(bs) || as[n] != bs[n] {
			t.Fatalf("differ at line %d:\n%s\nand\n%s", n+1, strings.Join(as[max(0, n-8):min(len(as), n+3)], "\n"), strings.Join(bs[max(0, n-8):min(len(bs), n+3)], "\n"))
		}
	}
}

// TestContentIsFull: of the document that has everything, everything is read.
func TestContentIsFull(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/full-cii.xml")
	if err != nil {
		t.Fatal(err)
	}
	c := mustRead(t, b).Content()
	var empty []string
	var walk func(v reflect.Value, at string)
	walk = func(v reflect.Value, at string) {
		for i := range v.NumField() {
			f, name := v.Type().Field(i), at+"."+v.Type().Field(i).Name
			switch inner := v.Field(i); {
			case !f.IsExported() || f.Tag.Get("bt") == "" && f.Type.Kind() != reflect.Slice && f.Type.Kind() != reflect.Struct:
			case inner.IsZero():
				empty = append(empty, name)
			case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct && f.Tag.Get("bt") == "":
				walk(inner.Index(0), name)
			case f.Type.Kind() == reflect.Struct && f.Tag.Get("bt") == "" && f.Name != "ID" && f.Name != "NameAt":
				walk(inner, name)
			}
		}
	}
	walk(reflect.ValueOf(*c), "")
	allowed := []string{ // what such a party, or such an allowance, does not have
		".Buyer.TaxID", ".Buyer.LegalInfo", ".TaxRepresentative.", ".Payee.", ".Lines.Charges.Category", ".Lines.Charges.Rate",
	}
	for _, name := range empty {
		if !slices.ContainsFunc(allowed, func(a string) bool { return strings.HasPrefix(name, a) }) {
			t.Errorf("%s is empty", name)
		}
	}
}

// TestContentOfAmounts: an amount counts in the invoice's currency only, and as a decimal.
func TestContentOfAmounts(t *testing.T) {
	t.Parallel()
	doc := bytes.Replace((invoicetest.Invoice{}).UBL(), []byte(`<cbc:LineExtensionAmount currencyID="EUR">`), []byte(`<cbc:LineExtensionAmount currencyID="USD">`), -1)
	c := mustRead(t, doc).Content()
	if c.Totals.Lines.Valid || c.Lines[0].Net.Valid {
		t.Errorf("dollars count as euros: %v, %v", c.Totals.Lines, c.Lines[0].Net)
	}
	if got := c.Totals.WithVAT.Decimal.String(); got != "1500" {
		t.Errorf("BT-112 is %s", got)
	}
	doc = bytes.Replace((invoicetest.Invoice{}).UBL(), []byte(`PriceAmount currencyID="EUR">1250<`), []byte(`PriceAmount currencyID="EUR">1.25E3<`), 1)
	if c := mustRead(t, doc).Content(); c.Lines[0].Price.Net.Valid {
		t.Errorf("a price with an exponent is read: %v", c.Lines[0].Price.Net)
	}
}

// TestContentOfReal reads documents that nobody here wrote, where they are: what is read adds up.
func TestContentOfReal(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(repository(t), "..", "shared", "invoices", "*.*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d, err := invoice.Read(b)
		if err != nil {
			continue
		}
		c, name := d.Content(), filepath.Base(file)
		if c.Number != strings.TrimSpace(d.Numero) || !c.IssueDate.Equal(d.Date) || c.Totals.WithVAT.Decimal.Cmp(d.MontantTTC.Decimal) != 0 || c.Seller.Name != d.FournisseurNom {
			t.Errorf("%s: %s, %s, %s, %s", name, c.Number, c.IssueDate, c.Totals.WithVAT.Decimal, c.Seller.Name)
		}
		var lines, tax decimal.Decimal
		for _, l := range c.Lines {
			if !l.Net.Valid || l.Item.Name == "" || l.Where() == "" {
				t.Errorf("%s: line %q has no amount, no name or no place", name, l.ID)
			}
			lines = lines.Add(l.Net.Decimal)
		}
		for _, v := range c.VAT {
			tax = tax.Add(v.Tax.Decimal)
		}
		if len(c.Lines) > 0 && !lines.Equal(c.Totals.Lines.Decimal) || len(c.VAT) > 0 && !tax.Equal(c.Totals.VAT.Decimal) {
			t.Errorf("%s: lines make %s of %s, VAT %s of %s", name, lines, c.Totals.Lines.Decimal, tax, c.Totals.VAT.Decimal)
		}
	}
}

// TestContentOfFields: a PDF without XML has content too.
func TestContentOfFields(t *testing.T) {
	t.Parallel()
	pdf, err := invoicetest.Invoice{}.PDF()
	if err != nil {
		t.Fatal(err)
	}
	d, problems := invoice.ReadFields([]byte(`{"numero_facture": "F-1", "date_facture": "2026-01-31", "destinataire_nom": "Mairie", "destinataire_siret": "99999999700023",
		"montant_ttc": 120, "lignes_tva": [{"taux": 20, "base": 100, "tva": 20}]}`), pdf)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	c := d.Content()
	if c.Number != "F-1" || c.IssueDate.Day() != 31 || c.Buyer.Name != "Mairie" || c.Buyer.SIRET() != "99999999700023" || c.Totals.Due.Decimal.String() != "120" ||
		len(c.VAT) != 1 || c.VAT[0].Rate.Decimal.String() != "20" || len(c.Payments) != 1 {
		t.Errorf("%+v", c)
	}
}

// TestContentIsBounded: of a document of nothing but empty groups, no more is shown than of a large one.
func TestContentIsBounded(t *testing.T) {
	t.Parallel()
	for group, times := range map[string]int{"cac:InvoiceLine": 25_000, "cac:AllowanceCharge": 2000, "cac:PaymentMeans": 25_000, "cac:AdditionalDocumentReference": 25_000, "cbc:Note": 2000} {
		doc := strings.Replace(string(invoicetest.Invoice{}.UBL()), "<cac:AccountingSupplierParty>", strings.Repeat("<"+group+"/>", times)+"<cac:AccountingSupplierParty>", 1)
		d := mustRead(t, []byte(doc))
		c := d.Content()
		if n := len(c.Lines) + len(c.Charges) + len(c.Payments) + len(c.Attachments) + len(c.Notes); n < 100 {
			t.Errorf("%s: %d are shown", group, n)
		}
		if n := len(c.Lines); n > 20_000 || len(c.Charges) > 1000 || len(c.Payments) > 20_000 || len(c.Attachments) > 20_000 || len(c.Notes) > 100 {
			t.Errorf("%s: %d lines, %d charges, %d payments, %d attachments, %d notes", group, n, len(c.Charges), len(c.Payments), len(c.Attachments), len(c.Notes))
		}
	}
}
