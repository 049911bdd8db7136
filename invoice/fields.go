package invoice

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// SyntaxePDF stands for an invoice that is a PDF without XML: it has no syntaxeFlux, and is submitted with fields beside it.
const SyntaxePDF = "DEPOT_PDF_API"

// Fields is what the application says of an invoice whose document is a PDF without XML (docs/sql.md, "A PDF without XML"). The names are those of the columns
// of chorus.invoices where there is one. Amounts are texts or numbers with a point, and are never rounded.
type Fields struct {
	NumeroFacture     string     `json:"numero_facture"` // BT-1
	DateFacture       string     `json:"date_facture"`   // BT-2, 2026-01-31
	TypeFacture       string     `json:"type_facture"`   // BT-3: FACTURE (the default) or AVOIR
	FournisseurSIRET  string     `json:"fournisseur_siret"`
	DestinataireSIRET string     `json:"destinataire_siret"`
	DestinataireNom   string     `json:"destinataire_nom"`
	CodeService       string     `json:"code_service"`      // BT-10
	NumeroEngagement  string     `json:"numero_engagement"` // BT-13
	NumeroMarche      string     `json:"numero_marche"`     // BT-12
	FactureOrigine    string     `json:"facture_origine"`   // BT-25
	Cadre             string     `json:"cadre_facturation"` // BT-23: A1 (the default), A2, A9 or A12
	Devise            string     `json:"devise"`            // BT-5, EUR by default
	TypeTVA           string     `json:"type_tva"`          // TVA_SUR_DEBIT (the default), TVA_SUR_ENCAISSEMENT, EXONERATION, SANS_TVA
	MotifExoneration  string     `json:"motif_exoneration"`
	ModePaiement      string     `json:"mode_paiement"` // VIREMENT (the default), PRELEVEMENT, CHEQUE, ESPECE, AUTRE, REPORT
	MontantHT         Montant    `json:"montant_ht"`
	MontantTVA        Montant    `json:"montant_tva"`
	MontantTTC        Montant    `json:"montant_ttc"`
	MontantAPayer     Montant    `json:"montant_a_payer"`
	LignesTVA         []LigneTVA `json:"lignes_tva"`
	Commentaire       string     `json:"commentaire"`

	Date time.Time `json:"-"` // DateFacture, midnight UTC
}

// LigneTVA is the tax of one rate (BG-23).
type LigneTVA struct {
	Taux Montant `json:"taux"` // percent
	Base Montant `json:"base"`
	TVA  Montant `json:"tva"`
}

// Montant is a decimal in JSON, as a text or as a number; one that is absent or null is not Valid.
type Montant struct{ decimal.NullDecimal }

var montantForm = regexp.MustCompile(`^-?\d{1,15}(\.\d{1,6})?$`)

// UnmarshalJSON takes "1250.00" and 1250.00 alike, and nothing else.
func (m *Montant) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	if string(b) == "null" || text == "" {
		return nil
	}
	if !montantForm.MatchString(text) {
		return errMontant
	}
	d, err := decimal.NewFromString(text)
	m.NullDecimal = decimal.NewNullDecimal(d)
	return err
}

var errMontant = errors.New("is no amount: write it as \"1250.00\"")

const mostLignesTVA = 100

// ReadFields reads fields and holds them against what the portal takes of such an invoice (docs/chorus-pro.md §5.2a). The document must be a PDF that carries no
// invoice of its own. Whatever could be read is returned, too; nil: nothing could.
func ReadFields(fields, document []byte) (*Fields, []Problem) {
	c := &checker{}
	switch form, _ := sniff(document); {
	case form != formPDF:
		c.found = append(c.found, *problemf(CodeFields, "", "fields are for a PDF without XML, and the document is none: leave the column fields null",
			"fields accompagne un PDF sans XML, et le document n'en est pas un : laissez la colonne fields vide"))
	default:
		if p := TooLarge(len(document)); p != nil {
			c.found = append(c.found, *p)
		} else if _, _, p := embeddedInvoice(document); p == nil {
			c.found = append(c.found, *problemf(CodeFields, "", "the PDF carries an invoice as XML already, which is what is sent: leave the column fields null",
				"le PDF porte déjà la facture en XML, et c'est elle qui est envoyée : laissez la colonne fields vide"))
		} else if p.Code != CodePDFWithoutInvoice {
			c.found = append(c.found, *p)
		}
	}
	f := &Fields{TypeFacture: "FACTURE", Cadre: "A1", Devise: "EUR", TypeTVA: "TVA_SUR_DEBIT"}
	if name, unknown := unknownName(fields); unknown {
		c.found = append(c.found, *problemf(CodeFields, "", "fields has a name that is not known, %s: the names are "+fieldNames,
			"fields contient un nom inconnu, %s ; les noms sont "+fieldNames, quote(name)))
		return nil, c.found
	}
	d := json.NewDecoder(bytes.NewReader(fields))
	if err := d.Decode(f); err != nil {
		c.found = append(c.found, *fieldsProblem(err))
		return nil, c.found
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		c.found = append(c.found, *problemf(CodeFields, "", "the column fields holds more than one object", "la colonne fields contient plus d'un objet"))
	}
	f.check(c)
	return f, c.found
}

// fieldNames are the names of Fields, as they are said to whoever writes another one.
const fieldNames = "numero_facture, date_facture, type_facture, fournisseur_siret, destinataire_siret, destinataire_nom, code_service, numero_engagement, numero_marche, " +
	"facture_origine, cadre_facturation, devise, type_tva, motif_exoneration, mode_paiement, montant_ht, montant_tva, montant_ttc, montant_a_payer, lignes_tva, commentaire"

// unknownName finds a name in fields that is none of ours, to the letter. The JSON decoder takes Montant_TTC for montant_ttc: of two amounts that are named so, it
// would choose one.
func unknownName(fields []byte) (string, bool) {
	var top map[string]json.RawMessage
	var lines []map[string]json.RawMessage
	if json.Unmarshal(fields, &top) != nil {
		return "", false // which is said of the whole
	}
	_ = json.Unmarshal(top["lignes_tva"], &lines)
	known := strings.Split(fieldNames, ", ")
	for _, name := range slices.Sorted(maps.Keys(top)) {
		if !slices.Contains(known, name) {
			return name, true
		}
	}
	for _, line := range lines {
		for _, name := range slices.Sorted(maps.Keys(line)) {
			if name != "taux" && name != "base" && name != "tva" {
				return name, true
			}
		}
	}
	return "", false
}

// fieldsProblem says what is wrong with the JSON, and in which field.
func fieldsProblem(err error) *Problem {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return problemf(CodeFields, "", "%s in fields has the wrong type (%s)", "%s, dans fields, n'est pas du bon type (%s)", quote(kind.Field), kind.Value)
	}
	if errors.Is(err, errMontant) {
		return problemf(CodeAmount, "", "an amount in fields is none: write it as \"1250.00\"", "un montant de fields n'en est pas un : écrivez-le comme \"1250.00\"")
	}
	return problemf(CodeFields, "", "fields is no JSON object of texts and amounts", "fields n'est pas un objet JSON de textes et de montants")
}

func (f *Fields) check(c *checker) {
	d := Document{Numero: f.NumeroFacture}
	if c.present("BT-1", strings.Trim(f.NumeroFacture, blanks) != "") {
		d.checkNumero(c)
	}
	if c.present("BT-2", f.DateFacture != "") {
		var err error
		if f.Date, err = time.Parse(time.DateOnly, f.DateFacture); err != nil || f.Date.Year() < 1990 || f.Date.Year() > 2100 {
			f.Date = time.Time{}
			c.refuse(CodeDate, "BT-2", "is %s: write 2026-01-31", "vaut %s : écrivez 2026-01-31", quote(f.DateFacture))
		}
	}
	oneOf := func(code, term, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			c.refuse(code, term, "is %s: write one of "+strings.Join(allowed, ", "), "vaut %s : écrivez "+strings.Join(allowed, ", "), quote(value))
		}
	}
	oneOf(CodeType, "BT-3", f.TypeFacture, "FACTURE", "AVOIR")
	oneOf(CodeCadre, "BT-23", f.Cadre, "A1", "A2", "A9", "A12")
	oneOf(CodeFields, "BT-8", f.TypeTVA, "TVA_SUR_DEBIT", "TVA_SUR_ENCAISSEMENT", "EXONERATION", "SANS_TVA")
	switch {
	case f.TypeFacture == "AVOIR" && f.ModePaiement != "":
		c.refuse(CodeFields, "BT-81", "is %s, and a credit note has none: leave mode_paiement out", "vaut %s, et un avoir n'en a pas : supprimez mode_paiement", quote(f.ModePaiement))
	case f.TypeFacture != "AVOIR" && f.ModePaiement == "":
		f.ModePaiement = "VIREMENT"
	case f.TypeFacture != "AVOIR":
		oneOf(CodeFields, "BT-81", f.ModePaiement, "VIREMENT", "PRELEVEMENT", "CHEQUE", "ESPECE", "AUTRE", "REPORT")
	}
	if f.TypeTVA == "EXONERATION" {
		c.present("BT-120", f.MotifExoneration != "")
	}
	if !deviseForm.MatchString(f.Devise) {
		c.refuse(CodeCurrency, "BT-5", "is %s: write three capital letters, as EUR", "vaut %s : écrivez trois capitales, comme EUR", quote(f.Devise))
	}
	c.siret("BT-30", f.FournisseurSIRET, f.FournisseurSIRET)
	c.siret("BT-47", f.DestinataireSIRET, f.DestinataireSIRET)
	c.length("BT-10", f.CodeService, maxCodeService)
	c.length("BT-13", f.NumeroEngagement, maxEngagement)
	f.checkAmounts(c)
	for _, t := range []struct{ term, text string }{
		{"BT-10", f.CodeService}, {"BT-13", f.NumeroEngagement}, {"BT-12", f.NumeroMarche}, {"BT-25", f.FactureOrigine}, {"BT-120", f.MotifExoneration}, {"BT-22", f.Commentaire},
	} {
		c.controls(t.term, t.text)
		c.length(t.term, t.text, 500)
	}
}

func (f *Fields) checkAmounts(c *checker) {
	if !c.present("BT-112", f.MontantTTC.Valid) {
		return
	}
	if !f.MontantAPayer.Valid {
		f.MontantAPayer = f.MontantTTC
	}
	ht, tva, ttc := f.MontantHT, f.MontantTVA, f.MontantTTC
	if ht.Valid && tva.Valid && !ht.Decimal.Add(tva.Decimal).Equal(ttc.Decimal) {
		c.refuse(CodeAmount, "BT-112", "is %s and not the sum of montant_ht and montant_tva, %s", "vaut %s et non la somme de montant_ht et montant_tva, %s",
			ttc.Decimal.String(), ht.Decimal.Add(tva.Decimal).String())
	}
	if len(f.LignesTVA) > mostLignesTVA {
		c.refuse(CodeFields, "BT-117", "has %d lines in lignes_tva: at most %d are taken", "a %d lignes dans lignes_tva : %d au plus", len(f.LignesTVA), mostLignesTVA)
		return
	}
	var base, tax decimal.Decimal
	for _, l := range f.LignesTVA {
		if !l.Taux.Valid || !l.Base.Valid || !l.TVA.Valid {
			c.refuse(CodeMissing, "BT-117", "lacks taux, base or tva in a line of lignes_tva", "manque de taux, base ou tva dans une ligne de lignes_tva")
			return
		}
		base, tax = base.Add(l.Base.Decimal), tax.Add(l.TVA.Decimal)
	}
	if len(f.LignesTVA) > 0 && (ht.Valid && !base.Equal(ht.Decimal) || tva.Valid && !tax.Equal(tva.Decimal)) {
		c.refuse(CodeAmount, "BT-117", "does not add up: the lines of lignes_tva make %s and %s", "n'est pas juste : les lignes de lignes_tva font %s et %s", base.String(), tax.String())
	}
}
