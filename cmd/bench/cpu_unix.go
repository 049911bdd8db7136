//go:build unix

package main

import (
	"os"
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

// childPeak is the most memory that a program which has ended has had, in bytes, where the system counts it in kilobytes; 0 where it is not known.
func childPeak(p *os.ProcessState) int64 {
	if used, known := p.SysUsage().(*syscall.Rusage); known {
		return int64(used.Maxrss) * 1024 //nolint:unconvert // 32 bits on some systems
	}
	return 0
}
