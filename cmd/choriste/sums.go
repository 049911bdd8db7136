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
	total, paid, all := map[string]decimal.Decimal{}, map[string]decimal.Decimal{}, 0
	w := a.table(false)
	w.Printf(a.either("STATE\tINVOICES\tTTC\tPAID\n", "ÉTAT\tFACTURES\tTTC\tPAYÉ\n"))
	for _, n := range list {
		all += n.Count
		devise := or(n.Devise, "")
		if n.Amount.Valid {
			total[devise] = total[devise].Add(n.Amount.Decimal)
		}
		if n.Paid.Valid {
			paid[devise] = paid[devise].Add(n.Paid.Decimal)
		}
		w.Printf("%s\t%d\t%s\t%s\n", n.State, n.Count, cell(worth(n.Amount, n.Devise, "")), cell(worth(n.Paid, n.Devise, "")))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	a.printf(a.either("\n%d invoices", "\n%d factures"), all)
	for _, devise := range slices.Sorted(maps.Keys(total)) {
		a.printf(", %s %s", total[devise].StringFixed(2), devise)
		if !paid[devise].IsZero() {
			a.printf(a.either(" (%s paid)", " (dont %s payés)"), paid[devise].StringFixed(2))
		}
	}
	a.printf("\n")
	return nil
}
