//go:build long

package console_test

func init() { everyPageInBothLanguages = true }
