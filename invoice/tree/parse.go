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

// parser is the state of one reading by the decoder of encoding/xml.
type parser struct {
	builder
	text  []byte
	dec   *xml.Decoder
	root  func(xml.Name) error
	count int
	names map[xml.Name]*kind
	// declared are the namespaces that the document has declared so far.
	declared map[string]bool
	scopes   []scope // those of the elements that are open
	odd      bool    // a namespace has a name that could be a prefix
}

// Parse reads a document in UTF-8. root is asked whether the document's element is one that is wanted; its error is given back as it is. Every other error is an
// *Error.
func Parse(text []byte, root func(xml.Name) error) (*Tree, error) {
	if err := lookAhead(text); err != nil {
		return nil, err
	}
	if t, done, err := parsePlain(text, root); done {
		return t, err
	}
	return parseAny(text, root)
}

// parseAny reads any document, and says what is wrong with it.
func parseAny(text []byte, root func(xml.Name) error) (*Tree, error) {
	p := &parser{
		builder: newBuilder(), text: text, dec: xml.NewDecoder(bytes.NewReader(text)), root: root,
		names: make(map[xml.Name]*kind, 64), declared: map[string]bool{"": true, xmlSpace: true},
	}
	p.dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // the caller has decoded it
	for {
		start := p.dec.InputOffset()
		token, err := p.dec.Token()
		if errors.Is(err, io.EOF) && p.first != nil && p.at == nil {
			return p.tree(), nil
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
	if p.at == nil && p.first != nil {
		return p.problem(Second, start)
	}
	if p.depth == MaxDepth {
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
	raw := p.text[start:p.dec.InputOffset()]
	k := p.names[token.Name]
	if (k == nil || p.odd) && !p.bound(token.Name, raw) {
		return p.problem(Prefix, start, token.Name.Space)
	}
	if k == nil {
		k = p.kindOf(token.Name)
		p.names[token.Name] = k
	}
	if p.at == nil {
		if err := p.root(token.Name); err != nil {
			return err
		}
	}
	line, _ := p.dec.InputPos()
	p.begin(k, attrs, line-bytes.Count(raw, []byte{'\n'}))
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
	p.write(text)
	return nil
}

func (p *parser) end() {
	for n := len(p.scopes); n > 0 && p.scopes[n-1].depth >= p.depth; n-- {
		p.scopes = p.scopes[:n-1]
	}
	p.builder.end()
}
