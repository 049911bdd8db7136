package migrations_test

import (
	"context"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/store/storetest"
)

var update = flag.Bool("update", false, "write schema.sql anew")

// TestSchemaFile holds schema.sql, which nobody writes by hand, to what the migrations make. After a change of a migration:
//
//	go test ./migrations -run TestSchemaFile -update
func TestSchemaFile(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), storetest.New(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	got := describe(t, conn)
	if *update {
		if err := os.WriteFile("schema.sql", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		if i >= len(gotLines) || i >= len(wantLines) || gotLines[i] != wantLines[i] {
			t.Fatalf("schema.sql differs from what the migrations make, from line %d on\nmade: %s\nfile: %s\nwrite it anew: go test ./migrations -run TestSchemaFile -update",
				i+1, at(gotLines, i), at(wantLines, i))
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(the end)"
}

// describe prints the schema chorus as SQL to read, in the order of names: the same on every server that the project supports.
func describe(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	// With this path, names of the schema are printed in full.
	if _, err := conn.Exec(t.Context(), `SET search_path = pg_catalog`); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("-- The schema chorus as the migrations make it, to read. Generated: go test ./migrations -run TestSchemaFile -update\n")
	for _, part := range schemaParts {
		rows, err := conn.Query(t.Context(), part)
		if err != nil {
			t.Fatal(err)
		}
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			if strings.HasPrefix(text, "CREATE VIEW") {
				text = qualifier.ReplaceAllString(text, "")
			}
			b.WriteString("\n" + strings.TrimRight(text, "\n ") + "\n")
		}
	}
	return b.String()
}

// qualifier is the name of a view's one table before each of its columns, which PostgreSQL 16 no longer prints.
var qualifier = regexp.MustCompile(`\binvoices\.`)

// schemaParts are queries that each give texts: tables with all that hangs on them, views, functions, rights.
var schemaParts = []string{
	`SELECT format(E'CREATE %sTABLE %s (\n%s\n)%s;\n', CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED ' END, c.oid::regclass,
	        (SELECT string_agg('    ' || line, E',\n' ORDER BY kind, place, line)
	         FROM (
	             SELECT 1 AS kind, a.attnum AS place, concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
	                        CASE WHEN a.attidentity = 'a' AND NOT c.relispartition THEN 'GENERATED ALWAYS AS IDENTITY' WHEN a.attgenerated = 's' THEN 'GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid) || ') STORED'
	                             WHEN d.adbin IS NOT NULL THEN 'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) END,
	                        CASE WHEN a.attnotnull THEN 'NOT NULL' END) AS line
	             FROM pg_attribute a
	             LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
	             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	             UNION ALL
	             SELECT 2, 0, 'CONSTRAINT ' || conname || ' ' || pg_get_constraintdef(k.oid) FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype NOT IN ('n', 't')
	         ) lines),
	        CASE WHEN c.relkind = 'p' THEN ' PARTITION BY ' || pg_get_partkeydef(c.oid) WHEN c.relispartition THEN ' -- a partition: ' || pg_get_expr(c.relpartbound, c.oid)
	             WHEN c.reloptions IS NOT NULL THEN ' WITH (' || array_to_string(c.reloptions, ', ') || ')' END)
	     || coalesce((SELECT string_agg(replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ') || E';\n', '' ORDER BY i.indexrelid::regclass::text) FROM pg_index i
	                  WHERE i.indrelid = c.oid AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)), '')
	     || coalesce((SELECT string_agg(pg_get_triggerdef(g.oid) || E';\n', '' ORDER BY g.tgname) FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal), '')
	     || CASE WHEN c.relrowsecurity THEN format(E'ALTER TABLE %s ENABLE ROW LEVEL SECURITY;\n', c.oid::regclass) ELSE '' END
	     || coalesce((SELECT string_agg(concat_ws(' ', 'CREATE POLICY', p.polname, 'ON', c.oid::regclass, CASE WHEN NOT p.polpermissive THEN 'AS RESTRICTIVE' END,
	                             'FOR', CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
	                             'TO', (SELECT string_agg(r.rolname, ', ' ORDER BY r.rolname) FROM pg_roles r WHERE r.oid = ANY (p.polroles)),
	                             'USING ' || nullif(pg_get_expr(p.polqual, p.polrelid), ''), 'WITH CHECK ' || pg_get_expr(p.polwithcheck, p.polrelid)) || E';\n', '' ORDER BY p.polname)
	                  FROM pg_policy p WHERE p.polrelid = c.oid), '')
	 FROM pg_class c
	 WHERE c.relnamespace = 'chorus'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> 'goose_db_version'
	 ORDER BY c.relname`,

	`SELECT format(E'CREATE VIEW %s%s AS\n%s', c.oid::regclass, ' WITH (' || array_to_string(c.reloptions, ', ') || ')', pg_get_viewdef(c.oid))
	 FROM pg_class c WHERE c.relnamespace = 'chorus'::regnamespace AND c.relkind = 'v' ORDER BY c.relname`,

	`SELECT pg_get_functiondef(p.oid) || ';' FROM pg_proc p WHERE p.pronamespace = 'chorus'::regnamespace ORDER BY p.oid::regprocedure::text`,

	// The owner has every right and is not listed.
	`SELECT E'-- Rights\n' || string_agg(format('GRANT %s ON %s TO %s;', privileges, object, grantee), E'\n' ORDER BY kind, object, grantee)
	 FROM (
	     SELECT 1 AS kind, 'SCHEMA ' || nspname AS object, grantee::regrole::text, string_agg(privilege_type, ', ' ORDER BY privilege_type) AS privileges
	     FROM pg_namespace, aclexplode(nspacl) WHERE nspname IN ('chorus', 'river') AND grantee <> nspowner GROUP BY 2, 3
	     UNION ALL
	     SELECT 2, c.oid::regclass::text, grantee::regrole::text, string_agg(privilege_type, ', ' ORDER BY privilege_type)
	     FROM pg_class c, aclexplode(relacl) WHERE c.relnamespace = 'chorus'::regnamespace AND grantee <> relowner GROUP BY 2, 3
	     UNION ALL
	     SELECT 3, c.oid::regclass::text, grantee::regrole::text, privilege_type || ' (' || string_agg(attname, ', ' ORDER BY attnum) || ')'
	     FROM pg_class c, pg_attribute a, aclexplode(attacl) WHERE c.relnamespace = 'chorus'::regnamespace AND a.attrelid = c.oid AND grantee <> relowner
	     GROUP BY 2, 3, privilege_type
	     UNION ALL
	     SELECT 4, 'FUNCTION ' || p.oid::regprocedure, CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE grantee::regrole::text END, 'EXECUTE'
	     FROM pg_proc p, aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE p.pronamespace = 'chorus'::regnamespace AND grantee <> proowner
	 ) rights`,
}
