package worker_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/worker"
)

// Searches that give no answer for long leave every request accepted, no breaker open and the worker ready. The age of the last good reading says so, and a line of
// the morning round: what the portal does, who must act and when. It goes with the first reading that ends.
func TestSearchesThatGiveNoAnswerAreSeen(t *testing.T) {
	t.Parallel()
	all := represented(t, "nothing", "403")
	for _, c := range []struct {
		name string
		sick chorustest.Fault
		who  string
		says string
		fr   string
		ends bool // when nothing is to be done before
	}{
		{"a page", chorustest.Fault{Kind: "html_200"}, operate.Portal, "cannot be used", "inutilisables", true},
		{"nothing", chorustest.Fault{Kind: "drop_before_commit"}, operate.Portal, "no answer", "sans réponse", true},
		{"403", chorustest.Fault{Kind: "403"}, operate.Operator, "403", "403", false},
		{"no right", chorustest.Fault{Kind: "not_entitled"}, operate.Supplier, "Factures émises", "Factures émises", false},
	} {
		if !all.runs(c.name) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, &chorustest.Config{Step: -1})
			reg := prometheus.NewRegistry()
			var w *worker.Worker
			_, pass := h.oldOf("UNREAD-1", func(change ...func(*worker.Config)) { w = h.start(change...) }, func(cfg *worker.Config) { cfg.Registry = reg })
			h.until("the worker has said its delays", `SELECT bool_or(unread_after = interval '10 minutes') FROM chorus.heartbeats`)
			age := func() float64 {
				t.Helper()
				found := regexp.MustCompile(`choriste_feed_age_seconds\{account="default",supplier="99999999800012"\} (\S+)`).FindStringSubmatch(h.metrics(w, reg))
				if found == nil {
					t.Fatal("the age of the reading is not among the metrics")
				}
				n, err := strconv.ParseFloat(found[1], 64)
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
			lines := func() []operate.Todo {
				t.Helper()
				list, err := operate.Todos(t.Context(), h.db.Pool, operate.TodoFilter{Kind: "unread"})
				if err != nil {
					t.Fatal(err)
				}
				return list
			}
			if n := age(); n > 120 {
				t.Errorf("the feed is read, and its age is %v s", n)
			}
			c.sick.Op, c.sick.Times = "rechercher/fournisseur", -1
			h.sim.Faults(c.sick)
			for range 5 {
				pass(time.Minute)
			}
			if l := lines(); len(l) != 0 {
				t.Errorf("after five minutes already: %+v", l)
			}
			for range 10 {
				pass(time.Minute)
			}
			if n := age(); n < 14*60 {
				t.Errorf("nothing was read for 15 minutes, and the age is %v s", n)
			}
			h.until("there is a line", `SELECT count(*) = 1 FROM chorus.todo WHERE kind = 'unread'`)
			l := lines()
			if len(l) != 1 {
				t.Fatalf("%d lines after 15 minutes: %+v", len(l), l)
			}
			if !strings.Contains(l[0].Cause, c.says) || !strings.Contains(l[0].CauseFR, c.fr) || !strings.Contains(l[0].Cause, "99999999800012") || l[0].Who != c.who ||
				l[0].Next != "choriste doctor" || (l[0].Until != nil) != c.ends || *l[0].Account != "default" {
				t.Errorf("it says %+v", l[0])
			}
			if n := one[int](h, `SELECT count(*) FROM chorus.breakers WHERE state <> 'closed'`); n != 0 {
				t.Errorf("%d breakers are open: this is about searches that alone fail", n)
			}
			h.sim.ClearFaults()
			pass(2 * time.Minute)
			h.until("it is read again, and the line is gone", `SELECT count(*) = 0 FROM chorus.todo WHERE kind = 'unread'`)
		})
	}
}

// A portal that is at fault for longer than the horizon is somebody's to report; what another line says already is not said twice.
func TestWhatIsNotReadForTooLong(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{Step: -1})
	line := func(set string) (who string, until *time.Time) {
		t.Helper()
		tx, err := h.owner().Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(t.Context()) }()
		if _, err := tx.Exec(t.Context(), `
			INSERT INTO chorus.invoices (external_ref, document) VALUES ('A', 'x');
			SET LOCAL session_replication_role = replica;
			UPDATE chorus.invoices SET state = 'deposited', fournisseur_siret = '99999999800012';
			INSERT INTO chorus.accounts (name) VALUES ('default') ON CONFLICT DO NOTHING;
			UPDATE chorus.accounts SET behind = '{portal/p}';
			INSERT INTO chorus.heartbeats (worker, started_at, horizon, unread_after) VALUES ('w', now() - interval '1 day', '4 hours', '10 minutes');
			INSERT INTO chorus.structures (account, id_structure_cpp, identifiant, synced_at, sync_expected_at, sync_fault)
			VALUES ('default', 1, '99999999800012', now() - interval '5 hours', now() - interval '5 hours', 'portal');
			`+set); err != nil {
			t.Fatal(err)
		}
		err = tx.QueryRow(t.Context(), `SELECT coalesce(max(who), ''), max(until) FROM chorus.todo WHERE kind = 'unread'`).Scan(&who, &until)
		if err != nil {
			t.Fatal(err)
		}
		return who, until
	}
	for _, c := range []struct{ name, set, who string }{
		{"five hours", ``, operate.Operator},
		{"an hour", `UPDATE chorus.structures SET synced_at = now() - interval '1 hour', sync_expected_at = now() - interval '1 hour'`, operate.Portal},
		{"it was not due before", `UPDATE chorus.structures SET sync_fault = NULL, sync_expected_at = now() - interval '1 minute'`, ""},
		{"no reading ends", `UPDATE chorus.structures SET sync_fault = NULL`, operate.Operator},
		{"nothing is open", `UPDATE chorus.invoices SET state = 'settled', identifiant_facture_cpp = 1`, ""},
		{"one is integrated", `UPDATE chorus.invoices SET state = 'integrated', identifiant_facture_cpp = 1, statut_courant_date = now()`, operate.Operator},
		{"the account is paused", `UPDATE chorus.accounts SET paused_at = now()`, ""},
		{"its portal has an outage", `INSERT INTO chorus.breakers (key, scope, name, state, since, announced, fault) VALUES ('portal/p', 'portal', 'p', 'open', now(), true, 'network')`, ""},
		{"another portal has", `INSERT INTO chorus.breakers (key, scope, name, state, since, announced, fault) VALUES ('portal/q', 'portal', 'q', 'open', now(), true, 'network')`, operate.Operator},
		{"it is closed as announced", `INSERT INTO chorus.maintenance VALUES (now() - interval '1 minute', now() + interval '1 hour', 'running')`, ""},
		{"the fleet has just started", `UPDATE chorus.heartbeats SET started_at = now() - interval '1 minute'`, ""},
		{"no worker is alive", `UPDATE chorus.heartbeats SET beat_at = now() - interval '1 hour'`, ""},
	} {
		if who, until := line(c.set); who != c.who || (until != nil) != (c.who == operate.Portal) {
			t.Errorf("%s: %q must act, until %v; wanted %q", c.name, who, until, c.who)
		}
	}
}
