package jobs

import (
	"context"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// A listing may take longer than a job may run. It is read in slices: a job reads for some seconds and gives its place back, and the next one goes on with the page that
// follows.

// slice is how long a job reads a listing, 10 s by default.
func (s Settings) slice() time.Duration { return min(s.SendWithin, 10*s.ResolveAfter) }

// progress is what has been read of a listing.
type progress struct {
	read chorus.Read
	anew int // how often all of it was read again
	all  bool
}

// reading is the error that says that a listing is being read, and when to come back.
type reading struct{ wait time.Duration }

func (r *reading) Error() string { return "Chorus Pro's listing is still being read" }

// mostAgain is how often a page that could not be had is asked for again, and mostAnew how often all of them, before the rest is left for later.
const mostAgain, mostAnew = 5, 3

// readPages reads a long listing, page by page, until all is read or use has enough. A page that fails or does not add up is asked for again, and not all that came
// before: where a tenth of all answers is bad, a long listing would hardly ever be read in one go. Pages may be used more than once. After a while it returns a *reading, and
// a later job goes on with so.
func (j *Jobs) readPages(ctx context.Context, acct *Account, query chorus.Query, so *progress, use func(chorus.Page) (enough bool, err error)) (err error) {
	read, end := &so.read, time.Now().Add(j.Settings.slice())
	if query.DepotDu.After(query.DepotAu) { // a clock was wrong: nothing can be in it, and that shows nothing
		return &chorus.Error{Op: "factures/rechercher/fournisseur", Fault: chorus.FaultIncomplete, RetryAfter: -1, Detail: "the period ends before it begins"}
	}
	for again := 0; !so.all; {
		before := read.Page
		for p, failed := range acct.Client.SearchPagesAfter(ctx, chorus.LaneResolve, query, *read) {
			if err = failed; err != nil {
				break
			}
			if p.Doubt != "" {
				err = &chorus.Error{Op: "factures/rechercher/fournisseur", Fault: chorus.FaultIncomplete, RetryAfter: -1, Detail: p.Doubt}
				break
			}
			enough, err := use(p)
			if enough || err != nil {
				return err
			}
			read.Page, read.Pages, read.Total = p.Number, p.Pages, p.Total
			for _, f := range p.Factures {
				read.IDs = append(read.IDs, f.IdentifiantFactureCPP)
			}
			if p.Last {
				so.all = true
				return nil
			}
			if time.Now().After(end) {
				return &reading{about(j.Settings.slice() / 4)}
			}
		}
		if _, waits := busy(err); waits || ctx.Err() != nil || store.SQLState(err) != "" || chorus.FaultOf(err) == chorus.FaultRights {
			return err
		}
		if again++; read.Page > before {
			again = 0
		}
		if again == mostAgain {
			return err
		}
		if again > 1 && chorus.FaultOf(err) == chorus.FaultIncomplete { // it has changed meanwhile
			if so.anew++; so.anew == mostAnew {
				so.anew = 0
				return err
			}
			*read = chorus.Read{}
		}
		select {
		case <-ctx.Done():
		case <-time.After(about(j.Settings.ResolveAfter / 16)):
		}
	}
	return nil
}
