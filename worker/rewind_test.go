package worker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
	"github.com/choriste/choriste/worker"
)

// site is a house on a server of its own, whose database can be taken back.
type site struct {
	*house
	cluster *storetest.Cluster
	standby *storetest.Cluster // see followed
	dir     string             // of the test, where the server may go
}

const siteDatabase = "invoices"

func newSite(t *testing.T, c *chorustest.Config, settings map[string]string) *site {
	t.Helper()
	dir := storetest.TempDir(t)
	prepared, err := preparedSite()
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := storetest.Start(t.Context(), storetest.Options{Dir: filepath.Join(dir, "cluster"), Settings: settings, Like: prepared})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Stop() })
	if c.Step == 0 {
		c.Step = 20 * time.Millisecond
	}
	c.Quota = -1
	s := &site{house: &house{t: t, sim: chorustest.New(t, c)}, cluster: cluster, dir: dir}
	s.at(cluster)
	return s
}

// preparedSite is a server that is shut down, of which every site is a copy: making one and migrating its database takes ten times as long.
var preparedSite = sync.OnceValues(func() (*storetest.Cluster, error) {
	ctx := context.Background()
	cluster, err := storetest.Start(ctx, storetest.Options{InMemory: true}) // ends with the process
	if err != nil {
		return nil, err
	}
	conn, err := pgx.Connect(ctx, cluster.URL(""))
	if err != nil {
		return nil, err
	}
	if _, err = conn.Exec(ctx, `CREATE DATABASE `+siteDatabase); err == nil {
		err = migrations.Up(ctx, cluster.URL(siteDatabase), nil)
	}
	if err == nil {
		_, err = conn.Exec(ctx, `CREATE ROLE w LOGIN PASSWORD 'w' IN ROLE chorus_worker`)
	}
	return cluster, errors.Join(err, conn.Close(ctx), cluster.Shutdown())
})

// at has the house work on a server's database.
func (s *site) at(c *storetest.Cluster) {
	url := c.URL(siteDatabase)
	pool, err := pgxpool.New(context.WithoutCancel(s.t.Context()), url)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(pool.Close)
	login := strings.Replace(url, url[strings.Index(url, "//")+2:strings.Index(url, "@")], "w:w", 1)
	s.db = &storetest.Database{URL: url, WorkerURL: login, AppURL: url, Pool: pool}
}

func (s *site) admin(statements ...string) {
	s.t.Helper()
	s.exec(s.cluster.URL(""), statements...)
}

func (s *site) exec(url string, statements ...string) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), url)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(s.t.Context())) }()
	for _, q := range statements {
		if _, err := conn.Exec(s.t.Context(), q); err != nil {
			s.t.Fatalf("%s: %v", q, err)
		}
	}
}

// rewind is a way in which a database goes back: what is done while the invoices wait, and what is done when they have been sent.
type rewind struct {
	name     string
	settings map[string]string // of the server
	state    bool              // workers keep a file outside
	running  bool              // a worker runs while it happens
	refusing bool              // the portal refuses duplicates
	ahead    bool              // the clock was ahead
	prepare  func(*site)
	happens  func(*site)
	witness  store.Witness
}

func (s *site) backup() string { return filepath.Join(s.dir, "backup") }

func copied(s *site)  { s.must(s.cluster.Copy(s.t.Context(), s.backup())) }
func putBack(s *site) { s.must(s.cluster.PutBack(s.t.Context(), s.backup())) }
func dumped(s *site)  { s.must(storetest.Dump(s.t.Context(), s.db.URL, s.backup())) }

var rewinds = []rewind{
	{
		name: "pg_restore into a new database", witness: store.WitnessIdentity, prepare: dumped,
		happens: func(s *site) {
			s.admin(`DROP DATABASE `+siteDatabase+` WITH (FORCE)`, `CREATE DATABASE `+siteDatabase)
			s.must(storetest.Restore(s.t.Context(), s.db.URL, s.backup()))
		},
	},
	{
		name: "pg_restore --clean in place", refusing: true, witness: store.WitnessIdentity, prepare: dumped,
		happens: func(s *site) {
			s.must(storetest.Restore(s.t.Context(), s.db.URL, s.backup(), "--clean", "--if-exists"))
		},
	},
	{
		name: "pg_restore --clean while a worker runs", running: true, witness: store.WitnessWorker, prepare: dumped,
		happens: func(s *site) {
			var err error
			for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); { // in a deadlock with the worker PostgreSQL may end either; nothing is left of a restore that it ends
				err = storetest.Restore(s.t.Context(), s.db.URL, s.backup(), "--clean", "--if-exists", "--single-transaction")
				if err == nil || !strings.Contains(err.Error(), "deadlock detected") {
					break
				}
			}
			s.must(err)
		},
	},
	{name: "a copy of the data directory", witness: store.WitnessPortal, prepare: copied, happens: putBack},
	{name: "a copy of the data directory, state kept", state: true, witness: store.WitnessState, prepare: copied, happens: putBack},
	{name: "a copy of the data directory while a worker runs", running: true, witness: store.WitnessWorker, prepare: copied, happens: putBack},
	{
		name: "one table's rows", witness: store.WitnessTables,
		prepare: func(s *site) {
			s.must(storetest.Dump(s.t.Context(), s.db.URL, s.backup(), "--data-only", "--table=chorus.invoices"))
		},
		happens: func(s *site) {
			s.exec(s.db.URL, `SET session_replication_role = replica; DELETE FROM chorus.invoices`)
			s.must(storetest.Restore(s.t.Context(), s.db.URL, s.backup(), "--data-only", "--disable-triggers"))
		},
	},
	{
		// At once: a worker that sees the empty table first begins a quarantine for that already.
		name: "one table's rows while a worker runs", running: true, witness: store.WitnessTables, prepare: invoicesBySQL.prepare, happens: invoicesBySQL.happens,
	},
	{
		name: "point-in-time recovery", witness: store.WitnessIdentity,
		settings: map[string]string{"archive_mode": "on", "archive_command": "cp %p ../%f"},
		prepare: func(s *site) {
			copied(s)
			s.admin(`SELECT pg_create_restore_point('before')`)
		},
		happens: func(s *site) {
			var file string
			s.db.Pool.Reset()
			s.must(s.db.Pool.QueryRow(s.t.Context(), `SELECT pg_walfile_name(pg_switch_wal())`).Scan(&file))
			for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
				var done bool
				s.must(s.db.Pool.QueryRow(s.t.Context(), `SELECT coalesce(last_archived_wal >= $1, false) FROM pg_stat_archiver`, file).Scan(&done))
				if done {
					break
				}
				if time.Now().After(deadline) {
					s.t.Fatal("the log is not archived")
				}
			}
			s.must(s.cluster.PutBack(s.t.Context(), s.backup(), storetest.RecoverTo(filepath.Join(s.dir, "cluster"), "before")))
		},
	},
	{
		name: "a standby that lags behind", witness: store.WitnessIdentity, prepare: copied,
		happens: func(s *site) { s.must(s.cluster.PutBack(s.t.Context(), s.backup(), storetest.Promote)) },
	},
	{
		name: "a standby that lags behind, while a worker runs", running: true, witness: store.WitnessWorker, prepare: copied,
		happens: func(s *site) { s.must(s.cluster.PutBack(s.t.Context(), s.backup(), storetest.Promote)) },
	},
	{
		// The clock was ahead while a worker beat, and was put right. What its heartbeat vouches for is still to come.
		name: "pg_restore of a heartbeat that is to come", ahead: true, witness: store.WitnessIdentity,
		prepare: func(s *site) {
			s.exec(s.db.URL, `
				INSERT INTO chorus.heartbeats (worker, beat_at, event_id, event_at)
				SELECT 'gone', clock_timestamp() + interval '2 days', max(id), max(at) FROM chorus.events`)
			dumped(s)
		},
		happens: func(s *site) {
			s.must(storetest.Restore(s.t.Context(), s.db.URL, s.backup(), "--clean", "--if-exists"))
		},
	},
	{name: "migrate, and pg_restore of the rows", witness: store.WitnessTables, prepare: dumped, happens: rowsAlone},
	{name: "migrate, and pg_restore of the rows, state kept", state: true, witness: store.WitnessState, prepare: dumped, happens: rowsAlone},
}

// rowsAlone makes the database anew and puts only the rows into it: its own row of the installation stays.
func rowsAlone(s *site) {
	time.Sleep(6 * time.Second) // a database that is made so soon after the first row is not told from one whose clock was set back
	s.admin(`DROP DATABASE `+siteDatabase+` WITH (FORCE)`, `CREATE DATABASE `+siteDatabase)
	s.must(migrations.Up(s.t.Context(), s.cluster.URL(siteDatabase), nil))
	s.must(storetest.RestoreRows(s.t.Context(), s.db.URL, s.backup()))
}

// invoicesBySQL takes back the rows of one table, as a person does with a copy of it: the numbers that were given since are not given again, so nothing but
// the other tables' rows tells of those that are lost.
var invoicesBySQL = rewind{
	witness: store.WitnessTables,
	prepare: func(s *site) { s.exec(s.db.URL, `CREATE TABLE public.kept AS SELECT * FROM chorus.invoices`) },
	happens: func(s *site) {
		s.exec(s.db.URL, `
			SET session_replication_role = replica;
			DELETE FROM chorus.invoices;
			INSERT INTO chorus.invoices OVERRIDING SYSTEM VALUE SELECT * FROM public.kept`)
	},
}

// Whatever takes a database back, what was sent since is looked up before anything is sent, and found.
func TestNoRewindSendsTwice(t *testing.T) {
	all := represented(t, "pg_restore into a new database", "a copy of the data directory", "a copy of the data directory, state kept", "a copy of the data directory while a worker runs", "one table's rows")
	for _, r := range rewinds {
		if !all.runs(r.name) {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			rewound(t, r)
		})
	}
}

func rewound(t *testing.T, r rewind) {
	s := newSite(t, &chorustest.Config{AcceptDuplicates: !r.refusing}, r.settings)
	var change []func(*worker.Config)
	if r.state {
		change = append(change, func(c *worker.Config) { c.StateDir = s.dir })
	}
	var ids []int64
	for k := range 3 {
		ids = append(ids, s.insert(invoicetest.Invoice{Numero: fmt.Sprintf("BACK-%d", k)}.UBL()))
	}
	r.prepare(s)
	s.db.Pool.Reset()
	stop := s.run(change...)
	for _, id := range ids {
		s.await(id, store.Settled)
	}
	if !r.running {
		stop()
	}
	r.happens(s)
	s.db.Pool.Reset()
	if !r.running {
		s.start(change...)
	}
	for _, id := range ids {
		s.await(id, store.Settled)
	}
	for k := range ids {
		if n := len(s.sim.Deposits(fmt.Sprintf("BACK-%d", k))); n != 1 {
			t.Errorf("BACK-%d was deposited %d times", k, n)
		}
	}
	s.quarantined(r.witness)
	id := s.insert(invoicetest.Invoice{Numero: "FRESH"}.UBL())
	s.await(id, store.Settled)
}

// What was inserted and sent after the backup has no row any more. The application inserts it again when all that the quarantine held is long over: it was
// sent once all the same. What is new, and dated before the restore, is sent without another horizon.
func TestWhatARestoreLostIsInsertedAgainLate(t *testing.T) {
	all := represented(t, "its date tells", "dated ahead, the feed has shown it")
	for name, c := range map[string]struct {
		rewind
		date        time.Time
		feed        time.Duration
		quarantines int
	}{
		"its date tells":                          {rewind: rewinds[0], feed: time.Hour, quarantines: 1},
		"dated ahead, the feed has shown it":      {rewind: rewinds[0], date: time.Now().AddDate(0, 0, 20), feed: 150 * time.Millisecond, quarantines: 1},
		"the invoices alone, by pg_restore":       {rewind: rewinds[6], feed: time.Hour, quarantines: 1},
		"the invoices alone, by SQL":              {rewind: invoicesBySQL, feed: time.Hour, quarantines: 1},
		"the portal alone, the feed has shown it": {rewind: rewind{prepare: copied, happens: putBack}, feed: 150 * time.Millisecond, quarantines: 1},
	} {
		if !all.runs(name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, &chorustest.Config{AcceptDuplicates: true, AcceptFutureDates: true}, nil)
			change := func(w *worker.Config) { w.Settings.SyncEvery = c.feed }
			stop := s.run(change)
			s.await(s.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Deposited, store.Integrated, store.Settled)
			c.prepare(s)
			s.db.Pool.Reset()
			documents := [][]byte{}
			for k := range 3 {
				documents = append(documents, invoicetest.Invoice{Numero: fmt.Sprintf("LOST-%d", k), Date: c.date}.UBL())
				s.await(s.insert(documents[k]), store.Deposited, store.Integrated, store.Settled)
			}
			stop()
			c.happens(s)
			s.db.Pool.Reset()
			s.start(change)
			s.until("the quarantine is long over, and the feed up to date", `
				SELECT quarantines = $1 AND suspect_until < clock_timestamp() AND ($2 OR (SELECT count(*) FROM chorus.strangers WHERE numero_facture LIKE 'LOST-%') = 3)
				FROM chorus.installation`, c.quarantines, c.feed == time.Hour)
			for k, document := range documents {
				s.await(s.insert(document), store.Deposited, store.Integrated, store.Settled)
				if n := len(s.sim.Deposits(fmt.Sprintf("LOST-%d", k))); n != 1 {
					t.Errorf("LOST-%d was deposited %d times", k, n)
				}
			}
			s.await(s.insert(invoicetest.Invoice{Numero: "FRESH"}.UBL()), store.Deposited, store.Integrated, store.Settled)
		})
	}
}

// Nothing waits to be sent but what a person may have sent again: an invoice that is parked, and was resubmitted and accepted after the copy. The portal shows
// it to the comparison, so that nobody's word sends it again.
func TestWhatAPersonHadSentAgainIsARewind(t *testing.T) {
	t.Parallel()
	s := newSite(t, &chorustest.Config{AcceptDuplicates: true}, nil)
	slow := func(c *worker.Config) { c.Settings.SyncEvery = time.Hour } // whose feed would tell, too
	people := store.New(s.db.Pool)
	resubmit := func(id int64) {
		t.Helper()
		_, err := people.ResolveParked(t.Context(), id, store.Resolution{Action: store.ActionResubmit, Reason: "mended"})
		s.must(err)
		s.await(id, store.Deposited, store.Integrated, store.Settled)
	}
	stop := s.run(slow)
	s.await(s.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Deposited, store.Integrated, store.Settled)
	s.must(people.SetPaused(t.Context(), "default", true, "to park it"))
	id := s.insert(invoicetest.Invoice{Numero: "PARKED"}.UBL())
	s.await(id, store.Ready)
	stop()
	s.exec(s.db.URL, fmt.Sprintf(`UPDATE chorus.invoices SET state = 'parked', reason_code = 'POISON' WHERE id = %d`, id))
	s.must(people.SetPaused(t.Context(), "default", false, ""))
	copied(s)
	s.db.Pool.Reset()
	stop = s.run(slow)
	resubmit(id)
	stop()
	putBack(s)
	s.db.Pool.Reset()
	s.start(slow)
	s.until("the quarantine", `SELECT quarantines = 1 FROM chorus.installation`)
	s.quarantined(store.WitnessPortal)
	s.until("it is held", `SELECT state = 'parked' AND lookup_first FROM chorus.invoices WHERE id = $1`, id)
	resubmit(id)
	if n := len(s.sim.Deposits("PARKED")); n != 1 {
		t.Errorf("it was deposited %d times", n)
	}
}

// Whoever may connect may take advisory locks, and stops nothing with them.
func TestAdvisoryLocksStopNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, &chorustest.Config{}, nil)
	s.admin(`CREATE ROLE nobody_special LOGIN PASSWORD 'n'`)
	url := strings.Replace(s.db.WorkerURL, "w:w@", "nobody_special:n@", 1)
	conn, err := pgx.Connect(t.Context(), url)
	s.must(err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	_, err = conn.Exec(t.Context(), `SELECT pg_advisory_lock(820001, k) FROM generate_series(0, 20) k`)
	s.must(err)
	s.start()
	for k := range 3 {
		s.await(s.insert(invoicetest.Invoice{Numero: fmt.Sprintf("LOCK-%d", k)}.UBL()), store.Settled)
	}
	var unnumbered int
	s.must(s.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM chorus.events WHERE seq IS NULL AND at < now() - interval '5 seconds'`).Scan(&unnumbered))
	if unnumbered > 0 {
		t.Errorf("%d events are not announced", unnumbered)
	}
}

// quarantined checks that exactly one quarantine was begun, and who noticed.
func (s *site) quarantined(witnesses ...store.Witness) {
	s.t.Helper()
	rows, err := s.db.Pool.Query(s.t.Context(), `SELECT detail ->> 'witness' FROM chorus.events WHERE reason_code = 'QUARANTINE' AND invoice_id IS NULL ORDER BY id`)
	s.must(err)
	got, err := pgx.CollectRows(rows, pgx.RowTo[store.Witness])
	s.must(err)
	if fmt.Sprint(got) != fmt.Sprint(witnesses) {
		s.t.Errorf("quarantines were noticed by %v, want %v", got, witnesses)
	}
}

// searches counts the searches that the portal was asked for since an entry of its ledger, until it accepted an invoice whose number begins so.
func (s *site) searches(since int, until string) int {
	n := 0
	for _, e := range s.sim.Ledger()[since:] {
		switch {
		case e.Type == "request" && strings.HasSuffix(e.Op, "rechercher/fournisseur"):
			n++
		case e.Type == "accepted" && strings.HasPrefix(e.Facts.Numero, until):
			return n
		}
	}
	return n
}

// A database is moved, and nothing was forgotten: all that waits is sent once its absence is proven, and the proof costs a few calls, however much waits. An
// ordinary restart is no rewind.
func TestARestoreThatForgotNothingIsCheap(t *testing.T) {
	t.Parallel()
	s := newSite(t, &chorustest.Config{AcceptDuplicates: true}, nil)
	slow := func(c *worker.Config) { c.Settings.SyncEvery = time.Hour } // whose feed would ask, too
	stop := s.run(slow)
	s.await(s.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Deposited, store.Integrated, store.Settled)
	stop()

	stop = s.run(slow)
	s.await(s.insert(invoicetest.Invoice{Numero: "AFTER"}.UBL()), store.Deposited, store.Integrated, store.Settled)
	s.quarantined()
	stop()

	var ids []int64
	for k := range 60 {
		ids = append(ids, s.insert(invoicetest.Invoice{Numero: fmt.Sprintf("WAITS-%d", k)}.UBL()))
	}
	dumped(s)
	rewinds[0].happens(s)
	s.db.Pool.Reset()
	mark := len(s.sim.Ledger())
	s.start(slow)
	for _, id := range ids {
		s.await(id, store.Deposited, store.Integrated, store.Settled)
	}
	if n := s.searches(mark, "WAITS"); n < 3 || n > 10 {
		t.Errorf("a restore that forgot nothing cost %d searches", n)
	}
	s.quarantined(store.WitnessIdentity)
	for k := range ids {
		if n := len(s.sim.Deposits(fmt.Sprintf("WAITS-%d", k))); n != 1 {
			t.Errorf("WAITS-%d was deposited %d times", k, n)
		}
	}
}

// While the portal does not tell what it holds, the deposits of the account wait after a start for which no worker was alive; an operator reads why, and they go on
// by themselves. What the file outside is like does not matter to that: lost, garbage, or another installation's, it is said, and neither alarms nor vouches.
func TestAStartWaitsForThePortalAndSaysSo(t *testing.T) {
	all := represented(t, "kept", "garbage")
	for name, spoil := range map[string]func(*site, string){
		"kept": func(*site, string) {},
		"lost": func(s *site, file string) { s.must(os.Remove(file)) },
		"garbage": func(s *site, file string) {
			s.must(os.WriteFile(file, []byte("{\"installation\": 7, \x00"), 0o600))
		},
		"another's": func(s *site, file string) {
			text, err := os.ReadFile(file)
			s.must(err)
			id := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "choriste-"), ".json")
			s.must(os.WriteFile(file, []byte(strings.ReplaceAll(string(text), id, "0b1e55ed-0000-4000-8000-000000000000")), 0o600))
		},
	} {
		if !all.runs(name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log lockedBuffer
			s := newSite(t, &chorustest.Config{AcceptDuplicates: true}, nil)
			outside := func(c *worker.Config) { c.StateDir, c.Log = s.dir, slog.New(slog.NewTextHandler(&log, nil)) }
			stop := s.run(outside)
			s.await(s.insert(invoicetest.Invoice{Numero: "BEFORE"}.UBL()), store.Deposited, store.Integrated, store.Settled)
			stop()
			files, _ := filepath.Glob(filepath.Join(s.dir, "choriste-*.json"))
			if len(files) != 1 {
				t.Fatalf("the directory holds %v", files)
			}
			spoil(s, files[0])

			s.sim.Faults(chorustest.Fault{Op: "rechercher/fournisseur", Kind: "500", Times: -1})
			id := s.insert(invoicetest.Invoice{Numero: "WAITS"}.UBL())
			stop = s.run(outside)
			s.await(id, store.Ready)
			st := store.New(s.db.Pool)
			for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
				all, err := st.Accounts(t.Context())
				s.must(err)
				if len(all) == 1 && strings.Contains(all[0].Text(), "deposits wait since") {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("the accounts are %+v", all)
				}
			}
			s.sim.ClearFaults()
			s.await(id, store.Deposited, store.Integrated, store.Settled)
			s.quarantined()
			if all, err := st.Accounts(t.Context()); err != nil || strings.Contains(all[0].Text(), "deposits wait") {
				t.Errorf("afterwards the account is %+v (%v)", all, err)
			}
			want := map[string]string{"lost": "nothing is known yet of this database", "garbage": "cannot be read", "another's": "belongs to another installation"}[name]
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log does not say %q", want)
			}
			stop()
		})
	}
}
