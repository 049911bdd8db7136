package storetest

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func startCluster(t *testing.T, o Options) *Cluster {
	t.Helper()
	o.InMemory = true // a little faster
	c, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func ask(t *testing.T, conn *pgx.Conn, query string) string {
	t.Helper()
	var answer string
	if err := conn.QueryRow(t.Context(), query).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return answer
}

func TestADefaultClusterIsFastAndPrivate(t *testing.T) {
	t.Parallel()
	c := startCluster(t, Options{})
	checkSettings(t, c, map[string]string{
		"fsync": "off", "full_page_writes": "off", "synchronous_commit": "on", "listen_addresses": "127.0.0.1",
		"server_encoding": "UTF8", "max_connections": "800", "unix_socket_directories": "",
	})
	for _, stranger := range []*url.Userinfo{url.User("postgres"), url.UserPassword("postgres", "postgres")} {
		u, err := url.Parse(c.URL(""))
		if err != nil {
			t.Fatal(err)
		}
		u.User = stranger
		_, err = pgx.Connect(t.Context(), u.String())
		var refused *pgconn.PgError
		if err == nil || errors.As(err, &refused) && refused.Code != "28P01" {
			t.Errorf("as %s: %v", stranger, err)
		}
	}
	info, err := os.Stat(c.dir)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the directory's mode is %s", info.Mode())
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner == 0 {
		t.Error("the directory is root's")
	}
	if _, err := os.Stat(filepath.Join(c.dir, "password")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the password lies about: %v", err)
	}
}

func TestSettingsOfOnesOwn(t *testing.T) {
	t.Parallel()
	o := Options{Fsync: true, Settings: map[string]string{"max_connections": "20", "search_path": `"a b", "c'd"`}}
	checkSettings(t, startCluster(t, o), map[string]string{
		"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "max_connections": "20", "search_path": `"a b", "c'd"`,
	})
}

func checkSettings(t *testing.T, c *Cluster, settings map[string]string) {
	t.Helper()
	conn := connect(t, c.URL(""))
	for name, want := range settings {
		if got := ask(t, conn, "SHOW "+name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// A copy of a cluster has its databases and logins, and is apart from it.
func TestACopyOfACluster(t *testing.T) {
	t.Parallel()
	first := startCluster(t, Options{})
	conn := connect(t, first.URL(""))
	for _, q := range []string{`CREATE DATABASE kept`, `CREATE ROLE somebody LOGIN PASSWORD 'p'`} {
		if _, err := conn.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Shutdown(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		second := startCluster(t, Options{Like: first})
		there := connect(t, second.URL("kept"))
		if ask(t, there, `SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolcanlogin AND rolname = 'somebody'`) != "somebody" {
			t.Error("the login is missing")
		}
		if _, err := there.Exec(t.Context(), `CREATE TABLE apart ()`); err != nil {
			t.Error(err)
		}
	}
	if err := first.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ask(t, connect(t, first.URL("kept")), `SELECT (to_regclass('apart') IS NULL)::text`) != "true" {
		t.Error("the copy was not apart")
	}
}

func TestCrashKeepsWhatWasCommitted(t *testing.T) {
	t.Parallel()
	c := startCluster(t, Options{})
	address := c.URL("")
	conn := connect(t, address)
	if _, err := conn.Exec(t.Context(), `CREATE TABLE kept (n int)`); err != nil {
		t.Fatal(err)
	}
	for round := 1; round <= 3; round++ {
		conn = connect(t, address)
		for range 100 {
			if _, err := conn.Exec(t.Context(), `INSERT INTO kept VALUES ($1)`, round); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Crash(); err != nil {
			t.Fatal(err)
		}
		if err := conn.Ping(t.Context()); err == nil {
			t.Error("a connection survived the crash")
		}
		if err := ping(address); err == nil {
			t.Error("a crashed server answers")
		}
		if err := c.Crash(); err != nil {
			t.Errorf("crashing what is down: %v", err)
		}
		if err := c.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		var rows int
		if err := connect(t, address).QueryRow(t.Context(), `SELECT count(*) FROM kept`).Scan(&rows); err != nil {
			t.Fatal(err)
		}
		if rows != 100*round {
			t.Errorf("%d rows after %d crashes", rows, round)
		}
	}
	if c.URL("") != address {
		t.Error("the address changed")
	}
}

func TestRestartOfARunningServerIsOrderly(t *testing.T) {
	t.Parallel()
	var log safeBuffer
	c := startCluster(t, Options{Log: &log})
	conn := connect(t, c.URL(""))
	if err := c.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("a connection survived the restart")
	}
	if err := ping(c.URL("")); err != nil {
		t.Error(err)
	}
	if said := log.String(); !strings.Contains(said, "received fast shutdown request") || strings.Contains(said, "not properly shut down") {
		t.Errorf("the server said:\n%s", said)
	}
}

func TestRestartWaitsForItsPort(t *testing.T) {
	t.Parallel()
	c := startCluster(t, Options{})
	if err := c.Crash(); err != nil {
		t.Fatal(err)
	}
	squatter, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := c.Restart(ctx); err == nil {
		t.Fatal("two listeners on one port")
	}
	if err := squatter.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := ping(c.URL("")); err != nil {
		t.Error(err)
	}
}

func TestAStartGivenUpIsNotForgotten(t *testing.T) {
	t.Parallel()
	c := startCluster(t, Options{}) // whose Stop, at the end, must find the server that runs
	if err := c.Crash(); err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Restart(over); !errors.Is(err, context.Canceled) {
		t.Errorf("a start given up at once: %v", err)
	}
	if err := c.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := ping(c.URL("")); err != nil {
		t.Error(err)
	}
}

func TestAGivenDirectoryIsKept(t *testing.T) {
	t.Parallel()
	given := openFolder(t)
	c := startCluster(t, Options{Dir: given})
	for range 2 {
		if err := c.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(given, "data", "PG_VERSION")); err != nil {
		t.Error(err)
	}
	if _, err := Start(t.Context(), Options{Dir: given}); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a directory in use: %v", err)
	}
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := Start(ctx, Options{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without time: %v", err)
	}
	_, err := Start(t.Context(), Options{Settings: map[string]string{"shared_buffers": "a lot"}})
	if err == nil || !strings.Contains(err.Error(), "invalid value for parameter") {
		t.Errorf("a wrong setting must be named: %v", err)
	}
}

// safeBuffer may be read while the server still writes.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
