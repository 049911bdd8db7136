package rules

import (
	"strings"

	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/tree"
)

// What an official rule says is right where it was written for: a number, a date, a code. Where a value is none, or has white space around it, its words name a cause that is not
// there, and a remedy that changes nothing, or makes the invoice wrong.

// moneyRules are those of EN 16931 that compute with numbers.
var moneyRules = func() map[string]bool {
	all := set("BR-27", "BR-28", "BR-CO-10", "BR-CO-11", "BR-CO-12", "BR-CO-13", "BR-CO-14", "BR-CO-15", "BR-CO-16", "BR-CO-17", "UBL-DT-01")
	for id := range texts {
		if strings.HasPrefix(id, "BR-DEC-") {
			all[id] = true
		}
	}
	for _, f := range families {
		for _, n := range []string{"-05", "-06", "-07", "-08", "-09"} {
			all[f.name+n] = true
		}
	}
	return all
}()

// familyRules are those of one VAT category.
var familyRules = func() map[string]bool {
	all := map[string]bool{}
	for _, f := range families {
		for id := range texts {
			if n, is := strings.CutPrefix(id, f.name+"-"); is && len(n) == 2 {
				all[id] = true
			}
		}
	}
	return all
}()

// explained gives findings of official rules the cause that is really there.
func explained(d *invoice.Document, found []Finding) []Finding {
	blank := blankCategory(d)
	for k, f := range found {
		switch {
		case f.Code == "BR-29" || f.Code == "BR-30":
			f = f.ofPeriod()
		case moneyRules[f.Code] && f.at != nil && len(f.at.Kids) == 0 && f.attr == "":
			f = f.ofNumber()
		}
		if raw, term := f.raw(), named(f.Term, f.at); raw != strings.Trim(raw, " \t\r\n") && blankRules[f.Code] {
			f = f.saying(term+" has white space or a line break around it, which EN 16931's rule counts: "+quote(cut(raw)), term+" a un blanc ou un saut de ligne autour de sa valeur, que la règle d'EN 16931 compte : "+quote(cut(raw)),
				"Write the value alone between the tags.", "N'écrivez que la valeur entre les balises.")
		}
		if blank != nil && f.Message == found[k].Message && familyRules[f.Code] {
			term := d.TermOf(blank, "")
			f.Term, f.Value, f.Where = term, cut(strings.TrimSpace(blank.Text)), blank.Place()
			f = f.saying(named(term, blank)+" has white space or a line break around it, so that the rules do not know the VAT category: "+quote(cut(blank.Text)),
				named(term, blank)+" a un blanc ou un saut de ligne autour de sa valeur : les règles ne reconnaissent pas la catégorie de TVA : "+quote(cut(blank.Text)),
				"Write the code alone between the tags.", "N'écrivez que le code entre les balises.")
		}
		found[k] = f
	}
	return found
}

// blankRules are those for which white space around a value makes another value of it, and where a value without it would mostly be right.
var blankRules = set("BR-CO-09", "CII-DT-037")

// raw is the value at the finding's place as it is written; "" where it is a group, or an attribute.
func (f Finding) raw() string {
	if f.at == nil || len(f.at.Kids) > 0 || f.attr != "" {
		return ""
	}
	return f.at.Text
}

func (f Finding) saying(en, fr, remedy, remedyFR string) Finding {
	f.Message, f.MessageFR, f.Remedy, f.RemedyFR = en, fr, remedy, remedyFR
	return f
}

// named is how words call an element: by its term, or its name.
func named(term string, e *element) string {
	if term == "" && e != nil {
		return cut(e.Name)
	}
	return term
}

// blankCategory is a VAT category of CII with white space around it, which its rules take for another one.
func blankCategory(d *invoice.Document) *element {
	for _, e := range d.Tree().ByName["ram:CategoryCode"] {
		if t := strings.Trim(e.Text, " \t\r\n"); t != e.Text && t != "" && d.TermOf(e, "") != "" {
			return e
		}
	}
	return nil
}

// ofNumber looks whether a value is a number at all, and whether the white space around it is what counts.
func (f Finding) ofNumber() Finding {
	raw := f.at.Text
	value := strings.Trim(raw, " \t\r\n")
	name := named(f.Term, f.at)
	switch {
	case value == "":
		return f.saying(name+" is empty, where a number must stand", name+" est vide, là où il faut un nombre", "Write the number, as 1250.00.", "Écrivez le nombre, comme 1250.00.")
	case !tree.IsDecimal(value):
		return f.saying(name+" is "+quote(cut(value))+noNumber, name+" vaut "+quote(cut(value))+", ce qui n'est pas un nombre",
			"Write it as 1250.00: no spaces, no comma, no exponent.", "Écrivez-le comme 1250.00 : ni espace, ni virgule, ni exposant.")
	case value != raw && twoDecimals(value) && (strings.HasPrefix(f.Code, "BR-DEC-") || f.Code == "UBL-DT-01"):
		return f.saying(name+" has white space or a line break around its number, which EN 16931's rule counts as decimals: "+quote(cut(raw)),
			name+" a un blanc ou un saut de ligne autour de son nombre, que la règle d'EN 16931 compte comme des décimales : "+quote(cut(raw)),
			"Write the number alone between the tags.", "N'écrivez que le nombre entre les balises.")
	}
	return f
}

// ofPeriod looks whether both dates of a period are such that they can be compared.
func (f Finding) ofPeriod() Finding {
	period := f.at
	for period != nil && !strings.HasSuffix(period.Name, "Period") {
		period = period.Parent
	}
	if period == nil {
		return f
	}
	syntaxe, dates := invoice.SyntaxeUBL, []*element{period.One("cbc:StartDate"), period.One("cbc:EndDate")}
	if strings.HasPrefix(period.Name, "ram:") {
		syntaxe, dates = invoice.SyntaxeCII, []*element{period.One("ram:StartDateTime/udt:DateTimeString"), period.One("ram:EndDateTime/udt:DateTimeString")}
	}
	for _, e := range dates {
		if e == nil {
			return f
		}
		format, given := e.Attr("format")
		switch value := e.Norm(); {
		case invoice.IsDate(syntaxe, value, format):
		case syntaxe == invoice.SyntaxeCII && invoice.IsDate(syntaxe, value, "102") && !given:
			return f.saying(`a date of the period has no format="102", so that the rule cannot compare them`, `une date de la période n'a pas format="102" : la règle ne peut pas les comparer`,
				`Add format="102" to both dates.`, `Ajoutez format="102" aux deux dates.`)
		default:
			return f.saying("a date of the period is "+quote(cut(value))+" and none that can be read, so that the rule cannot compare them",
				"une date de la période vaut "+quote(cut(value))+" et ne peut pas être lue : la règle ne peut pas les comparer",
				"Write 2026-01-31 in UBL; in CII 20260131, with format=\"102\".", "Écrivez 2026-01-31 en UBL ; en CII 20260131, avec format=\"102\".")
		}
	}
	return f
}
