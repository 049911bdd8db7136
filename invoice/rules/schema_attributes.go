package rules

import (
	"strings"

	"github.com/choriste/choriste/invoice/tree"
)

// The attributes of UBL 2.1. Those of CII D16B are the same, and none of them has to be there.

// typeOfUBL is the type of what an element of UBL holds, by the end of its name.
type typeOfUBL struct {
	ends   string
	may    string // the attributes that it may have
	needed string // the one that it must have
}

// typesOfUBL are tried in this order; the last one is that of all other texts.
var typesOfUBL = []typeOfUBL{
	{ends: "Amount", may: "currencyID currencyCodeListVersionID", needed: "currencyID"},
	{ends: "Measure", may: "unitCode unitCodeListVersionID", needed: "unitCode"},
	{ends: "Quantity", may: "unitCode unitCodeListID unitCodeListAgencyID unitCodeListAgencyName"},
	{ends: "BinaryObject", may: "format mimeCode encodingCode characterSetCode uri filename", needed: "mimeCode"},
	{ends: "Code", may: "listID listAgencyID listAgencyName listName listVersionID name languageID listURI listSchemeURI"},
	{ends: "ID", may: "schemeID schemeName schemeAgencyID schemeAgencyName schemeVersionID schemeDataURI schemeURI"},
	{ends: "URI", may: "schemeID schemeName schemeAgencyID schemeAgencyName schemeVersionID schemeDataURI schemeURI"},
	{ends: "Numeric", may: "format"},
	{ends: "Percent", may: "format"},
	{ends: "Rate", may: "format"},
	{ends: "Indicator"},
	{ends: "Date"},
	{ends: "Time"},
	{ends: "", may: "languageID languageLocaleID"},
}

// attributes looks at those of an element of UBL: the one that must be there, and those that the schema does not know. What has a namespace of its own is another schema's.
func (w *schemaWalk) attributes(e *element) {
	var t typeOfUBL
	if strings.HasPrefix(e.Name, "cbc:") {
		for _, t = range typesOfUBL {
			if strings.HasSuffix(e.Name, t.ends) {
				break
			}
		}
	}
	if v, _ := e.Attr(t.needed); t.needed != "" && strings.TrimSpace(v) == "" {
		h := w.say(e, "", "has no "+t.needed+", which the schema demands", "n'a pas de "+t.needed+", que le schéma exige",
			"Write "+t.needed+" in it.", "Écrivez-y "+t.needed+".")
		h.where, h.counts = e.PlaceOf(t.needed), true
	}
	may := strings.Fields(t.may)
	for _, a := range e.Attrs {
		if a.Name.Space != "" || a.Name.Local == "xmlns" || contains(may, a.Name.Local) {
			continue
		}
		name := "@" + cut(a.Name.Local)
		h := w.say(e, tree.Normalize(a.Value), "has an attribute that the schema does not have there: "+name, "a un attribut que le schéma n'y prévoit pas : "+name,
			"Leave it out, or write its name as the standard has it: upper and lower case count.", "Supprimez-le, ou écrivez son nom comme dans la norme : majuscules et minuscules comptent.")
		h.where = e.PlaceOf(cut(a.Name.Local))
	}
}
