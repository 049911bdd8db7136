package migrations

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/store"
)

// How long a step is tried again, and how long the pauses between are: what waited behind it needs them to go on.
var (
	patience   = 5 * time.Minute
	firstPause = time.Second
	mostPause  = 15 * time.Second
)

// insist tries a step that is one transaction, or can be called again, until it gets its locks.
func insist(ctx context.Context, pool *pgxpool.Pool, say func(string), what string, step func() error) error {
	begun := time.Now()
	for pause := firstPause; ; pause = min(2*pause, mostPause) {
		who := make(chan string, 1)
		watched, stop := context.WithCancel(ctx)
		go func() { who <- blockers(watched, pool) }()
		err := step()
		stop()
		inTheWay := <-who
		if state := store.SQLState(err); state != "55P03" && state != "40P01" { // no lock in time, deadlock
			return err
		}
		if inTheWay == "" {
			inTheWay = "another session, which has ended since"
		}
		if time.Since(begun)+pause > patience {
			return fmt.Errorf("%s did not get its locks for %s, and is undone: in the way is %s; end that transaction (SELECT pg_terminate_backend(PID)) or wait for its end, and migrate again",
				what, patience, inTheWay)
		}
		say(fmt.Sprintf("%s waits for %s; tried again in %s", what, inTheWay, pause))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// blockers looks who is in the way of our sessions until ctx ends, and returns the last ones seen: what they are, never what they ask.
func blockers(ctx context.Context, pool *pgxpool.Pool) (last string) {
	for {
		select {
		case <-ctx.Done():
			return last
		case <-time.After(200 * time.Millisecond):
		}
		rows, err := pool.Query(ctx, `
			SELECT DISTINCT CASE WHEN in_the_way.pid = 0 THEN 'a prepared transaction (see pg_prepared_xacts; ROLLBACK PREPARED ends it)' ELSE
			       format('PID %s (%s)', b.pid, concat_ws(', ', 'login ' || b.usename, nullif(b.application_name, ''), b.state,
			                       'in a transaction since ' || to_char(b.xact_start, 'YYYY-MM-DD HH24:MI:SS TZ'))) END
			FROM pg_stat_activity w,
			     unnest(pg_blocking_pids(w.pid)) AS in_the_way (pid)
			LEFT JOIN pg_stat_activity b ON b.pid = in_the_way.pid
			WHERE w.application_name = $1 AND w.datname = current_database() AND w.wait_event_type = 'Lock'
			  AND (in_the_way.pid = 0 OR b.pid IS NOT NULL AND b.application_name IS DISTINCT FROM $1) -- whose name may be hidden from us
			ORDER BY 1
			LIMIT 5`, application)
		if err != nil {
			continue
		}
		if texts, err := pgx.CollectRows(rows, pgx.RowTo[string]); err == nil && len(texts) > 0 {
			last = strings.Join(texts, "; ")
		}
	}
}

// mayMigrate refuses a login that would fail half-way.
func mayMigrate(ctx context.Context, pool *pgxpool.Pool, h holdings) error {
	var lacks string
	err := pool.QueryRow(ctx, `
		SELECT concat_ws(', ',
		    CASE WHEN (SELECT count(*) FROM pg_namespace WHERE nspname IN ('chorus', 'river')) < 2 AND NOT has_database_privilege(current_database(), 'CREATE')
		         THEN format('CREATE ON DATABASE %I', current_database()) END,
		    (SELECT string_agg(format('OWNER OF SCHEMA %I', nspname), ', ' ORDER BY nspname) FROM pg_namespace
		     WHERE nspname IN ('chorus', 'river') AND NOT pg_has_role(current_user, nspowner, 'USAGE')),
		    CASE WHEN (SELECT count(*) FROM pg_roles WHERE rolname IN ('chorus_app', 'chorus_worker', 'chorus_operator', 'chorus_reader')) < 4
		          AND NOT (SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user)
		         THEN 'CREATEROLE' END)`).Scan(&lacks)
	if err != nil || lacks == "" {
		return err
	}
	return store.NewFault("MIGRATE_RIGHTS", h.login, lacks)
}

// explain says what an administrator has to do where PostgreSQL only says what it refused.
func explain(err error, h holdings) error {
	var refusal *pgconn.PgError
	switch errors.As(err, &refusal); store.SQLState(err) {
	case "42501":
		return store.NewFault("MIGRATE_RIGHTS", h.login, "a right ("+refusal.Message+")")
	case "42P07", "42710", "42723", "42P06": // something of that name is there
		return store.NewFault("SCHEMA_FOREIGN", "something that is in the way ("+refusal.Message+")")
	}
	if strings.Contains(err.Error(), "failed to acquire lock") {
		return errors.New("another process has been migrating this database for five minutes: wait for it, or end it, and migrate again")
	}
	return err
}
