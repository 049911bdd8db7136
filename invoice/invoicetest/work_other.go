//go:build !linux

package invoicetest

import "time"

// Work is the time that do takes.
func Work(do func()) time.Duration {
	began := time.Now()
	do()
	return time.Since(began)
}
