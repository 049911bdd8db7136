//go:build chaos

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store/storetest"
)

// TestRollingUpgrade: two workers of one build are replaced by two of another, one after the other, while an application inserts. Both builds work on one database at once;
// each invoice is sent once, none is in doubt, and each worker that is stopped ends well.
func TestRollingUpgrade(t *testing.T) {
	bin := built(t, "choriste", "chorus-sim")
	older, newer := filepath.Join(bin, "choriste"), filepath.Join(bin, "newer")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "newer", "-o", newer, ".").CombinedOutput(); err != nil { // a tag that no file asks for: another stamp
		t.Fatalf("%v\n%s", err, out)
	}
	db := storetest.New(t)
	sim := startSimulator(t, bin, "-quota", "-1", "-step", "50ms", "-accept-duplicates", "-ledger", filepath.Join(t.TempDir(), "ledger"))
	env := environment(t, db, sim)
	start := func(program string) *exec.Cmd {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, "work")
		cmd.Env, cmd.Stderr = env, t.Output()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	stop := func(cmd *exec.Cmd) {
		t.Helper()
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s did not end well: %v", cmd.Path, err)
		}
	}
	until := func(what, sql string, args ...any) {
		t.Helper()
		for deadline := time.Now().Add(2 * time.Minute); query(t, db.URL, sql, args...)[0] != "true"; time.Sleep(100 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("not within two minutes: %s", what)
			}
		}
	}
	sent := func(n int) { // by whoever works
		t.Helper()
		until("more deposits", `SELECT (count(*) >= $1)::text FROM chorus.attempts WHERE finished_at IS NOT NULL`, n+len(query(t, db.URL, `SELECT 'x' FROM chorus.attempts WHERE finished_at IS NOT NULL`)))
	}

	ctx, enough := context.WithCancel(t.Context())
	inserted := 0
	var inserting sync.WaitGroup
	inserting.Go(func() {
		app, err := pgxpool.New(t.Context(), db.AppURL)
		if err != nil {
			t.Error(err)
			return
		}
		defer app.Close()
		for ; ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
			if _, err := app.Exec(t.Context(), `INSERT INTO chorus.invoices (document) VALUES ($1)`, invoicetest.Invoice{Numero: fmt.Sprintf("ROLL-%05d", inserted)}.UBL()); err != nil {
				t.Error(err)
				return
			}
			inserted++
		}
	})
	defer inserting.Wait()
	defer enough()

	one, two := start(older), start(older)
	sent(20)
	stop(one)
	one = start(newer)
	until("old and new work at once", `SELECT (count(*) = 2)::text FROM chorus.heartbeats WHERE NOT stopped`)
	sent(20)
	stop(two)
	two = start(newer)
	sent(20)
	enough()
	inserting.Wait()
	until("all are settled", `SELECT (count(*) = $1)::text FROM chorus.invoices WHERE state = 'settled'`, inserted)
	stop(one)
	stop(two)

	accepted := sim.accepted(t)
	if len(accepted) != inserted {
		t.Errorf("%d were inserted, and the portal holds %d", inserted, len(accepted))
	}
	for number, hashes := range accepted {
		if len(hashes) != 1 {
			t.Errorf("%s was accepted %d times", number, len(hashes))
		}
	}
	if doubts := query(t, db.URL, `SELECT invoice_id::text FROM chorus.events WHERE to_state = 'in_doubt'`); len(doubts) > 0 {
		t.Errorf("in doubt were %v", doubts)
	}
	a, errA := os.ReadFile(older)
	b, errB := os.ReadFile(newer)
	if errA != nil || errB != nil || string(a) == string(b) {
		t.Errorf("both are the same program: %v %v", errA, errB)
	}
}
