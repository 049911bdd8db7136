package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// clocked is a bench whose database has a clock that the test sets.
func clocked(t *testing.T) (*bench, *storetest.Clock) {
	t.Helper()
	b := newBench(t)
	clock, err := storetest.NewClock(t.Context(), b.owner.Config().ConnString())
	must(t, err)
	t.Cleanup(clock.Close)
	b.worker.Pool().Reset()
	b.owner.Reset()
	return b, clock
}

// The clock is set forward, and the next that is asked for is the age of an attempt: no comparison has come between. It is no older for that, what was looked up
// before counts no more, and what was suspect stays so.
func TestNoAgeIsReadFromAClockThatWasSet(t *testing.T) {
	t.Parallel()
	b, clock := clocked(t)
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

// The clock is days ahead when a quarantine begins and when a deposit gets into doubt, and is put right. Nothing waits for the days that it told, what was
// forgotten is looked for from as much earlier, and the proof of absence can be made.
func TestAClockThatWasAheadIsPutRight(t *testing.T) {
	t.Parallel()
	const ahead = 20 * 24 * time.Hour
	b, clock := clocked(t)
	b.app.Pool().Reset()
	steps := 0
	must(t, b.worker.WatchClock(t.Context(), func(time.Duration) { steps++ }))
	set := func(by time.Duration) {
		t.Helper()
		must(t, clock.Step(t.Context(), by))
		_, err := b.worker.Knows(t.Context(), b.memory, "")
		must(t, err)
	}
	now := func() time.Time {
		t.Helper()
		now, err := clock.Now(t.Context())
		must(t, err)
		return now
	}
	waiting := b.ready(t, "default")
	set(ahead)
	quarantined, _, err := b.worker.Quarantine(t.Context(), b.memory, &store.Forgot{Witness: store.WitnessIdentity, Kind: store.KindRestore}, time.Hour, 10)
	must(t, err)
	b.memory = quarantined
	_, err = b.owner.Exec(t.Context(), `UPDATE chorus.installation SET suspect_date = '-infinity', suspect_until = '-infinity'`)
	must(t, err)
	lost := b.ready(t, "default")
	_, err = b.owner.Exec(t.Context(), `UPDATE chorus.installation SET suspect_until = clock_timestamp() + interval '1 hour'`)
	must(t, err)
	b.sent(t, lost, "default", true)
	_, err = b.worker.Reap(t.Context(), 0, 0)
	must(t, err)
	set(-ahead)
	if steps != 2 {
		t.Errorf("%d steps were noticed, want 2", steps)
	}

	var until, since, doubted time.Time
	must(t, b.owner.QueryRow(t.Context(), `
		SELECT suspect_until, forgotten_since, (SELECT in_doubt_since FROM chorus.invoices WHERE id = $1) FROM chorus.installation`, lost).Scan(&until, &since, &doubted))
	if left := until.Sub(now()); left < 50*time.Minute || left > time.Hour {
		t.Errorf("what is inserted is suspect for %s, want an hour less some seconds", left)
	}
	if since.After(now()) || doubted.After(now()) {
		t.Errorf("forgotten since %s, in doubt since %s, and it is %s", since, doubted, now())
	}
	ids := []int64{waiting, lost}
	for k := range 3 {
		claims := b.claim(t, store.StepResolve, "default")
		for _, id := range ids {
			all, err := b.worker.Attempts(t.Context(), id)
			must(t, err)
			a := all[len(all)-1]
			if a.Age < 0 || a.Age > time.Minute || len(a.Lookups) != k || !a.Older && !a.StandIn {
				t.Errorf("invoice %d: %+v", id, a)
			}
			if a.StandIn && (a.Since.IsZero() || a.Since.After(now())) {
				t.Errorf("invoice %d: it may have been sent since %s", id, a.Since)
			}
			inv, err := b.worker.Take(t.Context(), id, claims[id], store.InDoubt, time.Hour)
			must(t, err)
			d := store.Doubt{To: store.InDoubt}
			if k == 2 {
				d = store.Doubt{To: store.Ready, ReasonCode: store.ReasonResubmit, Resubmit: true}
			}
			must(t, b.worker.Resolve(t.Context(), inv, a, store.Lookup{Complete: true, Absent: true}, d))
		}
	}
	for _, id := range ids {
		if inv, _, err := b.worker.Show(t.Context(), id); err != nil || inv.State != store.Ready {
			t.Errorf("invoice %d: after three look-ups it is %s, %v", id, inv.State, err)
		}
	}
}

// A deposit that was acknowledged while the clock was ahead holds up no proof until the day that it tells.
func TestNoWitnessIsToCome(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	lost := b.ready(t, "default")
	b.sent(t, lost, "default", false)
	attempts, err := b.worker.Attempts(t.Context(), lost)
	must(t, err)
	later := b.ready(t, "default")
	must(t, b.worker.Finish(t.Context(), b.sent(t, later, "default", false), store.Ending{Outcome: store.Accepted, NumeroFlux: "LATER", To: store.Deposited}))
	inv, _, err := b.worker.Show(t.Context(), lost)
	must(t, err)
	for when, want := range map[string]struct {
		set          string
		visible, any bool
	}{
		"not seen yet":                 {`deposited_at = clock_timestamp(), visible_at = NULL`, false, true},
		"acknowledged in twenty days":  {`deposited_at = clock_timestamp() + interval '20 days', visible_at = clock_timestamp() + interval '20 days'`, false, false},
		"seen in twenty days":          {`deposited_at = clock_timestamp(), visible_at = clock_timestamp() + interval '20 days'`, true, true},
		"seen after the search began":  {`deposited_at = clock_timestamp(), visible_at = clock_timestamp() - interval '1 minute'`, false, true},
		"seen before the search began": {`deposited_at = clock_timestamp(), visible_at = clock_timestamp() - interval '3 hours'`, true, true},
	} {
		force(t, b.owner, later, want.set)
		visible, some, err := b.worker.Witness(t.Context(), store.Invoice{ID: lost, Account: "default", FournisseurSIRET: *inv.FournisseurSIRET}, attempts[0], time.Hour)
		if must(t, err); visible != want.visible || some != want.any {
			t.Errorf("%s: visible %v, any %v", when, visible, some)
		}
	}
	// The portal shows it in a search of its own establishment's structure, and the lost one in another's.
	force(t, b.owner, later, `deposited_at = clock_timestamp(), visible_at = clock_timestamp() - interval '3 hours', fournisseur_siret = left(fournisseur_siret, 9) || '99999'`)
	if visible, some, err := b.worker.Witness(t.Context(), store.Invoice{ID: lost, Account: "default", FournisseurSIRET: *inv.FournisseurSIRET}, attempts[0], time.Hour); err != nil || visible || some {
		t.Errorf("of another establishment: visible %v, any %v, %v", visible, some, err)
	}
}

// The clock is ahead for a moment. What ends by age does not end by that, what is kept for years stays, and the daily seal goes on afterwards.
func TestAClockThatIsAheadEndsNothing(t *testing.T) {
	t.Parallel()
	const ahead = 6 * 366 * 24 * time.Hour
	b, clock := clocked(t)
	must(t, b.worker.WatchClock(t.Context(), func(time.Duration) {}))
	id := b.ready(t, "default")
	must(t, b.worker.Finish(t.Context(), b.sent(t, id, "default", false), store.Ending{Outcome: store.Accepted, NumeroFlux: "ORDERED", To: store.Deposited}))
	force(t, b.owner, id, `state = 'integrated', statut_courant = 'MANDATEE', statut_courant_date = clock_timestamp()`)
	unruled(t, b.owner, `INSERT INTO chorus.exchanges (attempt_id, invoice_id, exchange) SELECT id, invoice_id, 'x' FROM chorus.attempts WHERE invoice_id = $1`, id)
	ends := func(when string, settled, forgotten int64) {
		t.Helper()
		_, err := b.worker.Knows(t.Context(), b.memory, "")
		must(t, err)
		n, err := b.worker.Quiet(t.Context(), 90*24*time.Hour)
		must(t, err)
		var gone int64
		must(t, b.worker.Pool().QueryRow(t.Context(), `SELECT chorus.forget_exchanges('5 years')`).Scan(&gone))
		if n != settled || gone != forgotten {
			t.Errorf("%s: %d settled, %d exchanges forgotten", when, n, gone)
		}
	}
	ends("before", 0, 0)
	must(t, clock.Step(t.Context(), ahead))
	ends("when the clock is ahead", 0, 0)
	unruled(t, b.owner, `INSERT INTO chorus.events (actor, reason_code, detail) VALUES ('test', 'SEALED', '{}')`)
	must(t, clock.Step(t.Context(), -ahead))
	ends("when it is right again", 0, 0)
	must(t, clock.Step(t.Context(), ahead))
	_, err := b.worker.Knows(t.Context(), b.memory, "")
	must(t, err)
	_, err = b.owner.Exec(t.Context(), `UPDATE chorus.installation SET stepped_at = clock_timestamp() - interval '25 hours'`)
	must(t, err)
	ends("when it has gone on for a day", 1, 1)
}

// Everything that the machinery has noted while the clock was ahead is pulled back with it.
func TestNothingOfTheMachineryIsToCome(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	columns, err := b.owner.Query(t.Context(), `
		SELECT t.relname, a.attname
		FROM pg_attribute a
		JOIN pg_class t ON t.oid = a.attrelid
		WHERE t.relnamespace = 'chorus'::regnamespace AND t.relkind = 'r' AND a.attnum > 0 AND a.atttypid = 'timestamptz'::regtype
		  AND t.relname IN ('accounts', 'breakers', 'configured', 'recipients', 'structures', 'webhooks')`)
	must(t, err)
	type column struct{ table, name string }
	all, err := pgx.CollectRows(columns, func(row pgx.CollectableRow) (c column, err error) { return c, row.Scan(&c.table, &c.name) })
	must(t, err)
	unruled(t, b.owner, `INSERT INTO chorus.configured (kind, key) VALUES ('settings', 'x')`)
	for _, c := range all {
		unruled(t, b.owner, `UPDATE chorus.`+c.table+` SET `+c.name+` = clock_timestamp() + interval '20 days'`)
	}
	_, err = b.worker.Pool().Exec(t.Context(), `SELECT chorus.clock_stepped($1)`, (-20 * 24 * time.Hour).Seconds())
	must(t, err)
	for _, c := range all {
		var later int
		must(t, b.owner.QueryRow(t.Context(), `SELECT count(*) FROM chorus.`+c.table+` WHERE `+c.name+` > clock_timestamp()`).Scan(&later))
		if later > 0 {
			t.Errorf("%s.%s is still to come", c.table, c.name)
		}
	}
}

// A restore is noticed while the clock is days behind, and then it is put right: what was lost and is inserted again, with the date that it had, is looked up first.
func TestAClockThatWasBehindForgetsNoDate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var day, lifted time.Time
	_, err := b.worker.Pool().Exec(t.Context(), `SELECT chorus.clock_stepped(0)`)
	must(t, err)
	_, _, err = b.worker.Quarantine(t.Context(), b.memory, &store.Forgot{Witness: store.WitnessIdentity, Kind: store.KindRestore}, time.Hour, 10)
	must(t, err)
	must(t, b.owner.QueryRow(t.Context(), `SELECT suspect_date FROM chorus.installation`).Scan(&day))
	_, err = b.worker.Pool().Exec(t.Context(), `SELECT chorus.clock_stepped($1)`, (3*24*time.Hour - time.Minute).Seconds())
	must(t, err)
	must(t, b.owner.QueryRow(t.Context(), `SELECT suspect_date FROM chorus.installation`).Scan(&lifted))
	if lifted.Sub(day) < 2*24*time.Hour {
		t.Errorf("suspect until %s, and before the clock was put right until %s", lifted, day)
	}
	_, err = b.worker.Pool().Exec(t.Context(), `SELECT chorus.clock_stepped($1)`, (-3 * 24 * time.Hour).Seconds())
	must(t, err)
	must(t, b.owner.QueryRow(t.Context(), `SELECT suspect_date FROM chorus.installation`).Scan(&day))
	if !day.Equal(lifted) {
		t.Errorf("it went back to %s", day)
	}
}

// A status that the portal dates in a year that is to come does not hide the ones after it.
func TestNoStatusIsToCome(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.ready(t, "default")
	must(t, b.worker.Finish(t.Context(), b.sent(t, id, "default", false), store.Ending{Outcome: store.Accepted, NumeroFlux: "SPOILED", To: store.Deposited}))
	set := func(statut, at string) (ago float64) {
		t.Helper()
		must(t, b.worker.Pool().QueryRow(t.Context(), `
			UPDATE chorus.invoices SET state = 'integrated', statut_courant = $2, statut_courant_date = `+at+` WHERE id = $1
			RETURNING extract(epoch FROM clock_timestamp() - statut_courant_date)::float8`, id, statut).Scan(&ago))
		return ago
	}
	if ago := set("MISE_A_DISPOSITION", `'2199-11-29'`); ago < 0 || ago > 60 {
		t.Errorf("it dates from %.0f s ago", ago)
	}
	if ago := set("MANDATEE", `clock_timestamp() + interval '2 hours'`); ago > -7000 { // clocks differ
		t.Errorf("it dates from %.0f s ago", ago)
	}
}

// A clock that was set forward by more than seconds may be a machine's that was taken back with its memory, and a worker that has not beaten for long may have slept: nothing
// is sent before it has compared, and then before the portal was asked. A second changes nothing.
func TestAGapAsksThePortal(t *testing.T) {
	for name, c := range map[string]struct {
		gap  time.Duration
		beat bool // of the heartbeats alone: the clock was not set
		asks bool
	}{
		"a second":           {time.Second, false, false},
		"a few seconds":      {8 * time.Second, false, true},
		"an hour":            {time.Hour, false, true},
		"two seconds asleep": {2 * time.Second, true, false},
		"a minute asleep":    {time.Minute, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, clock := clocked(t)
			must(t, b.worker.Slots(t.Context(), 2*protocolSlots))
			must(t, b.worker.WatchClock(t.Context(), func(time.Duration) {}))
			beat := func() {
				t.Helper()
				known, err := b.worker.Knows(t.Context(), b.memory, "w/1")
				must(t, err)
				b.memory = known
			}
			begin := func() error {
				t.Helper()
				id := b.ready(t, "default")
				_, err := b.worker.Pool().Exec(t.Context(), `UPDATE chorus.invoices SET claim = $2, claimed_until = 'infinity' WHERE id = $1`, id, b.next())
				must(t, err)
				inv, err := b.worker.Take(t.Context(), id, b.counter, store.Ready, time.Hour)
				must(t, err)
				in := b.intent(false)
				in.Life = "w/1"
				_, err = b.worker.Begin(t.Context(), inv, in)
				return err
			}
			beat()
			must(t, begin())
			var before time.Time
			must(t, b.owner.QueryRow(t.Context(), `SELECT clock_timestamp()`).Scan(&before))
			if c.beat {
				_, err := b.owner.Exec(t.Context(), `UPDATE chorus.heartbeats SET beat_at = beat_at - $1::interval`, c.gap)
				must(t, err)
			} else {
				must(t, clock.Advance(t.Context(), c.gap))
			}
			if err := begin(); c.asks != errors.Is(err, store.ErrForgot) || err != nil && !c.asks {
				t.Errorf("before the comparison: %v", err)
			}
			beat()
			var since *time.Time
			must(t, b.owner.QueryRow(t.Context(), `SELECT compare_since FROM chorus.accounts WHERE name = 'default'`).Scan(&since))
			if c.asks != (since != nil) || since != nil && since.After(before) {
				t.Errorf("the portal is asked for what it has got since %v, and it was %s", since, before)
			}
			if err := begin(); c.asks != errors.Is(err, store.ErrHeld) || err != nil && !c.asks {
				t.Errorf("after it: %v", err)
			}
		})
	}
}

// PostgreSQL's clock differs from a worker's machine's by a minute and a half, and stays so: that is said once, with the difference, and not at each start. What is another
// difference is said again, and one that was away.
func TestAClockThatDiffersIsSaidOnce(t *testing.T) {
	t.Parallel()
	b, clock := clocked(t)
	var said []time.Duration
	start := func() {
		t.Helper()
		must(t, b.worker.WatchClock(t.Context(), func(by time.Duration) { said = append(said, by.Round(time.Second)) }))
	}
	for _, step := range []time.Duration{90 * time.Second, 0, 20 * time.Second, 3 * time.Minute, -290 * time.Second, 0, 290 * time.Second} {
		if step != 0 {
			must(t, clock.Step(t.Context(), step))
		}
		start()
	}
	want := []time.Duration{90 * time.Second, 290 * time.Second, 290 * time.Second}
	for k := range said {
		if k >= len(want) || (said[k]-want[k]).Abs() > 5*time.Second {
			t.Fatalf("said: %v, want %v", said, want)
		}
	}
	var events []float64
	must(t, b.owner.QueryRow(t.Context(), `SELECT array_agg((detail ->> 'seconds')::float8 ORDER BY id) FROM chorus.events WHERE reason_code = 'CLOCK_STEPPED'`).Scan(&events))
	if len(events) != len(want) || len(said) != len(want) || events[0] < 85 || events[0] > 95 {
		t.Errorf("the events tell of %v seconds; said: %v", events, said)
	}
}
