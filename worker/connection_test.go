package worker_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/choriste/choriste/internal/lab/tcpproxy"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// round is a loop's deadline here; in production it is ten times as long, and so is everything that follows from it.
const round = time.Second

// bridge is a house whose worker reaches its database through a proxy.
type bridge struct {
	*house
	proxy *tcpproxy.Proxy
	web   *httptest.Server
	log   *lines
	ended func() // stops the worker

	worker *worker.Worker
	result chan error // of its end by itself
}

// lines is a log that can be read while it is written.
type lines struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

// with are the lines that hold a text.
func (l *lines) with(text string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.all.String()) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

func newBridge(t *testing.T, waits store.Waits, change ...func(*worker.Config)) *bridge {
	t.Helper()
	h := newHouse(t, nil)
	return h.bridgeTo(h.db.WorkerURL, waits, change...)
}

// bridgeTo is a bridge whose other end is at an address, which leads to the house's database.
func (h *house) bridgeTo(there string, waits store.Waits, change ...func(*worker.Config)) *bridge {
	t := h.t
	t.Helper()
	b := &bridge{house: h, log: &lines{}}
	address, err := url.Parse(there)
	if err != nil {
		t.Fatal(err)
	}
	if b.proxy, err = tcpproxy.Start("tcp", address.Host); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.proxy.Close)
	address.Host = b.proxy.Addr()
	cfg, err := store.PoolConfig(address.String(), map[string]string{"chorus.actor": "test"})
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxConns = int32(worker.Conns(16))
	pool, err := store.NewPool(t.Context(), cfg, waits)
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	c := b.config()
	c.Pool, c.Registry, c.Round, c.Poll = pool, registry, round, 100*time.Millisecond
	c.Log = slog.New(slog.NewTextHandler(io.MultiWriter(b.log, t.Output()), nil))
	for _, do := range change {
		do(&c)
	}
	w, err := worker.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	b.worker, b.result = w, make(chan error, 1)
	go func() {
		b.result <- w.Run(ctx)
		close(done)
	}()
	b.ended = sync.OnceFunc(func() {
		cancel()
		<-done
		store.ClosePool(pool, time.Second)
	})
	t.Cleanup(b.ended)
	b.web = httptest.NewServer(w.Handler(registry))
	t.Cleanup(b.web.Close)
	b.readyz("ready", time.Minute)
	return b
}

var impatient = store.Waits{Connect: 3 * time.Second, Ping: 600 * time.Millisecond, Answer: 1500 * time.Millisecond}

func (b *bridge) get(path string) (int, string) {
	b.t.Helper()
	res, err := http.Get(b.web.URL + path) //nolint:noctx // a test
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, strings.TrimSuffix(string(body), "\n")
}

// readyz waits until /readyz begins so, and returns all of what it says.
func (b *bridge) readyz(want string, within time.Duration) string {
	b.t.Helper()
	for end := time.Now().Add(within); ; time.Sleep(20 * time.Millisecond) {
		status, text := b.get("/readyz")
		if strings.HasPrefix(text, want) {
			if (status == http.StatusOK) != strings.HasPrefix(text, "ready") || strings.Contains(text, "\n") {
				b.t.Errorf("/readyz: %d %q", status, text)
			}
			return text
		}
		if time.Now().After(end) {
			b.t.Fatalf("/readyz does not say %q within %s: %d %q", want, within, status, text)
		}
	}
}

// deposits counts the files that the portal was sent.
func (b *bridge) deposits() (n int) {
	for _, e := range b.sim.Ledger() {
		if e.Type == "request" && e.Op == "deposer/flux" {
			n++
		}
	}
	return n
}

// In ten times as long as here, that is within 30 s: a worker whose connections are dead says so, and deposits again over new ones.
func TestBlackHole(t *testing.T) {
	t.Parallel()
	b := newBridge(t, impatient)
	b.await(b.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Settled)
	for k := range 2 {
		began := time.Now()
		if n := b.proxy.BlackHole(tcpproxy.Every); n < 2 {
			t.Fatalf("%d connections", n)
		}
		named := ""
		for end := time.Now().Add(3 * round); !strings.Contains(named, "no good round of ") && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			_, named = b.get("/readyz")
		}
		if !strings.HasPrefix(named, "not ready: ") || !strings.Contains(named, "no good round of ") {
			t.Errorf("what is late is not named: %s", named)
		}
		b.await(b.insert(invoicetest.Invoice{Numero: fmt.Sprint("AFTER-", k)}.UBL()), store.Settled)
		b.readyz("ready", 3*round)
		t.Logf("ready again after %s", time.Since(began))
		if _, text := b.get("/metrics"); !strings.Contains(text, `choriste_loop_late{loop="dispatch"} 0`) || !strings.Contains(text, `choriste_loop_last_success_timestamp_seconds{loop="listen"}`) {
			t.Error("the metrics of the loops are missing")
		}
	}
	if n := b.deposits(); n != 3 {
		t.Errorf("%d deposits", n)
	}
}

// The server's processes are stopped: whoever waits for their locks waits, and says so, until they go on.
func TestStoppedBackends(t *testing.T) {
	t.Parallel()
	b := newBridge(t, impatient)
	b.await(b.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Settled)
	rows, err := b.db.Pool.Query(t.Context(), `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'choriste'`)
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for rows.Next() {
		var pid int
		if err := rows.Scan(&pid); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	goOn := sync.OnceFunc(func() {
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	})
	t.Cleanup(goOn)
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	if text := b.readyz("not ready: ", 3*round); !strings.Contains(text, "no good round of ") && !strings.Contains(text, "PostgreSQL") {
		t.Errorf("neither a loop nor PostgreSQL is named: %s", text)
	}
	time.Sleep(2 * round)
	goOn()
	b.await(b.insert(invoicetest.Invoice{}.UBL()), store.Settled)
	b.readyz("ready", 3*round)
}

// Nothing at all answers: the worker waits, does not end, and still ends when it is told to.
func TestBlackHoleForAllConnections(t *testing.T) {
	t.Parallel()
	b := newBridge(t, impatient, func(c *worker.Config) { c.Drain = time.Second })
	id := b.insert(invoicetest.Invoice{}.UBL())
	b.await(id, store.Settled)
	began, ended := len(b.log.with("PostgreSQL does not answer")), len(b.log.with("PostgreSQL answers again")) // on a loaded machine it may have been late once
	b.proxy.BlackHoleAll()
	time.Sleep(8 * round) // longer than anything may hang
	if text := b.readyz("not ready: PostgreSQL does not answer; no good round of ", round); !strings.Contains(text, "sweep") || strings.Contains(text, "worker_") {
		t.Error(text)
	}
	if status, text := b.get("/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: %d %s", status, text)
	}
	if said := b.log.with("PostgreSQL does not answer"); len(said) != began+1 {
		t.Errorf("said %d times: %s", len(said), said)
	}
	if said := b.log.with("level="); len(said) > 30 {
		t.Errorf("%d lines in all", len(said))
	}
	if err := b.proxy.Pass(); err != nil {
		t.Fatal(err)
	}
	b.await(b.insert(invoicetest.Invoice{Numero: "AFTER"}.UBL()), store.Settled)
	b.readyz("ready", 3*round)
	if said := b.log.with("PostgreSQL answers again"); len(said) != ended+1 {
		t.Errorf("its end is said %d times", len(said))
	}

	b.proxy.BlackHoleAll()
	stopped := time.Now()
	b.ended()
	if took := time.Since(stopped); took > time.Second+8*time.Second { // Drain, and what stands in worker.go
		t.Errorf("the drain took %s", took)
	}
}

// The connection that hears of inserts dies alone, and so does River's: both are found by a ping and made anew.
func TestDeadListeners(t *testing.T) {
	t.Parallel()
	b := newBridge(t, impatient, func(c *worker.Config) { c.Poll = time.Minute })
	for _, statement := range []string{"LISTEN chorus_wake", `LISTEN "river`} {
		heard := func() {
			t.Helper()
			for end := time.Now().Add(20 * time.Second); b.proxy.Count(tcpproxy.Sent(statement)) == 0; time.Sleep(20 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%s: nobody listens", statement)
				}
			}
		}
		heard()
		if n := b.proxy.BlackHole(tcpproxy.Sent(statement)); n != 1 {
			t.Fatalf("%s: %d connections", statement, n)
		}
		heard()
	}
	began := time.Now()
	b.await(b.insert(invoicetest.Invoice{}.UBL()), store.Ready, store.Sending, store.InDoubt, store.Deposited, store.Integrated, store.Settled) // it was read
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the wake-up took %s", took)
	}
}

// Whatever is lost of T1, nothing is sent on the strength of it; whatever is lost of T2, it is written over another connection.
func TestDeadAtT1AndT2(t *testing.T) {
	t.Parallel()
	const t1, t2 = "INSERT INTO chorus.attempts", "UPDATE chorus.attempts a\n\t\t    SET outcome = e.outcome"
	for _, c := range []struct {
		name, begins string
		commit       bool // the commit arrives and its answer is lost; otherwise nothing arrives
		attempts     int
	}{
		{"T1", t1, false, 1},
		{"the answer to T1", t1, true, 2},
		{"T2", t2, false, 1},
		{"the answer to T2", t2, true, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBridge(t, impatient)
			var mu sync.Mutex
			var begun *tcpproxy.Conn
			hit := false
			b.proxy.OnSent(func(conn *tcpproxy.Conn, data []byte) {
				mu.Lock()
				defer mu.Unlock()
				switch {
				case hit:
				case begun == nil && bytes.Contains(data, []byte(c.begins)):
					begun = conn
					if !c.commit {
						hit = true
						conn.BlackHole()
					}
				case begun == conn && bytes.Contains(data, []byte("commit")):
					hit = true
					conn.Deafen()
				}
			})
			b.await(b.insert(invoicetest.Invoice{}.UBL()), store.Settled)
			mu.Lock()
			defer mu.Unlock()
			if !hit {
				t.Fatal("the moment never came")
			}
			var attempts, silent int
			err := b.db.Pool.QueryRow(t.Context(), `SELECT count(*), count(*) FILTER (WHERE outcome NOT IN ('ACCEPTED', 'NOT_SENT')) FROM chorus.attempts`).Scan(&attempts, &silent)
			if err != nil {
				t.Fatal(err)
			}
			if n := b.deposits(); n != 1 || attempts != c.attempts || silent != 0 {
				t.Errorf("%d deposits, %d attempts, %d of which nobody knows", n, attempts, silent)
			}
		})
	}
}

// 100 ms each way: everything takes longer, and nothing is taken for dead.
func TestSlowDatabase(t *testing.T) {
	t.Parallel()
	b := newBridge(t, store.Waits{}, func(c *worker.Config) {
		c.Round, c.Quota = 0, 20
		c.Settings.SendWithin, c.Settings.HTTPTimeout = 20*time.Second, 20*time.Second
	})
	b.proxy.Slow(100*time.Millisecond, 0)
	id := b.insert(invoicetest.Invoice{}.UBL())
	b.await(id, store.Deposited, store.Integrated, store.Settled)
	b.await(id, store.Integrated, store.Settled)
	b.readyz("ready", time.Second)
	if said := b.log.with("late"); len(said) > 0 {
		t.Error(said)
	}
}

// A primary that is demoted, or told to be read-only: said once, shown, and over by itself.
func TestReadOnlyWhileWorking(t *testing.T) {
	t.Parallel()
	b := newBridge(t, impatient)
	b.await(b.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Settled)
	owner, err := b.owner().Acquire(t.Context()) // a session from before
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Release()
	set := func(value string) {
		t.Helper()
		var name string
		if err := owner.QueryRow(t.Context(), `SELECT current_database()`).Scan(&name); err != nil {
			t.Fatal(err)
		}
		// Sessions keep the setting that they began with: as if the address led to another server from now on.
		if _, err := owner.Exec(t.Context(), `ALTER DATABASE `+name+` SET default_transaction_read_only = `+value); err != nil {
			t.Fatal(err)
		}
	}
	set("on")
	if _, err := owner.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'choriste' AND datname = current_database()`); err != nil {
		t.Fatal(err)
	}
	text := b.readyz("not ready: PostgreSQL is read-only", 5*time.Second)
	if !strings.Contains(text, "DATABASE_URL") {
		t.Errorf("what to do? %s", text)
	}
	time.Sleep(5 * time.Second)
	b.readyz("not ready: PostgreSQL is read-only", 0)
	if said := b.log.with("25006"); len(said) != 1 || !strings.Contains(said[0], "PostgreSQL is read-only") {
		t.Errorf("said in %d lines: %s", len(said), said)
	}
	set("off")
	b.readyz("ready", 15*time.Second)
	if said := b.log.with("PostgreSQL takes writes again"); len(said) != 1 {
		t.Errorf("its end is said %d times", len(said))
	}
	b.await(b.insert(invoicetest.Invoice{}.UBL()), store.Settled)
}

// A worker that only a restart can help says so, and ends by itself.
func TestTheWorkerEndsByItself(t *testing.T) {
	t.Parallel()
	b := newBridge(t, store.Waits{}, func(c *worker.Config) { c.Drain = time.Second })
	worker.StopRiver(t, b.worker)
	select {
	case err := <-b.result:
		if err == nil || !strings.Contains(err.Error(), "only a restart helps") || strings.Contains(err.Error(), "\n") {
			t.Errorf("it ended so: %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it goes on without River")
	}
	if status, text := b.get("/healthz"); status != http.StatusServiceUnavailable || !strings.HasPrefix(text, "restart: ") {
		t.Errorf("/healthz: %d %s", status, text)
	}
}
