package storetest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Forge executes a statement with the database's rules switched off, as a superuser can: for what no hand may write, such as history, and for what only years
// bring about. url is the owner's.
func Forge(t testing.TB, url, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	for _, s := range []struct {
		sql  string
		args []any
	}{{`SET session_replication_role = replica`, nil}, {sql, args}} {
		if _, err := conn.Exec(t.Context(), s.sql, s.args...); err != nil {
			t.Fatalf("%s: %v", s.sql, err)
		}
	}
}
