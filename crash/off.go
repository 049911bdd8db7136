//go:build !chaos

package crash

// Enabled tells whether this build can be made to fail.
const Enabled = false

// Point does nothing.
func Point(string) error { return nil }

// OnDisconnect does nothing.
func OnDisconnect(func()) {}

// Mutant is never true.
func Mutant(string) bool { return false }

// Reading does nothing.
func Reading([]byte) {}
