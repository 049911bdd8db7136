package tree

import (
	"bytes"
	"encoding/xml"
	"strings"
	"unicode/utf8"
)

// Nearly every invoice is plain: elements with ASCII names, attributes, text, references to characters, comments, CDATA. Such a document is read here in a fraction of the
// time that the decoder of encoding/xml takes. Of everything else, and of all that is wrong, nothing is decided here: the decoder reads the document again, from its
// beginning. Both make the same tree, which a test compares.

// plain is the state of reading a plain document.
type plain struct {
	builder
	text   []byte
	pos    int
	count  int
	line   int // of what is before counted
	lined  int // how far lines are counted
	scopes []scope
	closes [][]byte // the names of the elements that are open, as they are written

	// What names mean as they are written, while no declaration begins or ends.
	names     map[string]*kind
	attrNames map[string]xml.Name

	attrs  []writtenAttr
	slab   []xml.Attr        // where the next attributes come from
	short  map[string]string // short values of attributes: an invoice has the same ones many times
	buffer []byte            // a text whose entities are replaced
}

type writtenAttr struct {
	name  []byte
	value string
}

const (
	maxAttrs  = 16 // of a plain tag
	maxScopes = 64 // declarations of namespaces in force
	// Of values that may come again: how long they are, and how many are kept.
	maxShort  = 16
	maxShorts = 200
)

// parsePlain reads a document that is plain; done is false for any other.
func parsePlain(text []byte, root func(xml.Name) error) (t *Tree, done bool, err error) {
	if !utf8.Valid(text) || bytes.Contains(text, []byte("\ufffe")) || bytes.Contains(text, []byte("\uffff")) {
		return nil, false, nil
	}
	p := &plain{
		builder: newBuilder(), text: text, line: 1,
		names: make(map[string]*kind, 64), attrNames: map[string]xml.Name{}, short: map[string]string{},
	}
	if bytes.HasPrefix(text, []byte("<?")) {
		end := bytes.Index(text, []byte("?>")) + len("?>")
		if end > maxDeclaration || !declarationForm.Match(text[:end]) {
			return nil, false, nil
		}
		p.pos, p.count = end, 1 // it counts as an instruction
	}
	for {
		next := bytes.IndexByte(text[p.pos:], '<')
		if next < 0 {
			if p.first == nil || p.at != nil || !onlyBlanks(text[p.pos:]) {
				return nil, false, nil
			}
			return p.tree(), true, nil
		}
		if !p.chars(text[p.pos : p.pos+next]) {
			return nil, false, nil
		}
		p.pos += next + len("<")
		if p.closing() || p.comment() || p.cdata() {
			continue
		}
		if ok, err := p.opening(root); !ok || err != nil {
			return nil, err != nil, err
		}
	}
}

// closing takes the end tag of the element that is open, if that stands here.
func (p *plain) closing() bool {
	rest, is := bytes.CutPrefix(p.text[p.pos:], []byte("/"))
	if !is || p.at == nil {
		return false
	}
	name := p.closes[len(p.closes)-1]
	if !bytes.HasPrefix(rest, name) || len(rest) == len(name) || rest[len(name)] != '>' {
		return false
	}
	p.pos += len("/") + len(name) + len(">")
	p.close()
	return true
}

func (p *plain) close() {
	p.closes = p.closes[:len(p.closes)-1]
	if n := len(p.scopes); n > 0 && p.scopes[n-1].depth == p.depth {
		for n > 0 && p.scopes[n-1].depth == p.depth {
			n--
		}
		p.scopes = p.scopes[:n]
		p.forget()
	}
	p.end()
}

// forget what names mean: a declaration begins or ends.
func (p *plain) forget() {
	clear(p.names)
	clear(p.attrNames)
}

// opening takes a start tag; ok is false for one that is not plain.
func (p *plain) opening(root func(xml.Name) error) (ok bool, err error) {
	p.line += bytes.Count(p.text[p.lined:p.pos], []byte{'\n'})
	p.lined = p.pos
	line := p.line
	written := p.name()
	if p.depth == MaxDepth || p.at == nil && p.first != nil {
		return false, nil
	}
	empty, ok := p.attributes()
	if !ok {
		return false, nil
	}
	if p.count++; p.count > MaxElements { // the decoder would take as much memory again to find that out
		return false, problem(TooMany, p.text, int64(p.lined-len("<")))
	}
	attrs, ok := p.expanded()
	if !ok {
		return false, nil
	}
	k := p.names[string(written)]
	if k == nil {
		name, ok := p.expand(written, true)
		if !ok {
			return false, nil
		}
		if p.at == nil {
			if err := root(name); err != nil {
				return false, err
			}
		}
		k = p.kindOf(name)
		p.names[string(written)] = k
	}
	p.begin(k, attrs, line)
	p.closes = append(p.closes, written)
	if empty {
		p.close()
	}
	return true, nil
}

// nameBytes are those of a plain name.
var nameBytes = func() (is [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:._-") {
		is[c] = true
	}
	return is
}()

// name takes a name as it is written.
func (p *plain) name() []byte {
	end := p.pos
	for end < len(p.text) && nameBytes[p.text[end]] {
		end++
	}
	name := p.text[p.pos:end]
	p.pos = end
	return name
}

// attributes takes the rest of a start tag, and the declarations in it; empty tells a tag that is its element's end, too.
func (p *plain) attributes() (empty, ok bool) {
	p.attrs = p.attrs[:0]
	for {
		blanks := p.pos
		for p.pos < len(p.text) && isBlank(p.text[p.pos]) {
			p.pos++
		}
		switch rest := p.text[p.pos:]; {
		case bytes.HasPrefix(rest, []byte(">")):
			p.pos++
			return false, true
		case bytes.HasPrefix(rest, []byte("/>")):
			p.pos += len("/>")
			return true, true
		case p.pos == blanks || len(p.attrs) == maxAttrs:
			return false, false
		}
		name := p.name()
		if len(p.text) < p.pos+len(`=""`) || p.text[p.pos] != '=' || p.text[p.pos+1] != '"' && p.text[p.pos+1] != '\'' {
			return false, false
		}
		start := p.pos + len(`="`)
		length := bytes.IndexByte(p.text[start:], p.text[p.pos+1])
		if length < 0 {
			return false, false
		}
		value, ok := p.plainText(p.text[start : start+length])
		if !ok {
			return false, false
		}
		p.pos = start + length + 1
		p.attrs = append(p.attrs, writtenAttr{name, p.keep(value)})
		if prefix, is := bytes.CutPrefix(name, []byte("xmlns")); is && !p.declare(string(prefix), p.attrs[len(p.attrs)-1].value) {
			return false, false
		}
	}
}

// keep makes a string of a value; the same one of short ones that are the same.
func (p *plain) keep(value []byte) string {
	if len(value) > maxShort {
		return string(value)
	}
	s, known := p.short[string(value)]
	if !known {
		s = string(value)
		if len(p.short) < maxShorts {
			p.short[s] = s
		}
	}
	return s
}

// declare takes the declaration of a namespace; ok is false for an unusual one. What follows xmlns is a colon and the prefix, or nothing.
func (p *plain) declare(prefix, space string) (ok bool) {
	name, prefixed := strings.CutPrefix(prefix, ":")
	switch {
	case prefix != "" && (!prefixed || !localName(name)), name == "xml", name == "xmlns",
		!strings.ContainsAny(space, ":/"), space == xmlSpace, space == xmlnsSpace:
		return false
	}
	if len(p.scopes) == maxScopes {
		return false
	}
	for i := len(p.scopes) - 1; i >= 0 && p.scopes[i].depth > p.depth; i-- {
		if p.scopes[i].prefix == name {
			return false // twice in one tag
		}
	}
	p.scopes = append(p.scopes, scope{name, space, p.depth + 1})
	p.forget()
	return true
}

// expand gives a name its namespace; that of an attribute without a prefix is none.
func (p *plain) expand(written []byte, element bool) (name xml.Name, ok bool) {
	prefix, local, prefixed := strings.Cut(string(written), ":")
	if !prefixed {
		prefix, local = "", prefix
	}
	if !localName(local) || prefixed && !localName(prefix) {
		return name, false
	}
	if !prefixed && !element {
		return xml.Name{Local: local}, true
	}
	for i := len(p.scopes) - 1; i >= 0; i-- {
		if p.scopes[i].prefix == prefix {
			return xml.Name{Space: p.scopes[i].space, Local: local}, true
		}
	}
	return xml.Name{Local: local}, !prefixed
}

// expanded are the attributes of a tag with their namespaces, without the declarations; ok is false where one is unusual, or is there twice.
func (p *plain) expanded() (attrs []xml.Attr, ok bool) {
	if len(p.attrs) > len(p.slab) {
		p.slab = make([]xml.Attr, 64)
	}
	n := 0
	for _, a := range p.attrs {
		if bytes.HasPrefix(a.name, []byte("xmlns")) { // declared already
			continue
		}
		name, known := p.attrNames[string(a.name)]
		if !known {
			if name, ok = p.expand(a.name, false); !ok || name.Local == "xmlns" {
				return nil, false
			}
			p.attrNames[string(a.name)] = name
		}
		for _, b := range p.slab[:n] {
			if b.Name == name {
				return nil, false
			}
		}
		p.slab[n] = xml.Attr{Name: name, Value: a.value}
		n++
	}
	if n == 0 {
		return nil, true
	}
	attrs, p.slab = p.slab[:n:n], p.slab[n:]
	return attrs, true
}
