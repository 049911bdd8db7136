package invoice_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/choriste/choriste/invoice"
)

// realFacts are documents that nobody here wrote, read by eye: facts as the function of that name gives them,
// or the code of the refusal.
var realFacts = map[string]string{
	"Facture_FR_BASICWL.pdf": "FA-2017-0010|2017-11-13T00:00:00Z|380|99999999800010|Au bon moulin|78787878400035|Ma jolie boutique|" +
		"624.90|46.25|671.15|470.15|EUR|||PO445|30|",
	"Facture_FR_EN16931.pdf": "FA-2017-0010|2017-11-13T00:00:00Z|380|99999999800010|Au bon moulin|78787878400035|Ma jolie boutique|" +
		"624.90|46.25|671.15|470.15|EUR|||PO445|30|",
	"Facture_FR_MINIMUM.pdf": "FA-2017-0010|2017-11-13T00:00:00Z|380|99999999800010|Au bon moulin|78787878400035|Ma jolie boutique|" +
		"624.90|46.25|671.15|470.15|EUR|||PO445||",
	"Avoir_FR_type381_BASIC.pdf": "AV-2017-0005|2017-11-16T00:00:00Z|381|99999999800010|Au bon moulin|78787878400035|Ma jolie boutique|" +
		"218.48|14.99|233.47|233.47|EUR|||PO445||FA-2017-0010",
	"bad-xml-encoding.pdf": "ENCODING",
	"cii-en16931.xml": "F20260023|2026-01-31T00:00:00Z|380|12345678200077|LE FOURNISSEUR||LE CLIENT|" +
		"100.00|4.90|104.90|104.90|EUR|S1|SERVEXEC|PO201925478|30|F20260003",
	"cii-example5.xml": "TOSL110|2013-04-10T00:00:00Z|380||SellerCompany||Buyercompany ltd|" +
		"4000.00|675.00|4675.00|2337.50|DKK||qwerty|PO4711|58|TOSL109",
	"ubl-example1.xml": "12115118|2015-01-09T00:00:00Z|380||De Koksmaat||ODIN 59|" +
		"229.60|20.73|250.33|250.33|EUR||||30|",
	"ubl-creditnote1.xml": "018304 / 28865|2019-09-23T00:00:00Z|381||My Supplier Company||My Customer Company|" +
		"100.11|0.00|100.11|100.11|EUR|urn:fdc:peppol.eu:2017:poacc:billing:01:1.0|018304 / 28865||1|",
}

// TestRealDocuments reads the documents beside the repository, in ../shared/invoices; they are not part of it, and where
// they are not, there is nothing to range over.
func TestRealDocuments(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(repository(t), "..", "shared", "invoices", "*.*"))
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, file := range files {
		name := filepath.Base(file)
		want, known := realFacts[name]
		if !known {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		read++
		got := code(b)
		if got == "" {
			d := mustRead(t, b)
			got = facts(d)
			syntaxe := map[bool]string{true: invoice.SyntaxeFacturX, false: invoice.SyntaxeCII}[strings.HasSuffix(name, ".pdf")]
			if strings.HasPrefix(name, "ubl") {
				syntaxe = invoice.SyntaxeUBL
			}
			if d.Syntaxe != syntaxe {
				t.Errorf("%s: %s, want %s", name, d.Syntaxe, syntaxe)
			}
		}
		if got != want {
			t.Errorf("%s:\n%s, want\n%s", name, got, want)
		}
	}
	if read > 0 && read != len(realFacts) {
		t.Errorf("%d real documents of %d", read, len(realFacts))
	}
}

// repository is the folder of go.mod.
func repository(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}
