package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/store/storetest"
)

// program is the demonstration as a user has it.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "demo-")
	if err != nil {
		return "", err
	}
	built := filepath.Join(dir, "demo")
	out, err := exec.Command("go", "build", "-o", built, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return built, nil
})

func TestMain(m *testing.M) {
	status := m.Run()
	if built, err := program(); err == nil {
		_ = os.RemoveAll(filepath.Dir(built))
	}
	os.Exit(status)
}

// child prepares a run with a temporary folder of its own, in which every user may make folders, as in /tmp.
func child(t *testing.T, databaseURL string, args ...string) (cmd *exec.Cmd, temp string) {
	t.Helper()
	built, err := program()
	if err != nil {
		t.Fatal(err)
	}
	if temp, err = os.MkdirTemp("", "demo-test-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(temp) })
	if err := os.Chmod(temp, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(built, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+temp, "DATABASE_URL="+databaseURL)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	t.Cleanup(func() {
		if cmd.Process != nil {
			_ = cmd.Process.Kill()
		}
	})
	return cmd, temp
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

type result struct {
	Ref, About, Missing string
	External            string `json:"external_ref"`
	OK                  any    // a bool for an invoice, a number in the totals
	State               string
	Path                []string
	Deposits            int
	Attempts            int
	Metadata            json.RawMessage
	Invoices            int
}

func results(t *testing.T, out []byte) (invoices []result, totals result) {
	t.Helper()
	for line := range bytes.Lines(out) {
		var r result
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		invoices = append(invoices, r)
	}
	if len(invoices) == 0 {
		t.Fatal("it printed nothing")
	}
	return invoices[:len(invoices)-1], invoices[len(invoices)-1]
}

func TestOnce(t *testing.T) {
	t.Parallel()
	cmd, temp := child(t, "", "-once", "-json")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	invoices, totals := results(t, out)
	if err != nil {
		for _, i := range invoices {
			t.Logf("%s %v: %s %s", i.External, i.Path, i.State, i.Missing)
		}
		t.Fatalf("%v\n%s", err, &stderr)
	}
	if len(invoices) < 12 || totals.Invoices != len(invoices) || totals.OK != float64(len(invoices)) {
		t.Errorf("%d lines, totals %+v", len(invoices), totals)
	}
	doubts, again, metadata := 0, 0, 0
	for _, i := range invoices {
		if i.OK != true || i.Missing != "" {
			t.Errorf("%s: %v %s", i.External, i.OK, i.Missing)
		}
		if slices.Contains(i.Path, "in_doubt") {
			doubts++
			if i.Deposits != 1 {
				t.Errorf("%s was in doubt and is at the portal %d times", i.External, i.Deposits)
			}
			if i.Attempts == 2 {
				again++
			}
		}
		if string(i.Metadata) != "" {
			metadata++
		}
	}
	if doubts != 2 || again != 1 || metadata != 1 {
		t.Errorf("%d were in doubt, %d of these sent again, %d have metadata", doubts, again, metadata)
	}
	if !strings.Contains(stderr.String(), "starting PostgreSQL") {
		t.Errorf("standard error: %s", &stderr)
	}
	if left := files(t, temp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// On somebody else's server, nothing stays but the four roles that all databases of a server share.
func TestOnAGivenServer(t *testing.T) {
	t.Parallel()
	cluster, err := storetest.Start(t.Context(), storetest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Stop() })
	admin, err := pgx.Connect(t.Context(), cluster.URL(""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close(context.Background()) })

	cmd, temp := child(t, cluster.URL(""), "-once", "-json", "-timeout", "1s")
	out, err := cmd.Output()
	var status *exec.ExitError
	if !errors.As(err, &status) || status.ExitCode() != 1 {
		t.Errorf("one second is too short for all, but: %v", err)
	}
	invoices, totals := results(t, out)
	if totals.OK == float64(totals.Invoices) || !slices.ContainsFunc(invoices, func(r result) bool { return r.Missing != "" }) {
		t.Errorf("nothing is said to be missing: %s", out)
	}
	var databases, logins int
	err = admin.QueryRow(t.Context(), `
		SELECT (SELECT count(*) FROM pg_database WHERE datname LIKE 'choriste%'), (SELECT count(*) FROM pg_roles WHERE rolcanlogin AND rolname <> 'postgres')`).
		Scan(&databases, &logins)
	if err != nil || databases != 0 || logins != 0 {
		t.Errorf("left behind: %d databases, %d logins, %v", databases, logins, err)
	}
	var tables int
	err = admin.QueryRow(t.Context(), `SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`).Scan(&tables)
	if err != nil || tables != 0 {
		t.Errorf("%d tables were made in the given database, %v", tables, err)
	}
	if left := files(t, temp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAServerThatIsNotThere(t *testing.T) {
	t.Parallel()
	cmd, _ := child(t, "postgres://me:hidden@127.0.0.1:1/none", "-once")
	out, err := cmd.CombinedOutput()
	var status *exec.ExitError
	if !errors.As(err, &status) || status.ExitCode() != 1 || !strings.Contains(string(out), "DATABASE_URL") || strings.Contains(string(out), "hidden") {
		t.Errorf("%v: %s", err, out)
	}
}

// Whenever and however it is stopped, nothing is left.
func TestStopped(t *testing.T) {
	for _, test := range []struct {
		when   string // what it says last
		signal syscall.Signal
		status int // -1: killed
	}{
		{"DEMO-", syscall.SIGKILL, -1},
		{"DEMO-", syscall.SIGINT, interrupted},
		{"preparing", syscall.SIGTERM, interrupted},
		{"starting PostgreSQL", syscall.SIGINT, interrupted},
	} {
		t.Run(test.when+" "+test.signal.String(), func(t *testing.T) {
			t.Parallel()
			cmd, temp := child(t, "")
			reader, writer, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd.Stdout, cmd.Stderr = writer, writer
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			_ = writer.Close()
			lines := bufio.NewScanner(reader)
			for lines.Scan() && !strings.Contains(lines.Text(), test.when) {
			}
			server := 0
			if test.when == "DEMO-" {
				server = serverIn(t, temp)
			}
			if err := syscall.Kill(-cmd.Process.Pid, test.signal); err != nil { // as a terminal does, to everybody in the group
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, reader)
			_ = cmd.Wait()
			if got := cmd.ProcessState.ExitCode(); got != test.status {
				t.Errorf("exit status %d (%s), want %d", got, cmd.ProcessState, test.status)
			}
			end := time.Now().Add(30 * time.Second)
			for len(files(t, temp)) > 0 || server != 0 && !errors.Is(syscall.Kill(server, 0), syscall.ESRCH) {
				if time.Now().After(end) {
					t.Fatalf("after half a minute there are %v, and the server %d", files(t, temp), server)
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
}

// serverIn reads the number of the PostgreSQL process out of its folder.
func serverIn(t *testing.T, temp string) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(temp, "*", "data", "postmaster.pid"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v %v", found, err)
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.SplitN(string(text), "\n", 2)[0])
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestWrongUse(t *testing.T) {
	for _, args := range [][]string{{"-nonsense"}, {"word"}, {"-timeout", "soon"}} {
		if status := run(t.Context(), args, io.Discard, io.Discard); status != 2 {
			t.Errorf("%v: exit status %d", args, status)
		}
	}
	var said bytes.Buffer
	if status := run(t.Context(), []string{"-help"}, io.Discard, &said); status != 0 || !strings.Contains(said.String(), "-once") {
		t.Errorf("-help: exit status %d, %s", status, &said)
	}
}
