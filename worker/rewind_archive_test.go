package worker_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/choriste/choriste/archive"
)

// Between a backup and what happens then, the history of before leaves for a file. A database that goes back to when it was there is noticed as ever, by the same witness.
// Three ways here, and all of them in make test-long.
func TestARewindToBeforeAMonthLeft(t *testing.T) {
	for _, r := range rewinds {
		switch r.name {
		case "pg_restore --clean in place", "a copy of the data directory while a worker runs", "migrate, and pg_restore of the rows":
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				afterAMonthLeft(t, r)
			})
		}
	}
}

func afterAMonthLeft(t *testing.T, r rewind) {
	leaves := r
	leaves.prepare = func(s *site) {
		s.growOld()
		r.prepare(s)
	}
	leaves.happens = func(s *site) {
		s.leave()
		r.happens(s)
	}
	rewound(t, leaves)
}

// growOld makes all history 40 days old, with fifty invoices more that were cancelled then, and cuts it.
func (s *site) growOld() {
	s.t.Helper()
	s.exec(s.db.URL, `
		INSERT INTO chorus.invoices (external_ref, document) SELECT 'old-' || n, 'x' FROM generate_series(1, 50) n;
		UPDATE chorus.invoices SET cancel_requested_at = clock_timestamp() WHERE external_ref LIKE 'old-%'`, `
		SET session_replication_role = replica;
		UPDATE chorus.installation SET created_at = clock_timestamp() - interval '50 days';
		UPDATE chorus.invoices SET updated_at = clock_timestamp() - interval '40 days' WHERE external_ref LIKE 'old-%';
		DELETE FROM chorus.events WHERE invoice_id NOT IN (SELECT id FROM chorus.invoices WHERE external_ref LIKE 'old-%');
		UPDATE chorus.events SET at = clock_timestamp() - interval '40 days';
		UPDATE chorus.clock_watch SET since = clock_timestamp() - interval '2 days', seen = clock_timestamp()`)
	room := s.history()
	defer room.Close()
	_, err := room.Apply(s.t.Context())
	s.must(err)
}

// leave has what is older than the first month leave for a file.
func (s *site) leave() {
	s.t.Helper()
	dir := filepath.Join(s.dir, "history")
	s.must(os.Mkdir(dir, 0o700))
	s.until("all of it has a number", `SELECT NOT EXISTS (SELECT FROM chorus.events WHERE seq IS NULL AND id < 2000000000000000)`)
	_, err := s.db.Pool.Exec(s.t.Context(), `SELECT chorus.fold_moves(100000)`)
	s.must(err)
	room := s.history()
	defer room.Close()
	_, err = room.Detach(s.t.Context(), "first", 30*24*time.Hour, dir)
	s.must(err)
}

func (s *site) history() *archive.Room {
	s.t.Helper()
	room, err := archive.Open(s.t.Context(), s.db.URL, "test", func(string, string) {})
	s.must(err)
	return room
}
