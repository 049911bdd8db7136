package operate

import (
	"context"
	"errors"
	"time"

	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/store"
)

// Deed is an act that may be done to many invoices at once, by a command or by the console. One invoice is one transaction, with its event.
type Deed struct {
	// Do does it to one invoice, and returns its new state; "" when its state is as it was.
	Do func(ctx context.Context, st *store.Store, id int64, reason string) (store.State, error)

	only     string       // the query that a selection is narrowed down to, so that it holds nothing to which this cannot be done; what is in doubt is never in it
	possible store.Filter // the same, for counting ids that were named
}

// Retry reads invalid invoices again, and looks up what was rejected as a flux.
var Retry = Deed{
	Do: func(ctx context.Context, st *store.Store, id int64, reason string) (store.State, error) {
		return st.Retry(ctx, id, reason)
	},
	only: "is:retriable", possible: store.Filter{Retriable: true},
}

// Dismissal takes invoices off the list of what needs a person.
var Dismissal = Deed{
	Do: func(ctx context.Context, st *store.Store, id int64, reason string) (store.State, error) {
		return "", Dismiss(ctx, st.Pool(), id, reason)
	},
	only: "is:listed state:invalid,rejected", possible: store.Filter{States: []store.State{store.Invalid, store.Rejected}},
}

// errEverything is the error of an act on a query without a term.
var errEverything = errors.New("an act on many invoices needs a query that says which")

// Select lists those of a query to which it can be done, the oldest first, at most limit.
func (d Deed) Select(ctx context.Context, st *store.Store, q Query, limit int) ([]store.Status, error) {
	if q.Empty() {
		return nil, errEverything
	}
	only, err := ParseQuery(d.only)
	if err != nil {
		return nil, err
	}
	return Invoices(ctx, st, Listing{Query: q.And(only), Sort: Sort{Key: "id", Ascending: true}, Limit: limit})
}

// Count says to how many of these invoices it can be done, and their sums by currency.
func (d Deed) Count(ctx context.Context, st *store.Store, ids []int64) (int, map[string]decimal.Decimal, error) {
	f := d.possible
	f.IDs = append([]int64{0}, ids...) // no ids are none, and not all
	return st.Count(ctx, f)
}

// MostPerMinute bounds how fast Each may be told to go.
const MostPerMinute = 100_000

// ErrInterrupted is the error of Each when its context has ended.
var ErrInterrupted = errors.New("interrupted")

// Each calls do for one invoice after the other, at most perMinute of them a minute (0: as fast as it goes), until the context ends or do returns an error. It returns for how many do
// returned none.
func Each(ctx context.Context, ids []int64, perMinute int, do func(id int64) error) (int, error) {
	for k, id := range ids {
		if perMinute > 0 && k > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(time.Minute / time.Duration(perMinute)):
			}
		}
		if ctx.Err() != nil {
			return k, ErrInterrupted
		}
		if err := do(id); err != nil {
			return k, err
		}
	}
	return len(ids), nil
}
