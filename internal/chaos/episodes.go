package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// An episode is harm that needs stillness around it to be judged: the portal is calm, no worker is killed, and the application inserts a few good invoices
// a second. Each is played once in a run, in an order that the seed draws.
type episode struct {
	name string
	play func(*trial, context.Context) error
}

var episodes = []episode{
	{"rewind-restore", (*trial).rewindRestore},
	{"rewind-clean", (*trial).rewindClean},
	{"rewind-invoices", (*trial).rewindInvoices},
	{"rewind-attempts", (*trial).rewindAttempts},
	{"rewind-copy", (*trial).rewindCopy},
	{"rewind-under", (*trial).rewindUnder},
	{"rewind-standby", (*trial).rewindStandby},
	{"blackhole-database", (*trial).blackholeDatabase},
	{"blackhole-portal", (*trial).blackholePortal},
	{"slow", (*trial).slow},
	{"readonly", (*trial).readonly},
	{"isolation", (*trial).isolation},
	{"pgbouncer", (*trial).pgbouncer},
	{"poison-rows", (*trial).poisonRows},
	{"poison-answers", (*trial).poisonAnswers},
	{"blank", (*trial).blankSearch},
	{"settings", (*trial).changedSettings},
	{"clock", (*trial).clockStep},
}

// stage is what the episodes leave to be judged.
type stage struct {
	mu       sync.Mutex
	played   []played
	rewinds  []rewind
	cuts     []cut
	refusals []refusal
	noises   []noise
	skipped  []string // what could not be met here, and why
}

// played is one episode: when it was, and when every worker that it hit was known to work again.
type played struct {
	name         string
	began, ended time.Time
	slot         int       // the one it hit; all: everyone
	still        bool      // whatever was inserted meanwhile must not wait for it
	back         time.Time // zero: never seen
	allowed      time.Duration
}

// everyone stands for all slots.
const everyone = -1

// cut is a time in which a worker could not use its database.
type cut struct {
	slot         int
	began, ended time.Time
	whole        bool // in all that time nothing got through; else it only may have been disturbed
}

// noise is how many warnings and errors a worker logged while something was wrong for so long.
type noise struct {
	what    string
	slot    int
	lines   int
	seconds float64
	most    float64 // lines a second that are allowed
}

// playEpisodes plays those that were chosen, and asks the invariants meanwhile.
func (t *trial) playEpisodes(ctx context.Context) error {
	chosen, _ := t.cfg.faults()
	var list []episode
	for _, e := range episodes {
		if chosen[e.name] {
			list = append(list, e)
		}
	}
	if len(list) == 0 {
		return nil
	}
	chance := stream(t.cfg.Seed, "episodes")
	chance.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	inserting, enough := context.WithCancel(ctx)
	var busy sync.WaitGroup
	defer busy.Wait()
	defer cancel()
	inserted, done := make(chan error, 1), make(chan error, 1)
	busy.Go(func() { inserted <- t.in.trickle(inserting) })
	go func() {
		defer enough()
		for _, e := range list {
			t.say("episode %s", e.name)
			began := time.Now()
			if err := e.play(t, ctx); err != nil {
				done <- fmt.Errorf("%s: %w", e.name, err)
				return
			}
			t.harm.count(e.name, true)
			t.say("episode %s took %.1f s", e.name, time.Since(began).Seconds())
		}
		done <- nil
	}()
	tick := time.NewTimer(time.Second)
	defer tick.Stop()
	for !t.foundOut() {
		select {
		case err := <-done:
			enough()
			return errors.Join(err, <-inserted)
		case <-tick.C:
			if _, err := t.look(ctx); err != nil {
				return err
			}
			tick.Reset(t.rest())
		}
	}
	// A mutant has shown itself. What is being played ends with ctx.
	cancel()
	_, _ = <-done, <-inserted
	return nil
}

// record notes an episode. It waits until deposits flow again: of the worker that was hit, or of anyone.
func (t *trial) record(ctx context.Context, p played) error {
	if p.ended.IsZero() {
		p.ended = time.Now()
	}
	if p.allowed == 0 {
		p.allowed = t.moment()
	}
	back, err := t.depositsAgain(ctx, p.slot, p.ended, p.allowed)
	p.back = back
	if err == nil && p.still {
		// What the next episode does is not held against this one.
		err = t.allLeft(ctx, p.began)
	}
	t.stage.mu.Lock()
	defer t.stage.mu.Unlock()
	t.stage.played = append(t.stage.played, p)
	return err
}

func (t *trial) cutOff(c cut) {
	t.stage.mu.Lock()
	defer t.stage.mu.Unlock()
	t.stage.cuts = append(t.stage.cuts, c)
}

// depositsAgain waits until a deposit was begun after a moment: by the worker of a slot, or by anyone. Zero: it was not seen in a little more than the
// time that is allowed.
func (t *trial) depositsAgain(ctx context.Context, slot int, after time.Time, allowed time.Duration) (time.Time, error) {
	for limit := after.Add(allowed + 5*time.Second); time.Now().Before(limit); {
		worker := "%"
		if slot != everyone {
			worker = "nobody"
			if p := t.fleet.in(slot); p != nil {
				worker = p.name
			}
		}
		var at *time.Time
		err := t.pool.QueryRow(ctx, `
			SELECT min(claimed_at) FROM chorus.attempts WHERE claimed_at > $1 AND worker LIKE $2 AND worker <> 'quarantine' AND outcome = 'ACCEPTED'`,
			after, worker).Scan(&at)
		if err == nil && at != nil {
			return *at, nil
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return time.Time{}, err
		}
	}
	return time.Time{}, nil
}

// allLeft waits until all that was inserted since has been sent, for no longer than it may.
func (t *trial) allLeft(ctx context.Context, since time.Time) error {
	for limit := time.Now().Add(t.moment()); time.Now().Before(limit); {
		var open int
		err := t.pool.QueryRow(ctx, `SELECT count(*) FROM chorus.invoices WHERE created_at BETWEEN $1 AND $2 AND state IN ('received', 'ready', 'sending')`, since, limit.Add(-t.moment())).Scan(&open)
		if err == nil && open == 0 {
			return nil
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// pause waits, and ends early with ctx.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// listen notes how often every worker complained while something was wrong.
func (t *trial) listen(what string, since logs, began time.Time, most float64) error {
	for slot := range t.cfg.Workers {
		lines, err := t.logged(slot, since)
		if err != nil {
			return err
		}
		complaints := 0
		for _, line := range lines {
			if strings.Contains(line, `"level":"WARN"`) || strings.Contains(line, `"level":"ERROR"`) {
				complaints++
			}
		}
		t.stage.mu.Lock()
		t.stage.noises = append(t.stage.noises, noise{what, slot, complaints, time.Since(began).Seconds(), most})
		t.stage.mu.Unlock()
	}
	return nil
}

// skip notes what this machine cannot show.
func (t *trial) skip(format string, args ...any) {
	t.stage.mu.Lock()
	defer t.stage.mu.Unlock()
	t.stage.skipped = append(t.stage.skipped, fmt.Sprintf(format, args...))
	t.say(format, args...)
}

// hit lists the slots that an episode takes, from the first on.
func (t *trial) hit(n int) []int {
	var all []int
	for slot := range min(n, t.cfg.Workers) {
		all = append(all, slot)
	}
	return slices.Clone(all)
}
