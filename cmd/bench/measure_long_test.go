//go:build long

package main

import "testing"

// Every measurement works, in small.
func TestMeasureLong(t *testing.T) { inSmall(t, names...) }
