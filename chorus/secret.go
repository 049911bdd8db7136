package chorus

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/choriste/choriste/secret"
)

const redacted = "[redacted]"

// Secret is a text that no way of printing shows.
type Secret = secret.Text

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
