package worker_test

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// exec runs a statement as the owner.
func (h *house) exec(sql string, args ...any) {
	h.t.Helper()
	if _, err := h.owner().Exec(h.t.Context(), sql, args...); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) metrics(w *worker.Worker, reg *prometheus.Registry) string {
	h.t.Helper()
	rec := httptest.NewRecorder()
	w.Handler(reg).ServeHTTP(rec, httptest.NewRequestWithContext(h.t.Context(), "GET", "/metrics", nil))
	if rec.Code != 200 {
		h.t.Fatalf("/metrics: %d %s", rec.Code, rec.Body)
	}
	return rec.Body.String()
}

func (h *house) count(sql string) (n int) {
	h.t.Helper()
	if err := h.owner().QueryRow(h.t.Context(), sql).Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

// What belongs to a configuration that is gone goes; two spellings of an address are one portal.
func TestAConfigurationThatIsGoneGoes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for k, change := range []func(*worker.Config){
		func(c *worker.Config) { // another spelling
			u, _ := url.Parse(c.Accounts[0].Chorus.APIURL)
			c.Accounts[0].Chorus.APIURL = "HTTP://" + u.Host + "/"
		},
		func(c *worker.Config) { c.Accounts[0].Chorus.ClientID = "another" },
		func(c *worker.Config) {
			c.Accounts[0].Name, c.Accounts[0].Chorus.APIURL = "gone", "http://127.0.0.1:1"
		},
	} {
		stop := h.run(change)
		h.until("the worker says what it is configured with", `SELECT count(*) = $1 FROM chorus.configured WHERE kind = 'breaker'`, k+2)
		stop()
	}
	if n := h.count(`SELECT count(*) FROM chorus.breakers WHERE scope = 'portal' AND name <> '127.0.0.1:1'`); n != 1 {
		t.Errorf("one portal has %d rows", n)
	}
	h.exec(`UPDATE chorus.breakers SET state = 'open', since = now() - interval '1 hour' WHERE name = '127.0.0.1:1'`)
	reg := prometheus.NewRegistry()
	w := h.start(func(c *worker.Config) { c.Registry = reg })
	h.until("the worker is accepted", `SELECT accepted IS NOT NULL FROM chorus.accounts WHERE name = 'default'`)
	st := store.New(h.db.Pool)
	breakers, err := st.Breakers(t.Context())
	if err != nil || len(breakers) != 2 {
		t.Errorf("%+v, %v", breakers, err)
	}
	accounts, err := st.Accounts(t.Context())
	if err != nil || len(accounts) != 1 || accounts[0].Account != "default" || !accounts[0].Configured {
		t.Errorf("%+v, %v", accounts, err)
	}
	if page := h.metrics(w, reg); strings.Contains(page, "127.0.0.1:1\"") || !strings.Contains(page, `choriste_breaker_open{name="default",scope="application"} 0`) {
		t.Error(page)
	}
	// Nobody has announced an outage of a portal that nobody uses. One that was announced before is over after a while.
	if n := h.count(`SELECT count(*) FROM chorus.events WHERE reason_code LIKE 'OUTAGE%'`); n != 0 {
		t.Error("an outage of a portal that is gone was announced")
	}
	h.exec(`UPDATE chorus.breakers SET announced = true WHERE name = '127.0.0.1:1'`)
	h.exec(`UPDATE chorus.configured SET seen_at = seen_at - interval '11 minutes' WHERE seen_at < now() - interval '15 seconds'`)
	h.until("the gone portal is forgotten", `SELECT count(*) = 2 FROM chorus.breakers`)
	h.until("its outage is over", `SELECT count(*) = 1 FROM chorus.events WHERE reason_code = 'OUTAGE_ENDED' AND detail ->> 'name' = '127.0.0.1:1'`)

	// Rows that wait for an account that is gone are told of.
	h.insertFor("gone", "GONE-1")
	if accounts, err := st.Accounts(t.Context()); err != nil || len(accounts) != 2 || accounts[1].Text() != "no worker is configured with it; invoices that wait: 1" {
		t.Errorf("%+v, %v", accounts, err)
	}
}

// Whatever rows there are, each sample is shown once; what cannot be asked hides nothing else.
func TestMetricsStandHostileRows(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	reg := prometheus.NewRegistry()
	w := h.start(func(c *worker.Config) { c.Registry = reg })
	h.until("the worker is accepted", `SELECT accepted IS NOT NULL FROM chorus.accounts WHERE name = 'default'`)
	h.exec(`INSERT INTO chorus.breakers (key, scope, name, state, since)
	        SELECT 'hostile/' || n, 'portal', E'twice"\\\n{}', CASE WHEN n = 1 THEN 'open' ELSE 'closed' END, CASE WHEN n = 1 THEN now() END FROM generate_series(1, 3) n`)
	h.exec(`INSERT INTO chorus.configured (kind, key, seen_at) SELECT 'breaker', 'hostile/' || n, now() + interval '1 hour' FROM generate_series(1, 3) n`)
	h.exec(`UPDATE chorus.configured SET seen_at = now() + interval '1 hour'`)
	page := h.metrics(w, reg)
	if n := strings.Count(page, "choriste_breaker_open{name=\"twice"); n != 1 || !strings.Contains(page, `scope="portal"} 1`) {
		t.Errorf("%d samples of the row that stands three times:\n%s", n, page)
	}
	h.exec(`ALTER TABLE chorus.findings RENAME TO elsewhere`)
	page = h.metrics(w, reg)
	for _, want := range []string{`choriste_invoices{state="ready"} 0`, `choriste_breaker_open{name="default",scope="application"} 0`, "choriste_account_paused"} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is hidden:\n%s", want, page)
		}
	}
	if page = h.metrics(w, reg); strings.Contains(page, `promhttp_metric_handler_errors_total{cause="gathering"} 0`) || !strings.Contains(page, "promhttp_metric_handler_errors_total") {
		t.Errorf("the error is not counted:\n%s", page)
	}
}
