//go:build long

package worker_test

import "testing"

func TestEveryRewindToBeforeAMonthLeft(t *testing.T) {
	for _, r := range rewinds {
		if r.ahead {
			continue // no month leaves within a day after the clock was set
		}
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			afterAMonthLeft(t, r)
		})
	}
}
