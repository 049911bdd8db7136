package rules

import "strings"

// Cause is what a person is shown of findings that have one cause: the finding to mend, and those that go with it.
type Cause struct {
	Finding
	Follow []Finding
}

// Causes puts together what has one cause, in the order of the findings: a currency that is none, and the amounts that bear it; totals in another currency than the invoice, or that are no amounts, and the
// sums that cannot be made of them; one rule that says the same at many places. Nothing is left out.
func Causes(found []Finding) []Cause {
	// The invoice's currency is none; a total is in another one; a total is no amount; there is no means of payment; no date.
	var bad, foreign, amount, payment, date, credit, kind *Finding
	var part *Finding // a number of a line, a charge or the VAT breakdown is none
	numbers := map[string]*Finding{}
	for k := range found {
		switch f := &found[k]; {
		case (f.Code == "CH-SCHEMA" || f.Code == "CH-AMOUNT") && numbers[f.Where] == nil:
			numbers[f.Where] = f
			if f.Code == "CH-SCHEMA" && strings.HasSuffix(f.Message, noNumber) && part == nil && strings.HasPrefix(f.Term, "BT-") {
				part = f
			}
			if f.Code == "CH-AMOUNT" && amount == nil {
				amount = f
			}
		case f.Code == "BR-CL-04" && bad == nil:
			bad = f
		case f.Code == "CH-TOTAL-CURRENCY" && foreign == nil:
			foreign = f
		case f.Code == "CII-DT-037" && kind == nil:
			kind = f
		case f.Code == "CH-PAYMENT-CREDIT" && credit == nil:
			credit = f
		case f.Code == "CH-PAYMENT-MISSING":
			payment = f
		case f.Code == "BR-03":
			date = f
		}
	}
	head := func(f *Finding) *Finding {
		if moneyRules[f.Code] {
			if h := numbers[f.Where]; h != nil && f.Where != "" {
				return h
			}
		}
		switch f.Code {
		case "BR-CL-03":
			if bad != nil && bad.Value == f.Value {
				return bad
			}
		case "BR-CL-16":
			if f.Value == "" {
				return payment
			}
		case "BR-47", "BR-48", "BR-32", "BR-37", "BR-CO-04":
			return kind // what is not VAT has no category and no rate of VAT
		case "BR-50", "BR-51", "BR-61", "CII-SR-470":
			return credit // a credit note has no means of payment, and so no account
		case "CII-DT-097":
			if f.Value == "" && f.Term == "BT-2" {
				return date
			}
		case "BR-CO-10", "BR-CO-11", "BR-CO-12", "BR-CO-13", "BR-CO-14", "BR-CO-16":
			if amount == nil {
				return part
			}
			return amount
		case "BR-CO-15", "CH-TOTAL-CURRENCY":
			if f.Code == "BR-CO-15" && amount != nil {
				return amount
			}
			if f.Code == "BR-CO-15" && f.Term != "BT-112" { // something else than the sum
				return nil
			}
			if foreign != nil && f.Severity == foreign.Severity {
				if bad != nil {
					return bad
				}
				return foreign
			}
		default:
			if moneyRules[f.Code] && familyRules[f.Code] && (strings.HasSuffix(f.Code, "-08") || strings.HasSuffix(f.Code, "-09")) || f.Code == "BR-CO-17" {
				return part
			}
		}
		return nil
	}
	type key struct{ code, value, message string }
	var all []Cause
	places := map[*Finding]int{}
	same := map[key]*Finding{}
	for k := range found {
		f := &found[k]
		h := head(f)
		if h == nil {
			id := key{f.Code, f.Value, f.Message}
			if f.Code == "BR-CL-03" { // the term is in its words
				id.message = ""
			}
			if same[id] == nil {
				same[id] = f
			}
			h = same[id]
		}
		at, there := places[h]
		if !there {
			at = len(all)
			places[h] = at
			all = append(all, Cause{Finding: *h})
		}
		if f != h {
			all[at].Follow = append(all[at].Follow, *f)
		}
	}
	return all
}
