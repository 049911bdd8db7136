package chorus

import (
	"encoding/base64"
	"errors"
	"io"
)

// A file may come in an answer, as the base64 of one of its fields, and be larger than an answer may be. It is taken out while the answer is read, and what is left of
// the answer, with an empty text in that place, is judged like any other.

// lift takes one file out of an answer.
type lift struct {
	field string // of the answer itself, not of an object within it
	most  int    // bytes that the file may have

	file   []byte
	from   io.Reader
	buffer []byte // into which it is read, always the same: an answer may come in many small pieces
	left   []byte // of the answer, not given on yet
	rest   []byte // base64 of less than four characters
	ended  bool   // the base64 is complete
	broken bool   // it is none, or there is too much of it

	depth             int
	key               []byte // the text that is being read, or was read last
	inText, escaped   bool
	mayBeKey, isValue bool // a text here would be a name, or the value of the field
	lifting           bool
	unit              []byte // the digits of \u
}

var errFile = errors.New("the file in the answer is not base64, or too large")

// reader is what is left of the answer r.
func (l *lift) reader(r io.Reader) io.Reader {
	*l = lift{field: l.field, most: l.most, from: r, buffer: make([]byte, 32<<10)}
	return l
}

func (l *lift) Read(p []byte) (int, error) {
	for len(l.left) == 0 {
		n, err := l.from.Read(l.buffer)
		l.left = l.pass(l.buffer[:n])
		if l.broken {
			return 0, errFile
		}
		if err != nil {
			n = copy(p, l.left)
			if l.left = l.left[n:]; len(l.left) == 0 {
				return n, err
			}
			l.from = failing{err}
			return n, nil
		}
	}
	n := copy(p, l.left)
	l.left = l.left[n:]
	return n, nil
}

// failing has nothing but an error.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// pass returns what of b is not the file, in the place of b.
func (l *lift) pass(b []byte) []byte {
	kept := b[:0]
	for i := 0; i < len(b); i++ {
		if !l.lifting {
			kept = append(kept, b[i])
			l.step(b[i])
			continue
		}
		run := i
		for run < len(b) && b[run] != '"' && b[run] != '\\' && !l.escaped {
			run++
		}
		if run > i {
			l.add(b[i:run])
			i = run - 1
			continue
		}
		switch c := b[i]; {
		case l.escaped:
			l.unescape(c)
		case c == '\\':
			l.escaped = true
		default:
			l.lifting, l.isValue = false, false
			l.finish()
			kept = append(kept, c)
		}
	}
	return kept
}

// step follows the answer outside of the file.
func (l *lift) step(c byte) {
	if l.inText {
		switch {
		case l.escaped:
			l.escaped = false
		case c == '\\':
			l.escaped = true
		case c == '"':
			l.inText = false
			return
		}
		if len(l.key) <= len(l.field) {
			l.key = append(l.key, c)
		}
		return
	}
	switch c {
	case '"':
		if l.isValue {
			l.lifting = true
			return
		}
		l.inText, l.key = true, l.key[:0]
	case ':':
		l.isValue = l.mayBeKey && l.depth == 1 && string(l.key) == l.field
		l.mayBeKey = false
	case '{', '[':
		l.depth++
		l.mayBeKey, l.isValue = c == '{', false
	case '}', ']':
		l.depth--
		l.mayBeKey, l.isValue = false, false
	case ',':
		l.mayBeKey, l.isValue = true, false
	case ' ', '\n', '\r', '\t':
	default:
		l.isValue = false
	}
}

// unescape takes the character after a backslash, or one of the four digits after \u.
func (l *lift) unescape(c byte) {
	switch {
	case len(l.unit) > 0:
		if l.unit = append(l.unit, c); len(l.unit) < 5 {
			return
		}
		code := 0
		for _, d := range l.unit[1:] {
			switch {
			case d >= '0' && d <= '9':
				code = code<<4 + int(d-'0')
			case d|0x20 >= 'a' && d|0x20 <= 'f':
				code = code<<4 + int(d|0x20-'a') + 10
			default:
				code = 1 << 20
			}
		}
		l.unit = l.unit[:0]
		if l.broken = l.broken || code > 0x7f; !l.broken {
			l.add([]byte{byte(code)}) //nolint:gosec // at most 0x7f
		}
	case c == 'u':
		l.unit = append(l.unit, c)
		return
	case c == '/':
		l.add([]byte{c})
	case c != 'n' && c != 'r':
		l.broken = true
	}
	l.escaped = false
}

// add decodes a piece of base64.
func (l *lift) add(b []byte) {
	for len(b) > 0 && !l.broken {
		if len(l.rest) == 0 && len(b) >= 4 {
			whole := len(b) &^ 3
			l.decode(b[:whole])
			b = b[whole:]
			continue
		}
		if c := b[0]; c != '\n' && c != '\r' {
			l.rest = append(l.rest, c)
		}
		b = b[1:]
		if len(l.rest) == 4 {
			l.decode(l.rest)
			l.rest = l.rest[:0]
		}
	}
}

func (l *lift) decode(four []byte) {
	if l.ended || len(l.file)+len(four)/4*3 > l.most+2 {
		l.broken = true
		return
	}
	l.ended = four[len(four)-1] == '='
	decoded, err := base64.StdEncoding.AppendDecode(l.file, four)
	l.file, l.broken = decoded, err != nil
}

// finish is the end of the field.
func (l *lift) finish() { l.broken = l.broken || len(l.rest) > 0 || len(l.file) > l.most }
