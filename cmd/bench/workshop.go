package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store/storetest"
)

// size is how much is measured.
type size struct {
	warmUp   int // first invoices, which find no token and no open connection
	samples  int // of latency and of check
	large    int // bytes of the large document of check
	every    time.Duration
	invoices int // of throughput
	counted  int // invoices of cost
	workers  int // of quota
	fleet    int // workers of token
	crowd    int // invoices of the large account of fairness
	waiting  int // invoices of outage
	outage   time.Duration
	settling time.Duration // after the start of the workers, before the share is counted
	backlog  time.Duration // how long it is counted
	permits  time.Duration // how long they are taken
	rest     time.Duration // how long a worker with nothing to do is watched

	begin, window time.Duration // of virtual time under load: before anything is counted, and while it is
	changes       int           // of freshness, when idle
	only          string        // of freshness: part of the names of the volumes and lags that are measured
	few, many     int           // open invoices
	history       int           // invoices of console
	settle, watch time.Duration // of virtual time, until calls are counted, and while they are

	accepted int           // invoices of simulator, deposited
	held     int           // and in the ledger with which it starts
	mix      time.Duration // how long it serves all kinds of requests
}

// full is what the README's figures come from: 4 of 400 samples are above the 99th percentile.
var full = size{
	warmUp: 20, samples: 400, large: 9 << 20, every: 100 * time.Millisecond, invoices: 5000, counted: 1000,
	workers: 8, fleet: 20, crowd: 100_000, waiting: 5000, outage: outageHours * time.Hour / outageScale,
	settling: 5 * time.Second, backlog: time.Minute, permits: 5 * time.Second, rest: 20 * time.Second,
	begin: time.Hour, window: 4 * time.Hour, changes: 40, few: 1_000, many: 100_000, history: 1_000_000, settle: 10 * time.Minute, watch: time.Hour,
	accepted: 10_000, held: 1_000_000, mix: 5 * time.Second,
}

// workshop is what all measurements share: the programs, built as a release is, and, where it is needed, one PostgreSQL server that waits for its disk.
type workshop struct {
	size     size
	dir      string // of the programs and of what they say
	cluster  *storetest.Cluster
	progress io.Writer
	made     int // databases
	loaded   *loaded
}

func newWorkshop(ctx context.Context, s size, database bool, progress io.Writer) (*workshop, error) {
	w := &workshop{size: s, progress: progress}
	var err error
	if w.dir, err = os.MkdirTemp("", "choriste-bench-"); err != nil {
		return nil, err
	}
	fail := func(err error) (*workshop, error) { return nil, errors.Join(err, w.close()) }
	w.say("building the programs …")
	const module = "github.com/choriste/choriste/cmd/"
	programs := []string{module + "chorus-sim"}
	if database {
		programs = append(programs, module+"choriste")
	}
	build := exec.CommandContext(ctx, "go", append([]string{"build", "-trimpath", "-o", w.dir + string(filepath.Separator)}, programs...)...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fail(fmt.Errorf("go build: %w: %s", err, out))
	}
	if !database {
		return w, nil
	}
	w.say("starting PostgreSQL …")
	if w.cluster, err = storetest.Start(ctx, storetest.Options{Fsync: true}); err != nil {
		return fail(err)
	}
	return w, nil
}

func (w *workshop) say(format string, args ...any) { fmt.Fprintf(w.progress, format+"\n", args...) }

func (w *workshop) close() error {
	var err error
	if w.cluster != nil {
		err = w.cluster.Stop()
	}
	return errors.Join(err, os.RemoveAll(w.dir))
}

// database makes a fresh migrated one, and a login for each role of the product; "" is the owner's address.
func (w *workshop) database(ctx context.Context) (map[string]string, error) {
	w.made++
	name := fmt.Sprintf("bench_%d", w.made)
	admin, err := pgx.Connect(ctx, w.cluster.URL(""))
	if err != nil {
		return nil, err
	}
	defer func() { _ = admin.Close(context.WithoutCancel(ctx)) }()
	if _, err := admin.Exec(ctx, `CREATE DATABASE `+name); err != nil {
		return nil, err
	}
	urls := map[string]string{"": w.cluster.URL(name)}
	if err := migrations.Up(ctx, urls[""], nil); err != nil {
		return nil, err
	}
	for _, role := range []string{"worker", "app", "operator"} {
		login := name + "_" + role
		if _, err := admin.Exec(ctx, `CREATE ROLE `+login+` LOGIN PASSWORD '`+login+`' IN ROLE chorus_`+role); err != nil {
			return nil, err
		}
		urls[role] = strings.Replace(urls[""], w.ownerLogin(), login+":"+login, 1)
	}
	return urls, nil
}

// ownerLogin is "user:password" of the superuser's address.
func (w *workshop) ownerLogin() string {
	_, rest, _ := strings.Cut(w.cluster.URL(""), "://")
	login, _, _ := strings.Cut(rest, "@")
	return login
}

// plant is one worker at work, as a separate process, with a portal and a database of its own.
type plant struct {
	app    *pgxpool.Pool // as the application
	url    string        // of the database, for its owner
	portal doors
	worker *exec.Cmd
	sim    *exec.Cmd
	simIn  io.Closer
	log    string // file with everything the worker says
}

type doors struct{ API, Token, Manage string }

// plant starts one. settings are added to the environment of `choriste work`, which otherwise has its defaults, but for the quota.
func (w *workshop) plant(ctx context.Context, settings ...string) (_ *plant, err error) {
	urls, err := w.database(ctx)
	if err != nil {
		return nil, err
	}
	p := &plant{url: urls[""], log: filepath.Join(w.dir, fmt.Sprintf("worker-%d.log", w.made))}
	defer func() {
		if err != nil {
			_, stopped := p.stop()
			err = errors.Join(err, stopped)
		}
	}()
	if p.app, err = pgxpool.New(ctx, urls["app"]); err != nil {
		return nil, err
	}
	if err := p.startSim(w, "-quota", "-1"); err != nil {
		return nil, fmt.Errorf("chorus-sim: %w", err)
	}
	if p.worker, err = p.startWorker(w, urls["worker"], p.log, settings); err != nil {
		return nil, fmt.Errorf("choriste work: %w", err)
	}
	return p, ready(ctx, p.log)
}

// startSim starts a portal. It ends with its standard input, and so with us.
func (p *plant) startSim(w *workshop, args ...string) error {
	p.sim = exec.Command(filepath.Join(w.dir, "chorus-sim"), append([]string{"-with-stdin", "-listen", "127.0.0.1:0", "-manage", "127.0.0.1:0"}, args...)...)
	in, err := p.sim.StdinPipe()
	if err != nil {
		return err
	}
	p.simIn = in
	out, err := p.sim.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.sim.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, &p.portal)
}

// startWorker starts `choriste work`. settings come after its defaults, but for the quota, and win over them.
func (p *plant) startWorker(w *workshop, url, logFile string, settings []string) (*exec.Cmd, error) {
	files := map[string]string{
		"DATABASE_URL":        url,
		"PISTE_CLIENT_SECRET": chorustest.DefaultClient.Secret,
		"CHORUS_PASSWORD":     chorustest.DefaultAccount.Password,
	}
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"),
		"CHORUS_API_URL=" + p.portal.API, "CHORUS_TOKEN_URL=" + p.portal.Token,
		"PISTE_CLIENT_ID=" + chorustest.DefaultClient.ID, "CHORUS_LOGIN=" + chorustest.DefaultAccount.Login,
		"CHORISTE_LISTEN=127.0.0.1:0", "CHORISTE_QUOTA=100000",
	}
	for name, content := range files {
		file := filepath.Join(w.dir, fmt.Sprintf("%s-%d", strings.ToLower(name), w.made))
		if _, err := os.Stat(file); err != nil { // written once: another worker may be reading it
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				return nil, err
			}
		}
		env = append(env, name+"_FILE="+file)
	}
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own
	worker := exec.Command(filepath.Join(w.dir, "choriste"), "work")
	worker.Env, worker.Stderr = append(env, settings...), log
	return worker, worker.Start()
}

// ready waits until a worker says so in its log.
func ready(ctx context.Context, log string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		text, err := os.ReadFile(log)
		if err != nil {
			return err
		}
		if strings.Contains(string(text), `"msg":"working"`) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the worker did not start; it said: %s", text)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop ends worker and portal and returns the most memory that the worker has had, in bytes.
func (p *plant) stop() (memory int64, err error) {
	if p.app != nil {
		p.app.Close()
	}
	if p.worker != nil && p.worker.Process != nil {
		memory = peakMemory(p.worker.Process.Pid)
		_ = p.worker.Process.Signal(syscall.SIGTERM)
		if err = p.worker.Wait(); err != nil {
			text, _ := os.ReadFile(p.log)
			err = fmt.Errorf("choriste work: %w; its last words: %s", err, text[max(0, len(text)-2000):])
		}
	}
	if p.sim != nil && p.sim.Process != nil {
		_ = p.simIn.Close()
		err = errors.Join(err, p.sim.Wait())
	}
	return memory, err
}

// peakMemory is the largest resident set that a running process has had, in bytes; 0 where the system does not tell. The child's rusage would not do: it
// counts the parent's memory at the time of the fork.
func peakMemory(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	var kB int64
	for line := range strings.Lines(string(status)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kB); err == nil {
			return kB << 10
		}
	}
	return 0
}

// arrivals are the moments at which the portal saw the first deposit of each invoice number.
func (p *plant) arrivals(ctx context.Context) (map[string]time.Time, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.portal.Manage+"/ledger?type=request&op=deposer/flux", nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	seen := map[string]time.Time{}
	for d := json.NewDecoder(res.Body); ; {
		var e chorustest.Entry
		switch err := d.Decode(&e); {
		case errors.Is(err, io.EOF):
			return seen, nil
		case err != nil:
			return nil, err
		}
		if e.Facts == nil {
			continue
		}
		if _, again := seen[e.Numero]; !again {
			seen[e.Numero] = e.At
		}
	}
}
