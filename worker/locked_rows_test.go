package worker_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// Rows that are due, and that somebody has locked, are passed over while all others flow: todo and /readyz name each, and who holds it, also a prepared transaction.
func TestALockedRowIsNotForgotten(t *testing.T) {
	t.Parallel()
	s := newSite(t, &chorustest.Config{}, map[string]string{"max_prepared_transactions": "2"})
	people := store.New(s.db.Pool)
	w := s.start()
	s.await(s.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Settled)
	s.must(people.SetPaused(t.Context(), "default", true, "hold"))
	ids := []int64{s.insert(invoicetest.Invoice{Numero: "LOCKED-1"}.UBL()), s.insert(invoicetest.Invoice{Numero: "LOCKED-2"}.UBL())}
	for _, id := range ids {
		s.await(id, store.Ready)
	}
	s.exec(s.db.URL, `SET session_replication_role = replica`,
		fmt.Sprintf(`UPDATE chorus.invoices SET created_at = now() - interval '3 hours', due_at = now() - interval '3 hours' WHERE id IN (%d, %d)`, ids[0], ids[1]))
	tx, err := s.db.Pool.Begin(t.Context())
	s.must(err)
	defer func() { s.must(tx.Rollback(t.Context())) }()
	_, err = tx.Exec(t.Context(), `SET LOCAL application_name = 'psql of Jean'`)
	s.must(err)
	_, err = tx.Exec(t.Context(), `SELECT id FROM chorus.invoices WHERE id = $1 FOR UPDATE`, ids[0])
	s.must(err)
	s.exec(s.db.URL, `BEGIN`, fmt.Sprintf(`SELECT id FROM chorus.invoices WHERE id = %d FOR UPDATE`, ids[1]), `PREPARE TRANSACTION 'held by an ERP'`)
	s.must(people.SetPaused(t.Context(), "default", false, ""))
	s.await(s.insert(invoicetest.Invoice{Numero: "FLOWS"}.UBL()), store.Settled)
	lines, err := operate.Todos(t.Context(), s.db.Pool, operate.TodoFilter{Kind: "stalled"})
	s.must(err)
	said := fmt.Sprintf("%+v", lines)
	for _, who := range []string{"(psql of Jean) has locked its row", `prepared transaction "held by an ERP" has locked its row`} {
		if len(lines) != 2 || !strings.Contains(said, who) {
			t.Errorf("todo does not say %q: %s", who, said)
		}
	}
	for deadline, text := time.Now().Add(30*time.Second), ""; !strings.Contains(text, "psql of Jean") || !strings.Contains(text, "held by an ERP"); time.Sleep(100 * time.Millisecond) {
		r := httptest.NewRecorder()
		w.Handler(prometheus.NewRegistry()).ServeHTTP(r, httptest.NewRequestWithContext(t.Context(), "GET", "/readyz", nil))
		if text = r.Body.String(); time.Now().After(deadline) {
			t.Fatalf("/readyz says %q", text)
		}
	}
	holders, err := people.RowHolders(t.Context(), ids[1:])
	s.must(err)
	if len(holders) != 1 || !strings.Contains(holders[0].Text(true), `"held by an ERP"`) {
		t.Errorf("held by %+v", holders)
	}
	s.exec(s.db.URL, `ROLLBACK PREPARED 'held by an ERP'`)
	s.await(ids[1], store.Settled)
}

// A start waits for an open transaction of somebody else, and names the session.
func TestAStartNamesWhoHoldsALock(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	stop := h.run()
	h.await(h.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Settled)
	stop()
	id := h.insert(invoicetest.Invoice{Numero: "AFTER"}.UBL())
	tx, err := h.db.Pool.Begin(t.Context())
	h.must(err)
	for _, q := range []string{`SET LOCAL application_name = 'psql of Jean'`, `UPDATE chorus.accounts SET paused_at = NULL`} {
		_, err = tx.Exec(t.Context(), q)
		h.must(err)
	}
	w := h.start()
	readyz := func() string {
		r := httptest.NewRecorder()
		w.Handler(prometheus.NewRegistry()).ServeHTTP(r, httptest.NewRequestWithContext(t.Context(), "GET", "/readyz", nil))
		return r.Body.String()
	}
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(readyz(), `application "psql of Jean"`); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("/readyz says %q", readyz())
		}
	}
	time.Sleep(8 * time.Second) // longer than statements wait for a lock
	h.must(tx.Rollback(t.Context()))
	h.await(id, store.Settled)
}

// Who has the row of an account open for long does not stop its deposits: that a worker can send for it is written down elsewhere.
func TestALockedAccountGoesOn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	h.await(h.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Settled)
	h.until("a worker can send for it", `SELECT count(*) > 0 FROM chorus.able`)
	tx, err := h.db.Pool.Begin(t.Context())
	h.must(err)
	_, err = tx.Exec(t.Context(), `UPDATE chorus.accounts SET paused_at = NULL`)
	h.must(err)
	h.exec(`UPDATE chorus.able SET said_at = said_at - interval '50 seconds'`)
	h.until("it says so again", `SELECT said_at > clock_timestamp() - interval '30 seconds' FROM chorus.able`)
	h.await(h.insert(invoicetest.Invoice{Numero: "AFTER"}.UBL()), store.Settled)
	h.must(tx.Rollback(t.Context()))
}

// A session of choriste's own that others wait for is at work: nobody is told to end it, and /readyz and the log say what it is.
func TestOwnSessionsAreNotToBeEnded(t *testing.T) {
	t.Parallel()
	b := newBridge(t, store.Waits{})
	b.await(b.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Settled)
	tx, err := b.db.Pool.Begin(t.Context())
	b.must(err)
	var pid int
	b.must(tx.QueryRow(t.Context(), `SELECT pg_backend_pid() FROM set_config('application_name', 'choriste', true)`).Scan(&pid))
	id := b.insert(invoicetest.Invoice{}.UBL())
	_, err = tx.Exec(t.Context(), `SELECT FROM chorus.budgets FOR UPDATE`)
	b.must(err)
	want := fmt.Sprintf("PID %d (application \"choriste\"", pid)
	for end, text := time.Now().Add(time.Minute), ""; !strings.Contains(text, "a session of choriste's own is at work, and others wait for it") || !strings.Contains(text, want); time.Sleep(20 * time.Millisecond) {
		if _, text = b.get("/readyz"); strings.Contains(text, "held by PID") || time.Now().After(end) {
			t.Fatalf("/readyz: %q", text)
		}
	}
	b.must(tx.Rollback(t.Context()))
	b.await(id, store.Settled)
	if said := b.log.with("end its transaction"); len(said) > 0 {
		t.Errorf("the log: %s", said[0])
	}
}
