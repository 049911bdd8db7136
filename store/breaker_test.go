package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/choriste/choriste/store"
)

const (
	portal      = "portal/p"
	application = "application/a"
	unit        = time.Second
)

// newWeather is a bench whose account is behind two breakers.
func newWeather(t *testing.T) *bench {
	b := newBench(t)
	must(t, b.worker.Slots(t.Context(), 16))
	must(t, b.worker.EnsureBreakers(t.Context(), []store.Breaker{
		{Key: portal, Scope: store.ScopePortal, Name: "api.example"}, {Key: application, Scope: store.ScopeApplication, Name: "default"},
	}, map[string][]string{"default": {portal, application}}))
	return b
}

// begin tries T1 of a new row, which need not be dispatched: T1 itself must refuse.
func (b *bench) begin(t *testing.T) (store.Attempt, error) {
	id := b.ready(t, "default")
	_, err := b.worker.Pool().Exec(t.Context(), `UPDATE chorus.invoices SET claim = $2, claimed_until = 'infinity' WHERE id = $1`, id, b.next())
	must(t, err)
	inv, err := b.worker.Take(t.Context(), id, b.counter, store.Ready, time.Hour)
	must(t, err)
	in := b.intent(false)
	in.Unit = unit
	return b.worker.Begin(t.Context(), inv, in)
}

func (b *bench) ends(t *testing.T, a store.Attempt, outcome store.Outcome) {
	e := store.Ending{Outcome: outcome, To: store.InDoubt, ReasonCode: "TEST"}
	if outcome == store.Accepted {
		e = store.Ending{Outcome: outcome, NumeroFlux: a.ID.String(), To: store.Deposited}
	}
	must(t, b.worker.Finish(t.Context(), a, e))
}

func (b *bench) state(t *testing.T, key string) string {
	list, err := b.worker.Breakers(t.Context())
	must(t, err)
	for _, s := range list {
		if s.Key == key {
			return s.State
		}
	}
	t.Fatalf("no breaker %s", key)
	return ""
}

// pass lets time pass for the breakers: everything they wait for is due so much earlier.
func (b *bench) pass(t *testing.T, d time.Duration) {
	_, err := b.worker.Pool().Exec(t.Context(), `
		UPDATE chorus.breakers
		SET since = since - $1::interval, next_at = next_at - $1::interval, trial_at = trial_at - $1::interval, probing_until = probing_until - $1::interval,
		    closed_at = closed_at - $1::interval`, d)
	must(t, err)
}

func TestABreakerOpensTriesAndCloses(t *testing.T) {
	b := newWeather(t)
	first, err := b.begin(t)
	must(t, err)
	second, err := b.begin(t)
	must(t, err)
	b.ends(t, first, store.Ambiguous)
	opened, err := b.worker.DepositFailed(t.Context(), portal, "portal", first.ID, unit)
	if must(t, err); !opened || b.state(t, portal) != "open" {
		t.Fatalf("after a failure it is %s", b.state(t, portal))
	}
	if opened, err := b.worker.DepositFailed(t.Context(), portal, "portal", second.ID, unit); err != nil || opened {
		t.Errorf("it opened twice (%v)", err)
	}
	if _, err := b.begin(t); !errors.Is(err, store.ErrHeld) {
		t.Errorf("while it is open, T1 says %v", err)
	}
	if claims := b.claim(t, store.StepSubmit, "default"); len(claims) > 0 {
		t.Errorf("%d rows are given to jobs meanwhile", len(claims))
	}
	b.probes(t, 1)
	b.probes(t, 0) // the other process does not
	_, err = b.worker.ProbeFailed(t.Context(), portal, "portal", unit)
	must(t, err)
	b.probes(t, 0) // not before a unit has passed
	b.pass(t, unit)
	b.probes(t, 1)
	b.answers(t, "closed")
	b.ends(t, second, store.Ambiguous)
	if opened, err := b.worker.DepositFailed(t.Context(), portal, "portal", second.ID, unit); err != nil || opened {
		t.Errorf("one that was sent before the probe opened it again (%v)", err)
	}
	b.fails(t)
	b.answers(t, "trial") // the second one that failed, with no answer in between
	b.tries(t, 1)

	b.pass(t, 15*unit)
	trial := b.tries(t, 1)
	b.ends(t, trial, store.Ambiguous)
	_, err = b.worker.DepositFailed(t.Context(), portal, "portal", trial.ID, unit)
	must(t, err)
	b.probes(t, 1)
	b.answers(t, "trial")
	b.tries(t, 0) // spaced now
	b.pass(t, 2*unit)
	trial = b.tries(t, 1)
	b.ends(t, trial, store.Accepted)
	closed, err := b.worker.DepositAnswered(t.Context(), []string{portal, application}, trial.ID)
	if must(t, err); !closed || b.state(t, portal) != "closed" {
		t.Fatalf("after an accepted trial it is %s", b.state(t, portal))
	}

	// Four more than are in the air already may go, until something is answered.
	third, err := b.begin(t)
	must(t, err)
	for range 3 {
		_, err = b.begin(t)
		must(t, err)
	}
	if _, err := b.begin(t); !errors.Is(err, store.ErrHeld) {
		t.Errorf("recovery does not ramp: %v", err)
	}
	b.ends(t, third, store.Accepted)
	_, err = b.worker.DepositAnswered(t.Context(), []string{portal, application}, third.ID)
	must(t, err)
	for range 2 {
		_, err = b.begin(t)
		must(t, err)
	}
	b.fails(t)
	b.answers(t, "closed") // one that was answered is between them
}

// fails has a new deposit fail, which opens the breaker and has it probed.
func (b *bench) fails(t *testing.T) {
	t.Helper()
	a, err := b.begin(t)
	must(t, err)
	b.ends(t, a, store.Ambiguous)
	if opened, err := b.worker.DepositFailed(t.Context(), portal, "portal", a.ID, unit); err != nil || !opened {
		t.Fatalf("it did not open: %v", err)
	}
	b.probes(t, 1)
}

// answers has the probe answered, and expects the portal's breaker to be in this state afterwards.
func (b *bench) answers(t *testing.T, want string) {
	t.Helper()
	closed, err := b.worker.ProbeAnswered(t.Context(), []string{portal, application})
	if must(t, err); b.state(t, portal) != want || closed != (want == "closed") {
		t.Fatalf("after a healthy probe it is %s, want %s", b.state(t, portal), want)
	}
}

// probes expects so many to be due, of the portal's breaker.
func (b *bench) probes(t *testing.T, want int) {
	t.Helper()
	due, err := b.worker.TakeProbes(t.Context(), []string{portal, application}, time.Minute)
	must(t, err)
	if len(due) != want || want == 1 && due[0] != portal {
		t.Fatalf("probes due: %v", due)
	}
}

// tries has many begin at once and expects so many to get through; it returns the last one.
func (b *bench) tries(t *testing.T, want int) (through store.Attempt) {
	t.Helper()
	type result struct {
		a   store.Attempt
		err error
	}
	results := make(chan result, 6)
	invoices := make([]store.Invoice, 6)
	for k := range invoices {
		id := b.ready(t, "default")
		_, err := b.worker.Pool().Exec(t.Context(), `UPDATE chorus.invoices SET claim = $2, claimed_until = 'infinity' WHERE id = $1`, id, b.next())
		must(t, err)
		invoices[k], err = b.worker.Take(t.Context(), id, b.counter, store.Ready, time.Hour)
		must(t, err)
	}
	var wg sync.WaitGroup
	for _, inv := range invoices {
		in := b.intent(false)
		in.Unit = unit
		wg.Go(func() {
			a, err := b.worker.Begin(t.Context(), inv, in)
			results <- result{a, err}
		})
	}
	wg.Wait()
	close(results)
	n := 0
	for r := range results {
		switch {
		case r.err == nil:
			n++
			through = r.a
			if !r.a.Tried {
				t.Error("a trial does not know that it is one")
			}
		case !errors.Is(r.err, store.ErrHeld):
			t.Error(r.err)
		}
	}
	if n != want {
		t.Fatalf("%d deposits began, want %d", n, want)
	}
	return through
}

// A deposit that hung says nothing about a portal that has answered a later one.
func TestALaterAnswerOutweighsAnEarlierFailure(t *testing.T) {
	b := newWeather(t)
	hung, err := b.begin(t)
	must(t, err)
	later, err := b.begin(t)
	must(t, err)
	b.ends(t, later, store.Accepted)
	b.ends(t, hung, store.Ambiguous)
	if opened, err := b.worker.DepositFailed(t.Context(), portal, "network", hung.ID, unit); err != nil || opened {
		t.Fatalf("it opened: %v", err)
	}
	// And the other way round: it opens first, and the answer to the later one closes it.
	hung, err = b.begin(t)
	must(t, err)
	later, err = b.begin(t)
	must(t, err)
	b.ends(t, hung, store.Ambiguous)
	if opened, err := b.worker.DepositFailed(t.Context(), portal, "network", hung.ID, unit); err != nil || !opened {
		t.Fatalf("it did not open: %v", err)
	}
	b.ends(t, later, store.Accepted)
	if closed, err := b.worker.DepositAnswered(t.Context(), []string{portal, application}, later.ID); err != nil || !closed {
		t.Fatalf("it did not close: %v", err)
	}
}

// A deposit on trial is one that was never sent, while there is one: an outage that lost an invoice twice would leave it to a person.
func TestATrialIsOneThatWasNeverSent(t *testing.T) {
	b := newWeather(t)
	lost, other := b.ready(t, "default"), b.ready(t, "default")
	exec := func(statement string, args ...any) {
		t.Helper()
		_, err := b.owner.Exec(t.Context(), statement, args...)
		must(t, err)
	}
	exec(`ALTER TABLE chorus.invoices DISABLE TRIGGER USER`) // its attempt was proven absent
	exec(`UPDATE chorus.invoices SET attempt_no = 1 WHERE id = $1`, lost)
	exec(`UPDATE chorus.breakers SET state = 'trial', since = clock_timestamp(), trial_at = clock_timestamp() WHERE key = $1`, portal)
	if claims := b.claim(t, store.StepSubmit, "default"); len(claims) != 1 || claims[other] == 0 {
		t.Errorf("on trial: %v, want the row %d", claims, other)
	}
	exec(`UPDATE chorus.invoices SET due_at = 'infinity' WHERE id = $1`, other)
	if claims := b.claim(t, store.StepSubmit, "default"); len(claims) != 1 || claims[lost] == 0 {
		t.Errorf("on trial with no other: %v, want the row %d", claims, lost)
	}
}

// A trial whose worker has died, or that hangs, does not keep the next one away for ever; each such makes them rarer.
func TestATrialThatSaysNothing(t *testing.T) {
	b := newWeather(t)
	b.fails(t)
	b.answers(t, "closed")
	b.fails(t)
	b.answers(t, "trial")
	b.tries(t, 1)
	b.tries(t, 0)
	b.pass(t, 15*unit)
	dead := b.tries(t, 1)
	b.ends(t, dead, store.NotSent)
	must(t, b.worker.DepositSilent(t.Context(), []string{portal, application}, dead.ID))
	b.tries(t, 1) // at once: nothing was shown
}

// An outage is one event when it begins and one when it is over, whoever looks, and none when it is short.
func TestAnOutageIsOneEvent(t *testing.T) {
	b := newWeather(t)
	b.ready(t, "default")
	tend := func() int {
		announced, err := b.worker.Tend(t.Context(), unit, 60*unit)
		must(t, err)
		return len(announced)
	}
	events := func() (texts []string) {
		rows, err := b.worker.Pool().Query(t.Context(), `
			SELECT reason_code, detail ->> 'scope', detail ->> 'fault', (detail ->> 'waiting')::int FROM chorus.events WHERE reason_code LIKE 'OUTAGE%' ORDER BY id`)
		must(t, err)
		for rows.Next() {
			var code, scope, fault string
			var waiting int
			must(t, rows.Scan(&code, &scope, &fault, &waiting))
			texts = append(texts, fmt.Sprintf("%s %s %s %d", code, scope, fault, waiting))
		}
		must(t, rows.Err())
		return texts
	}
	_, err := b.worker.ProbeFailed(t.Context(), portal, "network", unit)
	must(t, err)
	if n := tend(); n != 0 {
		t.Errorf("%d outages are announced at once", n)
	}
	b.answers(t, "closed")
	if e := events(); len(e) != 0 {
		t.Errorf("a short one is told: %v", e)
	}
	_, err = b.worker.ProbeFailed(t.Context(), portal, "network", unit)
	must(t, err)
	b.pass(t, 61*unit)
	if n, again := tend(), tend(); n != 1 || again != 0 {
		t.Errorf("announced %d times, and %d times again", n, again)
	}
	b.answers(t, "closed")
	got := events()
	if len(got) != 2 || got[0][:len("OUTAGE_BEGAN portal network")] != "OUTAGE_BEGAN portal network" || got[1][:len("OUTAGE_ENDED portal network")] != "OUTAGE_ENDED portal network" {
		t.Errorf("events: %v", got)
	}
}

// While the portal is closed as announced, nothing is given out but documents to be read, and an outage is nothing to announce.
func TestMaintenance(t *testing.T) {
	b := newWeather(t)
	id := b.ready(t, "default")
	now := time.Now()
	must(t, b.worker.SetMaintenance(t.Context(), []store.Window{{now.Add(-time.Hour), now.Add(time.Hour)}, {now.Add(24 * time.Hour), now.Add(25 * time.Hour)}}))
	if _, err := b.begin(t); !errors.Is(err, store.ErrHeld) {
		t.Errorf("T1 says %v", err)
	}
	if claims := b.claim(t, store.StepSubmit, "default"); len(claims) > 0 {
		t.Errorf("%d rows are given to jobs", len(claims))
	}
	_, err := b.worker.ProbeFailed(t.Context(), portal, "portal", unit)
	must(t, err)
	b.pass(t, time.Hour)
	announced, err := b.worker.Tend(t.Context(), unit, 60*unit)
	if must(t, err); len(announced) > 0 {
		t.Error("an outage is announced")
	}
	must(t, b.worker.SetMaintenance(t.Context(), nil)) // a mistake, taken back
	b.answers(t, "closed")
	if claims := b.claim(t, store.StepSubmit, "default"); len(claims) != 1 {
		t.Errorf("afterwards %d rows are given out, %d was expected", len(claims), id)
	}
	var began int
	must(t, b.worker.Pool().QueryRow(t.Context(), `SELECT count(*) FROM chorus.events WHERE reason_code = 'MAINTENANCE_BEGAN'`).Scan(&began))
	if began != 1 {
		t.Errorf("%d events say that maintenance began", began)
	}
}

// What precedes a deposit failed, or a read: the one opens, the other has it probed.
func TestOtherFailures(t *testing.T) {
	b := newWeather(t)
	must(t, b.worker.Suspect(t.Context(), portal))
	if b.state(t, portal) != "closed" {
		t.Error("a failed read opened it")
	}
	b.probes(t, 1)
	must(t, b.worker.ProbeSilent(t.Context(), portal, time.Hour))
	b.probes(t, 0)
	if opened, err := b.worker.PrepareFailed(t.Context(), application, "application"); err != nil || !opened {
		t.Errorf("no token, and it did not open: %v", err)
	}
	if _, err := b.begin(t); !errors.Is(err, store.ErrHeld) {
		t.Errorf("T1 says %v", err)
	}
	if opened, err := b.worker.DepositFailed(t.Context(), portal, "portal", store.NewID(), unit); err != nil || opened {
		t.Errorf("an attempt that never was opened it: %v", err)
	}
}
