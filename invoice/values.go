package invoice

import (
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
			v.Scheme = cut(a.Value)
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

// values are all the elements at some paths, in order of preference and then of the document.
func values(t *tree.Tree, term string, paths ...string) []Value {
	var all []Value
	for _, path := range paths {
		t.Root.Each(path, func(e *tree.Element) bool {
			all = append(all, newValue(e, term))
			return len(all) < maxValues
		})
	}
	return all
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
	d := &Document{Syntaxe: s.name, tree: t, header: make(map[string][]Value, len(s.terms)+1)}
	for term, paths := range s.terms {
		d.header[term] = values(t, term, paths...)
	}
	for _, p := range s.service {
		d.header[p.term] = append(d.header[p.term], values(t, p.term, p.path)...)
	}
	text := func(term string) string { return d.At(term).Trimmed() }

	d.Numero = d.At("BT-1").Text
	d.Type = text("BT-3")
	d.Devise = text("BT-5")
	d.CodeService = unlessFiller(text("BT-10"))
	d.Engagement = unlessFiller(text("BT-13"))
	d.Cadre = text("BT-23")
	d.Profil = text("BT-24")
	d.FactureOrigine = text("BT-25")

	d.Seller, d.Buyer = newParty(t, s.seller, false), newParty(t, s.buyer, true)
	d.FournisseurSIRET, d.FournisseurNom = d.Seller.SIRET(), d.Seller.Name
	d.DestinataireSIRET, d.DestinataireNom = d.Buyer.SIRET(), d.Buyer.Name

	d.Date, _ = d.date()
	d.MontantHT = d.amount("BT-109")
	d.MontantTVA = d.amount("BT-110")
	d.MontantTTC = d.amount("BT-112")
	d.MontantPaye = d.amount("BT-113")
	d.MontantAPayer = d.amount("BT-115")

	d.Payments = payments(t, s.payment)
	if len(d.Payments) > 0 {
		d.Paiement = d.Payments[0].Code.Trimmed()
	}
	d.Attachments = attachments(t, s.attachment)
	return d
}

// fillers are what programs write where they must write something and have nothing.
var fillers = strings.Fields("NA N/A N.A. N.A N/R NR NC N/C ND N/D SO S/O NONE NULL NIL NEANT NÉANT AUCUN AUCUNE SANS INCONNU UNKNOWN UNDEFINED TBD XXX")

// isFiller tells a value that says that there is none: one of fillers, or nothing but zeros or signs.
func isFiller(s string) bool {
	return s != "" && (slices.Contains(fillers, strings.ToUpper(s)) || strings.Trim(s, "0") == "" || strings.Trim(s, "-_./?*X x") == "")
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

var amountForm = regexp.MustCompile(`^[+-]?([0-9]{1,15}(\.[0-9]{0,10})?|\.[0-9]{1,10})$`)

// parseAmount reads an xs:decimal without floats: no exponent, no group separator, 15 digits and 10 decimals at most.
func parseAmount(s string) (decimal.Decimal, bool) {
	s = strings.Trim(s, blanks)
	if !amountForm.MatchString(s) {
		return decimal.Decimal{}, false
	}
	d, err := decimal.NewFromString(s)
	return d, err == nil
}

// The form of a date in each syntax: UBL and fields have xs:date, whose time zone does not move the civil date; CII has format 102.
var (
	ublDate = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:Z|[+-][0-9]{2}:[0-9]{2})?$`)
	ciiDate = regexp.MustCompile(`^[0-9]{8}$`)
)

// date reads BT-2 in the form of the syntax, and in no other.
func (d *Document) date() (time.Time, bool) {
	v := d.At("BT-2")
	if d.Syntaxe != SyntaxeCII {
		m := ublDate.FindStringSubmatch(v.Trimmed())
		if m == nil {
			return time.Time{}, false
		}
		day, err := time.Parse("2006-01-02", m[1])
		return day, err == nil
	}
	if v.at == nil || !ciiDate.MatchString(v.Trimmed()) {
		return time.Time{}, false
	}
	if format, _ := v.at.Attr("format"); format != "102" {
		return time.Time{}, false
	}
	day, err := time.Parse("20060102", v.Trimmed())
	return day, err == nil
}

// payments are the means of payment.
func payments(t *tree.Tree, p paymentPaths) []Payment {
	var all []Payment
	t.Root.Each(p.group, func(e *tree.Element) bool {
		m := Payment{at: e}
		if c := e.One(p.code); c != nil {
			m.Code = newValue(c, "BT-81")
		}
		for _, path := range p.accounts {
			if a := e.One(path); a != nil && m.Account.Trimmed() == "" {
				m.Account = newValue(a, "BT-84")
			}
		}
		all = append(all, m)
		return len(all) < maxValues
	})
	return all
}

// attachments are the supporting documents that are in the document itself.
func attachments(t *tree.Tree, p attachmentPaths) []Attachment {
	var all []Attachment
	t.Root.Each(p.group, func(e *tree.Element) bool {
		b := e.One(p.binary)
		if b == nil {
			return true
		}
		a := Attachment{Bytes: b.Size / 4 * 3, where: b.Place()}
		if !base64Form.MatchString(b.Text) {
			a.Bytes = 0
		}
		a.Name, _ = b.Attr("filename")
		a.MIME, _ = b.Attr("mimeCode")
		if r := e.One(p.reference); r != nil {
			a.Reference = r.Norm()
		}
		all = append(all, a)
		return len(all) < maxAttachments
	})
	return all
}

// base64Form is what the part of it that is kept looks like.
var base64Form = regexp.MustCompile(`^[A-Za-z0-9+/=\s]*$`)

// maxAttachments is how many supporting documents are looked at.
const maxAttachments = 1000
