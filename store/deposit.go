package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/choriste/choriste/crash"
)

// Intent is what is written down before a deposit leaves.
type Intent struct {
	Attempt    pgtype.UUID
	Worker     string
	Life       string // whose heartbeats are the worker's; "": nobody's
	NomFichier string
	Memory     Memory        // the database must still know it
	SendWithin time.Duration // T_send
	Unit       time.Duration // of the breakers' waits
}

// ErrNoSlot says that as many deposits are in flight over the fleet as are allowed.
var ErrNoSlot = errors.New("all deposit slots are taken")

// ErrHeld says that deposits are held back: a breaker is not closed, or lets fewer through than want to, or the portal is closed for maintenance.
var ErrHeld = errors.New("deposits are held back: the portal fails, recovers, or is closed")

// ErrShown says that the portal has shown an invoice of this number that no row stands for: the row is in doubt now, and looked up.
var ErrShown = errors.New("Chorus Pro holds an invoice of this number already: it is looked up before anything is sent")

// Conditions of T1, in SQL.
const (
	// sentBefore tells of a ready row i that history, or its attempts, know more of it than it does.
	sentBefore = `(` + laterAttempt + `
		OR EXISTS (SELECT FROM chorus.attempts WHERE invoice_id = i.id AND n > i.attempt_no)
		OR ` + movedOn + `)`

	// shownMeanwhile tells of a row i that the portal has shown an invoice of its number; after an attempt, since the row became ready again, because what was
	// shown before then has been looked at.
	shownMeanwhile = `chorus.shown(i.numero_facture, i.fournisseur_siret, i.date_facture, CASE WHEN i.attempt_no > 0 THEN (
		SELECT max(e.at) FROM chorus.events e WHERE e.invoice_id = i.id AND e.to_state = 'ready' AND e.from_state <> 'ready') END)`

	// maintained tells that the portal is closed.
	maintained = `EXISTS (SELECT FROM chorus.maintenance WHERE clock_timestamp() BETWEEN starts_at AND ends_at)`

	// inTime are the attempts whose rows are theirs still, and which may leave still.
	inTime = `FROM chorus.attempts a
		JOIN chorus.invoices i ON i.id = a.invoice_id
		WHERE a.outcome IS NULL AND a.n = i.attempt_no AND i.state = 'sending' AND clock_timestamp() < a.send_deadline`
)

// remembersAll is a condition in SQL: the database knows what a memory holds (its epoch, attempts, latest event and that one's time), and the worker of this life, if it beats, has
// compared no longer ago than silence.
func remembersAll(epoch, attempts, event, at, life, silence string) string {
	return `(chorus.identity() = ` + epoch + ` AND ` + howManyAttempts(attempts) + ` = coalesce(cardinality(` + attempts + `::uuid[]), 0)
		AND (` + event + `::bigint = 0 OR ` + knownEvent(event+"::bigint", at+"::timestamptz") + `) AND NOT ` + unknownToRows(1) + ` AND NOT ` + putInto + `
		AND coalesce((SELECT beat_at FROM chorus.heartbeats WHERE worker = ` + life + `) >= clock_timestamp() - ` + silence + `::interval, true))`
}

// Begin is T1 of docs/protocol.md: the row becomes sending and the attempt is written, in one transaction. Only after it has
// returned without an error may the request leave. It returns ErrGone when the row is not ready any more (claimed anew, cancelled, paused), ErrForgot
// when the database does not know what Intent.Memory remembers, a *Forgot when it tells of an attempt that the row does not know, ErrHeld when a breaker of the
// account does not let it through or the account is still to be compared with the portal, ErrShown when the portal has shown an invoice of its number while it waited, and ErrNoSlot when the fleet's deposits in flight are exhausted. Of a breaker on trial it takes the one deposit that may go; Attempt.Tried says so.
//
// It commits synchronously even in a session that has lost this setting, as one behind a pooler may; a commit whose wait for a standby was ended is an error.
//
// On any other error the commit may have happened: the caller must not send, and settles it with Finish(NotSent), which does nothing if T1 was lost.
// A crash after it leaves a sending row that the reaper takes to in_doubt.
func (s *Store) Begin(ctx context.Context, i Invoice, in Intent) (Attempt, error) {
	a := Attempt{ID: in.Attempt, InvoiceID: i.ID, NomFichier: in.NomFichier}
	guard := `state = 'ready' AND attempt_no = $2 AND claim = $3 AND cancel_requested_at IS NULL AND NOT lookup_first`
	if crash.Mutant(crash.NoCompareAndSet) {
		guard = `$2::int IS NOT NULL AND $3::bigint IS NOT NULL`
	}
	var slots int
	var same, torn, shown, held bool
	var n *int
	var clock time.Time
	err := s.inTxForGood(ctx, func(tx pgx.Tx) error {
		asked := time.Now()
		err := tx.QueryRow(ctx, `
		WITH mind AS (
		    SELECT `+remembersAll("$4", "$9", "$15", "$16", "$17", "$18")+` AS same,
		           EXISTS (SELECT FROM chorus.invoices i WHERE id = $1 AND state = 'ready' AND `+sentBefore+`) AS torn,
		           EXISTS (SELECT FROM chorus.invoices i WHERE id = $1 AND `+shownMeanwhile+`) AS shown
		), behind AS (
		    SELECT b.key, b.state, b.ramp
		    FROM chorus.accounts a
		    JOIN chorus.breakers b ON b.key = ANY (a.behind)
		    WHERE a.name = $11
		), tried AS (
		    UPDATE chorus.breakers b
		    SET trial = $5,
		        trial_spacing = CASE WHEN b.trial IS NULL THEN b.trial_spacing ELSE least(greatest(2 * b.trial_spacing, $12::interval), $13::interval) END,
		        trial_at = clock_timestamp() + greatest(b.trial_spacing, $14::interval)
		    FROM behind
		    WHERE b.key = behind.key AND b.state = 'trial' AND b.trial_at <= clock_timestamp()
		    RETURNING b.key
		), weather AS (
		    SELECT (SELECT count(*) FROM behind WHERE state <> 'closed') > (SELECT count(*) FROM tried)
		        OR coalesce((SELECT min(ramp) FROM behind) <= (SELECT count(*) FROM chorus.slots WHERE attempt_id IS NOT NULL), false)
		        OR `+maintained+`
		        OR EXISTS (SELECT FROM chorus.accounts WHERE name = $11 AND compare_since IS NOT NULL)
		        OR EXISTS (SELECT FROM chorus.able WHERE account = $11 AND `+unable+`) AS held
		), slot AS (
		    SELECT n
		    FROM chorus.slots
		    WHERE attempt_id IS NULL
		    LIMIT 1
		    FOR UPDATE SKIP LOCKED
		), moved AS (
		    UPDATE chorus.invoices
		    SET state = 'sending', attempt_no = attempt_no + 1
		    WHERE id = $1 AND `+guard+`
		      AND EXISTS (SELECT FROM slot)
		      AND NOT (SELECT held FROM weather)
		      AND ((SELECT same AND NOT torn FROM mind) OR $10)
		      AND NOT (SELECT shown FROM mind)
		    RETURNING attempt_no, document_sha256
		), taken AS (
		    UPDATE chorus.slots
		    SET attempt_id = $5
		    WHERE n = (SELECT n FROM slot) AND EXISTS (SELECT FROM moved)
		), written AS (
		    INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline)
		    SELECT $5, $1, attempt_no, $6, $7, document_sha256, $4, clock_timestamp(), clock_timestamp() + $8::interval
		    FROM moved
		    RETURNING n
		)
		SELECT (SELECT count(*) FROM slot), (SELECT same FROM mind), (SELECT torn FROM mind), (SELECT shown FROM mind), (SELECT held FROM weather), (SELECT n FROM written),
		       EXISTS (SELECT FROM behind WHERE state <> 'closed' OR ramp IS NOT NULL),
		       set_config('synchronous_commit', 'on', true), clock_timestamp()`,
			i.ID, i.AttemptNo, i.Claim, in.Memory.Epoch, in.Attempt, in.Worker, in.NomFichier, in.SendWithin, in.Memory.attempts(), crash.Mutant(crash.NoQuarantine),
			i.Account, in.Unit, mostTrial*in.Unit, patience*in.Unit, in.Memory.Latest().Event, in.Memory.Latest().At, in.Life, s.silence()).
			Scan(&slots, &same, &torn, &shown, &held, &n, &a.Tried, nil, &clock)
		switch {
		case err != nil:
			return err
		case s.steps != nil && s.steps.told(asked, time.Now(), clock) != 0: // whoever compares, finds out
			return ErrForgot
		case n != nil:
			a.N = *n
			return crash.Point(crash.InT1BeforeCommit)
		// Nothing has begun, and the trial that may have been taken is given back with the transaction.
		case !same && !crash.Mutant(crash.NoQuarantine):
			return ErrForgot
		case torn && !crash.Mutant(crash.NoQuarantine):
			return &Forgot{Witness: WitnessTables, Kind: KindRestore, Tables: true, Detail: "an invoice that is ready was sent, by its own history"}
		case shown:
			return ErrShown
		case held:
			return ErrHeld
		case slots == 0:
			return ErrNoSlot
		default:
			return ErrGone
		}
	})
	if !errors.Is(err, ErrShown) {
		return a, err
	}
	// In a transaction of its own: T1's is rolled back, and with it the trial that it may have taken. A crash here leaves a ready row, which T1 asks about again.
	if err := s.inTx(ctx, func(tx pgx.Tx) error { return lookFirst(ctx, tx, i) }); err != nil {
		return a, err
	}
	return a, ErrShown
}

// lookFirst has a ready row that its job has taken looked up before it is sent: the portal has shown an invoice of its number while it waited.
func lookFirst(ctx context.Context, tx pgx.Tx, i Invoice) error {
	err := tx.QueryRow(ctx, `
		SELECT FROM chorus.invoices WHERE id = $1 AND state = 'ready' AND attempt_no = $3 AND claim = $2 AND cancel_requested_at IS NULL FOR UPDATE`, i.ID, i.Claim, i.AttemptNo).Scan()
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrGone
	}
	if err != nil {
		return err
	}
	return standIn(ctx, tx, i.ID, heldAlready, false)
}

// MaySend is the fence: it answers, on a live connection, whether the attempt is still the row's own and in time. Everything else is a no.
func (s *Store) MaySend(ctx context.Context, a Attempt) (bool, error) {
	var ok bool
	err := s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT `+inTime+` AND a.id = $1)`, a.ID).Scan(&ok)
	return ok, err
}

// Ending is what became of an attempt, and where the row goes because of it.
type Ending struct {
	Outcome    Outcome
	NumeroFlux string
	Facture    int64 // its identifiantFactureCPP, where the portal said it at once
	DateDepot  time.Time
	Evidence   any    // merged into the attempt's evidence; no secrets, no bodies
	Exchange   []byte // what left and what came back, as text without secrets and documents; nil: nothing is kept
	To         State
	ReasonCode string
	Reason     string
	Due        time.Duration // when the next step is due
	Refusals   int           // added to the row's count of refusals by the gateway
}

// Finish is T2: it writes down what is known of the attempt whatever the row has become meanwhile, and moves the row only if it is still this attempt's.
// An acceptance that the row has no use for any more (another attempt, another flux) parks it: somebody has to look. Finish may be repeated; once an
// outcome is written, later calls change nothing.
//
// A crash before it leaves the attempt without an outcome, which the reaper turns into OWNER_LOST and doubt.
func (s *Store) Finish(ctx context.Context, a Attempt, e Ending) error {
	err := s.finish(ctx, a, e)
	if isTaken(err) {
		// The portal gave a number that another row holds. The number goes to the evidence, the row to a person.
		evidence := map[string]any{"numero_flux_depot_taken": e.NumeroFlux, "identifiant_facture_cpp_taken": e.Facture, "answer": e.Evidence}
		return s.finish(ctx, a, Ending{
			Outcome: Ambiguous, Exchange: e.Exchange, Evidence: evidence, To: Parked, ReasonCode: ParkContradiction,
			Reason: "Chorus Pro answered with a number that belongs to another invoice",
		})
	}
	return err
}

// isTaken tells that a row may not have what another row holds: its invoice's number, or one of the portal's. A collision of our own numbers (a sequence
// behind its table, SEQUENCE_BEHIND) says nothing of invoices.
func isTaken(err error) bool {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || pgErr.Code != "23505" {
		return false
	}
	switch pgErr.ConstraintName {
	case "invoices_business_key", "invoices_replaces_key", "invoices_numero_flux_depot_key", "invoices_identifiant_facture_cpp_key", "attempts_numero_flux_depot_key":
		return true
	}
	return false
}

func (s *Store) finish(ctx context.Context, a Attempt, e Ending) error {
	evidence, err := json.Marshal(e.Evidence)
	if err != nil {
		return err
	}
	exchange, sum := packed(e.Exchange)
	return s.inTx(ctx, func(tx pgx.Tx) error {
		// The row first, then its attempt: every transaction that touches both takes them in this order.
		var state State
		var attemptNo int
		var flux, why string
		var facture int64
		err := tx.QueryRow(ctx, `
			SELECT state, attempt_no, coalesce(numero_flux_depot, ''), coalesce(identifiant_facture_cpp, 0), coalesce(reason_code, '')
			FROM chorus.invoices WHERE id = $1 FOR UPDATE`, a.InvoiceID).Scan(&state, &attemptNo, &flux, &facture, &why)
		if err != nil {
			return err
		}
		var n int
		var older, last bool // last: none was made after it, though a quarantine may have put one beside it that stands for what may be forgotten
		err = tx.QueryRow(ctx, `
			WITH kept AS (
			    INSERT INTO chorus.exchanges (attempt_id, invoice_id, exchange) SELECT $1, $6, $7::bytea WHERE $7 IS NOT NULL ON CONFLICT DO NOTHING
			)
			UPDATE chorus.attempts a
			SET outcome = $2, numero_flux_depot = nullif($3, ''), finished_at = clock_timestamp(),
			    evidence = evidence || coalesce($4::jsonb, '{}') || jsonb_strip_nulls(jsonb_build_object('exchange_sha256', $8::text))
			WHERE id = $1 AND (outcome IS NULL OR outcome = 'OWNER_LOST' AND NOT $5)
			RETURNING n, (SELECT coalesce(claimed_at < quarantined_at, false) FROM chorus.installation),
			          NOT EXISTS (SELECT FROM chorus.attempts l WHERE l.invoice_id = a.invoice_id AND l.n > a.n AND l.worker <> 'quarantine')`,
			a.ID, e.Outcome, e.NumeroFlux, nullJSON(evidence), crash.Mutant(crash.EvidenceConditional), a.InvoiceID, exchange, sum).Scan(&n, &older, &last)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // T1 never happened, or T2 did already
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE chorus.slots SET attempt_id = NULL WHERE attempt_id = $1`, a.ID); err != nil {
			return err
		}
		known := flux == e.NumeroFlux && facture == e.Facture // what the portal has accepted is what the row stands for
		if e.NumeroFlux != "" {
			known = flux == e.NumeroFlux
		}
		ours := attemptNo == n && (state == Sending || state == InDoubt)
		// A quarantine doubts what is in the air, too. What became of it settles the doubt; unless it had been judged absent before.
		if e.Outcome == Accepted && last && attemptNo > n && state == InDoubt {
			err := tx.QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM chorus.events WHERE invoice_id = $1 AND attempt = $2 AND to_state = 'ready')`, a.InvoiceID, n).Scan(&ours)
			if err != nil {
				return err
			}
		}
		if err := crash.Point(crash.InT2BeforeCommit); err != nil {
			return err
		}
		switch {
		case ours && state == InDoubt && e.To == InDoubt:
			return nil // the reaper was first; the evidence is written
		case ours && state == InDoubt && e.To == Ready && (why == ReasonQuarantine || older):
			return nil // this attempt did not land, but a later one may be forgotten: the doubt goes on
		case ours && e.To != Ready:
			return moveAfter(ctx, tx, a.InvoiceID, e)
		case ours:
			err := pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error { return moveAfter(ctx, savepoint, a.InvoiceID, e) })
			if SQLState(err) == noProof { // this attempt came to nothing, but an earlier one may have come to something: the doubt goes on, or begins
				if state == InDoubt {
					return nil
				}
				e.To, e.ReasonCode, e.Reason = InDoubt, ReasonOwnerLost, "this deposit did not arrive, and an earlier one may have: it is looked up"
				return moveAfter(ctx, tx, a.InvoiceID, e)
			}
			return err
		case attemptNo < n:
			return nil // the row was taken back to before this attempt, as whoever reads it next will notice: then it is looked up
		case e.Outcome == Accepted && !known && state != Abandoned && (state != Parked || why == ParkAbsent || why == ParkBudget):
			if _, err := tx.Exec(ctx, `UPDATE chorus.installation SET assumption_broken_at = clock_timestamp() WHERE assumption_broken_at IS NULL`); err != nil {
				return err
			}
			err = pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
				_, err := savepoint.Exec(ctx, `
					UPDATE chorus.invoices SET state = 'parked', reason_code = $2, reason = $3 WHERE id = $1`,
					a.InvoiceID, ParkContradiction, "a deposit that had been judged absent was accepted after all: the assumptions on delays do not hold")
				return err
			})
			if isTaken(err) {
				return nil // it was rejected or cancelled, and another row has its number since: the evidence is all that can be kept
			}
			return err
		default:
			return nil
		}
	})
}

// noProof is the SQLSTATE of a move to ready without a proof that the portal does not have the invoice (invoices_proof).
const noProof = "CH005"

// moveAfter takes the row to where an attempt's end puts it.
func moveAfter(ctx context.Context, tx pgx.Tx, id int64, e Ending) error {
	_, err := tx.Exec(ctx, `
		UPDATE chorus.invoices
		SET state = $2, reason_code = nullif($3, ''), reason = nullif($4, ''), due_at = clock_timestamp() + $5::interval,
		    numero_flux_depot = coalesce(nullif($6, ''), numero_flux_depot), identifiant_facture_cpp = coalesce(nullif($9, 0::bigint), identifiant_facture_cpp),
		    date_depot = coalesce($7, date_depot),
		    refusals = CASE WHEN $8::int = 0 THEN 0 ELSE refusals + $8 END
		WHERE id = $1`, id, e.To, e.ReasonCode, e.Reason, later(e.Due), e.NumeroFlux, nullTime(e.DateDepot), e.Refusals, e.Facture)
	return err
}

// Reap takes to in_doubt every sending row whose attempt has said nothing for grace after its send deadline, and returns how many. Their owner may
// still report: Finish then overrides OWNER_LOST. An attempt whose row was parked meanwhile, because an earlier one turned out to be accepted, is given up
// likewise and moves nothing. The lock on the row comes first, as in Finish.
func (s *Store) Reap(ctx context.Context, grace, resolveAfter time.Duration) (int, error) {
	var reaped int
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
		WITH silent AS (
		    SELECT i.id AS invoice_id, a.id AS attempt_id
		    FROM chorus.attempts a
		    JOIN chorus.invoices i ON i.id = a.invoice_id
		    WHERE a.outcome IS NULL AND clock_timestamp() > a.send_deadline + $1::interval
		    LIMIT 500
		    FOR UPDATE OF i SKIP LOCKED
		), lost AS (
		    UPDATE chorus.attempts a
		    SET outcome = 'OWNER_LOST', finished_at = clock_timestamp()
		    FROM silent
		    WHERE a.id = silent.attempt_id AND a.outcome IS NULL
		    RETURNING a.id, a.invoice_id, a.n
		), freed AS (
		    UPDATE chorus.slots SET attempt_id = NULL WHERE attempt_id IN (SELECT id FROM lost)
		), moved AS (
		    UPDATE chorus.invoices i
		    SET state = 'in_doubt', reason_code = 'OWNER_LOST', reason = 'the worker that sent it did not say what became of it',
		        due_at = clock_timestamp() + $2::interval
		    FROM lost
		    WHERE i.id = lost.invoice_id AND i.state = 'sending' AND i.attempt_no = lost.n
		    RETURNING i.id
		)
		SELECT count(*) FROM moved`, grace, resolveAfter).Scan(&reaped)
		if err != nil || reaped == 0 {
			return err
		}
		return crash.Point(crash.ReaperMidBatch)
	})
	return reaped, err
}

// Slots sets how many deposits may be in flight over the whole fleet. A slot that is taken when the number shrinks lasts until its attempt ends.
func (s *Store) Slots(ctx context.Context, n int) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO chorus.slots (n) SELECT generate_series(1, $1) ON CONFLICT DO NOTHING`, n); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM chorus.slots WHERE n > $1 AND attempt_id IS NULL`, n)
		return err
	})
}

// FreeSlots frees the slots of attempts that have ended or never began: what a crash between two statements of somebody's hand may have left.
func (s *Store) FreeSlots(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.slots s
		SET attempt_id = NULL
		WHERE attempt_id IS NOT NULL
		  AND NOT EXISTS (SELECT FROM chorus.attempts a WHERE a.id = s.attempt_id AND a.outcome IS NULL)`)
	return err
}

func nullTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func nullJSON(b []byte) *string {
	s := string(b)
	if s == "null" {
		return nil
	}
	return &s
}
