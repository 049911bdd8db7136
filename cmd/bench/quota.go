package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/store"
)

const (
	quota   = 20                 // requests in any sliding second, as PISTE grants them
	pace    = quota * store.Pace // of which so many a second are spent
	token   = "token"            // the operation that the quota does not count
	spinFor = 10 * time.Minute   // a busy loop ends by itself, should nobody end it
)

// sharedQuota lets a fleet spend the quota on a backlog, twice: on a machine that is otherwise idle, and on one whose every core is busy with something else.
func sharedQuota(ctx context.Context, w *workshop) ([]figure, error) {
	var figures []figure
	for _, busy := range []bool{false, true} {
		fs, err := spend(ctx, w, busy)
		if err != nil {
			return nil, err
		}
		figures = append(figures, fs...)
	}
	return figures, nil
}

func spend(ctx context.Context, w *workshop, busy bool) (_ []figure, err error) {
	how := "otherwise idle"
	if busy {
		how = "cores saturated"
	}
	w.say("quota: %d workers, %s, %s …", w.size.workers, w.size.backlog, how)
	f, err := w.fleet(ctx, "-quota", strconv.Itoa(quota))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	prefer(f.sim.Process.Pid)
	if busy {
		stop, err := saturate(ctx)
		if err != nil {
			return nil, err
		}
		defer stop()
	}
	// More than enough for the whole time, were each request a deposit.
	rows := int(2 * (w.size.settling + w.size.backlog).Seconds() * quota)
	if err := f.insert(ctx, "default", rows); err != nil {
		return nil, err
	}
	if err := f.hire(ctx, w.size.workers, "CHORISTE_QUOTA="+strconv.Itoa(quota)); err != nil {
		return nil, err
	}
	if err := sleep(ctx, w.size.settling); err != nil {
		return nil, err
	}
	from := time.Now()
	if err := sleep(ctx, w.size.backlog); err != nil {
		return nil, err
	}
	to := time.Now()
	requests, err := f.ledger(ctx, "request")
	if err != nil {
		return nil, err
	}
	answers, err := f.ledger(ctx, "answer")
	if err != nil {
		return nil, err
	}
	arrived := arrivals(requests)
	spent := 0
	for _, at := range arrived {
		if !at.Before(from) && at.Before(to) {
			spent++
		}
	}
	refused := 0
	for _, a := range answers {
		if a.Status == http.StatusTooManyRequests {
			refused++
		}
	}
	return []figure{
		least("quota", "share of the pace used, "+how, 100*float64(spent)/(pace*to.Sub(from).Seconds()), "%", 99),
		bar("quota", "most requests in a sliding second, "+how, float64(mostInASecond(arrived)), "", quota),
		bar("quota", "requests answered 429, "+how, float64(refused), "", 0),
		fact("quota", "requests, "+how, float64(len(arrived)), ""),
	}, nil
}

// arrivals are the moments at which requests that the quota counts came in, in order.
func arrivals(requests []chorustest.Entry) (at []time.Time) {
	for _, r := range requests {
		if r.Op != token {
			at = append(at, r.At)
		}
	}
	slices.SortFunc(at, time.Time.Compare)
	return at
}

// mostInASecond is the largest number in any sliding second, half open: two that are exactly a second apart are not in the same one.
func mostInASecond(at []time.Time) (most int) {
	first := 0
	for k := range at {
		for at[k].Sub(at[first]) >= time.Second {
			first++
		}
		most = max(most, k-first+1)
	}
	return most
}

// saturate keeps every core busy with processes that do nothing else, until stop.
func saturate(ctx context.Context) (stop func(), err error) {
	var loops []*exec.Cmd
	stop = func() {
		for _, l := range loops {
			_ = l.Process.Kill()
			_ = l.Wait()
		}
	}
	for range runtime.NumCPU() {
		loop := exec.CommandContext(ctx, "sh", "-c", fmt.Sprintf(`end=$(( $(date +%%s) + %d )); while :; do n=0; while [ $n -lt 1000000 ]; do n=$((n+1)); done; [ $(date +%%s) -lt $end ] || exit; done`, int(spinFor.Seconds())))
		if err := loop.Start(); err != nil {
			stop()
			return nil, err
		}
		loops = append(loops, loop)
	}
	return stop, nil
}

// prefer gives a process precedence over all others, thread by thread, where the system has such a thing and we may. The portal is on no machine of ours:
// what it waits for a core here would look like requests that come together.
func prefer(pid int) {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return
	}
	for _, t := range threads {
		if tid, err := strconv.Atoi(t.Name()); err == nil {
			preferThread(tid) // new threads inherit it
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
