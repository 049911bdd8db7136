package store

import (
	"context"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Examine looks at the database behind a pool, whoever its login is, and returns the first thing that makes it unfit, or nil. It changes nothing.
func Examine(ctx context.Context, pool *pgxpool.Pool) (*Fault, error) {
	var database, encoding, by string
	var standby, readonly bool
	err := pool.QueryRow(ctx, `
		SELECT current_database(), d.encoding, pg_is_in_recovery(),
		       s.reset_val = 'on', -- what the session began with: the doctor's own is read-only
		       s.source
		FROM (SELECT pg_encoding_to_char(encoding) AS encoding FROM pg_database WHERE datname = current_database()) d,
		     pg_settings s
		WHERE s.name = 'default_transaction_read_only'`).Scan(&database, &encoding, &standby, &readonly, &by)
	switch {
	case err != nil:
		return nil, err
	case encoding != "UTF8":
		return fault("DATABASE_ENCODING", database, encoding), nil
	case standby:
		return fault("DATABASE_STANDBY"), nil
	case readonly:
		return fault("DATABASE_READONLY", by), nil
	}
	return nil, nil
}

// Member returns a fault when the pool's login is not a member of role, with the rights that come with it.
func Member(ctx context.Context, pool *pgxpool.Pool, role string) (*Fault, error) {
	var login string
	var member bool
	err := pool.QueryRow(ctx, `
		SELECT current_user, coalesce((SELECT pg_has_role(current_user, oid, 'USAGE') FROM pg_roles WHERE rolname = $1), false)`, role).Scan(&login, &member)
	if err != nil || member {
		return nil, err
	}
	return NotMember(login, role), nil
}

// NotMember is the fault of a login that needs one of these roles, and the statement that gives it the first.
func NotMember(login string, roles ...string) *Fault {
	name := login
	if !plainName.MatchString(login) {
		name = pgx.Identifier{login}.Sanitize()
	}
	return fault("DATABASE_ROLE", login, strings.Join(roles, " or "), "GRANT "+roles[0]+" TO "+name)
}

var plainName = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// Room warns when the server has fewer connections left than a process with conns of them needs. Those that the login's own workers hold already count as
// left: the process may be one of them.
func Room(ctx context.Context, pool *pgxpool.Pool, conns int) (*Fault, error) {
	var left int
	err := pool.QueryRow(ctx, `
		WITH used AS (
		    SELECT count(*) AS all,
		           count(*) FILTER (WHERE usename = session_user) AS role,
		           count(*) FILTER (WHERE datname = current_database()) AS database,
		           count(*) FILTER (WHERE usename = session_user AND datname = current_database()) AS own
		    FROM pg_stat_activity
		    WHERE usename IS NOT NULL AND datname IS NOT NULL
		)
		SELECT least(
		    current_setting('max_connections')::int
		        - CASE WHEN r.rolsuper THEN 0
		               ELSE current_setting('superuser_reserved_connections')::int + coalesce(current_setting('reserved_connections', true), '0')::int
		          END - used.all,
		    CASE WHEN r.rolconnlimit >= 0 AND NOT r.rolsuper THEN r.rolconnlimit - used.role END,
		    CASE WHEN d.datconnlimit >= 0 AND NOT r.rolsuper THEN d.datconnlimit - used.database END
		) + used.own
		FROM used, pg_roles r, pg_database d
		WHERE r.rolname = session_user AND d.datname = current_database()`).Scan(&left)
	if err != nil || left >= conns {
		return nil, err
	}
	return fault("DATABASE_ROOM", max(left, 0), conns), nil
}
