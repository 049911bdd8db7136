package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// Webhook is an endpoint's row: what it is told, how far it has got, and how it fares.
type Webhook struct {
	Name          string     `json:"name"`
	Account       *string    `json:"account"` // null = all
	Events        []string   `json:"events"`  // null = all
	Cursor        int64      `json:"cursor"`
	Delivered     int64      `json:"delivered"`
	LastSuccessAt *time.Time `json:"last_success_at"`
	PausedAt      *time.Time `json:"paused_at"`
	PauseReason   *string    `json:"pause_reason"`
	Stuck         *int64     `json:"stuck"`
	Failures      int        `json:"failures"`
	FailingSince  *time.Time `json:"failing_since"`
	LastStatus    *int       `json:"last_status"`
	LastError     *string    `json:"last_error"`
	DueAt         *time.Time `json:"due_at"`
	Behind        int64      `json:"behind"`      // events numbered after the cursor, of whatever kind
	LagSeconds    float64    `json:"lag_seconds"` // the age of the first of them
}

// Webhooks lists the endpoints, by name. An endpoint's cursor stands right before the event that it does not take, so its lag is that event's age.
func (s *Store) Webhooks(ctx context.Context) ([]Webhook, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT w.name, w.account, w.events, w.cursor, w.delivered, w.last_success_at, w.paused_at, w.pause_reason,
		       w.stuck, w.failures, w.failing_since, w.last_status, w.last_error, nullif(w.due_at, '-infinity'),
		       greatest(0, top.seq - w.cursor),
		       coalesce(greatest(0, extract(epoch FROM clock_timestamp() - e.at)), 0)::float8
		FROM chorus.webhooks w
		CROSS JOIN (SELECT coalesce(max(seq), 0) AS seq FROM chorus.events) top
		LEFT JOIN chorus.events e ON e.seq = w.cursor + 1
		ORDER BY w.name`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Webhook])
}

// WebhookConfig is what an endpoint is to be told.
type WebhookConfig struct {
	Name    string
	Account string   // "" = all
	Events  []string // types, or all of a kind as invoice.*; empty = all
}

// EnsureWebhooks writes down what the endpoints are to be told. A new one begins with the next event.
func (s *Store) EnsureWebhooks(ctx context.Context, list []WebhookConfig) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		for _, w := range list {
			_, err := tx.Exec(ctx, `
				INSERT INTO chorus.webhooks AS w (name, account, events, cursor)
				VALUES ($1, nullif($2, ''), $3, (SELECT coalesce(max(seq), 0) FROM chorus.events))
				ON CONFLICT (name) DO UPDATE SET account = excluded.account, events = excluded.events
				WHERE (w.account, w.events) IS DISTINCT FROM (excluded.account, excluded.events)`, w.Name, w.Account, w.Events)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// webhookWants selects, of the events e of type t.type, those that the endpoint w is told.
const webhookWants = `
	CASE WHEN t.type = 'webhook.test' THEN e.detail ->> 'webhook' = w.name
	ELSE (w.events IS NULL OR t.type = ANY (w.events) OR split_part(t.type, '.', 1) || '.*' = ANY (w.events))
	     AND (w.account IS NULL
	          OR w.account = coalesce((SELECT i.account FROM chorus.invoices i WHERE i.id = e.invoice_id), e.detail ->> 'account'))
	END`

const eventType = `CROSS JOIN LATERAL (SELECT chorus.event_type(e.invoice_id, e.from_state, e.to_state, e.reason_code, e.detail) AS type) t`

// window is how many events are looked through at once for the next one that an endpoint is told.
const window = 10_000

// DueWebhooks locks, within tx, the endpoints of these names that have something to be told. The cursors of the others move past what is none of theirs,
// so that busy accounts cost no jobs for the endpoints of quiet ones.
func (s *Store) DueWebhooks(ctx context.Context, tx pgx.Tx, names []string) ([]string, error) {
	rows, err := tx.Query(ctx, `
		WITH top AS (
		    SELECT max(seq) AS seq FROM chorus.events
		), w AS (
		    SELECT name, account, events, cursor
		    FROM chorus.webhooks
		    WHERE name = ANY ($1)
		      AND paused_at IS NULL
		      AND due_at <= clock_timestamp()
		      AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
		      AND cursor < (SELECT seq FROM top)
		    FOR UPDATE SKIP LOCKED
		), look AS (
		    SELECT w.name, least(top.seq, w.cursor + $2) AS until, top.seq AS top, next.seq AS next
		    FROM w
		    CROSS JOIN top
		    LEFT JOIN LATERAL (
		        SELECT e.seq
		        FROM chorus.events e
		        `+eventType+`
		        WHERE e.seq > w.cursor AND e.seq <= w.cursor + $2 AND `+webhookWants+`
		        ORDER BY e.seq
		        LIMIT 1
		    ) next ON true
		), passed AS (
		    UPDATE chorus.webhooks h
		    SET cursor = look.until
		    FROM look
		    WHERE h.name = look.name AND look.next IS NULL
		)
		SELECT name FROM look WHERE next IS NOT NULL OR until < top`, names, window)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// SetWebhookClaim marks an endpoint that DueWebhooks locked as given to a job.
func (s *Store) SetWebhookClaim(ctx context.Context, tx pgx.Tx, name string, job int64) error {
	_, err := tx.Exec(ctx, `UPDATE chorus.webhooks SET claim = $2, claimed_until = 'infinity' WHERE name = $1`, name, job)
	return err
}

// Announcement is an event as an endpoint is told of it. The actor is left out: it names people.
type Announcement struct {
	Seq        int64           `json:"seq"`
	At         time.Time       `json:"-"`
	Type       string          `json:"-"`
	InvoiceID  *int64          `json:"invoice_id"`
	FromState  *string         `json:"from_state"`
	ToState    *string         `json:"to_state"`
	Attempt    *int            `json:"attempt"`
	ReasonCode *string         `json:"reason_code"`
	Detail     json.RawMessage `json:"detail"`
	Invoice    *Status         `json:"invoice" db:"-"` // as it stands now, which may be later than the event
}

// NextEvent takes the endpoint over for lease, if claim still has it, and returns the first event after its cursor that it is told, or nil when there is
// none. The cursor moves up to it, past what is none of the endpoint's. It returns ErrGone when another job has the endpoint, or it has been paused.
func (s *Store) NextEvent(ctx context.Context, name string, claim int64, lease time.Duration) (*Announcement, error) {
	for {
		var next *Announcement
		more := false
		err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			next = nil
			var cursor, until, top int64
			err := tx.QueryRow(ctx, `
				UPDATE chorus.webhooks w
				SET claimed_until = clock_timestamp() + $3::interval
				WHERE name = $1 AND claim = $2 AND paused_at IS NULL
				RETURNING cursor, (SELECT coalesce(max(seq), 0) FROM chorus.events)`, name, claim, lease).Scan(&cursor, &top)
			if errors.Is(err, pgx.ErrNoRows) {
				return ErrGone
			}
			if err != nil {
				return err
			}
			until = min(top, cursor+window)
			more = until < top
			rows, err := tx.Query(ctx, `
				SELECT e.seq, CASE WHEN e.at BETWEEN '1970-01-01' AND '9000-01-01' THEN e.at ELSE '1970-01-01' END, t.type,
				       e.invoice_id, e.from_state, e.to_state, e.attempt, e.reason_code, chorus.readable(e.detail)
				FROM chorus.webhooks w, chorus.events e
				`+eventType+`
				WHERE w.name = $1 AND e.seq > $2 AND e.seq <= $3 AND `+webhookWants+`
				ORDER BY e.seq
				LIMIT 1`, name, cursor, until)
			if err != nil {
				return err
			}
			found, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByPos[Announcement])
			if err != nil {
				return err
			}
			if len(found) > 0 {
				next, until = found[0], found[0].Seq-1
			}
			if until > cursor {
				if _, err := tx.Exec(ctx, `UPDATE chorus.webhooks SET cursor = $2 WHERE name = $1`, name, until); err != nil {
					return err
				}
			}
			if next == nil || next.InvoiceID == nil {
				return nil
			}
			invoice, err := status(ctx, tx, *next.InvoiceID)
			next.Invoice = &invoice
			return err
		})
		if err != nil || next != nil || !more {
			return next, err
		}
	}
}

// Told moves the cursor past an event that the endpoint has taken. A crash before it has the event delivered once more.
func (s *Store) Told(ctx context.Context, name string, claim, seq int64, status int) error {
	tag, err := s.pool.Exec(ctx, `
		UPDATE chorus.webhooks
		SET cursor = $3, delivered = delivered + 1, last_success_at = clock_timestamp(), last_status = $4,
		    stuck = NULL, failures = 0, failing_since = NULL, last_error = NULL
		WHERE name = $1 AND claim = $2`, name, claim, seq, status)
	if err == nil && tag.RowsAffected() == 0 {
		return ErrGone
	}
	return err
}

// Untold is what went wrong with a delivery.
type Untold struct {
	Seq    int64
	Status int // 0 = no answer
	Code   string
	Gone   bool // the receiver wants no more
}

// The reasons for which the worker pauses an endpoint.
const (
	WebhookGone    = "GONE"
	WebhookFailing = "FAILING"
)

// NotTold gives the endpoint back after a delivery that failed, to be tried again after wait (of the failures in a row, this one included), and pauses
// it when it wants no more or has failed for longer than patience. The reason of the pause is returned, or "".
func (s *Store) NotTold(ctx context.Context, name string, claim int64, u Untold, wait func(failures int) time.Duration, patience time.Duration) (reason string, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		reason = ""
		var failures int
		var paused, spent bool
		err := tx.QueryRow(ctx, `
			UPDATE chorus.webhooks
			SET failures = failures + 1, failing_since = coalesce(failing_since, clock_timestamp()), stuck = $3,
			    last_status = nullif($4, 0), last_error = $5
			WHERE name = $1 AND claim = $2
			RETURNING failures, paused_at IS NOT NULL, failing_since <= clock_timestamp() - $6::interval`,
			name, claim, u.Seq, u.Status, u.Code, patience).Scan(&failures, &paused, &spent)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrGone
		}
		if err != nil {
			return err
		}
		switch {
		case paused: // by an operator, meanwhile
		case u.Gone:
			reason = WebhookGone
		case spent:
			reason = WebhookFailing
		}
		if reason != "" {
			if _, err := tx.Exec(ctx, `SELECT chorus.pause_webhook($1, $2)`, name, reason); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, releaseWebhook, name, claim, later(wait(failures)))
		return err
	})
	return reason, err
}

const releaseWebhook = `
	UPDATE chorus.webhooks
	SET claim = NULL, claimed_until = NULL, due_at = clock_timestamp() + $3::interval
	WHERE name = $1 AND claim = $2`

// ReleaseWebhook gives an endpoint back; after wait it is due again if there is more to tell.
func (s *Store) ReleaseWebhook(ctx context.Context, name string, claim int64, wait time.Duration) error {
	_, err := s.pool.Exec(ctx, releaseWebhook, name, claim, later(wait))
	return err
}

// PauseWebhook stops an endpoint, or lets it go on when reason is "", for an operator.
func (s *Store) PauseWebhook(ctx context.Context, name, reason string) error {
	_, err := s.pool.Exec(ctx, `SELECT chorus.pause_webhook($1, nullif($2, ''))`, name, reason)
	return err
}

// SkipWebhook gives up the event that holds the endpoint up, and returns its number.
func (s *Store) SkipWebhook(ctx context.Context, name, reason string) (seq int64, err error) {
	err = s.pool.QueryRow(ctx, `SELECT chorus.skip_webhook($1, $2)`, name, reason).Scan(&seq)
	return seq, err
}

// ReplayWebhook has everything from a number on delivered again.
func (s *Store) ReplayWebhook(ctx context.Context, name string, from int64) error {
	_, err := s.pool.Exec(ctx, `SELECT chorus.replay_webhook($1, $2)`, name, from)
	return err
}

// TestWebhook makes an event for one endpoint alone, and returns its id.
func (s *Store) TestWebhook(ctx context.Context, name string) (id int64, err error) {
	err = s.pool.QueryRow(ctx, `SELECT chorus.test_webhook($1)`, name).Scan(&id)
	return id, err
}

// ForgetWebhook takes an endpoint away that is configured no more.
func (s *Store) ForgetWebhook(ctx context.Context, name string) error {
	_, err := s.pool.Exec(ctx, `SELECT chorus.forget_webhook($1)`, name)
	return err
}

// SeqOf is the number of an event, 0 as long as it has none.
func (s *Store) SeqOf(ctx context.Context, id int64) (seq int64, err error) {
	err = s.pool.QueryRow(ctx, `SELECT coalesce(seq, 0) FROM chorus.events WHERE id = $1`, id).Scan(&seq)
	return seq, err
}

// SeqSince is the lowest number of an event that happened at or after a moment, 0 if there is none.
func (s *Store) SeqSince(ctx context.Context, at time.Time) (seq int64, err error) {
	err = s.pool.QueryRow(ctx, `SELECT coalesce(min(seq), 0) FROM chorus.events WHERE at >= $1`, at).Scan(&seq)
	return seq, err
}

// CountWebhook says how many events a replay from a number on would deliver again, or pgx.ErrNoRows for an endpoint that is not there.
func (s *Store) CountWebhook(ctx context.Context, name string, from int64) (n int64, err error) {
	err = s.pool.QueryRow(ctx, `
		SELECT (
		    SELECT count(*)
		    FROM chorus.events e
		    `+eventType+`
		    WHERE e.seq >= $2 AND e.seq <= w.cursor AND `+webhookWants+`
		)
		FROM chorus.webhooks w
		WHERE w.name = $1`, name, from).Scan(&n)
	return n, err
}
