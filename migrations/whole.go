package migrations

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/store"
)

// The tables' rules are triggers, constraints and indexes. A restore that went half-way leaves some of them out, or switched off
// (pg_restore --disable-triggers), and everything seems to work without them.

// parts are what schema.sql says that hangs on the tables of chorus: "trigger invoices_proof on invoices".
var parts = sync.OnceValue(func() (list []string) {
	text, err := embedded.ReadFile("schema.sql")
	if err != nil {
		panic(err) // embedded
	}
	table := ""
	for line := range strings.Lines(string(text)) {
		if m := tableLine.FindStringSubmatch(line); m != nil {
			table = m[1]
		}
		if m := constraintLine.FindStringSubmatch(line); m != nil {
			list = append(list, "constraint "+m[1]+" on "+table)
		}
		if m := partLine.FindStringSubmatch(line); m != nil {
			list = append(list, strings.ToLower(m[1])+" "+m[2]+" on "+m[3])
		}
		if m := securityLine.FindStringSubmatch(line); m != nil {
			list = append(list, "row-level security on "+m[1])
		}
	}
	return slices.DeleteFunc(list, partition.MatchString) // some come and some go: each is held to chorus.events
})

var (
	tableLine      = regexp.MustCompile(`^CREATE (?:UNLOGGED )?TABLE chorus\.(\w+)`)
	constraintLine = regexp.MustCompile(`^    CONSTRAINT (\w+) `)
	partLine       = regexp.MustCompile(`^CREATE (?:UNIQUE )?(TRIGGER|INDEX|POLICY) (\w+) .*?\bON chorus\.(\w+)`)
	partition      = regexp.MustCompile(` on events_(first|\d{6})$`)
	securityLine   = regexp.MustCompile(`^ALTER TABLE chorus\.(\w+) ENABLE ROW LEVEL SECURITY`)
)

// whole returns a fault when something is missing, switched off or not valid. It needs no rights: the catalogue is everybody's.
func whole(ctx context.Context, pool *pgxpool.Pool) (*store.Fault, error) {
	rows, err := pool.Query(ctx, `
		WITH tables AS (
		    SELECT c.oid, c.relname::text AS name, c.relrowsecurity
		    FROM pg_catalog.pg_class c
		    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		    WHERE n.nspname = 'chorus' AND c.relkind IN ('r', 'p')
		)
		SELECT 'constraint ' || k.conname || ' on ' || t.name
		FROM tables t
		JOIN pg_catalog.pg_constraint k ON k.conrelid = t.oid
		WHERE k.convalidated AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgconstraint = k.oid AND g.tgenabled NOT IN ('O', 'A'))
		UNION ALL
		SELECT 'trigger ' || g.tgname || ' on ' || t.name FROM tables t JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid WHERE g.tgenabled IN ('O', 'A')
		UNION ALL
		SELECT 'index ' || c.relname || ' on ' || t.name
		FROM tables t
		JOIN pg_catalog.pg_index i ON i.indrelid = t.oid
		JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
		WHERE i.indisvalid AND i.indisready
		UNION ALL
		SELECT 'policy ' || p.polname || ' on ' || t.name FROM tables t JOIN pg_catalog.pg_policy p ON p.polrelid = t.oid
		UNION ALL
		SELECT 'row-level security on ' || name FROM tables WHERE relrowsecurity`)
	if err != nil {
		return nil, err
	}
	there, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	slices.Sort(there)
	var missing []string
	for _, part := range parts() {
		if _, found := slices.BinarySearch(there, part); !found {
			missing = append(missing, part)
		}
	}
	torn, err := tornPartitions(ctx, pool)
	if err != nil {
		return nil, err
	}
	if missing = append(missing, torn...); len(missing) == 0 || crash.Mutant(crash.NoUniqueIndex) {
		return nil, nil
	}
	text := strings.Join(missing[:min(len(missing), 3)], ", ")
	if more := len(missing) - 3; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return store.NewFault("SCHEMA_TORN", text), nil
}

// tornPartitions names what the parts of chorus.events lack of what that has.
func tornPartitions(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	rows, err := pool.Query(ctx, `
		WITH parts AS (
		    SELECT c.oid, c.relname::text AS name, c.relrowsecurity
		    FROM pg_catalog.pg_inherits i
		    JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
		    WHERE i.inhparent = 'chorus.events'::regclass
		)
		SELECT 'trigger ' || g.tgname || ' on ' || p.name
		FROM parts p
		JOIN pg_catalog.pg_trigger g ON g.tgrelid = 'chorus.events'::regclass AND NOT g.tgisinternal
		WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = p.oid AND t.tgname = g.tgname AND t.tgenabled IN ('O', 'A'))
		UNION ALL
		SELECT 'index ' || c.relname || ' on ' || p.name
		FROM parts p
		JOIN pg_catalog.pg_index x ON x.indrelid = 'chorus.events'::regclass
		JOIN pg_catalog.pg_class c ON c.oid = x.indexrelid
		WHERE NOT EXISTS (
		    SELECT
		    FROM pg_catalog.pg_inherits i
		    JOIN pg_catalog.pg_index t ON t.indexrelid = i.inhrelid
		    WHERE i.inhparent = x.indexrelid AND t.indrelid = p.oid AND t.indisvalid AND t.indisready)
		UNION ALL
		SELECT 'index ' || name || '_seq_key on ' || name
		FROM parts p
		WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_index t WHERE t.indrelid = p.oid AND t.indisunique AND NOT t.indisprimary AND t.indisvalid AND t.indisready)
		UNION ALL
		SELECT 'constraint ' || name || '_pkey on ' || name
		FROM parts p
		WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_index t WHERE t.indrelid = p.oid AND t.indisprimary AND t.indisvalid AND t.indisready)
		UNION ALL
		SELECT 'row-level security on ' || name FROM parts WHERE NOT relrowsecurity
		ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
