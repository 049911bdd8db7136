package migrations_test

import (
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store/storetest"
)

// River's schema was dropped, or its tables, or left out of a dump: migrate up makes it anew, also when four do so at once, and a worker may use it.
func TestRiverIsMadeAnew(t *testing.T) {
	for name, sql := range map[string]string{
		"no schema":      `DROP SCHEMA river CASCADE`,
		"an empty one":   `DROP SCHEMA river CASCADE; CREATE SCHEMA river`,
		"without rights": `DROP SCHEMA river CASCADE; CREATE SCHEMA river; REVOKE ALL ON SCHEMA river FROM PUBLIC`,
	} {
		t.Run(name, func(t *testing.T) {
			db := storetest.New(t)
			owner, err := pgxpool.New(t.Context(), db.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer owner.Close()
			if _, err := owner.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
			if err := migrations.Check(t.Context(), db.Pool); code(err) != "RIVER_MISSING" {
				t.Errorf("before: %v", err)
			}
			if plan, err := migrations.Plan(t.Context(), db.URL); err != nil || len(plan) != 1 || plan[0].Step != "river" {
				t.Errorf("planned: %v, %v", plan, err)
			}
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					if err := migrations.Up(t.Context(), db.URL, nil); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if err := migrations.Check(t.Context(), db.Pool); err != nil {
				t.Errorf("after: %v", err)
			}
			if _, lacks, err := migrations.Status(t.Context(), db.URL); err != nil || len(lacks) > 0 {
				t.Errorf("%v, lacks %v", err, lacks)
			}
			if _, err := db.Pool.Exec(t.Context(), `INSERT INTO river.river_queue (name, updated_at) VALUES ('x', now()); DELETE FROM river.river_queue`); err != nil {
				t.Errorf("a worker: %v", err)
			}
		})
	}
}
