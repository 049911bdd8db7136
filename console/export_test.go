package console

// CutCSV has a CSV be cut after so many lines, until it is put back.
func CutCSV(n int) (back func()) {
	was := mostCSV
	mostCSV = n
	return func() { mostCSV = was }
}
