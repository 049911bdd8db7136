// Package rules judges an invoice by EN 16931's own rules, in both syntaxes: what must be there, what must add up, which codes exist.
//
// Each rule is a row: its official id (BR-CO-10), where it looks, and a test. Its texts, in English and French, stand in texts.go. The tests say what the
// official schematron says, rule by rule and document by document, oddities included: a test compares both (differential_test.go).
package rules

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/choriste/choriste/invoice/tree"
)

// Severity says what a finding does to an invoice.
type Severity string

// An error stops an invoice; a warning is stored and shown.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Finding is one rule that a document breaks, at one place. Texts never show more than 60 characters of the document.
type Finding struct {
	Code      string   `json:"code"` // the rule's official id
	Severity  Severity `json:"severity"`
	Term      string   `json:"term,omitempty"`  // of EN 16931, as BT-131 or BG-23
	Value     string   `json:"value,omitempty"` // what was found
	Where     string   `json:"where,omitempty"` // the element, and its line in the document
	Message   string   `json:"message"`
	MessageFR string   `json:"message_fr"`
	Remedy    string   `json:"remedy"`
	RemedyFR  string   `json:"remedy_fr"`

	// Where an official rule looks, for those who say more of it; nil once a document is judged.
	at   *element
	attr string
}

// Place says in a language where a finding is.
func Place(where, lang string) string {
	at, line, is := strings.Cut(where, " (line ")
	if !is || lang != "fr" {
		return where
	}
	return at + " (ligne " + line
}

// maxPlaces is how often one rule is reported in one document; further places are left out.
const maxPlaces = 20

// wideRules are those that add up lines, charges or the VAT breakdown each time: an invoice has a few entries of VAT, and one sum.
var wideRules = func() map[string]bool {
	all := set("BR-CO-10", "BR-CO-11", "BR-CO-12", "BR-CO-13", "BR-CO-14", "BR-CO-15", "BR-CO-16")
	for _, f := range families {
		all[f.name+"-01"], all[f.name+"-08"] = true, true
	}
	return all
}()

// maxAdded is how many parts of a document such a rule adds up in all, and leastWide how often it is asked however many parts there are.
const (
	maxAdded  = 4_000_000
	leastWide = 200
)

// mostWide is how often such a rule is asked of a document: of one that a person could have meant, always.
func (t *document) mostWide() int {
	parts := 1
	for _, name := range []string{
		"cac:InvoiceLine", "cac:CreditNoteLine", "cac:AllowanceCharge", "cac:TaxCategory", "cac:ClassifiedTaxCategory",
		"ram:IncludedSupplyChainTradeLineItem", "ram:SpecifiedTradeAllowanceCharge", "ram:ApplicableTradeTax",
	} {
		parts += len(t.ByName[name])
	}
	return max(leastWide, maxAdded/parts)
}

// rule is one test at each element of its group.
type rule struct {
	id   string
	ok   func(t *document, e *element) bool
	at   string // the path of what is wrong, below the element, or beside it after ../; "" is the element itself
	attr string // the attribute that is wrong; "": the element's text
	wide bool   // it is one of wideRules
}

// group is a set of rules that look at the same elements: those of these names for which when holds (nil: all).
type group struct {
	on    []string
	when  func(e *element) bool
	rules []rule
}

// check judges a document of UBL or CII. Findings are in the document's order within a rule, and rules in the order of their tables. A document of another kind
// has no findings.
func check(t *document) []Finding {
	var groups []group
	switch t.Root.Name {
	case "ubl:Invoice", "cn:CreditNote":
		groups = ublGroups
	case "rsm:CrossIndustryInvoice":
		groups = ciiGroups
	}
	left, mostWide := withoutLines(t), t.mostWide()
	var found []Finding
	places, tried := map[string]int{}, map[string]int{}
	for _, g := range groups {
		for _, name := range g.on {
			for _, e := range t.elements(name) {
				if g.when != nil && !g.when(e) {
					continue
				}
				for k := range g.rules {
					r := &g.rules[k]
					if left[r.id] || places[r.id] >= maxPlaces {
						continue
					}
					if r.wide {
						if tried[r.id] >= mostWide {
							continue
						}
						tried[r.id]++
					}
					if !r.ok(t, e) {
						places[r.id]++
						found = append(found, r.finding(e))
					}
				}
			}
		}
	}
	return found
}

// elements lists the elements of a name, or with "*Suffix" those of every name that ends so.
func (t *document) elements(name string) []*element {
	suffix, any := strings.CutPrefix(name, "*")
	switch {
	case name == "/":
		return []*element{t.Root}
	case !any:
		return t.ByName[name]
	}
	if t.names == nil {
		t.names = slices.Sorted(maps.Keys(t.ByName))
	}
	var all []*element
	for _, n := range t.names {
		if strings.HasSuffix(n, suffix) {
			all = append(all, t.ByName[n]...)
		}
	}
	return all
}

// withoutLines says which rules are not asked of a document whose profile has no lines: MINIMUM and BASIC WL of Factur-X hold the head of an invoice
// only, so that what is about lines, or adds them up, has nothing to say.
func withoutLines(t *document) map[string]bool {
	if t.Root.Name != "rsm:CrossIndustryInvoice" {
		return nil
	}
	switch profileOf(t.Root) {
	case profileMinimum:
		return notInMinimum
	case profileBasicWL:
		return notInBasicWL
	}
	return nil
}

type profile int

const (
	profileOther profile = iota
	profileMinimum
	profileBasicWL
)

// profileOf reads what a CII document claims to be, in BT-24.
func profileOf(root *element) profile {
	id := strings.ToLower(root.One("rsm:ExchangedDocumentContext/ram:GuidelineSpecifiedDocumentContextParameter/ram:ID").Norm())
	switch {
	case strings.HasSuffix(id, ":minimum"):
		return profileMinimum
	case strings.HasSuffix(id, ":basicwl"):
		return profileBasicWL
	}
	return profileOther
}

func (r rule) finding(e *element) Finding {
	at := e
	if r.at != "" {
		from := e
		path, beside := strings.CutPrefix(r.at, "../")
		if beside {
			from = e.Parent
		}
		if x := from.One(path); x != nil {
			at = x
		}
	}
	txt := textOf(r.id)
	f := Finding{
		Code: r.id, Severity: Error, Term: txt.term, Where: at.Place(),
		Message: txt.en, MessageFR: txt.fr, Remedy: txt.remedy, RemedyFR: txt.remedyFR,
	}
	switch {
	case r.attr != "":
		v, _ := at.Attr(r.attr)
		f.Value, f.Where = cut(strings.TrimSpace(v)), at.PlaceOf(r.attr)
	case len(at.Kids) == 0:
		f.Value = cut(strings.TrimSpace(at.Text))
	}
	f.at, f.attr = at, r.attr
	return f
}

// shown is the most that a finding shows of a document, in characters.
const shown = 60

// quote shows a word of the document, with control and invisible characters escaped.
func quote(s string) string { return strconv.Quote(s) }

func cut(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if utf8.RuneCountInString(s) <= shown {
		return s
	}
	return string([]rune(s)[:shown]) + "…"
}

func not(ok func(*document, *element) bool) func(*document, *element) bool {
	return func(t *document, e *element) bool { return !ok(t, e) }
}

// has asks for an element at a path.
func has(path string) func(*document, *element) bool {
	return func(_ *document, e *element) bool { return e.Has(path) }
}

// either asks for an element at one of two paths.
func either(a, b string) func(*document, *element) bool {
	return func(_ *document, e *element) bool { return e.Has(a) || e.Has(b) }
}

// filled asks for text at a path.
func filled(path string) func(*document, *element) bool {
	return func(_ *document, e *element) bool { return e.Filled(path) }
}

// atMost asks for no more than n elements at a path.
func atMost(n int, path string) func(*document, *element) bool {
	return func(_ *document, e *element) bool { return e.Count(path) <= n }
}

// decimals asks for no more than two decimals at a path, which may be missing.
func decimals(path string) func(*document, *element) bool {
	return func(_ *document, e *element) bool {
		if path != "" {
			e = e.One(path)
		}
		return twoDecimals(e.Value())
	}
}

func twoDecimals(s string) bool {
	_, after, _ := strings.Cut(s, ".")
	return utf8.RuneCountInString(after) <= 2
}

// compare asks for a number at a path, some of which is above, or with orEqual at, zero.
func compare(path string, orEqual bool) func(*document, *element) bool {
	return func(_ *document, e *element) bool {
		return e.Some(path, func(x *element) bool {
			d, ok := comparable(x)
			return ok && (d.IsPositive() || orEqual && d.IsZero())
		})
	}
}

// zero asks for a number at a path, some of which is zero.
func zero(path string) func(*document, *element) bool {
	return func(_ *document, e *element) bool {
		return e.Some(path, func(x *element) bool {
			d, ok := comparable(x)
			return ok && d.IsZero()
		})
	}
}

// listed asks for one code of a list as the element's whole value.
func listed(list codes) func(*document, *element) bool {
	return func(_ *document, e *element) bool { return list.Has(e.Norm()) }
}

// attrListed asks for one code of a list as the value of an attribute; a missing one is none.
func attrListed(name string, list codes) func(*document, *element) bool {
	return func(_ *document, e *element) bool {
		v, _ := e.Attr(name)
		return list.Has(tree.Normalize(v))
	}
}

// noAttr refuses an attribute.
func noAttr(name string) func(*document, *element) bool {
	return func(_ *document, e *element) bool { return !e.HasAttr(name) }
}

// lacks refuses an element.
func lacks(path string) func(*document, *element) bool { return not(has(path)) }

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
