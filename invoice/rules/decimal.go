package rules

import (
	"regexp"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/invoice/tree"
)

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

// comparable is the number that the official rules compare with zero: they take an exponent, which the schema does not. Of such a number it is the part before the exponent, whose sign is the same.
func comparable(e *element) (decimal.Decimal, bool) {
	text := strings.Trim(e.Value(), " \t\r\n")
	if at := strings.IndexAny(text, "eE"); at > 0 && exponent.MatchString(text[at+1:]) {
		return tree.Decimal(text[:at])
	}
	return tree.Decimal(text)
}

var exponent = regexp.MustCompile(`^[+-]?[0-9]{1,3}$`)
