package rules

import "slices"

// Stops tells whether a finding is among these that stops an invoice.
func Stops(found []Finding) bool {
	return slices.ContainsFunc(found, func(f Finding) bool { return f.Severity == Error })
}

// Lowered makes warnings of all findings.
func Lowered(found []Finding) []Finding {
	lower := make([]Finding, len(found))
	for k, f := range found {
		f.Severity = Warning
		lower[k] = f
	}
	return lower
}
