package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// copyError says what came along when an id, a login or a secret was copied, and where; never the value. A request with such a value would be refused, and
// some refusals lock an account (docs/chorus-pro.md §3.6), so that it is found before the first one.
type copyError struct{ text string }

func (e copyError) Error() string { return e.text }

// mostText is more than any id, login, secret or address has.
const mostText = 4096

// copiedWell refuses white space at either end, line breaks, and whatever nobody can see or type. inner says that single blanks may stand within.
func copiedWell(v string, inner bool) error {
	if len(v) > mostText {
		return copyError{fmt.Sprintf("is longer than %d bytes", mostText)}
	}
	if !utf8.ValidString(v) {
		return copyError{"is not UTF-8 text"}
	}
	runes := []rune(v)
	for k, r := range runes {
		kind := invisible(r)
		switch {
		case kind == "" && (r != ' ' || inner && k > 0 && k < len(runes)-1):
			continue
		case kind == "":
			kind = "a blank"
		}
		text := fmt.Sprintf("has %s as character %d", kind, k+1)
		if unicode.IsSpace(r) && (strings.TrimSpace(string(runes[:k])) == "" || strings.TrimSpace(string(runes[k:])) == "") {
			text = fmt.Sprintf("begins or ends with white space: %s as character %d", kind, k+1)
		}
		return copyError{text}
	}
	return nil
}

// invisible names a character that does not belong into any value; "" for the others, and for the ordinary blank.
func invisible(r rune) string {
	switch {
	case r == ' ':
		return ""
	case r == 0:
		return "a NUL"
	case r == '\n':
		return "a line break"
	case r == '\r':
		return "a carriage return"
	case r == '\t':
		return "a tab"
	case r == '\ufeff':
		return "a byte-order mark"
	case r == '\u00a0', r == '\u202f':
		return fmt.Sprintf("a no-break space (U+%04X)", r)
	case unicode.Is(unicode.Cc, r):
		return fmt.Sprintf("a control character (U+%04X)", r)
	case unicode.IsSpace(r), unicode.Is(unicode.Z, r), r == '\u2800':
		return fmt.Sprintf("a blank that is none (U+%04X)", r)
	case unicode.In(r, unicode.Cf, unicode.Co, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
		return fmt.Sprintf("an invisible character (U+%04X)", r)
	}
	return ""
}

// identifier refuses what no client id and no login has.
func identifier(v string) error {
	if err := copiedWell(v, false); err != nil {
		return err
	}
	for k, r := range []rune(v) {
		if r > unicode.MaxASCII {
			return copyError{fmt.Sprintf("has a character outside ASCII (U+%04X) as character %d", r, k+1)}
		}
		if strings.ContainsRune(`"'`+"`"+`${}<>`, r) {
			return copyError{fmt.Sprintf("has %q as character %d: write the value itself, without quotation marks or placeholders", r, k+1)}
		}
	}
	return nil
}

// login refuses what cpro-account cannot carry: it is login:password.
func login(v string) error {
	if err := identifier(v); err != nil {
		return err
	}
	if k := strings.IndexByte(v, ':'); k >= 0 {
		return fmt.Errorf("has a colon as character %d: a login is like TECH_1_0000@cpro.fr, and its password stands apart", k+1)
	}
	return nil
}

// scopes takes words with one blank between them.
func scopes(v string) error {
	if err := copiedWell(v, true); err != nil {
		return err
	}
	for k, r := range []rune(v) {
		if r > unicode.MaxASCII || r == '"' || r == '\\' {
			return copyError{fmt.Sprintf("has a character that no scope has as character %d", k+1)}
		}
	}
	return nil
}
