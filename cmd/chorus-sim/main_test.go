package main

import (
	"bytes"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
)

// started runs the simulator with a standard input that has ended or not, and returns when it serves.
func started(t *testing.T, stdin io.Reader, args ...string) (ended chan int, said *bytes.Buffer) {
	t.Helper()
	out, in := io.Pipe()
	said = &bytes.Buffer{}
	ended = make(chan int, 1)
	go func() {
		ended <- run(append([]string{"-listen", "127.0.0.1:0", "-manage", "127.0.0.1:0"}, args...), stdin, in, said)
		_ = in.Close()
	}()
	line := make([]byte, 200)
	n, err := out.Read(line)
	if err != nil || !strings.HasPrefix(string(line[:n]), `{"api":"http://127.0.0.1:`) {
		t.Fatalf("%q %v", line[:n], err)
	}
	return ended, said
}

// By itself the simulator serves until a signal comes, whatever its standard input is.
func TestItServesWithoutStandardInput(t *testing.T) {
	ended, said := started(t, strings.NewReader(""))
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	select {
	case status := <-ended:
		t.Fatalf("it has ended, status %d: %s", status, said)
	default:
	}
	if err := self.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status := <-ended; status != 0 || said.Len() > 0 {
		t.Errorf("status %d: %s", status, said)
	}
}

// A harness has it end with its own end of the pipe, and the log says why it ended.
func TestItEndsWithStandardInput(t *testing.T) {
	stdin, harness := io.Pipe()
	ended, said := started(t, stdin, "-with-stdin")
	if err := harness.Close(); err != nil {
		t.Fatal(err)
	}
	if status := <-ended; status != 0 || !strings.Contains(said.String(), "standard input has ended") {
		t.Errorf("status %d: %s", status, said)
	}
}

// TestWrongUsage: what was wrong is the last thing but one that is said, and where help is found the last; -help lists the flags.
func TestWrongUsage(t *testing.T) {
	for args, want := range map[string]string{
		"-colour red": "flag provided but not defined: -colour", "-quota many": `invalid value "many"`, "extra": `unexpected argument "extra"`,
		"-client a": "not of the form name:secret", "-lag-from 5s": "lag-from is 5s, and lag, which is the most, 0s", "-profile sunny": "none of calm, hostile, late",
		"-scenario no-such": "neither a file nor one of calm", "-serve -with-stdin": "contradict",
	} {
		var said bytes.Buffer
		if status := run(strings.Fields(args), nil, &said, &said); status != 2 || !strings.Contains(said.String(), want) || strings.Count(said.String(), "\n") > 2 {
			t.Errorf("%s: status %d\n%s", args, status, said.String())
		}
	}
	var said bytes.Buffer
	if status := run([]string{"-help"}, nil, &said, &said); status != 0 || !strings.Contains(said.String(), "-periods-shift") {
		t.Errorf("-help: status %d\n%s", status, said.String())
	}
}
