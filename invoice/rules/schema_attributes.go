package rules

import (
	"slices"
	"strings"

	"github.com/choriste/choriste/invoice/tree"
)

// The attributes of UBL 2.1 and CII D16B.

// valueType is the type of what an element holds, by the end of its name.
type valueType struct {
	ends   string
	may    []string // the attributes that it may have
	needed string   // the one that it must have in UBL; in CII none is
}

var (
	codeAttributes = strings.Fields("listID listAgencyID listAgencyName listName listVersionID name languageID listURI listSchemeURI")
	idAttributes   = strings.Fields("schemeID schemeName schemeAgencyID schemeAgencyName schemeVersionID schemeDataURI schemeURI")
)

// valueTypes are tried in this order; the last one is that of all other texts.
var valueTypes = []valueType{
	{ends: "Amount", may: strings.Fields("currencyID currencyCodeListVersionID"), needed: "currencyID"},
	{ends: "Measure", may: strings.Fields("unitCode unitCodeListVersionID"), needed: "unitCode"},
	{ends: "Quantity", may: strings.Fields("unitCode unitCodeListID unitCodeListAgencyID unitCodeListAgencyName")},
	{ends: "BinaryObject", may: strings.Fields("format mimeCode encodingCode characterSetCode uri filename"), needed: "mimeCode"},
	{ends: "Code", may: codeAttributes},
	{ends: "ID", may: idAttributes},
	{ends: "URI", may: idAttributes},
	{ends: "Numeric", may: strings.Fields("format")},
	{ends: "Percent", may: strings.Fields("format")},
	{ends: "Rate", may: strings.Fields("format")},
	{ends: "String", may: strings.Fields("format")}, // of a date
	{ends: "Indicator"},
	{ends: "Date"},
	{ends: "Time"},
	{ends: "", may: strings.Fields("languageID languageLocaleID")},
}

// typeOf is the type of what elements of a name hold; none where they hold others. A document has few names.
func (w *schemaWalk) typeOf(name string, basic bool) *valueType {
	t := w.types[name]
	if t != nil {
		return t
	}
	t = &valueType{}
	if basic {
		t = &valueTypes[slices.IndexFunc(valueTypes, func(t valueType) bool { return strings.HasSuffix(name, t.ends) })]
	}
	w.types[name] = t
	return t
}

// attributes looks at those of an element: the one that must be there, and those that the schema does not know; basic tells one that holds a value, others have none. What has a namespace of its
// own is another schema's.
func (w *schemaWalk) attributes(e *element, basic bool) {
	if len(e.Attrs) == 0 && (!basic || !w.isUBL) || !w.isUBL && !basic && (schemaGroups[e.Name] == nil || e.Parent == nil) {
		return
	}
	t := w.typeOf(e.Name, basic)
	if v, _ := e.Attr(t.needed); w.isUBL && t.needed != "" && strings.TrimSpace(v) == "" {
		h := w.say(e, "", "has no "+t.needed+", which the schema demands", "n'a pas de "+t.needed+", que le schéma exige",
			"Write "+t.needed+" in it.", "Écrivez-y "+t.needed+".")
		h.where, h.counts = e.PlaceOf(t.needed), true
	}
	for _, a := range e.Attrs {
		if a.Name.Space != "" || a.Name.Local == "xmlns" || contains(t.may, a.Name.Local) {
			continue
		}
		name := "@" + cut(a.Name.Local)
		h := w.say(e, tree.Normalize(a.Value), "has an attribute that the schema does not have there: "+name, "a un attribut que le schéma n'y prévoit pas : "+name,
			"Leave it out, or write its name as the standard has it: upper and lower case count.", "Supprimez-le, ou écrivez son nom comme dans la norme : majuscules et minuscules comptent.")
		h.where = e.PlaceOf(cut(a.Name.Local))
	}
}
