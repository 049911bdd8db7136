package tree

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// Element is one XML element. Names carry prefixes of our own, whatever the document calls its namespaces.
type Element struct {
	Name   string // "cbc:ID"; "?:Name" in a namespace that no invoice uses
	Text   string // the text directly within, exactly as written, its first MaxText bytes
	Size   int    // bytes of that text, white space left out
	Base64 bool   // of one that holds a file (…BinaryObject): all of that text is xs:base64Binary
	Attrs  []xml.Attr
	Parent *Element
	Kids   []*Element
	Line   int // where it starts
}

// Tree is a document and its elements by name, each list in the document's order.
type Tree struct {
	Root   *Element
	ByName map[string][]*Element
}

// All lists the elements at a path of child names below e, as "cac:Party/cbc:ID".
func (e *Element) All(path string) []*Element {
	var found []*Element
	e.Each(path, func(x *Element) bool {
		found = append(found, x)
		return true
	})
	return found
}

// Each calls do for the elements at a path below e, until do returns false.
func (e *Element) Each(path string, do func(*Element) bool) bool {
	step, rest, more := strings.Cut(path, "/")
	for _, k := range e.Kids {
		if k.Name != step {
			continue
		}
		if more {
			if !k.Each(rest, do) {
				return false
			}
		} else if !do(k) {
			return false
		}
	}
	return true
}

// One is the first element at a path below e, or nil.
func (e *Element) One(path string) *Element {
	var found *Element
	if e != nil {
		e.Each(path, func(x *Element) bool {
			found = x
			return false
		})
	}
	return found
}

// Has tells whether there is an element at a path below e.
func (e *Element) Has(path string) bool { return e.One(path) != nil }

// Some tells whether ok holds for some element at a path below e.
func (e *Element) Some(path string, ok func(*Element) bool) bool {
	return !e.Each(path, func(x *Element) bool { return !ok(x) })
}

// Count is the number of elements at a path below e.
func (e *Element) Count(path string) int {
	n := 0
	e.Each(path, func(*Element) bool {
		n++
		return true
	})
	return n
}

// Value is the text of e and of everything within it, exactly as written; "" for nil.
func (e *Element) Value() string {
	if e == nil || len(e.Kids) == 0 {
		if e == nil {
			return ""
		}
		return e.Text
	}
	var b strings.Builder
	e.write(&b)
	return b.String()
}

func (e *Element) write(b *strings.Builder) {
	b.WriteString(e.Text)
	for _, k := range e.Kids {
		k.write(b)
	}
}

// Norm is the value without white space at its ends, and with single spaces within.
func (e *Element) Norm() string { return Normalize(e.Value()) }

// Filled tells whether there is an element with more than white space at a path below e.
func (e *Element) Filled(path string) bool { return e.One(path).Norm() != "" }

// Is tells whether some element at a path below e has exactly this value.
func (e *Element) Is(path, value string) bool {
	return e.Some(path, func(x *Element) bool { return x.Value() == value })
}

// Attr is the value of an attribute that has no namespace.
func (e *Element) Attr(name string) (string, bool) {
	if e != nil {
		for _, a := range e.Attrs {
			if a.Name.Local == name && a.Name.Space == "" {
				return a.Value, true
			}
		}
	}
	return "", false
}

// HasAttr tells whether there is such an attribute.
func (e *Element) HasAttr(name string) bool {
	_, ok := e.Attr(name)
	return ok
}

// Within tells whether e stands below an element of that name, at any depth.
func (e *Element) Within(name string) bool {
	for p := e.Parent; p != nil; p = p.Parent {
		if p.Name == name {
			return true
		}
	}
	return false
}

// Under tells whether the names of e's parents are these, from the nearest on.
func (e *Element) Under(names ...string) bool {
	p := e.Parent
	for _, name := range names {
		if p == nil || p.Name != name {
			return false
		}
		p = p.Parent
	}
	return true
}

// Where is the path to e as a person reads it, with positions where there are several of a kind.
func (e *Element) Where() string {
	var steps []string
	for ; e != nil; e = e.Parent {
		step := e.Name
		if e.Parent != nil {
			n, of := 0, 0
			for _, k := range e.Parent.Kids {
				if k.Name == e.Name {
					of++
					if k == e {
						n = of
					}
				}
			}
			if of > 1 {
				step += "[" + strconv.Itoa(n) + "]"
			}
		}
		steps = append(steps, step)
	}
	var b strings.Builder
	for i := len(steps) - 1; i >= 0; i-- {
		b.WriteString("/" + steps[i])
	}
	return b.String()
}

// Normalize takes white space away at the ends, and leaves single spaces within.
func Normalize(s string) string {
	if !strings.ContainsAny(s, " \t\r\n") {
		return s
	}
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' }), " ")
}

// Number reads the element's value as an xs:decimal; ok is false for nil, for what is no decimal, and for more than 30 digits.
func (e *Element) Number() (d decimal.Decimal, ok bool) {
	if e == nil {
		return d, false
	}
	return Decimal(e.Value())
}

// Decimal reads an xs:decimal without floats: no exponent, no group separator, 32 characters at most.
func Decimal(s string) (d decimal.Decimal, ok bool) {
	s = strings.Trim(s, " \t\r\n")
	if s == "" || len(s) > 32 {
		return d, false
	}
	if !IsDecimal(s) {
		return d, false
	}
	d, err := decimal.NewFromString(s)
	return d, err == nil
}

// IsDecimal tells an xs:decimal without blanks around it, however long.
func IsDecimal(s string) bool {
	digits, dots := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '.':
			dots++
		case (c == '-' || c == '+') && i == 0:
		default:
			return false
		}
	}
	return digits > 0 && dots <= 1
}

// Boolean reads an xs:boolean.
func (e *Element) Boolean() (b, ok bool) {
	switch strings.Trim(e.Value(), " \t\r\n") {
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	}
	return false, false
}

func (e *Element) String() string { return fmt.Sprintf("%s=%q", e.Name, e.Value()) }

// Place is the path to e and its line, as a message shows it. What was not read from XML has no line.
func (e *Element) Place() string {
	if e.Line == 0 {
		return strings.ReplaceAll(strings.TrimPrefix(e.Where(), "/"), "/", ".")
	}
	return e.Where() + " (line " + strconv.Itoa(e.Line) + ")"
}

// PlaceOf is the place of an attribute of e.
func (e *Element) PlaceOf(attr string) string {
	return e.Where() + "/@" + attr + " (line " + strconv.Itoa(e.Line) + ")"
}

// New begins a tree that is not read from XML.
func New(name string) *Tree {
	root := &Element{Name: name}
	return &Tree{Root: root, ByName: map[string][]*Element{name: {root}}}
}

// Add gives an element one more within it, of such a tree.
func (t *Tree) Add(to *Element, name, text string) *Element {
	e := &Element{Name: name, Text: text, Size: len(text), Parent: to}
	to.Kids = append(to.Kids, e)
	t.ByName[name] = append(t.ByName[name], e)
	return e
}
