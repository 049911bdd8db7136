//go:build unix

package main

import (
	"syscall"
	"time"
)

// ownTime is for how long this process has used a CPU so far.
func ownTime() time.Duration {
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		return 0
	}
	return time.Duration(own.Utime.Nano() + own.Stime.Nano())
}

func preferThread(tid int) { _ = syscall.Setpriority(syscall.PRIO_PROCESS, tid, -20) }
