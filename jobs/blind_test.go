package jobs

import (
	"testing"
	"time"
)

// A sight from before the search says nothing of it where a proof may rest on both: the search may have gone blind in between.
func TestSightsBesideASearch(t *testing.T) {
	s := Settings{SendWithin: time.Second, LandingDelay: time.Second, VisibilityDelay: time.Second, ResolveAfter: 20 * time.Second}
	now := time.Now()
	for _, c := range []struct {
		age, ago time.Duration
		counts   bool
	}{
		{time.Second, 0, true},
		{time.Second, 19 * time.Second, true},
		{time.Second, 21 * time.Second, false},
		{s.Horizon() - 1, 19 * time.Second, true},
		{s.Horizon(), 0, true},
		{s.Horizon(), time.Nanosecond, false},
	} {
		var seen sights
		seen.saw("it", now.Add(-c.ago))
		if got := seen.since("it", s.sightsFrom(now, c.age)); got != c.counts {
			t.Errorf("seen %s before the search, at an age of %s: counts %t", c.ago, c.age, got)
		}
		if seen.since("another", time.Time{}) {
			t.Error("what was never seen counts")
		}
	}
}
