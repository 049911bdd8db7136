package worker_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// Somebody holds a lock on our table: that is what is said, and not that PostgreSQL does not answer.
func TestALockOfSomebodyElses(t *testing.T) {
	t.Parallel()
	b := newBridge(t, store.Waits{}, func(c *worker.Config) { c.Round = 0 })
	tx, err := b.owner().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), `LOCK TABLE chorus.invoices`); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, text := b.get("/readyz"); strings.Contains(text, "somebody else holds a lock for too long") {
			break
		} else if time.Now().After(end) {
			t.Fatalf("/readyz: %q", text)
		}
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.readyz("ready", time.Minute)
	if said := b.log.with("does not answer"); len(said) > 0 {
		t.Error(said)
	}
	b.await(b.insert(invoicetest.Invoice{}.UBL()), store.Settled)
}

// Somebody holds what every deposit needs for its turn: the rows wait, and that is said.
func TestALockOnTheBudget(t *testing.T) {
	t.Parallel()
	b := newBridge(t, impatient)
	b.await(b.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Settled)
	tx, err := b.owner().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), `SELECT FROM chorus.budgets FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	id := b.insert(invoicetest.Invoice{}.UBL())
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, text := b.get("/readyz"); strings.Contains(text, "no deposit has got its turn for") {
			break
		} else if time.Now().After(end) {
			t.Fatalf("/readyz: %q", text)
		}
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.await(id, store.Settled)
	b.readyz("ready", time.Minute)
}

// Somebody holds the breakers while the portal fails: no deposit is begun, and that is said, too; when the lock is gone, the breakers are told although nothing new is
// inserted.
func TestALockOnTheBreakers(t *testing.T) {
	t.Parallel()
	b := newBridge(t, impatient)
	b.await(b.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Settled)
	tx, err := b.owner().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), `SELECT FROM chorus.breakers FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	if err := b.sim.Outage(true, "deposits", "500"); err != nil {
		t.Fatal(err)
	}
	id := b.insert(invoicetest.Invoice{}.UBL())
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, text := b.get("/readyz"); strings.Contains(text, "no deposit is begun: for ") {
			break
		} else if time.Now().After(end) {
			t.Fatalf("/readyz: %q", text)
		}
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.until("the fleet knows", `SELECT EXISTS (SELECT FROM chorus.breakers WHERE state <> 'closed')`)
	if err := b.sim.Outage(false, "deposits", "500"); err != nil {
		t.Fatal(err)
	}
	b.readyz("ready", time.Minute)
	b.await(id, store.Settled, store.Parked) // parked, where the outage took it twice
}

// Who is in the way is named: in the log, and by /readyz, which everybody may read, without the login.
func TestWhoHoldsALock(t *testing.T) {
	all := represented(t, "what is dispatched", "a row")
	for name, lock := range map[string]string{
		"what is dispatched": `LOCK TABLE chorus.invoices`,
		"feeds":              `LOCK TABLE chorus.structures`,
		"accounts":           `LOCK TABLE chorus.accounts`,
		"tokens":             `LOCK TABLE chorus.tokens`,
		"River's jobs":       `LOCK TABLE river.river_job`,
		"a row":              `SELECT FROM chorus.budgets FOR UPDATE`,
	} {
		if !all.runs(name) {
			continue
		}
		t.Run(name, func(t *testing.T) { whoHolds(t, lock) })
	}
}

func whoHolds(t *testing.T, lock string) {
	t.Parallel()
	b := newBridge(t, store.Waits{})
	b.await(b.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Settled)
	tx, err := b.owner().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	var pid int
	var login string
	if err := tx.QueryRow(t.Context(), `SELECT pg_backend_pid(), current_user FROM set_config('application_name', E'a report\x1b[31m', true)`).Scan(&pid, &login); err != nil {
		t.Fatal(err)
	}
	id := b.insert(invoicetest.Invoice{}.UBL()) // what wants a turn and a token
	if _, err := tx.Exec(t.Context(), lock); err != nil {
		t.Fatal(err)
	}
	holder := fmt.Sprintf("PID %d (application \"a report", pid)
	var text string
	for end := time.Now().Add(time.Minute); !strings.Contains(text, holder); time.Sleep(20 * time.Millisecond) {
		if _, text = b.get("/readyz"); time.Now().After(end) {
			t.Fatalf("/readyz: %q", text)
		}
	}
	if strings.Contains(text, login) || strings.Contains(text, "\x1b") || strings.Contains(text, "LOCK") || strings.Contains(text, "set_config") {
		t.Errorf("/readyz says too much: %q", text)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if said := b.log.with(fmt.Sprintf("PID %d ", pid)); len(said) > 0 {
			if !strings.Contains(said[0], login) || strings.Contains(said[0], "set_config") {
				t.Errorf("the log: %s", said[0])
			}
			break
		}
		if time.Now().After(end) {
			t.Fatal("the log does not name it")
		}
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.await(id, store.Settled)
	b.readyz("ready", time.Minute)
}
