package invoice

import (
	"cmp"
	"slices"
	"strings"

	"github.com/choriste/choriste/invoice/tree"
)

// placed is a term and where it stands.
type placed struct {
	term string
	at   location
}

// byLastStep are the terms by the name of their element. Of two terms that stand at one place, the one with more conditions comes first, then the one that stands there by preference.
func byLastStep(terms map[string][]location) map[string][]placed {
	type ranked struct {
		placed
		conditions, preference int
	}
	all := map[string][]ranked{}
	for term, locations := range terms {
		for n, l := range locations {
			steps := make([]step, 0, len(l.steps))
			conditions := 0
			for _, s := range l.steps {
				if s.name == ".." {
					steps = steps[:len(steps)-1]
					continue
				}
				conditions += len(s.conditions)
				steps = append(steps, s)
			}
			if len(steps) > 0 {
				name := steps[len(steps)-1].name
				all[name] = append(all[name], ranked{placed{term, location{steps, l.attr}}, conditions, n})
			}
		}
	}
	found := map[string][]placed{}
	for name, list := range all {
		slices.SortFunc(list, func(a, b ranked) int {
			return cmp.Or(b.conditions-a.conditions, a.preference-b.preference, len(a.term)-len(b.term), strings.Compare(a.term, b.term))
		})
		for _, r := range list {
			found[name] = append(found[name], r.placed)
		}
	}
	return found
}

// TermOf is the term of EN 16931 that stands at an element of the document, or in an attribute of it; "" where there is none.
func (d *Document) TermOf(e *tree.Element, attr string) string {
	if d.syntax == nil || e == nil {
		return ""
	}
	for _, p := range d.syntax.places[e.Name] {
		if p.at.attr != attr || !p.at.leadsTo(e) {
			continue
		}
		if p.term == "BT-110" || p.term == "BT-111" { // told apart by their currency
			if c, _ := e.Attr("currencyID"); c != "" && c != d.Devise && c == filled(d.syntax.values(d.tree, "BT-6")).Trimmed() {
				return "BT-111"
			}
			return "BT-110"
		}
		return chargeTerm(p.term, e)
	}
	return ""
}

// leadsTo tells whether this is the way from the document's element to e.
func (l location) leadsTo(e *tree.Element) bool {
	for i := len(l.steps) - 1; i >= 0; i-- {
		if s := l.steps[i]; e == nil || e.Name != s.name || !s.holds(e) {
			return false
		}
		e = e.Parent
	}
	return e != nil && e.Parent == nil
}

// ofCharge are the terms that a charge has in the place of an allowance's.
var ofCharge = map[string]string{
	"BT-92": "BT-99", "BT-93": "BT-100", "BT-94": "BT-101", "BT-95": "BT-102", "BT-96": "BT-103", "BT-97": "BT-104", "BT-98": "BT-105",
	"BT-136": "BT-141", "BT-137": "BT-142", "BT-138": "BT-143", "BT-139": "BT-144", "BT-140": "BT-145",
}

// chargeTerm looks at the indicator of the allowance or charge in which e stands.
func chargeTerm(term string, e *tree.Element) string {
	if ofCharge[term] == "" {
		return term
	}
	for ; e != nil; e = e.Parent {
		if e.Name != "cac:AllowanceCharge" && e.Name != "ram:SpecifiedTradeAllowanceCharge" {
			continue
		}
		indicator := e.One("cbc:ChargeIndicator")
		if indicator == nil {
			indicator = e.One("ram:ChargeIndicator/udt:Indicator")
		}
		if charge, ok := indicator.Boolean(); ok && charge {
			return ofCharge[term]
		}
		return term
	}
	return term
}
