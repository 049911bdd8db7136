package worker_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

func says(w *worker.Worker, text string) func() bool {
	return func() bool {
		rec := httptest.NewRecorder()
		w.Handler(prometheus.NewRegistry()).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		return rec.Code == http.StatusOK && strings.Contains(rec.Body.String(), text)
	}
}

func (h *house) soon(what string, so func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("not within twenty seconds: %s", what)
		}
	}
}

// A worker that may not be alone reads documents at once, and deposits nothing before it knows: a heartbeat that does not go on was copied with the database,
// and then Chorus Pro is asked. /readyz says what deposits wait for, and does not fail.
func TestAStartReadsAtOnceAndSendsWhenItIsOpen(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{})
	h.sim.Faults(chorustest.Fault{Op: "rechercher/fournisseur", Kind: "500", Times: -1})
	if _, err := h.db.Pool.Exec(t.Context(), `INSERT INTO chorus.heartbeats (worker) VALUES ('copied')`); err != nil {
		t.Fatal(err)
	}
	id := h.insert(invoicetest.Invoice{Numero: "EARLY"}.UBL())
	w := h.start(func(c *worker.Config) { c.Settings.SyncEvery = time.Hour })
	h.await(id, store.Ready)
	var open bool
	if err := h.db.Pool.QueryRow(t.Context(), `SELECT count(*) > 1 FROM chorus.heartbeats`).Scan(&open); err != nil || open {
		t.Fatalf("the document was read only when the worker was open (%v)", err)
	}
	h.soon("it says that it looks who is alive", says(w, "ready; deposits of this worker wait"))
	h.until("Chorus Pro is asked", `SELECT compare_since IS NOT NULL FROM chorus.accounts WHERE name = 'default'`)
	h.soon("it says that Chorus Pro is asked", says(w, "ready; deposits of default wait since"))
	if n := len(h.sim.Deposits("EARLY")); n > 0 {
		t.Fatal("it was deposited before it was known that it may be")
	}
	h.sim.ClearFaults()
	h.await(id, store.Deposited, store.Integrated, store.Settled)
	h.soon("it says that it is ready, and nothing else", func() bool { return says(w, "ready")() && !says(w, ";")() })
}

// Beside a live worker a start asks Chorus Pro nothing, and knows so at once, because a live worker that is asked to beat does.
func TestALiveWorkerBeatsWhenItIsAsked(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{})
	h.start()
	h.await(h.insert(invoicetest.Invoice{Numero: "FIRST"}.UBL()), store.Deposited, store.Integrated, store.Settled)
	st := store.New(h.db.Pool)
	beat := func(after time.Time) (at time.Time) {
		h.soon("a heartbeat", func() bool {
			last, _, err := st.Beating(t.Context(), "me")
			at = last
			return err == nil && last.After(after)
		})
		return at
	}
	soon := 0
	for range 5 {
		last := beat(beat(time.Time{})) // it has just beaten
		if err := st.AskBeat(t.Context()); err != nil {
			t.Fatal(err)
		}
		if beat(last).Sub(last) < 700*time.Millisecond {
			soon++
		}
	}
	if soon < 3 {
		t.Errorf("it beat at once %d times of 5", soon)
	}

	var asked time.Time
	if err := h.db.Pool.QueryRow(t.Context(), `SELECT compare_asked_at FROM chorus.accounts WHERE name = 'default'`).Scan(&asked); err != nil {
		t.Fatal(err)
	}
	h.start()
	h.until("the second is open", `SELECT count(*) = 2 FROM chorus.heartbeats`)
	h.until("it has asked for no comparison", `SELECT compare_asked_at = $1 FROM chorus.accounts WHERE name = 'default'`, asked)
}
