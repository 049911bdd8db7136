package store_test

import (
	"testing"
	"time"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// The clock is set forward, and the next that is asked for is the age of an attempt: no comparison has come between. It is no older for that, what was looked up
// before counts no more, and what was suspect stays so.
func TestNoAgeIsReadFromAClockThatWasSet(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	clock, err := storetest.NewClock(t.Context(), b.owner.Config().ConnString())
	must(t, err)
	t.Cleanup(clock.Close)
	b.worker.Pool().Reset()
	b.owner.Reset()
	var steps []time.Duration
	must(t, b.worker.WatchClock(t.Context(), func(by time.Duration) { steps = append(steps, by) }))
	id := b.ready(t, "default")
	a := b.sent(t, id, "default", false)
	must(t, b.worker.Finish(t.Context(), a, store.Ending{Outcome: store.Ambiguous, To: store.InDoubt}))
	inv, err := b.worker.Take(t.Context(), id, b.claim(t, store.StepResolve, "default")[id], store.InDoubt, time.Hour)
	must(t, err)
	must(t, b.worker.Resolve(t.Context(), inv, a, store.Lookup{Complete: true, Absent: true}, store.Doubt{To: store.InDoubt}))
	_, err = b.owner.Exec(t.Context(), `UPDATE chorus.installation SET suspect_until = clock_timestamp() + interval '1 hour'`)
	must(t, err)
	read := func() store.Attempt {
		t.Helper()
		all, err := b.worker.Attempts(t.Context(), id)
		must(t, err)
		return all[0]
	}
	if a := read(); len(a.Lookups) != 1 || len(steps) != 0 {
		t.Fatalf("before: %+v, steps %v", a, steps)
	}
	must(t, clock.Advance(t.Context(), 9*time.Hour))
	if a := read(); a.Age < 0 || a.Age > time.Minute || len(a.Lookups) != 0 {
		t.Errorf("it is %s old, with the look-ups %v", a.Age, a.Lookups)
	}
	if len(steps) != 1 || steps[0] < 9*time.Hour-time.Minute || steps[0] > 9*time.Hour {
		t.Errorf("the steps are %v", steps)
	}
	var suspect bool
	must(t, b.owner.QueryRow(t.Context(), `SELECT suspect_until > clock_timestamp() + interval '50 minutes' FROM chorus.installation`).Scan(&suspect))
	if !suspect {
		t.Error("what is inserted is not suspected any more")
	}
	if _, err := b.worker.Knows(t.Context(), b.memory, ""); err != nil || len(steps) != 1 {
		t.Errorf("a comparison: %v, steps %v", err, steps)
	}
}
