package chorustest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"unicode/utf8"
)

// What requests and answers almost always are is read and written here; encoding/json does the rest, more slowly. Tests compare the two.

const plainDepth = 16 // of objects and lists in each other

// plainJSON reads one JSON object whose texts need no escapes.
type plainJSON struct {
	raw []byte
	at  int
}

// readPlainObject is false when there is something unusual in it, or something wrong: encoding/json says what.
func readPlainObject(raw []byte) (object, bool) {
	p := &plainJSON{raw: raw}
	if p.peek() != '{' {
		return nil, false
	}
	o, fine := p.object(plainDepth)
	return o, fine && p.peek() == 0 && p.at == len(raw)
}

// peek is the next byte that is no blank; 0 at the end.
func (p *plainJSON) peek() byte {
	for p.at < len(p.raw) {
		switch c := p.raw[p.at]; c {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return c
		}
	}
	return 0
}

// take goes on behind this byte, if it is the next.
func (p *plainJSON) take(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.at++
	return true
}

func (p *plainJSON) value(depth int) (any, bool) {
	switch c := p.peek(); {
	case c == '"':
		return p.text()
	case c == '{' && depth > 0:
		o, fine := p.object(depth - 1)
		return map[string]any(o), fine
	case c == '[' && depth > 0:
		return p.list(depth - 1)
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for _, x := range words {
		if bytes.HasPrefix(p.raw[p.at:], []byte(x.word)) {
			p.at += len(x.word)
			return x.is, true
		}
	}
	return nil, false
}

var words = []struct {
	word string
	is   any
}{{"true", true}, {"false", false}, {"null", nil}}

func (p *plainJSON) object(depth int) (object, bool) {
	p.at++
	o := object{}
	for first := true; ; first = false {
		if p.take('}') {
			return o, first
		}
		if p.peek() != '"' {
			return nil, false
		}
		name, fine := p.text()
		if !fine || !p.take(':') {
			return nil, false
		}
		if o[name], fine = p.value(depth); !fine {
			return nil, false
		}
		if p.take('}') {
			return o, true
		}
		if !p.take(',') {
			return nil, false
		}
	}
}

func (p *plainJSON) list(depth int) (any, bool) {
	p.at++
	all := []any{}
	for first := true; ; first = false {
		if p.take(']') {
			return all, first
		}
		x, fine := p.value(depth)
		if !fine {
			return nil, false
		}
		all = append(all, x)
		if p.take(']') {
			return all, true
		}
		if !p.take(',') {
			return nil, false
		}
	}
}

func (p *plainJSON) text() (string, bool) {
	text, fine := p.bytes()
	return string(text), fine
}

// bytes are those of a text, which begins here.
func (p *plainJSON) bytes() ([]byte, bool) {
	rest := p.raw[p.at+1:]
	n := bytes.IndexByte(rest, '"')
	if n < 0 {
		return nil, false
	}
	ascii := true
	for _, c := range rest[:n] {
		if c < ' ' || c == '\\' {
			return nil, false
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	if !ascii && !utf8.Valid(rest[:n]) {
		return nil, false
	}
	p.at += n + 2
	return rest[:n], true
}

// number reads digits, with a sign and a fraction or without.
func (p *plainJSON) number() (any, bool) {
	begin := p.at
	if p.raw[p.at] == '-' {
		p.at++
	}
	whole := p.digits()
	if whole == 0 || whole > 1 && p.raw[p.at-whole] == '0' {
		return nil, false
	}
	if p.at < len(p.raw) && p.raw[p.at] == '.' {
		p.at++
		if p.digits() == 0 {
			return nil, false
		}
	}
	if p.at < len(p.raw) && (p.raw[p.at] == 'e' || p.raw[p.at] == 'E') {
		return nil, false
	}
	return json.Number(p.raw[begin:p.at]), true
}

func (p *plainJSON) digits() int {
	begin := p.at
	for p.at < len(p.raw) && p.raw[p.at] >= '0' && p.raw[p.at] <= '9' {
		p.at++
	}
	return p.at - begin
}

// appendJSON appends a value as encoding/json has it, without its care for HTML.
func appendJSON(b []byte, value any) []byte {
	switch x := value.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, x)
	case string:
		return appendText(b, x)
	case int:
		return strconv.AppendInt(b, int64(x), 10)
	case int64:
		return strconv.AppendInt(b, x, 10)
	case uint32:
		return strconv.AppendUint(b, uint64(x), 10)
	case object:
		return appendObject(b, x)
	case map[string]any:
		return appendObject(b, x)
	case []any:
		if x == nil {
			return append(b, "null"...)
		}
		b = append(b, '[')
		for i, element := range x {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, element)
		}
		return append(b, ']')
	}
	return appendAny(b, value)
}

func appendObject(b []byte, o object) []byte {
	if o == nil {
		return append(b, "null"...)
	}
	var few [64]string
	names := few[:0]
	for name := range o {
		names = append(names, name)
	}
	slices.Sort(names)
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, name), ':')
		b = appendJSON(b, o[name])
	}
	return append(b, '}')
}
