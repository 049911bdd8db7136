package storetest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	mathrand "math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options of a private cluster. The zero value is a fast server for tests, gone without a trace afterwards.
type Options struct {
	// Fsync makes the server wait for the disk as a production server does, for measurements. Without it a commit waits
	// only for the kernel: nothing acknowledged is lost in Crash, anything may be lost when the machine loses power.
	Fsync bool

	// Settings are set on the server's command line, over the defaults of this package.
	Settings map[string]string

	// Log receives everything the server and initdb say. May be nil.
	Log io.Writer

	// Dir is where the cluster lives. Empty means a temporary directory, removed at the end. A directory given here must be
	// absent or empty, and is kept for inspection.
	Dir string

	// InMemory asks for a temporary directory in memory when there is one with room: for the small databases of tests.
	InMemory bool

	// Follows makes the cluster a standby of another one: a copy that streams from it, read-only, with the same logins.
	Follows *Cluster

	// Like makes the cluster a copy of another one, which is shut down: its databases and its logins, in a fraction of the time that making them takes.
	Like *Cluster
}

// How long the parts of a cluster's life may last before something must be wrong. Each is many times the usual duration
// (0.7 s, 0.1 s, 0.1 s), since a loaded machine is slow and not broken.
const (
	createWithin = 60 * time.Second
	startWithin  = 60 * time.Second
	stopWithin   = 20 * time.Second
)

// Cluster is a private PostgreSQL server, listening on a port of 127.0.0.1 and only with a password: other users of the
// machine cannot get in. It ends with the program that started it, in whatever way that ends.
//
// URL may be called at any time; the other methods must not be called at the same time as each other.
type Cluster struct {
	dir      string
	port     int
	password string
	settings []string

	supervisor *exec.Cmd
	commands   io.WriteCloser // to the supervisor; closing it ends everything
	events     chan string    // from the supervisor; closed at its end
	said       *tail          // the last words of initdb and the server
	ended      chan struct{}  // closed when the supervisor is gone
	running    bool
	stopOnce   sync.Once
	stopErr    error
}

//go:embed supervisor.sh
var supervisor string

// Start makes and starts a private cluster, whatever the environment says about databases. It uses the server binaries
// that Find finds, else downloads some; the error says what to install when neither works. When the caller is root, the
// server runs as the user postgres or nobody. It takes about 0.8 seconds; ctx bounds the start only.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	return start(ctx, o, thisMachine())
}

func start(ctx context.Context, o Options, m machine) (*Cluster, error) {
	user, err := unprivileged()
	if err != nil {
		return nil, err
	}
	bin, err := m.binaries(ctx, user)
	if err != nil {
		return nil, err
	}
	c := &Cluster{said: &tail{next: o.Log}, events: make(chan string, 8), ended: make(chan struct{}), settings: settings(o)}
	if c.dir, err = directory(ctx, o, user); err != nil {
		return nil, err
	}
	if err := c.supervise(bin, o, user); err != nil {
		return nil, err
	}
	if err := c.firstStart(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// settings are the server's command line beside directory and port, in a stable order.
func settings(o Options) []string {
	set := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"unix_socket_directories": "", // a temporary directory's path may be too long for a socket's
		"max_connections":         "800",
		"shared_buffers":          "64MB",
		"jit":                     "off",
		"logging_collector":       "off",
	}
	if !o.Fsync {
		set["fsync"] = "off"
		set["full_page_writes"] = "off"
	}
	maps.Copy(set, o.Settings)
	var args []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		args = append(args, "-c", name+"="+set[name])
	}
	return args
}

// supervise starts the shell that keeps the server and its directory.
func (c *Cluster) supervise(bin string, o Options, user *identity) error {
	kept, follows, like := "no", "", ""
	if o.Dir != "" {
		kept = "yes"
	}
	c.password = randomHex(16)
	if o.Follows != nil {
		c.password, follows = o.Follows.password, o.Follows.URL("")
	}
	if o.Like != nil {
		c.password, like = o.Like.password, o.Like.Data()
	}
	args := append([]string{"-c", `eval "$SUPERVISOR"`, "choriste-postgres", bin, c.dir, kept}, c.settings...)
	c.supervisor = exec.Command("/bin/sh", args...) //nolint:gosec // our script; folders and settings are the caller's
	c.supervisor.Dir = "/"
	c.supervisor.Env = append(environment(), "SUPERVISOR="+supervisor, "FOLLOWS="+follows, "LIKE="+like)
	c.supervisor.Stderr = c.said
	// A process group of its own: a terminal's Ctrl-C is for the program, which may still need its database to end well.
	c.supervisor.SysProcAttr = attributes(user, true)
	commands, err := c.supervisor.StdinPipe()
	if err != nil {
		return err
	}
	c.commands = commands
	events, err := c.supervisor.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.supervisor.Start(); err != nil {
		return fmt.Errorf("private PostgreSQL: starting its supervisor: %w", err)
	}
	go func() {
		lines := bufio.NewScanner(events)
		for lines.Scan() {
			c.events <- lines.Text()
		}
		close(c.events)
		_ = c.supervisor.Wait() // how the shell ended says nothing that Stop does not check
		close(c.ended)
	}()
	return nil
}

// environment is what initdb and the server may see of ours: nothing of PGDATA, PGPORT and the like. LC_ALL keeps
// their messages English; without TZ initdb searches the whole time zone database for the machine's.
func environment() []string {
	env := []string{"LC_ALL=C", "TZ=UTC", "PATH=/usr/bin:/bin:/usr/sbin:/sbin:" + os.Getenv("PATH")}
	for _, name := range []string{"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// firstStart waits for initdb and starts the server on a port that nobody else has taken in the meantime.
func (c *Cluster) firstStart(ctx context.Context) error {
	if _, err := fmt.Fprintln(c.commands, c.password); err != nil {
		return c.failure("its supervisor is gone")
	}
	event, err := c.event(ctx, createWithin)
	if err != nil {
		return err
	}
	if event != "ready" {
		return c.failure("initdb " + event)
	}
	for range 10 {
		if c.port, err = freePort(); err != nil {
			return err
		}
		if err = c.run(ctx); !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return err
}

var errPortTaken = errors.New("private PostgreSQL: the port is taken")

// freePort picks a port below the range from which systems take ports for outgoing connections (32768 and up on Linux):
// while a crashed server is down, a client that keeps dialling its port could otherwise be given that very port.
func freePort() (int, error) {
	for range 100 {
		port := 20000 + mathrand.IntN(12768) //nolint:gosec // which port is no secret
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("private PostgreSQL: no free port between 20000 and 32767 on 127.0.0.1")
}

// run starts the server and returns when it accepts connections.
func (c *Cluster) run(ctx context.Context) error {
	c.said.reset()
	if _, err := fmt.Fprintf(c.commands, "start %d\n", c.port); err != nil {
		return c.failure("its supervisor is gone")
	}
	// Heard even when ctx is over: the supervisor says it at once, and unheard it would pass for the answer to the next
	// command, given to a server nobody believes to be there.
	event, err := c.event(context.WithoutCancel(ctx), startWithin)
	if err != nil {
		return err
	}
	pid, ok := strings.CutPrefix(event, "started ")
	if !ok {
		return c.failure("unexpected " + event)
	}
	c.running = true
	slow := time.NewTimer(startWithin)
	defer slow.Stop()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for !c.accepting(pid) {
		select {
		case <-poll.C:
		case <-c.events:
			c.running = false
			if c.said.contains("could not create any TCP/IP sockets") {
				return errPortTaken
			}
			return c.failure("the server did not start")
		case <-slow.C:
			return c.failure("the server does not accept connections")
		case <-ctx.Done():
			return fmt.Errorf("private PostgreSQL: starting: %w", ctx.Err())
		}
	}
	return nil
}

// accepting reads what pg_ctl reads: the server's process and state, in lines 1 and 8 of its lock file.
func (c *Cluster) accepting(pid string) bool {
	lock, err := os.ReadFile(filepath.Join(c.dir, "data", "postmaster.pid"))
	if err != nil {
		return false
	}
	lines := strings.Split(string(lock), "\n")
	return len(lines) >= 8 && lines[0] == pid && strings.TrimSpace(lines[7]) == "ready"
}

// event waits for the supervisor's next line.
func (c *Cluster) event(ctx context.Context, within time.Duration) (string, error) {
	slow := time.NewTimer(within)
	defer slow.Stop()
	select {
	case event, ok := <-c.events:
		if !ok {
			return "", c.failure("its supervisor ended")
		}
		return event, nil
	case <-slow.C:
		return "", c.failure(fmt.Sprintf("nothing happened for %s", within))
	case <-ctx.Done():
		return "", fmt.Errorf("private PostgreSQL: %w", ctx.Err())
	}
}

// failure is an error with the last words of the server, which name the cause far better than we could.
func (c *Cluster) failure(what string) error {
	return fmt.Errorf("private PostgreSQL: %s; it said: %s", what, c.said)
}

// URL is the superuser's way into a database of the cluster; "" means the database postgres. It stays the same when the
// server is crashed and restarted.
func (c *Cluster) URL(database string) string {
	if database == "" {
		database = "postgres"
	}
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword("postgres", c.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Crash ends the server at once, as a failure would: no checkpoint, every connection broken, recovery at the next start.
// It returns when the server is gone. What was acknowledged as committed is there after Restart, unless Settings turn
// synchronous_commit off.
func (c *Cluster) Crash() error {
	return c.end("QUIT")
}

// Shutdown ends the server in order, as an administrator does.
func (c *Cluster) Shutdown() error {
	return c.end("INT")
}

// Restart starts the server again on the same port after Crash or Shutdown, and returns when it accepts connections. A server that
// still runs is first shut down in an orderly way, as an administrator would do it.
func (c *Cluster) Restart(ctx context.Context) error {
	if err := c.Shutdown(); err != nil {
		return err
	}
	for {
		err := c.run(ctx)
		if !errors.Is(err, errPortTaken) {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond): // the port's new user may be a short one
		case <-ctx.Done():
			return err
		}
	}
}

// end sends the server a signal and waits until it is gone.
func (c *Cluster) end(signal string) error {
	if !c.running {
		return nil
	}
	if _, err := fmt.Fprintln(c.commands, signal); err != nil {
		return c.failure("its supervisor is gone")
	}
	event, err := c.event(context.Background(), stopWithin)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(event, "exited ") {
		return c.failure("unexpected " + event)
	}
	c.running = false
	return nil
}

// Stop ends the server and removes its directory, unless Options.Dir asked to keep it. It returns when both are done.
// A second call does nothing.
func (c *Cluster) Stop() error {
	c.stopOnce.Do(func() { c.stopErr = c.stop() })
	return c.stopErr
}

func (c *Cluster) stop() error {
	_ = c.commands.Close() // a supervisor that is gone already has closed its end
	slow := time.NewTimer(stopWithin)
	defer slow.Stop()
	events := c.events
	for {
		select {
		case _, ok := <-events: // its reader must not block on us
			if !ok {
				events = nil
			}
		case <-c.ended:
			c.running = false
			return nil
		case <-slow.C:
			killGroup(c.supervisor.Process.Pid)
			return c.failure(fmt.Sprintf("killed, since it did not stop within %s; left behind: %s", stopWithin, c.dir))
		}
	}
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails: it ends the program instead
	return hex.EncodeToString(b)
}

// tail keeps the end of what was written to it, for error messages, and passes everything on.
type tail struct {
	mu   sync.Mutex
	last []byte
	next io.Writer
}

const tailSize = 1500 // bytes

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, p...)
	if over := len(t.last) - tailSize; over > 0 {
		t.last = append(t.last[:0], t.last[over:]...)
	}
	if t.next != nil {
		_, _ = t.next.Write(p) // a broken log must not break the server
	}
	return len(p), nil
}

func (t *tail) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = nil
}

func (t *tail) contains(s string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Contains(t.last, []byte(s))
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(strings.FieldsFunc(string(t.last), func(r rune) bool { return r == '\n' }), " | ")
}
