package worker_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// The database comes back with a copy of its machine, and its clock with it: the portal, which is days ahead of it, holds what it has forgotten. Nothing is sent,
// and nothing counts as absent, until the clock has been put right; the log says so. A clock that is less than a day behind hides nothing.
func TestADatabaseThatLivesInThePast(t *testing.T) {
	all := represented(t, "days, the portal tells", "hours, looked up")
	for name, c := range map[string]struct {
		rewind
		ahead time.Duration // of the portal
		waits store.State   // "": it is found
	}{
		"days, the portal tells":  {rewinds[3], 72 * time.Hour, store.Ready},
		"days, looked up":         {rewinds[0], 72 * time.Hour, store.InDoubt},
		"hours, the portal tells": {rewinds[3], 23 * time.Hour, ""},
		"hours, looked up":        {rewinds[0], 23 * time.Hour, ""},
	} {
		if !all.runs(name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log lockedBuffer
			s := newSite(t, &chorustest.Config{AcceptDuplicates: true}, nil)
			change := func(w *worker.Config) {
				w.Settings.SyncEvery = time.Hour // whose feed would tell, too
				w.Log = slog.New(slog.NewTextHandler(&log, nil))
			}
			var ids []int64
			for k := range 3 {
				ids = append(ids, s.insert(invoicetest.Invoice{Numero: fmt.Sprintf("PAST-%d", k)}.UBL()))
			}
			c.prepare(s)
			s.db.Pool.Reset()
			s.sim.Advance(c.ahead)
			stop := s.run(change)
			for _, id := range ids {
				s.await(id, store.Deposited, store.Integrated, store.Settled)
			}
			stop()
			c.happens(s)
			s.db.Pool.Reset()
			s.start(change)
			if c.waits == "" {
				for _, id := range ids {
					s.await(id, store.Deposited, store.Integrated, store.Settled)
				}
			} else {
				for deadline := time.Now().Add(20 * time.Second); !strings.Contains(log.String(), "PostgreSQL's clock is behind"); time.Sleep(20 * time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatal("the log does not say that the clock is behind")
					}
				}
				time.Sleep(5 * time.Second) // longer than every proof of absence by these settings
				for _, id := range ids {
					s.await(id, c.waits, store.Deposited, store.Integrated, store.Settled) // the change feed may have shown it
				}
			}
			for k := range ids {
				if n := len(s.sim.Deposits(fmt.Sprintf("PAST-%d", k))); n != 1 {
					t.Errorf("PAST-%d was deposited %d times", k, n)
				}
			}
		})
	}
}
