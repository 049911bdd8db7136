package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
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
		{"facturx-a2.pdf", facturX, "Factur-X, A2: paid already", "", invoicetest.Invoice.FacturX, i{Cadre: "A2", Paiement: "10"}},
		{"facturx-a9.pdf", facturX, "Factur-X, A9: of a sub-contractor", "", invoicetest.Invoice.FacturX, i{Cadre: "A9"}},
		{"facturx-a12.pdf", facturX, "Factur-X, A12: of a co-contractor", "", invoicetest.Invoice.FacturX, i{Cadre: "A12"}},
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

// replaceable tells that nothing of anybody's stands at a path: nothing at all, or this sample as it was written on another day.
func replaceable(path string, document []byte) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var there []byte
	if err == nil && info.Mode().IsRegular() && info.Size() < 1<<20 { // no sample is so large
		there, err = os.ReadFile(path)
	}
	if err != nil {
		return err
	}
	was, is := chorustest.ReadFile(there), chorustest.ReadFile(document)
	if len(was) == 1 && len(is) == 1 && was[0].Numero == is[0].Numero && was[0].Fournisseur == is[0].Fournisseur && was[0].Destinataire == is[0].Destinataire && was[0].TTC == is[0].TTC && was[0].Cadre == is[0].Cadre {
		return nil
	}
	return fmt.Errorf("%s is there already and is no sample: nothing is written; choose another directory", path)
}

// writeSamples puts them into a directory, and lists them when all are there: whoever reads only the first lines has closed the pipe.
func writeSamples(dir string, stdout io.Writer) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var list strings.Builder
	today := time.Now()
	files := map[string][]byte{}
	for _, s := range samples() {
		s.invoice.Date = time.Date(today.Year(), today.Month(), today.Day(), 0, 0, 0, 0, time.UTC)
		if s.invoice.Numero == "" {
			s.invoice.Numero = number(s.file)
		}
		document, err := s.write(s.invoice)
		if err != nil {
			return err
		}
		path := filepath.Join(dir, s.file)
		files[path] = document
		if err := replaceable(path, document); err != nil {
			return err
		}
		end := "integrated"
		if s.refused != "" {
			end = "refused"
		}
		fmt.Fprintf(&list, "%-22s %-21s %-10s  %s\n", s.file, s.syntaxe, end, s.about)
	}
	for path, document := range files {
		if err := os.WriteFile(path, document, 0o644); err != nil {
			return err
		}
	}
	_, err := io.WriteString(stdout, list.String())
	return err
}
