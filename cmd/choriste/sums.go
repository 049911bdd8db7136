package main

import (
	"maps"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// sums prints what the selected invoices are worth, by state and currency, and all together.
func (a *app) sums(st *store.Store, q operate.Query) error {
	list, err := operate.Sums(a.ctx, st, q)
	if err != nil {
		return err
	}
	if a.json {
		for _, n := range list {
			if err := a.print(n); err != nil {
				return err
			}
		}
		return nil
	}
	total, all := map[string]decimal.Decimal{}, 0
	w := a.table(false)
	w.Printf("STATE\tINVOICES\tTTC\n")
	for _, n := range list {
		all += n.Count
		if n.Amount.Valid {
			total[or(n.Devise, "")] = total[or(n.Devise, "")].Add(n.Amount.Decimal)
		}
		w.Printf("%s\t%d\t%s\n", n.State, n.Count, cell(worth(n.Amount, n.Devise, "")))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	a.printf("\n%d invoices", all)
	for _, devise := range slices.Sorted(maps.Keys(total)) {
		a.printf(", %s %s", total[devise].StringFixed(2), devise)
	}
	a.printf("\n")
	return nil
}
