package storetest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// The test binary is also the program that dies in all the ways a program dies.
const childMode = "STORETEST_CHILD"

func TestMain(m *testing.M) {
	switch mode := os.Getenv(childMode); mode {
	case "":
		os.Exit(m.Run())
	case "no binaries":
		started := time.Now()
		_, err := start(context.Background(), Options{}, machine{cache: os.Getenv("STORETEST_CACHE")})
		fmt.Printf("%s\n%s\n", time.Since(started), err)
	default:
		child(mode)
	}
}

// report is what a child says about its cluster.
type report struct {
	URL    string
	Dir    string
	Server int // process
}

func child(mode string) {
	interrupted := make(chan os.Signal, 1)
	if mode == "drain" {
		signal.Notify(interrupted, os.Interrupt)
	}
	if mode == "starting" {
		fmt.Println("{}")
	}
	c, err := Start(context.Background(), Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	pid, err := serverProcess(c.dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	if err := json.NewEncoder(os.Stdout).Encode(report{c.URL(""), c.dir, pid}); err != nil {
		os.Exit(3)
	}
	switch mode {
	case "panic":
		panic("on purpose")
	case "exit":
		os.Exit(1)
	case "crashed":
		if err := c.Crash(); err != nil {
			os.Exit(3)
		}
		fmt.Println("{}")
	case "drain":
		<-interrupted
		if err := ping(c.URL("")); err != nil {
			fmt.Println(err)
		}
		_ = json.NewEncoder(os.Stdout).Encode("drained")
		if err := c.Stop(); err != nil {
			fmt.Println(err)
		}
		os.Exit(0)
	}
	time.Sleep(time.Minute) // to be killed
}

func serverProcess(dir string) (int, error) {
	lock, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(lock), "\n")
	return strconv.Atoi(first)
}

func ping(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	return conn.Ping(ctx)
}

// spawn starts this binary as a child with a temporary folder of its own, in a process group of its own.
func spawn(t *testing.T, mode string) (child *exec.Cmd, lines *bufio.Scanner, temp string) {
	t.Helper()
	temp = openFolder(t)
	child = exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childMode+"="+mode, "TMPDIR="+temp)
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = child.Process.Kill() })
	return child, bufio.NewScanner(out), temp
}

// openFolder is a temporary folder in which every user may make folders, as /tmp is.
func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "storetest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	return dir
}

// within waits for something to become true.
func within(t *testing.T, limit time.Duration, what string, true func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		if true() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

func isGone(pid int) bool {
	return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

func isEmpty(t *testing.T, dir string) bool {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(files) == 0
}
