package chorustest_test

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/chorus/answers"
	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
)

// TestIndependent: the portal must not read documents with the product's eyes, or it cannot see its faults.
func TestIndependent(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range strings.Fields(string(out)) {
		if own, is := strings.CutPrefix(name, "github.com/choriste/choriste/"); is && own != "chorus/chorustest" {
			t.Errorf("the simulator is built on %s", own)
		}
	}
}

// verdict is the portal's judgement of a document by itself: "" when it may be integrated.
func verdict(b []byte) string {
	f := chorustest.ReadDocument(b)
	switch {
	case f.Defect != "":
		return f.DefectKind + ": " + f.Defect
	case f.Guess != "":
		return "rules: " + f.Guess
	}
	return ""
}

func changed(b []byte, pairs ...string) []byte {
	return []byte(strings.NewReplacer(pairs...).Replace(string(b)))
}

func TestDocuments(t *testing.T) {
	i := invoicetest.Invoice{}
	u, c := i.UBL(), i.CII()
	piece := func(name, content string) []byte {
		return changed(u, "<cac:AccountingSupplierParty>", `<cac:AdditionalDocumentReference><cbc:ID>1</cbc:ID><cac:Attachment>`+
			`<cbc:EmbeddedDocumentBinaryObject mimeCode="application/pdf" filename="`+name+`">`+content+
			`</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference><cac:AccountingSupplierParty>`)
	}
	for name, x := range map[string]struct {
		b    []byte
		want string // part of the verdict; "" = integrated
	}{
		"UBL": {u, ""}, "CII": {c, ""},
		"credit note":              {invoicetest.Invoice{Sans: []string{"BT-81"}}.CreditNote(), ""},
		"credit note that is paid": {i.CreditNote(), "PaymentMeansCode.value est obligatoire"},
		"381 in CII that is paid":  {invoicetest.Invoice{Type: "381"}.CII(), "PaymentMeans.TypeCode.value est obligatoire"},

		"number missing":            {invoicetest.Invoice{Sans: []string{"BT-1"}}.CII(), "FichierXml.ExchangedDocument.ID.value est obligatoire"},
		"number too long":           {invoicetest.Invoice{Numero: strings.Repeat("9", 21)}.CII(), "FichierXml.ExchangedDocument.ID.value est obligatoire"},
		"number with an accent":     {invoicetest.Invoice{Numero: "É-1"}.UBL(), "ID.value est obligatoire"},
		"number with a blank":       {invoicetest.Invoice{Numero: "F-1 "}.UBL(), "ID.value est obligatoire"},
		"number with one inside":    {invoicetest.Invoice{Numero: "F 1"}.UBL(), ""},
		"payment means missing":     {invoicetest.Invoice{Sans: []string{"BT-81"}}.CII(), "SpecifiedTradeSettlementPaymentMeans.TypeCode.value est obligatoire"},
		"payment means not taken":   {invoicetest.Invoice{Paiement: "57"}.CII(), "SpecifiedTradeSettlementPaymentMeans.TypeCode.value est obligatoire"},
		"transfer without an IBAN":  {changed(c, "<ram:IBANID>FR7630006000011234567890189</ram:IBANID>", ""), "est obligatoire si le mode de paiement est un virement"},
		"transfer to no IBAN":       {changed(c, "<ram:IBANID>FR7630006000011234567890189</ram:IBANID>", "<ram:ProprietaryID>1</ram:ProprietaryID>"), ""},
		"payment means 1":           {invoicetest.Invoice{Paiement: "1"}.CII(), ""},
		"cadre of the reform":       {invoicetest.Invoice{Cadre: "B1"}.CII(), "BusinessProcessSpecifiedDocumentContextParameter.ID.value (B1) n'est pas autorisee"},
		"no cadre":                  {invoicetest.Invoice{Sans: []string{"BT-23"}}.CII(), ""},
		"currency":                  {invoicetest.Invoice{Devise: "EURO"}.CII(), "InvoiceCurrencyCode.value est obligatoire"},
		"currency of no country":    {invoicetest.Invoice{Devise: "XQQ"}.UBL(), "DocumentCurrencyCode.value est obligatoire"},
		"totals in another":         {changed(u, "<cbc:DocumentCurrencyCode>EUR", "<cbc:DocumentCurrencyCode>USD"), "TaxInclusiveAmount.value est obligatoire"},
		"SIREN":                     {invoicetest.Invoice{FournisseurSIRET: "999999998"}.CII(), "L'identifiant fournisseur de la demande"},
		"SIRET with a blank":        {invoicetest.Invoice{FournisseurSIRET: "999999998 00012"}.UBL(), "n'est pas reference"},
		"SIRET with a blank behind": {invoicetest.Invoice{DestinataireSIRET: "99999999700023 "}.UBL(), "L'identifiant destinataire"},
		"no recipient":              {invoicetest.Invoice{Sans: []string{"BT-47"}}.UBL(), "L'identifiant destinataire"},
		"date with lines":           {changed(c, ">20260115<", ">2026-01-15<"), "IssueDateTime.DateTimeString.value est obligatoire"},
		"date of another form":      {changed(c, `format="102">20260115<`, `format="203">202601150000<`), "IssueDateTime.DateTimeString.value est obligatoire"},
		"compact date":              {changed(u, "2026-01-15", "20260115"), "technical: IRRECEVABILITE: cvc-datatype-valid.1.2.1: '20260115'"},
		"date that is none":         {changed(u, "2026-01-15", "2026-02-30"), "is not a valid value for 'date'"},
		"commitment too long":       {invoicetest.Invoice{Engagement: strings.Repeat("E", 51)}.CII(), "BuyerOrderReferencedDocument.IssuerAssignedID.value"},
		"name too long":             {invoicetest.Invoice{DestinataireNom: strings.Repeat("N", 100)}.CII(), "BuyerTradeParty.Name.value"},

		"total":                    {changed(c, "GrandTotalAmount>1500.00", "GrandTotalAmount>1501.00"), "Le montant TTC (1501.00) n'est pas égal"},
		"total missing":            {invoicetest.Invoice{Sans: []string{"BT-112"}}.CII(), "GrandTotalAmount.value est obligatoire"},
		"due":                      {changed(u, `PayableAmount currencyID="EUR">1500.00`, `PayableAmount currencyID="EUR">1400.00`), "Le montant à payer"},
		"lines":                    {changed(c, "<ram:LineTotalAmount>1250.00</ram:LineTotalAmount>\n        </ram:SpecifiedTradeSettlementLineMonetarySummation>", "<ram:LineTotalAmount>1249.00</ram:LineTotalAmount></ram:SpecifiedTradeSettlementLineMonetarySummation>"), "Le montant total des lignes"},
		"VAT of a rate":            {changed(c, "RateApplicablePercent>20<", "RateApplicablePercent>10<"), "Le montant de TVA au taux 10 est incorrect"},
		"exemption without reason": {changed(invoicetest.Invoice{Lignes: []invoicetest.Ligne{{TVA: decimal.NewNullDecimal(decimal.Zero)}}}.CII(), "CategoryCode>Z<", "CategoryCode>E<"), "Le motif d'exonération est obligatoire"},
		"amount with a comma":      {changed(u, ">1500.00<", ">1500,00<"), "is not a valid value for 'decimal'"},

		"foreign element":      {changed(u, "<cbc:ID>F-2026", `<x:Secret xmlns:x="urn:x">1</x:Secret><cbc:ID>F-2026`), "cvc-complex-type.2.4.a: Invalid content was found starting with element 'Secret'"},
		"foreign within":       {changed(c, "<ram:SellerTradeParty>", `<ram:SellerTradeParty><x:Secret xmlns:x="urn:x">1</x:Secret>`), "starting with element 'Secret'"},
		"in the wrong order":   {changed(u, "<cbc:ID>F-2026-0001</cbc:ID>", "", "<cbc:DocumentCurrencyCode>", "<cbc:ID>F-2026-0001</cbc:ID><cbc:DocumentCurrencyCode>"), "starting with element 'ID'"},
		"unknown at the top":   {changed(u, "<cbc:BuyerReference>", "", "<cbc:IssueDate>", "<cbc:Colour>red</cbc:Colour><cbc:IssueDate>"), "starting with element 'Colour'"},
		"extension":            {changed(u, "<cbc:CustomizationID>", `<e:UBLExtensions xmlns:e="urn:oasis:names:specification:ubl:schema:xsd:CommonExtensionComponents-2"><e:UBLExtension><e:ExtensionContent><x:Y xmlns:x="urn:x"/></e:ExtensionContent></e:UBLExtension></e:UBLExtensions><cbc:CustomizationID>`), ""},
		"text among elements":  {changed(u, "<cac:Party>", "<cac:Party>hello"), "cvc-complex-type.2.3"},
		"prefix of nothing":    {changed(u, "<cbc:IssueDate>2026-01-15</cbc:IssueDate>", "<zzz:IssueDate>2026-01-15</zzz:IssueDate>"), "n'est lié à aucun espace de noms"},
		"two invoices":         {append(append([]byte{}, u...), u[strings.Index(string(u), "<Invoice"):]...), "plusieurs racines"},
		"another kind of file": {[]byte("hello"), "technical: IRRECEVABILITE"},
		"another root":         {[]byte(`<Order xmlns="urn:x"/>`), "cvc-elt.1"},
		"DTD":                  {[]byte(`<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`), "DTD"},
		"deep":                 {[]byte(strings.Repeat("<a>", 100_000)), "trop grand"},
		"wide":                 {[]byte("<a>" + strings.Repeat("<a/>", 500_000)), "trop grand"},
		"latin1":               {[]byte(strings.Replace(strings.Replace(string(invoicetest.Invoice{DestinataireNom: "X-E"}.CII()), "UTF-8", "ISO-8859-1", 1), "X-E", "\xc9t\xe9", 1)), ""},

		"attachment":                     {piece("bon.pdf", base64.StdEncoding.EncodeToString([]byte("%PDF"))), ""},
		"attachment without a name":      {piece("", "AAAA"), "nom ou extension non autorisé"},
		"attachment with a long name":    {piece(strings.Repeat("n", 50)+".pdf", "AAAA"), "nom ou extension non autorisé"},
		"attachment of another kind":     {piece("a.exe", "AAAA"), "nom ou extension non autorisé"},
		"empty attachment":               {piece("a.pdf", ""), "vide ou illisible"},
		"attachment that is not base64.": {piece("a.pdf", "=é="), "vide ou illisible"},
		"attachment that is cut":         {piece("a.pdf", "JVBERi0xLjc"), "vide ou illisible"},
		"attachment with a rest of bits": {piece("a.pdf", "JVBERi0xLjd="), "vide ou illisible"},
		"attachment in lines":            {piece("a.pdf", "JVBE\n  Ri0xLjcK"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := verdict(x.b)
			if (got == "") != (x.want == "") || !strings.Contains(got, x.want) {
				t.Errorf("%q, wanted %q", got, x.want)
			}
			if _, reason, _ := strings.Cut(got, ": "); got != "" && len(answers.Explain(reason)) == 0 {
				t.Errorf("the dictionary of answers does not explain %q", reason)
			}
		})
	}
}

// TestHostile: what the product calls no XML, the portal does not read either; and both read what is only unusual.
func TestHostile(t *testing.T) {
	for _, b := range invoicetest.Hostile() {
		if f := chorustest.ReadDocument(b.Document); f.DefectKind != "technical" && slices.Contains([]string{"CH-XML", "CH-TRUNCATED", "CH-DTD", "CH-TOO-DEEP"}, b.Code) {
			t.Errorf("%s: %s %q", b.Name, f.DefectKind, f.Defect)
		}
	}
	for _, b := range invoicetest.Planted() {
		if f := chorustest.ReadDocument(b.Document); b.Code == "CH-SCHEMA" && !strings.Contains(f.Defect, "cvc-") {
			t.Errorf("%s: %s %q", b.Name, f.DefectKind, f.Defect)
		}
	}
	for _, doc := range invoicetest.Unusual() {
		if f := chorustest.ReadDocument(doc); f.Defect != "" {
			t.Errorf("%.200q: %s", doc, f.Defect)
		}
	}
}

// TestFacts: the portal keeps the same facts whatever the syntax.
func TestFacts(t *testing.T) {
	i := invoicetest.Invoice{Numero: "F-7", CodeService: "S-1", Engagement: "E-1", Cadre: "A2"}
	pdf, err := i.FacturX()
	if err != nil {
		t.Fatal(err)
	}
	for syntaxe, b := range map[string][]byte{"IN_DP_E1_UBL_INVOICE": i.UBL(), "IN_DP_E1_CII_16B": i.CII(), "IN_DP_E2_CII_FACTURX": pdf} {
		f := *chorustest.ReadDocument(b)
		f.SHA256, f.Octets = "", 0
		if want := (chorustest.Facts{
			Numero: "F-7", Date: "2026-01-15", Annee: 2026, Type: "FACTURE", Fournisseur: "99999999800012", Siren: "999999998",
			Destinataire: "99999999700023", Service: "S-1", Engagement: "E-1", Cadre: "A2", HT: "1250.00", TTC: "1500.00", APayer: "1500.00",
			Devise: "EUR", Syntaxe: syntaxe,
		}); !reflect.DeepEqual(f, want) {
			t.Errorf("%s: %+v", syntaxe, f)
		}
	}
}

func TestFacturX(t *testing.T) {
	pdf, err := invoicetest.Invoice{}.FacturX()
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		b    []byte
		want string
	}{
		"as it is":         {pdf, ""},
		"another name":     {changed(pdf, "(factur-x.xml)", "(rapport1.pdf)"), "ne contient pas de pièce factur-x.xml"},
		"in octal":         {changed(pdf, "(factur-x.xml)", `(factur\055x.xml)`), ""},
		"cut":              {pdf[:len(pdf)/3], "technical"},
		"encrypted":        {changed(pdf, "/Root", "/Encrypt 1 0 R /Root"), "technical"},
		"nothing attached": {changed(pdf, "/AF", "/XX", "/Names", "/Xames"), "ne contient pas"},
		"many objects":     {[]byte("%PDF-1.7\n/Root 1 0 R " + strings.Repeat("1 0 obj endobj\n", 600_000)), "technical"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := verdict(x.b)
			if (got == "") != (x.want == "") || !strings.Contains(got, x.want) {
				t.Errorf("%q, wanted %q", got, x.want)
			}
		})
	}
}

// TestForeignDocuments: samples of others, where they lie beside the repository, are read; nobody's are called unreadable.
func TestForeignDocuments(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/invoices/*.*")
	cases, _ := filepath.Glob("../../../shared/cases/documents/*.xml")
	for _, file := range append(files, cases...) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(file) == ".md" || strings.HasPrefix(filepath.Base(file), "bad-") {
			continue
		}
		f := chorustest.ReadDocument(b)
		t.Logf("%-40s %s %s", filepath.Base(file), f.DefectKind, f.Defect)
		if name := filepath.Base(file); f.DefectKind == "technical" && name != "ubl-date-compact.xml" || strings.HasPrefix(name, "control-") && f.Defect != "" {
			t.Errorf("%s: %s", file, f.Defect)
		} else if want := map[string]string{
			"ubl-service-in-accountingcontact.xml": "SVC-VOIRIE 90000000200029", "ubl-siret-unscoped-number-first.xml": "SVC-01 90000000200029",
		}[name]; want != "" && f.Service+" "+f.Destinataire != want {
			t.Errorf("%s: %s %s", file, f.Service, f.Destinataire)
		}
	}
}
