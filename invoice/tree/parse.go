// Package tree holds an XML document in memory: UBL and CII, parsed once, within bounds, for whoever reads or judges it.
package tree

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
)

// The limits of a document.
const (
	MaxDepth    = 100
	MaxElements = 200_000  // comments and instructions count too
	MaxText     = 4096     // bytes kept of one element's text
	MaxTag      = 64 << 10 // bytes of one tag with its attributes
)

// prefixes are the namespaces of UBL 2.1 and CII D16B, under names of our own: a document may use any prefixes.
var prefixes = map[string]string{
	"urn:oasis:names:specification:ubl:schema:xsd:Invoice-2":                             "ubl:",
	"urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2":                          "cn:",
	"urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2":               "cbc:",
	"urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2":           "cac:",
	"urn:oasis:names:specification:ubl:schema:xsd:CommonExtensionComponents-2":           "ext:",
	"urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100":                       "rsm:",
	"urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100": "ram:",
	"urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100":                        "udt:",
	"urn:un:unece:uncefact:data:standard:QualifiedDataType:100":                          "qdt:",
}

// parser is the state of one Parse.
type parser struct {
	text  []byte
	dec   *xml.Decoder
	tree  *Tree
	root  func(xml.Name) error
	at    *Element // the element being read
	depth int
	count int
	slab  []Element
	names map[xml.Name]string
	// declared are the namespaces that the document has declared so far.
	declared map[string]bool
	scopes   []scope  // those of the elements that are open
	odd      bool     // a namespace has a name that could be a prefix
	content  [][]byte // the text of each open element, by depth
	sizes    []int
	file     base64Form // of the file that is being read
}

// Parse reads a document in UTF-8. root is asked whether the document's element is one that is wanted; its error is given back as it is. Every other error is an
// *Error.
func Parse(text []byte, root func(xml.Name) error) (*Tree, error) {
	if err := lookAhead(text); err != nil {
		return nil, err
	}
	p := &parser{
		text: text, dec: xml.NewDecoder(bytes.NewReader(text)), root: root,
		tree:  &Tree{ByName: make(map[string][]*Element, 128)},
		names: make(map[xml.Name]string, 64), declared: map[string]bool{"": true, xmlSpace: true},
	}
	p.dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // the caller has decoded it
	for {
		start := p.dec.InputOffset()
		token, err := p.dec.Token()
		if errors.Is(err, io.EOF) && p.tree.Root != nil && p.at == nil {
			return p.tree, nil
		}
		if err != nil {
			return nil, p.notWellFormed(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			err = p.open(token, start)
		case xml.EndElement:
			p.end()
		case xml.CharData:
			err = p.add(token, start)
		case xml.Comment:
			if p.count++; p.count > MaxElements {
				err = p.problem(TooMany, start)
			} else {
				err = p.controls(p.text[start:p.dec.InputOffset()], start)
			}
		case xml.ProcInst:
			if p.count++; p.count > MaxElements {
				err = p.problem(TooMany, start)
			} else {
				err = p.instruction(token, start)
			}
		case xml.Directive:
			err = p.problem(DTD, start)
		}
		if err != nil {
			return nil, err
		}
	}
}

const xmlSpace = "http://www.w3.org/XML/1998/namespace"

func (p *parser) open(token xml.StartElement, start int64) error {
	if p.at == nil && p.tree.Root != nil {
		return p.problem(Second, start)
	}
	if p.depth++; p.depth > MaxDepth {
		return p.problem(TooDeep, start)
	}
	if p.count++; p.count > MaxElements {
		return p.problem(TooMany, start)
	}
	if err := p.tag(token, start); err != nil {
		return err
	}
	attrs, err := p.attributes(token, start)
	if err != nil {
		return err
	}
	name, known := p.names[token.Name]
	if (!known || p.odd) && !p.bound(token.Name, p.text[start:p.dec.InputOffset()]) {
		return p.problem(Prefix, start, token.Name.Space)
	}
	if !known {
		name = "?:" + token.Name.Local
		if prefix, ok := prefixes[token.Name.Space]; ok {
			name = prefix + token.Name.Local
		}
		p.names[token.Name] = name
	}
	if p.at == nil {
		if err := p.root(token.Name); err != nil {
			return err
		}
	}
	if len(p.slab) == 0 {
		p.slab = make([]Element, 64)
	}
	e := &p.slab[0]
	p.slab = p.slab[1:]
	line, _ := p.dec.InputPos()
	*e = Element{Name: name, Attrs: attrs, Parent: p.at, Line: line - bytes.Count(p.text[start:p.dec.InputOffset()], []byte{'\n'})}
	if p.at == nil {
		p.tree.Root = e
	} else {
		p.at.Kids = append(p.at.Kids, e)
	}
	p.tree.ByName[name] = append(p.tree.ByName[name], e)
	p.at = e
	if holdsFile(name) {
		p.file = base64Form{}
	}
	if p.depth > len(p.content) {
		p.content, p.sizes = append(p.content, nil), append(p.sizes, 0)
	}
	p.content[p.depth-1], p.sizes[p.depth-1] = p.content[p.depth-1][:0], 0
	return nil
}

// attributes leaves the declarations of namespaces out. The decoder takes what XML forbids: an attribute twice, a prefix that nobody declared.
func (p *parser) attributes(token xml.StartElement, start int64) ([]xml.Attr, error) {
	left := token.Attr[:0]
	for _, a := range token.Attr {
		var err error
		switch {
		case a.Name.Space == "xmlns":
			err = p.declare(a.Name.Local, a.Value, start)
		case a.Name.Space == "" && a.Name.Local == "xmlns":
			err = p.declare("", a.Value, start)
		}
		if err != nil {
			return nil, err
		}
	}
	var raw []byte
	if len(token.Attr) > 0 {
		raw = p.text[start:p.dec.InputOffset()]
	}
	var seen map[xml.Name]bool
	if len(token.Attr) > 8 {
		seen = make(map[xml.Name]bool, len(token.Attr))
	}
	for i, a := range token.Attr {
		twice := seen[a.Name]
		if seen != nil {
			seen[a.Name] = true
		} else {
			for _, b := range token.Attr[:i] {
				twice = twice || a.Name == b.Name
			}
		}
		if twice {
			return nil, p.problem(Twice, start, a.Name.Local)
		}
		if a.Name.Space != "xmlns" && !p.bound(a.Name, raw) {
			return nil, p.problem(Prefix, start, a.Name.Space)
		}
	}
	for _, a := range token.Attr {
		if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
			left = append(left, a)
		}
	}
	if len(left) == 0 {
		return nil, nil
	}
	return left, nil
}

var (
	replacement = []byte("\uFFFD")
	noChar      = regexp.MustCompile(`&#(?:x0*[dD][89a-fA-F][0-9a-fA-F]{2}|0*5(?:529[6-9]|5[3-9][0-9]{2}|6[0-9]{3}|7[0-2][0-9]{2}|73[0-3][0-9]|734[0-3]));`)
)

func (p *parser) add(text []byte, start int64) error {
	if p.at == nil {
		if !onlyBlanks(p.text[start:p.dec.InputOffset()]) {
			return p.problem(Outside, start)
		}
		return nil
	}
	// The decoder makes a replacement character of a reference to half a surrogate.
	if bytes.Contains(text, replacement) {
		if raw := p.text[start:p.dec.InputOffset()]; !bytes.HasPrefix(raw, []byte("<![CDATA[")) && noChar.Match(raw) {
			return p.problem(NoChar, start)
		}
	}
	c := p.content[p.depth-1]
	if room := MaxText + 4 - len(c); room > 0 { // so that end can cut on a character's boundary
		p.content[p.depth-1] = append(c, text[:min(room, len(text))]...)
	}
	for _, b := range text {
		if b > ' ' {
			p.sizes[p.depth-1]++
		}
	}
	if holdsFile(p.at.Name) {
		p.file.add(text)
	}
	return nil
}

func (p *parser) end() {
	e := p.at
	c := p.content[p.depth-1]
	if len(e.Kids) == 0 || len(bytes.TrimSpace(c)) > 0 {
		if len(c) > MaxText {
			c = bytes.ToValidUTF8(c[:MaxText], nil)
		}
		e.Text = string(c)
	}
	e.Size = p.sizes[p.depth-1]
	e.Base64 = len(e.Kids) == 0 && holdsFile(e.Name) && p.file.right()
	for n := len(p.scopes); n > 0 && p.scopes[n-1].depth >= p.depth; n-- {
		p.scopes = p.scopes[:n-1]
	}
	p.at = e.Parent
	p.depth--
}
