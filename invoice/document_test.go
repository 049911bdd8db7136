package invoice_test

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"pgregory.net/rapid"

	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/invoicetest"
)

// facts is a Document in words, so that a test shows every difference at once.
func facts(d *invoice.Document) string {
	amount := func(n decimal.NullDecimal) string {
		if !n.Valid {
			return "-"
		}
		return n.Decimal.StringFixed(2)
	}
	return strings.Join([]string{
		d.Numero, d.Date.Format(time.RFC3339), d.Type, d.FournisseurSIRET, d.FournisseurNom, d.DestinataireSIRET, d.DestinataireNom,
		amount(d.MontantHT), amount(d.MontantTVA), amount(d.MontantTTC), amount(d.MontantAPayer),
		d.Devise, d.Cadre, d.CodeService, d.Engagement, d.Paiement, d.FactureOrigine,
	}, "|")
}

func mustRead(t *testing.T, b []byte) *invoice.Document {
	t.Helper()
	d, err := invoice.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mustFacturX(t *testing.T, i invoicetest.Invoice) []byte {
	t.Helper()
	b, err := i.FacturX()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// code is the code of Read's error, "" when b is read.
func code(b []byte) string {
	_, err := invoice.Read(b)
	var p *invoice.Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}

func TestReadEverySyntax(t *testing.T) {
	t.Parallel()
	full := invoicetest.Invoice{
		Numero: "AV 2026/7", Date: time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC), Type: "381", FournisseurSIRET: "11111111100011",
		FournisseurNom: "Été & Fils <SARL>", DestinataireSIRET: "22222222200022", DestinataireNom: "Œuvre \"X\"", CodeService: "SERVICE_1",
		Engagement: "EJ-42", Cadre: "A9", Devise: "XPF", Paiement: "10", FactureOrigine: "F-1",
		Lignes: []invoicetest.Ligne{
			{Quantite: decimal.NewNullDecimal(decimal.RequireFromString("3")), PrixUnitaire: decimal.NewNullDecimal(decimal.RequireFromString("33.333"))},
			{TVA: decimal.NewNullDecimal(decimal.RequireFromString("5.5"))},
			{TVA: decimal.NewNullDecimal(decimal.Zero)},
		},
	}
	const (
		simpleFacts = "F-2026-0001|2026-01-15T00:00:00Z|380|99999999800012|ATELIER EXEMPLE SARL|99999999700023|COMMUNE D'EXEMPLE|" +
			"1250.00|250.00|1500.00|1500.00|EUR|A1|||30|"
		fullFacts = "AV 2026/7|2026-02-28T00:00:00Z|381|11111111100011|Été & Fils <SARL>|22222222200022|Œuvre \"X\"|" +
			"2600.00|88.75|2688.75|2688.75|XPF|A9|SERVICE_1|EJ-42|10|F-1"
	)
	simple := invoicetest.Invoice{}
	for _, test := range []struct {
		name, syntaxe, want string
		b                   []byte
	}{
		{"UBL", invoice.SyntaxeUBL, simpleFacts, simple.UBL()},
		{"CreditNote", invoice.SyntaxeUBL, strings.Replace(simpleFacts, "|380|", "|381|", 1), simple.CreditNote()},
		{"CII", invoice.SyntaxeCII, simpleFacts, simple.CII()},
		{"FacturX", invoice.SyntaxeFacturX, simpleFacts, mustFacturX(t, simple)},
		{"full UBL", invoice.SyntaxeUBL, fullFacts, full.UBL()},
		{"full CreditNote", invoice.SyntaxeUBL, fullFacts, full.CreditNote()},
		{"full CII", invoice.SyntaxeCII, fullFacts, full.CII()},
		{"full FacturX", invoice.SyntaxeFacturX, fullFacts, mustFacturX(t, full)},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := mustRead(t, test.b)
			if d.Syntaxe != test.syntaxe {
				t.Errorf("syntaxe %s, want %s", d.Syntaxe, test.syntaxe)
			}
			if got := facts(d); got != test.want {
				t.Errorf("facts\n%s, want\n%s", got, test.want)
			}
			if got := d.Profil; got != "urn:cen.eu:en16931:2017" {
				t.Errorf("profil %s", got)
			}
			if got := d.SIREN(); got != d.FournisseurSIRET[:9] {
				t.Errorf("SIREN %s", got)
			}
		})
	}
}

var manySpaces = regexp.MustCompile(` +`)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	text := func(pattern string) *rapid.Generator[string] { return rapid.StringMatching(pattern) }
	rapid.Check(t, func(t *rapid.T) {
		i := invoicetest.Invoice{
			Numero:            text(`[A-Za-z0-9][A-Za-z0-9 +_/-]{0,18}[A-Za-z0-9]`).Draw(t, "numero"),
			Date:              time.Date(rapid.IntRange(1990, 2100).Draw(t, "year"), 1, rapid.IntRange(1, 365).Draw(t, "day"), 0, 0, 0, 0, time.UTC),
			Type:              rapid.SampledFrom([]string{"380", "381", "384", "386"}).Draw(t, "type"),
			FournisseurSIRET:  text(`[0-9]{14}`).Draw(t, "supplier"),
			DestinataireSIRET: text(`[0-9]{14}`).Draw(t, "recipient"),
			FournisseurNom:    text(`[^\s\pC\x{FFFD}]([^\s\pC\x{FFFD}]| ){0,30}[^\s\pC\x{FFFD}]`).Draw(t, "name"),
			CodeService:       text(`(Q[A-Z0-9_-]{0,99})?`).Draw(t, "service"),
			Engagement:        text(`(Q[A-Z0-9_-]{0,49})?`).Draw(t, "commitment"),
			Cadre:             text(`A([1-9]|1[0-9]|2[0-5])`).Draw(t, "cadre"),
			Paiement:          rapid.SampledFrom([]string{"10", "30", "42", "58"}).Draw(t, "payment"),
		}
		for range rapid.IntRange(1, 4).Draw(t, "lines") {
			draw := func(name string, highest int64, exp int32) decimal.NullDecimal {
				return decimal.NewNullDecimal(decimal.New(rapid.Int64Range(0, highest).Draw(t, name), exp))
			}
			i.Lignes = append(i.Lignes, invoicetest.Ligne{
				Quantite: draw("quantity", 100_000, -3), PrixUnitaire: draw("price", 100_000_000, -4), TVA: draw("rate", 200, -1),
			})
		}
		pdf, err := i.FacturX()
		if err != nil {
			t.Fatal(err)
		}
		var seen []string
		for _, b := range [][]byte{i.UBL(), i.CreditNote(), i.CII(), pdf} {
			d, err := invoice.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(d.FournisseurNom, "  ") {
				t.Fatalf("name not collapsed: %q", d.FournisseurNom)
			}
			seen = append(seen, facts(d))
		}
		if len(slices.Compact(seen)) != 1 {
			t.Fatalf("syntaxes differ: %q", seen)
		}
		ht, tva, ttc := i.Total()
		want := strings.Join([]string{
			i.Numero, i.Date.Format(time.RFC3339), i.Type, i.FournisseurSIRET, manySpaces.ReplaceAllString(i.FournisseurNom, " "),
			i.DestinataireSIRET, "COMMUNE D'EXEMPLE", ht.StringFixed(2), tva.StringFixed(2), ttc.StringFixed(2), ttc.StringFixed(2),
			"EUR", i.Cadre, i.CodeService, i.Engagement, i.Paiement, "",
		}, "|")
		if seen[0] != want {
			t.Fatalf("read\n%s, want\n%s", seen[0], want)
		}
	})
}

// The same document in other bytes is the same invoice.
func TestReadOtherBytes(t *testing.T) {
	t.Parallel()
	i := invoicetest.Invoice{FournisseurNom: "Société Générée à l'été"}
	x := string(i.CII())
	ubl := string(i.UBL())
	declare := func(s, enc string) string { return strings.Replace(s, `encoding="UTF-8"`, `encoding="`+enc+`"`, 1) }
	encode := func(s string, enc encoding.Encoding) []byte {
		b, err := enc.NewEncoder().Bytes([]byte(s))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	noDeclaration := x[strings.Index(x, "<rsm"):]
	for name, b := range map[string][]byte{
		"BOM":                   []byte("\uFEFF" + x),
		"lower-case utf-8":      []byte(declare(x, "utf-8")),
		"single quotes":         []byte(strings.Replace(x, `version="1.0" encoding="UTF-8"`, `version='1.0' encoding='utf-8' standalone='no'`, 1)),
		"no declaration":        []byte(noDeclaration),
		"utf-16le":              encode(declare(x, "UTF-16"), unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)),
		"utf-16be":              encode(declare(x, "utf-16"), unicode.UTF16(unicode.BigEndian, unicode.UseBOM)),
		"utf-16 no mark":        encode(declare(x, "UTF-16LE"), unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)),
		"utf-16 no declaration": encode(noDeclaration, unicode.UTF16(unicode.BigEndian, unicode.UseBOM)),
		"iso-8859-1":            encode(declare(x, "ISO-8859-1"), charmap.ISO8859_1),
		"iso-8859-15":           encode(declare(x, "iso-8859-15"), charmap.ISO8859_15),
		"windows-1252":          encode(declare(x, "Windows-1252"), charmap.Windows1252),
		"other prefixes":        []byte(strings.NewReplacer("rsm:", "a:", ":rsm", ":a", "ram:", "b_1:", ":ram", ":b_1", "udt:", "ü:", ":udt", ":ü").Replace(x)),
		"default namespace":     []byte(strings.NewReplacer("ram:", "", "xmlns:ram=", "xmlns=").Replace(x)),
		"comments, CDATA":       []byte(strings.Replace(x, "F-2026-0001", "<!-- a -->F-2026<!-- b --><![CDATA[-0001]]>", 1)),
		"blanks":                []byte(strings.NewReplacer(">1500.00<", ">\n 1500.00 <", ">EUR<", "> EUR <", "Société Générée", "Société\n\tGénérée", ">A1<", ">\nA1\n<").Replace(x)),
		"UBL other prefixes":    []byte(strings.NewReplacer("cbc:", "x:", ":cbc", ":x", "cac:", "y:", ":cac", ":y").Replace(ubl)),
		"UBL all prefixed":      []byte(strings.NewReplacer("<Invoice xmlns=", "<i:Invoice xmlns:i=", "</Invoice>", "</i:Invoice>").Replace(ubl)),
		"UBL date with zone":    []byte(strings.Replace(ubl, "2026-01-15", "2026-01-15+01:00", 1)),
		"CRLF":                  []byte(strings.ReplaceAll(ubl, "\n", "\r\n")),
	} {
		d, err := invoice.Read(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := facts(mustRead(t, i.CII()))
		if got := facts(d); got != want {
			t.Errorf("%s: facts\n%s, want\n%s", name, got, want)
		}
	}
}

// A line's ID, a note's date or another party's SIRET is never taken for the header's.
func TestReadHeaderOnly(t *testing.T) {
	t.Parallel()
	i := invoicetest.Invoice{Sans: []string{"BT-1", "BT-2", "BT-30", "BT-112"}}
	payee := `<cac:PayeeParty><cac:PartyLegalEntity><cbc:CompanyID>33333333300033</cbc:CompanyID></cac:PartyLegalEntity></cac:PayeeParty>`
	ubl := strings.Replace(string(i.UBL()), "<cac:PaymentMeans>", payee+
		`<cac:ContractDocumentReference><cbc:ID>C-1</cbc:ID><cbc:IssueDate>2020-01-01</cbc:IssueDate></cac:ContractDocumentReference><cac:PaymentMeans>`, 1)
	ubl = strings.Replace(ubl, "<cac:Party>", `<cac:Party><other:Party xmlns:other="urn:other"><cac:PartyLegalEntity><cbc:CompanyID>44444444400044</cbc:CompanyID></cac:PartyLegalEntity></other:Party>`, 1)
	for _, b := range [][]byte{[]byte(ubl), i.CII()} {
		d := mustRead(t, b)
		if d.Numero != "" || !d.Date.IsZero() || d.FournisseurSIRET != "" || d.SIREN() != "" || d.MontantTTC.Valid {
			t.Errorf("%s: taken from elsewhere: %s", d.Syntaxe, facts(d))
		}
	}
}

// Other writers spread a SIRET over several places, among identifiers of other kinds.
func TestReadSIRET(t *testing.T) {
	t.Parallel()
	const siret = "99999999800012"
	const ublID = `<cbc:CompanyID schemeID="0002">` + siret + `</cbc:CompanyID>`
	const ciiID = `<ram:ID schemeID="0002">` + siret + `</ram:ID>`
	const ciiOrganisation = "<ram:SpecifiedLegalOrganization>\n          " + ciiID + "\n        </ram:SpecifiedLegalOrganization>"
	i := invoicetest.Invoice{}
	for _, test := range []struct {
		name, old, new string
		want           string
	}{
		{"UBL no scheme", ublID, `<cbc:CompanyID>` + siret + `</cbc:CompanyID>`, siret},
		{"UBL 0009", ublID, `<cbc:CompanyID schemeID="0009">` + siret + `</cbc:CompanyID>`, siret},
		{"UBL Chorus type 1", ublID, `<cbc:CompanyID schemeName="1">` + siret + `</cbc:CompanyID>`, siret},
		{"UBL of a foreign register", ublID, `<cbc:CompanyID schemeID="0088">` + siret + `</cbc:CompanyID>`, ""},
		{"UBL a space in it", ublID, `<cbc:CompanyID>999 999 998 00012</cbc:CompanyID>`, ""},
		{"CII SIREN, then a global ID", ciiOrganisation, `<ram:SpecifiedLegalOrganization><ram:ID schemeID="0002">999999998</ram:ID></ram:SpecifiedLegalOrganization><ram:GlobalID schemeID="0088">12345678901234</ram:GlobalID><ram:GlobalID schemeID="0009">` + siret + `</ram:GlobalID>`, siret},
		{"CII private ID", ciiOrganisation, `<ram:ID>` + siret + `</ram:ID>`, siret},
		{"CII electronic address", ciiOrganisation, `<ram:URIUniversalCommunication><ram:URIID schemeID="0009">` + siret + `</ram:URIID></ram:URIUniversalCommunication>`, siret},
		{"CII electronic address of another kind", ciiOrganisation, `<ram:URIUniversalCommunication><ram:URIID schemeID="0225">` + siret + `</ram:URIID></ram:URIUniversalCommunication>`, ""},
	} {
		doc := string(i.UBL())
		if strings.HasPrefix(test.name, "CII") {
			doc = string(i.CII())
		}
		changed := strings.Replace(doc, test.old, test.new, 1)
		if changed == doc {
			t.Fatalf("%s: nothing replaced", test.name)
		}
		if got := mustRead(t, []byte(changed)).FournisseurSIRET; got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// BT-110 is the VAT in the invoice's currency, wherever the one in the accounting currency stands.
func TestReadTwoCurrencies(t *testing.T) {
	t.Parallel()
	x := strings.Replace(string(invoicetest.Invoice{Devise: "USD"}.CII()), `<ram:TaxTotalAmount`,
		`<ram:TaxTotalAmount currencyID="EUR">230.00</ram:TaxTotalAmount><ram:TaxTotalAmount`, 1)
	if got := mustRead(t, []byte(x)).MontantTVA.Decimal.StringFixed(2); got != "250.00" {
		t.Errorf("BT-110 = %s, want 250.00", got)
	}
}

func TestReadConcurrently(t *testing.T) {
	t.Parallel()
	pdf := mustFacturX(t, invoicetest.Invoice{})
	before := bytes.Clone(pdf)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if d, err := invoice.Read(pdf); err != nil || d.Numero != "F-2026-0001" {
					t.Errorf("read %v, %v", d, err)
				}
			}
		})
	}
	wg.Wait()
	if !bytes.Equal(pdf, before) {
		t.Error("Read changed the document")
	}
}

func TestCompatible(t *testing.T) {
	t.Parallel()
	if len(invoice.Syntaxes) != 13 || len(slices.Compact(slices.Sorted(slices.Values(invoice.Syntaxes)))) != 13 {
		t.Errorf("syntaxes are not 13: %q", invoice.Syntaxes)
	}
	want := map[string]string{
		"IN_DP_E1_UBL_INVOICE": invoice.SyntaxeUBL, "IN_DP_E2_UBL_INVOICE_MIN": invoice.SyntaxeUBL,
		"IN_DP_PDFARCHIVE_UBL_INVOICE_MUG": invoice.SyntaxeUBL,
		"IN_DP_E1_CII_16B":                 invoice.SyntaxeCII, "IN_DP_E2_CII_MIN_16B": invoice.SyntaxeCII,
		"IN_DP_PDFARCHIVE_CII_MUG": invoice.SyntaxeCII, "IN_DP_E2_CII_FACTURX": invoice.SyntaxeFacturX,
	}
	for _, declared := range append(slices.Clone(invoice.Syntaxes), "", "IN_DP_E3_UBL_INVOICE") {
		for _, recognised := range []string{invoice.SyntaxeUBL, invoice.SyntaxeCII, invoice.SyntaxeFacturX, ""} {
			expected := recognised != "" && want[declared] == recognised
			if got := invoice.Compatible(declared, recognised); got != expected {
				t.Errorf("Compatible(%q, %q) = %v", declared, recognised, got)
			}
		}
	}
}
