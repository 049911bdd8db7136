package main

import (
	"regexp"
	"strings"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

type listCmd struct {
	selection
	Unusual bool     `help:"Only those whose status at Chorus Pro was unknown or went back, now or earlier."`
	Oldest  bool     `help:"The oldest first, instead of the newest." xor:"order"`
	Sort    string   `help:"Sort by this, the greatest first with a minus before it, as -amount: ${sorts}." xor:"order" placeholder:"KEY"`
	After   string   `help:"The next page: only what follows this invoice, as the end of a list has said." placeholder:"PLACE"`
	Limit   int      `help:"At most so many." default:"100"`
	Sum     bool     `help:"Only add up what is selected, by state."`
	Total   bool     `help:"Add up what is selected, by state, below the list."`
	Output  string   `short:"o" help:"How: table, wide (more columns), csv (as a French Excel opens it: semicolons, decimal commas), json (one object a line)." enum:"table,wide,csv,json" default:"table"`
	Columns []string `help:"These columns, by their names in chorus.invoice_status or in a query." placeholder:"NAME,…"`
	CSV     bool     `name:"csv" help:"The same as -o csv."`
}

// Validate is called by kong.
func (c listCmd) Validate() error { return within(c.Limit) }

// mostReason is how many characters of a reason a table shows.
const mostReason = 60

func (c listCmd) Run(a *app) error {
	if c.CSV {
		if c.Output != "table" {
			return usageError{inBoth("choose one of --csv and -o", "choisissez --csv ou -o")}
		}
		c.Output = "csv"
	}
	if c.Sum && (c.Output == "csv" || len(c.Columns) > 0) || c.Output == "csv" && a.json {
		return usageError{inBoth("choose one of --sum, --csv and --json; --sum goes with --json", "choisissez --sum, --csv ou --json ; --sum va avec --json")}
	}
	if c.Total && (c.Sum || a.json || c.Output == "json" || c.Output == "csv") {
		return usageError{inBoth("--total goes with a table", "--total va avec un tableau")}
	}
	if c.Output == "json" {
		a.asJSON()
	}
	sort, err := operate.ParseSort(c.Sort)
	if err != nil {
		return usageError{err}
	}
	if c.Oldest {
		sort = operate.Sort{Key: "id", Ascending: true}
	}
	var after operate.Place
	if c.After != "" {
		if after, err = operate.ParsePlace(c.After); err != nil {
			return usageError{err}
		}
	}
	columns, err := operate.ParseColumns(c.Columns)
	if err != nil {
		return usageError{err}
	}
	st, err := a.store()
	if err != nil {
		return err
	}
	q, err := c.read(a, st)
	if err != nil {
		return err
	}
	if c.Unusual {
		if q, err = q.Add("is", "unusual"); err != nil {
			return err
		}
	}
	if c.Sum {
		return a.sums(st, q)
	}
	list, err := operate.Invoices(a.ctx, st, operate.Listing{Query: q, Sort: sort, After: after, Limit: c.Limit})
	if err != nil {
		return err
	}
	switch {
	case c.Output == "csv":
		return operate.NewInvoicesCSV(a.raw, columns...).Write(list)
	case a.json:
		return a.printInvoices(list, columns)
	}
	if err := a.invoices(list, columns, c.Output == "wide"); err != nil {
		return err
	}
	if len(list) == c.Limit {
		a.printf(a.either("(more: --after %s)\n", "(suite : --after %s)\n"), shellWord(sort.Place(list[len(list)-1]).String()))
	}
	if c.Total {
		a.printf("\n")
		return a.sums(st, q)
	}
	return nil
}

// printInvoices prints invoices as JSON: whole, or some columns of each.
func (a *app) printInvoices(list []store.Status, columns []operate.Column) error {
	for _, i := range list {
		var line any = i
		if len(columns) > 0 {
			line = operate.Some(i, columns)
		}
		if err := a.print(line); err != nil {
			return err
		}
	}
	return nil
}

// invoices prints a table. A wide one, and one of columns that somebody chose, leaves nothing out.
func (a *app) invoices(list []store.Status, columns []operate.Column, wide bool) error {
	whole := wide || len(columns) > 0
	switch {
	case len(columns) > 0:
	case wide:
		columns = operate.WideColumns
	default:
		columns = operate.TableColumns
	}
	w := a.table(whole)
	for n, c := range columns {
		w.Printf("%s"+between(n, columns), c.Head(a.lang))
	}
	for _, i := range list {
		for n, c := range columns {
			text := c.Text(i)
			if !whole && c.Name == "reason" {
				text = cutText(text, mostReason)
			} else {
				text = cell(text)
			}
			w.Printf("%s"+between(n, columns), text)
		}
	}
	return w.Flush()
}

// plainWord is what a shell takes as it is.
var plainWord = regexp.MustCompile(`^[a-zA-Z0-9_.,:=~+/-]+$`)

// shellWord is a text as a shell takes it for one word.
func shellWord(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// between is what follows the nth cell of a line.
func between[T any](n int, cells []T) string {
	if n == len(cells)-1 {
		return "\n"
	}
	return "\t"
}
