package rules

// What is not asked of a Factur-X document without lines. MINIMUM holds even fewer totals than BASIC WL.
var (
	notInBasicWL = set("BR-16", "BR-CO-10", "BR-CO-18", "BR-S-01", "BR-Z-01", "BR-E-01", "BR-AE-01", "BR-IC-01", "BR-G-01", "BR-O-01", "BR-AF-01", "BR-AG-01",
		"BR-S-08", "BR-Z-08", "BR-E-08", "BR-AE-08", "BR-IC-08", "BR-G-08", "BR-O-08", "BR-AF-08", "BR-AG-08")
	notInMinimum = union(notInBasicWL, set("BR-08", "BR-09", "BR-10", "BR-11", "BR-12", "BR-CO-11", "BR-CO-12", "BR-CO-13", "BR-CO-14", "BR-CO-16", "BR-45", "BR-46", "BR-47", "BR-48"))
)

func set(ids ...string) map[string]bool {
	m := make(map[string]bool, len(ids))
	for _, id := range ids {
		m[id] = true
	}
	return m
}

func union(a, b map[string]bool) map[string]bool {
	m := make(map[string]bool, len(a)+len(b))
	for id := range a {
		m[id] = true
	}
	for id := range b {
		m[id] = true
	}
	return m
}
