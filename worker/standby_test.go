package worker_test

import (
	"context"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// followed gives the site a standby that streams from its server, and has everybody name both hosts, as docs/operating.md says.
func (s *site) followed() {
	s.t.Helper()
	standby, err := storetest.Start(s.t.Context(), storetest.Options{Follows: s.cluster})
	s.must(err)
	s.t.Cleanup(func() { _ = standby.Stop() })
	s.standby = standby
	there, err := url.Parse(standby.URL(""))
	s.must(err)
	both := func(address string) string {
		u, err := url.Parse(address)
		s.must(err)
		u.Host += "," + there.Host
		u.RawQuery += "&target_session_attrs=read-write"
		return u.String()
	}
	s.db = &storetest.Database{URL: both(s.db.URL), WorkerURL: both(s.db.WorkerURL), AppURL: both(s.db.AppURL)}
	s.db.Pool, err = pgxpool.New(context.WithoutCancel(s.t.Context()), s.db.URL)
	s.must(err)
	s.t.Cleanup(s.db.Pool.Close)
	s.until("the standby has all", `SELECT count(*) = 1 AND bool_and(replay_lsn >= pg_current_wal_lsn()) FROM pg_stat_replication WHERE state = 'streaming'`)
}

// promoted is what an administrator does when the primary is lost.
func promoted(s *site) {
	s.must(s.cluster.Crash())
	s.exec(s.standby.URL(""), `SELECT pg_promote()`)
	s.db.Pool.Reset()
	s.until("the worker has noticed", `SELECT count(*) > 0 FROM chorus.events WHERE reason_code = 'QUARANTINE' AND invoice_id IS NULL`)
}

// A standby takes over under a worker that names both hosts: it goes on by itself, and what the standby had not received is looked up before anything is sent.
func TestAPromotedStandbySendsNothingTwice(t *testing.T) {
	for _, r := range []rewind{
		{
			name: "synchronous: it has all", running: true, witness: store.WitnessIdentity, happens: promoted,
			prepare: func(s *site) {
				s.followed()
				s.admin(`ALTER SYSTEM SET synchronous_standby_names = '*'`, `SELECT pg_reload_conf()`)
				s.until("the primary waits for it", `SELECT bool_and(sync_state = 'sync') FROM pg_stat_replication`)
			},
		},
		{
			name: "cut off before the invoices were sent", running: true, witness: store.WitnessWorker, happens: promoted,
			prepare: func(s *site) {
				s.followed()
				s.exec(s.standby.URL(""), `ALTER SYSTEM SET primary_conninfo = ''`, `SELECT pg_reload_conf()`)
				s.until("it receives nothing more", `SELECT count(*) = 0 FROM pg_stat_replication`)
			},
		},
	} {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			rewound(t, r)
		})
	}
}
