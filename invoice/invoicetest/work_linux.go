package invoicetest

import (
	"runtime"
	"syscall"
	"time"
)

// Work is the processor's time that do takes, on its own thread: what else a busy machine does meanwhile is not counted.
func Work(do func()) time.Duration {
	const thisThread = 1 // RUSAGE_THREAD
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	spent := func() time.Duration {
		var u syscall.Rusage
		_ = syscall.Getrusage(thisThread, &u) // cannot fail
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := spent()
	do()
	return spent() - before
}
