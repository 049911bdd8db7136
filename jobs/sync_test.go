package jobs

import (
	"testing"
	"time"
)

// A reading is timed so that its pages are nearly full, and never later than wanted.
func TestWholePages(t *testing.T) {
	for _, c := range []struct {
		name          string
		rows, granted int
		want          time.Duration
	}{
		{"nothing new", 0, 100, time.Minute},
		{"less than a page", 80, 100, time.Minute},
		{"a few too many", 97, 100, 52577 * time.Millisecond},
		{"a page and a third", 130, 100, 39230 * time.Millisecond},
		{"nearly two", 184, 100, time.Minute},
		{"two, or three", 195, 100, 56923 * time.Millisecond},
		{"large pages", 184, 1000, time.Minute},
		{"nobody says how large they are", 184, -1, time.Minute},
	} {
		if got := wholePages(time.Minute, time.Minute, c.rows, c.granted).Truncate(time.Millisecond); got.Round(10*time.Millisecond) != c.want.Round(10*time.Millisecond) {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if got := wholePages(time.Minute, 2*time.Minute, 160, 100); got != time.Minute {
		t.Errorf("twice the rows in twice the time: %s", got)
	}
}
