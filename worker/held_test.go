package worker_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
)

// An application holds one of its rows: all others go their way, who holds it is said, and it goes its own when it is free.
func TestAnApplicationHoldsARow(t *testing.T) {
	t.Parallel()
	b := newBridge(t, store.Waits{})
	id := b.insert(invoicetest.Invoice{Numero: "HELD"}.UBL())
	b.await(id, store.Deposited, store.Integrated)
	tx, err := b.app().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	var pid int
	if err := tx.QueryRow(t.Context(), `SELECT pg_backend_pid() FROM chorus.invoices WHERE id = $1 FOR SHARE`, id).Scan(&pid); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for k := range 5 {
		b.await(b.insert(invoicetest.Invoice{Numero: fmt.Sprintf("FREE%d", k)}.UBL()), store.Settled)
	}
	t.Log("five others are settled after", time.Since(began))
	for end := time.Now().Add(20 * time.Second); len(b.log.with(fmt.Sprintf("PID %d ", pid))) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the log does not name who holds the row")
		}
	}
	if i := b.await(id, store.Deposited, store.Integrated); i.State == store.Settled {
		t.Error("the row was not held")
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.await(id, store.Settled)
}

// The feed alone stands still, while other jobs succeed: that is said, and who is in the way.
func TestOneKindOfJobFails(t *testing.T) {
	t.Parallel()
	b := newBridge(t, store.Waits{})
	b.await(b.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Settled)
	tx, err := b.owner().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), `LOCK TABLE chorus.feed_lateness`); err != nil {
		t.Fatal(err)
	}
	var last int64
	for k, end := 0, time.Now().Add(time.Minute); ; k++ {
		last = b.insert(invoicetest.Invoice{Numero: fmt.Sprintf("DURING%d", k)}.UBL())
		if _, text := b.get("/readyz"); strings.Contains(text, "every job sync has failed for") && strings.Contains(text, "a lock is held by PID") {
			break
		} else if time.Now().After(end) {
			t.Fatalf("/readyz: %q", text)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.await(last, store.Settled)
	b.readyz("ready", time.Minute)
}
