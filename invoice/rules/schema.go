package rules

import (
	_ "embed"
	"regexp"
	"slices"
	"strings"

	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/tree"
)

// As much of the XML schemas of UBL 2.1 and CII D16B as a table holds: whose elements may stand in a document, in which order and how often, and the form of what they hold. A portal
// asks the schemas before it asks any rule.

// schemaText holds the elements of groups.
//
//go:embed schema.txt
var schemaText string

// schemaGroup is what the table says of one group.
type schemaGroup struct {
	order  map[string]int
	many   map[string]bool // those that may be there several times
	needed []string        // those that must be there
	closed bool            // there is nothing else in it
}

// schemaGroups are the groups by their name, and schemaLeaves the elements of CII that hold no others.
var schemaGroups, schemaLeaves = readSchema(schemaText)

func readSchema(text string) (groups map[string]*schemaGroup, leaves map[string]bool) {
	groups, leaves = map[string]*schemaGroup{}, map[string]bool{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		g := &schemaGroup{order: map[string]int{}, many: map[string]bool{}}
		names, kids, closed := strings.Cut(line, " = ")
		if g.closed = closed; !closed {
			names, kids, _ = strings.Cut(line, " : ")
		}
		for i, kid := range strings.Fields(kids) {
			name := strings.TrimRight(kid, "*!+")
			g.order[name], g.many[name] = i, strings.Contains(kid, "*")
			if strings.HasSuffix(kid, "!") {
				g.needed = append(g.needed, name)
			}
			if strings.HasPrefix(name, "ram:") && !strings.HasSuffix(kid, "+") && !strings.HasSuffix(name, "DateTime") && !strings.HasSuffix(name, "Date") && !strings.HasSuffix(name, "Indicator") {
				leaves[name] = true
			}
		}
		for name := range strings.FieldsSeq(names) {
			groups[name] = g
		}
	}
	for name := range groups {
		delete(leaves, name)
	}
	return groups, leaves
}

// form is what an element without others holds.
type form int

const (
	anyText form = iota
	decimalForm
	indicatorForm
	timeForm
	fileForm
)

// formOf goes by the end of the name, which says the type in both schemas.
func formOf(name string) form {
	if strings.HasPrefix(name, "udt:") {
		if name == "udt:Indicator" {
			return indicatorForm
		}
		return anyText
	}
	switch name[len(name)-1] {
	case 't':
		if strings.HasSuffix(name, "Amount") || strings.HasSuffix(name, "Percent") {
			return decimalForm
		}
		if strings.HasSuffix(name, "BinaryObject") {
			return fileForm
		}
	case 'y':
		if strings.HasSuffix(name, "Quantity") {
			return decimalForm
		}
	case 'c', 'e':
		if strings.HasSuffix(name, "Numeric") || strings.HasSuffix(name, "Rate") || strings.HasSuffix(name, "Measure") {
			return decimalForm
		}
		if strings.HasPrefix(name, "cbc:") && strings.HasSuffix(name, "Time") {
			return timeForm
		}
	case 'r':
		if strings.HasPrefix(name, "cbc:") && strings.HasSuffix(name, "Indicator") {
			return indicatorForm
		}
	}
	return anyText
}

var clockForm = regexp.MustCompile(`^(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?|24:00:00(?:\.0+)?)(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?$`)

var schemaRules = []chorusRule{
	{
		Rule: Rule{
			Code: "CH-SCHEMA", Severity: Error, Source: "the schemas of UBL 2.1 and CII D16B", Weight: "C",
			Text:     "an element is none of the schema's, is not in its place, or does not hold what the schema wants",
			TextFR:   "un élément n'est pas du schéma, n'est pas à sa place, ou ne contient pas ce que veut le schéma",
			Remedy:   "Write the elements of the standard only, in the order of its schema, each with a value in the form of its type.",
			RemedyFR: "N'écrivez que les éléments de la norme, dans l'ordre de son schéma, chacun avec une valeur dans la forme de son type.",
		},
		find: schemaHits,
	},
}

// schemaWalk looks through a document for what breaks its schema.
type schemaWalk struct {
	d      *invoice.Document
	isUBL  bool
	totals map[string]bool // the places of totals of which CH-AMOUNT speaks
	twice  []string        // the places of terms of which CH-SEVERAL speaks
	types  map[string]*valueType
	hits   []hit
}

func schemaHits(d *invoice.Document) []hit {
	w := &schemaWalk{d: d, isUBL: d.Syntaxe == invoice.SyntaxeUBL, totals: map[string]bool{}, types: map[string]*valueType{}}
	for _, h := range wrongAmounts(d) {
		w.totals[h.where] = true
	}
	for _, h := range severalHits(d) {
		w.twice = append(w.twice, h.where)
	}
	w.look(d.Tree().Root)
	return w.hits
}

// say adds a hit at an element. The words begin with its term, or its name where it has none.
func (w *schemaWalk) say(e *element, value, en, fr, remedy, remedyFR string) *hit {
	if len(w.hits) >= maxPlaces {
		return &hit{}
	}
	h := hit{term: w.d.TermOf(e, ""), value: value, where: e.Place(), remedy: remedy, remedyFR: remedyFR}
	name := h.term
	if name == "" {
		name = strings.TrimPrefix(cut(e.Name), "?:")
	}
	h.en, h.fr = name+" "+en, name+" "+fr
	w.hits = append(w.hits, h)
	return &w.hits[len(w.hits)-1]
}

// noNumber ends the words about a value that should be a number, by which such findings are told from others of the schema.
const noNumber = ", which is no number"

func (w *schemaWalk) look(e *element) {
	if len(w.hits) >= maxPlaces {
		return
	}
	g := schemaGroups[e.Name]
	text := strings.Trim(e.Text, " \t\r\n")
	basic := strings.HasPrefix(e.Name, "cbc:") || strings.HasPrefix(e.Name, "udt:") || strings.HasPrefix(e.Name, "qdt:") || schemaLeaves[e.Name]
	switch {
	case len(e.Kids) > 0 && basic:
		w.say(e, "", "holds other elements, and the schema wants a value alone", "contient d'autres éléments, alors que le schéma veut une valeur seule",
			"Write its value alone.", "N'y écrivez que sa valeur.")
	case text != "" && (len(e.Kids) > 0 || g != nil || strings.HasPrefix(e.Name, "cac:")):
		w.say(e, text, "has text among its elements, which the schema does not allow: "+quote(cut(text)), "a du texte entre ses éléments, ce que le schéma interdit : "+quote(cut(text)),
			"Remove the text, or put it into the element that it is for.", "Supprimez le texte, ou mettez-le dans l'élément auquel il est destiné.")
	case len(e.Kids) == 0:
		w.value(e, text)
	}
	if g != nil {
		w.order(e, g)
		w.needed(e, g)
	}
	w.attributes(e, basic)
	for _, k := range e.Kids {
		switch {
		case k.Name == "ext:UBLExtensions" && e.Parent == nil: // an extension holds what its maker likes
		case w.foreign(k):
			if g == nil || !g.closed { // those have been named as unknown
				w.unknown(k, e)
			}
		default:
			w.look(k)
		}
	}
}

// foreign tells an element of a namespace that the syntax does not have.
func (w *schemaWalk) foreign(e *element) bool {
	if w.isUBL {
		return !strings.HasPrefix(e.Name, "cbc:") && !strings.HasPrefix(e.Name, "cac:")
	}
	return !strings.HasPrefix(e.Name, "ram:") && !strings.HasPrefix(e.Name, "udt:") && !strings.HasPrefix(e.Name, "qdt:") && !strings.HasPrefix(e.Name, "rsm:")
}

func (w *schemaWalk) unknown(k, in *element) {
	w.say(k, "", "is no element that the schema has in "+cut(in.Name), "n'est pas un élément que le schéma prévoit dans "+cut(in.Name),
		"Leave it out, or write it with the name and the namespace of the standard.", "Supprimez-le, ou donnez-lui le nom et l'espace de noms de la norme.")
}

// order looks at the elements of a group: the first one that stands where it may not, those that are there too often, and those that the schema does not know.
func (w *schemaWalk) order(e *element, g *schemaGroup) {
	last, before, said := -1, "", false
	repeated := map[string]bool{}
	for _, k := range e.Kids {
		i, known := g.order[k.Name]
		switch {
		case !known:
			if g.closed {
				w.unknown(k, e)
			}
		case i < last && !said:
			said = true
			w.say(k, "", "stands after "+before+", and the schema wants it before", "figure après "+before+", alors que le schéma le veut avant",
				"Write the elements of "+e.Name+" in the order of the schema.", "Écrivez les éléments de "+e.Name+" dans l'ordre du schéma.")
		case i == last && !g.many[k.Name] && !repeated[k.Name]:
			repeated[k.Name] = true
			if !w.saidTwice(k) {
				keep, gardez := "Keep one.", "N'en gardez qu'un."
				if e.Parent == nil {
					keep, gardez = "Keep one; each invoice is inserted by itself.", "N'en gardez qu'un ; chaque facture est insérée séparément."
				}
				w.say(k, "", "is there several times in "+e.Name+", and the schema takes it once", "figure plusieurs fois dans "+e.Name+", alors que le schéma ne l'admet qu'une fois",
					keep, gardez).counts = true
			}
		case i > last:
			last, before = i, k.Name
		}
	}
}

// saidTwice tells whether CH-SEVERAL speaks of an element, or of one within it, with both values.
func (w *schemaWalk) saidTwice(e *element) bool {
	at := e.Where()
	return slices.ContainsFunc(w.twice, func(where string) bool {
		rest, within := strings.CutPrefix(where, at)
		return within && (strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, " "))
	})
}

// needed looks for what must be in a group.
func (w *schemaWalk) needed(e *element, g *schemaGroup) {
	for _, name := range g.needed {
		if e.Has(name) {
			continue
		}
		h := w.say(&element{Name: name, Parent: e}, "", "is missing in "+e.Name+", and the schema demands it", "est absent de "+e.Name+", alors que le schéma l'exige",
			"Write it, or leave "+e.Name+" out where nothing needs it.", "Renseignez-le, ou supprimez "+e.Name+" si rien ne le demande.")
		h.where, h.counts = e.Place(), true
	}
}

// value looks at what an element without others holds.
func (w *schemaWalk) value(e *element, text string) {
	say := func(en, fr, remedy, remedyFR string) {
		is, est := "is "+quote(cut(text)), "vaut "+quote(cut(text))
		if text == "" {
			is, est = "is empty", "est vide"
		}
		w.say(e, text, is+en, est+fr, remedy, remedyFR)
	}
	switch formOf(e.Name) {
	case decimalForm:
		if !tree.IsDecimal(text) && !w.totals[e.Place()] {
			say(noNumber, ", ce qui n'est pas un nombre",
				"Write it as 1250.00: no spaces, no comma, no exponent, no sign of a currency or of percent.", "Écrivez-le comme 1250.00 : ni espace, ni virgule, ni exposant, ni signe de devise ou de pourcentage.")
		}
	case indicatorForm:
		if _, ok := e.Boolean(); !ok {
			say(", and the schema takes true or false only", ", alors que le schéma n'admet que true ou false",
				"Write true for a charge, false for an allowance.", "Écrivez true pour des frais, false pour une remise.")
		}
	case timeForm:
		if !clockForm.MatchString(text) {
			say(", which is no time of day", ", ce qui n'est pas une heure", "Write it as 14:30:00, or leave it out.", "Écrivez-la comme 14:30:00, ou supprimez-la.")
		}
	case fileForm:
		if text != "" && !e.Base64 && !attached(e) {
			w.say(e, "", "holds a file that is no base64", "contient un fichier qui n'est pas en base64", "Attach the whole file in base64.", "Joignez le fichier entier en base64.")
		}
	case anyText:
	}
}

// attached tells a file of BG-24, of which the rules about attachments speak.
func attached(e *element) bool {
	return e.Under("cac:Attachment", "cac:AdditionalDocumentReference") && header(e.Parent.Parent) || e.Under("ram:AdditionalReferencedDocument", "ram:ApplicableHeaderTradeAgreement")
}
