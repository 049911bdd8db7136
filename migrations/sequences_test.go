package migrations_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store/storetest"
)

// A copy by logical replication has the rows and not the sequences.
func TestSequencesBehind(t *testing.T) {
	db := storetest.New(t)
	owner, err := pgxpool.New(t.Context(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	if behind, err := migrations.Sequences(t.Context(), db.Pool); behind != nil || err != nil {
		t.Fatalf("as made: %v, %v", behind, err)
	}
	for _, sql := range []string{
		`INSERT INTO chorus.invoices (document) VALUES ('x'), ('y')`,
		`SELECT setval(pg_get_serial_sequence('chorus.invoices', 'id'), 1, false), setval(pg_get_serial_sequence('chorus.events', 'id'), 1)`,
	} {
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	behind, err := migrations.Sequences(t.Context(), db.Pool)
	if err != nil || behind == nil || behind.Code != "SEQUENCE_BEHIND" {
		t.Fatalf("%v, %v", behind, err)
	}
	if _, err := owner.Exec(t.Context(), behind.Args[0].(string)); err != nil {
		t.Fatalf("the statements: %v", err)
	}
	if behind, err := migrations.Sequences(t.Context(), db.Pool); behind != nil || err != nil {
		t.Errorf("after them: %v, %v", behind, err)
	}
}
