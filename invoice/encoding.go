package invoice

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// labels are the encodings accepted in an XML declaration, lower case, and what each means.
var labels = map[string]string{
	"utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "us-ascii", "ascii": "us-ascii",
	"utf-16": "utf-16", "utf-16le": "utf-16le", "utf-16be": "utf-16be",
	"iso-8859-1": "iso-8859-1", "iso8859-1": "iso-8859-1", "iso_8859-1": "iso-8859-1", "latin1": "iso-8859-1",
	"iso-8859-15": "iso-8859-15", "iso8859-15": "iso-8859-15", "iso_8859-15": "iso-8859-15", "latin-9": "iso-8859-15",
	"windows-1252": "windows-1252", "cp1252": "windows-1252",
}

var decoders = map[string]encoding.Encoding{
	"utf-16le":     unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM),
	"utf-16be":     unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM),
	"iso-8859-1":   charmap.ISO8859_1,
	"iso-8859-15":  charmap.ISO8859_15,
	"windows-1252": charmap.Windows1252,
}

var declaration = regexp.MustCompile(`^\s*<\?xml\s[^>]*?\bencoding\s*=\s*(?:"([^">]*)"|'([^'>]*)')`)

// byteOrder tells the encoding that the first bytes prove, and the length of the byte-order mark (XML 1.0, appendix F).
func byteOrder(b []byte) (enc string, mark int) {
	switch {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		return "utf-8", 3
	case bytes.HasPrefix(b, []byte("\xff\xfe")):
		return "utf-16le", 2
	case bytes.HasPrefix(b, []byte("\xfe\xff")):
		return "utf-16be", 2
	case bytes.HasPrefix(b, []byte("<\x00")):
		return "utf-16le", 0
	case bytes.HasPrefix(b, []byte("\x00<")):
		return "utf-16be", 0
	}
	return "", 0
}

// toUTF8 gives the document in UTF-8 without byte-order mark. The declared encoding is taken at its word: where the bytes
// contradict it, Chorus Pro's parser would refuse the document or read other characters than the supplier wrote.
func toUTF8(b []byte) ([]byte, *Problem) {
	proven, mark := byteOrder(b)
	b = b[mark:]
	whole := len(b)
	if strings.HasPrefix(proven, "utf-16") {
		b = b[:whole&^1] // a cut in the middle of a character is found as a truncated document
		decoded, ok := decode(proven, b)
		if !ok {
			return nil, badBytes("utf-16")
		}
		b = decoded
	}

	declared := "utf-8"
	if proven != "" {
		declared = proven
	}
	if m := declaration.FindSubmatch(b[:min(len(b), 1000)]); m != nil {
		label := string(slices.Concat(m[1], m[2]))
		declared = labels[strings.ToLower(strings.TrimSpace(label))]
		if declared == "" {
			return nil, problemf(CodeEncoding,
				"the XML declaration names an unknown encoding, %s: use UTF-8",
				"la déclaration XML nomme un encodage inconnu, %s : utilisez UTF-8", quote(label))
		}
		agree := declared == proven || proven == "" && !strings.HasPrefix(declared, "utf-16") ||
			declared == "utf-16" && strings.HasPrefix(proven, "utf-16")
		if !agree {
			return nil, problemf(CodeEncoding,
				"the XML declaration says %s and the first bytes of the document are another encoding: make them agree",
				"la déclaration XML dit %s et les premiers octets du document sont d'un autre encodage : faites-les concorder",
				declared)
		}
	}

	switch {
	case strings.HasPrefix(proven, "utf-16"):
		return b, nil
	case declared == "us-ascii":
		if slices.ContainsFunc(b, func(c byte) bool { return c >= utf8.RuneSelf }) {
			return nil, badBytes(declared)
		}
		return b, nil
	case declared == "utf-8":
		return checkUTF8(b)
	}
	decoded, ok := decode(declared, b)
	if !ok {
		return nil, badBytes(declared)
	}
	return decoded, nil
}

// decode tells ok = false when b has bytes that enc does not define.
func decode(enc string, b []byte) ([]byte, bool) {
	decoded, err := decoders[enc].NewDecoder().Bytes(b)
	return decoded, err == nil && !bytes.ContainsRune(decoded, utf8.RuneError)
}

// checkUTF8 lets a character cut at the very end pass: that is a truncated document, not a wrong encoding.
func checkUTF8(b []byte) ([]byte, *Problem) {
	if utf8.Valid(b) {
		return b, nil
	}
	for n := 1; n <= 3 && n <= len(b); n++ {
		if tail := b[len(b)-n:]; utf8.RuneStart(tail[0]) && !utf8.FullRune(tail) && utf8.Valid(b[:len(b)-n]) {
			return b[:len(b)-n], nil
		}
	}
	return nil, badBytes("utf-8")
}

func badBytes(enc string) *Problem {
	return problemf(CodeEncoding,
		"the document says that it is %s and contains bytes that are not: declare its true encoding, or write UTF-8",
		"le document se dit en %s et contient des octets qui n'en sont pas : déclarez son véritable encodage, ou écrivez en UTF-8", enc)
}
