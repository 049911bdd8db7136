package operate

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// rowQuerier is a connection or a pool.
type rowQuerier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// ReadDocument returns the document of an invoice, nil when it was purged. The reading goes into the invoice's history, under the context's actor.
func ReadDocument(ctx context.Context, db rowQuerier, id int64) ([]byte, error) {
	var document []byte
	err := db.QueryRow(ctx, `SELECT chorus.read_evidence($1)`, id).Scan(&document)
	return document, err
}
