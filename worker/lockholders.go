package worker

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/choriste/choriste/store"
)

// lockHolders are the sessions that were in the way of choriste's lately. Our statements give up a lock after seconds and try again, so that not every look
// finds somebody who waits.
type lockHolders struct {
	mu   sync.Mutex
	seen map[int32]*lockSighting // by PID
	rows []string                // that are due, and locked (store.LockedRows)
}

type lockSighting struct {
	holder      store.LockHolder
	first, last time.Time
}

const (
	lockIsNews    = examineEvery     // shorter waits are everyday life
	lockForgotten = 10 * time.Second // after it was last seen
)

// lookForLocks has the log say who is in the way, once each, and /readyz when that keeps work from going on.
func (w *Worker) lookForLocks(ctx context.Context) error {
	found, err := store.LockHolders(ctx, w.cfg.Pool)
	if err != nil {
		return err
	}
	h, now := &w.locks, time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seen == nil {
		h.seen = map[int32]*lockSighting{}
	}
	for _, holder := range found {
		s := h.seen[holder.PID]
		if s == nil {
			s = &lockSighting{first: now}
			h.seen[holder.PID] = s
		}
		s.holder, s.last = holder, now
		switch {
		case now.Sub(s.first) < lockIsNews:
		case holder.StandsStill:
			w.loops.complaints.say(lockKey(holder.PID), "locks", "a session of choriste's own stands still, and others wait for it: end it (SELECT pg_terminate_backend(PID))",
				"holder", holder.Text(true), "waiting", holder.Waiting)
		case holder.Own:
			w.cfg.Log.Debug("a session of choriste's own is at work, and others wait for it", "holder", holder.Text(true), "waiting", holder.Waiting)
		default:
			w.loops.complaints.say(lockKey(holder.PID), "locks", "a session holds a lock that choriste waits for: end its transaction, or the session (SELECT pg_terminate_backend(PID))",
				"holder", holder.Text(true), "waiting", holder.Waiting)
		}
	}
	for pid, s := range h.seen {
		if now.Sub(s.last) > lockForgotten {
			delete(h.seen, pid)
			w.loops.complaints.over(lockKey(pid), "locks", "a lock that choriste waited for is gone")
		}
	}
	return nil
}

// nameLockHolders has the log and /readyz say who is in the way of a start, until ctx ends.
func (w *Worker) nameLockHolders(ctx context.Context) {
	ticker := time.NewTicker(lockIsNews)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := w.lookForLocks(ctx); err != nil && ctx.Err() == nil {
				w.cfg.Log.Debug("who holds locks is not known", "error", store.Message(err))
			}
		}
	}
}

// lookForLockedRows has the log and /readyz name what is due and passed over, because somebody has locked it: everything else flows, and no one waits for it.
func (w *Worker) lookForLockedRows(ctx context.Context) error {
	found, err := w.store.LockedRows(ctx)
	if err != nil {
		return err
	}
	w.locks.mu.Lock()
	w.locks.rows = found
	w.locks.mu.Unlock()
	const key = "locked rows"
	if len(found) == 0 {
		w.loops.complaints.over(key, "locks", "no invoice that is due is locked any more")
		return nil
	}
	w.loops.complaints.say(key, "locks", "invoices that are due are passed over, because somebody has locked them: end that transaction", "rows", strings.Join(found, "; "))
	return nil
}

// passed names the invoices that are passed over, or "".
func (h *lockHolders) passed() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.rows, "; ")
}

func lockKey(pid int32) string { return "lock of " + strconv.Itoa(int(pid)) }

// text names those who are in the way, without their logins: everybody may read it.
func (h *lockHolders) text() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var others, own []string
	for _, pid := range slices.Sorted(maps.Keys(h.seen)) {
		s := h.seen[pid]
		switch {
		case time.Since(s.last) > lockForgotten:
		case s.holder.StandsStill:
			others = append(others, s.holder.Text(false)+", a session of choriste's own that stands still")
		case s.holder.Own:
			own = append(own, s.holder.Text(false))
		default:
			others = append(others, s.holder.Text(false))
		}
	}
	var said []string
	if len(others) > 0 {
		said = append(said, "a lock is held by "+strings.Join(others, "; "))
	}
	if len(own) > 0 {
		said = append(said, "a session of choriste's own is at work, and others wait for it: "+strings.Join(own, "; "))
	}
	return strings.Join(said, "; ")
}
