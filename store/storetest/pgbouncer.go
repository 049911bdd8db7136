package storetest

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// PgBouncer puts a PgBouncer of the test's own before a database and returns the address that leads through it, for the same login. ok is false where
// PgBouncer is not installed. mode is session, transaction or statement; more are lines for the section [pgbouncer].
func PgBouncer(t testing.TB, address, mode string, more ...string) (through string, ok bool) {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/pgbouncer")
	}
	if err != nil {
		return "", false
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	user, err := unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "choriste-pgbouncer-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	password, _ := u.User.Password()
	for name, text := range map[string]string{
		"users": fmt.Sprintf("%q %q\n", u.User.Username(), password),
		"ini": strings.Join(append([]string{
			"[databases]", fmt.Sprintf("* = host=%s port=%s", u.Hostname(), u.Port()),
			"[pgbouncer]", "listen_addr = 127.0.0.1", "listen_port = " + strconv.Itoa(port), "unix_socket_dir =",
			"auth_type = plain", "auth_file = " + filepath.Join(dir, "users"), "pool_mode = " + mode,
		}, more...), "\n") + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if user != nil {
			if err := os.Chown(filepath.Join(dir, name), int(user.Uid), int(user.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if user != nil {
		if err := os.Chown(dir, int(user.Uid), int(user.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	said := &tail{}
	cmd := exec.Command(program, filepath.Join(dir, "ini")) //nolint:gosec,noctx // ended below
	cmd.Stdout, cmd.Stderr, cmd.Dir = said, said, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	u.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for range 500 {
		if conn, err := net.Dial("tcp", u.Host); err == nil { //nolint:noctx // this machine
			_ = conn.Close()
			return u.String(), true
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("PgBouncer does not listen: %s", said)
	return "", false
}
