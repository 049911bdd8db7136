package jobs

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// The change feed of a supplier structure shows every invoice whose status changed within a period, in one search whatever the number of invoices. Which
// period is read next is decided in feed_plan.go; now and then the changes of a longer time are counted, which costs one call, and what the count says is
// missing is read again (count.go). A portal that does not honour the period is found out (probe.go) and read in another way (feed_fallback.go).

// By the default settings a feed is read once a minute; what is rarer is so many readings apart.
const (
	hour = 60
	day  = 24 * hour
)

const (
	month       = 30 * 24 * time.Hour // as far back as changes are counted
	atFirst     = 24 * time.Hour      // as far back as a feed is read that has never been read
	most        = 1000                // rows asked for on a page; the portal may grant fewer (docs/chorus-pro.md §5.1)
	atOnce      = 25                  // rows of a page that one transaction stores: a database that is slow gets on all the same
	blurred     = time.Minute         // some dates come without seconds (docs/chorus-pro.md §4.1)
	mostOutside = 100                 // pages that may show lines from outside the period
)

// errOutside says that the portal showed changes from outside the period that was asked for.
var errOutside = errors.New("the portal shows changes from outside the period asked for")

// portalError is an error of asking the portal, as opposed to one of the database.
type portalError struct{ error }

func (e portalError) Unwrap() error { return e.error }

// feed is one reading of a change feed.
type feed struct {
	*Jobs
	acct  *Account
	st    store.Structure
	state feedState
	plan  feedPlan
	mark  store.FeedMark
	sum   store.Followed
	pages int // read
	full  int // rows on the fullest page, or as many as are granted

	granted  int  // rows a page; what is not above 0 is not known
	slowly   bool // the more pages, the later the next reading
	tolerant bool // lines from outside the period are put up with
}

// sync reads the change feed of one supplier structure. The watermark moves in the transaction that stores the last page, so a crash reads the same pages
// again, which changes nothing.
func (j *Jobs) sync(ctx context.Context, key store.StructureKey, claim int64) error {
	acct, err := j.account(key.Account)
	if err != nil {
		return cmp.Or(j.Store.ReleaseStructure(ctx, key, claim, j.Settings.passOn(), ""), err)
	}
	st, err := j.Store.TakeStructure(ctx, key, claim, j.Settings.lease())
	if err != nil {
		return err
	}
	loaded, err := acct.Budget.Loaded(ctx)
	if err != nil {
		return err
	}
	if st.Count {
		open, err := j.Store.Open(ctx, st)
		if err != nil {
			return err
		}
		st.Resting = !open
	}
	every := j.Settings.SyncEvery
	f := &feed{
		Jobs: j, acct: acct, st: st, full: 100,
		mark: store.FeedMark{
			StructureKey: key, Claim: claim, Lease: j.Settings.lease(), Now: st.Now, Was: st.FeedRead, Next: every, Resting: st.Resting,
			MostLate: mostLate(every, j.Settings.VisibilityDelay),
		},
	}
	if err := f.prepare(ctx); err != nil {
		return err
	}
	switch {
	case st.Resting:
		f.mark.Next = hour * every // nothing of ours is open; a deposit ends it
	case loaded:
		f.mark.Next = every + every/4
	}
	err = f.run(ctx, loaded)
	var asking portalError
	if errors.As(err, &asking) {
		return j.syncFailed(ctx, acct, key, claim, asking.error)
	}
	if err != nil {
		return err
	}
	if f.sum.Changed > 0 || f.sum.Doubts > 0 {
		j.Log.Info("synchronised", "account", key.Account, "structure", key.ID, "changed", f.sum.Changed, "doubts", f.sum.Doubts)
		j.Poke()
	}
	if len(f.sum.Held) > 0 {
		f.sayHeld(ctx)
	}
	if f.sum.Others > 0 {
		j.Metrics.Unknown.WithLabelValues("identifiant").Add(float64(f.sum.Others))
		j.Log.Error("the portal shows other invoices under identifiers of ours: what they tell is not believed", "account", key.Account, "structure", key.ID, "count", f.sum.Others)
	}
	if f.sum.Doubles > 0 {
		j.Metrics.Doubles.Add(float64(f.sum.Doubles))
		j.Log.Error("the portal holds invoices twice: they are parked", "account", key.Account, "structure", key.ID, "count", f.sum.Doubles)
	}
	return j.Store.CanSearch(ctx, key.Account, true)
}

// sayHeld names who keeps news from being written down. They are read again, and the others go on. Our own sessions hold rows for moments only.
func (f *feed) sayHeld(ctx context.Context) {
	const moments = 5 // readings
	holders, err := f.Store.RowHolders(ctx, f.sum.Held)
	if err != nil {
		f.Log.Warn("who has locked rows cannot be told", "error", store.Message(err))
	}
	holders = slices.DeleteFunc(holders, func(h store.LockHolder) bool { return h.Application == store.Application })
	if len(holders) == 0 && f.st.Now.Sub(f.sum.Since) < moments*f.Settings.SyncEvery {
		return
	}
	f.Log.Warn("another session has locked rows that the change feed has news of: they wait until its transaction ends",
		"account", f.st.Account, "structure", f.st.ID, "rows", len(f.sum.Held), "first", f.sum.Held[0], "holder", store.HoldersText(holders))
}

// run reads the feed, in the way that the portal's filter allows. Where the portal shows what was not asked for, the filter is tried; if it is as it was
// believed to be, some lines are at fault, and are put up with.
func (f *feed) run(ctx context.Context, loaded bool) error {
	if f.st.Probe && !loaded {
		if err := f.try(ctx); err != nil {
			return err
		}
	}
	err := f.readAll(ctx, loaded)
	if !errors.Is(err, errOutside) {
		return err
	}
	f.Log.Warn("the change feed shows what was not asked for: trying what the portal makes of the filter", "account", f.st.Account, "structure", f.st.ID)
	honoured, offset := f.st.Honoured, f.st.Offset
	if err := f.try(ctx); err != nil {
		return err
	}
	if f.st.Honoured != honoured || f.st.Offset != offset {
		return f.Store.ReleaseStructure(ctx, f.mark.StructureKey, f.mark.Claim, f.Settings.SyncEvery/4, "")
	}
	f.tolerant, f.pages, f.sum = true, 0, store.Followed{}
	if err = f.readAll(ctx, loaded); errors.Is(err, errOutside) {
		return f.Store.ReleaseStructure(ctx, f.mark.StructureKey, f.mark.Claim, f.mark.Next, string(chorus.FaultIncomplete))
	}
	return err
}

func (f *feed) readAll(ctx context.Context, loaded bool) error {
	switch f.st.Honoured {
	case store.HonouredNot:
		return f.byDepot(ctx)
	case store.HonouredDays:
		return f.byDay(ctx)
	default:
		return f.byPlan(ctx, loaded)
	}
}

// prepare finds out what has to be known to decide what is read next.
func (f *feed) prepare(ctx context.Context) error {
	const measured = 5 // readings
	every := f.Settings.SyncEvery
	f.state = feedState{FeedRead: f.st.FeedRead, now: f.st.Now, lateness: f.st.Lateness, every: every, visibility: f.Settings.VisibilityDelay, page: 100}
	if f.st.PageRows > 0 {
		f.state.page = f.st.PageRows
	}
	if !f.st.Fresh.IsZero() {
		n, err := f.Store.Changes(ctx, f.st, f.st.Fresh.Add(-measured*every), f.st.Fresh, nil)
		if err != nil {
			return err
		}
		f.state.rate = float64(n) / (measured * every).Seconds()
	}
	f.plan = f.state.plan()
	f.mark.Read, f.mark.Unsure, f.mark.Learn = f.plan.read, f.state.grace()+ripe*every, learning*every
	if f.plan.apart {
		f.mark.Grace = f.state.grace()
	}
	return nil
}

// byPlan reads what is due, and counts what is due to be counted.
func (f *feed) byPlan(ctx context.Context, loaded bool) error {
	every := f.Settings.SyncEvery
	if f.plan.back > 0 {
		from := f.plan.windows[0].from
		reach := f.st.Now.Add(-max(longest, f.Settings.VisibilityDelay))
		since, err := f.Store.Latest(ctx, f.st, reach, f.plan.back)
		if err != nil {
			return err
		}
		if since.Before(reach) { // all of them fit
			since = reach
		}
		if since.Before(from) {
			f.plan.windows[0].from, f.mark.Read.WideFrom = since, since
		}
	}
	check, checks := f.state.check(f.plan, f.grain())
	counts := f.st.Count && !loaded
	f.mark.Keep = checks || counts
	switch {
	case f.mark.Resting:
	case loaded:
		f.mark.Next = f.plan.next + f.plan.next/4
	case counts && f.state.slow():
		f.mark.Next = f.plan.next + every // a count takes the place of a reading
	default:
		f.mark.Next = f.plan.next
	}
	f.mark.Proves = f.state.proves(f.mark.Read)
	if len(f.plan.windows) == 0 {
		if err := f.follow(ctx, nil, true); err != nil {
			return err
		}
	}
	for k, w := range f.plan.windows {
		last := k == len(f.plan.windows)-1
		err := f.read(ctx, f.asked(w.from, w.to), chorus.LaneSync, last)
		if w.again && chorus.FaultOf(err) == chorus.FaultIncomplete {
			err = f.follow(ctx, nil, last)
		}
		if err != nil {
			return err
		}
	}
	if checks {
		if err := f.check(ctx, check); err != nil {
			return f.counted(ctx, err)
		}
	}
	switch {
	case counts:
		return f.count(ctx)
	case f.mark.Keep:
		return f.Store.LeaveStructure(ctx, f.mark.StructureKey, f.mark.Claim)
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// grain is what periods that are counted begin and end with: on whole minutes it does not matter how exactly the portal compares.
func (f *feed) grain() time.Duration { return min(time.Minute, f.Settings.SyncEvery) }

// asked is the search for changes in [from, to), a whole number of milliseconds; a zero to is no end.
func (f *feed) asked(from, to time.Time) chorus.Query {
	q := chorus.Query{IDFournisseur: f.st.ID, PageSize: most, EtatCourantDu: from}
	if !to.IsZero() {
		q.EtatCourantAu = to.Add(-time.Millisecond)
	}
	return q
}

// shifted is the query as the portal must be asked for it.
func (f *feed) shifted(q chorus.Query) chorus.Query {
	if !q.EtatCourantDu.IsZero() {
		q.EtatCourantDu = q.EtatCourantDu.Add(f.st.Offset)
	}
	if !q.EtatCourantAu.IsZero() {
		q.EtatCourantAu = q.EtatCourantAu.Add(f.st.Offset)
	}
	return q
}

// read stores all pages of a search; if it is the last one of this reading, the last page moves the watermark. Pages that do not add up are stored, too: what
// they show is true, and only what they leave out is read again, from the same watermark, however often. A page that shows what lies outside the
// period is stored, too, and ends the reading: the next ones may be endless.
func (f *feed) read(ctx context.Context, q chorus.Query, lane chorus.Lane, last bool) error {
	var page []store.Seen // held back by one
	for p, err := range f.acct.Client.SearchPages(ctx, lane, f.shifted(q)) {
		if len(page) > 0 && (err == nil || chorus.FaultOf(err) == chorus.FaultIncomplete) {
			if err := f.follow(ctx, page, false); err != nil {
				return err
			}
		}
		if err != nil {
			return portalError{err}
		}
		f.pages++
		f.full = max(f.full, len(p.Factures))
		f.granted = p.Granted
		page = page[:0]
		outside := false
		for _, line := range p.Factures {
			switch info, known := chorus.StatutInfo(line.Statut); {
			case !known:
				f.Metrics.Unknown.WithLabelValues("statut").Inc()
			case info.NeedsReason:
				f.countMotive(line.CommentaireEtatCourant)
			}
			page = append(page, seenOf(line))
			outside = outside || isOutside(q, line) && (!f.tolerant || f.pages > mostOutside)
		}
		if outside {
			if err := f.follow(ctx, page, false); err != nil {
				return err
			}
			return errOutside
		}
	}
	return f.follow(ctx, page, last)
}

// isOutside tells whether a line is one that the search did not ask for, by its period of change or of deposit.
func isOutside(q chorus.Query, line chorus.Facture) bool {
	return beyond(line.DateHeureEtatCourant.Time, q.EtatCourantDu, q.EtatCourantAu, blurred) || beyond(line.DateDepot.Time, q.DepotDu, q.DepotAu, 36*time.Hour)
}

func beyond(at, from, to time.Time, tolerance time.Duration) bool {
	return !at.IsZero() && (!from.IsZero() && at.Before(from.Add(-tolerance)) || !to.IsZero() && at.After(to.Add(tolerance)))
}

// follow stores a page, so many rows at a time: a statement about all of them could take longer than a statement may, and would then never end however often it is tried.
func (f *feed) follow(ctx context.Context, page []store.Seen, last bool) error {
	for len(page) > atOnce {
		if err := f.followSome(ctx, page[:atOnce], false); err != nil {
			return err
		}
		page = page[atOnce:]
	}
	return f.followSome(ctx, page, last)
}

func (f *feed) followSome(ctx context.Context, page []store.Seen, last bool) error {
	f.mark.Last, f.mark.Before, f.mark.PageRows = last, f.sum, max(f.granted, 0)
	if last && f.slowly {
		f.mark.Next = max(f.mark.Next, time.Duration(f.pages)*f.Settings.SyncEvery)
	}
	did, err := f.Store.Follow(ctx, page, f.mark)
	if err == nil {
		f.sum.Add(did)
	}
	return err
}

// syncFailed has the feed read again, from the same watermark.
func (j *Jobs) syncFailed(ctx context.Context, acct *Account, key store.StructureKey, claim int64, err error) error {
	if wait, ok := busy(err); ok {
		return j.Store.ReleaseStructure(ctx, key, claim, about(wait), "")
	}
	if ctx.Err() != nil {
		return err
	}
	fault := chorus.FaultOf(err)
	if fault == chorus.FaultRights {
		if err := j.Store.CanSearch(ctx, key.Account, false); err != nil {
			return err
		}
	}
	j.blame(ctx, acct, err)
	j.Log.Warn("the change feed could not be read", "account", key.Account, "structure", key.ID, "fault", fault, "error", err)
	return j.Store.ReleaseStructure(ctx, key, claim, min(retryIn(fault), j.Settings.SyncEvery), string(fault))
}
