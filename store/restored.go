package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
)

// Restored says what a restored copy knows, and what a worker that is started on it would look up before it sends anything. Reading it changes nothing.
type Restored struct {
	Now       time.Time  `json:"now"`        // by the copy's server
	LastEvent *time.Time `json:"last_event"` // the copy knows of nothing later
	LastBeat  *time.Time `json:"last_heartbeat"`
	Worker    *string    `json:"worker"` // whose it was
	Invoices  int64      `json:"invoices"`
	Purged    int64      `json:"purged"`
	// The copy's identity is another than it has recorded, so that a worker that starts on it takes it for one (Remember). A copy of the data directory keeps it.
	Noticed  bool       `json:"noticed"`
	LookedUp []LookedUp `json:"looked_up_first"`
	Sent     []LookedUp `json:"would_be_sent"` // without a look-up; none where the copy is noticed
}

// LookedUp are the invoices of one state and currency that a worker would look up first, or send.
type LookedUp struct {
	State  State           `json:"state"`
	Count  int64           `json:"count"`
	Sum    decimal.Decimal `json:"sum"` // of those whose amount is known
	Devise *string         `json:"devise"`
}

// Restored reads it.
func (s *Store) Restored(ctx context.Context) (r Restored, err error) {
	err = s.pool.QueryRow(ctx, `
		SELECT clock_timestamp(),
		       (SELECT at FROM chorus.events ORDER BY id DESC LIMIT 1),
		       h.beat_at, h.worker,
		       (SELECT count(*) FROM chorus.invoices), (SELECT count(*) FROM chorus.invoices WHERE purged_at IS NOT NULL),
		       (SELECT coalesce(db_epoch <> chorus.identity(), false) FROM chorus.installation)
		FROM (VALUES (1)) one
		LEFT JOIN (SELECT beat_at, worker FROM chorus.heartbeats ORDER BY beat_at DESC LIMIT 1) h ON true`).
		Scan(&r.Now, &r.LastEvent, &r.LastBeat, &r.Worker, &r.Invoices, &r.Purged, &r.Noticed)
	if err != nil {
		return r, err
	}
	// What a quarantine of the kind restore takes (chorus.quarantine).
	for list, first := range map[*[]LookedUp]bool{&r.LookedUp: true, &r.Sent: false} {
		rows, err := s.pool.Query(ctx, `
			SELECT state, count(*), coalesce(sum(chorus.signed(type_facture, montant_ttc)), 0), devise
			FROM chorus.invoices
			WHERE state IN ('received', 'ready', 'sending', 'in_doubt') AND ($1 OR lookup_first OR state IN ('sending', 'in_doubt')) = $2
			GROUP BY state, devise
			ORDER BY array_position(ARRAY['sending', 'in_doubt', 'ready', 'received'], state), devise`, r.Noticed, first)
		if err != nil {
			return r, err
		}
		if *list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[LookedUp]); err != nil {
			return r, err
		}
	}
	return r, nil
}
