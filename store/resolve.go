package store

import (
	"context"
	"errors"
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

// Asked is what is returned in the place of a new state by what waits for a second person (chorus.ask): nothing is done yet.
const Asked State = "asked"

// AllowResubmit lets resubmission go on after a deposit that was judged absent was accepted after all.
func (s *Store) AllowResubmit(ctx context.Context, reason string) error {
	_, err := s.pool.Exec(ctx, `SELECT chorus.allow_resubmit($1)`, reason)
	return err
}

// Resubmission says since when nothing is sent again by itself (nil: it is), and what waits for a second person who lets it go on (nil: nothing).
func (s *Store) Resubmission(ctx context.Context) (off *time.Time, asked *Request, err error) {
	if err := s.pool.QueryRow(ctx, `SELECT assumption_broken_at FROM chorus.installation`).Scan(&off); err != nil || off == nil {
		return off, nil, err
	}
	rows, err := s.pool.Query(ctx, `
		SELECT id, action, override, reason, actor, asked_at, until
		FROM chorus.requests
		WHERE invoice_id IS NULL AND decision IS NULL AND until > clock_timestamp()`)
	if err != nil {
		return off, nil, err
	}
	asked, err = pgx.CollectExactlyOneRow(rows, pgx.RowToAddrOfStructByPos[Request])
	if errors.Is(err, pgx.ErrNoRows) {
		return off, nil, nil
	}
	return off, asked, err
}

// Agree does what another person asked for, and returns the new state of the invoice.
func (s *Store) Agree(ctx context.Context, request int64, reason string) (State, error) {
	var state State
	err := s.pool.QueryRow(ctx, `SELECT chorus.agree($1, $2)`, request, reason).Scan(&state)
	return state, err
}

// Decline refuses a request, or takes back one's own. It says which: refused or withdrawn.
func (s *Store) Decline(ctx context.Context, request int64, reason string) (what string, err error) {
	err = s.pool.QueryRow(ctx, `SELECT chorus.decline($1, $2)`, request, reason).Scan(&what)
	return what, err
}

// Request is what somebody asked for and a second person has not answered.
type Request struct {
	ID       int64     `json:"id"`
	Action   string    `json:"action"`
	Override bool      `json:"override"`
	Reason   string    `json:"reason"`
	Actor    string    `json:"asked_by"`
	AskedAt  time.Time `json:"asked_at"`
	Until    time.Time `json:"until"`
}

// OpenRequest is the one about an invoice as it is now; nil: there is none.
func (s *Store) OpenRequest(ctx context.Context, invoice int64) (*Request, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT r.id, r.action, r.override, r.reason, r.actor, r.asked_at, r.until
		FROM chorus.requests r
		JOIN chorus.invoices i ON i.id = r.invoice_id
		WHERE r.invoice_id = $1 AND r.decision IS NULL AND r.until > clock_timestamp() AND r.seen = i.updated_at`, invoice)
	if err != nil {
		return nil, err
	}
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToAddrOfStructByPos[Request])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return r, err
}

// SetSecondPerson takes over how long requests wait for a second person (0: nobody is asked), and the login through which the console acts.
func (s *Store) SetSecondPerson(ctx context.Context, within time.Duration, console string) error {
	_, err := s.pool.Exec(ctx, `SELECT chorus.set_second_person(CASE WHEN $1::float8 > 0 THEN make_interval(secs => $1) END, nullif($2, ''))`, within.Seconds(), console)
	return err
}

// Login is who the connections of this store log in as.
func (s *Store) Login(ctx context.Context) (name string, err error) {
	err = s.pool.QueryRow(ctx, `SELECT session_user`).Scan(&name)
	return name, err
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
