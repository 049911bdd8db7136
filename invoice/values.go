package invoice

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// document turns what was found into facts. What is there and cannot be used goes to refused, for Check to report.
func document(s *syntax, t table) *Document {
	d := &Document{Syntaxe: s.name}
	raw := func(term string) string {
		for _, v := range s.values(t, term) {
			if v.text != "" {
				return v.text
			}
		}
		return ""
	}
	text := func(term string) string { return strings.Trim(raw(term), blanks) }
	// A name may be broken over lines in the file; elsewhere a break within a value is a mistake, and Check says so.
	name := func(term string) string {
		return strings.Join(strings.FieldsFunc(raw(term), func(r rune) bool { return strings.ContainsRune(blanks, r) }), " ")
	}

	d.Numero = raw("BT-1")
	d.Type = text("BT-3")
	d.Devise = text("BT-5")
	d.CodeService = text("BT-10")
	d.Engagement = text("BT-13")
	d.Cadre = text("BT-23")
	d.Profil = text("BT-24")
	d.FactureOrigine = text("BT-25")
	d.FournisseurNom = name("BT-27")
	d.DestinataireNom = name("BT-44")
	d.Paiement = text("BT-81")
	d.FournisseurSIRET, d.fournisseurSeen = siret(s.values(t, "BT-30"))
	d.DestinataireSIRET, d.destinataireSeen = siret(s.values(t, "BT-47"))

	// The schemas allow each of these once; a reader that takes the last would see another invoice than we do.
	for _, term := range []string{"BT-1", "BT-2", "BT-3", "BT-5"} {
		all := s.values(t, term)
		if i := slices.IndexFunc(all, func(v value) bool { return v.text != all[0].text }); i > 0 {
			d.refuse(CodeSeveral, term, "is there twice, as %s and %s", "y est deux fois : %s et %s",
				quote(all[0].text), quote(all[i].text))
		}
	}

	if v := text("BT-2"); v != "" {
		var ok bool
		if d.Date, ok = parseDate(v); !ok {
			d.refuse(CodeDate, "BT-2", "is %s, which is no date: write 2026-01-31 in UBL, 20260131 in CII",
				"vaut %s, qui n'est pas une date : écrivez 2026-01-31 en UBL, 20260131 en CII", quote(v))
		}
	}
	amount := func(term string, values []value) (n decimal.NullDecimal) {
		if len(values) == 0 || values[0].text == "" {
			return n
		}
		if n.Decimal, n.Valid = parseAmount(values[0].text); !n.Valid {
			d.refuse(CodeAmount, term, "is %s, which is no amount: write it as 1250.00", "vaut %s, qui n'est pas un montant : écrivez-le comme 1250.00",
				quote(values[0].text))
		}
		return n
	}
	d.MontantHT = amount("BT-109", s.values(t, "BT-109"))
	d.MontantTVA = amount("BT-110", inCurrency(s.values(t, "BT-110"), d.Devise))
	d.MontantTTC = amount("BT-112", s.values(t, "BT-112"))
	d.MontantAPayer = amount("BT-115", s.values(t, "BT-115"))
	return d
}

// inCurrency leaves the VAT total in the invoice's currency (BT-110) apart from the one in the accounting currency (BT-111).
func inCurrency(all []value, devise string) []value {
	for _, v := range all {
		if v.devise == devise || v.devise == "" {
			return []value{v}
		}
	}
	return nil
}

const blanks = " \t\r\n"

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

// dateForm knows the three ways of a date: CII format 102, xs:date, xs:dateTime. The civil date counts, as written: a time
// zone does not move it.
var dateForm = regexp.MustCompile(`^([0-9]{4})(-?)([0-9]{2})(-?)([0-9]{2})(T[0-9:.]{5,20})?(Z|[+-][0-9]{2}:[0-9]{2})?$`)

func parseDate(s string) (time.Time, bool) {
	m := dateForm.FindStringSubmatch(s)
	if m == nil || m[2] != m[4] || m[2] == "" && m[6]+m[7] != "" {
		return time.Time{}, false
	}
	day, err := time.Parse("20060102", m[1]+m[3]+m[5])
	return day, err == nil
}

// siretSchemes are the identifier schemes under which a SIRET is found: ISO 6523 0009 (SIRET) and 0002 (SIREN, and in
// practice SIRET), Chorus Pro's own type 1, their names, and none at all.
var siretSchemes = []string{"", "0009", "0002", "1", "SIRET", "FR:SIRET", "SIREN", "SIRENE"}

// siret takes the first candidate of 14 digits. Nothing is repaired: Chorus Pro refuses a SIRET with a blank in it. When
// there is no SIRET, seen is the identifier that comes nearest.
func siret(candidates []value) (found, seen string) {
	var french, other string
	for _, v := range candidates {
		known := slices.Contains(siretSchemes, strings.ToUpper(v.scheme))
		switch {
		case known && isSIRET(v.text):
			return v.text, ""
		case known && french == "":
			french = v.text
		case !known && other == "":
			other = v.text
		}
	}
	if french != "" {
		return "", french
	}
	return "", other
}

func isSIRET(s string) bool {
	return len(s) == 14 && strings.Trim(s, "0123456789") == ""
}
