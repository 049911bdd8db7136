package rules

import "slices"

// About says what a rule asks for, without a document: its term, what a finding of it says, and the remedy.
func About(code string) (Rule, bool) {
	all := Rules()
	i := slices.IndexFunc(all, func(r Rule) bool { return r.Code == code })
	if i < 0 {
		return Rule{}, false
	}
	return all[i], true
}
