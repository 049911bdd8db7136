package worker_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
	"github.com/choriste/choriste/worker"
)

// A machine is taken back with all that its memory held: the database and the worker that runs go back together, and neither knows of anything that is missing. When its
// clock is put right, the portal is asked before anything is sent.
func TestAMachineIsTakenBackWithItsMemory(t *testing.T) {
	t.Parallel()
	s := newSite(t, &chorustest.Config{AcceptDuplicates: true}, nil)
	clock, err := storetest.NewClock(t.Context(), s.db.URL)
	s.must(err)
	defer clock.Close()
	s.db.Pool.Reset()
	people := func() *store.Store { return store.New(s.db.Pool) }
	w := s.start(func(c *worker.Config) { c.Settings.SyncEvery = time.Hour }) // whose feed may tell first
	s.await(s.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Deposited, store.Integrated, store.Settled)
	s.must(people().SetPaused(t.Context(), "default", true, "to hold them"))
	var ids []int64
	var numbers []string
	for k := range 3 {
		numbers = append(numbers, fmt.Sprintf("SNAP-%d", k))
		ids = append(ids, s.insert(invoicetest.Invoice{Numero: numbers[k]}.UBL()))
	}
	for _, id := range ids {
		s.await(id, store.Ready)
	}
	copied(s)
	s.db.Pool.Reset()
	s.until("the worker beats", `SELECT max(beat_at) > clock_timestamp() - interval '2 seconds' FROM chorus.heartbeats`)
	memory := worker.Memory(w).Get()
	s.must(people().SetPaused(t.Context(), "default", false, ""))
	for _, id := range ids {
		s.await(id, store.Deposited, store.Integrated, store.Settled)
	}
	s.must(s.cluster.PutBack(t.Context(), s.backup(), func(string) error {
		worker.Memory(w).Set(memory)
		return nil
	}))
	s.db.Pool.Reset()
	s.exec(s.db.URL, `SELECT setval('virtual.elapsed', 600000)`) // ten minutes
	s.must(people().SetPaused(t.Context(), "default", false, ""))
	s.until("the portal is asked", `SELECT compare_asked_at > clock_timestamp() - interval '5 minutes' FROM chorus.accounts`)
	for _, id := range ids {
		s.await(id, store.Deposited, store.Integrated, store.Settled)
	}
	s.once(numbers...)
}

// Where the account may not search, a file outside of the database vouches for it only if it reaches to the last heartbeat: an old one is no better than none.
func TestAnOldFileVouchesForNothing(t *testing.T) {
	all := represented(t, "the file that was kept", "an older file")
	for name, c := range map[string]struct {
		file  string // a or b; "": none
		back  bool   // the database is taken back
		waits bool   // for a person
	}{
		"nothing was taken back": {"b", false, false},
		"the file that was kept": {"b", true, false},
		"an older file":          {"a", true, true},
		"no file":                {"", true, true},
	} {
		if !all.runs(name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, &chorustest.Config{AcceptDuplicates: true}, nil)
			dirs := map[string]string{"a": t.TempDir(), "b": t.TempDir(), "": ""}
			in := func(dir string) func(*worker.Config) { return func(w *worker.Config) { w.StateDir = dirs[dir] } }
			people := store.New(s.db.Pool)
			const paused = `SELECT coalesce(pause_reason LIKE 'NOT_VOUCHED: %', false) FROM chorus.accounts`
			s.sim.Faults(chorustest.Fault{Op: "rechercher/fournisseur", Kind: "not_entitled", Times: -1})
			stop := s.run(in("a"))
			s.await(s.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Deposited)
			stop()
			time.Sleep(6 * time.Second)
			stop = s.run(in("b"))
			s.until("it is paused", paused)
			s.must(people.SetPaused(t.Context(), "default", false, ""))
			s.await(s.insert(invoicetest.Invoice{Numero: "MIDDLE"}.UBL()), store.Deposited)
			time.Sleep(6 * time.Second)
			stop()
			id := s.insert(invoicetest.Invoice{Numero: "FORGOTTEN"}.UBL())
			if c.back {
				copied(s)
				s.db.Pool.Reset()
				stop = s.run(in("b"))
				s.await(id, store.Deposited)
				stop()
				putBack(s)
				s.db.Pool.Reset()
			}
			s.start(in(c.file))
			switch {
			case c.waits:
				s.until("it is paused", paused)
				s.quarantined()
			case c.back:
				s.await(id, store.InDoubt)
				s.quarantined(store.WitnessState)
			default:
				s.await(id, store.Deposited)
				s.quarantined()
			}
			s.once("FORGOTTEN")
		})
	}
}

// A database that is new, in a directory that tells of another one from which the same account was served, is no first start: somebody vouches for what was sent, the
// portal or a person.
func TestANewDatabaseOfAnAccountThatWasServed(t *testing.T) {
	t.Parallel()
	s := newSite(t, &chorustest.Config{AcceptDuplicates: true}, nil)
	outside := func(c *worker.Config) { c.StateDir = s.dir }
	document := invoicetest.Invoice{Numero: "AGAIN"}.UBL()
	s.sim.Faults(chorustest.Fault{Op: "rechercher/fournisseur", Kind: "not_entitled", Times: -1})
	stop := s.run(outside)
	s.await(s.insert(document), store.Deposited)
	stop()
	s.db.Pool.Reset()
	s.admin(`DROP DATABASE `+siteDatabase+` WITH (FORCE)`, `CREATE DATABASE `+siteDatabase)
	s.must(migrations.Up(t.Context(), s.cluster.URL(siteDatabase), nil))
	s.db.Pool.Reset()
	s.insert(document)
	s.start(outside)
	s.until("it is paused, or sent", `SELECT coalesce(pause_reason LIKE 'NOT_VOUCHED: %', false) OR EXISTS (SELECT FROM chorus.attempts) FROM chorus.accounts`)
	s.once("AGAIN")
	s.quarantined()
}

// PostgreSQL is away for a while, and the account may not search. A worker that ran all the time remembers what it had committed, and vouches for the database; one that comes
// later, with nothing that was kept outside, does not, and says for how long.
func TestAWorkerThatRanVouchesForTheDatabase(t *testing.T) {
	t.Parallel()
	s := newSite(t, &chorustest.Config{AcceptDuplicates: true}, nil)
	s.sim.Faults(chorustest.Fault{Op: "rechercher/fournisseur", Kind: "not_entitled", Times: -1})
	stop := s.run()
	s.await(s.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Deposited)
	s.must(s.cluster.Shutdown())
	time.Sleep(33 * time.Second)
	s.must(s.cluster.Restart(t.Context()))
	s.db.Pool.Reset()
	s.until("nobody has beaten for long, and that is noticed", `SELECT compare_asked_at > (SELECT min(at) FROM chorus.events) + interval '30 seconds' FROM chorus.accounts`)
	s.await(s.insert(invoicetest.Invoice{Numero: "AFTER"}.UBL()), store.Deposited)
	stop()
	s.start()
	s.until("a person is asked", `SELECT pause_reason LIKE 'NOT_VOUCHED: no worker vouches for the %s before 20%' FROM chorus.accounts`)
	s.until("in French, too", `SELECT bool_or(cause_fr LIKE '%aucun worker ne répond de la base pour les %s avant le 20%') FROM chorus.todo`)
	s.quarantined()
}
