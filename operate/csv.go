package operate

import (
	"encoding/csv"
	"io"
	"regexp"
	"strings"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/store"
)

// InvoicesCSV writes invoices for a French Excel: semicolons, decimal commas, a byte-order mark, and no cell that it would take for a formula.
type InvoicesCSV struct {
	w       *csv.Writer
	columns []Column
}

// NewInvoicesCSV writes the head line: the names of the columns, or of those that a CSV usually has.
func NewInvoicesCSV(out io.Writer, columns ...Column) *InvoicesCSV {
	if len(columns) == 0 {
		columns = csvColumns
	}
	var heads []string
	for _, column := range columns {
		heads = append(heads, column.Name)
	}
	return &InvoicesCSV{newCSV(out, heads...), columns}
}

func newCSV(out io.Writer, heads ...string) *csv.Writer {
	_, _ = io.WriteString(out, "\ufeff")
	w := csv.NewWriter(out)
	w.Comma, w.UseCRLF = ';', true
	_ = w.Write(heads)
	return w
}

// Write adds lines. It returns the first error of out.
func (c *InvoicesCSV) Write(list []store.Status) error {
	for _, i := range list {
		var line []string
		for _, column := range c.columns {
			write := column.Text
			if column.csv != nil {
				write = column.csv
			}
			line = append(line, CSVCell(write(i)))
		}
		_ = c.w.Write(line)
	}
	c.w.Flush()
	return c.w.Error()
}

// Note adds a line that is no invoice.
func (c *InvoicesCSV) Note(text string) {
	line := make([]string, len(c.columns))
	line[0] = CSVCell(text)
	_ = c.w.Write(line)
	c.w.Flush()
}

// CSVCell keeps a spreadsheet from taking what others wrote for a formula. An amount below zero is none, and a reference as -1-1 is one.
func CSVCell(s string) string {
	v := visible.Text(s)
	if strings.IndexAny(v, "=+-@") == 0 && !belowZero.MatchString(v) {
		return "'" + v
	}
	return v
}

var belowZero = regexp.MustCompile(`^-[0-9]+([.,][0-9]+)?$`)

func csvText(s *string) string { return CSVCell(text(s)) }

func csvDay(d *store.Day) string { return dayText(d) }
