package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// A breaker keeps deposits from a portal, or from a PISTE application, that fails: every deposit into an outage is one more invoice in doubt. It is a row,
// so it is the whole fleet's, and T1 asks it: once the opening is committed, no deposit begins anywhere. docs/protocol.md §2.3 H5 says how many can be hit.

// Breaker is what the fleet knows of one.
type Breaker struct {
	Key       string     `json:"-"`
	Scope     string     `json:"scope"` // portal or application
	Name      string     `json:"name"`
	State     string     `json:"state"` // closed, open or trial
	Since     *time.Time `json:"since"` // when it left closed
	Fault     string     `json:"fault,omitempty"`
	Announced bool       `json:"announced"`
	Ramping   bool       `json:"ramping"`
}

// The scopes.
const (
	ScopePortal      = "portal"
	ScopeApplication = "application"
)

const breakerColumns = `key, scope, name, state, since, coalesce(fault, ''), announced, ramp IS NOT NULL`

// Breakers lists those that some worker is configured with, the ones that are not closed first.
func (s *Store) Breakers(ctx context.Context) ([]Breaker, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+breakerColumns+` FROM chorus.breakers WHERE `+inUse("breaker", "breakers.key")+` ORDER BY state = 'closed', scope DESC, name`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Breaker])
}

// Text is its state in one line.
func (b Breaker) Text() string {
	switch {
	case b.State == "closed" && b.Ramping:
		return "answers again, deposits come back a few at first"
	case b.State == "closed":
		return "in order"
	case b.State == "trial":
		return "answers the health check, but no deposit since " + Stamp(*b.Since) + " (" + b.Fault + "): one deposit at a time"
	default:
		return "fails since " + Stamp(*b.Since) + " (" + b.Fault + "): deposits wait"
	}
}

// EnsureBreakers makes breakers known (key, scope and name), and which of them each account is behind.
func (s *Store) EnsureBreakers(ctx context.Context, list []Breaker, behind map[string][]string) error {
	// Each by itself: the rows are being locked by deposits meanwhile, in another order.
	for _, b := range list {
		_, err := s.pool.Exec(ctx, `
			INSERT INTO chorus.breakers (key, scope, name)
			VALUES ($1, $2, $3)
			ON CONFLICT (key) DO UPDATE SET name = excluded.name WHERE breakers.name <> excluded.name`, b.Key, b.Scope, b.Name)
		if err != nil {
			return err
		}
	}
	for account, keys := range behind {
		if _, err := s.pool.Exec(ctx, `UPDATE chorus.accounts SET behind = $2 WHERE name = $1 AND behind <> $2`, account, keys); err != nil {
			return err
		}
	}
	return nil
}

// How probes and trials are spaced, in units; a unit is a second at the default T_http of a minute.
const (
	mostProbe = 60  // 1, 2, 4 … 60 between probes that fail
	mostTrial = 300 // 1, 2, 4 … 300 between trials that fail
	patience  = 15  // a trial that has said nothing for so long does not keep the next one away
	rampFor   = 60  // how long after its closing a breaker limits how many deposits go at once
)

// DepositFailed tells the breaker that a deposit failed because of what it stands for. A closed one opens, unless a deposit that was committed to later
// has been answered, or a probe: that proves more. A trial that failed makes the next one rarer. Either way a probe is due at once; what follows a probe that is
// answered depends on whether a deposit was, since the one before that failed. It answers whether it opened.
func (s *Store) DepositFailed(ctx context.Context, key, fault string, attempt pgtype.UUID, unit time.Duration) (opened bool, err error) {
	tag, err := s.pool.Exec(ctx, `
		UPDATE chorus.breakers b
		SET state = 'open', since = coalesce(since, clock_timestamp()), fault = $2, next_at = clock_timestamp(), ramp = NULL,
		    failed_at = clock_timestamp(), failed_sent_at = a.claimed_at, distrusted = b.distrusted OR NOT b.answered, answered = false,
		    trial = NULL,
		    trial_spacing = CASE WHEN b.trial = a.id THEN least(greatest(2 * b.trial_spacing, $4::interval), $5::interval) ELSE b.trial_spacing END,
		    trial_at = CASE WHEN b.trial = a.id THEN clock_timestamp() + least(greatest(2 * b.trial_spacing, $4::interval), $5::interval) ELSE b.trial_at END
		FROM chorus.attempts a
		WHERE b.key = $1 AND a.id = $3
		  AND (b.trial = a.id
		       OR b.state = 'closed' AND (b.closed_at IS NULL OR a.claimed_at > b.closed_at) AND NOT EXISTS (
		           SELECT
		           FROM chorus.attempts later
		           JOIN chorus.invoices i ON i.id = later.invoice_id
		           JOIN chorus.accounts acc ON acc.name = i.account AND b.key = ANY (acc.behind)
		           WHERE later.claimed_at > a.claimed_at AND later.outcome IN ('ACCEPTED', 'REFUSED', 'DUPLICATE')
		       ))`, key, fault, attempt, unit, mostTrial*unit)
	return tag.RowsAffected() > 0, err
}

// PrepareFailed opens the breaker because what must precede a deposit failed, an OAuth token for instance: no attempt was begun.
func (s *Store) PrepareFailed(ctx context.Context, key, fault string) (opened bool, err error) {
	tag, err := s.pool.Exec(ctx, `
		UPDATE chorus.breakers
		SET state = 'open', since = clock_timestamp(), fault = $2, failed_at = clock_timestamp(), failed_sent_at = clock_timestamp(), next_at = clock_timestamp(),
		    ramp = NULL
		WHERE key = $1 AND state = 'closed'`, key, fault)
	return tag.RowsAffected() > 0, err
}

// DepositAnswered tells the breakers that the portal answered a deposit as it should. They close if it was the trial, or was committed to later than the
// deposit that opened them; one that is recovering lets two more through at once. It answers whether one closed.
func (s *Store) DepositAnswered(ctx context.Context, keys []string, attempt pgtype.UUID) (closed bool, err error) {
	rows, err := s.pool.Query(ctx, `
		UPDATE chorus.breakers b
		SET state = 'closed', since = NULL, announced = false, next_at = NULL, probe_spacing = '0', trial = NULL, trial_at = NULL, trial_spacing = '0',
		    answered = true, distrusted = false,
		    closed_at = CASE WHEN b.state = 'closed' THEN b.closed_at ELSE clock_timestamp() END,
		    ramp = CASE
		        WHEN b.state <> 'closed' THEN 4 + (SELECT count(*) FROM chorus.slots WHERE attempt_id IS NOT NULL)
		        WHEN b.ramp + 2 < (SELECT count(*) FROM chorus.slots) THEN b.ramp + 2
		    END
		FROM chorus.attempts a, chorus.breakers old
		WHERE a.id = $2 AND b.key = ANY ($1) AND old.key = b.key
		  AND (b.state = 'closed' AND b.ramp IS NOT NULL OR b.state <> 'closed' AND (b.trial = a.id OR a.claimed_at > b.failed_sent_at))
		RETURNING old.state <> 'closed'`, keys, attempt)
	if err != nil {
		return false, err
	}
	return anyOf(rows)
}

// DepositSilent tells the breakers that the deposit has shown nothing about what they stand for; if it was the trial, another may be tried.
func (s *Store) DepositSilent(ctx context.Context, keys []string, attempt pgtype.UUID) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.breakers SET trial = NULL, trial_at = clock_timestamp() WHERE key = ANY ($1) AND trial = $2`, keys, attempt)
	return err
}

// Suspect has a breaker's portal probed, because a request that was no deposit failed: that opens nothing by itself.
func (s *Store) Suspect(ctx context.Context, key string) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.breakers SET next_at = clock_timestamp() WHERE key = $1 AND state = 'closed' AND next_at IS NULL`, key)
	return err
}

// TakeProbes answers which of the breakers this process is to probe now: no other process does so for lease.
func (s *Store) TakeProbes(ctx context.Context, keys []string, lease time.Duration) ([]string, error) {
	rows, err := s.pool.Query(ctx, `
		UPDATE chorus.breakers
		SET probing_until = clock_timestamp() + $2::interval
		WHERE key = ANY ($1) AND next_at <= clock_timestamp() AND probing_until < clock_timestamp()
		RETURNING key`, keys, lease)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// ProbeAnswered tells that the portal is there. Deposits come back, four at first; or, where the last ones failed although it was there, one at a time is
// tried. A search that is answered is as good a probe. It answers whether a breaker closed.
func (s *Store) ProbeAnswered(ctx context.Context, keys []string) (closed bool, err error) {
	rows, err := s.pool.Query(ctx, `
		UPDATE chorus.breakers b
		SET state = CASE WHEN b.state = 'open' AND b.distrusted THEN 'trial' WHEN b.state = 'open' THEN 'closed' ELSE b.state END,
		    since = CASE WHEN b.state = 'open' AND NOT b.distrusted THEN NULL ELSE b.since END,
		    closed_at = CASE WHEN b.state = 'open' AND NOT b.distrusted THEN clock_timestamp() ELSE b.closed_at END,
		    announced = b.announced AND (b.state <> 'open' OR b.distrusted),
		    ramp = CASE WHEN b.state = 'open' AND NOT b.distrusted THEN 4 + (SELECT count(*) FROM chorus.slots WHERE attempt_id IS NOT NULL) ELSE b.ramp END,
		    trial_at = CASE WHEN b.state = 'open' AND b.distrusted THEN greatest(b.trial_at, clock_timestamp()) ELSE b.trial_at END,
		    next_at = NULL, probe_spacing = '0', probing_until = '-infinity'
		FROM chorus.breakers old
		WHERE b.key = ANY ($1) AND old.key = b.key AND (b.state = 'open' OR b.next_at IS NOT NULL)
		RETURNING old.state = 'open' AND NOT old.distrusted`, keys)
	if err != nil {
		return false, err
	}
	return anyOf(rows)
}

func anyOf(rows pgx.Rows) (bool, error) {
	list, err := pgx.CollectRows(rows, pgx.RowTo[bool])
	return slices.Contains(list, true), err
}

// ProbeFailed opens the breaker, or keeps it open and makes the next probe rarer. It answers whether it was closed.
func (s *Store) ProbeFailed(ctx context.Context, key, fault string, unit time.Duration) (opened bool, err error) {
	err = s.pool.QueryRow(ctx, `
		UPDATE chorus.breakers b
		SET state = 'open', since = coalesce(b.since, clock_timestamp()), fault = $2, failed_at = clock_timestamp(), failed_sent_at = clock_timestamp(), ramp = NULL, trial = NULL,
		    probe_spacing = least(greatest(2 * b.probe_spacing, $3::interval), $4::interval),
		    next_at = clock_timestamp() + least(greatest(2 * b.probe_spacing, $3::interval), $4::interval),
		    probing_until = '-infinity'
		FROM chorus.breakers old
		WHERE b.key = $1 AND old.key = b.key
		RETURNING old.state = 'closed'`, key, fault, unit, mostProbe*unit).Scan(&opened)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return opened, err
}

// ProbeSilent ends a probe that could not be made; the next one is due after wait.
func (s *Store) ProbeSilent(ctx context.Context, key string, wait time.Duration) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.breakers SET probing_until = '-infinity', next_at = clock_timestamp() + $2::interval WHERE key = $1`, key, later(wait))
	return err
}

// Tend does what time does to breakers and closures: one that has been open, or has had its trials fail, for announceAfter is announced as an outage; one
// that has recovered limits nothing any more. It returns the outages that it has announced.
func (s *Store) Tend(ctx context.Context, unit, announceAfter time.Duration) (announced []Breaker, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE chorus.maintenance
			SET state = CASE WHEN clock_timestamp() > ends_at THEN 'over' ELSE 'running' END
			WHERE state <> CASE WHEN clock_timestamp() > ends_at THEN 'over' WHEN clock_timestamp() >= starts_at THEN 'running' ELSE 'ahead' END`)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			UPDATE chorus.breakers SET ramp = NULL WHERE state = 'closed' AND ramp IS NOT NULL AND closed_at < clock_timestamp() - $1::interval`, rampFor*unit)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			UPDATE chorus.breakers
			SET announced = true
			WHERE (state = 'open' OR trial_spacing > 4 * $2::interval) AND NOT announced AND since < clock_timestamp() - $1::interval
			  AND `+inUse("breaker", "breakers.key")+`
			  AND NOT EXISTS (SELECT FROM chorus.maintenance WHERE state = 'running')
			RETURNING `+breakerColumns, announceAfter, unit)
		if err != nil {
			return err
		}
		announced, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Breaker])
		return err
	})
	return announced, err
}

// Window is an announced closure of the portal.
type Window struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// Closure is the announced closure that is under way, nil when there is none.
func (s *Store) Closure(ctx context.Context) (*Window, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT starts_at, ends_at FROM chorus.maintenance WHERE clock_timestamp() BETWEEN starts_at AND ends_at ORDER BY ends_at DESC LIMIT 1`)
	if err != nil {
		return nil, err
	}
	w, err := pgx.CollectExactlyOneRow(rows, pgx.RowToAddrOfStructByPos[Window])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil //nolint:nilnil // there is none, and that is no failure
	}
	return w, err
}

// SetMaintenance replaces the closures that are still ahead or under way by these; past ones stay, as history.
func (s *Store) SetMaintenance(ctx context.Context, windows []Window) error {
	from, until := make([]time.Time, len(windows)), make([]time.Time, len(windows))
	for k, w := range windows {
		from[k], until[k] = w.From, w.Until
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			DELETE FROM chorus.maintenance
			WHERE state <> 'over' AND (starts_at, ends_at) NOT IN (SELECT * FROM unnest($1::timestamptz[], $2::timestamptz[]))`, from, until)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO chorus.maintenance (starts_at, ends_at)
			SELECT * FROM unnest($1::timestamptz[], $2::timestamptz[]) AS w (starts_at, ends_at)
			WHERE ends_at > clock_timestamp()
			ON CONFLICT DO NOTHING`, from, until)
		return err
	})
}
