package operate

// SQL is the statement of a listing.
func (l Listing) SQL() (string, []any) { return l.sql() }
