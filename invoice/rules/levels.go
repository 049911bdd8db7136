package rules

// Off is the level of a rule that is not asked.
const Off Severity = "off"

// Rule is what is to be known of a rule, for people and for settings.
type Rule struct {
	Code               string
	Severity           Severity
	Term               string
	Source, Weight     string // of what it rests on; weight as in docs/chorus-pro.md: S official … G guess
	Message, MessageFR string
	Remedy, RemedyFR   string
}

// Stops tells whether a finding is among these that stops an invoice.
func Stops(found []Finding) bool {
	for _, f := range found {
		if f.Severity == Error {
			return true
		}
	}
	return false
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
