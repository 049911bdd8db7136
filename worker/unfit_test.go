package worker_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
)

// A worker whose database has been migrated to a newer schema, or whose rights were taken away, gives out nothing more and says so; it goes on when the
// database fits again.
func TestUnfitWhileWorking(t *testing.T) {
	for _, c := range []struct{ name, spoil, said, mend string }{
		{
			"a newer schema", `INSERT INTO chorus.goose_db_version (version_id, is_applied) VALUES (999, true)`, "The schema is newer than this program (999,",
			`DELETE FROM chorus.goose_db_version WHERE version_id = 999`,
		},
		{
			"a right taken away", `REVOKE INSERT ON chorus.attempts FROM chorus_worker`, "GRANT INSERT ON chorus.attempts TO chorus_worker",
			`GRANT INSERT ON chorus.attempts TO chorus_worker`,
		},
	} {
		t.Run(c.name, func(t *testing.T) { unfitWhileWorking(t, c.spoil, c.said, c.mend) })
	}
}

func unfitWhileWorking(t *testing.T, spoil, said, mend string) {
	t.Parallel()
	h := newHouse(t, nil)
	reg := prometheus.NewRegistry()
	srv := httptest.NewServer(h.start().Handler(reg))
	t.Cleanup(srv.Close)
	readyz := func() string {
		res, err := http.Get(srv.URL + "/readyz") //nolint:noctx // a test
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	until := func(what string, is func() bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("not %s: %s", what, readyz())
			}
		}
	}
	h.await(h.insert(invoicetest.Invoice{Numero: "F-1"}.UBL()), store.Settled)
	owner, err := pgxpool.New(t.Context(), h.db.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	if _, err := owner.Exec(t.Context(), spoil); err != nil {
		t.Fatal(err)
	}
	until("not ready", func() bool { return strings.Contains(readyz(), said) })
	time.Sleep(11 * time.Second) // a round of looking at the database
	id := h.insert(invoicetest.Invoice{Numero: "F-2"}.UBL())
	time.Sleep(time.Second) // polls in vain
	var state string
	if err := owner.QueryRow(t.Context(), `SELECT state FROM chorus.invoices WHERE id = $1`, id).Scan(&state); err != nil || state != "received" {
		t.Errorf("the invoice is %s, %v", state, err)
	}
	if _, err := owner.Exec(t.Context(), mend); err != nil {
		t.Fatal(err)
	}
	h.await(id, store.Settled)
	until("ready", func() bool { return strings.HasPrefix(readyz(), "ready") })
}
