package main

import (
	"fmt"
	"strings"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

type auditCmd struct {
	Actor   string   `help:"Only by those who have this text in their name or login." placeholder:"TEXT"`
	Kind    []string `help:"Only these kinds: ${acts}." placeholder:"KIND"`
	Invoice string   `help:"Only to this invoice, by its id, number, external_ref, flux or identifiantFactureCPP." placeholder:"ID"`
	Since   string   `help:"Only on this day of Paris or later, as 2026-11-01." placeholder:"DAY"`
	Until   string   `help:"Only on this day of Paris or before." placeholder:"DAY"`
	After   int64    `help:"The next page: only what was done before this event, as the end of a list has said." placeholder:"EVENT"`
	Limit   int      `help:"At most so many." default:"100"`
	Output  string   `short:"o" help:"How: table, csv (as a French Excel opens it), json (one object a line)." enum:"table,csv,json" default:"table"`
	CSV     bool     `name:"csv" help:"The same as -o csv."`
}

// Validate is called by kong.
func (c auditCmd) Validate() error {
	if c.After < 0 {
		return inBoth("--after must be the number of an event", "--after doit être le numéro d'un événement")
	}
	return within(c.Limit)
}

// auditHeads are the heads of the table.
var auditHeads = map[string]string{
	"en": "WHEN\tWHO\tWHAT\tINVOICE\tTO WHAT ELSE\tWHY\n",
	"fr": "QUAND\tQUI\tQUOI\tFACTURE\tSUR QUOI D'AUTRE\tPOURQUOI\n",
}

func (c auditCmd) Run(a *app) error {
	switch {
	case c.CSV && c.Output != "table", (c.CSV || c.Output == "csv") && a.json:
		return usageError{inBoth("choose one of --csv, --json and -o", "choisissez --csv, --json ou -o")}
	case c.CSV:
		c.Output = "csv"
	case c.Output == "json":
		a.asJSON()
	}
	f := operate.ActFilter{Actor: c.Actor, Kinds: c.Kind, After: c.After, Limit: c.Limit}
	if err := f.Check(); err != nil {
		return usageError{err}
	}
	var err error
	if f.Since, err = dayOf("--since", c.Since); err != nil {
		return err
	}
	if f.Until, err = dayOf("--until", c.Until); err != nil {
		return err
	}
	st, err := a.store()
	if err != nil {
		return err
	}
	if c.Invoice != "" {
		id, err := a.find(st, c.Invoice)
		if err != nil {
			return err
		}
		f.Invoices = []int64{id}
	}
	list, err := operate.Acts(a.ctx, st, f)
	switch {
	case err != nil:
		return err
	case c.Output == "csv":
		return operate.NewActsCSV(a.raw, a.lang).Write(list)
	case a.json:
		for _, act := range list {
			if err := a.print(act); err != nil {
				return err
			}
		}
		return nil
	}
	return a.acts(list, c.Limit)
}

// acts prints a table.
func (a *app) acts(list []operate.Act, limit int) error {
	w := a.table(false)
	w.Printf("%s", auditHeads[a.lang])
	for _, act := range list {
		invoice := ""
		if act.Invoice != nil {
			invoice = strings.TrimSpace(fmt.Sprintf("%d %s", *act.Invoice, or(act.Numero, "")))
		}
		object := strings.TrimSpace(or(act.Account, "") + " " + or(act.Object, ""))
		w.Printf("%s\t%s\t%s\t%s\t%s\t%s\n", store.Stamp(act.At), cell(act.Actor), operate.ActText(act.Act, a.lang), cell(invoice), cell(object), cutText(act.Why(a.lang), mostReason))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(list) == limit {
		a.printf(map[string]string{"en": "(more: --after %d)\n", "fr": "(suite : --after %d)\n"}[a.lang], list[len(list)-1].Event)
	}
	return nil
}
