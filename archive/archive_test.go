package archive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

const day = 24 * time.Hour

// past inserts so many invoices with the whole of their history, all of so many days ago, as workers would have written it.
const past = `
	SET LOCAL session_replication_role = replica;
	INSERT INTO chorus.invoices (external_ref, document, document_sha256, document_bytes, state, numero_facture, fournisseur_siret, date_facture, attempt_no, statut_courant, created_at, updated_at,
	    numero_flux_depot, identifiant_facture_cpp)
	SELECT 'past-' || n, 'x', sha256('x'), 1, 'settled', 'P-' || n, '99999999800012', '2026-01-01', 1, 'MISE_EN_PAIEMENT', t.at, t.at, 'CPP' || n, n
	FROM generate_series(1, %[1]d) n, (SELECT clock_timestamp() - interval '%[2]d days' AS at) t;
	INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline, finished_at, outcome, numero_flux_depot)
	SELECT gen_random_uuid(), i.id, 1, 'w', 'past_' || i.id, i.document_sha256, chorus.identity(), i.created_at, i.created_at, i.created_at, 'ACCEPTED', i.numero_flux_depot
	FROM chorus.invoices i WHERE external_ref LIKE 'past-%%';
	INSERT INTO chorus.events (invoice_id, at, actor, from_state, to_state, attempt, reason_code, detail)
	SELECT i.id, i.created_at, 'w', s.before, s.after, s.attempt, s.code, s.detail::jsonb
	FROM chorus.invoices i
	CROSS JOIN (VALUES (1, NULL, 'received', NULL, NULL, '{}'), (2, 'received', 'ready', NULL, NULL, '{}'), (3, 'ready', 'sending', 1, NULL, '{}'), (4, 'sending', 'deposited', 1, NULL, '{}'),
	    (5, 'deposited', 'integrated', 1, NULL, '{"statut_courant": "DEPOSEE"}'), (6, 'integrated', 'settled', 1, NULL, '{"statut_courant": "MISE_EN_PAIEMENT"}'),
	    (7, 'settled', 'settled', NULL, 'PURGED', '{"sha256": "x"}')) s (k, before, after, attempt, code, detail)
	WHERE external_ref LIKE 'past-%%'
	ORDER BY i.id, s.k;
	SET LOCAL session_replication_role = origin`

type house struct {
	*testing.T
	db     *storetest.Database
	owner  *pgxpool.Pool
	worker *store.Store
	room   *Room
	dir    string
}

func newHouse(t *testing.T, invoices int) *house {
	t.Helper()
	db := storetest.New(t)
	owner, err := pgxpool.New(t.Context(), db.URL)
	must(t, err)
	t.Cleanup(owner.Close)
	h := &house{t, db, owner, store.New(db.Pool), nil, t.TempDir()}
	h.room = h.open()
	_, err = h.worker.Remember(t.Context())
	must(t, err)
	h.exec(`UPDATE chorus.installation SET created_at = clock_timestamp() - interval '50 days'`)
	h.exec(fmt.Sprintf(past, invoices, 40))
	h.exec(`UPDATE chorus.clock_watch SET since = clock_timestamp() - interval '2 days', seen = clock_timestamp()`)
	return h
}

func (h *house) open() *Room {
	h.Helper()
	room, err := Open(h.Context(), h.db.URL, "test", func(string, string) {})
	must(h.T, err)
	h.Cleanup(room.Close)
	return room
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) exec(sql string) {
	h.Helper()
	must(h.T, pgx.BeginFunc(h.Context(), h.owner, func(tx pgx.Tx) error {
		_, err := tx.Exec(h.Context(), sql, pgx.QueryExecModeSimpleProtocol)
		return err
	}))
}

func (h *house) ask(sql string) (text string) {
	h.Helper()
	must(h.T, h.owner.QueryRow(h.Context(), `SELECT coalesce((`+sql+`)::text, 'null')`).Scan(&text))
	return text
}

// cut makes the months, with something in the month that is, and everything numbered and counted.
func (h *house) cut() {
	h.Helper()
	made, err := h.room.Apply(h.Context())
	must(h.T, err)
	if len(made) != 3 {
		h.Fatalf("made %v", made)
	}
	h.exec(`INSERT INTO chorus.invoices (document) VALUES ('young')`)
	h.number()
}

func (h *house) number() {
	h.Helper()
	for {
		n, err := h.worker.Announce(h.Context())
		must(h.T, err)
		if n == 0 {
			break
		}
	}
	h.exec(`SELECT chorus.fold_moves(100000000)`)
}

// wrong is what a verification of the database names.
func (h *house) wrong() (list []string) {
	h.Helper()
	_, err := operate.VerifyDatabase(h.Context(), h.owner, operate.EvidenceHead{}, func(s string) { list = append(list, s) })
	must(h.T, err)
	return list
}

// same fails unless the database says no rewind, and verifies.
func (h *house) sound() {
	h.Helper()
	if wrong := h.wrong(); len(wrong) > 0 {
		h.Errorf("verified: %v", wrong)
	}
	if err := h.worker.Contradicts(h.Context()); err != nil {
		h.Errorf("contradicts: %v", err)
	}
}

func (h *house) manifest() string { return filepath.Join(h.dir, "choriste-events-first.json") }

// history is all of chorus.events, as a hash.
func (h *house) history(below string) string {
	return h.ask(`SELECT count(*) || ' ' || md5(string_agg(chorus.event_text(e) || encode(e.hash, 'hex'), '' ORDER BY e.id)) FROM chorus.events e WHERE id < ` + below)
}

const firstOnly = "2000000000000000"

// A month leaves and comes back: nothing is lost, the chain passes through it, and everything that asks history says the truth in between.
func TestAMonthLeavesAndComesBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 50)
	h.number()
	h.sound()
	before := h.history(firstOnly)
	h.cut()
	if id := h.ask(`SELECT max(id) FROM chorus.events`); len(id) != 16 {
		t.Errorf("the month that is begins at %s", id)
	}
	again, err := h.room.Apply(t.Context())
	if err != nil || len(again) != 0 {
		t.Errorf("applied again: %v, %v", again, err)
	}
	memory, err := h.worker.Remember(t.Context())
	must(t, err)
	var old store.Mark // what a worker remembers that has slept since
	must(t, h.owner.QueryRow(t.Context(), `SELECT id, at FROM chorus.events WHERE id = 77`).Scan(&old.Event, &old.At))
	h.sound()

	d, err := h.room.Detach(t.Context(), "first", day, h.dir)
	must(t, err)
	if d.Events != 350 || d.Before {
		t.Errorf("detached %+v", d)
	}
	if n := h.ask(`SELECT count(*) FROM chorus.events WHERE id < ` + firstOnly); n != "0" || h.ask(`SELECT to_regclass('chorus.events_first')`) != "null" {
		t.Errorf("%s events are left", n)
	}
	again2, err := h.room.Detach(t.Context(), "first", day, h.dir)
	if err != nil || !again2.Before {
		t.Errorf("detached again: %+v, %v", again2, err)
	}
	h.number()
	h.sound()
	v, err := operate.VerifyDatabase(t.Context(), h.owner, operate.EvidenceHead{}, func(string) {})
	if err != nil || len(v.Archived) != 1 || v.Archived[0].Events != 350 {
		t.Errorf("verified %+v, %v", v, err)
	}

	// Who remembers of before sees no rewind; who remembers something else does.
	for name, c := range map[string]struct {
		mark   store.Mark
		forgot bool
	}{
		"now":                   {memory.Latest(), false},
		"of the month":          {old, false},
		"of the month, another": {store.Mark{Event: old.Event, At: old.At.Add(time.Microsecond)}, true},
		"a number not there":    {store.Mark{Event: 3000, At: old.At}, true},
		"of another month":      {store.Mark{Event: 2000010000000001, At: old.At}, true},
	} {
		m := memory
		m.Marks = []store.Mark{c.mark}
		_, err := h.worker.Knows(t.Context(), m, "w")
		if errors.Is(err, store.ErrForgot) != c.forgot || err != nil && !errors.Is(err, store.ErrForgot) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A heartbeat that was written long ago, of an event that is away.
	h.exec(fmt.Sprintf(`INSERT INTO chorus.heartbeats (worker, event_id, event_at) VALUES ('slept', %d, '%s')`, old.Event, old.At.Format(time.RFC3339Nano)))
	h.sound()
	h.exec(`UPDATE chorus.heartbeats SET event_at = event_at + interval '1 second' WHERE worker = 'slept'`)
	if err := h.worker.Contradicts(t.Context()); !errors.Is(err, store.ErrForgot) {
		t.Errorf("a heartbeat of an event that never was: %v", err)
	}
	h.exec(`DELETE FROM chorus.heartbeats`)

	a, err := h.room.Attach(t.Context(), h.manifest())
	must(t, err)
	if a.Events != 350 || a.Before {
		t.Errorf("attached %+v", a)
	}
	if after := h.history(firstOnly); after != before {
		t.Errorf("history is %s, was %s", after, before)
	}
	a, err = h.room.Attach(t.Context(), h.manifest())
	if err != nil || !a.Before {
		t.Errorf("attached again: %+v, %v", a, err)
	}
	h.number()
	h.sound()
	if n := h.ask(`SELECT (SELECT count(*) FROM chorus.archived_invoices) + (SELECT count(*) FROM chorus.archived_events)`); n != "0" {
		t.Errorf("%s rows are left of what was written down", n)
	}
	// And once more, into another directory.
	h.dir = t.TempDir()
	_, err = h.room.Detach(t.Context(), "first", day, h.dir)
	must(t, err)
	h.number()
	h.sound()
	if n := h.ask(`SELECT string_agg(reason_code, ' ' ORDER BY id) FROM chorus.events WHERE reason_code IN ('ARCHIVED', 'ATTACHED')`); n != "ARCHIVED ATTACHED ARCHIVED" {
		t.Errorf("history tells of %s", n)
	}
}

// A table that was taken back while a month is away is noticed, by what is written down of the month.
func TestTablesTakenBackAreNoticedWithAMonthAway(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"the state":    `UPDATE chorus.invoices SET state = 'ready', attempt_no = 1 WHERE id = 7`,
		"all of it":    `DELETE FROM chorus.attempts WHERE invoice_id = 7; UPDATE chorus.invoices SET state = 'ready', attempt_no = 0, numero_flux_depot = NULL, identifiant_facture_cpp = NULL WHERE id = 7`,
		"not read yet": `DELETE FROM chorus.attempts WHERE invoice_id = 7; UPDATE chorus.invoices SET state = 'received', attempt_no = 0, numero_flux_depot = NULL, identifiant_facture_cpp = NULL WHERE id = 7`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, 10)
			h.number()
			h.cut()
			_, err := h.room.Detach(t.Context(), "first", day, h.dir)
			must(t, err)
			h.number()
			memory, err := h.worker.Remember(t.Context())
			must(t, err)
			h.sound()
			h.exec(`SET LOCAL session_replication_role = replica; ` + sql)
			if err := h.worker.Contradicts(t.Context()); !errors.Is(err, store.ErrForgot) {
				t.Errorf("contradicts: %v", err)
			}
			if len(h.wrong()) == 0 {
				t.Error("verified")
			}
			if strings.Contains(sql, "'ready'") { // T1 of that row alone, of a worker that has not looked since
				h.exec(`SET LOCAL session_replication_role = replica; UPDATE chorus.invoices SET claim = 3, claimed_until = clock_timestamp() + interval '1 hour' WHERE id = 7; UPDATE chorus.slots SET attempt_id = NULL`)
				must(t, h.worker.Slots(t.Context(), 2))
				var n int
				must(t, h.owner.QueryRow(t.Context(), `SELECT attempt_no FROM chorus.invoices WHERE id = 7`).Scan(&n))
				memory.Attempts, memory.Begun = nil, nil
				_, err = h.worker.Begin(t.Context(), store.Invoice{ID: 7, AttemptNo: n, Claim: 3, Account: "default"}, store.Intent{
					Attempt: store.NewID(), Worker: "w", NomFichier: "x.xml", Memory: memory, SendWithin: time.Minute, Unit: time.Second,
				})
				if !errors.Is(err, store.ErrForgot) {
					t.Errorf("T1: %v", err)
				}
			}
		})
	}
}

// Whatever stands against it keeps a month, and nothing is written or changed.
func TestWhatKeepsAMonth(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ sql, want string }{
		{`UPDATE chorus.invoices SET state = 'integrated' WHERE id = 3`, "1 of its invoices are not final"},
		{`DELETE FROM chorus.invoices WHERE id = 3`, "1 of its invoices are not final"},
		{`UPDATE chorus.invoices SET updated_at = clock_timestamp() - interval '1 hour' WHERE id = 3`, "final for too short"},
		{`UPDATE chorus.attempts SET outcome = NULL WHERE invoice_id = 3`, "final for too short, or something of them is under way"},
		{`INSERT INTO chorus.events (id, at, actor) OVERRIDING SYSTEM VALUE VALUES (500, clock_timestamp() - interval '30 days', 'x')`, "no number yet"},
		{`INSERT INTO chorus.events (id, at, actor) OVERRIDING SYSTEM VALUE VALUES (500, clock_timestamp(), 'x')`, "its last event is not as old"},
		{`DELETE FROM chorus.events WHERE id > ` + firstOnly, "no younger event has a number yet"},
		{`UPDATE chorus.tallied SET seq = 3`, "not counted yet"},
		{`INSERT INTO chorus.webhooks (name, cursor) VALUES ('erp', 5)`, "the webhook erp has not been told"},
		{`UPDATE chorus.clock_watch SET since = clock_timestamp()`, "no worker has run for a day"},
		{`UPDATE chorus.installation SET suspect_until = 'infinity'`, "the database was restored"},
		{`UPDATE chorus.events SET detail = '{"forged": true}' WHERE id = 9`, "event 9 does not fit the chain"},
	} {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, 5)
			h.number()
			h.cut()
			h.exec(`SET LOCAL session_replication_role = replica; ` + c.sql)
			before := h.history(firstOnly)
			_, err := h.room.Detach(t.Context(), "first", day, h.dir)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
			if h.history(firstOnly) != before || h.ask(`SELECT count(*) FROM chorus.archives`) != "0" {
				t.Error("something has changed")
			}
		})
	}
	h := newHouse(t, 5)
	h.number()
	if _, err := h.room.Detach(t.Context(), "first", day, h.dir); err == nil || !strings.Contains(err.Error(), "events are still written to it") {
		t.Errorf("before it is cut: %v", err)
	}
	h.cut()
	if _, err := h.room.Detach(t.Context(), "first", 41*day, h.dir); err == nil || !strings.Contains(err.Error(), "its last event is not as old") {
		t.Errorf("too young: %v", err)
	}
	if _, err := h.room.Detach(t.Context(), h.ask(`to_char(clock_timestamp() AT TIME ZONE 'Europe/Paris', 'YYYYMM')`), day, h.dir); err == nil || !strings.Contains(err.Error(), "still written to it") {
		t.Errorf("the month that is: %v", err)
	}
	if _, err := h.room.Detach(t.Context(), "199901", day, h.dir); err == nil || !strings.Contains(err.Error(), "there is no month 199901") {
		t.Errorf("no month: %v", err)
	}
	if _, err := h.room.Detach(t.Context(), "first", day, filepath.Join(h.dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(h.dir, fileOf("first")), []byte("mine"), 0o600))
	if _, err := h.room.Detach(t.Context(), "first", day, h.dir); err == nil || !strings.Contains(err.Error(), "is there already, and holds something else") {
		t.Errorf("another file: %v", err)
	}
}

var errDied = errors.New("died")

// Whoever took a number of a month before the next one began, and commits while the month leaves, has it stay.
func TestWhoHasNotCommittedLosesNothing(t *testing.T) {
	h := newHouse(t, 3)
	late, err := h.owner.Begin(t.Context())
	must(t, err)
	defer func() { _ = late.Rollback(t.Context()) }()
	_, err = late.Exec(t.Context(), `INSERT INTO chorus.invoices (external_ref, document) VALUES ('late', 'x')`)
	must(t, err)
	h.cut()
	left := make(chan error, 1)
	go func() {
		_, err := h.room.Detach(t.Context(), "first", 30*day, h.dir)
		left <- err
	}()
	select {
	case err := <-left:
		t.Fatalf("the month left before everyone had committed: %v", err)
	case <-time.After(2 * time.Second):
	}
	must(t, late.Commit(t.Context()))
	var waits *Waits
	if err := <-left; !errors.As(err, &waits) {
		t.Errorf("it left: %v", err)
	}
	if n := h.ask(`SELECT count(*) FROM chorus.events e JOIN chorus.invoices i ON i.id = e.invoice_id WHERE i.external_ref = 'late' AND e.from_state IS NULL`); n != "1" {
		t.Errorf("the beginning of its history is there %s times", n)
	}
	if left, err := os.ReadDir(h.dir); err != nil || len(left) > 0 {
		t.Errorf("files were left: %v %v", left, err)
	}
}

// Whoever dies at any step loses nothing, and the same command goes on: with each step cut off once, all of it comes to the same end.
func TestDyingAtEachStep(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 20)
	h.number()
	h.cut()
	before := h.history(firstOnly)
	for _, step := range []string{"written", "recorded", "detached"} {
		h.room.at = func(s string) error {
			if s == step {
				return errDied
			}
			return nil
		}
		if _, err := h.room.Detach(t.Context(), "first", day, h.dir); !errors.Is(err, errDied) {
			t.Fatalf("%s: %v", step, err)
		}
		h.number()
		h.sound()
	}
	h.room.at = func(string) error { return nil }
	// The file is lost while the table is still there: it is written again, the same.
	must(t, os.Remove(filepath.Join(h.dir, fileOf("first"))))
	_, err := h.room.Detach(t.Context(), "first", day, h.dir)
	must(t, err)
	h.sound()
	h.room.at = func(string) error { return errDied }
	if _, err := h.room.Attach(t.Context(), h.manifest()); !errors.Is(err, errDied) {
		t.Fatal(err)
	}
	h.sound()
	h.room.at = func(string) error { return nil }
	_, err = h.room.Attach(t.Context(), h.manifest())
	must(t, err)
	if after := h.history(firstOnly); after != before {
		t.Errorf("history is %s, was %s", after, before)
	}
	h.number()
	h.sound()
	// Detached half-way, and brought back instead.
	for _, step := range []string{"recorded", "detached"} {
		h.room.at = func(s string) error {
			if s == step {
				return errDied
			}
			return nil
		}
		if _, err := h.room.Detach(t.Context(), "first", day, h.dir); !errors.Is(err, errDied) {
			t.Fatalf("%s: %v", step, err)
		}
		h.room.at = func(string) error { return nil }
		if step == "recorded" {
			must(t, writeManifest(h.dir, *h.rec()))
		}
		_, err := h.room.Attach(t.Context(), h.manifest())
		must(t, err)
		if after := h.history(firstOnly); after != before {
			t.Errorf("%s: history is %s, was %s", step, after, before)
		}
		h.number()
		h.sound()
	}
	names, err := filepath.Glob(filepath.Join(h.dir, "*"))
	must(t, err)
	if len(names) != 2 {
		t.Errorf("left behind: %v", names)
	}
}
