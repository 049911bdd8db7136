package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Whatever ends a program, its server and its files are gone within seconds.
func TestNothingIsLeftBehind(t *testing.T) {
	for _, test := range []struct {
		mode  string
		says  int // lines before the end
		ended func(pid int) error
	}{
		{"panic", 1, nil},
		{"exit", 1, nil},
		{"wait", 1, func(pid int) error { return syscall.Kill(-pid, syscall.SIGINT) }}, // Ctrl-C
		{"wait", 1, func(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }},
		{"crashed", 2, func(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) }},
	} {
		t.Run(test.mode, func(t *testing.T) {
			t.Parallel()
			child, lines, temp := spawn(t, test.mode)
			var r report
			for i := range test.says {
				if !lines.Scan() {
					t.Fatal("the child did not start its cluster")
				}
				if i == 0 {
					if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
						t.Fatal(err)
					}
				}
			}
			if !strings.HasPrefix(r.Dir, temp) {
				t.Fatalf("the cluster is in %s, not in the temporary folder", r.Dir)
			}
			if test.ended != nil {
				if test.mode == "wait" && isGone(r.Server) {
					t.Fatal("the server was gone before the child was")
				}
				if err := test.ended(child.Process.Pid); err != nil {
					t.Fatal(err)
				}
			}
			_ = child.Wait()
			within(t, 30*time.Second, "the server is gone", func() bool { return isGone(r.Server) })
			within(t, 30*time.Second, "its directory is gone", func() bool { return isEmpty(t, temp) })
		})
	}
}

// A program may also be killed while its server is being made or started.
func TestNothingIsLeftBehindByAStart(t *testing.T) {
	for _, after := range []time.Duration{10, 60, 300, 700} {
		t.Run(fmt.Sprint(int(after), "ms"), func(t *testing.T) {
			t.Parallel()
			child, lines, temp := spawn(t, "starting")
			if !lines.Scan() {
				t.Fatal("the child said nothing")
			}
			time.Sleep(after * time.Millisecond) // any moment will do
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = child.Wait()
			within(t, time.Minute, "everything is gone", func() bool { return isEmpty(t, temp) })
		})
	}
}

// Ctrl-C reaches the program and not its database, which the program needs for an orderly end.
func TestInterruptLeavesTheServerToTheProgram(t *testing.T) {
	t.Parallel()
	child, lines, temp := spawn(t, "drain")
	if !lines.Scan() {
		t.Fatal("the child did not start its cluster")
	}
	if err := syscall.Kill(-child.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if !lines.Scan() || lines.Text() != `"drained"` {
		t.Errorf("while draining: %s", lines.Text())
	}
	for lines.Scan() {
		t.Errorf("after draining: %s", lines.Text())
	}
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
	if !isEmpty(t, temp) {
		t.Error("Stop left files behind")
	}
}
