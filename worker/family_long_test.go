//go:build long

package worker_test

func init() { everyCase = true }
