package rules

import (
	"maps"
	"slices"
	"strings"

	"github.com/choriste/choriste/invoice"
)

// ublDates are the dates beside BT-2 that are none. In UBL every element whose name ends so is one.
func ublDates(d *invoice.Document) (hits []hit) {
	t := d.Tree()
	if d.Syntaxe != invoice.SyntaxeUBL || t == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(t.ByName)) {
		if !strings.HasPrefix(name, "cbc:") || !strings.HasSuffix(name, "Date") {
			continue
		}
		for _, e := range t.ByName[name] {
			if len(hits) < maxPlaces && (name != "cbc:IssueDate" || e.Parent != t.Root) && !invoice.IsDate(d.Syntaxe, e.Text, "") {
				hits = append(hits, dateHit(e, "is no date (xs:date)", "n'est pas une date (xs:date)"))
			}
		}
	}
	return hits
}

// ciiDates are those of CII that nobody can be sure to read. Where it says 102 and is not of that form, CII-DT-097 says so.
func ciiDates(d *invoice.Document) (hits []hit) {
	t := d.Tree()
	if d.Syntaxe != invoice.SyntaxeCII || t == nil {
		return nil
	}
	for _, name := range []string{"udt:DateTimeString", "qdt:DateTimeString", "udt:DateString"} {
		for _, e := range t.ByName[name] {
			format, _ := e.Attr("format")
			said := name == "udt:DateTimeString" && format == "102" && !dateForm102.MatchString(e.Value())
			if len(hits) < maxPlaces && dateTerm(e) != "BT-2" && !said && !invoice.IsDate(d.Syntaxe, e.Text, format) {
				hits = append(hits, dateHit(e, "is not a day in format 102", "n'est pas un jour au format 102"))
			}
		}
	}
	return hits
}

func dateHit(e *element, en, fr string) hit {
	term, value := dateTerm(e), quote(cut(strings.TrimSpace(e.Text)))
	name := term
	if name == "" {
		name = e.Name
	}
	return hit{term: term, value: e.Text, where: e.Place(), en: name + " " + en + ": " + value, fr: name + " " + fr + " : " + value}
}
