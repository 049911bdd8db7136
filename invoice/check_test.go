package invoice_test

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/invoicetest"
)

// Each case changes one thing in a good document, and Check must name that thing alone.
func TestCheck(t *testing.T) {
	t.Parallel()
	with := func(change func(*invoicetest.Invoice)) invoicetest.Invoice {
		i := invoicetest.Invoice{}
		change(&i)
		return i
	}
	numero := func(s string) invoicetest.Invoice { return with(func(i *invoicetest.Invoice) { i.Numero = s }) }
	supplier := func(s string) invoicetest.Invoice {
		return with(func(i *invoicetest.Invoice) { i.FournisseurSIRET = s })
	}
	cadre := func(s string) invoicetest.Invoice { return with(func(i *invoicetest.Invoice) { i.Cadre = s }) }
	day := func(year int) invoicetest.Invoice {
		return with(func(i *invoicetest.Invoice) { i.Date = time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC) })
	}
	without := func(term string) invoicetest.Invoice { return invoicetest.Invoice{Sans: []string{term}} }

	for _, test := range []struct {
		name, want string // code and term, "" for none
		i          invoicetest.Invoice
	}{
		{"good", "", invoicetest.Invoice{}},
		{"no number", "MISSING BT-1", without("BT-1")},
		{"number of blanks", "MISSING BT-1", numero("  ")},
		{"20 characters", "", numero("12345678901234567890")},
		{"21 characters", "NUMBER_TOO_LONG BT-1", numero("123456789012345678901")},
		{"every sign allowed", "", numero("aZ09 -+_/.."[:9] + "z")},
		{"a dot", "NUMBER_CHARACTERS BT-1", numero("F.1")},
		{"an accent", "NUMBER_CHARACTERS BT-1", numero("FÉ1")},
		{"space before", "NUMBER_CHARACTERS BT-1", numero(" F1")},
		{"space after", "NUMBER_CHARACTERS BT-1", numero("F1 ")},
		{"no date", "MISSING BT-2", without("BT-2")},
		{"year 1989", "DATE BT-2", day(1989)},
		{"year 1990", "", day(1990)},
		{"year 2100", "", day(2100)},
		{"year 2101", "DATE BT-2", day(2101)},
		{"no type", "MISSING BT-3", without("BT-3")},
		{"type of an order", "TYPE BT-3", with(func(i *invoicetest.Invoice) { i.Type = "220" })},
		{"prepayment invoice", "", with(func(i *invoicetest.Invoice) { i.Type = "386" })},
		{"no currency", "MISSING BT-5", without("BT-5")},
		{"euro sign", "CURRENCY BT-5", with(func(i *invoicetest.Invoice) { i.Devise = "€" })},
		{"service code of 100", "", with(func(i *invoicetest.Invoice) { i.CodeService = strings.Repeat("é", 100) })},
		{"service code of 101", "TOO_LONG BT-10", with(func(i *invoicetest.Invoice) { i.CodeService = strings.Repeat("é", 101) })},
		{"commitment of 50", "", with(func(i *invoicetest.Invoice) { i.Engagement = strings.Repeat("1", 50) })},
		{"commitment of 51", "TOO_LONG BT-13", with(func(i *invoicetest.Invoice) { i.Engagement = strings.Repeat("1", 51) })},
		{"tabulation in the commitment", "CONTROL_CHARACTERS BT-13", with(func(i *invoicetest.Invoice) { i.Engagement = "1\t2" })},
		{"delete in the name", "CONTROL_CHARACTERS BT-27", with(func(i *invoicetest.Invoice) { i.FournisseurNom = "A\x7fB" })},
		{"no cadre", "", without("BT-23")},
		{"A25", "", cadre("A25")},
		{"A26", "CADRE BT-23", cadre("A26")},
		{"A0", "CADRE BT-23", cadre("A0")},
		{"A01", "CADRE BT-23", cadre("A01")},
		{"the reform's", "CADRE BT-23", cadre("S1")},
		{"with its name", "CADRE BT-23", cadre("A1_FACTURE_FOURNISSEUR")},
		{"no supplier", "MISSING BT-30", without("BT-30")},
		{"13 digits", "SIRET BT-30", supplier("9999999980001")},
		{"SIREN", "SIRET BT-30", supplier("999999998")},
		{"spaces", "SIRET BT-30", supplier("999 999 998 00012")},
		{"space after", "SIRET BT-30", supplier("99999999800012 ")},
		{"foreign", "SIRET BT-30", supplier("NL16356706")},
		{"wrong recipient", "SIRET BT-47", with(func(i *invoicetest.Invoice) { i.DestinataireSIRET = "1" })},
		{"no recipient", "MISSING BT-47", without("BT-47")},
		{"no total", "MISSING BT-112", without("BT-112")},
		{"no other totals", "", invoicetest.Invoice{Sans: []string{"BT-109", "BT-110", "BT-115", "BT-81", "BT-27"}}},
	} {
		for _, b := range [][]byte{test.i.UBL(), test.i.CII()} {
			expectProblem(t, test.name, mustRead(t, b), test.want)
		}
	}
}

// Values that a maker of invoices does not produce.
func TestCheckRaw(t *testing.T) {
	t.Parallel()
	ubl := string(invoicetest.Invoice{}.UBL())
	const ttc = `<cbc:TaxInclusiveAmount currencyID="EUR">1500.00<`
	const id = "<cbc:ID>F-2026-0001</cbc:ID>"
	amount := func(s string) string { return strings.Replace(ttc, "1500.00", s, 1) }
	for _, test := range []struct{ old, new, want string }{
		{"2026-01-15", "2026-02-30", "DATE BT-2"},
		{"2026-01-15", "15/01/2026", "DATE BT-2"},
		{"2026-01-15", "2026-0115", "DATE BT-2"},
		{"2026-01-15", "20260115", "DATE BT-2"},
		{"2026-01-15", "2026-01-15T00:00:00", "DATE BT-2"},
		{"2026-01-15", "0000-01-01", "DATE BT-2"},
		{"2026-01-15", " 2026-01-15Z ", ""},
		{ttc, amount(" 12 "), ""},
		{ttc, amount("-3.5"), ""},
		{ttc, amount("+3"), ""},
		{ttc, amount("1.5E3"), "AMOUNT BT-112"},
		{ttc, amount("1 500.00"), "AMOUNT BT-112"},
		{ttc, amount("1,500.00"), "AMOUNT BT-112"},
		{ttc, amount("1500,00"), "AMOUNT BT-112"},
		{ttc, amount("1.500.00"), "AMOUNT BT-112"},
		{ttc, amount("NaN"), "AMOUNT BT-112"},
		{ttc, amount("0x10"), "AMOUNT BT-112"},
		{ttc, amount(strings.Repeat("9", 16)), "AMOUNT BT-112"},
		{ttc, amount("1." + strings.Repeat("0", 5000)), "AMOUNT BT-112"},
		{ttc, amount(""), "MISSING BT-112"},
		{id, "<cbc:ID></cbc:ID>", "MISSING BT-1"},
		{id, id + "<cbc:ID>F-2</cbc:ID>", "SEVERAL BT-1"},
		{id, id + id, ""},
		{id, "<cbc:ID>\n  F-1\n  </cbc:ID>", "NUMBER_CHARACTERS BT-1"},
		{id, "<cbc:ID>" + strings.Repeat("é", 1_000_000) + "</cbc:ID>", "NUMBER_TOO_LONG BT-1+NUMBER_CHARACTERS BT-1"},
		{"99999999800012", "\u0669" + "9999999800012", "SIRET BT-30"}, // an Arabic-Indic nine
		{"99999999800012", "999999998\u00a000012", "SIRET BT-30"},
	} {
		doc := strings.Replace(ubl, test.old, test.new, 1)
		if doc == ubl && test.old != test.new {
			t.Fatalf("nothing replaced: %s", test.old)
		}
		want := test.want
		if strings.HasPrefix(test.new, "<cbc:ID>\n") {
			want += "+CONTROL_CHARACTERS BT-1"
		}
		expectProblem(t, test.new[:min(len(test.new), 60)], mustRead(t, []byte(doc)), want)
	}
}

// expectProblem wants codes and terms joined by +, and fit messages.
func expectProblem(t *testing.T, name string, d *invoice.Document, want string) {
	t.Helper()
	var got []string
	for _, p := range d.Check() {
		got = append(got, p.Code+" "+p.Term)
		for _, message := range []string{p.Message, p.MessageFR, p.Error()} {
			if !strings.Contains(message, p.Term+" (") || len([]rune(message)) > 300 || strings.ContainsFunc(message, unicode.IsControl) || strings.Contains(message, "%!") {
				t.Errorf("%s: message %q", name, message)
			}
		}
		if p.Message == p.MessageFR {
			t.Errorf("%s: not translated: %q", name, p.Message)
		}
	}
	if all := strings.Join(got, "+"); all != want {
		t.Errorf("%s (%s): problems %q, want %q", name, d.Syntaxe, all, want)
	}
}

// A blank in a SIRET must be called a blank: Chorus Pro rejects it without a word.
func TestSIRETMessages(t *testing.T) {
	t.Parallel()
	for siret, want := range map[string]string{
		"999 999 998 00012":    "has a space",
		"999999998\u202f00012": "has a space",
		"999999998":            "is a SIREN",
		"9999999980001":        "has 13 digits",
		"FR11999999998":        "not a SIRET",
	} {
		problems := mustRead(t, invoicetest.Invoice{FournisseurSIRET: siret}.CII()).Check()
		if len(problems) != 1 || !strings.Contains(problems[0].Message, want) {
			t.Errorf("%s: %v, want %q", siret, problems, want)
		}
	}
}

// A Document that was not read from bytes is checked all the same.
func TestCheckZero(t *testing.T) {
	t.Parallel()
	expectProblem(t, "zero", &invoice.Document{}, "MISSING BT-1+MISSING BT-2+MISSING BT-3+MISSING BT-5+MISSING BT-30+MISSING BT-47+MISSING BT-112")
}
