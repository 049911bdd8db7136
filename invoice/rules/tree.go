package rules

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// The limits of a document. invoice.Read refuses what is larger; they stand here too because a rule must never depend on who called it.
const (
	maxDepth    = 100
	maxElements = 200_000
)

// element is one XML element. Names carry prefixes of our own, whatever the document calls its namespaces.
type element struct {
	name   string // "cbc:ID"; "?:Name" in a namespace that no rule knows
	text   string // the text directly within, exactly as written
	attrs  []xml.Attr
	parent *element
	kids   []*element
	line   int
}

// tree is a document and its elements by name, each list in the document's order.
type tree struct {
	root   *element
	byName map[string][]*element
}

// prefixes are the namespaces of UBL 2.1 and CII D16B.
var prefixes = map[string]string{
	"urn:oasis:names:specification:ubl:schema:xsd:Invoice-2":                             "ubl:",
	"urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2":                          "cn:",
	"urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2":               "cbc:",
	"urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2":           "cac:",
	"urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100":                       "rsm:",
	"urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100": "ram:",
	"urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100":                        "udt:",
	"urn:un:unece:uncefact:data:standard:QualifiedDataType:100":                          "qdt:",
}

// errTooLarge says that the document is beyond the limits above.
var errTooLarge = errors.New("the document has too many elements, or elements too deep within one another")

// parse reads a document in UTF-8. What is not well formed is the error.
func parse(text []byte) (*tree, error) {
	dec := xml.NewDecoder(bytes.NewReader(text))
	dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // the caller has decoded it
	t := &tree{byName: make(map[string][]*element, 128)}
	var (
		at       *element
		depth, n int
		slab     []element
		names    = make(map[xml.Name]string, 64)
		content  = make([][]byte, 0, maxDepth)
	)
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) && t.root != nil && at == nil {
			return t, nil
		}
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return nil, errTooLarge
			}
			if n++; n > maxElements {
				return nil, errTooLarge
			}
			if at == nil && t.root != nil {
				return nil, errors.New("there is a second document after the end of the first")
			}
			if len(slab) == 0 {
				slab = make([]element, 64)
			}
			e := &slab[0]
			slab = slab[1:]
			name, ok := names[token.Name]
			if !ok {
				name = prefixed(token.Name)
				names[token.Name] = name
			}
			e.name, e.attrs, e.parent = name, token.Attr, at
			e.line, _ = dec.InputPos()
			if at == nil {
				t.root = e
			} else {
				at.kids = append(at.kids, e)
			}
			t.byName[name] = append(t.byName[name], e)
			at = e
			if depth > len(content) {
				content = append(content, nil)
			}
			content[depth-1] = content[depth-1][:0]
		case xml.CharData:
			if at != nil {
				content[depth-1] = append(content[depth-1], token...)
			}
		case xml.EndElement:
			if c := content[depth-1]; len(at.kids) == 0 || len(bytes.TrimSpace(c)) > 0 {
				at.text = string(c)
			}
			at = at.parent
			depth--
		case xml.Directive:
			return nil, errors.New("the document contains a DTD")
		}
	}
}

func prefixed(name xml.Name) string {
	if p, ok := prefixes[name.Space]; ok {
		return p + name.Local
	}
	return "?:" + name.Local
}

// all lists the elements at a path of child names below e, as "cac:Party/cbc:ID".
func (e *element) all(path string) []*element {
	var found []*element
	e.each(path, func(x *element) bool {
		found = append(found, x)
		return true
	})
	return found
}

// each calls do for the elements at a path below e, until do returns false.
func (e *element) each(path string, do func(*element) bool) bool {
	step, rest, more := strings.Cut(path, "/")
	for _, k := range e.kids {
		if k.name != step {
			continue
		}
		if more {
			if !k.each(rest, do) {
				return false
			}
		} else if !do(k) {
			return false
		}
	}
	return true
}

// one is the first element at a path below e, or nil.
func (e *element) one(path string) *element {
	var found *element
	if e != nil {
		e.each(path, func(x *element) bool {
			found = x
			return false
		})
	}
	return found
}

// has tells whether there is an element at a path below e.
func (e *element) has(path string) bool { return e.one(path) != nil }

// some tells whether ok holds for some element at a path below e.
func (e *element) some(path string, ok func(*element) bool) bool {
	return !e.each(path, func(x *element) bool { return !ok(x) })
}

func (e *element) count(path string) int {
	n := 0
	e.each(path, func(*element) bool {
		n++
		return true
	})
	return n
}

// value is the text of e and of everything within it, exactly as written; "" for nil.
func (e *element) value() string {
	if e == nil || len(e.kids) == 0 {
		if e == nil {
			return ""
		}
		return e.text
	}
	var b strings.Builder
	e.write(&b)
	return b.String()
}

func (e *element) write(b *strings.Builder) {
	b.WriteString(e.text)
	for _, k := range e.kids {
		k.write(b)
	}
}

// norm is the value without white space at its ends, and with single spaces within.
func (e *element) norm() string { return normalize(e.value()) }

// filled tells whether there is an element with more than white space at a path below e.
func (e *element) filled(path string) bool { return e.one(path).norm() != "" }

// is tells whether some element at a path below e has exactly this value.
func (e *element) is(path, value string) bool {
	return e.some(path, func(x *element) bool { return x.value() == value })
}

func (e *element) attr(name string) (string, bool) {
	if e != nil {
		for _, a := range e.attrs {
			if a.Name.Local == name && a.Name.Space == "" {
				return a.Value, true
			}
		}
	}
	return "", false
}

func (e *element) hasAttr(name string) bool {
	_, ok := e.attr(name)
	return ok
}

// within tells whether e stands below an element of that name, at any depth.
func (e *element) within(name string) bool {
	for p := e.parent; p != nil; p = p.parent {
		if p.name == name {
			return true
		}
	}
	return false
}

// under tells whether the names of e's parents are these, from the nearest on.
func (e *element) under(names ...string) bool {
	p := e.parent
	for _, name := range names {
		if p == nil || p.name != name {
			return false
		}
		p = p.parent
	}
	return true
}

// where is the path to e as a person reads it, with positions where there are several of a kind.
func (e *element) where() string {
	var steps []string
	for ; e != nil; e = e.parent {
		step := e.name
		if e.parent != nil {
			n, of := 0, 0
			for _, k := range e.parent.kids {
				if k.name == e.name {
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

func normalize(s string) string {
	if !strings.ContainsAny(s, " \t\r\n") {
		return s
	}
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' }), " ")
}

// number reads the element's value as an xs:decimal; ok is false for nil, for what is no decimal, and for more than 30 digits.
func (e *element) number() (d decimal.Decimal, ok bool) {
	if e == nil {
		return d, false
	}
	return number(e.value())
}

func number(s string) (d decimal.Decimal, ok bool) {
	s = strings.Trim(s, " \t\r\n")
	if s == "" || len(s) > 32 {
		return d, false
	}
	digits, dots := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '.':
			dots++
		case (c == '-' || c == '+') && i == 0:
		default:
			return d, false
		}
	}
	if digits == 0 || dots > 1 {
		return d, false
	}
	d, err := decimal.NewFromString(s)
	return d, err == nil
}

// sum adds up the decimals at a path below each of the elements; what is no decimal counts as nothing.
func sum(all []*element, path string) decimal.Decimal {
	total := decimal.Zero
	for _, e := range all {
		e.each(path, func(x *element) bool {
			if d, ok := x.number(); ok {
				total = total.Add(d)
			}
			return true
		})
	}
	return total
}

var half = decimal.New(5, -1)

// round2 rounds to two decimals as XPath does: a half goes up, also below zero.
func round2(d decimal.Decimal) decimal.Decimal {
	return d.Shift(2).Add(half).Floor().Shift(-2)
}

// round0 rounds to a whole number as XPath does.
func round0(d decimal.Decimal) decimal.Decimal { return d.Add(half).Floor() }

// boolean reads an xs:boolean.
func (e *element) boolean() (b, ok bool) {
	switch strings.Trim(e.value(), " \t\r\n") {
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	}
	return false, false
}

func (e *element) String() string { return fmt.Sprintf("%s=%q", e.name, e.value()) }
