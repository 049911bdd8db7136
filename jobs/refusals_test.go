package jobs

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// A lock is waited for by one deposit at a time; the others are told that they have to wait.
func TestDepositsThatGetNoTurn(t *testing.T) {
	t.Parallel()
	const within = 50 * time.Millisecond
	locked := fmt.Errorf("%w: %w", &chorus.Error{Fault: chorus.FaultLocal}, &pgconn.PgError{Code: "55P03"})
	for name, c := range map[string]struct {
		between error
		want    bool
	}{
		"one waits":   {locked, true},
		"others":      {fmt.Errorf("%w: %w", &chorus.Error{Fault: chorus.FaultLocal}, &store.Busy{Wait: time.Second}), true},
		"one is sent": {nil, false},
		"the portal":  {&chorus.Error{Fault: chorus.FaultNetwork}, false},
	} {
		var j Jobs
		j.refusals.note(locked)
		time.Sleep(within)
		j.refusals.note(c.between)
		time.Sleep(within / 10)
		j.refusals.note(locked)
		if got := j.StandStill(within); (got == "no deposit has got its turn for 0s: somebody else holds a lock for too long") != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
