package storetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// unprivileged is the user that runs a server for root, since PostgreSQL refuses to run as root: postgres where the
// distribution made one, else nobody. It is nil for a caller who is not root and runs the server himself.
func unprivileged() (*syscall.Credential, error) {
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
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("private PostgreSQL: it does not run as root, and there is no user postgres or nobody to run it as; run this as an ordinary user")
}

// may reports whether a user may do all of what is asked with a path: letters of test(1), as "rwx". The system is asked
// rather than the mode bits, since every folder above the path has a say. A nil user is the caller.
func may(ctx context.Context, who *syscall.Credential, what, path string) bool {
	for _, letter := range what {
		test := exec.CommandContext(ctx, "/bin/sh", "-c", `test -"$1" "$2"`, "choriste-postgres", string(letter), path) //nolint:gosec // a fixed script
		test.Dir = "/"
		test.SysProcAttr = &syscall.SysProcAttr{Credential: who}
		if test.Run() != nil {
			return false
		}
	}
	return true
}

// directory says where the cluster will live: a new name for the supervisor to make, or the directory that was asked for,
// made ready for the user who runs the server.
func directory(ctx context.Context, o Options, who *syscall.Credential) (string, error) {
	if o.Dir != "" {
		return givenDirectory(ctx, o.Dir, who)
	}
	base := os.TempDir()
	// Root's temporary directory may be closed to the user who runs the server.
	if who != nil && !may(ctx, who, "wx", base) {
		base = "/tmp"
	}
	if o.inMemory {
		if memory := memoryFolder(ctx, who); memory != "" {
			base = memory
		}
	}
	return filepath.Join(base, "choriste-pg-"+randomHex(8)), nil
}

func givenDirectory(ctx context.Context, name string, who *syscall.Credential) (string, error) {
	dir, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	if len(files) > 0 {
		return "", fmt.Errorf("private PostgreSQL: %s is not empty", dir)
	}
	if who == nil {
		return dir, nil
	}
	if err := os.Chown(dir, int(who.Uid), int(who.Gid)); err != nil {
		return "", err
	}
	if !may(ctx, who, "wx", dir) {
		return "", fmt.Errorf("private PostgreSQL: %s cannot be reached by the user it runs as", dir)
	}
	return dir, nil
}
