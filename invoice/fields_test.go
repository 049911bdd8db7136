package invoice_test

import (
	"strings"
	"testing"

	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/invoicetest"
)

func plainPDF(t *testing.T) []byte {
	t.Helper()
	pdf, err := invoicetest.Invoice{}.PDF()
	if err != nil {
		t.Fatal(err)
	}
	return pdf
}

const goodFields = `{
	"numero_facture": "F-1", "date_facture": "2026-01-31", "fournisseur_siret": "99999999800012", "destinataire_siret": "99999999700023",
	"montant_ht": 1000.10, "montant_tva": "200.02", "montant_ttc": "1200.12",
	"lignes_tva": [{"taux": "20", "base": "1000.10", "tva": 200.02}]
}`

func TestFieldsAreReadExactly(t *testing.T) {
	f, problems := invoice.ReadFields([]byte(goodFields), plainPDF(t))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if f.MontantHT.Decimal.String() != "1000.1" || f.MontantAPayer.Decimal.String() != "1200.12" || f.ModePaiement != "VIREMENT" || f.Cadre != "A1" || f.Date.Day() != 31 {
		t.Errorf("read as %+v", f)
	}
}

// Each fault, alone, is named by its term or by its field.
func TestFieldsSayWhatIsWrong(t *testing.T) {
	pdf := plainPDF(t)
	for _, x := range []struct{ from, to, term, code string }{
		{`"F-1"`, `""`, "BT-1", invoice.CodeMissing},
		{`"F-1"`, `"123456789012345678901"`, "BT-1", invoice.CodeNumberTooLong},
		{`"F-1"`, `"F#1"`, "BT-1", invoice.CodeNumberCharacters},
		{`"2026-01-31"`, `"31/01/2026"`, "BT-2", invoice.CodeDate},
		{`"2026-01-31"`, `"2026-02-31"`, "BT-2", invoice.CodeDate},
		{`"99999999700023"`, `"999 999 997 00023"`, "BT-47", invoice.CodeSIRET},
		{`"99999999800012"`, `"999999998"`, "BT-30", invoice.CodeSIRET},
		{`"1200.12"`, `"1200.13"`, "BT-112", invoice.CodeAmount},
		{`"1200.12"`, `null`, "BT-112", invoice.CodeMissing},
		{`"1200.12"`, `"1e3"`, "", invoice.CodeAmount},
		{`"1200.12"`, `"1 200,12"`, "", invoice.CodeAmount},
		{`"200.02"`, `true`, "", invoice.CodeAmount},
		{`200.02}`, `200.03}`, "BT-117", invoice.CodeAmount},
		{`"taux": "20", `, ``, "BT-117", invoice.CodeMissing},
		{`"F-1"`, `"F-1", "cadre_facturation": "B1"`, "BT-23", invoice.CodeCadre},
		{`"F-1"`, `"F-1", "type_facture": "380"`, "BT-3", invoice.CodeType},
		{`"F-1"`, `"F-1", "type_tva": "EXONERATION"`, "BT-120", invoice.CodeMissing},
		{`"F-1"`, `"F-1", "type_facture": "AVOIR", "mode_paiement": "VIREMENT"`, "BT-81", invoice.CodeFields},
		{`"F-1"`, `"F-1", "mode_paiement": "CARTE"`, "BT-81", invoice.CodeFields},
		{`"F-1"`, `"F-1", "devise": "euro"`, "BT-5", invoice.CodeCurrency},
		{`"F-1"`, `"F-1", "commentaire": "a\u0007"`, "BT-22", invoice.CodeControlCharacters},
		{`"F-1"`, `"F-1", "montants": 1`, "", invoice.CodeFields},
		{`"F-1"`, `1`, "", invoice.CodeFields},
		{`"F-1"`, `"F-1", "Montant_TTC": "99999.00"`, "", invoice.CodeFields},
		{`"F-1"`, `"F-1", "fourniſseur_siret": "12345678200051"`, "", invoice.CodeFields},
		{`"taux": "20"`, `"taux": "20", "TAUX": "5.5"`, "", invoice.CodeFields},
		{`"1200.12"`, `"null"`, "", invoice.CodeAmount},
	} {
		fields := strings.Replace(goodFields, x.from, x.to, 1)
		_, problems := invoice.ReadFields([]byte(fields), pdf)
		if len(problems) != 1 || problems[0].Term != x.term || problems[0].Code != x.code || problems[0].MessageFR == "" {
			t.Errorf("%s → %s: %+v, want %s %s", x.from, x.to, problems, x.code, x.term)
		}
	}
}
