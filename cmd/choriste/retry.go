package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

type retryCmd struct {
	Invoices []string `arg:"" optional:"" name:"id" help:"The invoices, each by its id, number, external_ref, flux or identifiantFactureCPP; or select them by filter."`
	selection
	Reason string `help:"Why; kept in the history." placeholder:"TEXT"`
	DryRun bool   `help:"Only count what would be retried."`
	Limit  int    `help:"At most so many." default:"1000"`
}

// Validate is called by kong.
func (c retryCmd) Validate() error { return within(c.Limit) }

func (c retryCmd) Run(a *app) error {
	if len(c.Invoices) == 0 && c.nothing() {
		return usageError{errors.New("retry what? give ids or a filter, as --state invalid")}
	}
	if !c.DryRun && c.Reason == "" {
		return usageError{errors.New("a retry needs --reason (or --dry-run to see what it would do)")}
	}
	st, err := a.store()
	if err != nil {
		return err
	}
	q, err := c.read(a, st)
	if err != nil {
		return err
	}
	var ids []int64
	failed := 0
	for _, text := range c.Invoices {
		id, err := a.find(st, text)
		switch {
		case err == nil:
			ids = append(ids, id)
		case len(c.Invoices) == 1:
			return err
		default:
			failed++
			a.fail(err, 1)
		}
	}
	if len(c.Invoices) == 0 {
		if q, err = q.Add("is", "retriable"); err != nil {
			return err
		}
		list, err := operate.Invoices(a.ctx, st, operate.Listing{Query: q, Sort: operate.Sort{Key: "id", Ascending: true}, Limit: c.Limit})
		if err != nil {
			return err
		}
		for _, i := range list {
			ids = append(ids, i.ID)
		}
	}
	if c.DryRun {
		return c.dry(a, st, ids)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	for _, id := range ids {
		state, err := st.Retry(a.ctx, id, c.Reason)
		if err != nil && len(ids)+failed == 1 {
			return err
		}
		if err != nil {
			failed++
			a.fail(err, 1)
			continue
		}
		if a.json {
			err = a.print(map[string]any{"id": id, "state": state})
		} else {
			a.printf("invoice %d is %s\n", id, state)
		}
		if err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d invoices were not retried", failed, max(len(ids), len(c.Invoices)))
	}
	return nil
}

func (c retryCmd) dry(a *app, st *store.Store, ids []int64) error {
	// What would be retried: no more than the limit, and nothing that would be refused.
	n, sums, err := st.Count(a.ctx, store.Filter{IDs: append([]int64{0}, ids...), Retriable: true})
	if err != nil {
		return err
	}
	if a.json {
		return a.print(map[string]any{"count": n, "sums": sums})
	}
	if n == 1 {
		a.printf("1 invoice")
	} else {
		a.printf("%d invoices", n)
	}
	for devise, sum := range sums {
		if devise != "" {
			a.printf(", %s %s", sum.StringFixed(2), devise)
		}
	}
	a.printf("\n")
	return nil
}
