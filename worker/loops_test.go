package worker

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// startLoops runs loops whose rounds may take a tenth of a second.
func startLoops(t *testing.T, list ...*loop) *loops {
	t.Helper()
	ls := newLoops(100*time.Millisecond, slog.New(slog.NewTextHandler(t.Output(), nil)), prometheus.NewRegistry())
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() {
		cancel()
		ls.wait(5 * time.Second)
	})
	for _, l := range list {
		ls.start(ctx, l)
	}
	go ls.watch(ctx)
	return ls
}

// becomes waits for what a function says to hold a text.
func becomes(t *testing.T, says func() string, text string) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got := says()
		if text == "" && got == "" || text != "" && strings.Contains(got, text) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("it says %q, want %q", got, text)
		}
	}
}

// A loop that breaks now and then goes on; one that does nothing else ends the worker.
func TestLoopsThatBreak(t *testing.T) {
	t.Parallel()
	rounds := 0
	ls := startLoops(t,
		&loop{name: "sometimes", every: 10 * time.Millisecond, round: func(context.Context) error {
			if rounds++; rounds == 2 {
				panic("once")
			}
			return nil
		}},
		&loop{name: "always", every: 10 * time.Millisecond, round: func(context.Context) error { panic("a document") }},
	)
	becomes(t, ls.unready, "always for ")
	<-ls.ended
	if why := ls.lost(); why != "the loop always broke 10 times in a row: see the log" {
		t.Error(why)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(ls.panics)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range families[0].GetMetric() {
		if n := m.GetCounter().GetValue(); m.GetLabel()[0].GetValue() == "sometimes" && n != 1 {
			t.Errorf("%g panics are counted", n)
		}
	}
	if text := ls.unready(); strings.Contains(text, "sometimes") || strings.Contains(text, "document") {
		t.Error(text)
	}
}

// A round that waits heeds its deadline and is late; one that does not heed it can only be ended with the process.
func TestLoopsThatHang(t *testing.T) {
	t.Parallel()
	hang, release := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(release) })
	ls := startLoops(t,
		&loop{name: "waits", every: time.Millisecond, round: func(ctx context.Context) error {
			select {
			case <-hang:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}},
		&loop{name: "heedless", every: time.Hour, wake: hang, round: func(context.Context) error {
			select {
			case <-hang:
				<-release
			default:
			}
			return nil
		}},
	)
	becomes(t, ls.unready, "waits for ")
	time.Sleep(time.Second)
	if why := ls.lost(); why != "" {
		t.Errorf("a worker that waits is given up: %s", why)
	}
	close(hang) // wakes the other one, for good
	becomes(t, func() string {
		for _, s := range ls.standings() {
			if s.name == "waits" && s.late {
				return "late"
			}
		}
		return ""
	}, "")
	<-ls.ended
	if why := ls.lost(); !strings.HasPrefix(why, "the loop heedless has hung in one round for ") {
		t.Error(why)
	}
}

// What is wrong with the database is said once, however many loops meet it; the rest ever more rarely.
func TestComplaints(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := newComplaints(slog.New(slog.NewTextHandler(&out, nil)))
	c.say(away, "a", "it does not answer")
	if text := c.trouble(); text != "" {
		t.Errorf("one connection was lost: %s", text)
	}
	for range 100 {
		for _, who := range []string{"a", "b"} {
			c.say(away, who, "it does not answer")
		}
	}
	if c.allows("river: anything") {
		t.Error("River may say in its words what is said already")
	}
	c.over(away, "a", "it answers again")
	c.over(away, "a", "it answers again")
	if c.trouble() == "" {
		t.Error("it is over for one of two")
	}
	c.over(away, "b", "it answers again")
	if c.trouble() != "" || !c.allows("river: anything") || c.allows("river: anything") {
		t.Error("it is not over")
	}
	for range 100 {
		c.say("own", "a", "something else", "error", errors.New("x"))
	}
	for text, want := range map[string]int{"does not answer": 1, "answers again": 1, "something else": 1} {
		if n := strings.Count(out.String(), text); n != want {
			t.Errorf("%q is said %d times: %s", text, n, out.String())
		}
	}
	c.open["own"].next = time.Now()
	c.say("own", "a", "something else")
	if !strings.Contains(out.String(), "times=101") {
		t.Errorf("how often? %s", out.String())
	}
}

// Work does not move: jobs that none fetches although there is room, one that runs on and on, and jobs that all fail.
func TestWorkThatDoesNotMove(t *testing.T) {
	t.Parallel()
	const within = 50 * time.Millisecond
	k := newWork(map[string]river.QueueConfig{"q": {MaxWorkers: 1}}, 200*time.Millisecond)
	waiting := map[string]time.Duration{"q": time.Minute, "somebody else's": time.Hour}
	judged := func(oldest map[string]time.Duration) string {
		if err := k.judge(oldest, within); err != nil {
			return err.Error()
		}
		return ""
	}
	time.Sleep(2 * within)
	if got := judged(waiting); got != "jobs wait in the queue q and none is begun" {
		t.Error(got)
	}
	if k.dead(within) {
		t.Error("given up at once")
	}
	time.Sleep(6 * within)
	if judged(waiting); !k.dead(within) {
		t.Error("a queue from which nothing is fetched is not given up")
	}
	if judged(nil); k.dead(within) {
		t.Error("given up although nothing waits any more")
	}
	as := func(kind string, do func(context.Context) error) error {
		return k.around(t.Context(), &rivertype.JobRow{ID: 1, Kind: kind, Queue: "q"}, do)
	}
	work := func(do func(context.Context) error) error { return as("submit", do) }
	_ = work(func(context.Context) error {
		time.Sleep(2 * within)
		if got := judged(waiting); got != "" {
			t.Errorf("every place is taken: %s", got)
		}
		time.Sleep(200 * time.Millisecond)
		if got := judged(nil); !strings.HasPrefix(got, "a job submit has been running for ") {
			t.Error(got)
		}
		return nil
	})
	if got := judged(map[string]time.Duration{"q": within / 2}); got != "" {
		t.Error(got)
	}
	for range 3 {
		_ = work(func(context.Context) error { return errors.New("failed: see the log") })
		time.Sleep(within)
	}
	if got := judged(nil); got != "" {
		t.Errorf("the portal's failures are taken for ours: %s", got)
	}
	for range 3 {
		_ = work(func(context.Context) error { return errors.New("SQLSTATE 55P03") })
		_ = as("validate", func(context.Context) error { return nil }) // which helps it nothing
		time.Sleep(within)
	}
	if got := judged(nil); !strings.HasPrefix(got, "every job submit has failed for ") || !strings.HasSuffix(got, "s: SQLSTATE 55P03") {
		t.Error(got)
	}
	_ = work(func(context.Context) error { return nil })
	if got := judged(nil); got != "" {
		t.Error(got)
	}
}
