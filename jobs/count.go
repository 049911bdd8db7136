package jobs

import (
	"context"
	"math/bits"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// mostCounts bounds the calls of one count; what it leaves over is found by the next one.
const mostCounts = 24

// check counts a settled period once more, which costs one call, and reads it again where the portal counts more than we hold: that was late by more than
// the grace, which grows.
func (f *feed) check(ctx context.Context, w window) error {
	c := &counting{feed: f, grain: f.grain(), left: mostCounts}
	before := f.sum
	f.sum = store.Followed{}
	total, err := c.total(ctx, w.from, w.to)
	if err == nil && total >= 0 {
		err = c.compare(ctx, w.from, w.to, total)
	}
	if err != nil {
		return err
	}
	c.tell()
	found := f.sum
	f.sum = before
	f.sum.Add(found)
	return f.Store.FeedChecked(ctx, f.mark, w.to, found)
}

// count compares how many changes the portal counts with how many we hold: of V and a day, and once a day of a month. Equal: nothing was missed. The feed has
// just been read, so that what changed since then makes the portal's number smaller, never larger: a larger one is proof.
//
// An invoice that changed twice counts once, so that missing its second change does not show. It does show when only changes to some of the statuts are
// counted, with the one in it and not the other: so all are counted, then those to one half of the statuts, then those to the other, by turns, and each time
// round the statuts are divided in another way.
func (f *feed) count(ctx context.Context) error {
	grain := f.grain()
	to := later(f.mark.Read.Watermark, f.st.Watermark).Truncate(grain)
	since := f.st.KnownAt.Add(-atFirst).Truncate(grain) // before, nobody looked
	from := to.Add(-f.Settings.VisibilityDelay - 24*time.Hour).Truncate(grain)
	if f.st.Deep {
		from = to.Add(-month)
	}
	if from.Before(since) {
		from = since
	}
	c := &counting{feed: f, grain: grain, left: mostCounts}
	if err := c.lookAgain(ctx, from, to); err != nil {
		return f.counted(ctx, err)
	}
	some, others := halves(f.st.Counts / 3)
	c.statuts = [][]string{nil, some, others}[f.st.Counts%3]
	if from.Before(to) && c.left > 0 {
		total, err := c.total(ctx, from, to)
		if err == nil {
			err = c.compare(ctx, from, to, total)
		}
		if err != nil {
			return f.counted(ctx, err)
		}
	}
	c.tell()
	next, deep := 40*f.Settings.SyncEvery, time.Duration(0)
	if c.left <= 0 {
		next = 5 * f.Settings.SyncEvery
	}
	if f.st.Deep && c.left > 0 {
		deep = day * f.Settings.SyncEvery
	}
	if c.uncounted { // it says no numbers: once a day everything is read
		next = day * f.Settings.SyncEvery
	}
	probe := time.Duration(0)
	if c.fewer {
		probe = time.Millisecond // at the next reading
	}
	if err := f.Store.Counted(ctx, f.mark.StructureKey, about(next), about(deep), probe); err != nil {
		return err
	}
	return f.Store.LeaveStructure(ctx, f.mark.StructureKey, f.mark.Claim)
}

// tell says what counting has found.
func (c *counting) tell() {
	if c.missed > 0 {
		c.Metrics.Missed.Add(float64(c.missed))
		c.Log.Warn("counting found changes that the feed had not shown", "account", c.st.Account, "structure", c.st.ID, "count", c.missed)
	}
}

// lookAgain reads what surrounds the rows whose statut has no name, or none that is known: the line that said so may have been wrong, and what it should have
// said will not be shown again by itself. Those that are truly so cost a call each, for as long as they lie within [from, to).
func (c *counting) lookAgain(ctx context.Context, from, to time.Time) error {
	odd, err := c.Store.Odd(ctx, c.st, from, to, c.grain, mostCounts/2)
	if err != nil {
		return err
	}
	for _, at := range odd {
		if c.left <= mostCounts/2 {
			break
		}
		before, pages := c.sum.Changed, c.pages
		if err := c.read(ctx, c.asked(at, at.Add(c.grain)), chorus.LaneReport, false); err != nil {
			return err
		}
		c.left -= c.pages - pages
		c.missed += c.sum.Changed - before
	}
	return nil
}

// halves divides the statuts by one bit of their place in the list, each time by the next one: of any two, a round of the bits (six counts) parts one from the other.
func halves(count int) (some, others []string) {
	all := chorus.Statuts()
	bit := count % bits.Len(uint(len(all)-1))
	for i, s := range all {
		if i>>bit&1 == 1 {
			some = append(some, s.Code)
		} else {
			others = append(others, s.Code)
		}
	}
	return some, others
}

// counted ends a count that could not be made: the reading before it stands, and the count is due again at the next one.
func (f *feed) counted(ctx context.Context, err error) error {
	asking, ok := err.(portalError) //nolint:errorlint // never wrapped
	if !ok {
		return err
	}
	if _, waits := busy(asking.error); waits { // nobody else is to wait for it
		return f.Store.LeaveStructure(ctx, f.mark.StructureKey, f.mark.Claim)
	}
	return err
}

type counting struct {
	*feed
	grain     time.Duration
	statuts   []string // nil: all
	left      int      // calls
	missed    int
	uncounted bool // the portal gives no total
	fewer     bool // it counts something else
}

// compare makes what we hold of [from, to) as much as the portal counts: where there is too much to read at once, in the halves that differ.
func (c *counting) compare(ctx context.Context, from, to time.Time, total int) error {
	if c.left <= 0 {
		return nil
	}
	held, err := c.Store.Changes(ctx, c.st, from, to, c.statuts)
	switch {
	case err != nil:
		return err
	case total < 0 && c.uncounted: // read already
		return nil
	case total < 0:
		c.uncounted = true
		return c.read(ctx, c.asked(from, to), chorus.LaneReport, false)
	case total <= held:
		c.fewer = c.fewer || held-total > max(10, held/10) // so much has not changed since
		return nil
	}
	middle := from.Add(to.Sub(from) / 2).Truncate(c.grain)
	if total <= 2*c.full || !middle.After(from) {
		before, pages := c.sum.Changed+c.sum.Unknown, c.pages
		if err := c.read(ctx, c.asked(from, to), chorus.LaneReport, false); err != nil {
			return err
		}
		c.left -= c.pages - pages
		if c.sum.Changed+c.sum.Unknown > before {
			c.missed += min(total-held, c.sum.Changed+c.sum.Unknown-before)
		}
		return nil
	}
	early, err := c.total(ctx, from, middle)
	if err != nil {
		return err
	}
	if err := c.compare(ctx, middle, to, total-early); err != nil { // what is new, first
		return err
	}
	return c.compare(ctx, from, middle, early)
}

// total asks how many changes lie within [from, to); -1: the portal does not say.
func (c *counting) total(ctx context.Context, from, to time.Time) (int, error) {
	if err := c.Store.HoldStructure(ctx, c.mark.StructureKey, c.mark.Claim, c.mark.Lease); err != nil {
		return 0, err
	}
	c.left--
	q := c.asked(from, to)
	q.PageSize, q.Statuts = 1, c.statuts
	p, err := c.first(ctx, q)
	if err == nil && len(p.Factures) > 0 && !c.tolerant && isOutside(q, p.Factures[0]) {
		return 0, errOutside
	}
	return p.Total, err
}

// first is the first page of a search.
func (f *feed) first(ctx context.Context, q chorus.Query) (chorus.Page, error) {
	for p, err := range f.acct.Client.SearchPages(ctx, chorus.LaneReport, f.shifted(q)) {
		if err != nil {
			return p, portalError{err}
		}
		return p, nil
	}
	return chorus.Page{}, nil
}
