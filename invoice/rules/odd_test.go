package rules_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/invoice/rules"
)

// oddDocument is one that suppliers really make: odd but right, or wrong in one thing. Each swap of two texts is made; the form is said by the first letter of its name.
type oddDocument struct {
	name  string
	inv   invoicetest.Invoice
	swaps []string // old, new, old, new …
	want  string   // every finding: severity, code, term
}

const (
	ublLegal = `<cbc:CompanyID schemeID="0002">99999999800012</cbc:CompanyID>`
	ublTaxed = "<cbc:ID>S</cbc:ID>"
	ciiLegal = `<ram:ID schemeID="0002">99999999800012</ram:ID>`
	ciiBuyer = `<ram:ID schemeID="0002">99999999700023</ram:ID>`

	ublBuyerParty = "<cac:AccountingCustomerParty>\n    <cac:Party>"
)

// ublFile is a file within a UBL invoice.
func ublFile(base64 string) string {
	return `<cac:AdditionalDocumentReference><cbc:ID>1</cbc:ID><cac:Attachment><cbc:EmbeddedDocumentBinaryObject mimeCode="application/pdf" filename="a.pdf">` + base64 +
		`</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>`
}

var oddDocuments = []oddDocument{
	{"UBL, SIREN as legal identifier, SIRET as another", invoicetest.Invoice{}, []string{
		ublLegal, `<cbc:CompanyID schemeID="0002">999999998</cbc:CompanyID>`,
		"<cac:AccountingSupplierParty>\n    <cac:Party>", `<cac:AccountingSupplierParty><cac:Party><cac:PartyIdentification><cbc:ID schemeID="0009">99999999800012</cbc:ID></cac:PartyIdentification>`,
	}, ""},
	{"UBL, SIRET with a no-break space", invoicetest.Invoice{FournisseurSIRET: "999999998\u00a000012"}, nil, "error CH-SELLER-SIRET BT-30"},
	{"UBL, SIRET of the recipient within a label", invoicetest.Invoice{DestinataireSIRET: "SIRET 99999999700023"}, nil, "error CH-BUYER-SIRET BT-47"},
	{"UBL, number with n° before it", invoicetest.Invoice{Numero: "n° 2026-118"}, nil, "error CH-NUMBER-CHARACTERS BT-1"},
	{"UBL, number with dots", invoicetest.Invoice{Numero: "FAC.2026.118"}, nil, "error CH-NUMBER-CHARACTERS BT-1"},
	{"UBL, currency in small letters", invoicetest.Invoice{Devise: "eur"}, nil, "*"},
	{"UBL, total with a comma", invoicetest.Invoice{}, []string{`TaxInclusiveAmount currencyID="EUR">1500.00`, `TaxInclusiveAmount currencyID="EUR">1500,00`}, "error CH-AMOUNT BT-112+error BR-CO-15 BT-112+error BR-CO-16 BT-115"},
	{"UBL, all amounts with a comma", invoicetest.Invoice{}, []string{"1500.00", "1500,00", "250.00", "250,00"}, "*"},
	{"UBL, a total off by a cent", invoicetest.Invoice{}, []string{`TaxInclusiveAmount currencyID="EUR">1500.00`, `TaxInclusiveAmount currencyID="EUR">1500.01`}, "error BR-CO-15 BT-112+error BR-CO-16 BT-115"},
	{"UBL, the sum of lines is off", invoicetest.Invoice{}, []string{"<cac:InvoiceLine>\n    <cbc:ID>1", "<cac:InvoiceLine><cbc:ID>9", `LineExtensionAmount currencyID="EUR">1250.00</cbc:LineExtensionAmount>
    <cac:Item>`, `LineExtensionAmount currencyID="EUR">1251.00</cbc:LineExtensionAmount><cac:Item>`}, "error BR-CO-10 BT-106+error BR-S-08 BT-116"},
	{"UBL, transfer without an account", invoicetest.Invoice{}, []string{"<cbc:ID>FR7630006000011234567890189</cbc:ID>", "<cbc:ID/>"}, "error BR-50 BT-84"},
	{"UBL, IBAN in groups of four", invoicetest.Invoice{IBAN: "FR76 3000 6000 0112 3456 7890 189"}, nil, "warning CH-IBAN BT-84"},
	{"UBL, card without an account", invoicetest.Invoice{Paiement: "48"}, nil, ""},
	{"UBL, means of payment as word", invoicetest.Invoice{Paiement: "VIR"}, nil, "error CH-PAYMENT-CODE BT-81"},
	{"UBL, paid already", invoicetest.Invoice{Cadre: "A2", Paiement: "48"}, []string{`<cbc:PayableAmount currencyID="EUR">1500.00`, `<cbc:PrepaidAmount currencyID="EUR">1500.00</cbc:PrepaidAmount><cbc:PayableAmount currencyID="EUR">0.00`}, ""},
	{"UBL, paid already, and due all the same", invoicetest.Invoice{Cadre: "A2"}, nil, "warning CH-CADRE-PAID BT-23"},
	{"UBL, due although it was prepaid", invoicetest.Invoice{}, []string{`<cbc:PayableAmount currencyID="EUR">1500.00`, `<cbc:PrepaidAmount currencyID="EUR">500.00</cbc:PrepaidAmount><cbc:PayableAmount currencyID="EUR">1500.00`}, "error BR-CO-16 BT-115"},
	{"UBL, rounded to the euro", invoicetest.Invoice{}, []string{`<cbc:PayableAmount currencyID="EUR">1500.00`, `<cbc:PayableRoundingAmount currencyID="EUR">0.40</cbc:PayableRoundingAmount><cbc:PayableAmount currencyID="EUR">1500.40`}, ""},
	{"UBL, exempt with its reason", invoicetest.Invoice{}, []string{
		ublTaxed, "<cbc:ID>E</cbc:ID>", "<cbc:Percent>20", "<cbc:Percent>0",
		"<cbc:Percent>0</cbc:Percent>\n        <cac:TaxScheme>", "<cbc:Percent>0</cbc:Percent><cbc:TaxExemptionReason>Franchise en base, art. 293 B du CGI</cbc:TaxExemptionReason><cac:TaxScheme>",
		">250.00", ">0.00", "1500.00", "1250.00",
	}, ""},
	{"UBL, exempt without a reason", invoicetest.Invoice{}, []string{ublTaxed, "<cbc:ID>E</cbc:ID>", "<cbc:Percent>20", "<cbc:Percent>0", ">250.00", ">0.00", "1500.00", "1250.00"}, "error BR-E-10 BT-120"},
	{"UBL, reverse charge by a sub-contractor", invoicetest.Invoice{Cadre: "A9"}, []string{
		ublTaxed, "<cbc:ID>AE</cbc:ID>", "<cbc:Percent>20", "<cbc:Percent>0", ">250.00", ">0.00", "1500.00", "1250.00",
		"<cbc:Percent>0</cbc:Percent>\n        <cac:TaxScheme>", "<cbc:Percent>0</cbc:Percent><cbc:TaxExemptionReasonCode>VATEX-EU-AE</cbc:TaxExemptionReasonCode><cac:TaxScheme>",
	}, ""},
	{"UBL, taxed at 20 % of which 19.6 was taken", invoicetest.Invoice{}, []string{">250.00", ">245.00", "1500.00", "1495.00"}, "error BR-CO-17 BT-117+error BR-S-09 BT-117"},
	{"UBL, service of all public bodies", invoicetest.Invoice{CodeService: "factures_publiques"}, nil, "error CH-SERVICE-PUBLIC BT-10"},
	{"UBL, commitment that says none", invoicetest.Invoice{Engagement: "Néant"}, nil, "warning CH-ENGAGEMENT-NONE BT-13"},
	{"UBL, cadre of the reform", invoicetest.Invoice{Cadre: "S1"}, nil, "error CH-CADRE BT-23"},
	{"UBL, Peppol's process as cadre", invoicetest.Invoice{Cadre: "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"}, nil, "error CH-CADRE BT-23"},
	{"UBL, due before it was issued", invoicetest.Invoice{}, []string{"<cbc:InvoiceTypeCode>", "<cbc:DueDate>2025-12-31</cbc:DueDate><cbc:InvoiceTypeCode>"}, ""},
	{"UBL, dated with its time", invoicetest.Invoice{}, []string{"2026-01-15<", "2026-01-15T08:00:00<"}, "error CH-DATE BT-2"},
	{"UBL, an attachment under a path", invoicetest.Invoice{}, []string{"<cac:AccountingSupplierParty>", `<cac:AdditionalDocumentReference><cbc:ID>1</cbc:ID><cac:Attachment><cbc:EmbeddedDocumentBinaryObject mimeCode="application/pdf" filename="C:\factures\a.pdf">eHh4</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference><cac:AccountingSupplierParty>`}, "warning CH-ATTACHMENT-PATH BT-125"},
	{"UBL, an attachment without a name", invoicetest.Invoice{}, []string{"<cac:AccountingSupplierParty>", `<cac:AdditionalDocumentReference><cbc:ID>1</cbc:ID><cac:Attachment><cbc:EmbeddedDocumentBinaryObject mimeCode="application/pdf" filename="">eHh4</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference><cac:AccountingSupplierParty>`}, "error CH-ATTACHMENT-NAME BT-125"},
	{"UBL, the service as identifier of scheme 0224", invoicetest.Invoice{}, []string{ublBuyerParty, `$<cac:PartyIdentification><cbc:ID schemeID="0224">SVC-99</cbc:ID></cac:PartyIdentification>`}, ""},
	{"UBL, FACTURES_PUBLIQUES as identifier of scheme 0224", invoicetest.Invoice{}, []string{ublBuyerParty, `$<cac:PartyIdentification><cbc:ID schemeID=" 0224">FACTURES_PUBLIQUES</cbc:ID></cac:PartyIdentification>`}, "error CH-SERVICE-PUBLIC BT-10"},
	{"UBL, another service under scheme 0224", invoicetest.Invoice{CodeService: "S-1"}, []string{ublBuyerParty, `$<cac:PartyIdentification><cbc:ID schemeID="0224">SVC-99</cbc:ID></cac:PartyIdentification>`}, "warning CH-TWO-PLACES BT-10"},
	{"CII, FACTURES_PUBLIQUES as identifier of scheme 0224", invoicetest.Invoice{}, []string{"<ram:BuyerTradeParty>", `$<ram:GlobalID schemeID="0224">FACTURES_PUBLIQUES</ram:GlobalID>`}, "error CH-SERVICE-PUBLIC BT-10"},
	{"CII, another service under scheme 0224", invoicetest.Invoice{CodeService: "S-1"}, []string{"<ram:BuyerTradeParty>", `$<ram:GlobalID schemeID="0224">SVC-99</ram:GlobalID>`}, "warning CH-TWO-PLACES BT-10"},
	{"UBL, SIRET under a scheme with a blank", invoicetest.Invoice{}, []string{ublLegal, `<cbc:CompanyID schemeID="0009 ">99999999800012</cbc:CompanyID>`}, ""},
	{"UBL, an attachment in lines", invoicetest.Invoice{}, []string{"<cac:AccountingSupplierParty>", ublFile("JVBE\n Ri0xLjcK\n") + "$"}, ""},
	{"UBL, an attachment cut short", invoicetest.Invoice{}, []string{"<cac:AccountingSupplierParty>", ublFile("JVBERi0xLjc") + "$"}, "error CH-ATTACHMENT-EMPTY BT-125"},
	{"UBL, an attachment with a sign within", invoicetest.Invoice{}, []string{"<cac:AccountingSupplierParty>", ublFile("JVBE=i0xLjcK") + "$"}, "error CH-ATTACHMENT-EMPTY BT-125"},
	{"UBL, an attachment with bits left over", invoicetest.Invoice{}, []string{"<cac:AccountingSupplierParty>", ublFile("JVBERi0xLjd=") + "$"}, "error CH-ATTACHMENT-EMPTY BT-125"},
	{"UBL, an attachment of signs alone", invoicetest.Invoice{}, []string{"<cac:AccountingSupplierParty>", ublFile("====") + "$"}, "error CH-ATTACHMENT-EMPTY BT-125"},
	{"UBL, an attachment with a no-break space", invoicetest.Invoice{}, []string{"<cac:AccountingSupplierParty>", ublFile("JVBE\u00a0Ri0xLjcK") + "$"}, "error CH-ATTACHMENT-EMPTY BT-125"},
	{"UBL, an attachment that is wrong far within", invoicetest.Invoice{}, []string{"<cac:AccountingSupplierParty>", ublFile(strings.Repeat("JVBE", 3000)+"!!!!") + "$"}, "error CH-ATTACHMENT-EMPTY BT-125"},
	{"UBL, no profile", invoicetest.Invoice{}, []string{">urn:cen.eu:en16931:2017<", "><"}, "warning BR-01 BT-24"},
	{"CII, no profile", invoicetest.Invoice{}, []string{">urn:cen.eu:en16931:2017<", "><"}, "error BR-01 BT-24"},
	{"CII, a credit note with a means of payment that has no code", invoicetest.Invoice{Type: "381"}, []string{"<ram:TypeCode>30</ram:TypeCode>", ""}, "error CH-PAYMENT-CREDIT BT-81"},
	{"CII, a credit note with an empty code and another", invoicetest.Invoice{Type: "381"}, []string{"<ram:SpecifiedTradeSettlementPaymentMeans>", "<ram:SpecifiedTradeSettlementPaymentMeans><ram:TypeCode/></ram:SpecifiedTradeSettlementPaymentMeans>$"}, "error CH-PAYMENT-CREDIT BT-81"},
	{"CII, a credit note to be paid to no account", invoicetest.Invoice{Type: "381"}, []string{"<ram:IBANID>FR7630006000011234567890189</ram:IBANID>", ""}, "error CH-PAYMENT-CREDIT BT-81+error CII-SR-470 BT-84+error BR-50 BT-84+error BR-61 BT-84"},
	{"CII, a credit note below zero", invoicetest.Invoice{Type: "381", Sans: []string{"BT-81"}, Lignes: []invoicetest.Ligne{{Quantite: decimal.NewNullDecimal(decimal.NewFromInt(-1)), PrixUnitaire: decimal.NewNullDecimal(decimal.NewFromInt(100))}}}, nil, "warning CH-AMOUNT-SIGN BT-112"},
	{"CII, a transfer to an account that is no IBAN", invoicetest.Invoice{}, []string{"<ram:IBANID>FR7630006000011234567890189</ram:IBANID>", "<ram:ProprietaryID>12345</ram:ProprietaryID>"}, "warning CH-IBAN BT-84"},
	{"UBL, an unknown means of payment, as EN 16931 writes it", invoicetest.Invoice{Paiement: "1"}, nil, ""},
	{"UBL, a quantity of nothing", invoicetest.Invoice{}, []string{`<cbc:InvoicedQuantity unitCode="C62">1`, `<cbc:InvoicedQuantity unitCode="C62">0`}, ""},
	{"UBL, a unit that is a word", invoicetest.Invoice{}, []string{`unitCode="C62"`, `unitCode="jour"`}, "error BR-CL-23 BT-130"},
	{"UBL, a price below zero", invoicetest.Invoice{}, []string{`PriceAmount currencyID="EUR">`, `PriceAmount currencyID="EUR">-`}, "error BR-27 BT-146"},
	{"UBL, no address", invoicetest.Invoice{}, []string{"cac:PostalAddress>", "cac:NoAddress>"}, "*"},
	{"UBL, type in words", invoicetest.Invoice{Type: "FACTURE"}, nil, "error BR-CL-01 BT-3"},
	{"UBL, a corrected invoice", invoicetest.Invoice{Type: "384", FactureOrigine: "F-2025-9"}, nil, ""},
	{"UBL, a prepayment invoice", invoicetest.Invoice{Type: "386"}, nil, ""},
	{"UBL, the name of the supplier is long", invoicetest.Invoice{FournisseurNom: strings.Repeat("Société ", 20)}, nil, "warning CH-NAME-LENGTH BT-27"},
	{"CII, SIREN alone", invoicetest.Invoice{}, []string{ciiLegal, `<ram:ID schemeID="0002">999999998</ram:ID>`}, "error CH-SELLER-SIRET BT-30"},
	{"CII, SIRET without a scheme", invoicetest.Invoice{}, []string{ciiBuyer, `<ram:ID>99999999700023</ram:ID>`}, ""},
	{"CII, SIRET as global identifier of 0009", invoicetest.Invoice{}, []string{"<ram:Name>ATELIER", `<ram:GlobalID schemeID="0009">99999999800012</ram:GlobalID><ram:Name>ATELIER`, ciiLegal, `<ram:ID schemeID="0002">999999998</ram:ID>`}, ""},
	{"CII, date with hyphens", invoicetest.Invoice{}, []string{"20260115", "2026-01-15"}, "error CH-DATE BT-2"},
	{"CII, a total off by a cent", invoicetest.Invoice{}, []string{"GrandTotalAmount>1500.00", "GrandTotalAmount>1500.01"}, "error BR-CO-15 BT-112+error BR-CO-16 BT-115"},
	{"CII, VAT in another currency", invoicetest.Invoice{}, []string{`<ram:TaxTotalAmount currencyID="EUR">`, `<ram:TaxTotalAmount currencyID="USD">`}, "*"},
	{"CII, no means of payment", invoicetest.Invoice{Sans: []string{"BT-81"}}, nil, "error CH-PAYMENT-MISSING BT-81"},
	{"CII, a credit note with positive amounts", invoicetest.Invoice{Type: "381", Sans: []string{"BT-81"}, FactureOrigine: "F-1"}, nil, ""},
	{"CII, a credit note to be paid by transfer", invoicetest.Invoice{Type: "381"}, nil, "error CH-PAYMENT-CREDIT BT-81"},
	{"CII, three decimals in a total", invoicetest.Invoice{}, []string{"GrandTotalAmount>1500.00", "GrandTotalAmount>1500.001"}, "error BR-DEC-14 BT-112+error BR-CO-15 BT-112+error BR-CO-16 BT-115"},
	{"Factur-X, basic without lines", invoicetest.Invoice{}, []string{}, ""},
}

func (o oddDocument) document(t *testing.T) []byte {
	t.Helper()
	var doc []byte
	switch o.name[0] {
	case 'U':
		doc = o.inv.UBL()
	case 'C':
		doc = o.inv.CII()
	default:
		pdf, err := o.inv.FacturX()
		if err != nil {
			t.Fatal(err)
		}
		doc = pdf
	}
	text := string(doc)
	for k := 0; k+1 < len(o.swaps); k += 2 {
		changed := strings.ReplaceAll(text, o.swaps[k], strings.Replace(o.swaps[k+1], "$", o.swaps[k], 1)) // $ is what was there
		if changed == text {
			t.Errorf("%s: nothing is replaced: %s", o.name, o.swaps[k])
		}
		text = changed
	}
	return []byte(text)
}

// TestOddDocuments: what suppliers really make is taken where it is right; what is wrong is named once, by its term, with its value and place, in both languages.
func TestOddDocuments(t *testing.T) {
	t.Parallel()
	for _, o := range oddDocuments {
		var got []string
		for _, f := range rules.Judge(o.document(t), rules.Options{}).Findings {
			got = append(got, string(f.Severity)+" "+f.Code+" "+f.Term)
			t.Logf("%s\n  %s %s %s %q %s\n  %s\n  %s\n  → %s\n  → %s", o.name, f.Severity, f.Code, f.Term, f.Value, f.Where, f.Message, f.MessageFR, f.Remedy, f.RemedyFR)
		}
		want := strings.Split(o.want, "+")
		if o.want == "" {
			want = nil
		}
		slices.Sort(got)
		slices.Sort(want)
		if o.want != "*" && !slices.Equal(got, want) {
			t.Errorf("%s:\n%q, want\n%q", o.name, got, want)
		}
	}
}
