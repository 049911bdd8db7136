package operate

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/store"
)

// Deed is an act that may be done to many invoices at once, by a command or by the console. One invoice is one transaction, with its event.
type Deed struct {
	// Do does it to one invoice, and returns its new state; "" when its state is as it was. It is refused when the invoice has changed since seen (nil: nobody looked).
	Do func(ctx context.Context, st *store.Store, id int64, reason string, seen *time.Time) (store.State, error)

	only string // the query that a selection is narrowed down to, so that it holds nothing to which this cannot be done; what is in doubt is never in it
}

// Retry reads invalid invoices again, and looks up what was rejected as a flux.
var Retry = Deed{
	Do: func(ctx context.Context, st *store.Store, id int64, reason string, seen *time.Time) (store.State, error) {
		return st.Retry(ctx, id, reason, seen)
	},
	only: "is:retriable",
}

// Dismissal takes invoices off the list of what needs a person.
var Dismissal = Deed{
	Do: func(ctx context.Context, st *store.Store, id int64, reason string, seen *time.Time) (store.State, error) {
		_, err := st.Pool().Exec(ctx, `SELECT chorus.dismiss($1, $2, $3)`, id, reason, seen)
		return "", err
	},
	only: "is:listed state:invalid,rejected",
}

// Return puts them back on it.
var Return = Deed{
	Do: func(ctx context.Context, st *store.Store, id int64, reason string, seen *time.Time) (store.State, error) {
		_, err := st.Pool().Exec(ctx, `SELECT chorus.undismiss($1, $2, $3)`, id, reason, seen)
		return "", err
	},
	only: "is:dismissed",
}

// TakenOff says who took an invoice off the list.
type TakenOff struct {
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"`
	Reason string    `json:"reason"`
}

// Dismissed says who took an invoice off the list; nil: it was not taken off.
func Dismissed(ctx context.Context, st *store.Store, id int64) (*TakenOff, error) {
	rows, err := st.Pool().Query(ctx, `SELECT at, actor, reason FROM chorus.dismissals WHERE invoice_id = $1`, id)
	if err != nil {
		return nil, err
	}
	t, err := pgx.CollectExactlyOneRow(rows, pgx.RowToAddrOfStructByPos[TakenOff])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return t, err
}

// errEverything is the error of an act on a query without a term.
var errEverything = errors.New("an act on many invoices needs a query that says which")

// Chosen is an invoice to which something is to be done, as it was when it was chosen. A choice may be of a hundred thousand: nothing else is kept of each.
type Chosen struct {
	ID        int64
	UpdatedAt time.Time
	Devise    string
	Signed    decimal.Decimal // its amount, that of a credit note below zero; 0: it is not known
}

// SumsOf adds up what was chosen, by currency.
func SumsOf(list []Chosen) map[string]decimal.Decimal {
	sums := map[string]decimal.Decimal{}
	for _, i := range list {
		sums[i.Devise] = sums[i.Devise].Add(i.Signed)
	}
	return sums
}

// Select chooses those of a query to which it can be done, the oldest first, at most limit.
func (d Deed) Select(ctx context.Context, st *store.Store, q Query, limit int) ([]Chosen, error) {
	if q.Empty() {
		return nil, errEverything
	}
	only, err := ParseQuery(d.only)
	if err != nil {
		return nil, err
	}
	l := Listing{Query: q.And(only), Sort: Sort{Key: "id", Ascending: true}, Limit: limit}
	if err := l.measure(ctx, st); err != nil {
		return nil, err
	}
	sql, args := l.sql()
	rows, err := st.Pool().Query(ctx, `SELECT id, updated_at, coalesce(devise, ''), coalesce(montant_signe, 0) FROM (`+sql+`) chosen ORDER BY id`, plannedAnew(args)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Chosen])
}

// Count says to how many of these invoices, which were named and not selected, it can be done, and their sums by currency.
func (d Deed) Count(ctx context.Context, st *store.Store, list []Chosen) (int, map[string]decimal.Decimal, error) {
	only, err := ParseQuery(d.only)
	if err != nil {
		return 0, nil, err
	}
	ids := make([]int64, len(list))
	for k, i := range list {
		ids[k] = i.ID
	}
	where, args := only.Where([]any{ids})
	rows, err := st.Pool().Query(ctx, `
		SELECT count(*), coalesce(devise, ''), coalesce(sum(montant_signe), 0) FROM chorus.invoice_status WHERE id = ANY ($1) AND `+where+` GROUP BY devise`, plannedAnew(args)...)
	if err != nil {
		return 0, nil, err
	}
	total, sums := 0, map[string]decimal.Decimal{}
	var n int
	var devise string
	var sum decimal.Decimal
	_, err = pgx.ForEachRow(rows, []any{&n, &devise, &sum}, func() error {
		total += n
		sums[devise] = sum
		return nil
	})
	return total, sums, err
}

// MostPerMinute bounds how fast Each may be told to go.
const MostPerMinute = 100_000

// ErrInterrupted is the error of Each when its context has ended.
var ErrInterrupted = errors.New("interrupted")

// Each calls do for one invoice after the other, at most perMinute of them a minute (0: as fast as it goes), until the context ends or do returns an error. It returns for how many do
// returned none.
func Each(ctx context.Context, list []Chosen, perMinute int, do func(Chosen) error) (int, error) {
	for k, i := range list {
		if perMinute > 0 && k > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(time.Minute / time.Duration(perMinute)):
			}
		}
		if ctx.Err() != nil {
			return k, ErrInterrupted
		}
		if err := do(i); err != nil {
			return k, err
		}
	}
	return len(list), nil
}
