package worker_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// Whatever stands between a worker and its database, or in its address, an invoice is followed to its end, and its history names who did it.
func TestOddWaysToTheDatabase(t *testing.T) {
	t.Parallel()
	mode := func(value string) func(*testing.T, string) string {
		return func(t *testing.T, address string) string {
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			q := u.Query()
			q.Set("default_query_exec_mode", value)
			u.RawQuery = q.Encode()
			return u.String()
		}
	}
	for name, way := range map[string]func(*testing.T, string) string{
		"PgBouncer in session mode": func(t *testing.T, address string) string {
			through, ok := storetest.PgBouncer(t, address, "session")
			if !ok {
				t.Log("PgBouncer is not installed: the direct way is tried")
				return address
			}
			return through
		},
		"simple_protocol": mode("simple_protocol"),
		"exec":            mode("exec"),
		"describe_exec":   mode("describe_exec"),
		"cache_describe":  mode("cache_describe"),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, nil)
			h.db.WorkerURL = way(t, h.db.WorkerURL)
			stop := h.run()
			id := h.insert(invoicetest.Invoice{}.UBL())
			h.await(id, store.Settled)
			stop()
			owner, err := pgxpool.New(t.Context(), h.db.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer owner.Close()
			var others int
			if err := owner.QueryRow(t.Context(), `SELECT count(*) FROM chorus.events WHERE invoice_id = $1 AND to_state <> 'received' AND actor NOT LIKE '%/test'`, id).Scan(&others); err != nil || others > 0 {
				t.Errorf("%d events name somebody else, %v", others, err)
			}
		})
	}
}

// pooled is a bridge to a PgBouncer in session mode, whose administrator is the worker's login.
type pooled struct {
	*bridge
	console *url.URL
	pid     int
}

func newPooled(t *testing.T) *pooled {
	t.Helper()
	h := newHouse(t, nil)
	login, err := url.Parse(h.db.WorkerURL)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(storetest.TempDir(t), "pid") // PgBouncer runs as another user
	through, ok := storetest.PgBouncer(t, h.db.WorkerURL, "session", "admin_users = "+login.User.Username(), "pidfile = "+file)
	if !ok {
		t.Log("PgBouncer is not installed")
		return nil
	}
	p := &pooled{bridge: h.bridgeTo(through, impatient)}
	for end := time.Now().Add(20 * time.Second); p.pid == 0; time.Sleep(20 * time.Millisecond) { // PgBouncer may answer before it has written the file
		text, err := os.ReadFile(file)
		if err == nil {
			p.pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		}
		if err != nil && time.Now().After(end) {
			t.Fatal(err)
		}
	}
	if p.console, err = url.Parse(through); err != nil {
		t.Fatal(err)
	}
	p.console.Path = "/pgbouncer"
	return p
}

// order has PgBouncer's console do something.
func (p *pooled) order(command string) error {
	conn, err := pgconn.Connect(p.t.Context(), p.console.String())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(p.t.Context()) }()
	_, err = conn.Exec(p.t.Context(), command).ReadAll()
	return err
}

// stands waits until the worker says that it is not ready and which loops are late.
func (p *pooled) stands() {
	p.t.Helper()
	said := ""
	for end := time.Now().Add(20 * round); !strings.HasPrefix(said, "not ready: ") || !strings.Contains(said, "no good round of "); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("what is late is not named: %s", said)
		}
		_, said = p.get("/readyz")
	}
}

// goesOn waits until an invoice is followed to its end and the worker is ready.
func (p *pooled) goesOn(numero string) {
	p.t.Helper()
	p.await(p.insert(invoicetest.Invoice{Numero: numero}.UBL()), store.Settled)
	p.readyz("ready", 10*round)
}

// A pooler that is paused gives no server to new connections: the late loops are named, and the worker goes on by itself when it is resumed.
func TestAPoolerThatIsPaused(t *testing.T) {
	t.Parallel()
	p := newPooled(t)
	if p == nil {
		return
	}
	p.goesOn("BEFORE")
	paused := make(chan error, 1)
	go func() { paused <- p.order("PAUSE") }()
	for waits := true; waits; { // in session mode it waits for every session to end
		p.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'choriste'`)
		select {
		case err := <-paused:
			if err != nil {
				t.Fatal(err)
			}
			waits = false
		case <-time.After(50 * time.Millisecond):
		}
	}
	p.stands()
	if err := p.order("RESUME"); err != nil {
		t.Fatal(err)
	}
	p.goesOn("AFTER")
}

// A pooler whose process stands still is one that does not answer: the same.
func TestAPoolerThatStandsStill(t *testing.T) {
	t.Parallel()
	p := newPooled(t)
	if p == nil {
		return
	}
	p.goesOn("BEFORE")
	if err := syscall.Kill(p.pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	goOn := func() { _ = syscall.Kill(p.pid, syscall.SIGCONT) }
	t.Cleanup(goOn)
	p.stands()
	goOn()
	p.goesOn("AFTER")
}
