package jobs

import (
	"errors"
	"sync"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// comparing is how far the comparison of an account has come in this process. Jobs of other workers read on their own.
type comparing struct {
	progress
	asked time.Time
	since time.Time
	until time.Time
	l     shownIn
	shown map[string]bool // suppliers
	usual map[string]bool // suppliers for which others deposit; nil: not known yet

	uploads map[string]bool // ways of deposit that are a person's at the portal; nil: not known yet
	forgot  *store.Forgot
	said    time.Time // when the log was told how far it is
	leave   func()    // the place; nil: no job reads
}

// goesOn tells that the next job goes on with what has been read: it was not all, or some page could not be had.
func (r *comparing) goesOn(err error) bool {
	var lag *store.Lag
	switch fault := chorus.FaultOf(err); {
	case errors.Is(err, errBlind), errors.As(err, &lag), fault == chorus.FaultRights:
		return false
	default:
		return fault != chorus.FaultIncomplete // what does not add up is read again
	}
}

// comparisons are those that have begun, by account. It is safe for concurrent use.
type comparisons struct {
	mu    sync.Mutex
	of    map[string]*comparing
	tries map[string]tries
}

// tries are how often the listing that was asked for at a moment has not added up.
type tries struct {
	asked time.Time
	n     int
}

// mostFailed is how often it may: a page that came at a bad moment is read again.
const mostFailed = 5

// failed counts one more.
func (k *comparisons) failed(account string, asked time.Time) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.tries[account]
	if !t.asked.Equal(asked) {
		t = tries{asked: asked}
	}
	t.n++
	if k.tries == nil {
		k.tries = map[string]tries{}
	}
	k.tries[account] = t
	return t.n
}

type mayCompare int

const (
	mayBegin   mayCompare = iota
	isCompared            // by another job of this process
	noPlace               // what is listed takes no more places
)

func (k *comparisons) take(account string, c store.Comparison, places Places) (*comparing, mayCompare) {
	k.mu.Lock()
	defer k.mu.Unlock()
	run := k.of[account]
	if run != nil && run.leave != nil {
		return nil, isCompared
	}
	leave, ok := places.try()
	if !ok {
		return nil, noPlace
	}
	if run == nil || !run.asked.Equal(c.Asked) || !run.since.Equal(c.Since) {
		run = &comparing{
			asked: c.Asked, since: c.Since, until: c.Now.Add(far), said: time.Now(), shown: map[string]bool{},
			l: shownIn{from: chorus.StartOfDay(c.Since), numbers: map[string][]chorus.Facture{}},
		}
		if k.of == nil {
			k.of = map[string]*comparing{}
		}
		k.of[account] = run
	}
	run.leave = leave
	return run, mayBegin
}

func (k *comparisons) leave(account string, run *comparing, over bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	run.leave()
	run.leave = nil
	if over && k.of[account] == run {
		delete(k.of, account)
	}
}
