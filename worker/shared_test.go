package worker_test

import (
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// loudly gives a worker a log that the test reads.
func loudly(t *testing.T, log *lines) func(*worker.Config) {
	return func(c *worker.Config) { c.Log = slog.New(slog.NewTextHandler(io.MultiWriter(log, t.Output()), nil)) }
}

// saysOnce waits for a line that holds a text, and fails when there are more of them.
func saysOnce(t *testing.T, log *lines, text string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		n := len(log.with(text))
		if n == 1 {
			return
		}
		if n > 1 || time.Now().After(end) {
			t.Fatalf("%q is said %d times", text, n)
		}
	}
}

// While two live workers have other settings, each says which and how, once; and when they are alike again.
func TestWorkersWithOtherSettingsAreNamed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	one, other := &lines{}, &lines{}
	h.start(loudly(t, one))
	stop := h.run(loudly(t, other), func(c *worker.Config) {
		c.Quota, c.Settings.LandingDelay = 1500, 2*time.Second
	})
	saysOnce(t, one, "CHORISTE_QUOTA is 2000 here and 1500 there, CHORISTE_LANDING_DELAY is 500ms here and 2s there.")
	saysOnce(t, other, "CHORISTE_QUOTA is 1500 here and 2000 there, CHORISTE_LANDING_DELAY is 2s here and 500ms there.")
	stop()
	saysOnce(t, one, "all workers have the same settings again")
	saysOnce(t, one, "has other settings")
}

// While workers differ, the smaller quota of each application and the fewer deposits in flight count for all, whoever started last.
func TestTheMoreCarefulWorkerCounts(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	log := &lines{}
	careful := func(c *worker.Config) { c.Accounts[0].Quota, c.InFlight = 10, 3 }
	pace := func(what string, perSecond float64, slots int) {
		t.Helper()
		h.until(what, `SELECT (SELECT abs(1e6 / every_us / ($1 * 0.95) - 1) < 0.01 FROM chorus.budgets) AND (SELECT max(n) = $2 FROM chorus.slots)`, perSecond, slots)
	}
	stop := h.run(careful)
	pace("it is alone", 10, 3)
	h.start(loudly(t, log))
	saysOnce(t, log, "quota/default is not set here and 10 there")
	pace("the one that started last does not count", 10, 3)
	stop()
	pace("the careful one is gone", 2000, 32)
}

// Where serializable is the database's default, two workers share rows as ever: nothing collides (40001).
func TestADatabaseThatIsSerializable(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.exec(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', current_database()); END $$`)
	log := &lines{}
	h.start(loudly(t, log))
	h.start(loudly(t, log))
	var ids []int64
	app := h.app()
	for k := range 30 {
		var id int64
		doc := invoicetest.Invoice{Numero: fmt.Sprintf("SERIAL-%02d", k)}.UBL()
		if err := app.QueryRow(t.Context(), `INSERT INTO chorus.invoices (document) VALUES ($1) RETURNING id`, doc).Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	for _, id := range ids {
		h.await(id, store.Settled)
	}
	if found := log.with("40001"); len(found) > 0 {
		t.Errorf("%d lines of collisions: %s", len(found), found[0])
	}
	if n := h.count(`SELECT count(*) FROM river.river_job WHERE errors::text LIKE '%40001%'`); n > 0 {
		t.Errorf("%d jobs have failed of it", n)
	}
}
