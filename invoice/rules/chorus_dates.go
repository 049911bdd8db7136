package rules

import (
	"regexp"
	"strings"

	"github.com/choriste/choriste/invoice"
)

// ublDates are the dates beside BT-2 that are none. In UBL every element whose name ends so is one.
func ublDates(d *invoice.Document) (hits []hit) {
	t := d.Tree()
	if d.Syntaxe != invoice.SyntaxeUBL || t == nil {
		return nil
	}
	for _, name := range namesThat(t, func(name string) bool { return strings.HasPrefix(name, "cbc:") && strings.HasSuffix(name, "Date") }) {
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
	if d.Syntaxe == invoice.SyntaxeUBL || t == nil {
		return nil
	}
	for _, name := range []string{"udt:DateTimeString", "qdt:DateTimeString", "udt:DateString", "udt:DateTime", "udt:Date"} {
		for _, e := range t.ByName[name] {
			format, _ := e.Attr("format")
			said := name == "udt:DateTimeString" && format == "102" && !dateForm102.MatchString(e.Value())
			if len(hits) < maxPlaces && dateTerm(e) != "BT-2" && !said && !invoice.IsDate(invoice.SyntaxeCII, e.Text, format) {
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

// dateElsewhere is the issue date of CII in another element than DateTimeString: EN 16931 does not see it there, and says that it is missing.
func dateElsewhere(d *invoice.Document) []hit {
	t := d.Tree()
	if d.Syntaxe == invoice.SyntaxeUBL || t == nil || d.At("BT-2").Trimmed() != "" {
		return nil
	}
	e := t.Root.One("rsm:ExchangedDocument/ram:IssueDateTime")
	for e != nil && len(e.Kids) > 0 && strings.TrimSpace(e.Text) == "" {
		e = e.Kids[0]
	}
	if e == nil || strings.TrimSpace(e.Text) == "" {
		return nil
	}
	value := quote(cut(strings.TrimSpace(e.Text)))
	return saying(hit{term: "BT-2", value: e.Text, where: e.Place()},
		"BT-2 (issue date) is "+value+" in "+e.Name+", where it is not read: CII has it in udt:DateTimeString",
		"BT-2 (date d'émission) vaut "+value+" dans "+e.Name+", où elle n'est pas lue : le CII l'a dans udt:DateTimeString")
}

// wrongDate says in which way BT-2 is no date of its syntax.
func wrongDate(d *invoice.Document) []hit {
	v := d.At("BT-2")
	if v.Trimmed() == "" || !d.Date.IsZero() {
		return nil
	}
	text, value := v.Trimmed(), quote(cut(v.Trimmed()))
	say := func(en, fr string) []hit {
		return saying(at(v), "BT-2 (issue date) "+en, "BT-2 (date d'émission) "+fr)
	}
	if d.Syntaxe == invoice.SyntaxeCII || d.Syntaxe == invoice.SyntaxeFacturX {
		e := d.Tree().Root.One("rsm:ExchangedDocument/ram:IssueDateTime/udt:DateTimeString")
		switch format, there := e.Attr("format"); {
		case !there:
			return say("is "+value+" without format=\"102\", by which it is read", "vaut "+value+" sans format=\"102\", qui le fait lire")
		case format != "102":
			return say("is "+value+" in the format "+quote(cut(format))+", and only 102 is read", "vaut "+value+" au format "+quote(cut(format))+", et seul le 102 est lu")
		case dateForm102.MatchString(text):
			return say("is "+value+", a day that is not in the calendar", "vaut "+value+", un jour qui n'existe pas au calendrier")
		}
	} else if xsDate.MatchString(text) {
		return say("is "+value+", a day that is not in the calendar", "vaut "+value+", un jour qui n'existe pas au calendrier")
	}
	return onlyIf(v, true)
}

// xsDate is what looks like a date of UBL.
var xsDate = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
