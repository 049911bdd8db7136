package chaos

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// stormNames are the kinds of harm that are done again and again during the storm, beside the portal's weather.
var stormNames = []string{"kill", "term", "stop", "crash", "backend", "truncate"}

// harm does them, each kind at its own times, which the seed draws. What it hits depends on what is there: two runs of a seed try the same, and do not
// meet exactly the same.
type harm struct {
	cfg     Config
	fleet   *fleet
	cluster cluster
	admin   *pgxpool.Pool
	login   string  // of the workers
	slow    float64 // how many times slower the machine is than one for which the times below are meant

	mu      sync.Mutex
	counts  map[string]int
	missed  map[string]int // nothing was there to be hit
	outages []outage
	drains  []time.Duration // from SIGTERM to the exit
	late    []string        // workers that did not exit in time
	failed  error           // the harness itself could not go on
}

// cluster is the private PostgreSQL.
type cluster interface {
	Crash() error
	Restart(ctx context.Context) error
}

type outage struct{ began, ended time.Time }

// run harms until ctx ends, and leaves everything running.
func (h *harm) run(ctx context.Context) {
	kinds := []struct {
		name        string
		least, most time.Duration
		do          func(context.Context, *rand.Rand) bool
	}{
		{"kill", 2 * time.Second, 6 * time.Second, h.kill},
		{"term", 12 * time.Second, 16 * time.Second, h.term},
		{"stop", 8 * time.Second, 12 * time.Second, h.stop},
		{"crash", 13 * time.Second, 17 * time.Second, h.crash},
		{"backend", 500 * time.Millisecond, 1500 * time.Millisecond, h.backend},
		{"truncate", 9 * time.Second, 11 * time.Second, h.truncate},
	}
	chosen, _ := h.cfg.faults()
	var wg sync.WaitGroup
	for _, k := range kinds {
		if !chosen[k.name] {
			continue
		}
		wg.Go(func() {
			chance := stream(h.cfg.Seed, k.name)
			for at := time.Now(); ; {
				at = at.Add(time.Duration(h.slow * float64(k.least+time.Duration(chance.Int64N(int64(k.most-k.least))))))
				select {
				case <-ctx.Done():
					return
				case <-time.After(time.Until(at)):
				}
				// Detached: what was broken is put together again although the time is up.
				h.count(k.name, k.do(context.WithoutCancel(ctx), chance))
			}
		})
	}
	wg.Wait()
}

// stream is a source of chance for one purpose.
func stream(seed uint64, purpose string) *rand.Rand {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(purpose))
	return rand.New(rand.NewPCG(seed, sum.Sum64()))
}

func (h *harm) count(kind string, hit bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if hit {
		h.counts[kind]++
	} else {
		h.missed[kind]++
	}
}

// struck tells whether each kind that was chosen has struck at least once.
func (h *harm) struck() bool {
	chosen, _ := h.cfg.faults()
	total := h.total()
	return !slices.ContainsFunc(stormNames, func(name string) bool { return chosen[name] && total[name] == 0 })
}

// total counts what was done so far.
func (h *harm) total() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := map[string]int{}
	for k, n := range h.counts {
		all[k] = n
	}
	return all
}

func (h *harm) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failed == nil {
		h.failed = err
	}
}

// kill ends a worker as a failing machine does, and starts another one at once.
func (h *harm) kill(_ context.Context, chance *rand.Rand) bool {
	p := h.fleet.take(chance.IntN(h.cfg.Workers))
	if p == nil {
		return false
	}
	defer h.fleet.give(p)
	h.fleet.end(p, "kill", syscall.SIGKILL, drainWithin)
	if err := h.fleet.start(p.slot); err != nil {
		h.fail(err)
	}
	return true
}

// term ends a worker as a deployment does.
func (h *harm) term(_ context.Context, chance *rand.Rand) bool {
	p := h.fleet.take(chance.IntN(h.cfg.Workers))
	if p == nil {
		return false
	}
	defer h.fleet.give(p)
	asked := time.Now()
	inTime := h.fleet.end(p, "term", syscall.SIGTERM, drainWithin)
	h.mu.Lock()
	h.drains = append(h.drains, time.Since(asked))
	switch {
	case !inTime:
		h.late = append(h.late, fmt.Sprintf("worker %d (%s) did not exit within %s of SIGTERM", p.slot, p.name, drainWithin))
	case p.cmd.ProcessState.ExitCode() == -1 && asked.Sub(p.started) < 3*time.Second: // the signal was faster than the program's first lines
	case p.cmd.ProcessState.ExitCode() != 0:
		h.late = append(h.late, fmt.Sprintf("worker %d (%s) answered SIGTERM with %s", p.slot, p.name, p.cmd.ProcessState))
	}
	h.mu.Unlock()
	if err := h.fleet.start(p.slot); err != nil {
		h.fail(err)
	}
	return true
}

// stop freezes a worker for a while, as an overloaded or suspended machine does.
func (h *harm) stop(_ context.Context, chance *rand.Rand) bool {
	p := h.fleet.take(chance.IntN(h.cfg.Workers))
	if p == nil {
		return false
	}
	defer h.fleet.give(p)
	if p.cmd.Process.Signal(stopSignal) != nil {
		return false
	}
	time.Sleep(delay)                    // no longer than D, or the assumption would be ours to break
	_ = p.cmd.Process.Signal(contSignal) // gone meanwhile: its watcher knows
	return true
}

// crash ends PostgreSQL without a checkpoint and keeps it down for up to three seconds.
func (h *harm) crash(ctx context.Context, chance *rand.Rand) bool {
	began := time.Now()
	if err := h.cluster.Crash(); err != nil {
		h.fail(err)
		return false
	}
	time.Sleep(time.Duration(chance.Int64N(int64(3 * time.Second))))
	if err := h.cluster.Restart(ctx); err != nil {
		h.fail(err)
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.outages = append(h.outages, outage{began, time.Now()})
	return true
}

// backend cuts one of the workers' connections to the database.
func (h *harm) backend(ctx context.Context, chance *rand.Rand) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var hit bool
	err := h.admin.QueryRow(ctx, `
		SELECT coalesce(bool_or(pg_terminate_backend(pid)), false)
		FROM (SELECT pid FROM pg_stat_activity WHERE usename = $1 ORDER BY md5(pid::text || $2) LIMIT 1) p`, h.login, strconv.Itoa(chance.Int())).Scan(&hit)
	return err == nil && hit
}

// truncate empties River's table of jobs.
func (h *harm) truncate(ctx context.Context, _ *rand.Rand) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if _, err := h.admin.Exec(ctx, `SET LOCAL lock_timeout = '1s'; TRUNCATE river.river_job`); err == nil {
			return true
		}
		time.Sleep(50 * time.Millisecond)
	}
	return false
}
