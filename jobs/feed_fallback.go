package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/choriste/choriste/chorus"
)

// byDay reads a feed whose filter honours days only: each reading takes the whole of today, and now and then V and a day more.
func (f *feed) byDay(ctx context.Context) error {
	from := f.st.Now.Add(-atFirst)
	if !f.st.Watermark.IsZero() {
		from = f.st.Watermark.Add(-f.Settings.SyncEvery)
	}
	f.unplanned()
	if f.st.Count {
		from = from.Add(-f.Settings.VisibilityDelay - atFirst)
		if err := f.Store.Counted(ctx, f.mark.StructureKey, about(hour*f.Settings.SyncEvery), 0, 0); err != nil {
			return err
		}
	}
	return f.read(ctx, f.asked(chorus.StartOfDay(from), time.Time{}), chorus.LaneSync, true)
}

// unplanned leaves out what a plan says: such a reading teaches nothing of lateness, and what takes many pages is read less often.
func (f *feed) unplanned() {
	f.mark.Read.WideFrom, f.mark.Read.WideAt, f.mark.Was.WideAt = time.Time{}, time.Time{}, time.Time{}
	f.mark.Grace = 0
	f.mark.Read.Watermark, f.mark.Read.Fresh = f.st.Now.Add(-f.state.grace()), f.st.Now
	f.slowly = true
}

// longestUnseen is how many invoices are asked for one by one in a reading, when nothing else is left.
const longestUnseen = 10

// byDepot reads a feed whose filter is ignored: by the day of deposit, today's and yesterday's each time, and of the older ones on which something of ours is
// still open the next one. The watermark stays, so that all is read from there when the filter works again. A portal that ignores the day of deposit, too, is
// asked for the open invoices one by one, the one looked at longest ago first.
func (f *feed) byDepot(ctx context.Context) error {
	f.unplanned()
	f.mark.Read.Watermark = time.Time{}
	yesterday := chorus.StartOfDay(f.st.Now).AddDate(0, 0, -1)
	before := f.st.DepotCursor
	if before.IsZero() {
		before = yesterday
	}
	older, err := f.Store.DepotBefore(ctx, f.st, before)
	if err != nil {
		return err
	}
	if err := f.Store.ReadDepots(ctx, f.mark.StructureKey, older); err != nil {
		return err
	}
	if !older.IsZero() {
		err = f.read(ctx, f.deposited(older, older), chorus.LaneSync, false)
	}
	if err == nil {
		err = f.read(ctx, f.deposited(yesterday, f.st.Now), chorus.LaneSync, true)
	}
	if errors.Is(err, errOutside) {
		return f.oneByOne(ctx)
	}
	return err
}

func (f *feed) deposited(from, to time.Time) chorus.Query {
	return chorus.Query{IDFournisseur: f.st.ID, PageSize: most, DepotDu: from, DepotAu: to}
}

func (f *feed) oneByOne(ctx context.Context) error {
	numbers, err := f.Store.LongestUnseen(ctx, f.st, longestUnseen)
	if err != nil {
		return err
	}
	for _, numero := range numbers {
		if err := f.read(ctx, chorus.Query{IDFournisseur: f.st.ID, PageSize: most, NumeroFacture: numero}, chorus.LaneReport, false); err != nil {
			return err
		}
	}
	return f.follow(ctx, nil, true)
}
