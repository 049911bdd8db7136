package operate

import (
	"encoding/csv"
	"io"
	"strconv"
)

// ActsCSV writes acts for a French Excel, as InvoicesCSV does.
type ActsCSV struct {
	w    *csv.Writer
	lang string
}

// NewActsCSV writes the head line. What people read in a line is in the language.
func NewActsCSV(out io.Writer, lang string) *ActsCSV {
	return &ActsCSV{newCSV(out, "at", "actor", "act", "what", "invoice", "numero_facture", "account", "object", "reason", "event"), lang}
}

// Write adds lines. It returns the first error of out.
func (c *ActsCSV) Write(list []Act) error {
	for _, a := range list {
		invoice := ""
		if a.Invoice != nil {
			invoice = strconv.FormatInt(*a.Invoice, 10)
		}
		_ = c.w.Write([]string{
			a.At.Local().Format("2006-01-02 15:04:05 -07:00"), CSVCell(a.Actor), a.Act, ActText(a.Act, c.lang), invoice,
			csvText(a.Numero), csvText(a.Account), csvText(a.Object), CSVCell(a.Why(c.lang)), strconv.FormatInt(a.Event, 10),
		})
	}
	c.w.Flush()
	return c.w.Error()
}

// Note adds a line that is no act.
func (c *ActsCSV) Note(text string) {
	line := make([]string, 10)
	line[0] = CSVCell(text)
	_ = c.w.Write(line)
	c.w.Flush()
}
