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
	"github.com/choriste/choriste/worker"
)

// insertNorth inserts for the account north, as the owner, who sees all.
func (s *site) insertNorth(numero string) (id int64) {
	s.t.Helper()
	s.must(s.db.Pool.QueryRow(s.t.Context(), `INSERT INTO chorus.invoices (account, document) VALUES ('north', $1) RETURNING id`,
		invoicetest.Invoice{Numero: numero}.UBL()).Scan(&id))
	return id
}

// Of two accounts one was sending while the other one's invoices waited. After the restore neither sends anything twice, and both go on.
func TestARestoreWhileOneOfSeveralAccountsWasSending(t *testing.T) {
	all := represented(t, "a copy of the data directory")
	for _, r := range []rewind{rewinds[0], rewinds[3]} {
		if !all.runs(r.name) {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			north := chorustest.Account{Login: "TECH_NORTH@cpro.fr", Password: "right"}
			s := newSite(t, &chorustest.Config{AcceptDuplicates: true, Accounts: []chorustest.Account{chorustest.DefaultAccount, north}}, nil)
			both := func(c *worker.Config) {
				c.Accounts = []worker.Account{s.standard(chorustest.DefaultAccount.Password), s.account("north", north.Login, "right")}
			}
			people := store.New(s.db.Pool)
			stop := s.run(both)
			s.await(s.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Deposited, store.Integrated, store.Settled)
			stop()
			s.must(people.SetPaused(t.Context(), "north", true, "holiday"))
			var sent, idle []int64
			var numeros []string
			for k := range 3 {
				numeros = append(numeros, fmt.Sprintf("SENT-%d", k), fmt.Sprintf("IDLE-%d", k))
				sent = append(sent, s.insert(invoicetest.Invoice{Numero: numeros[2*k]}.UBL()))
				idle = append(idle, s.insertNorth(numeros[2*k+1]))
			}
			r.prepare(s)
			s.db.Pool.Reset()
			stop = s.run(both)
			for _, id := range sent {
				s.await(id, store.Deposited, store.Integrated, store.Settled)
			}
			stop()
			r.happens(s)
			s.db.Pool.Reset()
			s.must(people.SetPaused(t.Context(), "north", false, ""))
			s.start(both)
			s.until("both say that they are looked up first", `
				SELECT count(*) = 2 FROM (SELECT account FROM chorus.events e JOIN chorus.invoices i ON i.id = e.invoice_id
				                          WHERE e.reason_code = 'QUARANTINE' AND e.to_state = 'in_doubt' GROUP BY 1) x`)
			for _, id := range append(sent, idle...) {
				s.await(id, store.Deposited, store.Integrated, store.Settled)
			}
			s.once(numeros...)
			s.quarantined(r.witness)
			s.await(s.insertNorth("NORTH-LATER"), store.Deposited, store.Integrated, store.Settled)
			s.await(s.insert(invoicetest.Invoice{Numero: "LATER"}.UBL()), store.Deposited, store.Integrated, store.Settled)
		})
	}
}

// An account that may not search cannot be told whether the database was restored. Nothing is sent for it until a person has said so, which everybody is told
// who asks; given the right meanwhile, it is compared after all, and finds what was forgotten.
func TestARestoreOfAnAccountThatMayNotSearch(t *testing.T) {
	for name, c := range map[string]struct {
		rewind
		granted bool // the right, before a person says that the account may go on
	}{
		"a person resumes it, the right is granted": {rewinds[3], true},
		"a person resumes it, and answers for it":   {rewinds[3], false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, &chorustest.Config{AcceptDuplicates: true}, nil)
			slow := func(w *worker.Config) { w.Settings.SyncEvery = time.Hour } // whose feed would tell, too
			stop := s.run(slow)
			s.await(s.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Deposited, store.Integrated, store.Settled)
			stop()
			id := s.insert(invoicetest.Invoice{Numero: "FORGOTTEN"}.UBL())
			c.prepare(s)
			s.db.Pool.Reset()
			if c.granted {
				stop = s.run(slow)
				s.await(id, store.Deposited, store.Integrated, store.Settled)
				stop()
			}
			c.happens(s)
			s.db.Pool.Reset()
			s.sim.Faults(chorustest.Fault{Op: "rechercher/fournisseur", Kind: "not_entitled", Times: -1})
			w := s.start(slow)
			s.until("it is paused", `SELECT pause_reason LIKE 'NOT_VOUCHED: %' FROM chorus.accounts`)
			s.await(id, store.Ready)

			s.says(w, "a person must say whether the database was restored")
			s.sim.ClearFaults()
			if !c.granted {
				s.sim.Faults(chorustest.Fault{Op: "rechercher/fournisseur", Kind: "not_entitled", Times: -1})
			}
			s.must(store.New(s.db.Pool).SetPaused(t.Context(), "default", false, ""))
			s.await(id, store.Deposited, store.Integrated, store.Settled)
			s.once("FORGOTTEN")
			if c.granted {
				s.quarantined(store.WitnessPortal)
			} else {
				s.quarantined()
			}
		})
	}
}

// A restore that was noticed puts in doubt what may have been sent. Where the account may not search, it stays there, which is said, and nobody's word but
// the portal's sends it again.
func TestAQuarantineOfAnAccountThatMayNotSearch(t *testing.T) {
	t.Parallel()
	s := newSite(t, &chorustest.Config{AcceptDuplicates: true}, nil)
	stop := s.run()
	s.await(s.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Deposited, store.Integrated, store.Settled)
	stop()
	id := s.insert(invoicetest.Invoice{Numero: "FORGOTTEN"}.UBL())
	dumped(s)
	s.db.Pool.Reset()
	stop = s.run()
	s.await(id, store.Deposited, store.Integrated, store.Settled)
	stop()
	rewinds[0].happens(s)
	s.db.Pool.Reset()
	s.sim.Faults(chorustest.Fault{Op: "rechercher/fournisseur", Kind: "not_entitled", Times: -1})
	s.start()
	s.until("todo says that nobody can look", `
		SELECT cause LIKE 'QUARANTINE: %does not let this account look for it' AND who = 'supplier' FROM chorus.todo WHERE invoice = $1`, id)
	s.until("it is long past the horizon", `SELECT in_doubt_since < clock_timestamp() - interval '6 seconds' FROM chorus.invoices WHERE id = $1`, id)
	s.await(id, store.InDoubt)
	s.sim.ClearFaults()
	s.await(id, store.Deposited, store.Integrated, store.Settled)
	s.once("FORGOTTEN")
}

// An account that is not attached to the supplier any more is shown nothing of it, without a word. That proves nothing: neither that the database was not taken
// back, nor that what is in doubt is not there.
func TestWhatAnAccountIsNotShownIsNotAbsent(t *testing.T) {
	for name, r := range map[string]rewind{"noticed by the database": rewinds[0], "noticed by nobody": rewinds[3]} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, &chorustest.Config{AcceptDuplicates: true}, nil)
			sees := func(structures ...string) {
				s.must(s.sim.SetAccount(chorustest.DefaultAccount.Login, func(a *chorustest.Account) { a.Structures = structures }))
			}
			stop := s.run()
			s.await(s.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Deposited, store.Integrated, store.Settled)
			stop()
			id := s.insert(invoicetest.Invoice{Numero: "FORGOTTEN"}.UBL())
			r.prepare(s)
			s.db.Pool.Reset()
			stop = s.run()
			s.await(id, store.Deposited, store.Integrated, store.Settled)
			stop()
			r.happens(s)
			s.db.Pool.Reset()
			s.exec(s.db.URL, `UPDATE chorus.accounts SET next_at = '-infinity'`) // the structures are listed anew
			sees("11111111100011")
			s.start()
			s.until("it waits for a person, or is long past the horizon, or was sent again", `
				SELECT state IN ('deposited', 'integrated', 'settled') OR (SELECT coalesce(pause_reason LIKE 'NOT_VOUCHED: %', false) FROM chorus.accounts) OR in_doubt_since < clock_timestamp() - interval '8 seconds'
				FROM chorus.invoices WHERE id = $1`, id)
			s.once("FORGOTTEN")
			sees()
			s.exec(s.db.URL, `UPDATE chorus.accounts SET next_at = '-infinity'`)
			s.until("it is attached again", `SELECT count(*) > 1 FROM chorus.structures`)
			s.must(store.New(s.db.Pool).SetPaused(t.Context(), "default", false, ""))
			s.await(id, store.Deposited, store.Integrated, store.Settled)
			s.once("FORGOTTEN")
		})
	}
}

// says checks that /readyz, stats and todo say what the default account waits for.
func (s *site) says(w *worker.Worker, what string) {
	s.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for asked := ""; !strings.Contains(asked, what); time.Sleep(50 * time.Millisecond) {
		r := httptest.NewRecorder()
		w.Handler(prometheus.NewRegistry()).ServeHTTP(r, httptest.NewRequest("GET", "/readyz", nil))
		if asked = r.Body.String(); time.Now().After(deadline) {
			s.t.Fatalf("/readyz says %q", asked)
		}
	}
	accounts, err := store.New(s.db.Pool).Accounts(s.t.Context())
	s.must(err)
	if len(accounts) != 1 || !strings.Contains(accounts[0].Text(), what) {
		s.t.Errorf("stats say %+v", accounts)
	}
	lines, err := operate.Todos(s.t.Context(), s.db.Pool, operate.TodoFilter{Kind: "account"})
	s.must(err)
	if len(lines) != 1 || !strings.Contains(lines[0].Cause, what) || !strings.Contains(lines[0].CauseFR, "restaurée") || lines[0].Who != operate.Operator {
		s.t.Errorf("todo says %+v", lines)
	}
}
