package worker_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
)

// An application asks before it inserts, and gets within a second what a worker would find; nothing is inserted and nothing is sent.
func TestChecksAreAnswered(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	h.until("the account is known", `SELECT true FROM chorus.accounts WHERE name = 'default'`)
	var fields *string // beside the document
	ask := func(doc []byte) (id int64, ok bool, findings int) {
		t.Helper()
		if err := h.app().QueryRow(t.Context(), `INSERT INTO chorus.checks (document, fields) VALUES ($1, $2::text::jsonb) RETURNING id`, doc, fields).Scan(&id); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
			var done *time.Time
			var answer *bool
			if err := h.app().QueryRow(t.Context(), `SELECT done_at, ok, findings FROM chorus.checks WHERE id = $1`, id).Scan(&done, &answer, &findings); err != nil {
				t.Fatal(err)
			}
			if done != nil {
				return id, *answer, findings
			}
			if time.Now().After(deadline) {
				t.Fatal("no answer")
			}
		}
	}
	if _, ok, n := ask(invoicetest.Invoice{Numero: "GOOD"}.CII()); !ok || n != 0 {
		t.Errorf("a good one: %v, %d findings", ok, n)
	}
	id, ok, n := ask(invoicetest.Invoice{Numero: "BAD", Cadre: "S1", Type: "999"}.UBL())
	if ok || n < 2 {
		t.Errorf("a bad one: %v, %d findings", ok, n)
	}
	var codes string
	if err := h.app().QueryRow(t.Context(), `SELECT string_agg(code, ' ' ORDER BY n) FROM chorus.check_findings WHERE check_id = $1 AND message_fr <> ''`, id).Scan(&codes); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(codes, "CH-CADRE") || len(strings.Fields(codes)) != n {
		t.Errorf("%d findings: %s", n, codes)
	}
	if _, ok, n := ask([]byte("hello")); ok || n != 1 {
		t.Errorf("none at all: %v, %d findings", ok, n)
	}
	inv := invoicetest.Invoice{Numero: "PDF"}
	pdf, err := inv.PDF()
	if err != nil {
		t.Fatal(err)
	}
	fields = new(string(inv.Fields()))
	if _, ok, n := ask(pdf); !ok || n != 0 {
		t.Errorf("a PDF with fields: %v, %d findings", ok, n)
	}
	fields = new(`{"numero_facture": "PDF", "montant_ttc": "1.005"}`)
	if _, ok, n := ask(pdf); ok || n < 4 {
		t.Errorf("a PDF with bad fields: %v, %d findings", ok, n)
	}
	if n := h.count(`SELECT (SELECT count(*) FROM chorus.invoices) + (SELECT count(*) FROM chorus.checks WHERE document IS NOT NULL OR fields IS NOT NULL)`); n != 0 {
		t.Errorf("%d rows or documents are left", n)
	}
	st := store.New(h.db.Pool)
	if err := st.ForgetChecks(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if n := h.count(`SELECT (SELECT count(*) FROM chorus.checks) + (SELECT count(*) FROM chorus.check_findings)`); n != 0 {
		t.Errorf("%d rows are kept", n)
	}
}

// Nobody fills the database with questions that no worker answers.
func TestChecksThatWaitAreBounded(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.exec(`INSERT INTO chorus.accounts (name) VALUES ('default') ON CONFLICT DO NOTHING`)
	h.exec(`INSERT INTO chorus.checks (document) SELECT 'x' FROM generate_series(1, 1000)`)
	_, err := h.app().Exec(t.Context(), `INSERT INTO chorus.checks (document) VALUES ('x')`)
	if store.SQLState(err) != "CH018" {
		t.Errorf("one too many: %v", err)
	}
	h.exec(`INSERT INTO chorus.accounts (name) VALUES ('other')`)
	h.exec(`INSERT INTO chorus.checks (document, account) VALUES ('x', 'other')`) // nobody keeps another account's from asking
	taken, err := store.New(h.db.Pool).TakeChecks(t.Context(), 2, time.Minute, []string{"default", "other"})
	if err != nil || len(taken) != 2 || taken[0].Account == taken[1].Account {
		t.Errorf("the accounts take no turns: %+v, %v", taken, err)
	}
	// Whoever asks faster than a thousand times a minute leaves no more behind than others do.
	h.exec(`UPDATE chorus.checks SET done_at = now(), ok = true, created_at = now() - interval '2 hours'`)
	h.exec(`INSERT INTO chorus.checks (document) SELECT 'x' FROM generate_series(1, 1000)`)
	h.exec(`UPDATE chorus.checks SET done_at = now(), ok = true, created_at = now() - interval '2 hours'`)
	h.exec(`INSERT INTO chorus.checks (document) SELECT 'x' FROM generate_series(1, 10)`)
	if err := store.New(h.db.Pool).ForgetChecks(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	if n := h.count(`SELECT count(*) FROM chorus.checks WHERE account = 'default'`); n != 10 {
		t.Errorf("%d are left", n)
	}
}

// The bound holds for what is not committed yet, too; and whoever does not commit holds up its own account alone, and not for ever.
func TestChecksThatAreNotCommittedAreBounded(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.exec(`INSERT INTO chorus.accounts (name) VALUES ('default'), ('other') ON CONFLICT DO NOTHING`)
	const ask = `INSERT INTO chorus.checks (document, account) SELECT 'x', $1 FROM generate_series(1, 100)`
	owner := h.owner()
	var asked, refused atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			tx, err := owner.Begin(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
			for {
				_, err = tx.Exec(t.Context(), `SAVEPOINT before`)
				if err == nil {
					_, err = tx.Exec(t.Context(), ask, "default")
				}
				if err == nil || !strings.Contains(err.Error(), "not committed") {
					break
				}
				if _, err := tx.Exec(t.Context(), `ROLLBACK TO before`); err != nil { // a busy machine
					t.Error(err)
					return
				}
			}
			time.Sleep(10 * time.Millisecond) // the others come while this one is not committed
			switch {
			case err == nil && tx.Commit(t.Context()) == nil:
				asked.Add(1)
			case store.SQLState(err) == "CH018":
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := h.count(`SELECT count(*) FROM chorus.checks`); n != 1000 || asked.Load() != 10 || refused.Load() != 10 {
		t.Errorf("%d wait, %d transactions asked, %d were refused", n, asked.Load(), refused.Load())
	}
	h.exec(`UPDATE chorus.checks SET done_at = now(), ok = true`)
	open, err := owner.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = open.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := open.Exec(t.Context(), ask, "default"); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Exec(t.Context(), ask, "other"); err != nil {
		t.Errorf("another account is held up: %v", err)
	}
	if _, err := owner.Exec(t.Context(), ask, "default"); store.SQLState(err) != "CH018" {
		t.Errorf("behind one that is not committed: %v", err)
	}
}
