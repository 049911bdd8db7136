package jobs

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/choriste/choriste/fleet"
	"github.com/choriste/choriste/store"
)

// lookWithin is how long the database may take to say whether it knows what others have written into the file.
const lookWithin = 5 * time.Second

// news is what a file holds that neither this process nor any file that was compared before tells; false: nothing. The marks are those up to the latest that is new, so
// that this one is compared.
func news(saved, own, compared fleet.State) (store.Memory, bool) {
	if compared.Quarantines != saved.Quarantines {
		compared = fleet.State{}
	}
	m := remembered(saved)
	if own.Quarantines != saved.Quarantines {
		return m, saved.Quarantines > max(own.Quarantines, compared.Quarantines)
	}
	latest := -1
	for k, mark := range saved.Marks {
		same := func(o fleet.Mark) bool { return o.Event == mark.Event && o.At.Equal(mark.At) }
		if !slices.ContainsFunc(own.Marks, same) && !slices.ContainsFunc(compared.Marks, same) {
			latest = k
		}
	}
	m.Marks, m.Attempts = m.Marks[:latest+1], nil
	for _, id := range saved.Attempts {
		if !slices.Contains(own.Attempts, id) && !slices.Contains(compared.Attempts, id) {
			m.Attempts = append(m.Attempts, id)
		}
	}
	return m, latest >= 0 || len(m.Attempts) > 0
}

// look compares what others have written into the file with the database. The caller holds mu, which is free meanwhile.
func (k *CommitMemory) look(own fleet.State) {
	saved := k.saved
	m, some := news(saved, own, k.compared)
	if !some {
		k.compared, k.unsure = saved, false
		return
	}
	k.unsure = true
	s := k.store
	k.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), lookWithin)
	_, err := s.Knows(ctx, m, "")
	cancel()
	k.mu.Lock()
	switch f := (*store.Forgot)(nil); {
	case err == nil:
		k.compared, k.unsure = saved, false
		return
	case k.m.Quarantines > saved.Quarantines: // which has dealt with it
		k.unsure = false
		return
	case errors.As(err, &f) && f.Witness == store.WitnessWorker:
		f.Witness, f.Kind, f.Detail = store.WitnessState, store.KindRestore, f.Detail+": it lacks what workers have kept outside of it"
		k.ahead = max(k.ahead, saved.Quarantines)
		if time.Since(k.quarantined) > justNow {
			k.forgot = f
		}
	} // what the database says by itself, whoever compares is told, too
	k.wake()
}

// Unsure tells that the file holds what the database may not know: nothing may leave until it has said that it does.
func (k *CommitMemory) Unsure() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.unsure
}

// Stepped says that the database's clock was set: what was alive by it before, nobody knows.
func (k *CommitMemory) Stepped() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.alive = time.Time{}
}

// Lived tells whether this worker has beaten since before a time for which no worker vouches, and the database has known all that it remembers since a moment after it: then
// nothing was forgotten in that time. yet: it will be known within a second.
func (k *CommitMemory) Lived(since, asked time.Time) (lived, yet bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	before := !k.alive.IsZero() && !k.alive.After(since)
	known := !k.last.Before(asked) && !k.unsure
	return before && known, before && !known
}
