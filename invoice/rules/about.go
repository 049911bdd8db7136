package rules

// About says what a rule asks for, without a document: its term, what a finding of it says, and the remedy.
func About(id string) (Finding, bool) {
	t, known := texts[id]
	return Finding{Code: id, Severity: Error, Term: t.term, Message: t.en, MessageFR: t.fr, Remedy: t.remedy, RemedyFR: t.remedyFR}, known
}
