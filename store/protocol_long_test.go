//go:build long

package store_test

func init() { modelChecks = "80" }
