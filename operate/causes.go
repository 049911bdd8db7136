package operate

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/store"
)

// Cause is why invoices are on the list of what needs somebody: how many there are of one state and reason code, and what they are worth in one currency.
type Cause struct {
	State  store.State
	Reason *string
	Count  int
	Amount decimal.NullDecimal
	Devise *string
}

// Causes groups what the query selects, the most frequent first: at most so many groups.
func Causes(ctx context.Context, st *store.Store, q Query, limit int) ([]Cause, error) {
	where, args := q.Where(nil)
	rows, err := st.Pool().Query(ctx, `
		SELECT state, reason_code, count(*)::int, sum(montant_signe), devise
		FROM chorus.invoice_status
		WHERE `+where+`
		GROUP BY state, reason_code, devise
		ORDER BY count(*) DESC, state, reason_code, devise
		LIMIT $`+strconv.Itoa(len(args)+1), plannedAnew(append(args, limit))...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Cause])
}
