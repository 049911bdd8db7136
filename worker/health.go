package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/choriste/choriste/store"
)

// standing is how a loop is at a moment.
type standing struct {
	name  string
	since time.Duration // the end of its last good round
	late  bool
	cause string // of its last failure, without names or secrets
	under time.Duration
}

// look tells how the loop is. It is late when its next good round should have ended, four fifths of a deadline ago or more: before the deadline itself ends
// a round that hangs, so that it is seen to hang.
func (l *loop) look(now time.Time) standing {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := standing{name: l.name, since: now.Sub(l.good)}
	s.late = s.since > l.every+l.within*4/5 || l.urgent && l.err != nil && trouble(l.err) == ""
	if !l.began.IsZero() {
		s.under = now.Sub(l.began)
	}
	switch {
	case l.err != nil:
		s.cause = brief(l.err)
	case s.under > l.within/2:
		s.cause = "waiting"
	}
	return s
}

// brief is what everybody may read of an error.
func brief(err error) string {
	var still standstill
	if errors.As(err, &still) {
		return still.Error()
	}
	var unfit *store.Fault // of migrations.Check: it names versions
	if errors.As(err, &unfit) && !unfit.Passes() {
		return unfit.Error()
	}
	return store.Brief(err)
}

// standings are how all loops are.
func (ls *loops) standings() []standing {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	now := time.Now()
	list := make([]standing, len(ls.list))
	for k, l := range ls.list {
		list[k] = l.look(now)
	}
	return list
}

// unready says in one line why work does not go on, or "".
func (ls *loops) unready() string {
	var reasons []string
	trouble := ls.complaints.trouble()
	if trouble != "" {
		reasons = append(reasons, trouble)
	}
	var late []string
	for _, s := range ls.standings() {
		if !s.late {
			continue
		}
		text := fmt.Sprintf("%s for %s", s.name, s.since.Round(time.Second))
		if s.cause != "" && !strings.HasPrefix(trouble, s.cause) {
			text += " (" + s.cause + ")"
		}
		late = append(late, text)
	}
	if len(late) > 0 {
		reasons = append(reasons, "no good round of "+strings.Join(late, ", "))
	}
	return strings.Join(reasons, "; ")
}

// watch looks after the loops until ctx ends: that lateness is said when it begins and when it ends, and that a worker which only a restart can help says so
// and ends.
func (ls *loops) watch(ctx context.Context) {
	ticker := time.NewTicker(min(lookEvery, ls.within/5))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			ls.look(min(lookEvery, ls.within/5))
		}
	}
}

func (ls *loops) look(apart time.Duration) {
	ls.mu.Lock()
	list := append([]*loop(nil), ls.list...)
	ls.mu.Unlock()
	var begun, ended []string
	for _, l := range list {
		s := l.look(time.Now())
		l.mu.Lock()
		switch {
		case s.late && !l.late:
			begun = append(begun, s.name)
		case !s.late && l.late:
			ended = append(ended, s.name)
		}
		l.late = s.late
		// Looks are counted, not time: a process that was stopped for an hour has not waited for an hour.
		l.beyond++
		if s.under <= l.within {
			l.beyond = 0
		}
		stuck := time.Duration(l.beyond)*apart >= (stuckRounds-1)*l.within
		panics := l.panics
		l.mu.Unlock()
		switch {
		case stuck:
			ls.fail(fmt.Sprintf("the loop %s has hung in one round for %s and does not heed its deadline of %s", s.name, s.under.Round(time.Second), l.within))
		case panics >= mostPanics:
			ls.fail(fmt.Sprintf("the loop %s broke %d times in a row: see the log", s.name, panics))
		}
	}
	if len(begun) > 0 {
		ls.log.Warn("loops are late: /readyz says how it goes on", "loops", strings.Join(begun, " "))
	}
	if len(ended) > 0 {
		ls.log.Info("loops are in time again", "loops", strings.Join(ended, " "))
	}
}

// fail says once that only a restart helps.
func (ls *loops) fail(why string) {
	if ls.fatal.CompareAndSwap(nil, &why) {
		close(ls.ended)
	}
}

// lost is why only a restart helps, or "".
func (ls *loops) lost() string {
	if why := ls.fatal.Load(); why != nil {
		return *why
	}
	return ""
}

// loopGauges show how the loops are when they are read; they ask nothing of the database.
type loopGauges struct{ *loops }

var (
	goodDesc = prometheus.NewDesc("choriste_loop_last_success_timestamp_seconds", "When a loop of this worker ended its last good round, in Unix time.", []string{"loop"}, nil)
	lateDesc = prometheus.NewDesc("choriste_loop_late", "1 while a loop of this worker has had no good round for longer than it may.", []string{"loop"}, nil)
)

func (g loopGauges) Describe(ch chan<- *prometheus.Desc) {
	ch <- goodDesc
	ch <- lateDesc
}

func (g loopGauges) Collect(ch chan<- prometheus.Metric) {
	for _, s := range g.standings() {
		at := time.Now().Add(-s.since)
		ch <- prometheus.MustNewConstMetric(goodDesc, prometheus.GaugeValue, float64(at.UnixMilli())/1000, s.name)
		late := 0.0
		if s.late {
			late = 1
		}
		ch <- prometheus.MustNewConstMetric(lateDesc, prometheus.GaugeValue, late, s.name)
	}
}
