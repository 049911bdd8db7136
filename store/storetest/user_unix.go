//go:build unix

package storetest

import (
	"errors"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// identity is a user that programs run as; nil is the caller.
type identity = syscall.Credential

// attributes are those of a program that runs as a user, in a process group of its own if wanted.
func attributes(who *identity, group bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: who, Setpgid: group}
}

// killGroup ends a program and all that it has started.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

// waitForLock takes a file's lock, which its closing gives back.
func waitForLock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX) }

// ownerOf is who owns a file.
func ownerOf(f os.FileInfo) *identity {
	s, ok := f.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return &identity{Uid: s.Uid, Gid: s.Gid}
}

// unprivileged is the user that runs a server for root, since PostgreSQL refuses to run as root: postgres where the
// distribution made one, else nobody. It is nil for a caller who is not root and runs the server himself.
func unprivileged() (*identity, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(account.Uid, 10, 32)
		if err != nil {
			continue
		}
		gid, err := strconv.ParseUint(account.Gid, 10, 32)
		if err != nil {
			continue
		}
		return &identity{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("private PostgreSQL: it does not run as root, and there is no user postgres or nobody to run it as; run this as an ordinary user")
}
