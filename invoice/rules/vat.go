package rules

// family is one VAT category: its code, the name that its rules carry, and what EN 16931 asks of it.
type family struct {
	code, name string
	rate       rateRule
	reason     bool // an exemption reason is required; otherwise it is refused (B has no such rule)
	one        bool // exactly one entry in the VAT breakdown; otherwise at least one for each rate
}

type rateRule int

const (
	rateZero     rateRule = iota // 0
	ratePositive                 // above 0
	rateAny                      // 0 or above
	rateNone                     // not given at all
)

var families = []family{
	{code: "AE", name: "BR-AE", rate: rateZero, reason: true, one: true},
	{code: "E", name: "BR-E", rate: rateZero, reason: true, one: true},
	{code: "G", name: "BR-G", rate: rateZero, reason: true, one: true},
	{code: "K", name: "BR-IC", rate: rateZero, reason: true, one: true},
	{code: "L", name: "BR-AF", rate: rateAny},
	{code: "M", name: "BR-AG", rate: rateAny},
	{code: "O", name: "BR-O", rate: rateNone, reason: true, one: true},
	{code: "S", name: "BR-S", rate: ratePositive},
	{code: "Z", name: "BR-Z", rate: rateZero, one: true},
}

// rated is the test of a category's rate at a path.
func rated(rule rateRule, path string) func(*document, *element) bool {
	switch rule {
	case ratePositive:
		return compare(path, false)
	case rateAny:
		return compare(path, true)
	case rateNone:
		return lacks(path)
	default:
		return zero(path)
	}
}
