package tree

import "strings"

// base64Form follows a text that should be xs:base64Binary. Of a file no more is kept than of any text, and its end says whether it is whole.
type base64Form struct {
	letters, signs int  // what carries bits, and the = behind it
	last           byte // the value of the last letter
	bad            bool
}

func holdsFile(name string) bool { return strings.HasSuffix(name, "BinaryObject") }

// notLetter is what base64Values has for a byte that is none of base64.
const notLetter = 0xff

var base64Values = func() (values [256]byte) {
	for i := range values {
		values[i] = notLetter
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		values[c] = byte(i)
	}
	return values
}()

func (f *base64Form) add(text []byte) {
	for _, c := range text {
		switch v := base64Values[c]; {
		case v != notLetter:
			f.bad = f.bad || f.signs > 0
			f.letters, f.last = f.letters+1, v
		case c == '=':
			f.signs++
		case !isBlank(c):
			f.bad = true
		}
	}
}

// right tells whether that was base64: groups of four, the last one filled up with =, where the letter before it has no bits but those that count.
func (f *base64Form) right() bool {
	unused := [3]byte{0, 0b11, 0b1111}
	return !f.bad && (f.letters+f.signs)%4 == 0 && f.signs <= 2 && (f.signs == 0 || f.letters > 0 && f.last&unused[f.signs] == 0)
}
