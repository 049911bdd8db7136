package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// LockHolder is a session that others wait for, because it holds a lock on something of choriste's.
type LockHolder struct {
	PID         int32  // 0: a prepared transaction, which no session holds
	GID         string // its name, where it is known
	Application string
	Login       string
	State       string     // "" where this login may not know
	Since       *time.Time // when its transaction began; nil where this login may not know
	On          []string   // the tables
	Waiting     int        // sessions
	Own         bool       // a session of choriste's under this very login: it is at work, unless it stands still. Anybody may call a session choriste
	StandsStill bool       // it is our own, and has been in a transaction for longer than any of ours takes: its process or its server has stopped
	Doing       string     // the beginning of its statement, where it is our own
}

// standsStill is four times the longest round of a loop (worker/loops.go).
const standsStill = 2 * time.Minute

// LockHolders finds who is in the way of sessions of choriste in this database, and who has a table of ours for itself. It asks for no table, and so waits for
// no lock. A login sees the transactions of other logins only as a member of pg_read_all_stats; their PID, login and application it sees always.
func LockHolders(ctx context.Context, pool *pgxpool.Pool) ([]LockHolder, error) {
	return lockHolders(ctx, pool, standsStill)
}

func lockHolders(ctx context.Context, pool *pgxpool.Pool, still time.Duration) ([]LockHolder, error) {
	rows, err := pool.Query(ctx, `
		WITH locks AS MATERIALIZED (
		    SELECT l.pid, l.granted, l.mode, l.locktype, n.nspname || '.' || c.relname AS name, c.relkind
		    FROM pg_catalog.pg_locks l
		    LEFT JOIN (pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname IN ('chorus', 'river'))
		           ON c.oid = l.relation AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
		), waiting AS (
		    SELECT l.pid,
		           -- Who waits for a row waits for a transaction; the row's table it has a lock on.
		           coalesce(l.name, (SELECT min(r.name) FROM locks r WHERE r.pid = l.pid AND r.granted AND r.locktype = 'tuple')) AS name
		    FROM locks l
		    JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
		    WHERE NOT l.granted AND a.datname = current_database() AND (a.application_name = 'choriste' OR l.name IS NOT NULL)
		), holding AS (
		    SELECT b.pid, w.pid AS waiter, w.name
		    FROM waiting w,
		         unnest(pg_catalog.pg_blocking_pids(w.pid)) AS b (pid)
		    WHERE b.pid NOT IN (SELECT pid FROM waiting) -- those who only stand in the queue
		    UNION ALL
		    SELECT pid, NULL, name
		    FROM locks
		    WHERE granted AND mode = 'AccessExclusiveLock' AND relkind IN ('r', 'p') AND pid <> pg_catalog.pg_backend_pid()
		)
		SELECT h.pid, coalesce(s.application_name, ''), coalesce(s.usename::text, ''), coalesce(s.state, ''), s.xact_start,
		       coalesce(array_agg(DISTINCT h.name ORDER BY h.name) FILTER (WHERE h.name IS NOT NULL), '{}'), count(DISTINCT h.waiter),
		       own, own AND s.xact_start < clock_timestamp() - $1::interval, CASE WHEN own THEN left(btrim(regexp_replace(s.query, '\s+', ' ', 'g')), 80) ELSE '' END
		FROM holding h
		LEFT JOIN pg_catalog.pg_stat_activity s ON s.pid = h.pid
		CROSS JOIN LATERAL (SELECT coalesce(s.application_name = 'choriste' AND s.usename = current_user AND s.xact_start IS NOT NULL, false) AS own) o
		WHERE h.pid = 0 OR s.pid IS NOT NULL
		GROUP BY h.pid, s.application_name, s.usename, s.state, s.xact_start, s.query, own
		ORDER BY count(DISTINCT h.waiter) DESC, h.pid
		LIMIT 5`, still)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (h LockHolder, err error) {
		err = row.Scan(&h.PID, &h.Application, &h.Login, &h.State, &h.Since, &h.On, &h.Waiting, &h.Own, &h.StandsStill, &h.Doing)
		return h, err
	})
}

// RowHolders finds the sessions and prepared transactions that have locked one of these invoices. A row that several have locked together tells of none.
func (s *Store) RowHolders(ctx context.Context, ids []int64) ([]LockHolder, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT coalesce(l.pid, 0), coalesce(p.gid, ''), coalesce(a.application_name, ''), coalesce(a.usename::text, p.owner::text, ''), coalesce(a.state, ''), coalesce(a.xact_start, p.prepared)
		FROM (SELECT DISTINCT xmax AS locker FROM chorus.invoices WHERE id = ANY ($1)) i
		JOIN pg_catalog.pg_locks l ON l.locktype = 'transactionid' AND l.granted AND l.transactionid = i.locker
		LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
		LEFT JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = l.transactionid
		WHERE (a.pid IS NOT NULL OR p.gid IS NOT NULL)
		  AND EXISTS (SELECT FROM pg_catalog.pg_locks t WHERE t.virtualtransaction = l.virtualtransaction AND t.granted AND t.relation = 'chorus.invoices'::regclass)
		ORDER BY coalesce(a.xact_start, p.prepared)
		LIMIT 5`, ids)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (h LockHolder, err error) {
		h.On = []string{"chorus.invoices"}
		err = row.Scan(&h.PID, &h.GID, &h.Application, &h.Login, &h.State, &h.Since)
		return h, err
	})
}

// LockedRows names the invoices that are due for long and that nobody takes, because somebody has locked them, in one line each, a few of them.
func (s *Store) LockedRows(ctx context.Context) ([]string, error) {
	rows, err := s.pool.Query(ctx, `SELECT 'invoice ' || invoice || ' is due since ', since, ', and ' || holder || ' has locked its row' FROM chorus.locked_rows ORDER BY since LIMIT 5`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var what, who string
		var since time.Time
		err := row.Scan(&what, &since, &who)
		return what + Stamp(since) + who, err
	})
}

// Text names the holder in one line; its login only where not everybody reads it.
func (h LockHolder) Text(login bool) string {
	if h.PID == 0 && h.GID != "" {
		return fmt.Sprintf("the prepared transaction %q (ROLLBACK PREPARED ends it)", h.GID) + h.on()
	}
	if h.PID == 0 {
		return "a prepared transaction (pg_prepared_xacts names it; ROLLBACK PREPARED ends it)" + h.on()
	}
	about := []string{fmt.Sprintf("application %q", h.Application)} // PostgreSQL keeps 63 bytes of names
	if login {
		about = append(about, fmt.Sprintf("login %q", h.Login))
	}
	if h.State != "" {
		about = append(about, h.State)
	}
	if h.Since != nil {
		about = append(about, "in a transaction since "+Stamp(*h.Since))
	}
	if login && h.Doing != "" {
		about = append(about, fmt.Sprintf("doing %q", h.Doing))
	}
	return fmt.Sprintf("PID %d (%s)%s", h.PID, strings.Join(about, ", "), h.on())
}

func (h LockHolder) on() string {
	if len(h.On) == 0 {
		return ""
	}
	return " on " + strings.Join(h.On[:min(len(h.On), 3)], ", ")
}

// HoldersText names several in one line, with their logins.
func HoldersText(list []LockHolder) string {
	texts := make([]string, len(list))
	for k, h := range list {
		texts[k] = h.Text(true)
	}
	return strings.Join(texts, "; ")
}
