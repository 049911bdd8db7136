package migrations

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/store"
)

//go:embed rights.txt
var rightsFile string

// A right is one line of rights.txt.
type right struct {
	role, kind, object, column string // kind is SCHEMA, TABLE, SEQUENCE or FUNCTION; column is set for a right to one column
	privileges                 []string
}

// rights are the lines of rights.txt.
var rights = sync.OnceValue(func() (list []right) {
	for line := range strings.Lines(rightsFile) {
		about, privileges, ok := strings.Cut(strings.TrimSpace(line), ": ")
		role, object, named := strings.Cut(about, " ")
		if !ok || !named {
			panic("migrations: rights.txt: " + line) // embedded
		}
		r := right{role: role, kind: "TABLE", object: object, privileges: strings.Split(privileges, ", ")}
		if name, schema := strings.CutPrefix(object, "schema "); schema {
			r.kind, r.object = "SCHEMA", name
		} else if name, sequence := strings.CutPrefix(object, "sequence "); sequence {
			r.kind, r.object = "SEQUENCE", name
		} else if table, column, one := strings.Cut(object, " ("); one {
			r.object, r.column = table, strings.TrimSuffix(column, ")")
		} else if strings.HasSuffix(object, ")") {
			r.kind = "FUNCTION"
		}
		list = append(list, r)
	}
	return list
})

// Lack is what the rights in a database lack of those that the migrations grant, and the statement that mends it.
type Lack struct {
	Role      string `json:"role"`
	Statement string `json:"statement"`
	own       bool   // the login of the pool is a member of the role
}

// Lacks compares the rights in the database with rights.txt. It needs no rights: the catalogue is everybody's. A right that everybody has, as a restore
// with --no-privileges leaves it, is a lack, too.
func Lacks(ctx context.Context, pool *pgxpool.Pool) ([]Lack, error) {
	var roles, kinds, objects, columns, privileges []string
	for _, r := range rights() {
		for _, p := range r.privileges {
			roles, kinds, objects, columns, privileges = append(roles, r.role), append(kinds, r.kind), append(objects, r.object), append(columns, r.column), append(privileges, p)
		}
	}
	rows, err := pool.Query(ctx, `
		WITH wanted AS (
		    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) WITH ORDINALITY w (role, kind, object, part, privilege, place)
		), classes AS (
		    SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relkind
		    FROM pg_catalog.pg_class c
		    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		    WHERE n.nspname IN ('chorus', 'river') AND c.relkind IN ('r', 'v', 'm', 'p', 'S')
		), functions AS (
		    SELECT p.oid, coalesce(p.proacl, acldefault('f', p.proowner)) AS acl,
		           'chorus.' || p.proname || '(' || array_to_string(ARRAY (SELECT format_type(a, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY t (a, i) ORDER BY i), ',') || ')' AS name
		    FROM pg_catalog.pg_proc p
		    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
		    WHERE n.nspname = 'chorus'
		), judged AS (
		    SELECT w.*, coalesce(pg_catalog.pg_has_role(r.oid, 'USAGE'), false) AS own, r.oid IS NULL AS unmade,
		           CASE w.kind
		               WHEN 'SCHEMA' THEN (SELECT has_schema_privilege(r.oid, n.oid, w.privilege) FROM pg_catalog.pg_namespace n WHERE n.nspname = w.object)
		               WHEN 'FUNCTION' THEN (SELECT has_function_privilege(r.oid, f.oid, w.privilege)
		                                       -- Not because everybody has it: that is to end.
		                                       AND EXISTS (SELECT FROM aclexplode(f.acl) x WHERE x.grantee <> 0 AND pg_has_role(r.oid, x.grantee, 'USAGE'))
		                                FROM functions f WHERE f.name = w.object)
		               WHEN 'SEQUENCE' THEN (SELECT has_sequence_privilege(r.oid, c.oid, w.privilege) FROM classes c WHERE c.name = w.object AND c.relkind = 'S')
		               WHEN 'TABLE' THEN (SELECT CASE WHEN w.part = '' THEN has_table_privilege(r.oid, c.oid, w.privilege)
		                                              ELSE (SELECT has_column_privilege(r.oid, c.oid, a.attnum, w.privilege) FROM pg_catalog.pg_attribute a
		                                                    WHERE a.attrelid = c.oid AND a.attname = w.part)
		                                         END
		                                  FROM classes c WHERE c.name = w.object AND c.relkind <> 'S')
		           END AS granted
		    FROM wanted w
		    LEFT JOIN pg_catalog.pg_roles r ON r.rolname = w.role
		)
		SELECT role, own, statement
		FROM (
		    SELECT DISTINCT -1 AS place, role, false AS own, 'CREATE ROLE ' || role || ' NOLOGIN' AS statement FROM judged WHERE unmade
		    UNION ALL
		    SELECT min(place), role, own,
		           format('GRANT %s ON %s%s TO %s',
		                  string_agg(privilege || parts, ', ' ORDER BY place), CASE kind WHEN 'TABLE' THEN '' ELSE kind || ' ' END, object, role)
		    FROM (
		        SELECT role, own, kind, object, privilege, min(place) AS place,
		               coalesce(' (' || string_agg(nullif(part, ''), ', ' ORDER BY place) || ')', '') AS parts
		        FROM judged
		        WHERE granted IS NOT TRUE
		        GROUP BY role, own, kind, object, privilege, part = ''
		    ) lacking
		    GROUP BY role, own, kind, object
		    UNION ALL
		    SELECT 1e9, 'PUBLIC', false, 'REVOKE EXECUTE ON FUNCTION ' || name || ' FROM PUBLIC'
		    FROM functions f
		    WHERE EXISTS (SELECT FROM aclexplode(f.acl) x WHERE x.grantee = 0)
		) lacks
		ORDER BY place, statement`, roles, kinds, objects, columns, privileges)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (l Lack, err error) {
		err = row.Scan(&l.Role, &l.own, &l.Statement)
		return l, err
	})
}

// Rights returns a fault when a role of the pool's login lacks a right that it needs.
func Rights(ctx context.Context, pool *pgxpool.Pool) (*store.Fault, error) {
	return lacking(ctx, pool, "RIGHTS_MISSING", func(l Lack) bool { return l.own })
}

// RightsOfOthers returns a fault, which only warns, when the rights of other roles are not those that the migrations grant.
func RightsOfOthers(ctx context.Context, pool *pgxpool.Pool) (*store.Fault, error) {
	return lacking(ctx, pool, "RIGHTS_OF_OTHERS", func(l Lack) bool { return !l.own })
}

func lacking(ctx context.Context, pool *pgxpool.Pool, code string, counts func(Lack) bool) (*store.Fault, error) {
	lacks, err := Lacks(ctx, pool)
	if err != nil {
		return nil, err
	}
	var statements []string
	for _, l := range lacks {
		if counts(l) {
			statements = append(statements, l.Statement)
		}
	}
	if len(statements) == 0 {
		return nil, nil
	}
	text := strings.Join(statements[:min(len(statements), 3)], "; ")
	if more := len(statements) - 3; more > 0 {
		text += fmt.Sprintf("; +%d", more)
	}
	return store.NewFault(code, text), nil
}
