package invoice

import (
	"strings"

	"github.com/choriste/choriste/invoice/tree"
)

// location is a way through the tree, as the tags of Content write it: names of children, ".." for the parent, "." for the element itself, each with conditions in
// brackets, and perhaps an attribute at the end: "cac:PartyTaxScheme[cac:TaxScheme/cbc:ID=VAT]/cbc:CompanyID", "cbc:PaymentMeansCode/@name". Several with "|" between them
// are alternatives, the better one first.
type location struct {
	steps []step
	attr  string
}

type step struct {
	name       string
	conditions []condition
}

// condition asks that a value below the element is this one, whatever its case, or is not.
type condition struct {
	at    location
	value string
	not   bool
}

// locations reads alternatives. aliases stand for the first steps.
func locations(text string, aliases map[string]string) (all []location) {
	if text == "" {
		return nil
	}
	for one := range strings.SplitSeq(text, "|") {
		first, rest, more := strings.Cut(one, "/")
		if long, is := aliases[first]; is {
			one = long
			if more {
				one += "/" + rest
			}
		}
		all = append(all, newLocation(one))
	}
	return all
}

func newLocation(text string) (l location) {
	for text != "" && text != "." {
		end, depth := len(text), 0
		for i, c := range text {
			switch {
			case c == '[':
				depth++
			case c == ']':
				depth--
			case c == '/' && depth == 0 && i < end:
				end = i
			}
		}
		part := text[:end]
		text = strings.TrimPrefix(text[end:], "/")
		if attr, is := strings.CutPrefix(part, "@"); is {
			l.attr = attr
			continue
		}
		name, conditions, _ := strings.Cut(part, "[")
		s := step{name: name}
		for c := range strings.SplitSeq(strings.TrimSuffix(conditions, "]"), "][") {
			if at, value, is := strings.Cut(c, "="); is {
				path, not := strings.CutSuffix(at, "!")
				s.conditions = append(s.conditions, condition{newLocation(path), value, not})
			}
		}
		l.steps = append(l.steps, s)
	}
	return l
}

// below are the locations that lie at these below those; without those, they are they.
func below(those, these []location) (all []location) {
	if len(those) == 0 {
		return these
	}
	for _, a := range those {
		for _, b := range these {
			all = append(all, location{append(a.steps[:len(a.steps):len(a.steps)], b.steps...), b.attr})
		}
	}
	return all
}

// each calls do for the elements there, until do returns false.
func (l location) each(e *tree.Element, do func(*tree.Element) bool) bool {
	if e == nil {
		return true
	}
	if len(l.steps) == 0 {
		return do(e)
	}
	s, rest := l.steps[0], location{l.steps[1:], l.attr}
	if s.name == ".." {
		return rest.each(e.Parent, do)
	}
	for _, k := range e.Kids {
		if k.Name == s.name && s.holds(k) && !rest.each(k, do) {
			return false
		}
	}
	return true
}

func (s step) holds(e *tree.Element) bool {
	for _, c := range s.conditions {
		is := !c.at.each(e, func(x *tree.Element) bool { return !strings.EqualFold(tree.Normalize(c.at.text(x)), c.value) })
		if is == c.not {
			return false
		}
	}
	return true
}

// text is the element's text, or the attribute's.
func (l location) text(e *tree.Element) string {
	if l.attr == "" {
		return e.Text
	}
	text, _ := e.Attr(l.attr)
	return cut(text)
}
