package invoice

import (
	"bytes"
	"strconv"
	"strings"
)

// pdfLexer reads values from b on from i. What is malformed is nil: Chorus Pro may read the rest.
type pdfLexer struct {
	f     *pdfFile
	b     []byte
	i     int
	parts int // values that may still be made
}

func (f *pdfFile) lexer(b []byte, at int) *pdfLexer {
	return &pdfLexer{f: f, b: b, i: at, parts: maxPDFParts}
}

func isPDFSpace(c byte) bool   { return strings.IndexByte("\x00\t\n\f\r ", c) >= 0 }
func isPDFSpecial(c byte) bool { return strings.IndexByte("()<>[]{}/%", c) >= 0 }
func isDigit(c byte) bool      { return c >= '0' && c <= '9' }

// skip passes white space and comments.
func (l *pdfLexer) skip() {
	begin := l.i
	for l.i < len(l.b) {
		switch c := l.b[l.i]; {
		case isPDFSpace(c):
			l.i++
		case c == '%':
			for l.i < len(l.b) && l.b[l.i] != '\n' && l.b[l.i] != '\r' {
				l.i++
			}
		default:
			l.f.spend(l.i - begin)
			return
		}
	}
	l.f.spend(l.i - begin)
}

// word takes the letters up to the next white space or special character.
func (l *pdfLexer) word() string {
	l.skip()
	begin := l.i
	for l.i < len(l.b) && l.i-begin < 4096 && !isPDFSpace(l.b[l.i]) && !isPDFSpecial(l.b[l.i]) {
		l.i++
	}
	l.f.spend(l.i - begin + 1)
	return string(l.b[begin:l.i])
}

// keyword takes a word that stands for no value, or nothing.
func (l *pdfLexer) keyword() string {
	l.skip()
	if l.i < len(l.b) && (isPDFSpecial(l.b[l.i]) || isDigit(l.b[l.i])) {
		return ""
	}
	before := l.i
	w := l.word()
	if w == "" {
		l.i = before
	}
	return w
}

// integer takes a whole number that is not negative, or nothing.
func (l *pdfLexer) integer() (int, bool) {
	l.skip()
	before := l.i
	for l.i < len(l.b) && l.i-before < 18 && isDigit(l.b[l.i]) {
		l.i++
	}
	l.f.spend(l.i - before + 1)
	n, err := strconv.Atoi(string(l.b[before:l.i]))
	if err != nil {
		l.i = before
		return 0, false
	}
	return n, true
}

// value takes one value, at this depth within others.
func (l *pdfLexer) value(depth int) any {
	l.skip()
	if l.parts--; l.i >= len(l.b) || depth > maxPDFDepth || l.parts < 0 {
		l.i = len(l.b) // nothing more is read
		return nil
	}
	switch c := l.b[l.i]; {
	case c == '/':
		l.i++
		return l.name()
	case c == '(':
		return l.text()
	case c == '<' && l.i+1 < len(l.b) && l.b[l.i+1] == '<':
		l.i += 2
		return l.dict(depth)
	case c == '<':
		return l.hex()
	case c == '[':
		l.i++
		return l.array(depth)
	case isDigit(c):
		return l.number()
	case isPDFSpecial(c):
		l.i++
		return pdfKeyword(c)
	}
	switch w := l.word(); w {
	case "true":
		return true
	case "false":
		return false
	case "null":
		return nil
	default:
		if n, err := strconv.ParseFloat(w, 64); err == nil {
			return n
		}
		return pdfKeyword(w)
	}
}

// ends takes the mark that ends a list or a dictionary.
func (l *pdfLexer) ends(mark string) bool {
	l.skip()
	there := bytes.HasPrefix(l.b[l.i:], []byte(mark))
	if there {
		l.i += len(mark)
	}
	return there
}

func (l *pdfLexer) array(depth int) any {
	a := pdfArray{}
	for !l.ends("]") {
		v := l.value(depth + 1)
		if _, stray := v.(pdfKeyword); stray || l.i >= len(l.b) {
			return nil
		}
		a = append(a, v)
	}
	return a
}

func (l *pdfLexer) dict(depth int) any {
	d := pdfDict{}
	for !l.ends(">>") {
		key, is := l.value(depth + 1).(pdfName)
		if !is || l.ends(">>") {
			return nil
		}
		v := l.value(depth + 1)
		if _, stray := v.(pdfKeyword); stray || l.i >= len(l.b) {
			return nil
		}
		d[key] = v
	}
	return d
}

// number takes a number, or a reference: two numbers and an R.
func (l *pdfLexer) number() any {
	w := l.word()
	n, err := strconv.Atoi(w)
	if err != nil {
		real, err := strconv.ParseFloat(w, 64)
		if err != nil {
			return pdfKeyword(w)
		}
		return real
	}
	after := l.i
	if _, ok := l.integer(); ok && l.keyword() == "R" {
		return pdfRef(n)
	}
	l.i = after
	return n
}

func (l *pdfLexer) name() pdfName {
	begin := l.i
	for l.i < len(l.b) && l.i-begin < 4096 && !isPDFSpace(l.b[l.i]) && !isPDFSpecial(l.b[l.i]) {
		l.i++
	}
	l.f.spend(l.i - begin + 1)
	raw := string(l.b[begin:l.i])
	if !strings.Contains(raw, "#") {
		return pdfName(raw)
	}
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		if raw[i] == '#' && i+2 < len(raw) {
			if n, err := strconv.ParseUint(raw[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(raw[i])
	}
	return pdfName(b.String())
}

// text takes a string in parentheses.
func (l *pdfLexer) text() any {
	var b strings.Builder
	begin, depth := l.i, 0
	for ; l.i < len(l.b); l.i++ {
		switch c := l.b[l.i]; c {
		case '(':
			if depth++; depth > 1 {
				b.WriteByte(c)
			}
		case ')':
			if depth--; depth == 0 {
				l.i++
				l.f.spend(l.i - begin)
				return pdfString(b.String())
			}
			b.WriteByte(c)
		case '\\':
			l.i++
			l.escape(&b)
		default:
			b.WriteByte(c)
		}
	}
	l.f.spend(l.i - begin)
	return nil
}

// escape takes what follows a backslash, up to its last byte.
func (l *pdfLexer) escape(b *strings.Builder) {
	if l.i >= len(l.b) {
		return
	}
	c := l.b[l.i]
	if k := strings.IndexByte("nrtbf", c); k >= 0 {
		b.WriteByte("\n\r\t\b\f"[k])
		return
	}
	switch {
	case c >= '0' && c <= '7':
		n := 0
		for k := 0; k < 3 && l.i < len(l.b) && l.b[l.i] >= '0' && l.b[l.i] <= '7'; k++ {
			n = n*8 + int(l.b[l.i]-'0')
			l.i++
		}
		l.i--
		b.WriteByte(byte(n)) //nolint:gosec // its high bit is dropped, as the standard says
	case c == '\r' && l.i+1 < len(l.b) && l.b[l.i+1] == '\n':
		l.i++
	case c == '\n', c == '\r':
	default:
		b.WriteByte(c)
	}
}

// hex takes a string of hexadecimal digits.
func (l *pdfLexer) hex() any {
	begin := l.i
	end := bytes.IndexByte(l.b[l.i:], '>')
	if end < 0 {
		l.i = len(l.b)
		l.f.spend(l.i - begin)
		return nil
	}
	l.i += end + 1
	l.f.spend(l.i - begin)
	digits := make([]byte, 0, end)
	for _, c := range l.b[begin+1 : l.i-1] {
		if !isPDFSpace(c) {
			digits = append(digits, c)
		}
	}
	if len(digits)%2 == 1 {
		digits = append(digits, '0')
	}
	out := make([]byte, len(digits)/2)
	for k := range out {
		n, err := strconv.ParseUint(string(digits[2*k:2*k+2]), 16, 8)
		if err != nil {
			return nil
		}
		out[k] = byte(n)
	}
	return pdfString(out)
}
