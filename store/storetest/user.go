package storetest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// may reports whether a user may do all of what is asked with a path: letters of test(1), as "rwx". The system is asked
// rather than the mode bits, since every folder above the path has a say. A nil user is the caller.
func may(ctx context.Context, who *identity, what, path string) bool {
	for _, letter := range what {
		test := exec.CommandContext(ctx, "/bin/sh", "-c", `test -"$1" "$2"`, "choriste-postgres", string(letter), path) //nolint:gosec // a fixed script
		test.Dir = "/"
		test.SysProcAttr = attributes(who, false)
		if test.Run() != nil {
			return false
		}
	}
	return true
}

// AsServer has a program run as the user that runs the private servers: what it writes is theirs.
func AsServer(cmd *exec.Cmd) error {
	who, err := unprivileged()
	if err != nil {
		return err
	}
	cmd.SysProcAttr = attributes(who, false)
	return nil
}

// directory says where the cluster will live: a new name for the supervisor to make, or the directory that was asked for,
// made ready for the user who runs the server.
func directory(ctx context.Context, o Options, who *identity) (string, error) {
	if o.Dir != "" {
		return givenDirectory(ctx, o.Dir, who)
	}
	base := ""
	if o.InMemory {
		base = memoryFolder(ctx, who)
	}
	if base == "" {
		base = diskFolder(ctx, who)
	}
	return filepath.Join(base, "choriste-pg-"+randomHex(8)), nil
}

// diskFolder is the temporary folder. Root's may be closed to the user who runs the server.
func diskFolder(ctx context.Context, who *identity) string {
	base := os.TempDir()
	if who != nil && !may(ctx, who, "wx", base) {
		base = "/tmp"
	}
	return base
}

func givenDirectory(ctx context.Context, name string, who *identity) (string, error) {
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
