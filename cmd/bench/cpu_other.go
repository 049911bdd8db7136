//go:build !unix

package main

import (
	"time"
)

// ownTime is not known here, nor is that of other processes.
func ownTime() time.Duration { return 0 }

func preferThread(int) {}
