package jobs

import (
	"context"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// What a portal makes of the period of the last change is not known (docs/chorus-pro.md §12): it may honour days only, read it in another zone, or ignore
// it. An invoice whose latest change is known tells: it must be shown for the minutes around it, and neither for other minutes of that day nor for a day to
// come.

// try finds out what the portal makes of a feed's filter, and writes it down. What could not be told stays as it was believed.
func (f *feed) try(ctx context.Context) error {
	example, found, err := f.Store.Example(ctx, f.st, f.st.Now)
	if err != nil || !found {
		return err
	}
	believed := f.st.Offset
	f.st.Offset = 0
	honoured, offset, err := f.probe(ctx, example)
	f.st.Offset = believed
	if err != nil {
		return err
	}
	if honoured == store.HonouredUnknown {
		return f.Store.Counted(ctx, f.mark.StructureKey, 0, 0, about(10*f.Settings.SyncEvery))
	}
	said, err := f.Store.Honours(ctx, f.mark.StructureKey, honoured, offset)
	if err != nil {
		return err
	}
	if said {
		f.Log.Warn("what the portal makes of the change feed's filter has changed", "account", f.st.Account, "structure", f.st.ID, "honoured", honoured, "offset", offset)
	}
	f.st.Honoured, f.st.Offset = honoured, offset
	next := hour * f.Settings.SyncEvery // it may be put right
	if honoured == store.HonouredHours && offset == 0 {
		next = 7 * day * f.Settings.SyncEvery // counting notices when it changes
	}
	return f.Store.Counted(ctx, f.mark.StructureKey, 0, 0, about(next))
}

// offsets are those that a mistaken zone makes: the portal's, ours or UTC, in summer or winter.
var offsets = []time.Duration{0, time.Hour, -time.Hour, 2 * time.Hour, -2 * time.Hour}

func (f *feed) probe(ctx context.Context, e store.Example) (store.Honoured, time.Duration, error) {
	far := f.st.Now.AddDate(1, 0, 0)
	if shown, err := f.shows(ctx, e, far, far.AddDate(0, 0, 1)); err != nil || shown {
		return store.HonouredNot, 0, err
	}
	const near, away = 90 * time.Second, 20 * time.Minute
	other := e.At.Add(away)
	if chorus.Day(other) != chorus.Day(e.At) {
		other = e.At.Add(-away)
	}
	if shown, err := f.shows(ctx, e, other.Add(-near), other.Add(near)); err != nil || shown {
		return store.HonouredDays, 0, err
	}
	for _, offset := range offsets {
		at := e.At.Add(offset)
		if shown, err := f.shows(ctx, e, at.Add(-near), at.Add(near)); err != nil || shown {
			return store.HonouredHours, offset, err
		}
	}
	return store.HonouredUnknown, 0, nil // it has changed meanwhile, or the answer left it out
}

// shows tells whether the portal shows the invoice for this period.
func (f *feed) shows(ctx context.Context, e store.Example, from, to time.Time) (bool, error) {
	if err := f.Store.HoldStructure(ctx, f.mark.StructureKey, f.mark.Claim, f.mark.Lease); err != nil {
		return false, err
	}
	q := f.asked(from, to)
	q.NumeroFacture = e.Numero
	p, err := f.first(ctx, q)
	if err != nil {
		return false, err
	}
	for _, line := range p.Factures {
		if line.IdentifiantFactureCPP == e.CPP {
			return true, nil
		}
	}
	return false, nil
}
