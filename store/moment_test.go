package store

import (
	"testing"
	"time"
)

func TestTheDatabasesClockIsNarrowedDown(t *testing.T) {
	began := time.Now()
	db := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
	shows := func(ms int) time.Time { return db.Add(time.Duration(ms) * time.Millisecond) }
	var c clock
	check := func(what string, from, want int, within time.Duration) {
		t.Helper()
		if got := c.until(at(from), shows(want)) - time.Duration(want-from)*time.Millisecond; got < 0 || got > within {
			t.Errorf("%s: %s too late, want 0 to %s", what, got, within)
		}
	}
	c.learn(at(0), at(100), shows(50))
	check("a slow answer", 100, 200, 50*time.Millisecond)
	c.learn(at(200), at(202), shows(201))
	check("a quick one", 202, 300, 2*time.Millisecond)
	c.learn(at(300), at(500), shows(310))
	check("a slow one after it", 500, 600, 2*time.Millisecond)
	c.learn(at(10_000), at(10_300), shows(10_100))
	check("long after", 10_300, 10_400, 15*time.Millisecond)
	c.learn(at(10_400), at(10_402), shows(20_401)) // set by ten seconds
	if got := c.until(at(10_402), shows(20_403)); got < 0 || got > 4*time.Millisecond {
		t.Errorf("a clock that was set: %s", got)
	}
}
