package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// What a comparison found says nothing about a later start: the database may have been taken back between the two.
func TestAComparisonThatIsOvertakenEndsNothing(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	s := store.New(db.Pool)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.AskComparison(t.Context(), time.Time{}))
	first, err := s.Comparing(t.Context(), "default")
	must(err)
	must(s.AskComparison(t.Context(), time.Time{}))
	must(s.Compared(t.Context(), "default", first))
	second, err := s.Comparing(t.Context(), "default")
	if err != nil {
		t.Fatalf("the second comparison was ended by the first: %v", err)
	}
	if second.Since.After(first.Since) {
		t.Errorf("the second comparison looks back to %s only, and the first was not made", second.Since)
	}
	waiting, err := s.WaitingToCompare(t.Context(), []string{"default", "other"})
	must(err)
	if waiting == nil || len(waiting.Accounts) != 1 || !waiting.Since.Equal(first.Asked) {
		t.Errorf("what waits since it was first asked for is %+v", waiting)
	}
	must(s.Compared(t.Context(), "default", second))
	if _, err := s.Comparing(t.Context(), "default"); !errors.Is(err, store.ErrGone) {
		t.Errorf("afterwards: %v", err)
	}
	if waiting, err := s.WaitingToCompare(t.Context(), []string{"default"}); err != nil || waiting != nil {
		t.Errorf("afterwards: %+v (%v)", waiting, err)
	}
}

// What the clock wrote while it was ahead vouches for nothing that was sent since it was put right.
func TestAHeartbeatThatLiesVouchesForNothing(t *testing.T) {
	t.Parallel()
	const beat = `INSERT INTO chorus.heartbeats (worker, beat_at, event_id) VALUES ($1, clock_timestamp() + $2::interval, (SELECT max(id) FROM chorus.events))`
	const event = `INSERT INTO chorus.events (actor, reason_code, detail, at) VALUES ('x', 'X', '{}', clock_timestamp() + $1::interval)`
	type step struct{ worker, at string } // a heartbeat, or without a worker an event
	for name, c := range map[string]struct {
		steps []step
		want  time.Duration // from now
	}{
		"true":                              {[]step{{"", "-3 h"}, {"a", "-2 h"}, {"", "-1 h"}}, -2 * time.Hour},
		"to come, another is true":          {[]step{{"a", "-3 h"}, {"", "-2 h"}, {"b", "2 days"}}, -3 * time.Hour},
		"to come, an event is true":         {[]step{{"", "-3 h"}, {"", "2 days"}, {"a", "2 days"}}, -3 * time.Hour},
		"was to come, the next event tells": {[]step{{"a", "-1 h"}, {"", "-50 h"}, {"", "-40 h"}}, -50 * time.Hour},
		"nothing is true":                   {[]step{{"", "2 days"}, {"a", "2 days"}}, -365 * 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := storetest.New(t)
			s := store.New(db.Pool)
			owner, err := pgx.Connect(t.Context(), db.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = owner.Close(t.Context()) }()
			exec := func(query string, args ...any) {
				t.Helper()
				if _, err := owner.Exec(t.Context(), query, args...); err != nil {
					t.Fatal(err)
				}
			}
			exec(`UPDATE chorus.installation SET created_at = created_at + interval '1 day'`)
			for _, x := range c.steps {
				if x.worker == "" {
					storetest.Forge(t, db.URL, event, x.at)
				} else {
					exec(beat, x.worker, x.at)
				}
			}
			about := func(what string, since time.Time) {
				t.Helper()
				if off := time.Since(since) + c.want; off < -time.Minute || off > 25*time.Hour || off > time.Minute && c.want > -360*24*time.Hour {
					t.Errorf("%s looks back %s, want %s", what, time.Since(since), -c.want)
				}
			}
			if err := s.AskComparison(t.Context(), time.Time{}); err != nil {
				t.Fatal(err)
			}
			asked, err := s.Comparing(t.Context(), "default")
			if err != nil {
				t.Fatal(err)
			}
			about("the comparison", asked.Since)
			m, err := s.Remember(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := s.Quarantine(t.Context(), m, &store.Forgot{Witness: store.WitnessTables, Kind: store.KindRestore}, time.Hour, 10); err != nil {
				t.Fatal(err)
			}
			var since time.Time
			if err := owner.QueryRow(t.Context(), `SELECT forgotten_since FROM chorus.installation`).Scan(&since); err != nil {
				t.Fatal(err)
			}
			about("the quarantine", since)
		})
	}
}
