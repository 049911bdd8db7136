package migrations_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// empty makes a database that nobody has migrated.
func empty(t *testing.T) string {
	t.Helper()
	admin, err := pgx.Connect(t.Context(), storetest.New(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	name := admin.Config().Database + "_empty"
	if _, err := admin.Exec(t.Context(), `CREATE DATABASE `+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if _, err := admin.Exec(ctx, `DROP DATABASE `+name+` WITH (FORCE)`); err != nil {
			t.Error(err)
		}
		_ = admin.Close(ctx)
	})
	config := admin.Config()
	config.Database = name
	return storetest.WithDatabase(config.ConnString(), name)
}

// code is what a fault says, for programs.
func code(err error) string {
	var f *store.Fault
	if !errors.As(err, &f) {
		return ""
	}
	return f.Code
}

func TestEightProcessesMigrateAtOnce(t *testing.T) {
	url := empty(t)
	var all sync.WaitGroup
	errs := make(chan error, 8)
	for range 8 {
		all.Go(func() { errs <- migrations.Up(t.Context(), url, nil) })
	}
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	list, lacks, err := migrations.Status(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		if m.Applied.IsZero() {
			t.Errorf("%d %s is pending", m.Version, m.Name)
		}
	}
	if len(lacks) > 0 {
		t.Errorf("rights.txt is not what the migrations grant: %v", lacks)
	}
}

func TestCheckKnowsAnUnmigratedDatabase(t *testing.T) {
	url := empty(t)
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := migrations.Check(t.Context(), pool); code(err) != "MIGRATION_PENDING" {
		t.Errorf("before: %v", err)
	}
	if err := migrations.Up(t.Context(), url, nil); err != nil {
		t.Fatal(err)
	}
	if err := migrations.Check(t.Context(), pool); err != nil {
		t.Errorf("after: %v", err)
	}
}

func TestTheWorkersLoginSeesTheVersion(t *testing.T) {
	if err := migrations.Check(t.Context(), storetest.New(t).Pool); err != nil {
		t.Error(err)
	}
}
