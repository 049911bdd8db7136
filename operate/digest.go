package operate

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/store"
)

// Digest is what a morning's letter says.
type Digest struct {
	From    time.Time      `json:"from"` // of the figures, by the database's clock
	Until   time.Time      `json:"until"`
	Moves   []Move         `json:"moves"`
	Counts  []TodoCount    `json:"counts"`
	Todo    []Todo         `json:"todo"` // the first lines
	Open    []MoneyOpen    `json:"open"`
	Settled []MoneySettled `json:"settled"` // in those days of Paris
}

// Move is how often invoices came into a state: received is how many were inserted.
type Move struct {
	State store.State `json:"state"`
	Count int         `json:"count"`
}

// ReadDigest reads the figures of so long a time until now, what needs a person (at most so many lines), and the money.
func ReadDigest(ctx context.Context, db *pgxpool.Pool, account string, age time.Duration, lines int) (d Digest, err error) {
	m := MoneyFilter{Account: account}
	err = db.QueryRow(ctx, `
		SELECT n - $1::interval, n, ((n - $1::interval) AT TIME ZONE 'Europe/Paris')::date, (n AT TIME ZONE 'Europe/Paris')::date - 1
		FROM clock_timestamp() AS n`, age).Scan(&d.From, &d.Until, &m.Since, &m.Until)
	if err != nil {
		return d, err
	}
	if d.Moves, err = moves(ctx, db, account, d.From); err != nil {
		return d, err
	}
	f := TodoFilter{Account: account, Limit: lines}
	if d.Todo, d.Counts, err = TodoPage(ctx, db, f); err != nil {
		return d, err
	}
	if d.Open, _, err = Open(ctx, db, m, 0); err != nil {
		return d, err
	}
	// Statuses have days: those that have ended since the last letter of the same hour, so that no day is in two.
	d.Settled, _, err = Settled(ctx, db, m, 0)
	return d, err
}

// moves counts by state the changes since a moment. History has no index by time: the first event of the time is found by halves, for ids follow time but for moments.
func moves(ctx context.Context, db *pgxpool.Pool, account string, since time.Time) ([]Move, error) {
	var low, high int64
	if err := db.QueryRow(ctx, `SELECT coalesce(min(id), 0), coalesce(max(id), 0) + 1 FROM chorus.events`).Scan(&low, &high); err != nil {
		return nil, err
	}
	for low < high {
		middle := low + (high-low)/2
		var id int64
		var at time.Time
		switch err := db.QueryRow(ctx, `SELECT id, at FROM chorus.events WHERE id >= $1 ORDER BY id LIMIT 1`, middle).Scan(&id, &at); {
		case errors.Is(err, pgx.ErrNoRows):
			high = middle
		case err != nil:
			return nil, err
		case at.Before(since):
			low = id + 1
		default:
			high = middle
		}
	}
	rows, err := db.Query(ctx, `
		SELECT e.to_state, count(*)
		FROM chorus.events e
		WHERE e.id >= $1 AND e.at >= $2 AND e.to_state IS DISTINCT FROM e.from_state AND e.to_state IS NOT NULL
		  AND ($3 = '' OR (SELECT i.account FROM chorus.invoices i WHERE i.id = e.invoice_id) = $3)
		GROUP BY e.to_state
		ORDER BY array_position($4::text[], e.to_state)`, low, since, account, store.States)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Move])
}
