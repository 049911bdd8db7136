package store

import (
	"context"
	"errors"
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
	return collated(ctx, pool)
}

// collated returns a fault when the library that orders texts is another one than the indexes were made with, as after an upgrade of the system under the same data, or
// with another image: rows are not found then, and a number or an external_ref that is there is taken again. PostgreSQL knows, since 15, and warns only.
func collated(ctx context.Context, pool *pgxpool.Pool) (*Fault, error) {
	var database, made, is string
	err := pool.QueryRow(ctx, `
		SELECT datname, to_jsonb(d) ->> 'datcollversion', pg_database_collation_actual_version(oid)
		FROM pg_database d
		WHERE datname = current_database() AND to_jsonb(d) ->> 'datcollversion' <> pg_database_collation_actual_version(oid)`).Scan(&database, &made, &is)
	switch {
	case errors.Is(err, pgx.ErrNoRows), SQLState(err) == "42883": // PostgreSQL 14 has no such function
		return nil, nil
	case err != nil:
		return nil, err
	}
	return fault("DATABASE_COLLATION", database, made, is), nil
}

// Member returns a fault when the pool's login has the rights of none of these roles, with the statement that gives it those of one: of one that it is a member of
// already, though it inherits nothing by itself or by a role between, else of the first.
func Member(ctx context.Context, pool *pgxpool.Pool, roles ...string) (*Fault, error) {
	var login, acts, role string
	var member, direct, inherits, wide, grants bool
	err := pool.QueryRow(ctx, `
		SELECT session_user, current_user, r.name, m.member, m.direct, m.inherits, u.rolinherit, current_setting('server_version_num')::int >= 160000
		FROM pg_roles u
		CROSS JOIN unnest($1::text[]) WITH ORDINALITY AS r (name, n)
		CROSS JOIN LATERAL (
		    SELECT coalesce(bool_or(pg_has_role(u.oid, p.oid, 'MEMBER')), false) AS member,
		           coalesce(bool_or(EXISTS (SELECT FROM pg_auth_members WHERE roleid = p.oid AND member = u.oid)), false) AS direct,
		           coalesce(bool_or(pg_has_role(u.oid, p.oid, 'USAGE')), false) AS inherits
		    FROM pg_roles p
		    WHERE p.rolname = r.name
		) m
		WHERE u.rolname = current_user
		ORDER BY m.inherits DESC, m.member DESC, r.n
		LIMIT 1`, roles).Scan(&login, &acts, &role, &member, &direct, &inherits, &wide, &grants)
	if err != nil || inherits {
		return nil, err
	}
	statement := "GRANT " + role + " TO " + plain(login)
	switch {
	case login != acts: // ALTER ROLE … SET role
		statement = "ALTER ROLE " + plain(login) + " RESET role"
	case grants && (member || !wide): // since PostgreSQL 16, inheriting is the membership's
		statement += " WITH INHERIT TRUE"
	case !wide && direct:
		statement = "ALTER ROLE " + plain(login) + " INHERIT"
	case !wide:
		statement = "ALTER ROLE " + plain(login) + " INHERIT; " + statement
	}
	return fault("DATABASE_ROLE", login, strings.Join(roles, " or "), statement), nil
}

// plain is a name as a statement has it.
func plain(name string) string {
	if plainName.MatchString(name) {
		return name
	}
	return pgx.Identifier{name}.Sanitize()
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
