package main

import (
	"os"
	"testing"

	"github.com/choriste/choriste/internal/lab/naive"
)

// TestMain lets the test's binary be the naive worker, as main does.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == naive.Command {
		os.Exit(naive.Main())
	}
	os.Exit(m.Run())
}
