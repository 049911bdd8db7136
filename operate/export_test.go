package operate

import (
	"context"

	"github.com/choriste/choriste/store"
)

// SQL is the statement of a listing.
func (l Listing) SQL() (string, []any) { return l.sql() }

// Measure is what is found out before it.
func (l *Listing) Measure(ctx context.Context, st *store.Store) error { return l.measure(ctx, st) }

// ActsSQL is the statement of Acts.
func (f ActFilter) ActsSQL(actors ...string) (string, []any) { return f.sql(actors) }
