package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/choriste/choriste/internal/lab/naive"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// storm lasts until everything was inserted and deposited, or was tried for long enough; the faults go on meanwhile, and the invariants are asked once a
// second.
func (t *trial) storm(ctx context.Context, inserted <-chan error) error {
	longest := 15 * time.Minute
	if t.cfg.special != "" { // a mutant, or its circumstances
		longest = t.cfg.patience
	}
	done := false
	tick := time.NewTimer(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-inserted:
			if err != nil {
				return err
			}
			done, inserted = true, nil
		case <-tick.C:
			open, err := t.look(ctx)
			if err != nil {
				return err
			}
			tick.Reset(t.rest())
			if exits := t.fleet.selfEnded(); len(exits) > 20 {
				return fmt.Errorf("the workers do not live: %s (see their logs)", exits[len(exits)-1].text)
			}
			enough := open >= 0 && open <= t.cfg.Invoices/50
			since := time.Since(t.began)
			if t.foundOut() || done && since >= t.cfg.Duration && t.harm.struck() && (enough || since > max(longest, t.cfg.Duration)) {
				return nil
			}
		}
	}
}

// rest is how long nothing is asked after a sample: a second, or longer where that would take more than a fifth of the time from what is judged.
func (t *trial) rest() time.Duration { return max(time.Second, 4*t.latest) }

// settle waits until nothing moves any more, faults being over; or until a mutant has shown itself, if the episodes are to show it.
func (t *trial) settle(ctx context.Context) error {
	early := slices.DeleteFunc(slices.Clone(t.cfg.shown), func(name string) bool { return !slices.Contains(ofEpisodes, name) })
	deadline := time.Now().Add(time.Duration(t.slowness() * float64(t.cfg.patience)))
	for !t.foundOut() {
		if _, err := t.look(ctx); err != nil {
			return err
		}
		open, err := t.unsettled(ctx)
		if len(early) > 0 {
			open, err = 1, t.askEarly(ctx, early)
		}
		if err == nil && open == 0 {
			t.settled = time.Now()
			return nil
		}
		if time.Now().After(deadline) {
			t.settled = deadline
			return nil // L will say so
		}
		if t.foundOut() {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(t.rest()):
		}
	}
	t.settled = time.Now()
	return nil
}

// ofEpisodes are the invariants that are asked at the end, although all that they judge is known when the episodes have been played, or soon after.
var ofEpisodes = []string{"Q", "B", "R", "P", "M"}

// askEarly asks some invariants with what the harness knows by now, which is brought again at the end.
func (t *trial) askEarly(ctx context.Context, early []string) error {
	tx, err := t.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if err := t.bring(ctx, tx); err != nil {
		return err
	}
	found, err := evaluate(ctx, tx, true, early)
	for _, v := range found {
		t.note(v)
	}
	return err
}

// foundOut tells that a mutant has shown itself.
func (t *trial) foundOut() bool {
	return slices.ContainsFunc(t.cfg.shown, func(name string) bool { return t.found[name].Rows > 0 })
}

// unsettled counts the rows that L does not allow at the end.
func (t *trial) unsettled(ctx context.Context) (n int, err error) {
	if t.cfg.Naive {
		return naive.Open(ctx, t.pool)
	}
	err = t.pool.QueryRow(ctx, `
		SELECT count(*) FROM chorus.invoices WHERE state IN ('received', 'ready', 'sending', 'in_doubt', 'deposited', 'integrated')`).Scan(&n)
	return n, err
}

// longestAway is how long no sample may succeed: the harness keeps the database away for a few seconds only.
const longestAway = time.Minute

// shown are the states of the progress line, in the order of an invoice's life.
var shown = []string{"received", "ready", "sending", "in_doubt", "deposited", "integrated", "settled", "rejected", "parked"}

// look takes one sample and prints one line. It returns how many rows have not been sent yet, -1 when the database is away.
func (t *trial) look(ctx context.Context) (open int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	began := time.Now()
	var states map[string]int
	var found []violation
	if found, err = t.obs.sample(ctx, false); err == nil {
		states, err = t.states(ctx)
	}
	line := fmt.Sprintf("%4.0fs  ", time.Since(t.began).Seconds())
	switch {
	case err == nil:
		t.samples++
		t.lastSample = time.Now()
		for _, s := range shown {
			if n := states[s]; n > 0 {
				line += fmt.Sprintf("%s %d  ", s, n)
			}
		}
		open = states["received"] + states["ready"] + states["sending"] + max(0, t.cfg.Invoices-int(t.in.done.Load()))
		for _, v := range found {
			t.note(v)
			line += fmt.Sprintf("%s VIOLATED %d  ", v.Invariant, v.Rows)
		}
	case away(err) && time.Since(t.lastSample) < longestAway:
		open = -1
		line += "database away  "
	case away(err):
		return 0, fmt.Errorf("the database has not answered the harness for %s, and it was told to be away for seconds: is the machine overloaded? %w", longestAway, err)
	default:
		return 0, err
	}
	line += fmt.Sprintf("| %d/s |", t.rate())
	total := t.harm.total()
	for _, kind := range FaultNames() {
		if total[kind] > 0 {
			line += fmt.Sprintf(" %s %d", kind, total[kind])
		}
	}
	t.latest = time.Since(began)
	t.slowest = max(t.slowest, t.latest)
	t.sayLine(line)
	return open, nil
}

func (t *trial) sayLine(line string) { _, _ = fmt.Fprintln(t.progress, strings.TrimRight(line, " |")) }

// note keeps the first words of each violated invariant.
func (t *trial) note(v violation) {
	if old, known := t.found[v.Invariant]; known {
		v.Rows, v.Samples = max(old.Rows, v.Rows), old.Samples
	}
	t.found[v.Invariant] = v
}

func (t *trial) states(ctx context.Context) (map[string]int, error) {
	table := "chorus.invoices"
	if t.cfg.Naive {
		table = "naive.invoices"
	}
	rows, err := t.pool.Query(ctx, `SELECT state, count(*)::int FROM `+table+` GROUP BY state`)
	if err != nil {
		return nil, err
	}
	states := map[string]int{}
	var state string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&state, &n}, func() error {
		states[state] = n
		return nil
	})
	return states, err
}

// rate is the deposits in the last whole second of the ledger.
func (t *trial) rate() int {
	n := 0
	now := time.Now()
	t.obs.recent = slices.DeleteFunc(t.obs.recent, func(at time.Time) bool { return now.Sub(at) > 2*time.Second })
	for _, at := range t.obs.recent {
		if now.Sub(at) > time.Second {
			n++
		}
	}
	return n
}

// away tells that the database was down, or became so: a later sample will do.
func away(err error) bool {
	if isFatal(err) || errors.Is(err, context.Canceled) {
		return false
	}
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return true
	}
	return slices.Contains([]string{"08", "53", "57", "40"}, refused.Code[:2])
}
