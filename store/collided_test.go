package store_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// Two that wait for each other: the server ends one of them, and a start that met with it is tried again.
func TestACollisionPasses(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	lock := func(tx pgx.Tx, n int) error {
		_, err := tx.Exec(t.Context(), `SELECT pg_advisory_xact_lock($1)`, n)
		return err
	}
	var txs [2]pgx.Tx
	for k := range txs {
		tx, err := db.Pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(t.Context()) }()
		if err := lock(tx, k); err != nil {
			t.Fatal(err)
		}
		txs[k] = tx
	}
	other := make(chan error, 1)
	go func() {
		err := lock(txs[0], 1)
		_ = txs[0].Rollback(t.Context())
		other <- err
	}()
	err := lock(txs[1], 0)
	_ = txs[1].Rollback(t.Context())
	if e := <-other; err == nil {
		err = e
	}
	if !store.Collided(err) || store.Away(err) {
		t.Errorf("a deadlock is %v", err)
	}
}
