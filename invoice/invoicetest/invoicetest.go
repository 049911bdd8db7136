// Package invoicetest makes the project's own sample invoices, for tests, the demonstration and measurements: UBL 2.1, CII
// D16B and Factur-X, complete after EN 16931, with fictional parties. The same Invoice always gives the same bytes.
package invoicetest

import (
	"bytes"
	_ "embed"
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/shopspring/decimal"
)

// Invoice is what a sample says. The zero value is a good invoice: every field left empty takes the default that is
// written beside it. Nothing is checked, so that wrong documents can be made too.
type Invoice struct {
	Numero            string    // BT-1: F-2026-0001
	Date              time.Time // BT-2: 15 January 2026
	Type              string    // BT-3: 380, in a CreditNote 381
	FournisseurSIRET  string    // BT-30: 99999999800012
	FournisseurNom    string    // BT-27: ATELIER EXEMPLE SARL
	DestinataireSIRET string    // BT-47: 99999999700023
	DestinataireNom   string    // BT-44: COMMUNE D'EXEMPLE
	CodeService       string    // BT-10: none
	Engagement        string    // BT-13: none
	Cadre             string    // BT-23: A1
	Devise            string    // BT-5: EUR
	Paiement          string    // BT-81: 30, a transfer
	IBAN              string    // BT-84: a fictional one; written for transfers (30, 31, 42, 58) only
	FactureOrigine    string    // BT-25: none
	Lignes            []Ligne   // BG-25: one line of 1250.00 at 20 %
	Sans              []string  // terms to leave out: any of the above by its name ("BT-1", "BT-30"), BT-109, BT-110, BT-112, BT-115
}

// Ligne is one line of an invoice. Empty fields take the default written beside them.
type Ligne struct {
	Designation  string              // BT-153: Prestation d'exemple
	Quantite     decimal.NullDecimal // BT-129: 1
	PrixUnitaire decimal.NullDecimal // BT-146, without VAT: 1250.00
	TVA          decimal.NullDecimal // BT-152, percent: 20
}

//go:embed ubl.xml.tmpl
var ublText string

//go:embed cii.xml.tmpl
var ciiText string

var (
	functions = template.FuncMap{"x": escape}
	ublForm   = template.Must(template.New("ubl").Funcs(functions).Parse(ublText))
	ciiForm   = template.Must(template.New("cii").Funcs(functions).Parse(ciiText))
)

// UBL makes a UBL 2.1 Invoice.
func (i Invoice) UBL() []byte { return fill(ublForm, i.facts("Invoice", "380")) }

// CreditNote makes a UBL 2.1 CreditNote. Its amounts are positive, as UBL wants them.
func (i Invoice) CreditNote() []byte { return fill(ublForm, i.facts("CreditNote", "381")) }

// CII makes a CII D16B CrossIndustryInvoice of the profile EN 16931; a credit note when Type is 381.
func (i Invoice) CII() []byte { return fill(ciiForm, i.facts("", "380")) }

// FacturX makes a PDF that shows the invoice's facts and carries CII as factur-x.xml. The PDF claims PDF/A-3B in its XMP
// metadata and is written to be so (embedded font, no device colours).
func (i Invoice) FacturX() ([]byte, error) { return writePDF(i.facts("", "380"), i.CII()) }

// Total is what the invoice comes to: BT-109, BT-110 and BT-112.
func (i Invoice) Total() (ht, tva, ttc decimal.Decimal) {
	f := i.facts("", "380")
	return f.ht, f.tva, f.ht.Add(f.tva)
}

// facts is an Invoice with its defaults, its sums, and the words of its syntax.
type facts struct {
	Invoice
	Root   string // Invoice or CreditNote, in UBL
	Lines  []line
	Taxes  []tax
	ht     decimal.Decimal
	tva    decimal.Decimal
	Profil string
}

type line struct {
	N                                     int
	Designation, Quantite, Prix, TVA, Net string
	Category                              string
}

// tax is one group of the VAT breakdown (BG-23).
type tax struct {
	Rate, Base, Amount, Category string
}

func (i Invoice) facts(root, kind string) facts {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&i.Numero, "F-2026-0001")
	set(&i.Type, kind)
	set(&i.FournisseurSIRET, "99999999800012")
	set(&i.FournisseurNom, "ATELIER EXEMPLE SARL")
	set(&i.DestinataireSIRET, "99999999700023")
	set(&i.DestinataireNom, "COMMUNE D'EXEMPLE")
	set(&i.Cadre, "A1")
	set(&i.Devise, "EUR")
	set(&i.Paiement, "30")
	set(&i.IBAN, "FR7630006000011234567890189")
	if i.Date.IsZero() {
		i.Date = time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)
	}
	if len(i.Lignes) == 0 {
		i.Lignes = []Ligne{{}}
	}

	f := facts{Invoice: i, Root: root, Profil: "urn:cen.eu:en16931:2017"}
	var rates []decimal.Decimal
	bases := map[string]decimal.Decimal{}
	for n, l := range i.Lignes {
		set(&l.Designation, "Prestation d'exemple")
		quantity := orElse(l.Quantite, decimal.NewFromInt(1))
		price := orElse(l.PrixUnitaire, decimal.NewFromInt(1250))
		rate := orElse(l.TVA, decimal.NewFromInt(20))
		net := quantity.Mul(price).Round(2)
		f.ht = f.ht.Add(net)
		f.Lines = append(f.Lines, line{
			N: n + 1, Designation: l.Designation, Quantite: quantity.String(), Prix: price.String(), TVA: rate.String(),
			Net: net.StringFixed(2), Category: category(rate),
		})
		if _, known := bases[rate.String()]; !known {
			rates = append(rates, rate)
		}
		bases[rate.String()] = bases[rate.String()].Add(net)
	}
	for _, rate := range rates {
		base := bases[rate.String()]
		amount := base.Mul(rate).Div(decimal.NewFromInt(100)).Round(2)
		f.tva = f.tva.Add(amount)
		f.Taxes = append(f.Taxes, tax{
			Rate: rate.String(), Base: base.StringFixed(2), Amount: amount.StringFixed(2), Category: category(rate),
		})
	}
	return f
}

func orElse(n decimal.NullDecimal, otherwise decimal.Decimal) decimal.Decimal {
	if n.Valid {
		return n.Decimal
	}
	return otherwise
}

// category is BT-151: standard rate, or zero rate.
func category(rate decimal.Decimal) string {
	if rate.IsZero() {
		return "Z"
	}
	return "S"
}

// What follows is for the templates.

func (f facts) Has(term string) bool { return !slices.Contains(f.Sans, term) }
func (f facts) Day() string          { return f.Date.Format("2006-01-02") }
func (f facts) Day102() string       { return f.Date.Format("20060102") }
func (f facts) HT() string           { return f.ht.StringFixed(2) }
func (f facts) VAT() string          { return f.tva.StringFixed(2) }
func (f facts) TTC() string          { return f.ht.Add(f.tva).StringFixed(2) }
func (f facts) Transfer() bool       { return slices.Contains([]string{"30", "31", "42", "58"}, f.Paiement) }

// VATNumber is the French VAT number that belongs to a SIRET; a SIRET made wrong on purpose still gets one.
func (f facts) VATNumber(siret string) string {
	siren, err := strconv.Atoi(siret[:min(9, len(siret))])
	if err != nil || siren < 0 {
		siren = 999999998
	}
	return fmt.Sprintf("FR%02d%09d", (12+3*(siren%97))%97, siren)
}

func escape(s string) (string, error) {
	var b strings.Builder
	err := xml.EscapeText(&b, []byte(s))
	return b.String(), err
}

func fill(form *template.Template, f facts) []byte {
	var b bytes.Buffer
	if err := form.Execute(&b, f); err != nil {
		panic(err) // the template is wrong: its arguments cannot be
	}
	return b.Bytes()
}
