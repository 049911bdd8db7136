package annuaire

// Lower has so many bytes unpacked, and so many recipients and services read, until the test ends.
func Lower(t interface{ Cleanup(func()) }, unpacked int64, entries int) {
	u, e := mostUnpacked, mostEntries
	mostUnpacked, mostEntries = unpacked, entries
	t.Cleanup(func() { mostUnpacked, mostEntries = u, e })
}
