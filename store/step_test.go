package store

import (
	"testing"
	"time"
)

// What is told quickly narrows down where the clocks stand; what is told slowly, or drifts as clocks do, is no step; what was set is, each way, and so is a drift that
// adds up.
func TestAClockThatIsSetIsNoticed(t *testing.T) {
	t.Parallel()
	began := time.Now()
	at := func(s float64) time.Time { return began.Add(time.Duration(s * float64(time.Second))) }
	type reading struct{ asked, answered, shows, step float64 }
	for name, readings := range map[string][]reading{
		"true":                    {{0, 0.1, 100, 0}, {1, 1.1, 101, 0}, {5000, 5001, 5100, 0}},
		"an answer that is late":  {{0, 30, 100, 0}, {31, 32, 120, 0}},
		"set forward":             {{0, 0.1, 100, 0}, {1, 1.1, 3701, 3599.999}, {2, 2.1, 3702, 0}},
		"set forward, told late":  {{0, 0.1, 100, 0}, {1, 61, 3701, 3540}},
		"set back":                {{0, 0.1, 100, 0}, {1, 1.1, 41, -59.9}, {2, 2.1, 42, 0}},
		"a little":                {{0, 0.1, 100, 0}, {1, 1.1, 105, 0}},
		"a little, again":         {{0, 0.1, 100, 0}, {1, 1.1, 104, 0}, {2, 2.1, 108, 5.9}},
		"it drifts":               {{0, 0.1, 100, 0}, {1000, 1000.1, 1101, 0}, {2000, 2000.1, 2102, 0}},
		"it runs faster than any": {{0, 0.1, 100, 0}, {1000, 1000.1, 1105, 0}, {2000, 2000.1, 2110, 9.9}},
	} {
		c := &steps{}
		for k, r := range readings {
			by := c.told(at(r.asked), at(r.answered), at(r.shows))
			if off := by.Seconds() - r.step; off < -0.3 || off > 0.3 {
				t.Errorf("%s: reading %d tells of %s, want %gs", name, k, by, r.step)
			}
			if by != 0 {
				c.settled(at(r.asked), at(r.answered), at(r.shows))
			}
		}
	}
}
