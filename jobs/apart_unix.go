//go:build unix

package jobs

import (
	"os"
	"os/exec"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// limitReader keeps the process within its limits: it may take no more memory than a document is worth, and where the machine runs out it goes first.
// Signals that are meant for the worker are not for it.
func limitReader() {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	debug.SetMaxStack(64 << 20)
	most := syscall.Rlimit{Cur: 384 << 20, Max: 384 << 20}
	_ = syscall.Setrlimit(syscall.RLIMIT_DATA, &most)
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0o644) //nolint:gosec // not a file
}

// ownGroup keeps the terminal's signals from a reader.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// forbidden tells that the process was not allowed what a reader does to itself (seccomp): there can be none here.
func forbidden(state *os.ProcessState) bool {
	status, is := state.Sys().(syscall.WaitStatus)
	return is && status.Signaled() && status.Signal() == syscall.SIGSYS
}

// asked tells that the process ended because it was asked to, before it could say that it does not listen.
func asked(state *os.ProcessState) bool {
	status, is := state.Sys().(syscall.WaitStatus)
	if !is || !status.Signaled() {
		return false
	}
	s := status.Signal()
	return s == syscall.SIGINT || s == syscall.SIGTERM || s == syscall.SIGHUP
}
