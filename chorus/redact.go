package chorus

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"html"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// redactor takes known secrets out of the portal's texts. A gateway may echo a request, or a part of it, in any encoding and at any offset: so a secret is
// known by every eight bytes of it, forwards, backwards and in either letter case, and a text is looked at as it is and through each decoding, twice.
type redactor struct {
	grams []map[uint64]struct{} // gram bytes of a secret, letters lower
	short []string              // secrets of fewer bytes, as they are
}

// Redactor is for whoever else keeps what a portal said.
type Redactor struct{ known redactor }

// NewRedactor knows these secrets. Of one that is shorter than eight characters only the plain form is known, of fewer than four nothing.
func NewRedactor(secrets ...string) Redactor { return Redactor{newRedactor(secrets...)} }

// Shows tells that a secret, or a part of one, stands in the text in whatever encoding; or that the text is too large to tell.
func (r Redactor) Shows(text string) bool { return r.known.hide(text) != text }

const (
	gram = 8
	// shortestSecret keeps a one-letter password of a test from blacking out whole texts.
	shortestSecret = 4
	// mostLooked bounds the work for one text. One that unfolds to more is not shown.
	mostLooked = 1 << 20
)

func newRedactor(secrets ...string) redactor {
	var r redactor
	grams := map[uint64]struct{}{}
	for _, s := range secrets {
		switch {
		case len(s) < shortestSecret:
		case len(s) < gram:
			r.short = append(r.short, s)
		default:
			b := lower([]byte(s))
			add(grams, b)
			slices.Reverse(b)
			add(grams, b)
		}
	}
	r.grams = append(r.grams, grams)
	return r
}

func add(grams map[uint64]struct{}, b []byte) {
	for i := 0; i+gram <= len(b); i++ {
		grams[binary.NativeEndian.Uint64(b[i:])] = struct{}{}
	}
}

func (r redactor) with(secret string) redactor {
	more := newRedactor(secret)
	return redactor{slices.Concat(r.grams, more.grams), slices.Concat(r.short, more.short)}
}

// hide replaces the secrets that stand in s, and the whole of s when one shows through a decoding.
func (r redactor) hide(s string) string {
	if len(s) < shortestSecret || len(r.grams)+len(r.short) == 0 {
		return s
	}
	for _, secret := range r.short {
		s = strings.ReplaceAll(s, secret, redacted)
	}
	b := lower([]byte(s))
	var out strings.Builder
	kept := 0
	for i := 0; i+gram <= len(b); i++ {
		if !r.knows(b[i:]) {
			continue
		}
		end := i + gram
		for end < len(b) && r.knows(b[end-gram+1:]) {
			end++
		}
		out.WriteString(s[kept:i])
		out.WriteString(redacted)
		kept, i = end, end-1
	}
	if kept > 0 {
		s = out.String() + s[kept:]
	}
	if left := mostLooked; r.within([]byte(s), 2, &left) {
		return redacted
	}
	return s
}

func (r redactor) knows(b []byte) bool {
	key := binary.NativeEndian.Uint64(b)
	for _, grams := range r.grams {
		if _, known := grams[key]; known {
			return true
		}
	}
	return false
}

// shows tells whether a secret, or a part of one, stands in b.
func (r redactor) shows(b []byte) bool {
	for _, secret := range r.short {
		if strings.Contains(string(b), secret) {
			return true
		}
	}
	b = lower(b)
	for i := 0; i+gram <= len(b); i++ {
		if r.knows(b[i:]) {
			return true
		}
	}
	return false
}

// within tells whether a secret shows through decodings of b, so many one upon the other. left bounds the bytes looked at; when they are spent it says yes.
func (r redactor) within(b []byte, deep int, left *int) bool {
	found := false
	r.decodings(b, func(view []byte) bool {
		*left -= len(view)
		found = *left < 0 || r.shows(view) || deep > 1 && r.within(view, deep-1, left)
		return !found
	})
	return found
}

// decodings calls yield with all that b could be an encoding of, until it returns false.
func (r redactor) decodings(b []byte, yield func([]byte) bool) bool {
	least := gram // bytes; a stretch that holds fewer hides nothing that is known
	if len(r.short) > 0 {
		least = shortestSecret
	}
	if bytes.ContainsAny(b, `&%=\uU`) {
		if plain := unescape(string(b)); plain != string(b) && !yield([]byte(plain)) {
			return false
		}
	}
	if slices.Contains(b, 0) && !yield(without(b, "\x00")) { // UTF-16
		return false
	}
	return runs(b, isBase64, (least*4+2)/3, func(run []byte) bool {
		return decode(run, 4, base64Standard, base64.RawStdEncoding.Decode, yield)
	}) && runs(b, isBase32, (least*8+4)/5, func(run []byte) bool {
		return decode(run, 8, strings.ToUpper, base32.StdEncoding.WithPadding(base32.NoPadding).Decode, yield)
	}) && runs(b, isHex, 2*least, func(run []byte) bool {
		return decode(run, 2, strings.ToLower, hex.Decode, yield)
	}) && runs(b, isNumbers, 2*least-1, func(run []byte) bool {
		var view []byte
		for n := range strings.FieldsFuncSeq(string(run), func(c rune) bool { return c < '0' || c > '9' }) {
			if v, err := strconv.ParseUint(n, 10, 8); err == nil {
				view = append(view, byte(v))
			}
		}
		return yield(view)
	})
}

var base64Standard = strings.NewReplacer("-", "+", "_", "/").Replace

func isBase64(c byte) bool {
	return isLetter(c) || c >= '0' && c <= '9' || strings.IndexByte("+/-_\r\n", c) >= 0
}

func isBase32(c byte) bool {
	return isLetter(c) || c >= '2' && c <= '7' || c == '\r' || c == '\n'
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' || strings.IndexByte(" :-\r\n", c) >= 0
}

func isNumbers(c byte) bool { return c >= '0' && c <= '9' || strings.IndexByte(" ,;[]\r\n", c) >= 0 }
func isLetter(c byte) bool  { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// runs calls yield with each longest stretch of such characters, from so many on.
func runs(b []byte, in func(byte) bool, least int, yield func([]byte) bool) bool {
	for i := 0; i < len(b); {
		begin := i
		for i < len(b) && in(b[i]) {
			i++
		}
		if i-begin >= least && !yield(b[begin:i]) {
			return false
		}
		i++
	}
	return true
}

// decode reads a run from each of its first places on, for nobody knows where in it the encoding began.
func decode(run []byte, unit int, normal func(string) string, read func(dst, src []byte) (int, error), yield func([]byte) bool) bool {
	text := normal(string(without(run, " :\r\n")))
	if unit == 2 {
		text = strings.ReplaceAll(text, "-", "")
	}
	for at := range min(unit, len(text)) {
		view := make([]byte, len(text))
		n, _ := read(view, []byte(text[at:])) // until something is none of it
		if n >= shortestSecret && !yield(view[:n]) {
			return false
		}
	}
	return true
}

func without(b []byte, chars string) []byte {
	return slices.DeleteFunc(slices.Clone(b), func(c byte) bool { return strings.IndexByte(chars, c) >= 0 })
}

// escape is one character written as its number, in URLs, quoted-printable, JSON, and programming languages.
var escape = regexp.MustCompile(`[%=]([0-9A-Fa-f]{2})|(?:\\|0)x\{?([0-9A-Fa-f]{1,4})\}?|\\?[uU%]\+?\{?([0-9A-Fa-f]{4})\}?|\\([0-7]{3})|\\(.)`)

func unescape(s string) string {
	if strings.Contains(s, "&") {
		s = html.UnescapeString(s)
	}
	if !strings.ContainsAny(s, `%=\uU`) {
		return s
	}
	return escape.ReplaceAllStringFunc(s, func(found string) string {
		m := escape.FindStringSubmatch(found)
		for group, base := range map[int]int{1: 16, 2: 16, 3: 16, 4: 8} {
			if m[group] == "" {
				continue
			}
			n, _ := strconv.ParseUint(m[group], base, 32)
			if group == 3 || n > 0xff {
				return string(rune(n)) //nolint:gosec // four digits
			}
			return string([]byte{byte(n)})
		}
		return m[5]
	})
}

// lower gives a copy with the letters of ASCII in lower case.
func lower(b []byte) []byte {
	b = slices.Clone(b)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return b
}
