package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/invoice/invoicetest"
)

// A month leaves, comes back and leaves again while two workers deposit and one of them is killed: nobody takes it for a restored backup, nothing is held back, and every invoice is
// accepted once.
func TestAMonthLeavesWhileWorkersDeposit(t *testing.T) {
	t.Parallel()
	const invoices = 240
	bin := built(t, "choriste", "chorus-sim")
	db := longAgo(t, 400)
	numberAll(t, db)
	said(t, db.URL, 0, "workers make those that follow", "partition", "apply")
	sim := startSimulator(t, bin, "-quota", "-1", "-step", "50ms", "-accept-duplicates", "-ledger", filepath.Join(t.TempDir(), "ledger"))
	state := t.TempDir()
	env := append(environment(t, db, sim), "CHORISTE_STATE_DIR="+state)
	var logs []*os.File
	start := func() *exec.Cmd {
		t.Helper()
		log, err := os.CreateTemp(t.TempDir(), "log")
		if err != nil {
			t.Fatal(err)
		}
		logs = append(logs, log)
		cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "choriste"), "work")
		cmd.Env, cmd.Stderr = env, log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	stop := func(cmd *exec.Cmd) {
		t.Helper()
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("a worker did not end well: %v", err)
		}
	}
	app, err := pgxpool.New(t.Context(), db.AppURL)
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	inserted := make(chan error, 1)
	go func() {
		for k := range invoices {
			if _, err := app.Exec(t.Context(), `INSERT INTO chorus.invoices (document) VALUES ($1)`, invoicetest.Invoice{Numero: fmt.Sprintf("MONTH-%03d", k)}.UBL()); err != nil {
				inserted <- err
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		inserted <- nil
	}()

	first, second := start(), start()
	settled := func(n int) {
		t.Helper()
		for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
			have := query(t, db.URL, `SELECT count(*)::text FROM chorus.invoices WHERE state = 'settled'`)[0]
			if got, err := strconv.Atoi(have); err == nil && got >= n {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s of %d settled; by state: %v", have, n, query(t, db.URL, `SELECT state || ' ' || count(*) FROM chorus.invoices GROUP BY state`))
			}
		}
	}
	dir := t.TempDir()
	settled(20)
	said(t, db.URL, 0, "first has left", "partition", "detach", "first", "--to", dir, "--older-than", "30d")
	_ = first.Process.Kill()
	_ = first.Wait()
	first = start()
	settled(80)
	said(t, db.URL, 0, "first is back", "partition", "attach", filepath.Join(dir, "choriste-events-first.json"))
	settled(120)
	said(t, db.URL, 0, "first has left", "partition", "detach", "first", "--to", t.TempDir(), "--older-than", "30d")
	if err := <-inserted; err != nil {
		t.Fatal(err)
	}
	settled(invoices)
	stop(first)
	stop(second)
	if n := query(t, db.URL, `SELECT quarantines::text FROM chorus.installation`)[0]; n != "0" {
		t.Errorf("%s times a restore was noticed that was none", n)
	}
	for numero, hashes := range sim.accepted(t) {
		if len(hashes) != 1 {
			t.Errorf("%s was accepted %d times", numero, len(hashes))
		}
	}
	for _, log := range logs {
		text, _ := os.ReadFile(log.Name())
		if strings.Contains(string(text), `"level":"ERROR"`) {
			t.Errorf("a worker says\n%s", text)
		}
	}
}
