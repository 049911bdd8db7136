package rules

// Cause is what a person is shown of findings that have one cause: the finding to mend, and those that go with it.
type Cause struct {
	Finding
	Follow []Finding
}

// Causes puts together what has one cause, in the order of the findings: a currency that is none, and the amounts that bear it; totals in another currency than the invoice, or that are no amounts, and the
// sums that cannot be made of them; one rule that says the same at many places. Nothing is left out.
func Causes(found []Finding) []Cause {
	// The invoice's currency is none; a total is in another one; a total is no amount; there is no means of payment; no date.
	var bad, foreign, amount, payment, date *Finding
	for k := range found {
		switch f := &found[k]; {
		case f.Code == "BR-CL-04" && bad == nil:
			bad = f
		case f.Code == "CH-TOTAL-CURRENCY" && foreign == nil:
			foreign = f
		case f.Code == "CH-AMOUNT" && amount == nil:
			amount = f
		case f.Code == "CH-PAYMENT-MISSING":
			payment = f
		case f.Code == "BR-03":
			date = f
		}
	}
	head := func(f *Finding) *Finding {
		switch f.Code {
		case "BR-CL-03":
			if bad != nil && bad.Value == f.Value {
				return bad
			}
		case "BR-CL-16":
			if f.Value == "" {
				return payment
			}
		case "CII-DT-097":
			if f.Value == "" && f.Term == "BT-2" {
				return date
			}
		case "BR-CO-13", "BR-CO-16", "BR-DEC-12", "BR-DEC-13", "BR-DEC-14", "BR-DEC-16", "BR-DEC-18", "UBL-DT-01":
			return amount
		case "BR-CO-15", "CH-TOTAL-CURRENCY":
			if f.Code == "BR-CO-15" && amount != nil {
				return amount
			}
			if foreign != nil && f.Severity == foreign.Severity {
				if bad != nil {
					return bad
				}
				return foreign
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
