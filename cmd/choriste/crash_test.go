//go:build chaos

package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// Every crash point with every way to fail there: a worker process meets it once while it deposits a few invoices, is started again if it died, and in the
// end each invoice is settled and was accepted once, and what is written down adds up.
func TestCrashPoints(t *testing.T) {
	bin := builtForChaos(t)
	for _, point := range crash.Points {
		for _, action := range []string{"kill", "panic", "pause", "error", "disconnect"} {
			t.Run(point+"/"+action, func(t *testing.T) {
				t.Parallel()
				c := &crashCell{t: t, bin: bin, point: point, action: action, db: storetest.New(t)}
				c.run()
			})
		}
	}
}

func builtForChaos(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "choriste")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "chaos", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// crashCell is one crash point met in one way.
type crashCell struct {
	t             *testing.T
	bin           string
	point, action string
	db            *storetest.Database
	sim           *chorustest.Sim
	app           *pgxpool.Pool
	env           []string
}

// pause is more than three times as long as anything is waited for: the lease of a row, and a deposit with its margin.
const pause = 4 * time.Second

// patience is for a machine that is busy with other tests: six cells at once keep two cores busy.
const patience = 2 * time.Minute

var numbers = []string{"CRASH-1", "CRASH-2", "CRASH-LOST"}

func (c *crashCell) prepare() {
	t := c.t
	c.sim = chorustest.New(t, &chorustest.Config{Quota: -1, Step: 20 * time.Millisecond, AcceptDuplicates: true})
	c.sim.Faults(chorustest.Fault{Kind: "commit_then_drop", Numero: "CRASH-LOST"}) // somebody to resolve
	pool, err := pgxpool.New(t.Context(), c.db.AppURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	c.app = pool
	c.env = append(environment(t, c.db, simulator{API: c.sim.APIURL(), Token: c.sim.TokenURL()}),
		"CHORISTE_HTTP_TIMEOUT=600ms", "CHORISTE_SEND_WITHIN=600ms", "CHORISTE_LANDING_DELAY=300ms", "CHORISTE_VISIBILITY_DELAY=300ms",
		"CHORISTE_REPORT_AFTER=200ms", "CHORISTE_RESOLVE_AFTER=50ms", "CHORISTE_SYNC_EVERY=200ms",
		"CHORISTE_REAP_EVERY=200ms", "CHORISTE_SWEEP_EVERY=200ms", "CHORISTE_SHUTDOWN_TIMEOUT=3s", "CHORISTE_WORKERS=8", "CHORISTE_LOG=json:error")
}

func (c *crashCell) run() {
	c.prepare()

	if c.point == crash.InsertTrigger {
		c.insertUnderFire()
	} else {
		for _, n := range numbers {
			c.insert(n)
		}
	}
	if c.point == crash.ReaperMidBatch { // somebody to reap
		c.start(crash.AfterT1 + "=kill").wait()
	}
	if c.point != crash.InsertTrigger {
		w := c.start(fmt.Sprintf("%s=%s:1:%s", c.point, c.action, pause))
		if c.point == crash.Shutdown {
			c.settled()
			w.stop()
		}
		w.met()
		if w.dies() {
			w.wait()
		} else if c.point == crash.Shutdown {
			w.wait()
		}
	}
	c.start("")
	c.settled()
	c.verify()
}

func (c *crashCell) insert(numero string) {
	inv := invoicetest.Invoice{Numero: numero}
	doc, fields, files := inv.UBL(), []byte(nil), []string{}
	if numero == numbers[0] && (c.point == crash.AfterUpload || c.action == "kill" || c.action == "disconnect") { // the other way in: a PDF without XML, with files beside it
		pdf, err := inv.PDF()
		if err != nil {
			c.t.Fatal(err)
		}
		doc, fields, files = pdf, inv.Fields(), []string{"bon", "plan"}
	}
	_, err := c.app.Exec(c.t.Context(), `
		WITH inserted AS (
		    INSERT INTO chorus.invoices (external_ref, document, fields) VALUES ($1, $2, $3) ON CONFLICT ON CONSTRAINT invoices_external_ref_key DO NOTHING RETURNING id
		)
		INSERT INTO chorus.attachments (invoice_id, nom, contenu) SELECT id, f || '.pdf', f::bytea FROM inserted, unnest($4::text[]) f`, numero, doc, fields, files)
	if err != nil {
		c.t.Fatal(err)
	}
}

// insertUnderFire has the application's own insert fail inside the trigger, in the way of the cell; it is repeated as an application would.
func (c *crashCell) insertUnderFire() {
	owner, err := pgxpool.New(c.t.Context(), c.db.URL)
	if err != nil {
		c.t.Fatal(err)
	}
	defer owner.Close()
	harm := map[string]string{
		"kill": `PERFORM pg_terminate_backend(pg_backend_pid())`, "disconnect": `PERFORM pg_terminate_backend(pg_backend_pid())`,
		"panic": `RAISE 'injected'`, "error": `RAISE 'injected'`, "pause": `PERFORM pg_sleep(1)`,
	}[c.action]
	_, err = owner.Exec(c.t.Context(), `
		CREATE FUNCTION chorus.harm() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN `+harm+`; RETURN NEW; END $$;
		CREATE TRIGGER zz_harm AFTER INSERT ON chorus.invoices FOR EACH ROW EXECUTE FUNCTION chorus.harm()`)
	if err != nil {
		c.t.Fatal(err)
	}
	c.start("")
	_, failed := c.app.Exec(c.t.Context(), `INSERT INTO chorus.invoices (external_ref, document) VALUES ($1, $2)`, numbers[0], invoicetest.Invoice{Numero: numbers[0]}.UBL())
	if (failed == nil) != (c.action == "pause") {
		c.t.Errorf("the insert under fire: %v", failed)
	}
	if _, err := owner.Exec(c.t.Context(), `DROP TRIGGER zz_harm ON chorus.invoices`); err != nil {
		c.t.Fatal(err)
	}
	c.app.Reset()
	for _, n := range numbers {
		c.insert(n)
	}
}

// process is one worker.
type process struct {
	c    *crashCell
	cmd  *exec.Cmd
	mu   sync.Mutex
	err  bytes.Buffer
	done chan struct{}
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err.Write(b)
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err.String()
}

func (c *crashCell) start(plan string) *process {
	p := &process{c: c, done: make(chan struct{})}
	p.cmd = exec.Command(c.bin, "work")
	p.cmd.Env = append(c.env, "CHORISTE_CRASH="+plan)
	p.cmd.Stderr = p
	if err := p.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	c.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if c.t.Failed() {
			c.t.Logf("worker with %q: %s", plan, p.said())
		}
	})
	return p
}

func (p *process) stop() { _ = p.cmd.Process.Signal(syscall.SIGTERM) }

// wait waits for its end; the point may have killed it.
func (p *process) wait() {
	p.c.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.c.t.Errorf("the worker did not end")
	}
}

// met waits until the crash point was met: a cell that is never reached tests nothing.
func (p *process) met() {
	p.c.t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(p.said(), "CRASH "+p.c.point); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.c.t.Fatalf("%s was never met", p.c.point)
		}
	}
}

// dies tells whether the process ends by what was done to it: a panic in net/http's or our own loops does that, one in a job does not.
func (p *process) dies() bool {
	if p.c.action == "kill" {
		return true
	}
	if p.c.action != "panic" {
		return false
	}
	select {
	case <-p.done:
		return true
	case <-time.After(500 * time.Millisecond):
		return false
	}
}

func (c *crashCell) settled() {
	c.t.Helper()
	st := store.New(c.db.Pool)
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		done, err := st.List(c.t.Context(), store.Filter{States: []store.State{store.Settled}, Limit: len(numbers)})
		if err == nil && len(done) == len(numbers) {
			return
		}
		if time.Now().After(deadline) {
			list, _ := st.List(c.t.Context(), store.Filter{})
			for _, i := range list {
				c.t.Logf("%s %s %s", i.ExternalRef, i.State, or(i.ReasonCode, ""))
			}
			c.t.Fatalf("%d of %d settled", len(done), len(numbers))
		}
	}
}

// verify checks the promise, and that what is written down justifies it (docs/protocol.md §3.7).
func (c *crashCell) verify() {
	for _, n := range numbers {
		if got := len(c.sim.Deposits(n)); got != 1 {
			c.t.Errorf("%s was accepted %d times", n, got)
		} else if d := c.sim.Deposits(n)[0].Facts; d.Mode == "DEPOT_PDF_API" && len(d.Pieces) != 2 {
			c.t.Errorf("%s was accepted with %d files beside it", n, len(d.Pieces))
		}
	}
	requests := map[string]int{}
	for _, e := range c.sim.Ledger() {
		if e.Type == "request" && e.NomFichier != "" {
			requests[e.NomFichier]++
		}
	}
	for name, n := range requests {
		if n > 1 {
			c.t.Errorf("attempt %s left %d times", name, n)
		}
	}
	for what, query := range map[string]string{
		"attempts without an outcome": `SELECT count(*) FROM chorus.attempts WHERE outcome IS NULL`,
		"slots taken":                 `SELECT count(*) FROM chorus.slots WHERE attempt_id IS NOT NULL`,
		"resubmissions without proof": `
			SELECT count(*) FROM chorus.attempts a JOIN chorus.attempts b ON b.invoice_id = a.invoice_id AND b.n = a.n + 1
			WHERE a.outcome NOT IN ('NOT_SENT', 'NOT_LANDED')
			  AND (SELECT count(*) FROM jsonb_array_elements(a.evidence -> 'lookups') l WHERE (l ->> 'absent')::bool) < 3`,
		"rows whose history does not end where they are": `
			SELECT count(*) FROM chorus.invoices i
			WHERE state <> (SELECT to_state FROM chorus.events e WHERE e.invoice_id = i.id ORDER BY id DESC LIMIT 1)`,
	} {
		var n int
		if err := c.db.Pool.QueryRow(c.t.Context(), query).Scan(&n); err != nil || n > 0 {
			c.t.Errorf("%d %s, %v", n, what, err)
		}
	}
}
