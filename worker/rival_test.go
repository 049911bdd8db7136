package worker_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// beside starts a server on a copy of the site's, with the same portal.
func (s *site) beside() *site {
	s.t.Helper()
	copied, err := s.cluster.StartCopy(s.t.Context(), filepath.Join(s.dir, "beside"))
	s.must(err)
	s.t.Cleanup(func() { _ = copied.Stop() })
	other := &site{house: &house{t: s.t, sim: s.sim}, cluster: copied, dir: s.dir}
	other.at(copied)
	s.db.Pool.Reset()
	return other
}

func (s *site) pause(yes bool) {
	s.t.Helper()
	at := "NULL"
	if yes {
		at = "now()"
	}
	s.exec(s.db.URL, `UPDATE chorus.accounts SET paused_at = `+at)
}

func (s *site) waiting(numbers ...string) (ids []int64) {
	s.t.Helper()
	for _, n := range numbers {
		ids = append(ids, s.insert(invoicetest.Invoice{Numero: n}.UBL()))
	}
	return ids
}

func (s *site) once(numbers ...string) {
	s.t.Helper()
	for _, n := range numbers {
		if k := len(s.sim.Deposits(n)); k != 1 {
			s.t.Errorf("%s was deposited %d times", n, k)
		}
	}
}

// touching waits for so many workers that say in the directory that they are alive.
func (s *site) touching(n int) {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if all, _ := filepath.Glob(filepath.Join(s.dir, "*.alive")); len(all) == n {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("no %d workers are alive", n)
		}
	}
}

// refused starts a worker that must refuse, and returns its words.
func (h *house) refused(change ...func(*worker.Config)) string {
	h.t.Helper()
	cfg := h.config()
	for _, c := range change {
		c(&cfg)
	}
	pool, err := store.Connect(h.t.Context(), h.db.WorkerURL, "test", worker.Conns(16))
	if err != nil {
		h.t.Fatal(err)
	}
	defer pool.Close()
	cfg.Pool = pool
	w, err := worker.New(cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(h.t.Context(), 20*time.Second)
	defer cancel()
	if err := w.Run(ctx); err != nil {
		return err.Error()
	}
	return ""
}

// Two databases with one history live side by side. Workers that share a directory notice each other: the second one refuses to start, whichever of the
// two databases it is for.
func TestTwoHistoriesThatShareADirectory(t *testing.T) {
	t.Parallel()
	s := newSite(t, &chorustest.Config{AcceptDuplicates: true}, nil)
	state := func(c *worker.Config) { c.StateDir = s.dir }
	numbers := []string{"BOTH-0", "BOTH-1", "BOTH-2"}
	ids := s.waiting(numbers...)
	s.pause(true)
	other := s.beside()

	stop := s.run(state)
	s.touching(1)
	if why := other.refused(state); !strings.Contains(why, "another copy of this database is being worked on") {
		t.Fatalf("the copy's worker says %q", why)
	}
	other.quarantined() // nor is the original's worker told of one
	second := s.run(state)
	s.touching(2) // of the same database: no rivals
	s.pause(false)
	for _, id := range ids {
		s.await(id, store.Settled)
	}
	second()
	stop()
	s.quarantined()

	stop = other.run(state)
	s.touching(1)
	if why := s.refused(state); !strings.Contains(why, "another copy of this database is being worked on") {
		t.Fatalf("the original's worker says %q", why)
	}
	other.pause(false)
	for _, id := range ids {
		other.await(id, store.Settled)
	}
	other.quarantined(store.WitnessState)
	stop()
	s.quarantined()
	s.once(numbers...)
}

// Without a shared directory only the portal can tell: what it shows when the other one's worker starts is not sent again. What neither has sent by then, both
// may send (docs/protocol.md §3.5).
func TestTwoHistoriesThatShareNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, &chorustest.Config{AcceptDuplicates: true}, nil)
	var numbers []string
	for k := range 6 {
		numbers = append(numbers, fmt.Sprintf("BOTH-%d", k))
	}
	ids := s.waiting(numbers...)
	s.pause(true)
	other := s.beside()
	s.run()
	s.pause(false)
	for _, id := range ids {
		s.await(id, store.Settled)
	}
	other.pause(false)
	other.run()
	for _, id := range ids {
		other.await(id, store.Settled)
	}
	other.quarantined(store.WitnessPortal)
	s.once(numbers...)
}
