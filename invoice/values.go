package invoice

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/invoice/tree"
)

// Value is a text of the document, and where it stands.
type Value struct {
	Text     string // exactly as written
	Term     string // of EN 16931, as BT-29: where it really stands
	Scheme   string // schemeID, else schemeName
	Currency string // currencyID
	at       *tree.Element
}

// MarshalJSON is the text alone.
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(v.Trimmed()) }

// ID is an identifier, which means something within its scheme only.
type ID struct{ Value }

// MarshalJSON is the identifier, its scheme and its term.
func (i ID) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Value  string `json:"value"`
		Scheme string `json:"scheme,omitzero"`
		Term   string `json:"term,omitzero"`
	}{i.Trimmed(), i.Scheme, i.Term})
}

// Date is a civil date, midnight UTC.
type Date struct{ time.Time }

// MarshalJSON is the date as 2026-01-31.
func (d Date) MarshalJSON() ([]byte, error) { return json.Marshal(d.Format(time.DateOnly)) }

// Trimmed is the text without white space around it.
func (v Value) Trimmed() string { return strings.Trim(v.Text, blanks) }

// Where is the element's path and line; "" when there is none.
func (v Value) Where() string {
	if v.at == nil {
		return ""
	}
	return v.at.Place()
}

func newValue(e *tree.Element, term string) Value {
	v := Value{Term: term, at: e, Text: e.Text}
	for _, a := range e.Attrs {
		switch {
		case a.Name.Space != "":
		case a.Name.Local == "schemeID", a.Name.Local == "schemeName" && v.Scheme == "":
			v.Scheme = tree.Normalize(cut(a.Value)) // xs:token in CII, and EN 16931's rules look at it so
		case a.Name.Local == "currencyID":
			v.Currency = a.Value
		}
	}
	return v
}

// cut keeps the first bytes of an attribute, on a character's boundary.
func cut(s string) string {
	if len(s) <= tree.MaxText {
		return s
	}
	return strings.Clone(strings.ToValidUTF8(s[:tree.MaxText], "")) // not the rest of it, kept alive behind
}

// maxValues is how many of one repeated element are kept.
const maxValues = 100

// filled is the first value with more than white space in it, else the first.
func filled(all []Value) Value {
	if i := slices.IndexFunc(all, func(v Value) bool { return v.Trimmed() != "" }); i >= 0 {
		return all[i]
	}
	if len(all) > 0 {
		return all[0]
	}
	return Value{}
}

// newDocument turns what was found into facts.
func newDocument(s *syntax, t *tree.Tree) *Document {
	d := &Document{Syntaxe: s.name, syntax: s, tree: t, header: make(map[string][]Value, len(s.header))}
	for _, term := range s.header {
		d.header[term] = s.values(t, term)
	}
	text := func(term string) string { return d.At(term).Trimmed() }

	d.Numero = d.At("BT-1").Text
	d.Type = text("BT-3")
	d.Devise = text("BT-5")
	if d.CodeService = text("BT-10"); isFiller(d.CodeService) {
		d.CodeService, d.ServiceFiller = "", d.CodeService
	}
	d.Engagement = unlessFiller(text("BT-13"))
	d.Cadre = text("BT-23")
	d.Profil = text("BT-24")
	d.FactureOrigine = text("BT-25")

	r := reader{currency: d.Devise}
	s.fill("Seller", t, &d.Seller, r)
	s.fill("Buyer", t, &d.Buyer, r)
	d.Seller.identify(s, t, sellerTerms, false)
	d.Buyer.identify(s, t, buyerTerms, true)
	d.FournisseurSIRET, d.FournisseurNom = d.Seller.SIRET(), d.Seller.Name
	d.DestinataireSIRET, d.DestinataireNom = d.Buyer.SIRET(), d.Buyer.Name

	d.Date, _ = s.date(d.At("BT-2"))
	d.MontantHT = d.amount("BT-109")
	d.MontantTVA = d.amount("BT-110")
	d.MontantTTC = d.amount("BT-112")
	d.MontantPaye = d.amount("BT-113")
	d.MontantAPayer = d.amount("BT-115")

	s.fill("Payments", t, &d.Payments, r)
	if len(d.Payments) > 0 {
		d.Paiement = d.Payments[0].Code.Trimmed()
	}
	s.fill("Attachments", t, &d.Attachments, r)
	d.Attachments = slices.DeleteFunc(d.Attachments, func(a Attachment) bool { return a.File.at == nil })
	return d
}

// fillers are what programs write where they must write something and have nothing.
var fillers = strings.Fields("NA N/A N.A. N.A N/R NR NC N/C ND N/D SO S/O NONE NULL NIL NEANT NÉANT AUCUN AUCUNE SANS INCONNU UNKNOWN UNDEFINED TBD XXX")

// fillerPhrases are the same in several words.
var fillerPhrases = []string{
	"SANS OBJET", "NON APPLICABLE", "NOT APPLICABLE", "A DEFINIR", "À DÉFINIR", "A DÉFINIR", "NON RENSEIGNE", "NON RENSEIGNÉ", "NON COMMUNIQUE", "NON COMMUNIQUÉ", "PAS DE NUMERO", "PAS DE NUMÉRO",
	"SANS NUMERO", "SANS NUMÉRO", "SANS ENGAGEMENT", "SANS COMMANDE", "SANS BON DE COMMANDE", "NON CONCERNE", "NON CONCERNÉ", "NON FOURNI",
}

// isFiller tells a value that says that there is none: one of fillers, or nothing but zeros or signs.
func isFiller(s string) bool {
	upper := strings.ToUpper(s)
	return s != "" && (slices.Contains(fillers, upper) || slices.Contains(fillerPhrases, strings.Join(strings.Fields(upper), " ")) || strings.Trim(s, "0") == "" || strings.Trim(s, "-_./?*X x") == "")
}

func unlessFiller(s string) string {
	if isFiller(s) {
		return ""
	}
	return s
}

const blanks = " \t\r\n"

// amount reads a total in the invoice's currency: one in another currency is another amount.
func (d *Document) amount(term string) (n decimal.NullDecimal) {
	v := d.Amount(term)
	if d.ForeignCurrency(v) {
		return n
	}
	n.Decimal, n.Valid = parseAmount(v.Text)
	return n
}

// ForeignCurrency tells an amount that is not in the invoice's currency.
func (d *Document) ForeignCurrency(v Value) bool {
	return v.Currency != "" && d.Devise != "" && v.Currency != d.Devise
}

// Amount is the value of a total: the one in the invoice's currency where there are several, as of BT-110 and BT-111.
func (d *Document) Amount(term string) Value {
	all := d.header[term]
	if i := slices.IndexFunc(all, func(v Value) bool { return v.Currency == d.Devise || v.Currency == "" }); i >= 0 {
		return all[i]
	}
	return filled(all)
}

// IsAmount tells whether a text is an amount.
func IsAmount(s string) bool {
	_, ok := parseAmount(s)
	return ok
}

// amountForm tells a number with 1 to 15 digits and up to 10 decimals; the digits or the decimals may be missing.
func amountForm(s string) bool {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	digits, decimals, point := strings.Cut(s, ".")
	if strings.Trim(digits, "0123456789") != "" || strings.Trim(decimals, "0123456789") != "" || len(digits) > 15 || len(decimals) > 10 {
		return false
	}
	return digits != "" || point && decimals != ""
}

// parseAmount reads an xs:decimal without floats: no exponent, no group separator, 15 digits and 10 decimals at most.
func parseAmount(s string) (decimal.Decimal, bool) {
	s = strings.Trim(s, blanks)
	if !amountForm(s) {
		return decimal.Decimal{}, false
	}
	d, err := decimal.NewFromString(s)
	return d, err == nil
}

// newFile describes a file within the invoice; one that cannot be decoded has no bytes.
func newFile(e *tree.Element) File {
	f := File{at: e}
	if e.Base64 {
		f.Bytes = e.Size / 4 * 3
	}
	f.Name, _ = e.Attr("filename")
	f.MIME, _ = e.Attr("mimeCode")
	return f
}

// The form of a date in each syntax: UBL and fields have xs:date, whose time zone does not move the civil date; CII has format 102.
var (
	ublDate = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?$`)
	ciiDate = regexp.MustCompile(`^[0-9]{8}$`)
)

// IsDate tells whether a text is a date in the form of a syntax, and for CII with this format.
func IsDate(syntaxe, text, format string) bool {
	text = strings.Trim(text, blanks)
	if syntaxe != SyntaxeCII {
		m := ublDate.FindStringSubmatch(text)
		return m != nil && isDay(time.DateOnly, m[1])
	}
	return format == "102" && ciiDate.MatchString(text) && isDay("20060102", text)
}

func isDay(layout, text string) bool {
	_, err := time.Parse(layout, text)
	return err == nil
}

// date reads a date in the form of the syntax, and in no other.
func (s *syntax) date(v Value) (day time.Time, ok bool) {
	text := v.Trimmed()
	if s != cii {
		m := ublDate.FindStringSubmatch(text)
		if m == nil {
			return day, false
		}
		day, err := time.Parse(time.DateOnly, m[1])
		return day, err == nil
	}
	if v.at == nil || !ciiDate.MatchString(text) {
		return day, false
	}
	if format, _ := v.at.Attr("format"); format != "102" {
		return day, false
	}
	day, err := time.Parse("20060102", text)
	return day, err == nil
}
