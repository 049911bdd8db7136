package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Configured is what a worker is configured with, by the keys of the rows.
type Configured struct {
	Accounts, Breakers, Webhooks []string
	Settings                     []string // what all workers should have alike, as NAME=value NAME=value; one
	Paces                        []string // of each PISTE application (Budget.Pace)
	Slots                        []string // deposits in flight at once; one
}

// SayConfigured writes down that this process is configured so. Each worker says it every few seconds (SayEvery), and one write serves all that are configured
// alike. It answers whether something was unknown: then its row may be gone, too, and is to be made anew.
func (s *Store) SayConfigured(ctx context.Context, c Configured) (unknown bool, err error) {
	rows, err := s.pool.Query(ctx, `
		INSERT INTO chorus.configured AS c (kind, key)
		SELECT * FROM (
		    SELECT 'account', unnest($1::text[]) UNION ALL SELECT 'breaker', unnest($2::text[]) UNION ALL SELECT 'webhook', unnest($3::text[])
		    UNION ALL SELECT 'settings', unnest($5::text[]) UNION ALL SELECT 'pace', unnest($6::text[]) UNION ALL SELECT 'slots', unnest($7::text[])
		) x
		ORDER BY 1, 2
		ON CONFLICT (kind, key) DO UPDATE SET seen_at = clock_timestamp() WHERE c.seen_at < clock_timestamp() - $4::interval
		RETURNING c.xmax = 0`, c.Accounts, c.Breakers, c.Webhooks, SayEvery/2, c.Settings, c.Paces, c.Slots)
	if err != nil {
		return false, err
	}
	return anyOf(rows)
}

// SayDelays writes down the delays that a worker goes by, for chorus.todo: the horizon (docs/protocol.md §3.1), and for how long a change feed may go unread.
func (s *Store) SayDelays(ctx context.Context, worker string, horizon, unread time.Duration) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.heartbeats
		SET horizon = $2, unread_after = $3
		WHERE worker = $1 AND (horizon, unread_after) IS DISTINCT FROM ($2, $3)`, worker, horizon, unread)
	return err
}

// SayEvery is how often a worker says what it is configured with. What was not said for four times as long is of no worker that lives.
const SayEvery = 5 * time.Second

// Unsay takes back what this process has said. Another worker that is configured with it says so within SayEvery; where there is none, it is gone, unless all
// workers are stopped.
func (s *Store) Unsay(ctx context.Context, c Configured) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.configured
		SET seen_at = least(seen_at, clock_timestamp() - $4::interval)
		WHERE (kind, key) IN (SELECT 'account', unnest($1::text[]) UNION ALL SELECT 'breaker', unnest($2::text[]) UNION ALL SELECT 'webhook', unnest($3::text[])
		                      UNION ALL SELECT 'settings', unnest($5::text[]) UNION ALL SELECT 'pace', unnest($6::text[]) UNION ALL SELECT 'slots', unnest($7::text[]))`,
		c.Accounts, c.Breakers, c.Webhooks, 4*SayEvery, c.Settings, c.Paces, c.Slots)
	return err
}

// Without is what c has and other has not.
func (c Configured) Without(other Configured) Configured {
	return Configured{
		without(c.Accounts, other.Accounts), without(c.Breakers, other.Breakers), without(c.Webhooks, other.Webhooks), without(c.Settings, other.Settings),
		without(c.Paces, other.Paces), without(c.Slots, other.Slots),
	}
}

// Empty tells that there is nothing in it.
func (c Configured) Empty() bool {
	return len(c.Accounts)+len(c.Breakers)+len(c.Webhooks)+len(c.Settings)+len(c.Paces)+len(c.Slots) == 0
}

func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(v string) bool { return slices.Contains(other, v) })
}

// Heed brings the fleet's pace and its deposits in flight to the most careful that a live worker is configured with: of each PISTE application the slowest pace,
// the lowest quota of a day, and the fewest slots.
func (s *Store) Heed(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, `
		WITH said AS (
		    SELECT kind, string_to_array(key, ' ') AS v FROM chorus.configured WHERE kind = 'pace' AND seen_at > clock_timestamp() - $1::interval
		), careful AS (
		    SELECT DISTINCT ON (v[1]) v[1] AS key, v[2]::bigint AS every_us, v[3]::int AS most,
		           coalesce(min(nullif(v[4]::int, 0)) OVER (PARTITION BY v[1]), 0) AS daily
		    FROM said
		    ORDER BY v[1], v[2]::bigint DESC
		)
		UPDATE chorus.budgets b SET every_us = c.every_us, most = c.most, daily = c.daily
		FROM careful c
		WHERE b.key = c.key AND (b.every_us, b.most, b.daily) <> (c.every_us, c.most, c.daily)`, 4*SayEvery)
	if err != nil {
		return err
	}
	var slots, now int
	err = s.pool.QueryRow(ctx, `
		SELECT coalesce(min(key::int), 0), (SELECT coalesce(max(n), 0) FROM chorus.slots)
		FROM chorus.configured WHERE kind = 'slots' AND seen_at > clock_timestamp() - $1::interval`, 4*SayEvery).Scan(&slots, &now)
	if err != nil || slots == 0 || slots == now {
		return err
	}
	return s.Slots(ctx, slots)
}

// Differ returns a fault that names the settings in which a live worker differs from own, or nil.
func Differ(ctx context.Context, pool *pgxpool.Pool, own string) (*Fault, error) {
	rows, err := pool.Query(ctx, `
		SELECT key FROM chorus.configured
		WHERE kind = 'settings' AND key <> $1 AND seen_at > clock_timestamp() - $2::interval
		ORDER BY key`, own, 4*SayEvery)
	if err != nil {
		return nil, err
	}
	others, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(others) == 0 {
		return nil, err
	}
	var told []string
	for _, pair := range strings.Fields(own) {
		name, here, _ := strings.Cut(pair, "=")
		for _, other := range others {
			for _, pair := range strings.Fields(other) {
				if there, same := strings.CutPrefix(pair, name+"="); same && there != here {
					told = append(told, name+" is "+here+" here and "+there+" there")
				}
			}
		}
	}
	for _, other := range others { // an application's own quota may be set in one place only
		told = append(told, onlyIn(own, other, " is %s here and not set there")...)
		told = append(told, onlyIn(other, own, " is not set here and %s there")...)
	}
	if len(told) == 0 { // of another version, which has other settings
		told = []string{"names"}
	}
	return fault("SETTINGS_DIFFER", strings.Join(slices.Compact(told), ", ")), nil
}

// Orphaned returns a fault that names the accounts whose invoices wait and that none of the workers that live has, or nil.
func Orphaned(ctx context.Context, pool *pgxpool.Pool) (*Fault, error) {
	rows, err := pool.Query(ctx, `SELECT account FROM chorus.todo WHERE kind = 'worker' AND account IS NOT NULL ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) == 0 {
		return nil, err
	}
	return fault("ACCOUNT_WITHOUT_WORKER", strings.Join(names, ", ")), nil
}

// onlyIn tells of the quotas that one worker sets and the other does not.
func onlyIn(one, other, how string) (told []string) {
	for _, pair := range strings.Fields(one) {
		name, value, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "quota/") && !strings.Contains(other+" ", " "+name+"=") {
			told = append(told, name+fmt.Sprintf(how, value))
		}
	}
	return told
}

// ForgetGone takes away what belongs to a configuration that is gone.
func (s *Store) ForgetGone(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, `SELECT chorus.forget_gone()`)
	return err
}

// AnyWorker tells whether a worker lives that is configured with the account.
func (s *Store) AnyWorker(ctx context.Context, account string) (bool, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT seen_at > clock_timestamp() - $2::interval FROM chorus.configured WHERE kind = 'account' AND key = $1`, account, 4*SayEvery)
	if err != nil {
		return false, err
	}
	return anyOf(rows)
}

// inUse selects the rows whose key, an SQL expression, some worker is configured with: lately, or, when all are stopped, when the last one was. Where no
// worker has ever said anything, all are.
func inUse(kind, key string) string {
	return `(NOT EXISTS (SELECT FROM chorus.configured)
	         OR EXISTS (SELECT FROM chorus.configured c WHERE c.kind = '` + kind + `' AND c.key = ` + key + `
	                    AND c.seen_at > (SELECT max(seen_at) FROM chorus.configured) - interval '20 seconds'))`
}
