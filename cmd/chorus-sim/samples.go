package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/choriste/choriste/invoice/invoicetest"
)

// sample is one document of -sample, and what becomes of it when it is deposited.
type sample struct {
	file, syntaxe, about string
	refused              string // part of the portal's reason; "" = integrated
	write                func(invoicetest.Invoice) ([]byte, error)
	invoice              invoicetest.Invoice
}

func plainly(write func(invoicetest.Invoice) []byte) func(invoicetest.Invoice) ([]byte, error) {
	return func(i invoicetest.Invoice) ([]byte, error) { return write(i), nil }
}

// samples are good invoices of each syntax and cadre, credit notes, and six that are refused, each for one reason. Their numbers are their files' names.
func samples() []sample {
	const ubl, cii, facturX = "IN_DP_E1_UBL_INVOICE", "IN_DP_E1_CII_16B", "IN_DP_E2_CII_FACTURX"
	asUBL, asCII, asNote := plainly(invoicetest.Invoice.UBL), plainly(invoicetest.Invoice.CII), plainly(invoicetest.Invoice.CreditNote)
	type i = invoicetest.Invoice
	return []sample{
		{"ubl.xml", ubl, "UBL invoice, cadre A1", "", asUBL, i{}},
		{"cii.xml", cii, "CII invoice, cadre A1", "", asCII, i{}},
		{"facturx.pdf", facturX, "Factur-X invoice, cadre A1", "", invoicetest.Invoice.FacturX, i{}},
		{"ubl-a2.xml", ubl, "UBL, A2: paid already", "", asUBL, i{Cadre: "A2", Paiement: "10"}},
		{"cii-a2.xml", cii, "CII, A2: paid already", "", asCII, i{Cadre: "A2", Paiement: "10"}},
		{"ubl-a9.xml", ubl, "UBL, A9: of a sub-contractor", "", asUBL, i{Cadre: "A9"}},
		{"cii-a9.xml", cii, "CII, A9: of a sub-contractor", "", asCII, i{Cadre: "A9"}},
		{"ubl-a12.xml", ubl, "UBL, A12: of a co-contractor", "", asUBL, i{Cadre: "A12"}},
		{"cii-a12.xml", cii, "CII, A12: of a co-contractor", "", asCII, i{Cadre: "A12"}},
		{"facturx-a9.pdf", facturX, "Factur-X, A9: of a sub-contractor", "", invoicetest.Invoice.FacturX, i{Cadre: "A9"}},
		{"ubl-service.xml", ubl, "UBL, with service code and commitment", "", asUBL, i{
			DestinataireSIRET: "12345678200044", DestinataireNom: "DESTINATAIRE SERVICE ET ENGAGEMENT", CodeService: "SERVICE_DEST_SERV_OBL", Engagement: "EJ-4711",
		}},
		{"ubl-avoir.xml", ubl, "UBL credit note", "", asNote, i{FactureOrigine: "UBL", Sans: []string{"BT-81"}}},
		{"cii-avoir.xml", cii, "CII credit note", "", asCII, i{Type: "381", FactureOrigine: "CII", Sans: []string{"BT-81"}}},

		{"faux-numero.xml", ubl, "the number has 21 characters", "Invoice.ID.value est obligatoire", asUBL, i{Numero: "FAUX-NUMERO-TROP-LONG"}},
		{"faux-paiement.xml", ubl, "the payment means is missing", "PaymentMeansCode.value est obligatoire", asUBL, i{Sans: []string{"BT-81"}}},
		{"faux-destinataire.xml", cii, "nobody knows the recipient", "n'est pas reference", asCII, i{DestinataireSIRET: "99999999900001"}},
		{"faux-service.xml", cii, "the recipient wants a service code", "BuyerReference.value) est obligatoire", asCII, i{DestinataireSIRET: "12345678200028"}},
		{"faux-engagement.xml", ubl, "the recipient wants a commitment", "engagement juridique", asUBL, i{DestinataireSIRET: "12345678200036"}},
		{"faux-cadre.xml", cii, "S1, a cadre of the approved platforms", "n'est pas autorisee", asCII, i{Cadre: "S1"}},
	}
}

// number makes UBL-A2 of ubl-a2.xml.
func number(file string) string {
	return strings.ToUpper(strings.TrimSuffix(file, filepath.Ext(file)))
}

// writeSamples puts them into a directory, and lists them when all are there: whoever reads only the first lines has closed the pipe.
func writeSamples(dir string, stdout io.Writer) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var list strings.Builder
	today := time.Now()
	for _, s := range samples() {
		s.invoice.Date = time.Date(today.Year(), today.Month(), today.Day(), 0, 0, 0, 0, time.UTC)
		if s.invoice.Numero == "" {
			s.invoice.Numero = number(s.file)
		}
		document, err := s.write(s.invoice)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, s.file), document, 0o644); err != nil {
			return err
		}
		end := "integrated"
		if s.refused != "" {
			end = "refused"
		}
		fmt.Fprintf(&list, "%-22s %-21s %-10s  %s\n", s.file, s.syntaxe, end, s.about)
	}
	_, err := io.WriteString(stdout, list.String())
	return err
}
