package rules

import "github.com/choriste/choriste/invoice"

// TooLarge says what is wrong with a document of so many bytes, before anybody has it in memory; nil when nothing is.
func TooLarge(bytes int) []Finding {
	if p := invoice.TooLarge(bytes); p != nil {
		return []Finding{OfProblem(p)}
	}
	return nil
}
