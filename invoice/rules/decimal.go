package rules

import "github.com/shopspring/decimal"

// sum adds up the decimals at a path below each of the elements; what is no decimal counts as nothing.
func sum(all []*element, path string) decimal.Decimal {
	total := decimal.Zero
	for _, e := range all {
		e.Each(path, func(x *element) bool {
			if d, ok := x.Number(); ok {
				total = total.Add(d)
			}
			return true
		})
	}
	return total
}

var half = decimal.New(5, -1)

// round2 rounds to two decimals as XPath does: a half goes up, also below zero.
func round2(d decimal.Decimal) decimal.Decimal {
	return d.Shift(2).Add(half).Floor().Shift(-2)
}

// round0 rounds to a whole number as XPath does.
func round0(d decimal.Decimal) decimal.Decimal { return d.Add(half).Floor() }
