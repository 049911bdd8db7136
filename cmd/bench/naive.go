package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/internal/lab/naive"
)

// sameNaive is the naive worker with the settings of `choriste work`: 16 jobs at once, 5 ms between fetches.
const (
	naiveAtOnce   = 16
	naiveCooldown = 5 * time.Millisecond
)

// cpu is for how long processes have used a CPU so far; 0 where the system does not tell.
type cpu struct{ server, worker, portal time.Duration }

// without is c less what an idle worker uses in that time.
func (c cpu) without(idleFrom, idleTo counts, took time.Duration) cpu {
	share := took.Seconds() / idleTo.at.Sub(idleFrom.at).Seconds()
	idle := func(from, to time.Duration) time.Duration { return time.Duration(float64(to-from) * share) }
	return cpu{
		server: c.server - idle(idleFrom.cpu.server, idleTo.cpu.server),
		worker: c.worker - idle(idleFrom.cpu.worker, idleTo.cpu.worker),
		portal: c.portal - idle(idleFrom.cpu.portal, idleTo.cpu.portal),
	}
}

// used reads it. A worker that there is not has used none.
func (p *plant) used(ctx context.Context) (c cpu, err error) {
	if c.server, err = serverTime(ctx, p.url); err != nil {
		return c, err
	}
	if p.sim != nil && p.sim.Process != nil {
		c.portal = timeOf(p.sim.Process.Pid)
	}
	if p.worker != nil && p.worker.Process != nil {
		c.worker = timeOf(p.worker.Process.Pid)
	}
	return c, nil
}

// serverTime is for how long the processes of a PostgreSQL server have used a CPU, those that have ended with them.
func serverTime(ctx context.Context, url string) (time.Duration, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	postmaster, _, ok := family(int(conn.PgConn().PID()))
	if !ok {
		return 0, nil // another system, or another machine
	}
	_, ended, _ := family(postmaster)
	sum := timeOf(postmaster) + ended
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, stat := range stats {
		var pid int
		if _, err := fmt.Sscanf(stat, "/proc/%d/stat", &pid); err != nil {
			continue
		}
		if parent, _, ok := family(pid); ok && parent == postmaster {
			sum += timeOf(pid)
		}
	}
	return sum, nil
}

// family is a process's parent, and for how long its children that have ended used a CPU.
func family(pid int) (parent int, ended time.Duration, ok bool) {
	const tick = time.Second / 100
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, false
	}
	_, rest, _ := strings.Cut(string(text), ") ") // behind the name, which may hold anything
	var state string
	var skip [9]int64
	var utime, stime, cutime, cstime int64
	into := []any{&state, &parent}
	for k := range skip {
		into = append(into, &skip[k])
	}
	into = append(into, &utime, &stime, &cutime, &cstime)
	_, err = fmt.Sscan(rest, into...)
	return parent, time.Duration(cutime+cstime) * tick, err == nil
}

// anInvoiceTook is what each of n invoices has cost the processors between two readings.
func anInvoiceTook(who string, from, to cpu, n int) []figure {
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(n) }
	if to.server == from.server {
		return nil // this system does not tell
	}
	return []figure{
		fact("throughput", who+": CPU of PostgreSQL an invoice", ms(to.server-from.server), "ms"),
		fact("throughput", who+": CPU of the worker an invoice", ms(to.worker-from.worker), "ms"),
		fact("throughput", who+": CPU of the portal an invoice", ms(to.portal-from.portal), "ms"),
	}
}

// naively takes the same invoices through a plain River worker, which loses and doubles, and through three bare transactions each without a queue. It returns how
// many of each are deposited in a second.
func naively(ctx context.Context, w *workshop) (worker, bare float64, figures []figure, err error) {
	docs := make([][]byte, w.size.invoices)
	for k := range docs {
		docs[k] = document(k)
	}
	worker, figures, err = w.withPortalAlone(ctx, "naive worker", func(ctx context.Context, p *plant, s naive.Setup) error { return p.byNaiveWorker(ctx, s, docs) })
	if err != nil {
		return 0, 0, nil, err
	}
	bare, more, err := w.withPortalAlone(ctx, "bare", func(ctx context.Context, p *plant, s naive.Setup) error {
		pool, err := pgxpool.New(ctx, fmt.Sprintf("%s&pool_max_conns=%d", p.url, naiveAtOnce))
		if err != nil {
			return err
		}
		defer pool.Close()
		return naive.Bare(ctx, s, pool, docs)
	})
	return worker, bare, append(figures, more...), err
}

// withPortalAlone measures what do takes through in a second, with a portal and a database of its own.
func (w *workshop) withPortalAlone(ctx context.Context, who string, do func(context.Context, *plant, naive.Setup) error) (rate float64, figures []figure, err error) {
	urls, err := w.database(ctx)
	if err != nil {
		return 0, nil, err
	}
	p := &plant{url: urls[""], log: filepath.Join(w.dir, fmt.Sprintf("worker-%d.log", w.made))}
	defer func() {
		_, stopped := p.stop()
		err = errors.Join(err, stopped)
	}()
	if err := p.startSim(w, "-quota", "-1"); err != nil {
		return 0, nil, fmt.Errorf("chorus-sim: %w", err)
	}
	if err := p.exec(ctx, naive.Schema); err != nil {
		return 0, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	from, err := p.used(ctx)
	if err != nil {
		return 0, nil, err
	}
	own, began := ownTime(), time.Now()
	err = do(ctx, p, naive.Setup{
		Database: p.url, API: p.portal.API, Token: p.portal.Token, ClientID: chorustest.DefaultClient.ID, ClientSecret: chorustest.DefaultClient.Secret,
		Account: chorustest.DefaultAccount.Login + ":" + chorustest.DefaultAccount.Password, AtOnce: naiveAtOnce, Cooldown: naiveCooldown,
	})
	if err != nil {
		return 0, nil, err
	}
	took := time.Since(began)
	to, err := p.used(ctx)
	if err != nil {
		return 0, nil, err
	}
	if p.worker == nil { // this process has done it
		to.worker = ownTime() - own
	}
	return float64(w.size.invoices) / took.Seconds(), anInvoiceTook(who, from, to, w.size.invoices), nil
}

// byNaiveWorker inserts as fast as four connections can, and waits until River's table says that all jobs are done.
func (p *plant) byNaiveWorker(ctx context.Context, s naive.Setup, docs [][]byte) error {
	queue, err := naive.NewQueue()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p.worker = exec.Command(self, naive.Command)
	p.worker.Env = append(os.Environ(), s.Environment()...)
	if err := p.worker.Start(); err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, fmt.Sprintf("%s&pool_max_conns=%d", p.url, inserters+1))
	if err != nil {
		return err
	}
	defer pool.Close()
	inserted := make(chan error, 1)
	go func() {
		inserted <- eachOf(inserters, len(docs), func(k int) error {
			_, err := queue.Insert(ctx, pool, numero(k), docs[k])
			return err
		})
	}()
	for all := false; ; {
		var deposited int
		err := pool.QueryRow(ctx, `SELECT count(*) FROM naive.invoices WHERE state = 'deposited'`).Scan(&deposited)
		switch {
		case err != nil:
			return err
		case deposited == len(docs):
			return p.worker.Process.Signal(syscall.Signal(0)) // it is still alive: all was its work
		}
		select {
		case err := <-inserted:
			if err != nil {
				return err
			}
			all = true
		case <-ctx.Done():
			return fmt.Errorf("the naive worker has deposited %d of %d (all inserted: %v)", deposited, len(docs), all)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
