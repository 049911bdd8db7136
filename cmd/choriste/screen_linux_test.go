package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// ask is ioctl(2): what is asked of a terminal, or told to it.
func ask[T any](t *testing.T, terminal *os.File, request uintptr, what *T) {
	t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, terminal.Fd(), request, uintptr(unsafe.Pointer(what))); errno != 0 { // the system writes into what
		t.Fatal(errno)
	}
}

// TestScreen: on a terminal, lines end where it ends and states are in colour; not with NO_COLOR, and not elsewhere.
func TestScreen(t *testing.T) {
	db := aFew(t)
	for _, c := range []struct {
		env    map[string]string
		args   string
		width  int
		colour bool
	}{
		{map[string]string{"TERM": "xterm"}, "list", 70, true},
		{map[string]string{"TERM": "xterm", "COLUMNS": "60"}, "list", 60, true},
		{map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, "list", 70, false},
		{map[string]string{"TERM": "dumb"}, "list", 70, false},
		{map[string]string{"TERM": "xterm"}, "list -o wide", 1000, true},
	} {
		c.env["DATABASE_URL"] = db.ReaderURL
		out := onTerminal(t, 70, c.env, strings.Fields(c.args)...)
		if got := strings.Contains(out, "\x1b[31mrejected\x1b[0m"); got != c.colour || !c.colour && strings.Contains(out, "\x1b") {
			t.Errorf("%v: %q", c.env, out)
		}
		longest := 0
		for line := range strings.Lines(strings.NewReplacer("\x1b[31m", "", "\x1b[32m", "", "\x1b[0m", "", "\r", "").Replace(out)) {
			longest = max(longest, len([]rune(strings.TrimSuffix(line, "\n"))))
		}
		if c.width < 1000 && longest != c.width || c.width == 1000 && longest <= 200 {
			t.Errorf("%v %s: the longest line has %d characters\n%s", c.env, c.args, longest, out)
		}
	}
}

// onTerminal runs a command whose output is a terminal of so many columns.
func onTerminal(t *testing.T, columns uint16, env map[string]string, args ...string) string {
	t.Helper()
	master, slave := newTerminal(t)
	ask(t, slave, syscall.TIOCSWINSZ, &[4]uint16{24, columns}) // and pixels, of which nobody knows
	var out strings.Builder
	read := make(chan struct{})
	go func() {
		defer close(read)
		for buf := make([]byte, 4096); ; { // until EIO: the other side is closed
			n, err := master.Read(buf)
			out.Write(buf[:n])
			if err != nil {
				return
			}
		}
	}()
	var errOut strings.Builder
	status := run(t.Context(), args, func(name string) string { return env[name] }, slave, &errOut)
	_ = slave.Close()
	<-read
	if status != 0 {
		t.Fatalf("%q: status %d: %s", args, status, errOut.String())
	}
	return out.String()
}

// newTerminal gives both sides of a pseudo-terminal: the one that a person sees, and the one that a program reads and writes.
func newTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal("a pseudo-terminal is needed: ", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	ask(t, master, syscall.TIOCSPTLCK, new(int32)) // 0: it is open
	var n uint32
	ask(t, master, syscall.TIOCGPTN, &n)
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(int(n)), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// TestInitStoppedAtAQuestion: a signal ends the wait for an answer, a hidden one too, and the terminal shows what is typed again.
func TestInitStoppedAtAQuestion(t *testing.T) { // not parallel: the standard input is the process's
	for _, args := range [][]string{
		nil,
		{"--env", "sandbox", "--client-id", "someone"}, // the secret is the next question
	} {
		master, slave := newTerminal(t)
		stdin := os.Stdin
		os.Stdin = slave
		ctx, cancel := context.WithCancel(t.Context())
		asked := make(chan struct{})
		errOut := &promptWriter{asked: asked}
		done := make(chan int, 1)
		dir := filepath.Join(t.TempDir(), "settings")
		go func() {
			done <- run(ctx, append([]string{"init", "--dir", dir}, args...), func(string) string { return "" }, io.Discard, errOut)
		}()
		select {
		case <-asked:
		case <-time.After(20 * time.Second):
			t.Fatalf("%q: no question: %s", args, errOut)
		}
		time.Sleep(100 * time.Millisecond) // the terminal's echo goes off after the question is written
		cancel()
		select {
		case status := <-done:
			if status != 1 || !strings.Contains(errOut.String(), "nothing was written") {
				t.Errorf("%q: status %d: %s", args, status, errOut)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("%q: the question goes on", args)
		}
		var mode syscall.Termios
		if ask(t, slave, syscall.TCGETS, &mode); mode.Lflag&syscall.ECHO == 0 {
			t.Errorf("%q: the terminal does not show what is typed", args)
		}
		if files, _ := os.ReadDir(dir); len(files) > 0 {
			t.Errorf("%q: %s was made", args, files[0].Name())
		}
		_, _ = master.WriteString("\n") // whoever reads still
		os.Stdin = stdin
	}
}

// TestInitEndedAtAQuestion: the end of the input (Ctrl-D) ends a question, a hidden one too, where it waited for ever; so does Ctrl-C there. What is typed can be mended.
func TestInitEndedAtAQuestion(t *testing.T) { // not parallel: the standard input is the process's
	for _, c := range []struct {
		args        []string
		typed, want string
	}{
		{nil, "\x04", "the terminal has ended"},
		{[]string{"--env", "sandbox", "--client-id", "someone"}, "\x04", "the terminal has ended"},
		{[]string{"--env", "sandbox", "--client-id", "someone"}, "abc\x15\x04", "the terminal has ended"},
		{[]string{"--env", "sandbox", "--client-id", "someone"}, "abc\x03", "nothing was written"},
		{[]string{"--env", "sandbox", "--client-id", "someone"}, "aé\x7f\x7f\x7f\rsecret\x04\r\x04", "login (TECH_…@cpro.fr): choriste: the terminal has ended"},
	} {
		master, slave := newTerminal(t)
		stdin := os.Stdin
		os.Stdin = slave
		errOut := &promptWriter{asked: make(chan struct{})}
		done := make(chan int, 1)
		dir := filepath.Join(t.TempDir(), "settings")
		go func() {
			done <- run(t.Context(), append([]string{"init", "--dir", dir}, c.args...), func(string) string { return "" }, io.Discard, errOut)
		}()
		<-errOut.asked
		for _, key := range []byte(c.typed) { // a terminal that shows itself takes Ctrl-C and Ctrl-D at once, as they come
			time.Sleep(50 * time.Millisecond)
			_, _ = master.Write([]byte{key})
		}
		select {
		case status := <-done:
			if status != 1 || !strings.Contains(errOut.String(), c.want) || strings.Contains(errOut.String(), "secret\n") {
				t.Errorf("%q %q: status %d: %s", c.args, c.typed, status, errOut)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%q %q: the question goes on: %s", c.args, c.typed, errOut)
			_, _ = master.WriteString("\n")
		}
		var mode syscall.Termios
		if ask(t, slave, syscall.TCGETS, &mode); mode.Lflag&syscall.ECHO == 0 || mode.Lflag&syscall.ICANON == 0 {
			t.Errorf("%q %q: the terminal is left as it was for the question", c.args, c.typed)
		}
		os.Stdin = stdin
	}
}

// promptWriter notices the first question.
type promptWriter struct {
	mu    sync.Mutex
	text  strings.Builder
	asked chan struct{}
	once  sync.Once
}

func (w *promptWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if strings.HasSuffix(string(b), ": ") {
		w.once.Do(func() { close(w.asked) })
	}
	return w.text.Write(b)
}

func (w *promptWriter) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}
