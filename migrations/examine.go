package migrations

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/store"
)

// riversVersion is River's; while it is made, its first versions have no line.
const riversVersion = `(SELECT coalesce(max(version), 0) FROM river.river_migration m WHERE coalesce(to_jsonb(m) ->> 'line', 'main') = 'main')`

// mark is the comment on the schema river that says whose it is. River's tables alone do not say: every application has the same.
const mark = "choriste's own River: nothing else may use it"

// Check returns an error, a *store.Fault, when the database behind the pool cannot be used with the schema that this binary needs. It needs no more
// rights than to read.
func Check(ctx context.Context, pool *pgxpool.Pool) error {
	for _, examine := range []func(context.Context, *pgxpool.Pool) (*store.Fault, error){store.Examine, Examine} {
		switch unfit, err := examine(ctx, pool); {
		case err != nil:
			return err
		case unfit != nil:
			return unfit
		}
	}
	return nil
}

// Glance is Check at a tenth of the price: where server and versions are right, it does not ask for each object and right.
func Glance(ctx context.Context, pool *pgxpool.Pool) error {
	if unfit, err := store.Examine(ctx, pool); unfit != nil || err != nil {
		return Check(ctx, pool)
	}
	var version int64
	var rivers int
	err := pool.QueryRow(ctx, `SELECT coalesce(chorus.schema_version(), 0), `+riversVersion).Scan(&version, &rivers)
	if err != nil || version != latest() || rivers != riverVersion {
		return Check(ctx, pool)
	}
	return nil
}

// Examine returns why the schemas chorus and river are not what this binary needs: they belong to something else, are older, newer or not whole; or nil.
func Examine(ctx context.Context, pool *pgxpool.Pool) (*store.Fault, error) {
	h, err := look(ctx, pool)
	if err != nil {
		return nil, err
	}
	if f := h.foreign(); f != nil {
		return f, nil
	}
	switch need := latest(); {
	case h.version < need:
		return store.NewFault("MIGRATION_PENDING", h.version, need), nil
	case h.version > need:
		return store.NewFault("MIGRATION_NEWER", h.version, need), nil
	case h.river == "":
		return store.NewFault("RIVER_MISSING"), nil
	case h.riverVersion != riverVersion:
		return store.NewFault("RIVER_VERSION", h.riverVersion, riverVersion), nil
	}
	if torn, err := whole(ctx, pool); torn != nil || err != nil {
		return torn, err
	}
	return Rights(ctx, pool)
}

// Sequences returns a fault when a sequence is behind its table. It reads the tables themselves, and so waits for who has locked one: not for every look.
func Sequences(ctx context.Context, pool *pgxpool.Pool) (*store.Fault, error) {
	rows, err := pool.Query(ctx, `SELECT * FROM chorus.sequences_behind()`)
	if err != nil {
		return nil, err
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(statements) == 0 {
		return nil, err
	}
	return store.NewFault("SEQUENCE_BEHIND", strings.Join(statements, "; ")), nil
}

// holdings are what the two schemas hold.
type holdings struct {
	login        string
	made         bool   // chorus has our function that tells its version
	counted      bool   // and goose's table
	thing        string // a table, function or type of chorus, or ""
	marked       bool   // river bears our mark
	river        string // and of river: "" where the schema is missing or empty
	version      int64  // of our schema; 0: none
	riverVersion int    // of River's, as far as this login may know
}

// look asks the catalogue, which everybody may read, before the schemas themselves, which may be somebody else's.
func look(ctx context.Context, pool *pgxpool.Pool) (h holdings, err error) {
	var inside, member, readable bool
	err = pool.QueryRow(ctx, `
		WITH things AS (
		    SELECT n.nspname, c.relname, c.oid
		    FROM pg_catalog.pg_class c
		    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		    WHERE n.nspname IN ('chorus', 'river') AND c.relkind IN ('r', 'v', 'm', 'p', 'f', 'S', 'c')
		    UNION ALL
		    SELECT n.nspname, p.proname, p.oid
		    FROM pg_catalog.pg_proc p
		    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
		    WHERE n.nspname IN ('chorus', 'river') AND NOT (n.nspname = 'chorus' AND p.proname = 'schema_version' AND p.prosrc LIKE '%chorus.goose_db_version%')
		    UNION ALL
		    SELECT n.nspname, y.typname, y.oid
		    FROM pg_catalog.pg_type y
		    JOIN pg_catalog.pg_namespace n ON n.oid = y.typnamespace
		    WHERE n.nspname IN ('chorus', 'river') AND y.typtype IN ('e', 'd', 'r')
		)
		SELECT current_user,
		       EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
		               WHERE n.nspname = 'chorus' AND p.proname = 'schema_version' AND p.prosrc LIKE '%chorus.goose_db_version%'),
		       EXISTS (SELECT FROM things WHERE nspname = 'chorus' AND relname = 'goose_db_version'),
		       coalesce((SELECT min(relname)::text FROM things WHERE nspname = 'chorus'), ''),
		       coalesce((SELECT obj_description(oid, 'pg_namespace') = $1 FROM pg_catalog.pg_namespace WHERE nspname = 'river'), false),
		       coalesce((SELECT min(relname)::text FROM things WHERE nspname = 'river'), ''),
		       coalesce((SELECT has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE')
		                 FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_proc p ON p.pronamespace = n.oid WHERE n.nspname = 'chorus' AND p.proname = 'schema_version'), false),
		       EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname IN ('chorus_operator', 'chorus_worker', 'chorus_reader') AND pg_has_role(oid, 'USAGE')),
		       coalesce((SELECT has_schema_privilege(c.relnamespace, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
		                 FROM things JOIN pg_catalog.pg_class c USING (oid) WHERE nspname = 'river' AND things.relname = 'river_migration'), false)`,
		mark).Scan(&h.login, &h.made, &h.counted, &h.thing, &h.marked, &h.river, &inside, &member, &readable)
	if err != nil || !h.made {
		return h, err
	}
	if !inside && member { // a restore that has not come to the rights yet, or left them out
		lack, err := Rights(ctx, pool)
		if err == nil && lack != nil {
			err = lack
		}
		return h, err
	}
	if !inside {
		outsider, err := store.Member(ctx, pool, lookers...)
		if err == nil && outsider != nil {
			err = outsider
		}
		return h, err
	}
	if err := pool.QueryRow(ctx, `SELECT coalesce(chorus.schema_version(), 0)`).Scan(&h.version); err != nil {
		return h, err
	}
	switch {
	case readable:
		err = pool.QueryRow(ctx, `SELECT `+riversVersion).Scan(&h.riverVersion)
	case h.river != "": // an operator's login does not see River's tables
		h.riverVersion = riverVersion
	}
	return h, err
}

// lookers are the roles that may see what the schema holds.
var lookers = []string{"chorus_operator", "chorus_worker", "chorus_reader"}

// foreign tells that one of the two schemas belongs to something else. Tables of others beside ours do no harm.
func (h holdings) foreign() *store.Fault {
	switch {
	case h.thing != "" && !(h.made && h.counted):
		return store.NewFault("SCHEMA_FOREIGN", "chorus."+h.thing)
	case h.river != "" && !h.marked && h.version < riverMigration:
		return store.NewFault("RIVER_FOREIGN", "river."+h.river)
	}
	return nil
}
