package tree

import (
	"bytes"
	"encoding/xml"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What XML and its namespaces forbid and the decoder takes. Every reader that keeps to the standard refuses it, the portal's too.

// declarationForm is the one form of an XML declaration (production 23): version, then perhaps encoding, then perhaps standalone.
var declarationForm = regexp.MustCompile(`^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"1\.0"|'1\.0')` +
	`(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:"[A-Za-z][A-Za-z0-9._-]*"|'[A-Za-z][A-Za-z0-9._-]*'))?` +
	`(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\r\n]*\?>$`)

// maxDeclaration is the longest declaration, in bytes: its form has no end, and costs.
const maxDeclaration = 4096

// instruction looks at <?…?>: the declaration is the first thing there is and has its form; another has a name, and white space before what follows.
func (p *parser) instruction(token xml.ProcInst, start int64) error {
	raw := p.text[start:p.dec.InputOffset()]
	if strings.EqualFold(token.Target, "xml") {
		if start > 0 || len(raw) > maxDeclaration || !declarationForm.Match(raw) {
			return p.problem(Declaration, start)
		}
		return nil
	}
	after := raw[len("<?")+len(token.Target):]
	if strings.Contains(token.Target, ":") || !isBlank(after[0]) && !bytes.Equal(after, []byte("?>")) {
		return p.problem(Instruction, start, token.Target)
	}
	return p.controls(raw, start)
}

// controls looks for characters that are none of XML, where the decoder does not.
func (p *parser) controls(raw []byte, start int64) error {
	i := bytes.IndexFunc(raw, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\r' && r != '\n' || r == 0xfffe || r == 0xffff
	})
	if i < 0 {
		return nil
	}
	r, _ := utf8.DecodeRune(raw[i:])
	return p.problem(Control, start+int64(i), string(r))
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// onlyBlanks tells what may stand outside the document's element: white space as it is, no CDATA and no reference.
func onlyBlanks(raw []byte) bool { return len(bytes.Trim(raw, " \t\r\n")) == 0 }

// tag looks at a start tag as it is written: white space before each attribute, names with one colon at most that stands between two names.
func (p *parser) tag(token xml.StartElement, start int64) error {
	if !localName(token.Name.Local) {
		return p.problem(Name, start, token.Name.Local)
	}
	if len(token.Attr) == 0 {
		return nil
	}
	raw := p.text[start:p.dec.InputOffset()]
	if len(token.Attr) > 1 && !apart(raw) {
		return p.problem(Apart, start)
	}
	for _, a := range token.Attr {
		if !localName(a.Name.Local) {
			return p.problem(Name, start, a.Name.Local)
		}
		if strings.Contains(a.Value, string(replacement)) && noChar.Match(raw) {
			return p.problem(NoChar, start)
		}
	}
	return nil
}

// apart tells whether white space comes after the quotation mark that ends a value, or the end of the tag.
func apart(raw []byte) bool {
	for open, i := byte(0), 0; i < len(raw)-1; i++ {
		switch c := raw[i]; {
		case c != '"' && c != '\'':
		case open == 0:
			open = c
		case c == open:
			open = 0
			if next := raw[i+1]; !isBlank(next) && next != '/' && next != '>' {
				return false
			}
		}
	}
	return true
}

// localName tells a name that may stand after a prefix. The decoder has looked at its characters already, but not which is the first one after the colon.
func localName(s string) bool {
	if s == "" || strings.IndexByte(s, ':') >= 0 {
		return false
	}
	if c := s[0]; c < utf8.RuneSelf {
		return c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
	}
	r, _ := utf8.DecodeRuneInString(s)
	return r != 0xb7 && !unicode.Is(unicode.M, r) && !unicode.Is(unicode.Nd, r)
}

// scope is a prefix that an open element declares.
type scope struct {
	prefix, space string
	depth         int
}

const xmlnsSpace = "http://www.w3.org/2000/xmlns/"

// declare takes a declaration of a namespace. No prefix can be taken back, and xml and xmlns are what they are.
func (p *parser) declare(prefix, space string, start int64) error {
	switch {
	case prefix == "xmlns", space == xmlnsSpace, (prefix == "xml") != (space == xmlSpace), prefix != "" && space == "":
		return p.problem(Binding, start, prefix)
	}
	p.declared[space] = true
	p.odd = p.odd || space != "" && !strings.ContainsAny(space, ":/")
	p.scopes = append(p.scopes, scope{prefix, space, p.depth + 1}) // of the element that is about to begin
	return nil
}

// bound tells whether a name's prefix is declared where it stands. The decoder leaves a prefix that is not where the namespace would be; it can be taken for one only where a
// namespace of that name is declared, too, which is looked at then.
func (p *parser) bound(name xml.Name, raw []byte) bool {
	switch {
	case !p.declared[name.Space]:
		return false
	case name.Space == "" || strings.ContainsAny(name.Space, ":/"):
		return true
	}
	for _, s := range p.scopes {
		if s.prefix == name.Space {
			return true
		}
	}
	return !bytes.Contains(raw, []byte(name.Space+":"+name.Local))
}
