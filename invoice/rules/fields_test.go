package rules_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/invoice/rules"
)

func plainPDF(t testing.TB) []byte {
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
	t.Parallel()
	r := rules.JudgeFields([]byte(goodFields), plainPDF(t), rules.Options{})
	if len(r.Findings) > 0 {
		t.Fatal(r.Findings)
	}
	d := r.Document
	if d.MontantHT.Decimal.String() != "1000.1" || d.MontantAPayer.Decimal.String() != "1200.12" || d.Fields.ModePaiement != "VIREMENT" || d.Cadre != "A1" || d.Date.Day() != 31 {
		t.Errorf("read as %+v", d)
	}
}

// Each fault, alone, is named by its term, its field and the value; what is only near to one is not.
func TestFieldsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	pdf := plainPDF(t)
	for _, x := range []struct{ from, to, want string }{
		{`"F-1"`, `""`, "CH-FIELDS-MISSING BT-1 fields.numero_facture"},
		{`"F-1"`, `"  \t"`, "CH-FIELDS-MISSING BT-1 fields.numero_facture"},
		{`"F-1"`, `null`, "CH-FIELDS-MISSING BT-1 fields.numero_facture"},
		{`"F-1"`, `" F-1"`, "CH-NUMBER-CHARACTERS BT-1 fields.numero_facture"},
		{`"F-1"`, `"123456789012345678901"`, "CH-NUMBER-LENGTH BT-1 fields.numero_facture"},
		{`"F-1"`, `"F#1"`, "CH-NUMBER-CHARACTERS BT-1 fields.numero_facture"},
		{`"2026-01-31"`, `"31/01/2026"`, "CH-DATE BT-2 fields.date_facture"},
		{`"2026-01-31"`, `"2026-02-31"`, "CH-DATE BT-2 fields.date_facture"},
		{`"2026-01-31"`, `"1989-01-31"`, "CH-DATE-YEAR BT-2 fields.date_facture"},
		{`"2026-01-31"`, `" "`, "CH-FIELDS-MISSING BT-2 fields.date_facture"},
		{`"2026-01-31"`, `"2026-12-01"`, "CH-DATE-FUTURE BT-2 fields.date_facture"},
		{`"99999999700023"`, `"999 999 997 00023"`, "CH-BUYER-SIRET BT-47 fields.destinataire_siret"},
		{`"99999999800012"`, `"999999998"`, "CH-SELLER-SIRET BT-30 fields.fournisseur_siret"},
		{`"99999999800012"`, `" "`, "CH-SELLER-SIRET BT-30 "},
		{`"99999999700023"`, `"99999999800012"`, "CH-SAME-PARTY BT-47 fields.destinataire_siret"},
		{`"1200.12"`, `"1200.13"`, "CH-FIELDS-SUM BT-112 fields.montant_ttc"},
		{`"1200.12"`, `null`, "CH-FIELDS-MISSING BT-112 fields.montant_ttc"},
		{`"1200.12"`, `"1e3"`, "CH-AMOUNT BT-112 fields.montant_ttc"},
		{`"1200.12"`, `"1 200,12"`, "CH-AMOUNT BT-112 fields.montant_ttc"},
		{`"1200.12"`, `"1200.1200"`, ""},
		{`1000.10, "montant_tva": "200.02"`, `1000.105, "montant_tva": "200.015"`, "CH-FIELDS-AMOUNT BT-109 fields.montant_ht+CH-FIELDS-AMOUNT BT-110 fields.montant_tva+CH-FIELDS-SUM BT-109 fields.montant_ht+CH-FIELDS-SUM BT-110 fields.montant_tva"},
		{`"taux": "20"`, `"taux": "20.001"`, "CH-FIELDS-AMOUNT BT-119 fields.lignes_tva.taux"},
		{`"200.02", "montant_ttc"`, `true, "montant_ttc"`, "CH-FIELDS  fields.montant_tva"},
		{`200.02}`, `200.03}`, "CH-FIELDS-SUM BT-110 fields.montant_tva"},
		{`"base": "1000.10"`, `"base": "1000"`, "CH-FIELDS-SUM BT-109 fields.montant_ht"},
		{`"taux": "20"`, `"taux": "2"`, "CH-FIELDS-VAT BT-117 fields.lignes_tva.tva"},
		{`"taux": "20", `, ``, "CH-FIELDS-MISSING BG-23 fields.lignes_tva"},
		{`"F-1"`, `"F-1", "montant_a_payer": "1200.13"`, "CH-FIELDS-SUM BT-115 fields.montant_a_payer"},
		{`"F-1"`, `"F-1", "cadre_facturation": "B1"`, "CH-CADRE BT-23 fields.cadre_facturation"},
		{`"F-1"`, `"F-1", "cadre_facturation": "A3"`, "CH-FIELDS-VALUE BT-23 fields.cadre_facturation"},
		{`"F-1"`, `"F-1", "type_facture": "380"`, "CH-FIELDS-VALUE BT-3 fields.type_facture"},
		{`"F-1"`, `"F-1", "type_tva": "EXONERATION"`, "CH-FIELDS-MISSING BT-120 fields.motif_exoneration"},
		{`"F-1"`, `"F-1", "type_tva": "EXONERATION", "motif_exoneration": " "`, "CH-FIELDS-MISSING BT-120 fields.motif_exoneration"},
		{`"F-1"`, `"F-1", "type_facture": "AVOIR", "mode_paiement": "VIREMENT"`, "CH-FIELDS-CREDIT BT-81 fields.mode_paiement"},
		{`"F-1"`, `"F-1", "type_facture": "AVOIR"`, ""},
		{`"F-1"`, `"F-1", "mode_paiement": "CARTE"`, "CH-FIELDS-VALUE BT-81 fields.mode_paiement"},
		{`"F-1"`, `"F-1", "devise": "euro"`, "CH-FIELDS-VALUE BT-5 fields.devise"},
		{`"F-1"`, `"F-1", "devise": "XEU"`, "CH-FIELDS-VALUE BT-5 fields.devise"},
		{`"F-1"`, `"F-1", "commentaire": "a\u0007"`, "CH-FIELDS-TEXT BT-22 fields.commentaire"},
		{`"F-1"`, `"F-1", "commentaire": "a\nb"`, ""},
		{`"F-1"`, `"F-1", "commentaire": "` + strings.Repeat("é", 1025) + `"`, "CH-NOTE-LENGTH BT-22 fields.commentaire"},
		{`"F-1"`, `"F-1", "commentaire": "` + strings.Repeat("é", 4001) + `"`, "CH-FIELDS-TEXT BT-22 fields.commentaire+CH-NOTE-LENGTH BT-22 fields.commentaire"},
		{`"F-1"`, `"F-1", "numero_marche": "` + strings.Repeat("1", 51) + `"`, "CH-CONTRACT-LENGTH BT-12 fields.numero_marche"},
		{`"F-1"`, `"F-1", "code_service": "FACTURES_PUBLIQUES"`, "CH-SERVICE-PUBLIC BT-10 fields.code_service"},
		{`"F-1"`, `"F-1", "numero_engagement": "NA"`, "CH-ENGAGEMENT-NONE BT-13 fields.numero_engagement"},
		{`"F-1"`, `"F-1", "montants": 1`, "CH-FIELDS  fields"},
		{`"F-1"`, `1`, "CH-FIELDS-MISSING BT-1 fields.numero_facture+CH-FIELDS  fields.numero_facture"},
		{`"F-1"`, `"F-1", "Montant_TTC": "99999.00"`, "CH-FIELDS  fields"},
		{`"F-1"`, `"F-1", "fourniſseur_siret": "12345678200051"`, "CH-FIELDS  fields"},
		{`"taux": "20"`, `"taux": "20", "TAUX": "5.5"`, "CH-FIELDS  fields.lignes_tva"},
		{`"1200.12"`, `"null"`, "CH-AMOUNT BT-112 fields.montant_ttc"},
		{`[{"taux": "20", "base": "1000.10", "tva": 200.02}]`, `[1]`, "CH-FIELDS-MISSING BG-23 fields.lignes_tva+CH-FIELDS  fields.lignes_tva"},
		{`"F-1", "date_facture"`, `"F-1", "x": {}, "date_facture"`, "CH-FIELDS  fields"},
		{goodFields, `[]`, "CH-FIELDS  "},
		{goodFields, goodFields + `{}`, "CH-FIELDS  "},
		{goodFields, `{"commentaire":"` + strings.Repeat("x", invoice.MaxFields) + `"}`, "CH-FIELDS  "},
	} {
		fields := strings.Replace(goodFields, x.from, x.to, 1)
		var got []string
		for _, f := range rules.JudgeFields([]byte(fields), pdf, rules.Options{Now: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}).Findings {
			got = append(got, f.Code+" "+f.Term+" "+f.Where)
			for _, text := range []string{f.Message, f.MessageFR, f.Remedy, f.RemedyFR} {
				if text == "" || strings.Contains(text, "%") || strings.ContainsFunc(text, unicode.IsControl) || len([]rune(text)) > 500 {
					t.Errorf("%s: text %q", f.Code, text)
				}
			}
		}
		if all := strings.Join(got, "+"); all != x.want {
			t.Errorf("%.80s → %.80s: %s, want %s", x.from, x.to, all, x.want)
		}
	}
}

// An account's levels count for fields too, but for what makes them unreadable.
func TestLevelsOfFields(t *testing.T) {
	t.Parallel()
	fields := strings.NewReplacer(`"1200.12"`, `"1200.13"`, `"F-1"`, `"F-1", "montants": 1`).Replace(goodFields)
	r := rules.JudgeFields([]byte(fields), plainPDF(t), rules.Options{Levels: map[string]rules.Severity{"CH-FIELDS-SUM": rules.Off, "CH-FIELDS": rules.Off}, SyntaxeFlux: "IN_DP_E1_CII_16B"})
	if got := errorsOf(r.Findings); !slices.Equal(got, []string{"CH-FIELDS ", "CH-SYNTAXE "}) {
		t.Errorf("%q", got)
	}
	for name, doc := range map[string][]byte{"UBL": invoicetest.Invoice{}.UBL(), "nothing": nil, "a cut PDF": plainPDF(t)[:300]} {
		if r := rules.JudgeFields([]byte(goodFields), doc, rules.Options{}); r.OK() {
			t.Errorf("fields beside %s pass", name)
		}
	}
}

// The day is that of Paris: an invoice of the 1st is not dated ahead at half past eleven in the evening of Greenwich.
func TestDatedAhead(t *testing.T) {
	t.Parallel()
	doc := invoicetest.Invoice{Date: time.Date(2026, 7, 2, 0, 0, 0, 0, time.UTC)}.CII()
	for now, ahead := range map[string]bool{"2026-07-01T21:59:59Z": true, "2026-07-01T22:00:00Z": false, "2026-07-02T22:00:00Z": false, "0001-01-01T00:00:00Z": false} {
		at, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		found := rules.Judge(doc, rules.Options{Now: at}).Findings
		if got := slices.ContainsFunc(found, func(f rules.Finding) bool {
			return f.Code == "CH-DATE-FUTURE" && f.Severity == rules.Warning && f.Where != ""
		}); got != ahead {
			t.Errorf("%s: %v", now, got)
		}
	}
}

// FuzzFields: whatever the fields, there is an answer with words in it.
func FuzzFields(f *testing.F) {
	pdf := plainPDF(f)
	f.Add([]byte(goodFields))
	f.Add([]byte(`{"lignes_tva":[{"taux":1e400}],"montant_ttc":-0.0,"date_facture":"2026-01-01Z"}`))
	f.Fuzz(func(t *testing.T, fields []byte) {
		r := rules.JudgeFields(fields, pdf, rules.Options{Now: time.Now()})
		if r.OK() && !json.Valid(fields) {
			t.Error("no JSON, and nothing is said")
		}
		for _, x := range r.Findings {
			if x.Code == "" || x.Message == "" || x.Remedy == "" || strings.ContainsFunc(x.Message, unicode.IsControl) {
				t.Errorf("%+v", x)
			}
		}
	})
}
