package chorus

import (
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const redacted = "[redacted]"

// Secret is a text that prints as "[redacted]" whatever the way it is printed: fmt with any verb, encoding/json, encoding
// by text, log/slog. Reveal gives the text.
//
// fmt cannot see the methods of a value kept in an unexported struct field: keep secrets there behind a pointer.
type Secret string

// Reveal gives the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String implements fmt.Stringer.
func (Secret) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (Secret) GoString() string { return redacted }

// Format implements fmt.Formatter, so that no verb (%x, %q, %d) gets past.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalJSON implements json.Marshaler.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText implements encoding.TextMarshaler.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// maxText is the most that is kept of any text the portal sends, in bytes (docs/chorus-pro.md §4.2).
const maxText = 2 << 10

// clean makes a text of the portal fit for a log line and a database column: valid UTF-8, control and invisible
// characters escaped, at most limit bytes.
func clean(s string, limit int) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		piece := string(r)
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs) {
			piece = strings.Trim(strconv.QuoteToASCII(piece), `"`)
		}
		if b.Len()+len(piece) > limit-utf8.RuneLen('…') {
			b.WriteRune('…')
			break
		}
		b.WriteString(piece)
	}
	return b.String()
}
