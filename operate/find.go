package operate

import (
	"context"
	"strconv"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Found is an invoice that is meant by what somebody typed.
type Found struct {
	ID      int64
	Account string
	State   string
	Numero  *string
	Ref     string
}

// MostFound is how many invoices Find names at most, plus one that says that there are more.
const MostFound = 20

// Find returns the invoices that a text means, the newest first. An id means its invoice and no other; else every invoice of that number (BT-1), external_ref, numeroFluxDepot or
// identifiantFactureCPP, in the accounts that the login sees.
func Find(ctx context.Context, db *pgxpool.Pool, text string) ([]Found, error) {
	if !utf8.ValidString(text) {
		return nil, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	number := err == nil
	if number {
		byID, err := found(ctx, db, `id = $1`, n)
		if err != nil || len(byID) > 0 {
			return byID, err
		}
	}
	where := `id IN (
		SELECT id FROM chorus.invoice_status WHERE numero_facture = $1
		UNION ALL
		SELECT id FROM chorus.invoice_status WHERE external_ref = $1
		UNION ALL
		SELECT id FROM chorus.invoice_status WHERE numero_flux_depot = $1`
	args := []any{text}
	if number {
		where += `
		UNION ALL
		SELECT id FROM chorus.invoice_status WHERE identifiant_facture_cpp = $2`
		args = append(args, n)
	}
	return found(ctx, db, where+`)`, args...)
}

func found(ctx context.Context, db *pgxpool.Pool, where string, args ...any) ([]Found, error) {
	rows, err := db.Query(ctx, `
		SELECT id, account, state, numero_facture, external_ref
		FROM chorus.invoice_status
		WHERE `+where+`
		ORDER BY id DESC
		LIMIT `+strconv.Itoa(MostFound+1), args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Found])
}
