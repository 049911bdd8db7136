package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store/storetest"
)

// stage is where the commands of a scene are typed: a folder, a shell for each user, a database, the simulator, and workers.
type stage struct {
	t        *testing.T
	bin      string // our programs, and what stands in for systemctl and sudo
	dir      string // where the commands are typed, and below which all files are
	db       *storetest.Database
	cluster  *storetest.Cluster // of a scene that has a server of its own
	sim      simulator
	env      []string // of the shells
	put      []string // pairs: what a page says, and what it is here
	shells   map[string]*shell
	work     *workProcess
	hooks    []hook
	compare  bool              // the answers, too
	statuses map[string]int    // of commands that do not end with 0, by their beginning
	answers  map[string]string // what is typed at a terminal, by the beginning of the command
	psql     string            // what earlier sessions of psql have set
}

// hook is something that happens beside what a page says, before or after a command of this beginning under this heading.
type hook struct {
	heading, begins string
	after           bool
	do              func()
}

func (s *stage) on(heading, begins string, after bool, do func()) {
	s.hooks = append(s.hooks, hook{heading, begins, after, do})
}

// happens does what is to happen at this command.
func (s *stage) happens(c pageCommand, after bool) {
	for _, h := range s.hooks {
		if h.heading == c.heading && h.after == after && strings.HasPrefix(c.typed, h.begins) {
			h.do()
		}
	}
}

// workProcess is a worker that runs.
type workProcess struct {
	cmd  *exec.Cmd
	said *lockedBuffer
	done chan struct{}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newStage(t *testing.T, bin string) *stage {
	t.Helper()
	s := &stage{t: t, bin: bin, dir: storetest.TempDir(t), shells: map[string]*shell{}, answers: map[string]string{}, statuses: map[string]int{}}
	s.env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + s.dir, "LC_ALL=C.UTF-8", "TZ=Europe/Paris", "PGCONNECT_TIMEOUT=10"}
	t.Cleanup(func() {
		for _, sh := range s.shells {
			sh.end()
		}
		s.stopWork()
	})
	return s
}

// database makes an own database for the scene, and has the commands work on it as an operator.
func (s *stage) database(statements string) {
	s.t.Helper()
	s.db = storetest.New(s.t)
	if statements != "" {
		script(s.t, s.db, statements)
	}
	s.env = append(s.env, "DATABASE_URL="+s.db.OperatorURL)
}

// write makes a file below the scene's folder.
func (s *stage) write(name string, content []byte) string {
	s.t.Helper()
	name = filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return name
}

func (s *stage) invoice(name, number string) {
	s.write(name, invoicetest.Invoice{Numero: number, Date: time.Now()}.UBL())
}

// worker starts one of ours with these settings over the scene's, and waits until it is ready.
func (s *stage) worker(settings ...string) {
	s.t.Helper()
	s.start(append(append(environment(s.t, s.db, s.sim), "CHORISTE_LOG=json:info"), settings...), "work")
}

func (s *stage) start(env []string, args ...string) {
	s.t.Helper()
	listen := freeListener(s.t)
	cmd := exec.Command(filepath.Join(s.bin, "choriste"), args...) //nolint:noctx // stopWork ends it in order
	said := &lockedBuffer{}
	cmd.Env, cmd.Stderr, cmd.Stdout, cmd.Dir = append(env, "CHORISTE_LISTEN="+listen), said, said, s.dir
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.work = &workProcess{cmd, said, make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(s.work.done)
	}()
	s.put = append(s.put, "127.0.0.1:8080", listen)
	s.until("the worker is ready", func() bool {
		res, err := http.Get("http://" + listen + "/readyz") //nolint:noctx // a test
		if err != nil {
			return false
		}
		text, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		// It may send only a moment later, which it says: the pages show what comes after that.
		return err == nil && res.StatusCode == http.StatusOK && !strings.Contains(string(text), "until it is known who else is alive")
	})
}

func (s *stage) stopWork() {
	if s.work == nil {
		return
	}
	_ = s.work.cmd.Process.Signal(os.Interrupt)
	select {
	case <-s.work.done:
	case <-time.After(40 * time.Second):
		_ = s.work.cmd.Process.Kill()
		s.t.Error("the worker does not end")
	}
	s.work = nil
}

// until waits for what comes by itself.
func (s *stage) until(what string, is func() bool) {
	s.t.Helper()
	for end := time.Now().Add(60 * time.Second); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			log := ""
			if s.work != nil {
				log = s.work.said.String()
			}
			s.t.Fatalf("waited in vain until %s; the worker says\n%s", what, log)
		}
	}
}

// states waits until the invoices are as wanted, in the order of their ids.
func (s *stage) states(address string, want ...string) {
	s.t.Helper()
	var got []string
	defer func() {
		if s.t.Failed() {
			s.t.Logf("they are %v", got)
		}
	}()
	s.until("the invoices are "+strings.Join(want, ", "), func() bool {
		got = query(s.t, address, `SELECT CASE WHEN statut_courant IN ('SUSPENDUE', 'A_RECYCLER', 'REJETEE') THEN statut_courant ELSE state END FROM chorus.invoices ORDER BY id`)
		return slices.Equal(got, want)
	})
}

// manage asks the simulator's management door.
func (s *stage) manage(path, body string) {
	s.t.Helper()
	res, err := http.Post(s.sim.Manage+path, "application/json", strings.NewReader(body)) //nolint:noctx // a test
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(res.Body)
		s.t.Fatalf("%s %s: %s %s", path, body, res.Status, b)
	}
}

// play types the commands one after the other.
func (s *stage) play(commands []pageCommand) {
	s.t.Helper()
	for k := 0; k < len(commands); k++ {
		c := commands[k]
		s.happens(c, false)
		here := strings.NewReplacer(s.put...)
		typed := here.Replace(c.typed)
		var out string
		var status int
		switch {
		case strings.HasPrefix(c.typed, "psql postgres://") || c.by == ">":
			session := c.typed
			if c.by != ">" {
				session = ""
			}
			for ; k+1 < len(commands) && commands[k+1].by == ">" && commands[k+1].line-commands[k].line < 60 && commands[k+1].heading == c.heading; k++ {
				session += "\n" + commands[k+1].typed
				c.answer += commands[k+1].answer
			}
			out, status = s.inPsql(here.Replace(session), c.answer)
		case s.answersOf(c) != "":
			out, status = s.atTerminal(typed, s.answersOf(c))
		case strings.HasPrefix(c.typed, "choriste work"):
			out, status = s.shell(c.by).run(typed + " & until curl -s --fail -o /dev/null \"$CHORISTE_LISTEN/readyz\"; do kill -0 $! || exit 1; sleep 0.1; done; kill $!; wait $!")
		default:
			out, status = s.shell(c.by).run(typed)
		}
		want, told := 0, false
		for begins, w := range s.statuses {
			if strings.HasPrefix(c.typed, begins) {
				want, told = w, true
			}
		}
		if !told && strings.Contains(c.answer, "choriste: ") && status == 1 {
			want = 1
		}
		if status != want {
			s.t.Fatalf("%s\nwhich is here\n  %s\nends with status %d, want %d:\n%s", c, typed, status, want, out)
		}
		if testing.Verbose() {
			s.t.Logf("%s %s\n%s", c.by, typed, out)
		}
		if s.compares(c) && !alike(out, here.Replace(c.answer)) {
			s.t.Errorf("%s answers\n%s\nand the page says\n%s", c, out, c.answer)
		}
		s.happens(c, true)
	}
}

func (s *stage) compares(c pageCommand) bool {
	return s.compare || strings.HasPrefix(c.typed, "echo $?") || strings.HasPrefix(c.typed, "curl ") && c.answer != "" || c.heading == "### On a machine"
}

// alike compares what was said with what a page shows: times, hashes and the width of columns may differ, and … stands for anything.
func alike(out, answer string) bool {
	same := func(s string) string {
		var lines []string
		for line := range strings.Lines(lasting.ReplaceAllString(changing.ReplaceAllString(s, "…"), "…")) {
			lines = append(lines, wide.ReplaceAllString(strings.TrimRight(line, " \n"), "  "))
		}
		return strings.TrimSpace(strings.Join(lines, "\n"))
	}
	want := strings.ReplaceAll(regexp.QuoteMeta(same(answer)), "…", "(?s:.*)")
	return regexp.MustCompile(`\A` + want + `\z`).MatchString(same(out))
}

var (
	wide    = regexp.MustCompile(` {2,}`)
	lasting = regexp.MustCompile(`\b\d+(\.\d+)?m?s\b`)
)

func (s *stage) answersOf(c pageCommand) string {
	for begins, text := range s.answers {
		if strings.HasPrefix(c.typed, begins) {
			return text
		}
	}
	return ""
}

func (s *stage) environ() []string { return append(clean(), s.env...) }

// inPsql runs a session of psql; settings of earlier ones hold. It may show an error where the page does.
func (s *stage) inPsql(session, answer string) (string, int) {
	s.t.Helper()
	address := s.db.URL
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "psql", "-X", address)
	cmd.Env, cmd.Dir, cmd.Stdin = s.environ(), s.dir, strings.NewReader(s.psql+session+"\n")
	for line := range strings.Lines(session) {
		if strings.HasPrefix(line, `\set document`) {
			s.psql += line
		}
	}
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), "ERROR:") != strings.Contains(answer, "ERROR:") {
		return string(out), 1
	}
	return string(out), 0
}

// shell is one user's, in which commands are typed one after the other.
type shell struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	pipe *os.File
}

func (s *stage) shell(by string) *shell {
	s.t.Helper()
	if by != "#" {
		by = "$"
	}
	if s.shells[by] != nil {
		return s.shells[by]
	}
	args := []string{"bash"}
	if by == "$" && s.cluster != nil && os.Geteuid() == 0 {
		info, err := os.Stat(s.cluster.Data())
		if err != nil {
			s.t.Fatal(err)
		}
		owner := info.Sys().(*syscall.Stat_t)
		args = []string{"setpriv", fmt.Sprintf("--reuid=%d", owner.Uid), fmt.Sprintf("--regid=%d", owner.Gid), "--clear-groups", "bash"}
	}
	cmd := exec.Command(args[0], args[1:]...) //nolint:noctx // end ends it
	read, write, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = s.environ(), s.dir, write, write
	in, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	_ = write.Close()
	s.shells[by] = &shell{s.t, cmd, in, bufio.NewReader(read), read}
	return s.shells[by]
}

// run types a command. What it started in the background goes on.
func (sh *shell) run(typed string) (out string, status int) {
	sh.t.Helper()
	if _, err := fmt.Fprintf(sh.in, "{ %s\n} </dev/null\n__status=$?; printf '\\001%%d\\n' $__status; (exit $__status)\n", typed); err != nil {
		sh.t.Fatal(err)
	}
	late := time.AfterFunc(90*time.Second, func() { _ = sh.pipe.Close() })
	defer late.Stop()
	text, err := sh.out.ReadString(1)
	if err != nil {
		sh.t.Fatalf("%s does not end: %v: %s", typed, err, text)
	}
	line, err := sh.out.ReadString('\n')
	if err != nil {
		sh.t.Fatal(err)
	}
	status, err = strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		sh.t.Fatal(err)
	}
	return strings.TrimSuffix(text, "\x01"), status
}

func (sh *shell) end() {
	_, _ = io.WriteString(sh.in, "kill $(jobs -p) 2>/dev/null; exit\n")
	_ = sh.in.Close()
	late := time.AfterFunc(20*time.Second, func() { _ = sh.cmd.Process.Kill() })
	_ = sh.cmd.Wait()
	late.Stop()
	_ = sh.pipe.Close()
}

func freeListener(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
