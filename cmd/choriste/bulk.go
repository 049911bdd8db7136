package main

import (
	"errors"
	"fmt"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// bulk is an act on invoices that are named, or on all that a filter selects: counted and summed first (--dry-run, --expect), with a cap, spread over time. One act is one transaction, with
// its event; what was done is not selected again, so the same command goes on where it was interrupted.
type bulk struct {
	Invoices []string `arg:"" optional:"" name:"id" help:"The invoices, each by its id, number, external_ref, flux or identifiantFactureCPP; or select them by filter."`
	selection
	Reason    string `help:"Why; kept in the history." placeholder:"TEXT"`
	DryRun    bool   `help:"Only count and add up what it would be done to."`
	Expect    int    `help:"Do nothing unless exactly so many are selected, as --dry-run has said." placeholder:"N" default:"-1"`
	Limit     int    `help:"At most so many." default:"1000"`
	PerMinute int    `help:"Spread over time: at most so many a minute; 0 is as fast as it goes." default:"0"`
}

// Validate is called by kong.
func (c bulk) Validate() error {
	if c.PerMinute < 0 || c.PerMinute > operate.MostPerMinute {
		return inBoth("--per-minute must be from 0 to %d", "--per-minute doit être de 0 à %d", operate.MostPerMinute)
	}
	return within(c.Limit)
}

// deed is what is done to each, in the words of a command.
type deed struct {
	operate.Deed
	verb, past string // as retry, retried
	filter     string // an example of one
	say        func(id int64, state store.State) (asJSON any, said string)
}

func (c bulk) run(a *app, d deed) error {
	if len(c.Invoices) == 0 && c.nothing() {
		return usageError{inBoth("%s what? give ids or a filter, as %s", "%s quoi ? donnez des ids ou un filtre, comme %s", d.verb, d.filter)}
	}
	if len(c.Invoices) > 0 && !c.nothing() {
		return usageError{inBoth("%s what? give ids or a filter, not both", "%s quoi ? donnez des ids ou un filtre, pas les deux", d.verb)}
	}
	if !c.DryRun && c.Reason == "" {
		return usageError{inBoth("to %s needs --reason (or --dry-run to see what it would be done to)", "%s demande --reason (ou --dry-run pour voir ce qui serait visé)", d.verb)}
	}
	st, err := a.store()
	if err != nil {
		return err
	}
	q, err := c.read(a, st)
	if err != nil {
		return err
	}
	list, failed, err := c.named(a, st)
	if len(c.Invoices) == 0 {
		list, err = d.Select(a.ctx, st, q, c.Limit+1)
	}
	if err != nil {
		return err
	}
	more := len(list) > c.Limit && len(c.Invoices) == 0
	if more {
		list = list[:c.Limit]
	}
	if more && !a.json {
		a.warnf(a.either("the cap of %d is reached, and more are selected: they are for another time (--limit)\n",
			"le plafond de %d est atteint, et d'autres sont désignées : elles seront pour une autre fois (--limit)\n"), c.Limit)
	}
	switch {
	case c.DryRun:
		return c.dry(a, st, list, more, d)
	case c.Expect >= 0 && c.Expect != len(list):
		return inBoth("%d invoices are selected, and not %d: nothing was done", "%d factures sont sélectionnées, et non %d : rien n'a été fait", len(list), c.Expect)
	}
	return c.each(a, st, list, failed, d)
}

// named finds the invoices that are named, and says which are not there.
func (c bulk) named(a *app, st *store.Store) (list []operate.Chosen, failed int, err error) {
	var ids []int64
	for _, text := range c.Invoices {
		id, err := a.find(st, text)
		switch {
		case err == nil:
			ids = append(ids, id)
		case len(c.Invoices) == 1:
			return nil, 0, err
		default:
			failed++
			a.fail(err, 1)
		}
	}
	if len(ids) > 0 { // none would be all
		var found []store.Status
		found, err = st.List(a.ctx, store.Filter{IDs: ids, Limit: len(ids)})
		for _, i := range found {
			list = append(list, operate.Chosen{ID: i.ID, UpdatedAt: i.UpdatedAt})
		}
	}
	return list, failed, err
}

// each does it to one after the other.
func (c bulk) each(a *app, st *store.Store, list []operate.Chosen, failed int, d deed) error {
	all := max(len(list), len(c.Invoices))
	k, err := operate.Each(a.ctx, list, c.PerMinute, func(i operate.Chosen) error {
		state, err := d.Do(a.ctx, st, i.ID, c.Reason, &i.UpdatedAt)
		switch {
		case err != nil && len(list)+failed == 1:
			return err
		case err != nil:
			failed++
			a.fail(err, 1)
			return nil
		}
		object, said := d.say(i.ID, state)
		if a.json {
			return a.print(object)
		}
		a.printf("%s\n", said)
		return nil
	})
	switch {
	case errors.Is(err, operate.ErrInterrupted):
		return inBoth("interrupted after %d of %d: the same command goes on with the rest", "interrompu après %d sur %d : la même commande continue avec le reste", k, all)
	case err != nil:
		return err
	}
	if failed > 0 {
		return errorInBoth{fmt.Sprintf("%d of %d invoices were not %s", failed, all, d.past), fmt.Sprintf("%d factures sur %d n'ont pas pu l'être (%s)", failed, all, d.verb)}
	}
	return nil
}

// dry counts what it would be done to: no more than the limit, and nothing that would be refused.
func (c bulk) dry(a *app, st *store.Store, list []operate.Chosen, more bool, d deed) error {
	n, sums := len(list), operate.SumsOf(list)
	if len(c.Invoices) > 0 {
		var err error
		if n, sums, err = d.Count(a.ctx, st, list); err != nil {
			return err
		}
	}
	if a.json {
		return a.print(map[string]any{"count": n, "sums": sums, "more": more})
	}
	if n == 1 {
		a.printf(a.either("1 invoice", "1 facture"))
	} else {
		a.printf(a.either("%d invoices", "%d factures"), n)
	}
	for devise, sum := range sums {
		if devise != "" {
			a.printf(", %s %s", sum.StringFixed(2), devise)
		}
	}
	a.printf("\n")
	return nil
}
