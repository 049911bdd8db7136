package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// A database may forget: a standby that had not received the last commits is promoted, a backup is brought back, one table is. What was sent in the
// forgotten history must not be sent again, so each worker remembers what it knows to have been committed and compares (docs/protocol.md §3.5).

// Memory is what one worker knows to have been committed.
type Memory struct {
	Epoch       string        // which database it was (chorus.identity)
	Quarantines int           // how many have been begun
	Marks       []Mark        // events that were read, oldest first; the last is the latest
	Attempts    []pgtype.UUID // the latest of this worker's own: the database must know them
	Begun       []pgtype.UUID // the latest that the database had, whoever began them: a worker may have sent nothing for long
	Beat        time.Time     // of what a file holds, or a worker that beats: until then, by the database's clock, it holds what was committed
}

// attempts are those that the database must know, each once.
func (m Memory) attempts() []pgtype.UUID {
	all := slices.Concat(m.Attempts, m.Begun)
	slices.SortFunc(all, func(a, b pgtype.UUID) int { return bytes.Compare(a.Bytes[:], b.Bytes[:]) })
	return slices.Compact(all)
}

// Mark is an event that was read: whatever history holds it holds what was committed before it was read.
type Mark struct {
	Event int64     `json:"event"`
	At    time.Time `json:"at"`
}

// Latest is the latest event that is remembered; zero when there is none.
func (m Memory) Latest() Mark {
	if len(m.Marks) == 0 {
		return Mark{}
	}
	return m.Marks[len(m.Marks)-1]
}

// Witness is what has shown that the database has forgotten something.
type Witness string

// The witnesses.
const (
	WitnessIdentity Witness = "identity" // it is another database than the one that was worked on, or lives on another timeline
	WitnessWorker   Witness = "worker"   // a running worker knows of more
	WitnessState    Witness = "state"    // a worker's file (CHORISTE_STATE_DIR) knows of more
	WitnessTables   Witness = "tables"   // its tables contradict each other
	WitnessPortal   Witness = "portal"   // Chorus Pro has got by a flux what no attempt here explains
)

// Forgot is the error that says that the database has forgotten something, and who noticed it. errors.Is(err, ErrForgot) holds.
type Forgot struct {
	Witness  Witness
	Kind     string    // failover or restore
	Since    time.Time // what was forgotten happened later; zero: not known
	Tables   bool      // only some of the tables may have been taken back
	Detail   string    // what the witness saw, for people
	Attempts []pgtype.UUID
}

func (f *Forgot) Error() string { return "the database is living another history: " + f.Detail }

// Is makes every Forgot an ErrForgot.
func (f *Forgot) Is(target error) bool { return target == ErrForgot }

// ErrForgot says that the database does not know what is remembered of it.
var ErrForgot = errors.New("the database is living another history")

// What has happened: a failover loses the last minutes at most, anything else may lose anything.
const (
	KindFailover = "failover"
	KindRestore  = "restore"
)

const memoryColumns = `
	chorus.identity(), coalesce(db_epoch, ''), quarantines,
	(SELECT id FROM chorus.events ORDER BY id DESC LIMIT 1), (SELECT at FROM chorus.events ORDER BY id DESC LIMIT 1),
	ARRAY (SELECT id FROM chorus.attempts ORDER BY claimed_at DESC LIMIT 2)`

// Installation is the number that goes with every copy of this database. Workers name by it what they keep of it outside.
func (s *Store) Installation(ctx context.Context) (id pgtype.UUID, err error) {
	err = s.pool.QueryRow(ctx, `
		WITH first AS (
		    UPDATE chorus.installation
		    SET db_epoch = coalesce(db_epoch, chorus.identity()),
		        -- A clock that was ahead made it: when that was, nobody knows.
		        created_at = CASE WHEN created_at > clock_timestamp() THEN clock_timestamp() - interval '1 year' ELSE created_at END
		    WHERE db_epoch IS NULL OR created_at > clock_timestamp()
		)
		SELECT lineage FROM chorus.installation`).Scan(&id)
	return id, err
}

// Remember reads what to carry from here. It returns a *Forgot beside it when the database itself says that it has been taken back: it is not the one that
// was worked on last, or its tables contradict each other.
func (s *Store) Remember(ctx context.Context) (Memory, error) {
	var m Memory
	var stored string
	var event *int64
	var at *time.Time
	if _, err := s.Installation(ctx); err != nil {
		return m, err
	}
	err := s.pool.QueryRow(ctx, `SELECT `+memoryColumns+` FROM chorus.installation`).Scan(&m.Epoch, &stored, &m.Quarantines, &event, &at, &m.Begun)
	if err != nil {
		return m, err
	}
	if event != nil {
		m.Marks = []Mark{{*event, *at}}
	}
	if m.Epoch != stored {
		f := &Forgot{Witness: WitnessIdentity, Kind: KindRestore, Tables: partly(stored, m.Epoch), Detail: "it is not the database that was worked on last"}
		return m, f
	}
	return m, nil
}

// A quarantine may move every row: so long it may take, and so much longer for each row that waits. A slow machine moves 700 a second.
const (
	quarantineWithin = time.Minute
	quarantineOne    = 10 * time.Millisecond
)

// QuarantineTakes is how long a quarantine of all that waits now may take at most, and how many rows that is.
func (s *Store) QuarantineTakes(ctx context.Context) (most time.Duration, rows int, err error) {
	err = s.pool.QueryRow(ctx, `SELECT count(*) FROM chorus.invoices WHERE state IN ('received', 'ready', 'sending', 'in_doubt')`).Scan(&rows)
	return quarantineWithin + time.Duration(rows)*quarantineOne, rows, err
}

// tablesDiffer is what is seen when the table of the invoices was taken back, and others were not.
const tablesDiffer = "invoices, attempts and events do not tell the same"

// howManyAttempts counts those of a list, in SQL, one by one by their key: a plan that was made while the table was small would read all of it, however large it becomes.
func howManyAttempts(list string) string {
	return `(SELECT count((SELECT true FROM chorus.attempts a WHERE a.id = m.id)) FROM unnest(` + list + `::uuid[]) AS m (id))`
}

// unknownToRows is a condition in SQL: one of the latest attempts, as many as it says, began after the last quarantine, and its row is missing or does
// not know of it: the table of the invoices was taken back alone. The latest ones are enough, because whatever was begun after a copy was made is unknown to it.
func unknownToRows(latest int) string {
	return `EXISTS (
		SELECT
		FROM (SELECT invoice_id, n, claimed_at FROM chorus.attempts ORDER BY claimed_at DESC LIMIT ` + strconv.Itoa(latest) + `) a
		WHERE claimed_at > (SELECT coalesce(quarantined_at, '-infinity') FROM chorus.installation)
		  AND NOT EXISTS (SELECT FROM chorus.invoices i WHERE i.id = a.invoice_id AND i.attempt_no >= a.n))`
}

// putInto is a condition in SQL: rows were put into a database that has neither the identity nor the lineage of the one that they come from (migrate, and then
// pg_restore --data-only). They are older than it, by more than a clock may be set back unnoticed; or, where it was made before, the latest attempt was begun in another
// database than this one since the last quarantine.
var putInto = `(coalesce(chorus.oldest_row() < (SELECT created_at FROM chorus.installation) - interval '` + stepFrom.String() + `', false)
	OR EXISTS (
		SELECT
		FROM (SELECT db_epoch, claimed_at FROM chorus.attempts ORDER BY claimed_at DESC LIMIT 1) a, chorus.installation i
		WHERE a.claimed_at > coalesce(i.quarantined_at, '-infinity') AND a.claimed_at <= clock_timestamp() AND a.db_epoch <> i.db_epoch))`

// fromElsewhere is what is seen then.
const fromElsewhere = "its rows come from another database: they were put into one that was made by itself"

// movedOn is a condition in SQL on a row i that is not over: its last move, as history tells it, led elsewhere. The table of the invoices was taken back alone.
const movedOn = `
	i.state <> chorus.last_move(i.id)`

// Contradicts returns a *Forgot when some tables of the database tell of what others have forgotten: a single table was restored. It reads every row that is
// not final, and looks for the rows of what was begun last. It is for the start.
func (s *Store) Contradicts(ctx context.Context) error {
	var events, rows, older bool
	err := s.pool.QueryRow(ctx, `
		SELECT `+putInto+`,
		       EXISTS (
		           SELECT FROM chorus.heartbeats h
		           WHERE h.event_id IS NOT NULL AND NOT (`+knownEvent("h.event_id", "h.event_at")+`)
		             AND h.beat_at > coalesce((SELECT quarantined_at FROM chorus.installation), '-infinity')),
		       EXISTS (
		           SELECT FROM chorus.invoices i
		           WHERE state IN ('received', 'ready', 'sending', 'in_doubt')
		             AND (attempt_no <> (SELECT coalesce(max(n), 0) FROM chorus.attempts a WHERE a.invoice_id = i.id)
		                  OR `+laterAttempt+`
		                  OR `+movedOn+`))
		       OR chorus.unknown_to_rows((SELECT coalesce(quarantined_at, '-infinity') FROM chorus.installation)) IS NOT NULL`).Scan(&older, &events, &rows)
	switch {
	case err != nil:
		return err
	case older:
		return &Forgot{Witness: WitnessTables, Kind: KindRestore, Tables: true, Detail: fromElsewhere}
	case events:
		return &Forgot{Witness: WitnessTables, Kind: KindRestore, Tables: true, Detail: "its history (chorus.events) lacks what a worker read in it"}
	case rows:
		return &Forgot{Witness: WitnessTables, Kind: KindRestore, Tables: true, Detail: tablesDiffer}
	}
	return nil
}

// silentFrom is for how long no worker may have beaten before the portal is asked, as at a start when none was alive: a machine that slept, was stopped or was taken back
// with the memory of all workers leaves such a gap, or a clock that was set forward.
const silentFrom = 30 * time.Second

// silence is silentFrom as an argument; null where the clock is a test's.
func (s *Store) silence() *time.Duration {
	if s.steps == nil {
		return nil
	}
	d := silentFrom
	return &d
}

// Knows returns a *Forgot when the database does not know what m remembers; otherwise m, brought up to date. A worker (not "") beats in the same
// statement, so that no heartbeat is written into a database that has forgotten. Where it has beaten before, and nobody has for long, it asks for a comparison with that.
func (s *Store) Knows(ctx context.Context, m Memory, worker string) (Memory, error) {
	now := Memory{Attempts: m.Attempts}
	must := m.attempts()
	var stored string
	var attempts int
	var latest, torn, older, inserts bool
	var event *int64
	var at, since *time.Time
	marks := make([]int64, len(m.Marks))
	times := make([]time.Time, len(m.Marks))
	for k, mark := range m.Marks {
		marks[k], times[k] = mark.Event, mark.At
	}
	asked := time.Now()
	var clock time.Time
	err := s.pool.QueryRow(ctx, `
		WITH here (epoch, stored, quarantines, event_id, event_at, begun) AS (
		    SELECT `+memoryColumns+` FROM chorus.installation
		), known AS (
		    SELECT `+howManyAttempts("$1")+` AS attempts,
		           $4::bigint = 0 OR `+knownEvent("$4::bigint", "$5::timestamptz")+` AS latest,
		           `+unknownToRows(32)+` AS torn, `+putInto+` AS older
		), silent AS (
		    `+askComparison+`
		    WHERE EXISTS (SELECT FROM chorus.heartbeats WHERE worker = $6) AND (SELECT max(beat_at) FROM chorus.heartbeats) < clock_timestamp() - $9::interval
		), beat AS (
		    INSERT INTO chorus.heartbeats AS h (worker, event_id, event_at)
		    SELECT $6, event_id, event_at
		    FROM here, known
		    WHERE $6 <> '' AND epoch = $7 AND epoch = stored AND quarantines = $8 AND attempts = coalesce(cardinality($1::uuid[]), 0) AND latest AND NOT torn AND NOT older
		    ON CONFLICT (worker) DO UPDATE SET beat_at = clock_timestamp(), stopped = false, event_id = excluded.event_id, event_at = excluded.event_at
		)
		SELECT epoch, stored, quarantines, event_id, event_at, begun, attempts::int, latest, torn, older,
		       (SELECT quarantine_kind IS DISTINCT FROM 'failover' FROM chorus.installation),
		       CASE WHEN NOT latest THEN (
		           SELECT max(m.at) FROM unnest($2::bigint[], $3::timestamptz[]) AS m (id, at) WHERE `+knownEvent("m.id", "m.at")+`
		       ) END,
		       clock_timestamp()
		FROM here, known`,
		must, marks, times, m.Latest().Event, m.Latest().At, worker, m.Epoch, m.Quarantines, s.silence()).
		Scan(&now.Epoch, &stored, &now.Quarantines, &event, &at, &now.Begun, &attempts, &latest, &torn, &older, &inserts, &since, &clock)
	if err != nil {
		return m, err
	}
	if _, err := s.clockHeld(ctx, asked, time.Now(), clock); err != nil {
		return m, err
	}
	f := &Forgot{Witness: WitnessWorker, Kind: KindRestore, Attempts: must}
	switch {
	case since != nil:
		f.Since = *since
	case latest:
		f.Since = m.Latest().At
	}
	switch {
	case now.Quarantines < m.Quarantines:
		f.Detail = "it has forgotten a quarantine"
	case now.Quarantines == m.Quarantines && (attempts < len(must) || !latest):
		f.Detail = "it does not know what was committed to it"
	case now.Quarantines > m.Quarantines && !inserts && (attempts < len(must) || !latest):
		// Another worker, which knew of less, has taken it for a failover that lost nothing.
		f.Detail = "a standby was promoted, and does not know what was committed before"
		m.Quarantines = now.Quarantines
	case now.Epoch != stored:
		f.Witness, f.Tables, f.Detail = WitnessIdentity, partly(stored, now.Epoch), "it is not the database that was worked on before"
		if now.Quarantines == m.Quarantines && latest && promoted(m.Epoch, now.Epoch) {
			f.Kind, f.Since = KindFailover, m.Latest().At
			f.Detail = "a standby was promoted, or a backup was rolled forward: it has another timeline"
		}
	case torn:
		f.Witness, f.Tables, f.Detail = WitnessTables, true, tablesDiffer
	case older:
		f.Witness, f.Tables, f.Detail = WitnessTables, true, fromElsewhere
	default:
		now.Marks = m.Marks
		if worker != "" {
			now.Beat = clock
		}
		if now.Quarantines > m.Quarantines { // what another worker has dealt with
			now.Marks, now.Attempts = nil, nil
		}
		if event != nil {
			now.Marks = Thin(append(now.Marks[:len(now.Marks):len(now.Marks)], Mark{*event, *at}))
		}
		return now, nil
	}
	return m, f
}

// Thin keeps of the marks the latest, and of the older ones ever fewer: some forty reach back a year.
func Thin(marks []Mark) []Mark {
	if len(marks) == 0 {
		return marks
	}
	last := marks[len(marks)-1]
	kept := []Mark{last}
	for k := len(marks) - 2; k >= 0; k-- {
		younger := kept[len(kept)-1]
		if age := last.At.Sub(younger.At); younger.At.Sub(marks[k].At) > max(age/2, time.Second) || len(kept) == 1 && k == 0 {
			kept = append(kept, marks[k])
		}
	}
	for i, j := 0, len(kept)-1; i < j; i, j = i+1, j-1 {
		kept[i], kept[j] = kept[j], kept[i]
	}
	return kept[max(0, len(kept)-64):]
}

// Quarantine has everything looked up that may have been sent in a forgotten history, unless another worker has done so already, and returns what to
// remember from now on. It is one transaction, which takes a second for some hundred rows on a slow machine, and nothing is sent meanwhile. head bounds the ready rows that a promoted standby may not know to have been sent; window is how long after a restore
// new rows are looked up first.
func (s *Store) Quarantine(ctx context.Context, m Memory, f *Forgot, window time.Duration, head int) (Memory, int, error) {
	detail, err := json.Marshal(map[string]any{"witness": f.Witness, "what": f.Detail, "unknown_attempts": f.Attempts})
	if err != nil {
		return m, 0, err
	}
	within, _, err := s.QuarantineTakes(ctx)
	if err != nil {
		return m, 0, err
	}
	// The caller's deadline is that of a look; its end is heeded.
	outer := ctx
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within+settleWithin)
	defer cancel()
	defer context.AfterFunc(outer, func() {
		if errors.Is(outer.Err(), context.Canceled) {
			cancel()
		}
	})()
	var moved int
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := allow(ctx, tx, within); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT moved FROM chorus.quarantine($1, $2, $3, $4, $5, $6, $7)`,
			f.Kind, m.Quarantines, string(detail), nullTime(f.Since), f.Tables, window, head).Scan(&moved)
	})
	if err != nil {
		return m, 0, err
	}
	m, err = s.Remember(ctx)
	return m, moved, err
}

// promoted tells that two identities differ in the timeline only.
func promoted(before, now string) bool {
	a, b := strings.Split(before, "/"), strings.Split(now, "/")
	if len(a) != len(b) || len(a) < 2 {
		return false
	}
	a[1] = b[1]
	return before != now && strings.Join(a, "/") == now
}

// partly tells that two identities are those of one database some of whose tables were replaced, but not the installation's.
func partly(before, now string) bool {
	a, b := strings.Split(before, "/"), strings.Split(now, "/")
	if len(a) != len(b) || len(a) < 5 {
		return false
	}
	return before != now && strings.Join(a[:4], "/") == strings.Join(b[:4], "/")
}

// heldAlready is why a row is looked up first that the portal has shown before it was sent.
const heldAlready = "Chorus Pro holds an invoice of this number already"

// standIn writes an attempt for one that the database may have forgotten, or that somebody else made, so that the row is looked up like any other in
// doubt. forgotten says that it can only have been sent in a history that was forgotten, so that its age counts from the last quarantine, whenever the row
// came; and where that is the last one that was forgotten, a listing of what the portal has got since it began is a look-up.
func standIn(ctx context.Context, tx pgx.Tx, id int64, reason string, forgotten bool) error {
	_, err := tx.Exec(ctx, `
		WITH row AS (
		    UPDATE chorus.invoices i
		    SET state = 'in_doubt', lookup_first = false,
		        attempt_no = 1 + greatest(attempt_no, (SELECT max(n) FROM chorus.attempts WHERE invoice_id = i.id),
		                                  (SELECT max(attempt) FROM chorus.events WHERE invoice_id = i.id),
		                                  (SELECT max(attempt) FROM chorus.archived_invoices WHERE invoice_id = i.id)), -- of which another table still tells
		        reason_code = 'QUARANTINE', reason = $3, due_at = clock_timestamp()
		    WHERE id = $1
		    RETURNING id, attempt_no, document_sha256, date_facture
		)
		INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline, finished_at, outcome, evidence)
		SELECT $2::uuid, id, attempt_no, 'quarantine', 'quarantine_' || replace($2::text, '-', ''), document_sha256, chorus.identity(),
		       since, since, clock_timestamp(), 'OWNER_LOST',
		       jsonb_strip_nulls(jsonb_build_object('since', CASE WHEN $4 AND date_facture > suspect_before THEN forgotten_since END))
		FROM row, (
		    SELECT CASE WHEN $4 THEN coalesce(quarantined_at, clock_timestamp()) ELSE clock_timestamp() END AS since, forgotten_since, suspect_before
		    FROM chorus.installation
		) s`, id, NewID(), reason, forgotten)
	return err
}
