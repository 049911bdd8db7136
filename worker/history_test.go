package worker_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// The database is taken back to before the deposits: what it has forgotten must not be sent again, and is found at the portal.
func TestARestoredDatabaseSendsNothingTwice(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(storetest.TempDir(t), "cluster")
	cluster, err := storetest.Start(t.Context(), storetest.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Stop() })
	url := cluster.URL("postgres")
	if err := migrations.Up(t.Context(), url, nil); err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	h := &house{
		t: t, db: &storetest.Database{URL: url, WorkerURL: url, AppURL: url, Pool: pool},
		sim: chorustest.New(t, &chorustest.Config{Quota: -1, Step: 20 * time.Millisecond, AcceptDuplicates: true}),
	}
	const rows = 12
	var ids []int64
	for k := range rows {
		ids = append(ids, h.insert(invoicetest.Invoice{Numero: fmt.Sprintf("BACK-%02d", k)}.UBL()))
	}
	// The backup: inserted, nothing sent.
	copyOf := func(from, to string) {
		if err := cluster.Crash(); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), "cp", "-a", from, to).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if err := cluster.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		pool.Reset()
	}
	copyOf(dir, dir+".backup")

	h.start()
	for _, id := range ids {
		h.await(id, store.Settled)
	}
	h.await(h.insert(invoicetest.Invoice{Numero: "LOST-AND-TYPED-AGAIN"}.UBL()), store.Settled)

	copyOf(dir+".backup", dir) // with the worker running
	again := h.insert(invoicetest.Invoice{Numero: "LOST-AND-TYPED-AGAIN"}.UBL())
	fresh := h.insert(invoicetest.Invoice{Numero: "FRESH"}.UBL())
	for _, id := range append(ids, again, fresh) {
		h.await(id, store.Settled)
	}
	for k := range rows {
		if n := len(h.sim.Deposits(fmt.Sprintf("BACK-%02d", k))); n != 1 {
			t.Errorf("BACK-%02d was deposited %d times", k, n)
		}
	}
	for _, numero := range []string{"LOST-AND-TYPED-AGAIN", "FRESH"} {
		if n := len(h.sim.Deposits(numero)); n != 1 {
			t.Errorf("%s was deposited %d times", numero, n)
		}
	}
	var quarantines int
	if err := pool.QueryRow(context.WithoutCancel(t.Context()), `SELECT quarantines FROM chorus.installation`).Scan(&quarantines); err != nil || quarantines != 1 {
		t.Errorf("%d quarantines, %v", quarantines, err)
	}
}
