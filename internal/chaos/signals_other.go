//go:build !unix

package chaos

import "syscall"

// Elsewhere a process cannot be stopped for a while: it ends, and the run fails.
const (
	stopSignal = syscall.SIGKILL
	contSignal = syscall.SIGKILL
	calmSignal = syscall.SIGTERM
)

func ownGroup() *syscall.SysProcAttr { return nil }
