package jobs

import (
	"fmt"
	"sync"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// refusals is since when the database has given no deposit of this process its turn or its token: somebody holds a lock on chorus.budgets or chorus.tokens,
// say. The rows wait as they should, so nothing else shows it.
type refusals struct {
	mu          sync.Mutex
	since, last time.Time
	why         string // for everybody to read
}

// note takes over how preparing a deposit ended.
func (r *refusals) note(err error) {
	if _, waits := busy(err); waits { // for somebody else who asks, and may not be answered either
		return
	}
	why := store.Unexplained
	if err != nil && chorus.FaultOf(err) == chorus.FaultLocal {
		why = store.Brief(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if why == store.Unexplained { // not the database's doing
		r.since = time.Time{}
		return
	}
	r.last, r.why = time.Now(), why
	if r.since.IsZero() {
		r.since = r.last
	}
}

// StandStill says that deposits have got no turn for longer than within, or that none is begun because a breaker could not be told of an outage for so long, or is "".
// Rows come again within seconds: where none has been refused for a while, none waits.
func (j *Jobs) StandStill(within time.Duration) string {
	if owed, since := j.Weather.debts(); len(owed) > 0 && since > within {
		return fmt.Sprintf("no deposit is begun: for %s the fleet could not be told that the portal fails (chorus.breakers takes no update)", since.Round(time.Second))
	}
	r := &j.refusals
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.since.IsZero() || r.last.Sub(r.since) <= within || time.Since(r.last) > 3*within {
		return ""
	}
	return fmt.Sprintf("no deposit has got its turn for %s: %s", time.Since(r.since).Round(time.Second), r.why)
}
