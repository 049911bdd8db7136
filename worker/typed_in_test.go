package worker_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
	"github.com/choriste/choriste/worker"
)

// What somebody else deposits by flux while an account is paused is no rewind when it goes on, and what was typed in is looked at.
func TestOthersDepositDuringAPause(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
	h.start(h.told(func(_, _ []byte) []byte { time.Sleep(300 * time.Millisecond); return nil }))
	h.await(h.insert(invoicetest.Invoice{Numero: "SEEN"}.UBL()), store.Integrated, store.Settled)
	h.exec(`SELECT chorus.pause('default', 'for hours')`)
	typed, fresh := h.insert(invoicetest.Invoice{Numero: "TYPED"}.UBL()), h.insert(invoicetest.Invoice{Numero: "FRESH"}.UBL())
	h.await(typed, store.Ready)
	h.await(fresh, store.Ready)
	facts := h.sim.Deposits("SEEN")[0].Facts
	facts.Numero = "TYPED"
	if _, err := h.sim.TypeIn(facts); err != nil {
		t.Fatal(err)
	}
	other := &house{t: t, db: storetest.New(t), sim: h.sim}
	stop := other.run()
	other.await(other.insert(invoicetest.Invoice{Numero: "THEIRS"}.UBL()), store.Integrated, store.Settled)
	stop()
	h.exec(`UPDATE chorus.accounts SET paused_at = paused_at - interval '2 minutes'`)
	h.exec(`SELECT chorus.pause('default', NULL)`)
	h.await(typed, store.Integrated, store.Settled)
	h.await(fresh, store.Integrated, store.Settled)
	if n := len(h.sim.Deposits("TYPED")); n != 0 {
		t.Errorf("what was typed in was deposited %d times", n)
	}
	if n := h.count(`SELECT quarantines FROM chorus.installation`); n != 0 {
		t.Errorf("%d quarantines", n)
	}
}

// During an outage of the API the portal itself may well be there, and people type in what is urgent.
func TestTypedInDuringAnOutage(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
	h.start(h.told(func(_, _ []byte) []byte { time.Sleep(300 * time.Millisecond); return nil }))
	h.await(h.insert(invoicetest.Invoice{Numero: "SEEN"}.UBL()), store.Integrated, store.Settled)
	h.sim.Faults(chorustest.Fault{Kind: "503", Op: "*", Times: -1})
	first := h.insert(invoicetest.Invoice{Numero: "FIRST"}.UBL())
	h.until("the outage is announced", `SELECT count(*) > 0 FROM chorus.breakers WHERE state = 'open' AND announced`)
	typed := h.insert(invoicetest.Invoice{Numero: "TYPED"}.UBL())
	h.await(typed, store.Ready)
	facts := h.sim.Deposits("SEEN")[0].Facts
	facts.Numero = "TYPED"
	if _, err := h.sim.TypeIn(facts); err != nil {
		t.Fatal(err)
	}
	h.sim.ClearFaults()
	h.await(typed, store.Integrated, store.Settled)
	h.await(first, store.Integrated, store.Settled)
	if n := len(h.sim.Deposits("TYPED")); n != 0 {
		t.Errorf("what was typed in was deposited %d times", n)
	}
}

// Where the account may not search, nobody can look: it goes on as before the pause.
func TestAPauseOfAnAccountThatMayNotSearch(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	h.await(h.insert(invoicetest.Invoice{Numero: "SEEN"}.UBL()), store.Integrated, store.Settled)
	h.exec(`SELECT chorus.pause('default', 'for hours')`)
	h.sim.Faults(chorustest.Fault{Kind: "not_entitled", Op: "rechercher/fournisseur", Times: -1})
	h.exec(`UPDATE chorus.accounts SET paused_at = paused_at - interval '2 minutes', can_search = NULL`)
	h.exec(`SELECT chorus.pause('default', NULL)`)
	h.await(h.insert(invoicetest.Invoice{Numero: "NEXT"}.UBL()), store.Deposited)
	if n := h.count(`SELECT count(*) FROM chorus.accounts WHERE paused_at IS NOT NULL`); n != 0 {
		t.Error("it is paused again")
	}
}

// What waits for its day may be typed in before: the feed of its supplier is read, though nothing else of it is open.
func TestTypedInBeforeItsDay(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
	other := &house{t: t, db: storetest.New(t), sim: h.sim}
	stop := other.run()
	other.await(other.insert(invoicetest.Invoice{Numero: "SEEN"}.UBL()), store.Integrated, store.Settled)
	stop()
	h.start(func(c *worker.Config) { c.Settings.SyncEvery = 500 * time.Millisecond }) // half a minute at rest
	h.until("nothing is open", `SELECT count(*) > 0 FROM chorus.structures WHERE identifiant = '99999999800012' AND resting`)
	var id int64
	soon := time.Now().Add(6 * time.Second)
	if err := h.app().QueryRow(t.Context(), `INSERT INTO chorus.invoices (document, not_before) VALUES ($1, $2) RETURNING id`, invoicetest.Invoice{Numero: "TYPED"}.UBL(), soon).Scan(&id); err != nil {
		t.Fatal(err)
	}
	h.await(id, store.Ready)
	time.Sleep(time.Second)
	facts := h.sim.Deposits("SEEN")[0].Facts
	facts.Numero = "TYPED"
	if _, err := h.sim.TypeIn(facts); err != nil {
		t.Fatal(err)
	}
	h.await(id, store.Integrated, store.Settled)
	if n := len(h.sim.Deposits("TYPED")); n != 0 {
		t.Errorf("what was typed in was deposited %d times", n)
	}
}

// Nothing is sent while the portal is closed, or while no worker is configured with the account: then people type in, too.
func TestTypedInWhileNobodyCouldSend(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]struct {
		stop, goOn string
		gone       bool
	}{
		"closed":  {stop: `INSERT INTO chorus.maintenance VALUES (clock_timestamp(), clock_timestamp() + interval '1 day')`, goOn: `DELETE FROM chorus.maintenance`},
		"no more": {gone: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
			var accounts []worker.Account
			w := h.start(h.told(func(_, _ []byte) []byte { time.Sleep(300 * time.Millisecond); return nil }), func(c *worker.Config) { accounts = c.Accounts })
			set := func(a ...worker.Account) {
				if err := w.SetAccounts(a); err != nil {
					t.Fatal(err)
				}
			}
			h.await(h.insert(invoicetest.Invoice{Numero: "SEEN"}.UBL()), store.Integrated, store.Settled)
			h.until("the worker has said that it can send", `SELECT count(*) > 0 FROM chorus.able`)
			if of.gone {
				other := accounts[0]
				other.Name = "other"
				set(other)
			} else {
				h.exec(of.stop)
			}
			typed, fresh := h.insert(invoicetest.Invoice{Numero: "TYPED"}.UBL()), h.insert(invoicetest.Invoice{Numero: "FRESH"}.UBL())
			facts := h.sim.Deposits("SEEN")[0].Facts
			facts.Numero = "TYPED"
			if _, err := h.sim.TypeIn(facts); err != nil {
				t.Fatal(err)
			}
			h.exec(`UPDATE chorus.able SET said_at = clock_timestamp() - interval '2 minutes' WHERE account = 'default'`)
			if of.gone {
				set(accounts...)
			} else {
				h.exec(of.goOn)
			}
			h.await(typed, store.Integrated, store.Settled)
			h.await(fresh, store.Integrated, store.Settled)
			if n := len(h.sim.Deposits("TYPED")); n != 0 {
				t.Errorf("what was typed in was deposited %d times", n)
			}
			if n := h.count(`SELECT quarantines FROM chorus.installation`); n != 0 {
				t.Errorf("%d quarantines", n)
			}
		})
	}
}

// One row that Chorus Pro does not name would have all deposits wait for ever. A person is asked instead, and his word counts.
func TestAListThatNeverAddsUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start(func(c *worker.Config) { c.Settings.ResolveAfter = 50 * time.Millisecond })
	h.await(h.insert(invoicetest.Invoice{Numero: "SEEN"}.UBL()), store.Integrated, store.Settled)
	h.exec(`SELECT chorus.pause('default', 'for hours')`)
	h.sim.Faults(chorustest.Fault{Kind: "short_page", Op: "rechercher/fournisseur", Times: -1})
	h.exec(`UPDATE chorus.accounts SET paused_at = paused_at - interval '2 minutes'`)
	h.exec(`UPDATE chorus.able SET said_at = said_at - interval '2 minutes'`)
	h.exec(`SELECT chorus.pause('default', NULL)`)
	id := h.insert(invoicetest.Invoice{Numero: "NEXT"}.UBL())
	h.until("a person is asked", `SELECT pause_reason LIKE 'NOT_VOUCHED: what Chorus Pro lists%' FROM chorus.accounts`)
	if n := h.count(`SELECT count(*) FROM chorus.todo WHERE kind = 'account' AND cause_fr LIKE '%incohérente%'`); n != 1 {
		t.Error("nobody is asked in French")
	}
	h.await(id, store.Ready)
	h.exec(`UPDATE chorus.able SET said_at = said_at - interval '2 minutes'`)
	h.exec(`SELECT chorus.pause('default', NULL)`)
	h.await(id, store.Deposited)
}

// Chorus Pro refuses a flux, and somebody deposits the invoice by another program. The feed has told of that: at the next start it is no rewind.
func TestAnotherProgramDepositsWhatWasRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
	stop := h.run()
	h.await(h.insert(invoicetest.Invoice{Numero: "SEEN"}.UBL()), store.Integrated, store.Settled)
	h.sim.Faults(chorustest.Fault{Kind: "commit_then_reject", Numero: "REFUSED"})
	h.await(h.insert(invoicetest.Invoice{Numero: "REFUSED"}.UBL()), store.Rejected)
	other := &house{t: t, db: storetest.New(t), sim: h.sim}
	end := other.run()
	other.await(other.insert(invoicetest.Invoice{Numero: "REFUSED"}.UBL()), store.Integrated, store.Settled)
	end()
	h.until("a worker has beaten since it was shown", `SELECT (SELECT max(beat_at) FROM chorus.heartbeats) > (SELECT max(first_seen_at) FROM chorus.strangers)`)
	stop()
	h.start()
	h.await(h.insert(invoicetest.Invoice{Numero: "NEXT"}.UBL()), store.Deposited, store.Integrated, store.Settled)
	if n := h.count(`SELECT quarantines FROM chorus.installation`); n != 0 {
		t.Errorf("%d quarantines", n)
	}
}

// A file that a person uploads at the portal makes a flux, too. While no worker ran that is no rewind, and what waits here under its number is looked up; but
// where Chorus Pro names our own deposits so, or has shown none yet, it may be ours.
func TestUploadedWhileNoWorkerRan(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]struct {
		ours        string
		quarantines int
	}{"by hand": {"UPLOAD_API", 0}, "as ours": {"UPLOAD_PORTAIL", 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, &chorustest.Config{AcceptDuplicates: true})
			stop := h.run()
			h.await(h.insert(invoicetest.Invoice{Numero: "SEEN"}.UBL()), store.Integrated, store.Settled)
			stop()
			h.drift(`UPDATE chorus.invoices SET mode_depot = '` + of.ours + `' WHERE mode_depot = 'UPLOAD_API'`)
			waits := h.insert(invoicetest.Invoice{Numero: "WAITS"}.UBL())
			facts := h.sim.Deposits("SEEN")[0].Facts
			for k, numero := range []string{"WAITS", "ALONE"} {
				facts.Numero = numero
				if _, err := h.sim.TypeIn(facts); err != nil {
					t.Fatal(err)
				}
				h.edit(numero, fmt.Sprintf(`{"numeroFluxDepot":"CPP001110600000000000000%d","modeDepot":"UPLOAD_PORTAIL"}`, k))
			}
			h.start()
			h.await(waits, store.Integrated, store.Settled)
			if of.quarantines > 0 { // the feed may have been first with what waits
				h.until("the comparison is over", `SELECT quarantines > 0 FROM chorus.installation`)
			} else {
				h.await(h.insert(invoicetest.Invoice{Numero: "NEXT"}.UBL()), store.Deposited, store.Integrated, store.Settled)
			}
			if n := len(h.sim.Deposits("WAITS")); n != 0 {
				t.Errorf("what was uploaded was deposited %d times", n)
			}
			if n := h.count(`SELECT quarantines FROM chorus.installation`); n != of.quarantines {
				t.Errorf("%d quarantines, want %d", n, of.quarantines)
			}
		})
	}
}
