package chorustest

import (
	"bytes"
	"encoding/xml"
	"strconv"
	"strings"
	"unicode/utf8"
)

// plainXML reads what almost every document is: UTF-8, names of letters and digits, values in quotes. Whatever is written in
// another way, or wrong, is left to encoding/xml, which takes six times as long (parseXML). What it reads, it reads as parseXML does: a test compares.
type plainXML struct {
	text  string // the document
	bytes []byte // likewise
	at    int
	line  int

	open     []*node
	root     *node
	elements int
	children []*node // of the open elements, so far: those of the innermost come last
	begin    []int   // where those of each begin
	free     []node  // room for more
	lists    []*node // room for the children of elements that have ended
}

// plainHeads are the declarations that it knows.
var plainHeads = []string{
	`<?xml version="1.0" encoding="UTF-8"?>`, `<?xml version="1.0" encoding="utf-8"?>`, `<?xml version='1.0' encoding='UTF-8'?>`, `<?xml version='1.0' encoding='utf-8'?>`,
	`<?xml version="1.0"?>`, `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`, `<?xml version="1.0" encoding="UTF-8" standalone="no"?>`,
}

// readPlain returns the root, not bound yet; false when the document is not plain.
func readPlain(b []byte) (*node, bool) {
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	if len(b) > maxText || !plainCharacters(b) {
		return nil, false
	}
	p := &plainXML{text: string(b), bytes: b, line: 1}
	for _, head := range plainHeads {
		if strings.HasPrefix(p.text, head) {
			p.at = len(head)
			break
		}
	}
	for p.at < len(p.text) {
		if !p.next() {
			return nil, false
		}
	}
	return p.root, p.root != nil && len(p.open) == 0
}

// plainCharacters tells that all of it is UTF-8 of characters that XML has, but carriage returns, which are read as line feeds.
func plainCharacters(b []byte) bool {
	ascii := true
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\t' {
			return false
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	return ascii || utf8.Valid(b) && !bytes.Contains(b, []byte("\ufffe")) && !bytes.Contains(b, []byte("\uffff"))
}

// next reads a text or what stands in angle brackets.
func (p *plainXML) next() bool {
	rest := p.text[p.at:]
	switch {
	case rest[0] != '<':
		return p.chars()
	case strings.HasPrefix(rest, "</"):
		return p.end()
	case strings.HasPrefix(rest, "<!--"):
		n := strings.Index(rest[4:], "--")
		if n < 0 || !strings.HasPrefix(rest[4+n:], "-->") {
			return false
		}
		p.pass(4 + n + 3)
		return true
	}
	return p.start()
}

// pass goes on by n bytes, which may hold line feeds.
func (p *plainXML) pass(n int) {
	p.line += strings.Count(p.text[p.at:p.at+n], "\n")
	p.at += n
}

func (p *plainXML) chars() bool {
	n := strings.IndexByte(p.text[p.at:], '<')
	if n < 0 {
		n = len(p.text) - p.at
	}
	raw := p.bytes[p.at : p.at+n : p.at+n]
	p.pass(n)
	if len(p.open) == 0 {
		return len(bytes.Trim(raw, " \t\n")) == 0
	}
	if bytes.Contains(raw, []byte("]]>")) {
		return false
	}
	if bytes.IndexByte(raw, '&') >= 0 {
		fine := false
		if raw, fine = withoutReferences(raw); !fine {
			return false
		}
	}
	in := p.open[len(p.open)-1]
	if in.text == nil {
		in.text = raw // without a copy: what is appended gets one
	} else {
		in.text = append(in.text, raw...)
	}
	return true
}

// references are the named ones, which XML has without a DTD.
var references = []struct {
	name string
	is   byte
}{{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}}

// withoutReferences replaces references by what they stand for; false when there is an unusual one.
func withoutReferences(raw []byte) ([]byte, bool) {
	plain := make([]byte, 0, len(raw))
	for {
		i := bytes.IndexByte(raw, '&')
		if i < 0 {
			return append(plain, raw...), true
		}
		plain, raw = append(plain, raw[:i]...), raw[i:]
		n := 0
		if plain, n = appendReference(plain, raw); n == 0 {
			return nil, false
		}
		raw = raw[n:]
	}
}

// appendReference appends the character that the text begins with a reference to, and says how long that is; 0 when it is an unusual one.
func appendReference(plain, raw []byte) (with []byte, length int) {
	for _, r := range references {
		if bytes.HasPrefix(raw, []byte(r.name)) {
			return append(plain, r.is), len(r.name)
		}
	}
	end := bytes.IndexByte(raw[:min(len(raw), 10)], ';')
	digits, is := bytes.CutPrefix(raw[:max(0, end)], []byte("&#"))
	if !is {
		return plain, 0
	}
	base := 10
	if hex, is := bytes.CutPrefix(digits, []byte("x")); is {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(string(digits), base, 21)
	if err != nil || digits[0] == '+' || n < ' ' || n == 0xfffe || n == 0xffff || !utf8.ValidRune(rune(n)) {
		return plain, 0
	}
	return utf8.AppendRune(plain, rune(n)), end + 1
}

func (p *plainXML) end() bool {
	if len(p.open) == 0 {
		return false
	}
	n := p.open[len(p.open)-1]
	rest := p.text[p.at+2:]
	if n.space != "" {
		if !strings.HasPrefix(rest, n.space) || !strings.HasPrefix(rest[len(n.space):], ":") {
			return false
		}
		rest = rest[len(n.space)+1:]
	}
	if !strings.HasPrefix(rest, n.name) || !strings.HasPrefix(rest[len(n.name):], ">") {
		return false
	}
	p.at = len(p.text) - len(rest) + len(n.name) + 1
	p.finish(n)
	return true
}

// finish gives an element its children.
func (p *plainXML) finish(n *node) {
	last := len(p.open) - 1
	own := p.children[p.begin[last]:]
	if len(own) > len(p.lists) {
		p.lists = make([]*node, max(256, len(own)))
	}
	n.children, p.lists = p.lists[:copy(p.lists, own):len(own)], p.lists[len(own):]
	p.children, p.begin, p.open = p.children[:p.begin[last]], p.begin[:last], p.open[:last]
}

// start reads the tag that begins an element, with its attributes.
func (p *plainXML) start() bool {
	p.at++
	space, name := p.name()
	if name == "" || space == "xmlns" || len(p.open) == 0 && p.root != nil || len(p.open) >= maxDepth || p.elements >= maxElements {
		return false
	}
	n := p.make()
	n.space, n.name = space, name
	empty := false
	for {
		blank := p.blanks()
		rest := p.text[p.at:]
		if strings.HasPrefix(rest, ">") {
			p.at++
			break
		}
		if strings.HasPrefix(rest, "/>") {
			p.at += 2
			empty = true
			break
		}
		if !blank {
			return false
		}
		var a xml.Attr
		if a.Name.Space, a.Name.Local = p.name(); a.Name.Local == "" || !p.value(&a) {
			return false
		}
		n.attrs = append(n.attrs, a)
	}
	n.line = p.line
	if len(p.open) == 0 {
		p.root = n
	} else {
		p.children = append(p.children, n)
	}
	if !empty {
		p.open, p.begin = append(p.open, n), append(p.begin, len(p.children))
	}
	return true
}

// make is a new element.
func (p *plainXML) make() *node {
	if len(p.free) == 0 {
		p.free = make([]node, 64)
	}
	n := &p.free[0]
	p.free = p.free[1:]
	p.elements++
	return n
}

func (p *plainXML) blanks() bool {
	begin := p.at
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case '\n':
			p.line++
		case ' ', '\t':
		default:
			return p.at > begin
		}
		p.at++
	}
	return p.at > begin
}

// name reads one, with its prefix; "" when it is not of letters and digits.
func (p *plainXML) name() (space, local string) {
	local = p.word()
	if local != "" && p.at < len(p.text) && p.text[p.at] == ':' {
		p.at++
		return local, p.word()
	}
	return "", local
}

func (p *plainXML) word() string {
	begin := p.at
	for p.at < len(p.text) {
		c := p.text[p.at] | 0x20 // a small letter
		if (c < 'a' || c > 'z') && (p.at == begin || p.text[p.at] < '0' || p.text[p.at] > '9') {
			break
		}
		p.at++
	}
	return p.text[begin:p.at]
}

// value reads that of an attribute.
func (p *plainXML) value(a *xml.Attr) bool {
	rest := p.text[p.at:]
	if len(rest) < 3 || rest[0] != '=' || rest[1] != '"' && rest[1] != '\'' {
		return false
	}
	n := strings.IndexByte(rest[2:], rest[1])
	if n < 0 {
		return false
	}
	a.Value = rest[2 : 2+n]
	p.pass(n + 3)
	return !strings.ContainsAny(a.Value, "<&") && (a.Name.Space != "xmlns" || a.Value != "" && a.Value != xmlSpace && a.Name.Local != "xmlns" && a.Name.Local != "xml")
}
