package chorustest

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// line tells of one exchange in one line, without tokens, passwords and bodies.
func (c *call) line(answered Entry) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s #%d %s %s", time.Now().Format("15:04:05.000"), c.id, c.method, printable(c.path))
	if answered.Status == 0 {
		b.WriteString(" no answer")
	} else {
		fmt.Fprintf(&b, " %d", answered.Status)
	}
	add := func(name, value string) {
		if value != "" {
			b.WriteString(" " + name + "=" + printable(value))
		}
	}
	add("codeRetour", answered.CodeRetour)
	add("client", c.client)
	add("account", c.login)
	if len(c.documents) > 0 {
		add("numero", c.documents[0].Numero)
	}
	add("numero", c.body.text("numeroFacture"))
	if add("flux", answered.Flux); answered.Flux == "" {
		add("flux", c.body.text("numeroFluxDepot"))
	}
	add("fault", answered.Fault)
	if c.why != "" {
		b.WriteString(" why=" + strconv.Quote(short(c.why)))
	}
	return b.String()
}

// printable is a text of a client's as it may stand in a line: short, and quoted when it is not plain.
func printable(text string) string {
	text = cut(text)
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == '"' || r > '~' }) {
		return strconv.Quote(text)
	}
	return text
}
