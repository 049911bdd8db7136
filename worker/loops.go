package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/choriste/choriste/store"
)

// loop is one of the worker's recurring duties. Its rounds have a deadline each, so that none waits for ever; how they go is what /readyz tells.
type loop struct {
	name   string        // as operators read it
	every  time.Duration // from one round to the next when nothing wakes it
	within time.Duration // a round's deadline; 0 = the set's
	wake   <-chan struct{}
	later  bool          // the first round is not due at once
	first  time.Duration // when it is, after the start
	urgent bool          // it is late as soon as one round fails
	round  func(ctx context.Context) error
	done   func() // called when the loop ends

	mu     sync.Mutex
	good   time.Time // the end of the last good round, or the loop's beginning
	began  time.Time // of the round under way; zero when none is
	err    error     // of the last round
	panics int       // in a row
	beyond int       // looks in a row that found the same round far beyond its deadline
	late   bool      // and the log has it
}

const (
	shortest    = 2 * time.Millisecond // between two rounds
	afterError  = time.Second          // before the round after one that failed
	mostPanics  = 10                   // in a row: more of the same is to be expected
	lookEvery   = time.Second          // at how the loops are
	stuckRounds = 3                    // deadlines after which a round is not expected to end
)

// loops runs the duties and knows how they are.
type loops struct {
	within     time.Duration // what a round may take where its loop says nothing else
	log        *slog.Logger
	complaints *complaints
	panics     *prometheus.CounterVec

	mu    sync.Mutex
	list  []*loop
	busy  sync.WaitGroup
	fatal atomic.Pointer[string] // why only a restart helps
	ended chan struct{}          // closed with it
}

func newLoops(within time.Duration, log *slog.Logger, registry prometheus.Registerer) *loops {
	ls := &loops{
		within: within, log: log, complaints: newComplaints(log), ended: make(chan struct{}),
		panics: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "choriste_loop_panics_total", Help: "Rounds of a loop that broke; it goes on, and after ten in a row the worker ends itself.",
		}, []string{"loop"}),
	}
	registry.MustRegister(ls.panics, loopGauges{ls})
	return ls
}

// start runs a loop until ctx ends.
func (ls *loops) start(ctx context.Context, l *loop) {
	if l.within == 0 {
		l.within = ls.within
	}
	l.good = time.Now()
	ls.mu.Lock()
	ls.list = append(ls.list, l)
	ls.mu.Unlock()
	ls.busy.Go(func() { ls.run(ctx, l) })
}

func (ls *loops) run(ctx context.Context, l *loop) {
	if l.done != nil {
		defer l.done()
	}
	if l.later {
		l.first = l.every
	}
	timer := time.NewTimer(l.first)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-l.wake:
		}
		began, pause := time.Now(), shortest
		if err := ls.do(ctx, l); err != nil {
			began, pause = began.Add(-l.every), afterError
		}
		sleep(ctx, pause)
		timer.Reset(time.Until(began.Add(l.every)))
	}
}

// do makes one round. A panic in it is a failure like another, and the log has where.
func (ls *loops) do(ctx context.Context, l *loop) (err error) {
	limited, cancel := context.WithTimeout(ctx, l.within)
	defer cancel()
	l.mu.Lock()
	l.began = time.Now()
	l.mu.Unlock()
	defer func() {
		broke := recover()
		if broke != nil {
			err = fmt.Errorf("panic: %T", broke) // the value could quote a document
			ls.panics.WithLabelValues(l.name).Inc()
			ls.log.Error("a loop broke and goes on", "loop", l.name, "panic", fmt.Sprintf("%T", broke), "stack", string(debug.Stack()))
		}
		if ctx.Err() != nil {
			return // told to stop: whatever went wrong is no news
		}
		l.mu.Lock()
		l.began, l.err, l.beyond = time.Time{}, err, 0
		if broke == nil {
			l.panics = 0
		} else {
			l.panics++
		}
		if err == nil {
			l.good = time.Now()
		}
		l.mu.Unlock()
		ls.tell(l.name, err)
	}()
	return l.round(limited)
}

// failed is what went wrong in one part of a round.
type failed struct {
	what string // it could not do
	err  error
}

func (f *failed) Error() string { return f.what + ": " + store.Message(f.err) }
func (f *failed) Unwrap() error { return f.err }

// part is a part of a round that does not depend on those before it.
type part struct {
	what string
	do   func(ctx context.Context) error
}

// parts are done one after the other. One that fails does not keep the others from being done, unless it would be all the same to them: a server that does
// not answer, or takes no writes.
func parts(ctx context.Context, list ...part) error {
	var errs []error
	for _, p := range list {
		if err := p.do(ctx); err != nil {
			errs = append(errs, &failed{p.what, err})
			if trouble(err) != "" || ctx.Err() != nil {
				break
			}
		}
	}
	return errors.Join(errs...)
}

// tell has the log say what went wrong in a loop's round, or that it goes on.
func (ls *loops) tell(name string, err error) {
	cause := trouble(err)
	for _, t := range troubles {
		if cause == t.key {
			ls.complaints.say(t.key, name, t.text, "loop", name, "error", store.Message(err))
		} else {
			ls.complaints.over(t.key, name, t.over)
		}
	}
	own := name + ":"
	if err == nil || cause != "" {
		ls.complaints.over(own, name, "")
		return
	}
	ls.complaints.say(own, name, "a loop's round failed and is tried again", "loop", name, "error", describe(err))
}

// describe is what the log has of an error: each part of a round with what it could not do.
func describe(err error) string {
	var part *failed
	if errors.As(err, &part) {
		return strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return store.Message(err)
}

// background runs what a round has begun and does not wait for.
func (ls *loops) background(what string, do func()) {
	ls.busy.Go(func() {
		defer func() {
			if broke := recover(); broke != nil {
				ls.panics.WithLabelValues(what).Inc()
				ls.log.Error("work in the background broke", "what", what, "panic", fmt.Sprintf("%T", broke), "stack", string(debug.Stack()))
			}
		}()
		do()
	})
}

// wait returns when every loop has ended, or after so long.
func (ls *loops) wait(within time.Duration) {
	ended := make(chan struct{})
	go func() {
		ls.busy.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(within):
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
