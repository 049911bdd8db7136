package operate

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Hour is how many invoices Chorus Pro acknowledged, and how many it took in, in one hour.
type Hour struct {
	From       time.Time
	Deposited  int
	Integrated int
}

// lateEvent is how much later than the number of an event, which its transaction took, its time may be. Events that are later than that are not counted.
const lateEvent = 5 * time.Minute

// Flow counts by hour since a full hour, which is in the list as every one after it. It reads the events since then and no others, however long history is: they are found by their numbers,
// which rise with time.
func Flow(ctx context.Context, db *pgxpool.Pool, since time.Time) ([]Hour, error) {
	var first *int64
	if err := db.QueryRow(ctx, `
		WITH RECURSIVE search (low, high) AS (
		    SELECT (SELECT min(id) FROM chorus.events), (SELECT max(id) + 1 FROM chorus.events)
		    UNION ALL
		    SELECT CASE WHEN e.at < $1 THEN e.id + 1 ELSE s.low END, CASE WHEN e.at < $1 THEN s.high ELSE (s.low + s.high) / 2 END
		    FROM search s
		    CROSS JOIN LATERAL (SELECT id, at FROM chorus.events WHERE id >= (s.low + s.high) / 2 ORDER BY id LIMIT 1) e
		    WHERE s.low < s.high
		)
		SELECT max(low) FROM search`, since.Add(-lateEvent)).Scan(&first); err != nil || first == nil {
		return hours(since, nil), err
	}
	rows, err := db.Query(ctx, `
		SELECT date_trunc('hour', at), count(*) FILTER (WHERE to_state = 'deposited')::int, count(*) FILTER (WHERE to_state = 'integrated')::int
		FROM chorus.events
		WHERE id >= $1 AND at >= $2 AND to_state IN ('deposited', 'integrated') AND to_state IS DISTINCT FROM from_state
		GROUP BY 1`, *first, since)
	if err != nil {
		return nil, err
	}
	counted, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Hour])
	return hours(since, counted), err
}

// hours has every hour since one up to now, those without an invoice, too.
func hours(since time.Time, counted []Hour) []Hour {
	by := map[int64]Hour{}
	for _, h := range counted {
		by[h.From.Unix()] = h
	}
	var list []Hour
	for at := since; !at.After(time.Now()); at = at.Add(time.Hour) {
		h := by[at.Unix()]
		h.From = at
		list = append(list, h)
	}
	return list
}
