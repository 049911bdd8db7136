package rules

import (
	"slices"

	"github.com/choriste/choriste/invoice"
)

// Where two places name the same thing, one of them counts, and the sender may have meant the other.

var placeRules = []chorusRule{
	{
		Rule: Rule{
			Code: "CH-TWO-PLACES", Severity: Warning, Source: "ours; docs/documents.md, which value counts", Weight: "G",
			Text:   "a SIRET, a service code or a commitment stands in two places with different values, of which the portal takes one",
			TextFR: "un SIRET, un code service ou un engagement figure à deux endroits avec des valeurs différentes, dont le portail ne prend qu'une",
			Remedy: "Write the same in both places, or leave one out.", RemedyFR: "Écrivez la même valeur aux deux endroits, ou n'en gardez qu'un.",
		},
		find: func(d *invoice.Document) (hits []hit) {
			for _, p := range []invoice.Party{d.Seller, d.Buyer} {
				hits = append(hits, otherSIRET(p)...)
			}
			for _, term := range []string{"BT-10", "BT-13"} {
				hits = append(hits, otherPlace(d, term)...)
			}
			return hits
		},
	},
}

// otherSIRET are the party's other SIRETs, and a SIREN that is not that of its SIRET. Only what says what it is counts: 14 digits without a scheme may be a customer's number.
func otherSIRET(p invoice.Party) []hit {
	siret := p.SIRET()
	if siret == "" {
		return nil
	}
	for _, v := range p.Identifiers {
		said := v.Scheme != "" && !invoice.OtherScheme(v.Scheme) && v.Term != "BT-34" && v.Term != "BT-49"
		same := v.Text == siret || len(v.Text) == 9 && v.Text == siret[:9]
		if said && !same && digitsOnly(v.Text) && (len(v.Text) == 9 || len(v.Text) == 14) {
			return twoPlaces(p.ID.Value, v.Value)
		}
	}
	return nil
}

func digitsOnly(s string) bool {
	return !slices.ContainsFunc([]byte(s), func(c byte) bool { return c < '0' || c > '9' })
}

// otherPlace is the first value of a term that is another than the one that counts, in another place; two in one place are CH-SEVERAL.
func otherPlace(d *invoice.Document, term string) []hit {
	counts := d.At(term)
	for _, v := range d.All(term) {
		if counts.Trimmed() != "" && v.Trimmed() != "" && v.Trimmed() != counts.Trimmed() && place(v) != place(counts) {
			return twoPlaces(counts, v)
		}
	}
	return nil
}

// twoPlaces is a hit at a value that does not count, with both in its words.
func twoPlaces(counts, other invoice.Value) []hit {
	here, there := quote(cut(counts.Trimmed())), quote(cut(other.Trimmed()))
	return saying(at(other), counts.Term+" is "+here+" in "+fullPlace(counts)+", which counts, and "+other.Term+" is "+there+" in "+fullPlace(other),
		counts.Term+" vaut "+here+" dans "+fullPlace(counts)+", qui compte, et "+other.Term+" vaut "+there+" dans "+fullPlace(other))
}
