//go:build !chaos

package jobs

import (
	"context"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// Mistakes are made in builds with the tag chaos only (mutate.go).

func mutate(a answer) store.Outcome { return a.outcome }

func (j *Jobs) withoutIntent(context.Context, store.Invoice, *chorus.Deposit, pgtype.UUID, string) error {
	return nil
}
