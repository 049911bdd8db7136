package chorustest

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// The portal reads documents here by itself: nothing of the product is used, so that a fault of the product's reader shows as a refusal.

const (
	maxElements = 400_000
	maxDepth    = 100
	maxPrefixes = 100
	maxText     = 40 << 20 // of a document, once it is UTF-8
)

// node is an element of an XML document.
type node struct {
	space, name string
	attrs       []xml.Attr
	text        []byte
	children    []*node
	line        int
}

// parseXML reads a document into a tree; the error is worded as the portal words it.
func parseXML(b []byte) (*node, error) {
	if root, plain := readPlain(b); plain {
		return root, bind(root, map[string]string{"xml": xmlSpace})
	}
	return parseAnyXML(b)
}

// parseAnyXML reads what is not plain.
func parseAnyXML(b []byte) (*node, error) {
	plain := transform.NewReader(bytes.NewReader(b), unicode.BOMOverride(transform.Nop))
	read := &recorder{Reader: bufio.NewReader(io.LimitReader(plain, maxText)), text: new([]byte)}
	d := xml.NewDecoder(read)
	d.CharsetReader = func(label string, _ io.Reader) (io.Reader, error) {
		if strings.HasPrefix(strings.ToLower(label), "utf-16") { // undone by its byte order mark already
			return read, nil
		}
		enc, err := htmlindex.Get(label)
		if err != nil {
			return nil, err
		}
		return &recorder{bufio.NewReader(enc.NewDecoder().Reader(read.Reader)), read.text}, nil
	}
	var root *node
	var open []*node
	for elements := 0; ; {
		start := d.InputOffset()
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) && len(open) == 0 && root != nil {
			return root, bind(root, map[string]string{"xml": xmlSpace})
		}
		line, _ := d.InputPos()
		if err != nil || !wellFormed(t, (*read.text)[start:d.InputOffset()], start == 0) {
			return nil, fmt.Errorf("le fichier XML est mal formé, ligne %d", line)
		}
		switch t := t.(type) {
		case xml.StartElement:
			elements++
			n := &node{space: t.Name.Space, name: t.Name.Local, attrs: t.Attr, line: line}
			switch {
			case elements > maxElements || len(open) >= maxDepth:
				return nil, fmt.Errorf("le fichier XML est trop grand, ligne %d", line)
			case len(open) > 0:
				parent := open[len(open)-1]
				parent.children = append(parent.children, n)
			case root != nil:
				return nil, fmt.Errorf("le fichier XML a plusieurs racines, ligne %d", line)
			default:
				root = n
			}
			open = append(open, n)
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1].name != t.Name.Local || open[len(open)-1].space != t.Name.Space {
				return nil, fmt.Errorf("le fichier XML est mal formé, ligne %d", line)
			}
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				n := open[len(open)-1]
				n.text = append(n.text, t...)
			} else if len(bytes.Trim((*read.text)[start:d.InputOffset()], " \t\r\n")) > 0 {
				return nil, fmt.Errorf("le fichier XML est mal formé, ligne %d", line)
			}
		case xml.Directive:
			return nil, fmt.Errorf("le fichier XML contient une DTD, ligne %d", line)
		}
	}
}

// recorder keeps what was read, byte for byte: the decoder's tokens do not say how they were written.
type recorder struct {
	*bufio.Reader
	text *[]byte
}

func (r *recorder) ReadByte() (byte, error) {
	c, err := r.Reader.ReadByte()
	if err == nil {
		*r.text = append(*r.text, c)
	}
	return c, err
}

var (
	headForm = regexp.MustCompile(`^<\?xml\s+version\s*=\s*["']1\.0["'](\s+encoding\s*=\s*["'][\w.-]+["'])?(\s+standalone\s*=\s*["'](yes|no)["'])?\s*\?>$`)
	tagForm  = regexp.MustCompile(`^<[^\s"'/>]+(\s+[^\s"'=]+\s*=\s*("[^"]*"|'[^']*'))*\s*/?>$`)
	nameForm = regexp.MustCompile(`^[\pL_][\pL\pM\pN_.·-]*$`)
	halfForm = regexp.MustCompile(`&#(x0*[dD][89a-fA-F][0-9a-fA-F]{2}|0*5(529[6-9]|5[3-9]\d\d|6\d{3}|7[0-2]\d\d|73[0-3]\d|734[0-3]));`)
)

// wellFormed looks at what encoding/xml takes and XML does not: the declaration's place and form, characters in comments and instructions, tags without blanks between attributes, names, halves of
// surrogates.
func wellFormed(t xml.Token, raw []byte, first bool) bool {
	switch t := t.(type) {
	case xml.ProcInst:
		if strings.EqualFold(t.Target, "xml") {
			return first && headForm.Match(raw)
		}
		after := raw[2+len(t.Target):]
		return isName(t.Target) && strings.ContainsRune(" \t\r\n?", rune(after[0])) && xmlChars(raw)
	case xml.Comment:
		return xmlChars(raw)
	case xml.CharData:
		return bytes.HasPrefix(raw, []byte("<![CDATA[")) || !hasHalf(raw)
	case xml.StartElement:
		if !isName(t.Name.Local) || t.Name.Space == "xmlns" || !isTag(raw, t) || hasHalf(raw) {
			return false
		}
		for _, a := range t.Attr {
			if !isName(a.Name.Local) || a.Name.Space == "xmlns" && (a.Value == "" || a.Name.Local == "xmlns" || (a.Name.Local == "xml") != (a.Value == xmlSpace)) {
				return false
			}
		}
	}
	return true
}

// The expressions are asked only of what is unusual: they were a seventh of a deposit's cost.

func isName(name string) bool {
	return plainName(name) || nameForm.MatchString(name)
}

// plainName tells that a name is of ASCII letters and digits alone, as almost every one is, and so a name.
func plainName(name string) bool {
	for i := range len(name) {
		c := name[i] | 0x20 // a small letter
		if (c < 'a' || c > 'z') && (i == 0 || name[i] < '0' || name[i] > '9') {
			return false
		}
	}
	return name != ""
}

func isTag(raw []byte, t xml.StartElement) bool {
	if len(t.Attr) == 0 && len(raw) > 2 && raw[0] == '<' && raw[len(raw)-1] == '>' {
		space, local, _ := strings.Cut(string(raw[1:len(raw)-1]), ":")
		if plainName(space) && (local == "" && t.Name.Space == "" || plainName(local)) {
			return true
		}
	}
	return tagForm.Match(raw)
}

func hasHalf(raw []byte) bool { return bytes.IndexByte(raw, '&') >= 0 && halfForm.Match(raw) }

const xmlSpace = "http://www.w3.org/XML/1998/namespace"

func xmlChars(raw []byte) bool {
	return !bytes.ContainsFunc(raw, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\r' && r != '\n' || r == 0xfffe || r == 0xffff
	})
}

// bind replaces prefixes by their namespaces. A prefix that is bound to nothing is an error, which encoding/xml lets pass.
func bind(n *node, known map[string]string) error {
	own, copied := known, false
	for _, a := range n.attrs {
		prefix := a.Name.Local
		if a.Name.Space == "" && prefix == "xmlns" {
			prefix = ""
		} else if a.Name.Space != "xmlns" {
			continue
		}
		if !copied {
			own, copied = maps.Clone(known), true
		}
		own[prefix] = a.Value
	}
	space, bound := own[n.space]
	if !bound && n.space != "" || len(own) > maxPrefixes {
		return fmt.Errorf("le préfixe %.40s n'est lié à aucun espace de noms, ligne %d", n.space, n.line)
	}
	n.space = space
	var seen map[xml.Name]bool
	if len(n.attrs) > 1 {
		seen = make(map[xml.Name]bool, len(n.attrs))
	}
	for _, a := range n.attrs {
		name := a.Name
		if name.Space != "" && name.Space != "xmlns" {
			if name.Space, bound = own[name.Space]; !bound {
				return fmt.Errorf("le préfixe %.40s n'est lié à aucun espace de noms, ligne %d", a.Name.Space, n.line)
			}
		}
		if seen[name] {
			return fmt.Errorf("le fichier XML est mal formé, ligne %d", n.line)
		}
		if seen != nil {
			seen[name] = true
		}
	}
	for _, c := range n.children {
		if err := bind(c, own); err != nil {
			return err
		}
	}
	return nil
}

// all are the elements at a path of local names, in the order of the document.
func (n *node) all(path string) []*node { return n.appendAll(nil, path) }

func (n *node) appendAll(found []*node, path string) []*node {
	if n == nil {
		return found
	}
	name, rest, more := strings.Cut(path, "/")
	for _, c := range n.children {
		switch {
		case c.name != name:
		case more:
			found = c.appendAll(found, rest)
		default:
			found = append(found, c)
		}
	}
	return found
}

// one is the first element at a path; nil when there is none.
func (n *node) one(path string) *node {
	if n == nil {
		return nil
	}
	name, rest, more := strings.Cut(path, "/")
	for _, c := range n.children {
		if c.name != name {
			continue
		}
		if !more {
			return c
		}
		if found := c.one(rest); found != nil {
			return found
		}
	}
	return nil
}

// value is the text of the first element at a path, without the blanks around it.
func (n *node) value(path string) string { return n.one(path).trimmed() }

func (n *node) trimmed() string {
	if n == nil {
		return ""
	}
	return string(bytes.TrimSpace(n.text))
}

func (n *node) attr(name string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.attrs {
		if a.Name.Local == name && a.Name.Space == "" {
			return strings.Trim(a.Value, " \t\r\n")
		}
	}
	return ""
}
