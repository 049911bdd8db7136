package jobs

import (
	"errors"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus"
)

// What the portal asks for with a 429 is heeded, within reason; a 429 that asks for nothing still means a pause.
func TestThePauseAfterA429(t *testing.T) {
	s := Settings{HTTPTimeout: time.Minute}
	for name, c := range map[string]struct{ asked, least, most time.Duration }{
		"nothing":             {-1, 1350 * time.Millisecond, 1650 * time.Millisecond},
		"zero":                {0, 0, 0},
		"seconds":             {7 * time.Second, 7 * time.Second, 7 * time.Second},
		"the rest of an hour": {40 * time.Minute, 15 * time.Minute, 15 * time.Minute},
		"a day, which is what ten years are read as": {24 * time.Hour, 15 * time.Minute, 15 * time.Minute},
	} {
		err := errors.Join(&chorus.Error{Fault: chorus.FaultQuota, RetryAfter: c.asked})
		if got := s.QuotaWait(err); got < c.least || got > c.most {
			t.Errorf("asked for %s: %s, want %s to %s", name, got, c.least, c.most)
		}
	}
}
