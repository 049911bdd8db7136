package rules_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/rules"
)

// TestCases: small documents, each with one fault, that were read wrongly once. want lists the errors; facts what was read.
func TestCases(t *testing.T) {
	t.Parallel()
	type facts func(d *invoice.Document) (got, want string)
	service := func(s string) facts { return func(d *invoice.Document) (string, string) { return d.CodeService, s } }
	recipient := func(s string) facts {
		return func(d *invoice.Document) (string, string) { return d.DestinataireSIRET, s }
	}
	commitment := func(s string) facts { return func(d *invoice.Document) (string, string) { return d.Engagement, s } }
	for name, test := range map[string]struct {
		want []string
		read facts
	}{
		"control-ubl":                       {nil, service("SVC-01")},
		"control-cii":                       {nil, service("SVC-01")},
		"ubl-service-in-accountingcontact":  {nil, service("SVC-VOIRIE")},
		"ubl-siret-unscoped-number-first":   {nil, recipient("90000000200029")},
		"ubl-endpoint-taken-as-recipient":   {nil, recipient("90000000200029")},
		"cii-date-iso":                      {[]string{"CH-DATE BT-2"}, nil},
		"cii-date-format-203":               {[]string{"CH-DATE BT-2"}, nil},
		"ubl-date-compact":                  {[]string{"CH-DATE BT-2"}, nil},
		"ubl-totals-other-currency":         {[]string{"BR-CO-15 BT-112", "CH-TOTAL-CURRENCY BT-106", "CH-TOTAL-CURRENCY BT-109", "CH-TOTAL-CURRENCY BT-110", "CH-TOTAL-CURRENCY BT-112", "CH-TOTAL-CURRENCY BT-115"}, func(d *invoice.Document) (string, string) { return d.MontantTTC.Decimal.String(), "0" }},
		"ubl-no-payment-means":              {[]string{"CH-PAYMENT-MISSING BT-81"}, nil},
		"cii-transfer-without-iban":         {[]string{"CII-SR-470 BT-84"}, nil},
		"cii-creditnote-with-payment-means": {[]string{"CH-PAYMENT-CREDIT BT-81"}, nil},
		"cii-totals-do-not-add":             {[]string{"BR-CO-15 BT-112"}, nil},
		"cii-service-factures-publiques":    {[]string{"CH-SERVICE-PUBLIC BT-10"}, nil},
		"cii-siret-with-space-and-siren":    {[]string{"CH-SELLER-SIRET BT-29"}, nil},
		"ubl-order-na":                      {nil, commitment("")},
	} {
		b, err := os.ReadFile(filepath.Join("testdata", "cases", name+".xml"))
		if err != nil {
			t.Fatal(err)
		}
		r := rules.Judge(b, rules.Options{})
		var got []string
		for _, f := range r.Findings {
			if f.Severity == rules.Error {
				got = append(got, f.Code+" "+f.Term)
			}
			if strings.HasPrefix(f.Code, "CH-SELLER") && (!strings.Contains(f.Message, "BT-29") || !strings.Contains(f.Message, "space") || !strings.Contains(f.Where, "SellerTradeParty/ram:ID")) {
				t.Errorf("%s: %+v", name, f)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
		if test.read != nil {
			if got, want := test.read(r.Document); got != want {
				t.Errorf("%s: read %q, want %q", name, got, want)
			}
		}
	}
}
