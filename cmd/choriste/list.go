package main

import (
	"errors"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/operate"
)

type listCmd struct {
	selection
	Unusual bool  `help:"Only those whose status at Chorus Pro was unknown or went back, now or earlier."`
	Oldest  bool  `help:"The oldest first, instead of the newest."`
	After   int64 `help:"Only invoices beyond this id: the next page."`
	Limit   int   `help:"At most so many." default:"100"`
	Sum     bool  `help:"Only add up what is selected, by state."`
	CSV     bool  `name:"csv" help:"Print CSV, as a French Excel opens it: semicolons, decimal commas."`
}

// Validate is called by kong.
func (c listCmd) Validate() error { return within(c.Limit) }

func (c listCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	f, err := c.filter(a.ctx, st)
	if err != nil {
		return err
	}
	if c.Sum && c.CSV || c.CSV && a.json {
		return usageError{errors.New("choose one of --sum, --csv and --json; --sum goes with --json")}
	}
	f.Unusual, f.After, f.Limit, f.Newest = c.Unusual, c.After, c.Limit, !c.Oldest
	if c.Sum {
		return a.sums(st, f)
	}
	list, err := st.List(a.ctx, f)
	if err != nil {
		return err
	}
	if c.CSV {
		return operate.NewInvoicesCSV(a.raw).Write(list)
	}
	if a.json {
		for _, i := range list {
			if err := a.print(i); err != nil {
				return err
			}
		}
		return nil
	}
	w := visible.NewTable(a.out)
	w.Printf("ID\tSTATE\tNUMBER\tTTC\tSTATUS\tFINDINGS\tREASON\n")
	for _, i := range list {
		w.Printf("%d\t%s\t%s\t%s\t%s\t%d\t%s\n", i.ID, i.State, or(i.NumeroFacture, "-"), amount(i), or(i.StatutCourant, "-"), i.Findings, reason(i, 60))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(list) == c.Limit {
		a.printf("(more: --after %d)\n", list[len(list)-1].ID)
	}
	return nil
}
