package tree

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What stands between tags, in a plain document.

// chars takes the text between two tags; ok is false for one that is not plain.
func (p *plain) chars(raw []byte) (ok bool) {
	if p.at == nil {
		return onlyBlanks(raw)
	}
	text, ok := p.plainText(raw)
	if ok && len(text) > 0 {
		p.write(text)
	}
	return ok
}

// special are the bytes that stand for something else in a text, or that may not be there.
var special = func() (is [utf8.RuneSelf]bool) {
	for c := range is {
		is[c] = c < ' ' && c != '\t' && c != '\n' || c == '&' || c == '<' || c == ']'
	}
	return is
}()

// entities are those that XML has without a DTD.
var entities = map[string]rune{"amp": '&', "lt": '<', "gt": '>', "apos": '\'', "quot": '"'}

// maxReference is the longest reference that is read here, as &#x10ffff;.
const maxReference = 10

// reference reads a reference to a character at the beginning of a text; length is that of the reference, 0 for one that is not plain.
func reference(text []byte) (c rune, length int) {
	name, _, ended := bytes.Cut(text[1:min(len(text), maxReference)], []byte(";"))
	if !ended {
		return 0, 0
	}
	c, known := entities[string(name)]
	if !known {
		digits, numbered := strings.CutPrefix(string(name), "#")
		base := 10
		if hex, is := strings.CutPrefix(digits, "x"); is {
			digits, base = hex, 16
		}
		n, err := strconv.ParseUint(digits, base, 21)
		if !numbered || err != nil || n < ' ' && n != '\t' && n != '\n' && n != '\r' || n >= 0xfffd && n <= 0xffff || !utf8.ValidRune(rune(n)) {
			return 0, 0
		}
		c = rune(n)
	}
	return c, len("&") + len(name) + len(";")
}

// plainText is a text with its entities replaced, and \n for each end of a line; it lasts until the next one.
func (p *plain) plainText(raw []byte) (text []byte, ok bool) {
	at := 0
	for at < len(raw) && (raw[at] >= utf8.RuneSelf || !special[raw[at]]) {
		at++
	}
	if at == len(raw) {
		return raw, true
	}
	b := append(p.buffer[:0], raw[:at]...)
	for ; at < len(raw); at++ {
		c := raw[at]
		switch {
		case c >= utf8.RuneSelf || !special[c]:
		case c == '&':
			sign, length := reference(raw[at:])
			if length == 0 {
				return nil, false
			}
			b = utf8.AppendRune(b, sign)
			at += length - 1
			continue
		case c == '\r':
			if at+1 < len(raw) && raw[at+1] == '\n' {
				at++
			}
			c = '\n'
		case c == ']' && !bytes.HasPrefix(raw[at:], []byte("]]>")):
		default:
			return nil, false
		}
		b = append(b, c)
	}
	p.buffer = b
	return b, true
}

// comment passes over a comment, if one stands here.
func (p *plain) comment() bool {
	text, is := bytes.CutPrefix(p.text[p.pos:], []byte("!--"))
	if !is {
		return false
	}
	end := bytes.Index(text, []byte("--"))
	if end < 0 || !bytes.HasPrefix(text[end:], []byte("-->")) || bytes.ContainsFunc(text[:end], isControl) || p.count == MaxElements {
		return false
	}
	p.count++
	p.pos += len("!--") + end + len("-->")
	return true
}

// isControl tells a character that may not be there, or an end of a line that is not \n.
func isControl(c rune) bool { return c < ' ' && c != '\t' && c != '\n' }

// cdata takes a text in CDATA, if one stands here.
func (p *plain) cdata() bool {
	text, is := bytes.CutPrefix(p.text[p.pos:], []byte("![CDATA["))
	if !is || p.at == nil {
		return false
	}
	end := bytes.Index(text, []byte("]]>"))
	if end < 0 || bytes.ContainsFunc(text[:end], isControl) {
		return false
	}
	p.write(text[:end])
	p.pos += len("![CDATA[") + end + len("]]>")
	return true
}
