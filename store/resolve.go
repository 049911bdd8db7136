package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Action is an operator's way out of parked; chorus.resolve says what each does.
type Action string

// The actions. None of them sends anything: a row that is to be sent again is looked up first.
const (
	ActionAccept   Action = "accept"
	ActionLookup   Action = "lookup"
	ActionResubmit Action = "resubmit"
	ActionAbandon  Action = "abandon"
)

// Resolution is what an operator decides about a parked invoice.
type Resolution struct {
	Action   Action
	Reason   string     // typed, and kept
	Flux     string     // with ActionAccept: which one, of several
	Override bool       // against what the database knows; with ActionResubmit and ActionAbandon
	Seen     *time.Time // the updated_at that was looked at; refused when the invoice has changed since (nil: nobody looked)
}

// ResolveParked takes a parked row out of that state and returns the new one. A refusal has an SQLSTATE of class CH.
func (s *Store) ResolveParked(ctx context.Context, id int64, r Resolution) (State, error) {
	var state State
	err := s.pool.QueryRow(ctx, `SELECT chorus.resolve($1, $2, $3, nullif($4, ''), $5, $6)`, id, r.Action, r.Reason, r.Flux, r.Override, r.Seen).Scan(&state)
	return state, err
}

// KnownFlux is a flux number that is known to be an invoice's, and from where.
type KnownFlux struct {
	Flux   string `json:"flux"`
	Source string `json:"source"`
}

// PossibleAction says why an action is refused; "" when it is not.
type PossibleAction struct {
	Action  Action `json:"action"`
	Refusal string `json:"refusal,omitempty"`
}

// Resolutions says what is known of a parked invoice, and what may be done with it.
func (s *Store) Resolutions(ctx context.Context, id int64) ([]KnownFlux, []PossibleAction, error) {
	rows, err := s.pool.Query(ctx, `SELECT flux, source FROM chorus.known_fluxes($1)`, id)
	if err != nil {
		return nil, nil, err
	}
	fluxes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[KnownFlux])
	if err != nil {
		return nil, nil, err
	}
	rows, err = s.pool.Query(ctx, `SELECT action, coalesce(refusal, '') FROM chorus.resolutions($1)`, id)
	if err != nil {
		return nil, nil, err
	}
	actions, err := pgx.CollectRows(rows, pgx.RowToStructByPos[PossibleAction])
	return fluxes, actions, err
}
