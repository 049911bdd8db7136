package invoice

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/invoice/tree"
)

// SyntaxePDF stands for an invoice that is a PDF without XML: it has no syntaxeFlux, and is submitted with fields beside it.
const SyntaxePDF = "DEPOT_PDF_API"

// MaxFields is the largest object of fields accepted, in bytes, as chorus.legible says too.
const MaxFields = 64 << 10

// Fields is what a submission needs of a PDF without XML beside what every Document has. Amounts that are no amounts are not Valid.
type Fields struct {
	NumeroMarche     string // BT-12
	TypeTVA          string // TVA_SUR_DEBIT where nothing is said
	MotifExoneration string // BT-120
	ModePaiement     string // VIREMENT where nothing is said; "" of a credit note
	Commentaire      string // BT-22
	LignesTVA        []LigneTVA
}

// LigneTVA is the tax of one rate (BG-23), and where each part of it stands.
type LigneTVA struct {
	Taux, Base, TVA decimal.NullDecimal
	At              struct{ Taux, Base, TVA Value }
	where           string
}

// Where is its place in the fields.
func (l LigneTVA) Where() string { return l.where }

const mostLignesTVA = 100

// fieldsForm says where fields have what choriste needs to know (docs/sql.md, "A PDF without XML"). The names are those of the columns of chorus.invoices where there is one.
var fieldsForm = fieldsSyntax(map[string]string{
	"BT-1": "numero_facture", "BT-2": "date_facture", "BT-3": "type_facture", "BT-5": "devise", "BT-8": "type_tva", "BT-10": "code_service", "BT-12": "numero_marche",
	"BT-13": "numero_engagement", "BT-22": "commentaire", "BT-23": "cadre_facturation", "BT-25": "facture_origine", "BT-30": "fournisseur_siret", "BT-44": "destinataire_nom",
	"BT-47": "destinataire_siret", "BT-81": "mode_paiement", "BT-109": "montant_ht", "BT-110": "montant_tva", "BT-112": "montant_ttc", "BT-115": "montant_a_payer",
	"BT-120": "motif_exoneration",
})

func fieldsSyntax(names map[string]string) *syntax {
	s := &syntax{name: SyntaxePDF, terms: map[string][]location{}}
	for term, name := range names {
		s.terms[term] = locations(name, nil)
		s.header = append(s.header, term)
	}
	return s
}

// fieldNames are the names of fields, as they are said to whoever writes another one.
const fieldNames = "numero_facture, date_facture, type_facture, fournisseur_siret, destinataire_siret, destinataire_nom, code_service, numero_engagement, numero_marche, " +
	"facture_origine, cadre_facturation, devise, type_tva, motif_exoneration, mode_paiement, montant_ht, montant_tva, montant_ttc, montant_a_payer, lignes_tva, commentaire"

// ReadFields reads what an application says, as JSON, of an invoice that is a PDF without XML, as the Document that it stands for. The PDF may carry no invoice of its own. Names
// count to the letter: of two amounts that are named montant_ttc and Montant_TTC, one would have to be chosen. A text of blanks is none. What could be read is returned beside
// the problems; nil: nothing could.
func ReadFields(fields, document []byte) (*Document, []Problem) {
	var problems []Problem
	refuse := func(where, english, french string, args ...any) {
		p := problemf(CodeFields, english, french, args...)
		p.Where = where
		problems = append(problems, *p)
	}
	if p := besideFields(document); p != nil {
		problems = append(problems, *p)
	}
	top, p := fieldsObject(fields)
	if p != nil {
		return nil, append(problems, *p)
	}
	t := tree.New("fields")
	known := strings.Split(fieldNames, ", ")
	for _, name := range slices.Sorted(maps.Keys(top)) {
		switch {
		case !slices.Contains(known, name):
			refuse("fields", "fields has a name that is not known, %s: the names are "+fieldNames, "fields contient un nom inconnu, %s ; les noms sont "+fieldNames, quote(name))
		case name == "lignes_tva":
			addLines(t, top[name], refuse)
		default:
			addField(t, t.Root, name, top[name], strings.HasPrefix(name, "montant_"), refuse)
		}
	}
	return fieldsDocument(t), problems
}

// besideFields says what is wrong when fields stand beside this document: they are for a PDF that carries no invoice of its own.
func besideFields(document []byte) *Problem {
	if form, _ := sniff(document); form != formPDF {
		return problemf(CodeFields, "fields are for a PDF without XML, and the document is none: leave fields out",
			"fields accompagne un PDF sans XML, et le document n'en est pas un : n'indiquez pas de fields")
	}
	if p := TooLarge(len(document)); p != nil {
		return p
	}
	switch _, _, p := embeddedInvoice(document); {
	case p == nil:
		return problemf(CodeFields, "the PDF carries an invoice as XML already, which is what is sent: leave fields out",
			"le PDF porte déjà la facture en XML, et c'est elle qui est envoyée : n'indiquez pas de fields")
	case p.Code != CodePDFWithoutInvoice:
		return p
	}
	return nil
}

// fieldsObject reads the one object that fields are.
func fieldsObject(fields []byte) (map[string]any, *Problem) {
	var top map[string]any
	d := json.NewDecoder(bytes.NewReader(fields))
	d.UseNumber()
	err := d.Decode(&top)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more than one value")
		}
	}
	if err != nil || top == nil || len(fields) > MaxFields {
		return nil, problemf(CodeFields, "fields are no JSON object of at most %d bytes", "fields n'est pas un objet JSON d'au plus %d octets", MaxFields)
	}
	return top, nil
}

// addField puts a field into the tree. Only amounts may be numbers: a number of 14 digits is no SIRET, for it may have lost its zeros.
func addField(t *tree.Tree, to *tree.Element, name string, value any, amount bool, refuse func(where, english, french string, args ...any)) {
	text, is := value.(string)
	number, isNumber := value.(json.Number)
	switch {
	case value == nil:
		return
	case isNumber && amount:
		text = number.String()
	case !is:
		refuse(to.Place()+"."+name, "%s in fields is no text: write it between quotes", "%s, dans fields, n'est pas un texte : écrivez-le entre guillemets", name)
		return
	}
	if strings.Trim(text, blanks) != "" {
		t.Add(to, name, text)
	}
}

// addLines puts lignes_tva into the tree.
func addLines(t *tree.Tree, value any, refuse func(where, english, french string, args ...any)) {
	const name = "lignes_tva"
	list, is := value.([]any)
	if value == nil {
		return
	}
	if !is || len(list) > mostLignesTVA {
		refuse("fields."+name, "lignes_tva in fields is no list of at most %d objects", "lignes_tva, dans fields, n'est pas une liste d'au plus %d objets", mostLignesTVA)
		return
	}
	for _, item := range list {
		line := t.Add(t.Root, name, "")
		parts, is := item.(map[string]any)
		if !is {
			refuse("fields."+name, "a line of lignes_tva is no object of taux, base and tva", "une ligne de lignes_tva n'est pas un objet taux, base, tva")
			continue
		}
		for _, part := range slices.Sorted(maps.Keys(parts)) {
			if part != "taux" && part != "base" && part != "tva" {
				refuse(line.Place(), "a line of lignes_tva has a name that is not known, %s: the names are taux, base, tva",
					"une ligne de lignes_tva contient un nom inconnu, %s ; les noms sont taux, base, tva", quote(part))
				continue
			}
			addField(t, line, part, parts[part], true, refuse)
		}
	}
}

// fieldsDocument turns fields into facts. Where nothing is said, an invoice is meant, by a supplier of its own, in euros, to be paid by transfer.
func fieldsDocument(t *tree.Tree) *Document {
	d := newDocument(fieldsForm, t)
	orElse := func(text *string, otherwise string) {
		if *text == "" {
			*text = otherwise
		}
	}
	orElse(&d.Type, "FACTURE")
	orElse(&d.Cadre, "A1")
	orElse(&d.Devise, "EUR")
	if d.At("BT-115").Text == "" {
		d.MontantAPayer = d.MontantTTC
	}
	text := func(term string) string { return d.At(term).Trimmed() }
	f := &Fields{NumeroMarche: text("BT-12"), TypeTVA: text("BT-8"), MotifExoneration: text("BT-120"), ModePaiement: text("BT-81"), Commentaire: text("BT-22")}
	orElse(&f.TypeTVA, "TVA_SUR_DEBIT")
	if d.Type != "AVOIR" {
		orElse(&f.ModePaiement, "VIREMENT")
	}
	for _, e := range t.Root.All("lignes_tva") {
		l := LigneTVA{where: e.Place()}
		for _, part := range []struct {
			name   string
			amount *decimal.NullDecimal
			at     *Value
		}{{"taux", &l.Taux, &l.At.Taux}, {"base", &l.Base, &l.At.Base}, {"tva", &l.TVA, &l.At.TVA}} {
			if x := e.One(part.name); x != nil {
				*part.at = newValue(x, "BG-23")
				part.amount.Decimal, part.amount.Valid = parseAmount(x.Text)
			}
		}
		f.LignesTVA = append(f.LignesTVA, l)
	}
	d.Fields = f
	return d
}

// fieldsContent is what fields say of an invoice.
func (d *Document) fieldsContent(c *Content) {
	f := d.Fields
	*c = Content{
		Number: d.Numero, IssueDate: Date{d.Date}, Type: d.Type, Currency: d.Devise, TaxPointCode: f.TypeTVA, BuyerReference: d.At("BT-10").Trimmed(), Contract: f.NumeroMarche,
		Order: d.At("BT-13").Trimmed(), Process: d.Cadre, Seller: d.Seller, Buyer: d.Buyer,
		Totals: Totals{WithoutVAT: d.MontantHT, VAT: d.MontantTVA, WithVAT: d.MontantTTC, Due: d.MontantAPayer},
	}
	if f.Commentaire != "" {
		c.Notes = []Note{{Text: f.Commentaire}}
	}
	if d.FactureOrigine != "" {
		c.Preceding = []PrecedingInvoice{{Number: d.FactureOrigine}}
	}
	if f.ModePaiement != "" {
		c.Payments = []Payment{{Code: Value{Text: f.ModePaiement, Term: "BT-81"}}}
	}
	for _, l := range f.LignesTVA {
		c.VAT = append(c.VAT, VAT{Base: l.Base, Tax: l.TVA, Rate: l.Taux, Reason: f.MotifExoneration})
	}
}
