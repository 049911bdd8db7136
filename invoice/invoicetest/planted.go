package invoicetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Planted makes documents with one fault each, for every rule of Chorus Pro that looks at a document; Code is the rule's. The same ones each time.
func Planted() []Broken { return made(planted) }

// Near makes documents that come near to breaking a rule, and do not; Code is the rule's.
func Near() []Broken {
	all := map[string][]breaks{}
	for code, b := range near {
		all[code] = []breaks{b}
	}
	return made(all)
}

func made(all map[string][]breaks) (list []Broken) {
	for _, code := range slices.Sorted(maps.Keys(all)) {
		for n, b := range all[code] {
			for k, doc := range b.documents() {
				list = append(list, Broken{fmt.Sprintf("%s, example %d.%d", code, n+1, k+1), code, doc})
			}
		}
	}
	return list
}

// breaks makes a document that breaks a rule out of a good one: by the facts of the invoice, or by a change of the text of one syntax.
type breaks struct {
	change func(i *Invoice)
	ubl    [2]string // what is replaced in the UBL, by what
	cii    [2]string
	after  [2]string // then in the same text
	pdf    [2]string // in the PDF, of the same length
	again  []string  // in the PDF, the names under which the invoice is attached once more
	credit bool      // a UBL credit note
}

const (
	ublLegal = `<cbc:CompanyID schemeID="0002">99999999800012</cbc:CompanyID>`
	ublRef   = "<cac:AccountingSupplierParty>"
	ublFile  = `<cac:AdditionalDocumentReference><cbc:ID>1</cbc:ID><cac:Attachment><cbc:EmbeddedDocumentBinaryObject mimeCode="application/pdf" filename="NAME">DATA</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>` + ublRef
)

// ciiTerms is where terms of payment stand in the CII sample.
const ciiTerms = "<ram:Description>Paiement à 30 jours</ram:Description>"

// ciiDue adds a date on which payment is due.
func ciiDue(format, date string) string {
	return ciiTerms + "<ram:DueDateDateTime><udt:DateTimeString" + format + ">" + date + "</udt:DateTimeString></ram:DueDateDateTime>"
}

// inAddress moves a SIRET from the legal registration of the CII sample to the electronic address.
func inAddress(siret string) [2]string {
	return [2]string{
		"<ram:SpecifiedLegalOrganization>\n          <ram:ID schemeID=\"0002\">" + siret + "</ram:ID>\n        </ram:SpecifiedLegalOrganization>",
		`<ram:URIUniversalCommunication><ram:URIID schemeID="0009">` + siret + `</ram:URIID></ram:URIUniversalCommunication>`,
	}
}

// inContact puts a service code where Chorus Pro's own UBL has it, too.
func inContact(service string) [2]string {
	return [2]string{"</cac:AccountingCustomerParty>", "<cac:AccountingContact><cbc:ID>" + service + "</cbc:ID></cac:AccountingContact></cac:AccountingCustomerParty>"}
}

func attached(name, data string) breaks {
	return breaks{ubl: [2]string{ublRef, strings.NewReplacer("NAME", name, "DATA", data).Replace(ublFile)}}
}

func fact(change func(i *Invoice)) breaks { return breaks{change: change} }

// planted has, for each rule of Chorus Pro that looks at a document, examples that break it.
var planted = map[string][]breaks{
	"CH-SCHEMA": {
		{ubl: [2]string{"<cbc:ID>F-2026-0001</cbc:ID>\n", ""}, after: [2]string{"<cbc:DocumentCurrencyCode>", "<cbc:ID>F-2026-0001</cbc:ID><cbc:DocumentCurrencyCode>"}},
		{ubl: [2]string{ublRef, "<cbc:Nonsense>1</cbc:Nonsense>" + ublRef}},
		{ubl: [2]string{ublRef, `<x:Foo xmlns:x="urn:x"/>` + ublRef}},
		{ubl: [2]string{"<cbc:CityName>", "<cbc:Sity>a</cbc:Sity><cbc:CityName>"}},
		{ubl: [2]string{"<cac:Price>", "<cbc:PriceAmount>1</cbc:PriceAmount><cac:Price>"}},
		{ubl: [2]string{"<cac:PartyTaxScheme>", `<x:Foo xmlns:x="urn:x"/><cac:PartyTaxScheme>`}},
		{ubl: [2]string{ublRef, "hello" + ublRef}},
		{ubl: [2]string{"<cac:TaxScheme>", "hello<cac:TaxScheme>"}},
		{ubl: [2]string{"<cbc:ID>F-2026-0001</cbc:ID>", "<cbc:ID>R-<cbc:Note>2026</cbc:Note>-001</cbc:ID>"}},
		{ubl: [2]string{`<cbc:InvoicedQuantity unitCode="C62">1`, `<cbc:InvoicedQuantity unitCode="C62">dix`}},
		{ubl: [2]string{`<cbc:PriceAmount currencyID="EUR">`, `<cbc:PriceAmount currencyID="EUR">1,`}},
		{ubl: [2]string{"<cbc:Percent>20<", "<cbc:Percent>20 p.c.<"}},
		{ubl: [2]string{"<cac:TaxTotal>", `<cac:AllowanceCharge><cbc:ChargeIndicator>maybe</cbc:ChargeIndicator><cbc:Amount currencyID="EUR">10.00</cbc:Amount></cac:AllowanceCharge><cac:TaxTotal>`}},
		{ubl: [2]string{"<cac:Price>", "<cac:Price><cac:AllowanceCharge><cbc:ChargeIndicator>false</cbc:ChargeIndicator><cbc:MultiplierFactorNumeric/></cac:AllowanceCharge>"}},
		{ubl: [2]string{"<cbc:InvoiceTypeCode>", "<cbc:IssueTime>14h30</cbc:IssueTime><cbc:InvoiceTypeCode>"}},
		{ubl: [2]string{ublRef, `<cac:ContractDocumentReference><cbc:ID>1</cbc:ID><cac:Attachment><cbc:EmbeddedDocumentBinaryObject mimeCode="application/pdf" filename="a.pdf">eHh</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:ContractDocumentReference>` + ublRef}},
		{ubl: [2]string{"<cac:LegalMonetaryTotal>", "<cac:LegalMonetaryTotal/><cac:LegalMonetaryTotal>"}},
		{ubl: [2]string{"<cac:PostalAddress>", "<cac:PostalAddress><cac:Country><cbc:IdentificationCode>FR</cbc:IdentificationCode></cac:Country>"}},
		{ubl: [2]string{ublRef, "<cbc:ID>1</cbc:ID>" + ublRef}, credit: true},
		{cii: [2]string{"<ram:BuyerTradeParty>", `<x:Secret xmlns:x="urn:x">1</x:Secret><ram:BuyerTradeParty>`}},
		{cii: [2]string{"<ram:BuyerTradeParty>", `<cbc:ID xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">1</cbc:ID><ram:BuyerTradeParty>`}},
		{cii: [2]string{"<ram:ApplicableHeaderTradeDelivery/>", ""}, after: [2]string{"<ram:ApplicableHeaderTradeAgreement>", "<ram:ApplicableHeaderTradeDelivery/><ram:ApplicableHeaderTradeAgreement>"}},
		{cii: [2]string{"<rsm:ExchangedDocument>", "<rsm:ExchangedDocument>hello"}},
		{cii: [2]string{"<ram:ApplicableHeaderTradeDelivery/>", "<ram:ApplicableHeaderTradeDelivery>hello</ram:ApplicableHeaderTradeDelivery>"}},
		{cii: [2]string{"<ram:ID>F-2026-0001</ram:ID>", "<ram:ID>F<ram:ID>-2026</ram:ID></ram:ID>"}},
		{cii: [2]string{`<ram:BilledQuantity unitCode="C62">1`, `<ram:BilledQuantity unitCode="C62">1,5`}},
		{cii: [2]string{"<ram:RateApplicablePercent>20<", "<ram:RateApplicablePercent><"}},
		{cii: [2]string{"<ram:SpecifiedTradePaymentTerms>", "<ram:SpecifiedTradeAllowanceCharge><ram:ChargeIndicator><udt:Indicator>non</udt:Indicator></ram:ChargeIndicator><ram:ActualAmount>10.00</ram:ActualAmount></ram:SpecifiedTradeAllowanceCharge><ram:SpecifiedTradePaymentTerms>"}},
		{cii: [2]string{"<ram:SpecifiedTradePaymentTerms>", "<ram:SpecifiedTradePaymentTerms><ram:DueDateDateTime/>"}},
		{ubl: [2]string{"</cac:Party>", "</cac:Party><cac:Party/>"}},
		{ubl: [2]string{"</cac:PostalAddress>", "</cac:PostalAddress><cac:PostalAddress/>"}},
		{ubl: [2]string{"</cac:PayeeFinancialAccount>", "</cac:PayeeFinancialAccount><cac:PayeeFinancialAccount><cbc:ID>FR7630006000011234567890189</cbc:ID></cac:PayeeFinancialAccount>"}},
		{ubl: [2]string{"</cac:Price>", `</cac:Price><cac:Price><cbc:PriceAmount currencyID="EUR">1.00</cbc:PriceAmount></cac:Price>`}},
		{ubl: [2]string{"<cbc:InvoicedQuantity", `<cbc:InvoicedQuantity unitCode="C62">1</cbc:InvoicedQuantity><cbc:InvoicedQuantity`}},
		{ubl: [2]string{"<cac:PartyTaxScheme>", "<cac:PartyTaxScheme><cbc:CompanyID>1</cbc:CompanyID></cac:PartyTaxScheme><cac:PartyTaxScheme>"}},
		{ubl: [2]string{"<cac:TaxTotal>", `<cac:AllowanceCharge><cbc:Amount currencyID="EUR">10.00</cbc:Amount></cac:AllowanceCharge><cac:TaxTotal>`}},
		{ubl: [2]string{"<cac:Party>", "<cac:Party><cac:PartyIdentification/>"}},
		{ubl: [2]string{"<cbc:InvoicedQuantity", "<cbc:CreditedQuantity/><cbc:InvoicedQuantity"}},
		{ubl: [2]string{"CreditedQuantity", "InvoicedQuantity"}, after: [2]string{"/cbc:CreditedQuantity", "/cbc:InvoicedQuantity"}, credit: true},
		{ubl: [2]string{ublRef, `<cac:InvoicePeriod><cbc:DurationMeasure>30</cbc:DurationMeasure></cac:InvoicePeriod>` + ublRef}},
		{ubl: [2]string{`schemeID="0002"`, `schemeId="0002"`}},
		{ubl: [2]string{"<cac:Party>", `<cac:Party id="1">`}},
		{ubl: [2]string{"<cbc:IssueDate>", `<cbc:IssueDate format="102">`}},
		{cii: [2]string{"<ram:BuyerTradeParty>", "<ram:BuyerTradeParty><ram:Name>A</ram:Name></ram:BuyerTradeParty><ram:BuyerTradeParty>"}},
		{cii: [2]string{"<ram:PostcodeCode>", "<ram:PostcodeCode>00000</ram:PostcodeCode><ram:PostcodeCode>"}},
		{cii: [2]string{"<ram:SpecifiedTradeProduct>", "<ram:SpecifiedTradeProduct/><ram:SpecifiedTradeProduct>"}},
		{cii: [2]string{"<ram:BilledQuantity", `<ram:BilledQuantity unitCode="C62">1</ram:BilledQuantity><ram:BilledQuantity`}},
		{cii: [2]string{"<ram:LineOne>", "<ram:Street>a</ram:Street><ram:LineOne>"}},
		{cii: [2]string{"<ram:GrandTotalAmount>", "<ram:Total>1500.00</ram:Total><ram:GrandTotalAmount>"}},
		{cii: [2]string{"<ram:InvoiceCurrencyCode>", "<ram:Currency>EUR</ram:Currency><ram:InvoiceCurrencyCode>"}},
		{cii: [2]string{"<ram:BilledQuantity", "<ram:Quantity>1</ram:Quantity><ram:BilledQuantity"}},
		{cii: [2]string{`<ram:ID schemeID="0002">`, `<ram:ID schemeId="0002">`}},
		{cii: [2]string{"<ram:SellerTradeParty>", `<ram:SellerTradeParty id="1">`}},
	},
	"CH-NUMBER-LENGTH":     {fact(func(i *Invoice) { i.Numero = "123456789012345678901" })},
	"CH-NUMBER-CHARACTERS": {fact(func(i *Invoice) { i.Numero = "F.1" }), fact(func(i *Invoice) { i.Numero = " F1" }), fact(func(i *Invoice) { i.Numero = "FÉ1" })},
	"CH-SEVERAL": {
		{ubl: [2]string{"<cbc:ID>F-2026-0001</cbc:ID>", "<cbc:ID>F-2026-0001</cbc:ID><cbc:ID>F-2</cbc:ID>"}},
		{ubl: [2]string{ublRef, "<cac:OrderReference><cbc:ID>A</cbc:ID></cac:OrderReference><cac:OrderReference><cbc:ID>B</cbc:ID></cac:OrderReference>" + ublRef}},
	},
	"CH-TWO-PLACES": {
		{change: func(i *Invoice) { i.CodeService = "SERV_TECH" }, ubl: inContact("SERV_EJ")},
		{ubl: [2]string{"<cac:AccountingSupplierParty>\n    <cac:Party>", `<cac:AccountingSupplierParty><cac:Party><cac:PartyIdentification><cbc:ID schemeID="0009">12345678200010</cbc:ID></cac:PartyIdentification>`}},
		{ubl: [2]string{"<cac:AccountingSupplierParty>\n    <cac:Party>", `<cac:AccountingSupplierParty><cac:Party><cac:PartyIdentification><cbc:ID schemeID="0002">123456782</cbc:ID></cac:PartyIdentification>`}},
	},
	"CH-DATE": {{ubl: [2]string{"2026-01-15", "2026-02-30"}}, {ubl: [2]string{"2026-01-15", "15/01/2026"}}, {ubl: [2]string{"2026-01-15", "20260115"}}, {cii: [2]string{"20260115", "2026-01-15"}}, {cii: [2]string{`format="102"`, `format="203"`}}, {cii: [2]string{` format="102"`, ``}}, {cii: [2]string{"<udt:DateTimeString format=\"102\">20260115</udt:DateTimeString>", "<udt:DateTime>2026-01-15T00:00:00</udt:DateTime>"}}},
	"CH-DATE-OTHER": {
		{ubl: [2]string{"<cbc:InvoiceTypeCode>", "<cbc:DueDate>20260228</cbc:DueDate><cbc:InvoiceTypeCode>"}},
		{ubl: [2]string{"<cbc:InvoiceTypeCode>", "<cbc:DueDate/><cbc:InvoiceTypeCode>"}},
		{ubl: [2]string{ublRef, "<cac:InvoicePeriod><cbc:StartDate>2026-13-01</cbc:StartDate></cac:InvoicePeriod>" + ublRef}},
		{ubl: [2]string{ublRef, "<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>R-1</cbc:ID><cbc:IssueDate>01/01/2026</cbc:IssueDate></cac:InvoiceDocumentReference></cac:BillingReference>" + ublRef}},
	},
	"CH-DATE-FORMAT": {
		{cii: [2]string{ciiTerms, ciiDue("", "20260228")}},
		{cii: [2]string{ciiTerms, ciiDue(` format="203"`, "202602280000")}},
		{cii: [2]string{ciiTerms, ciiDue(` format="102"`, "20260230")}},
	},
	"CH-DATE-YEAR":         {fact(func(i *Invoice) { i.Date = time.Date(1989, 1, 1, 0, 0, 0, 0, time.UTC) }), fact(func(i *Invoice) { i.Date = time.Date(2101, 1, 1, 0, 0, 0, 0, time.UTC) })},
	"CH-CADRE":             {fact(func(i *Invoice) { i.Cadre = "A26" }), fact(func(i *Invoice) { i.Cadre = "S1" }), fact(func(i *Invoice) { i.Cadre = "B2" }), fact(func(i *Invoice) { i.Cadre = "A01" }), fact(func(i *Invoice) { i.Cadre = "A1_FACTURE_FOURNISSEUR" })},
	"CH-CADRE-SUPPLIER":    {fact(func(i *Invoice) { i.Cadre = "A25" })},
	"CH-CADRE-PAID":        {fact(func(i *Invoice) { i.Cadre = "A2" })},
	"CH-SERVICE-LENGTH":    {fact(func(i *Invoice) { i.CodeService = strings.Repeat("é", 101) })},
	"CH-SERVICE-PUBLIC":    {fact(func(i *Invoice) { i.CodeService = "FACTURES_PUBLIQUES" })},
	"CH-SERVICE-NONE":      {fact(func(i *Invoice) { i.CodeService = "N/A" })},
	"CH-ENGAGEMENT-LENGTH": {fact(func(i *Invoice) { i.Engagement = strings.Repeat("1", 51) })},
	"CH-ENGAGEMENT-NONE":   {fact(func(i *Invoice) { i.Engagement = "NA" }), fact(func(i *Invoice) { i.Engagement = "néant" }), fact(func(i *Invoice) { i.Engagement = "Sans  numéro" }), fact(func(i *Invoice) { i.Engagement = "000" })},
	"CH-CONTRACT-LENGTH":   {{ubl: [2]string{"<cac:AccountingSupplierParty>", "<cac:ContractDocumentReference><cbc:ID>" + strings.Repeat("1", 51) + "</cbc:ID></cac:ContractDocumentReference><cac:AccountingSupplierParty>"}}},
	"CH-NOTE-LENGTH":       {{ubl: [2]string{"<cbc:DocumentCurrencyCode>", "<cbc:Note>" + strings.Repeat("é", 1025) + "</cbc:Note><cbc:DocumentCurrencyCode>"}}},
	"CH-AMOUNT-SIGN": {fact(func(i *Invoice) {
		i.Lignes = []Ligne{{Quantite: decimal.NewNullDecimal(decimal.NewFromInt(-1)), PrixUnitaire: decimal.NewNullDecimal(decimal.NewFromInt(100))}}
	})},
	"CH-CONTROL-CHARACTERS": {fact(func(i *Invoice) { i.Engagement = "1\t2" }), fact(func(i *Invoice) { i.FournisseurNom = "A\x7fB" })},
	"CH-SELLER-WITHOUT-SIRET": {
		{ubl: [2]string{ublLegal, `<cbc:CompanyID schemeID="0228">1234567890</cbc:CompanyID>`}},
		{ubl: [2]string{ublLegal, `<cbc:CompanyID schemeID="0223">BE0123456789</cbc:CompanyID>`}},
	},
	"CH-SELLER-SIRET": {
		fact(func(i *Invoice) { i.FournisseurSIRET = "999999998" }), fact(func(i *Invoice) { i.FournisseurSIRET = "999 999 998 00012" }),
		fact(func(i *Invoice) { i.FournisseurSIRET = "9999999980001" }), fact(func(i *Invoice) { i.Sans = []string{"BT-30"} }),
		{ubl: [2]string{ublLegal, `<cbc:CompanyID schemeID="0088">99999999800012</cbc:CompanyID>`}},
	},
	"CH-SELLER-ADDRESS": {{cii: inAddress("99999999800012")}},
	"CH-BUYER-SIRET":    {fact(func(i *Invoice) { i.DestinataireSIRET = "1" }), fact(func(i *Invoice) { i.Sans = []string{"BT-47"} })},
	"CH-BUYER-ADDRESS":  {{cii: inAddress("99999999700023")}},
	"CH-SAME-PARTY":     {fact(func(i *Invoice) { i.DestinataireSIRET = "99999999800012" })},
	"CH-VAT-NUMBER": {
		{ubl: [2]string{"<cac:PartyTaxScheme>\n        <cbc:CompanyID>FR", "<cac:PartyTaxScheme><cbc:CompanyID>FR "}},
		{cii: [2]string{`<ram:ID schemeID="VA">FR`, `<ram:ID schemeID="VA">FR0055210055`}},
	},
	"CH-SIRET-CHECK":     {fact(func(i *Invoice) { i.FournisseurSIRET = "99999999800013" })},
	"CH-NAME-LENGTH":     {fact(func(i *Invoice) { i.FournisseurNom = strings.Repeat("x", 100) })},
	"CH-PAYMENT-MISSING": {fact(func(i *Invoice) { i.Sans = []string{"BT-81"} })},
	"CH-PAYMENT-CODE":    {fact(func(i *Invoice) { i.Paiement = "57" })},
	"CH-PAYMENT-CREDIT":  {{credit: true}},
	"CH-IBAN-MISSING":    {{ubl: [2]string{"<cbc:ID>FR7630006000011234567890189</cbc:ID>", "<cbc:ID></cbc:ID>"}, change: func(i *Invoice) { i.Paiement = "42" }}},
	"CH-IBAN":            {fact(func(i *Invoice) { i.IBAN = "FR7630006000011234567890188" }), fact(func(i *Invoice) { i.IBAN = "12345678" }), fact(func(i *Invoice) { i.Paiement, i.IBAN = "58", "FR7630006000011234567890188" })},
	"CH-BIC":             {{ubl: [2]string{"<cbc:ID>FR7630006000011234567890189</cbc:ID>", "<cbc:ID>FR7630006000011234567890189</cbc:ID><cac:FinancialInstitutionBranch><cbc:ID>BNPA FR PP</cbc:ID></cac:FinancialInstitutionBranch>"}}},
	"CH-AMOUNT-CURRENCY": {
		{ubl: [2]string{`<cbc:PriceAmount currencyID="EUR">`, `<cbc:PriceAmount currencyID="USD">`}},
		{ubl: [2]string{`<cbc:TaxableAmount currencyID="EUR">`, `<cbc:TaxableAmount currencyID="CHF">`}},
		{cii: [2]string{"<ram:CalculatedAmount>", `<ram:CalculatedAmount currencyID="USD">`}},
	},
	"CH-AMOUNT": {{ubl: [2]string{`currencyID="EUR">1500.00<`, `currencyID="EUR">1 500,00<`}}},
	"CH-EXEMPTION": {{
		cii:   [2]string{"<ram:BasisAmount>1250.00</ram:BasisAmount>", "<ram:ExemptionReason> </ram:ExemptionReason><ram:BasisAmount>1250.00</ram:BasisAmount>"},
		after: [2]string{"<ram:CategoryCode>S</ram:CategoryCode>", "<ram:CategoryCode>E</ram:CategoryCode>"},
	}, {
		ubl:   [2]string{"<cbc:ID>S</cbc:ID>", "<cbc:ID>E</cbc:ID>"},
		after: [2]string{"</cbc:Percent>\n        <cac:TaxScheme>", "</cbc:Percent><cbc:TaxExemptionReason/><cac:TaxScheme>"},
	}},
	"CH-TOTAL-CURRENCY":       {{ubl: [2]string{"<cbc:DocumentCurrencyCode>EUR", "<cbc:DocumentCurrencyCode>USD"}}},
	"CH-ATTACHMENT-NAME":      {attached(strings.Repeat("x", 47)+".pdf", "eHh4"), attached("rapport", "eHh4"), attached(" .pdf", "eHh4")},
	"CH-ATTACHMENT-PATH":      {attached(`C:\factures\a.pdf`, "eHh4"), attached("a/b.pdf", "eHh4"), attached("a&#10;b.pdf", "eHh4")},
	"CH-ATTACHMENT-TYPE":      {attached("a.exe", "eHh4")},
	"CH-ATTACHMENT-EMPTY":     {attached("a.pdf", " "), attached("a.pdf", "%PDF-1.7")},
	"CH-FACTURX-NAME":         {{pdf: [2]string{"(factur-x.xml)", "(xrechnung.xml)"}}},
	"CH-FACTURX-RELATIONSHIP": {{pdf: [2]string{"/AFRelationship /", "/AFRelationshop /"}}},
	"CH-FACTURX-XMP":          {{pdf: [2]string{"ConformanceLevel", "Conformancelevel"}}},
	"CH-FACTURX-PROFILE":      {{pdf: [2]string{"EN 16931<", "EXTENDED<"}}},
	"CH-FACTURX-SEVERAL":      {{again: []string{"zugferd-invoice.xml"}}, {again: []string{"factur-x.xml"}}},
	"CH-FACTURX-PDFA":         {{pdf: [2]string{"pdfaid:part>3<", "pdfaid:part>1<"}}},
}

// near has documents that come near to breaking a rule.
var near = map[string]breaks{
	"CH-SCHEMA": {ubl: [2]string{"<cac:TaxTotal>", `<cac:AllowanceCharge><cbc:ChargeIndicator> 0 </cbc:ChargeIndicator><cbc:AllowanceChargeReason>-</cbc:AllowanceChargeReason><cbc:MultiplierFactorNumeric>
		+.5 </cbc:MultiplierFactorNumeric><cbc:Amount currencyID="EUR">0.</cbc:Amount></cac:AllowanceCharge><cac:TaxTotal>`}},
	"CH-VAT-NUMBER":      {ubl: [2]string{"<cac:PartyTaxScheme>\n        <cbc:CompanyID>FR", "<cac:PartyTaxScheme><cbc:CompanyID> FR"}},
	"CH-BIC":             {ubl: [2]string{"<cbc:ID>FR7630006000011234567890189</cbc:ID>", "<cbc:ID>FR7630006000011234567890189</cbc:ID><cac:FinancialInstitutionBranch><cbc:ID>BNPAFRPPXXX</cbc:ID></cac:FinancialInstitutionBranch>"}},
	"CH-AMOUNT-CURRENCY": {ubl: [2]string{`<cbc:PriceAmount currencyID="EUR">`, `<cbc:PriceAmount currencyID="USD">`}, after: [2]string{"</cbc:DocumentCurrencyCode>", "</cbc:DocumentCurrencyCode><cbc:PricingCurrencyCode>USD</cbc:PricingCurrencyCode>"}},
	"CH-EXEMPTION":       {cii: [2]string{"<ram:BasisAmount>1250.00</ram:BasisAmount>", "<ram:ExemptionReason>Exonération</ram:ExemptionReason><ram:BasisAmount>1250.00</ram:BasisAmount>"}, after: [2]string{"<ram:CategoryCode>S</ram:CategoryCode>", "<ram:CategoryCode>E</ram:CategoryCode>"}},
	"CH-NUMBER-LENGTH":   fact(func(i *Invoice) { i.Numero = "12345678901234567890" }),
	"CH-DATE":            {ubl: [2]string{"2026-01-15", "2026-01-15+01:00"}},
	"CH-TWO-PLACES":      {change: func(i *Invoice) { i.CodeService = "SERV_TECH" }, ubl: inContact("SERV_TECH")},
	"CH-DATE-OTHER":      {ubl: [2]string{"<cbc:InvoiceTypeCode>", "<cbc:DueDate>2026-02-28Z</cbc:DueDate><cbc:InvoiceTypeCode>"}},
	"CH-DATE-FORMAT":     {cii: [2]string{ciiTerms, ciiDue(` format="102"`, "20260228")}},
	"CH-CADRE":           fact(func(i *Invoice) { i.Cadre = "A12" }),
	"CH-SERVICE-LENGTH":  fact(func(i *Invoice) { i.CodeService = strings.Repeat("é", 100) }),
	"CH-SIRET-CHECK": fact(func(i *Invoice) {
		i.FournisseurSIRET, i.DestinataireSIRET = "73282932000074", "35600000000048"
	}),
	"CH-PAYMENT-CODE":    fact(func(i *Invoice) { i.Paiement = "97" }),
	"CH-ATTACHMENT-NAME": attached(strings.Repeat("x", 46)+".pdf", "eHh4"),
	"CH-ATTACHMENT-TYPE": attached("a.XLSX", "eHh4"),
	"CH-FACTURX-SEVERAL": {again: []string{"annexe.xml"}},
}

// documents are the good sample, broken, in each syntax that the change is for.
func (b breaks) documents() [][]byte {
	i := Invoice{}
	if b.change != nil {
		b.change(&i)
	}
	swap := func(doc []byte, by [2]string) [][]byte {
		changed := strings.ReplaceAll(string(doc), by[0], by[1])
		if changed == string(doc) {
			panic("invoicetest: nothing is replaced: " + by[0])
		}
		return [][]byte{[]byte(changed)}
	}
	switch {
	case b.credit && b.ubl[0] != "":
		return swap(i.CreditNote(), b.ubl)
	case b.credit:
		return [][]byte{i.CreditNote()}
	case b.after[0] != "" && b.ubl[0] != "":
		return swap(swap(i.UBL(), b.ubl)[0], b.after)
	case b.after[0] != "":
		return swap(swap(i.CII(), b.cii)[0], b.after)
	case b.ubl[0] != "":
		return swap(i.UBL(), b.ubl)
	case b.cii[0] != "":
		return swap(i.CII(), b.cii)
	case b.pdf[0] != "" || b.again != nil:
		pdf, err := writePDF(i.facts("", "380"), i.CII(), b.again...)
		if err != nil {
			panic(err) // the sample cannot fail
		}
		if b.again != nil {
			return [][]byte{pdf}
		}
		return swap(pdf, b.pdf)
	}
	return [][]byte{i.UBL(), i.CII()}
}
