package storetest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// ErrNotInstalled says that a program is not on this machine.
var ErrNotInstalled = errors.New("not installed")

// PgBouncer is StartPgBouncer for a test, which ends it. ok is false where PgBouncer is not installed.
func PgBouncer(t testing.TB, address, mode string, more ...string) (through string, ok bool) {
	t.Helper()
	through, stop, err := StartPgBouncer(address, mode, more...)
	if errors.Is(err, ErrNotInstalled) {
		return "", false
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return through, true
}

// StartPgBouncer puts a PgBouncer of its own before a database and returns the address that leads through it, for the same login. mode is session,
// transaction or statement; more are lines for the section [pgbouncer].
func StartPgBouncer(address, mode string, more ...string) (through string, stop func(), err error) {
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/pgbouncer")
	}
	if err != nil {
		return "", nil, fmt.Errorf("PgBouncer: %w", ErrNotInstalled)
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", nil, err
	}
	user, err := unprivileged()
	if err != nil {
		return "", nil, err
	}
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	dir, err := bouncerFiles(u, user, port, mode, more)
	if err != nil {
		return "", nil, err
	}
	said := &tail{}
	cmd := exec.Command(program, filepath.Join(dir, "ini")) //nolint:gosec,noctx // ended by stop
	cmd.Stdout, cmd.Stderr, cmd.Dir = said, said, "/"
	cmd.SysProcAttr = attributes(user, false)
	if err := cmd.Start(); err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	}
	u.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for range 500 {
		if conn, err := net.Dial("tcp", u.Host); err == nil { //nolint:noctx // this machine
			return u.String(), stop, conn.Close()
		}
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	return "", nil, fmt.Errorf("PgBouncer does not listen: %s", said)
}

// bouncerFiles writes PgBouncer's settings and its one user's password into a new directory.
func bouncerFiles(database *url.URL, user *identity, port int, mode string, more []string) (dir string, err error) {
	if dir, err = os.MkdirTemp("", "choriste-pgbouncer-"); err != nil {
		return "", err
	}
	quoted := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
	password, _ := database.User.Password()
	names := map[string]string{
		"users": quoted(database.User.Username()) + " " + quoted(password) + "\n",
		"ini": strings.Join(append([]string{
			"[databases]", fmt.Sprintf("* = host=%s port=%s", database.Hostname(), database.Port()),
			"[pgbouncer]", "listen_addr = 127.0.0.1", "listen_port = " + strconv.Itoa(port), "unix_socket_dir =",
			"auth_type = plain", "auth_file = " + filepath.Join(dir, "users"), "pool_mode = " + mode,
		}, more...), "\n") + "\n",
	}
	for name, text := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return dir, err
		}
	}
	if user == nil {
		return dir, nil
	}
	for _, name := range []string{"users", "ini", "."} {
		if err := os.Chown(filepath.Join(dir, name), int(user.Uid), int(user.Gid)); err != nil {
			return dir, err
		}
	}
	return dir, nil
}
