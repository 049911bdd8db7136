package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// When no worker was alive, nobody can tell whether the database was taken back meanwhile; while an account is paused, people type in at the portal what cannot wait. The account
// is then compared with what the portal has got since, before anything is sent for it (docs/protocol.md §3.5).

// alive is how old a heartbeat may be whose worker may still be alive; a live one beats every second.
const alive = 5 * time.Second

// Beating tells when the latest heartbeat of other workers was, how long ago that is, and whether any of those that have not said that they stopped may
// still be alive.
func (s *Store) Beating(ctx context.Context, worker string) (last time.Time, maybe bool, err error) {
	var at *time.Time
	err = s.pool.QueryRow(ctx, `
		SELECT max(beat_at), coalesce(bool_or(NOT stopped AND beat_at > clock_timestamp() - $2::interval), false)
		FROM chorus.heartbeats
		WHERE worker <> $1`, worker, alive).Scan(&at, &maybe)
	if at != nil {
		last = *at
	}
	return last, maybe, err
}

// PleaseBeat is what a notification on chorus_wake says that has every worker beat at once, rather than within a second. Whoever may connect may send it:
// it does no harm.
const PleaseBeat = "beat"

// AskBeat has every worker that is alive beat at once.
func (s *Store) AskBeat(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, `SELECT pg_notify('chorus_wake', $1)`, PleaseBeat)
	return err
}

// Beats tells when each worker of the last day beat last.
func (s *Store) Beats(ctx context.Context) (map[string]time.Time, error) {
	rows, err := s.pool.Query(ctx, `SELECT worker, beat_at FROM chorus.heartbeats WHERE beat_at > clock_timestamp() - interval '1 day'`)
	if err != nil {
		return nil, err
	}
	beats := map[string]time.Time{}
	var worker string
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&worker, &at}, func() error {
		beats[worker] = at
		return nil
	})
	return beats, err
}

// Stopped says that the worker has stopped by itself, so that nobody waits for its next heartbeat; and forgets workers of long ago.
func (s *Store) Stopped(ctx context.Context, worker string) error {
	_, err := s.pool.Exec(ctx, `
		WITH old AS (
		    DELETE FROM chorus.heartbeats
		    WHERE beat_at < clock_timestamp() - interval '30 days' AND beat_at < (SELECT max(beat_at) FROM chorus.heartbeats) AND worker <> $1
		)
		UPDATE chorus.heartbeats SET stopped = true WHERE worker = $1`, worker)
	return err
}

// askComparison is a statement, to which a condition may be added.
const askComparison = `
		UPDATE chorus.accounts a
		SET compare_since = least(a.compare_since, s.since), compare_asked_at = clock_timestamp(), compare_next_at = '-infinity',
		    compare_page = NULL, compare_pages = NULL, compare_fault = NULL
		FROM (SELECT chorus.vouched_until(clock_timestamp()) AS since) s`

// AskComparison has every account compared with the portal before anything is sent for it: with what the portal has got since the last heartbeat. One that is
// asked for already begins anew: it may itself have come back with the database. Where nothing was ever sent from this database, but from another one before (since, not
// zero), what the portal has got since then counts, too.
func (s *Store) AskComparison(ctx context.Context, since time.Time) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, askComparison); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			UPDATE chorus.accounts SET compare_since = least(compare_since, $1) WHERE $1::timestamptz IS NOT NULL AND NOT EXISTS (SELECT FROM chorus.attempts)`, nullTime(since))
		return err
	})
}

// Reaches tells whether what was kept outside of the database reaches to its last heartbeat, within what a worker that was killed may not have written; and which
// accounts waited for a comparison before: for the time before those waits it vouches for nothing. A heartbeat that is still to come was told by a clock that was ahead.
func (s *Store) Reaches(ctx context.Context, kept Memory) (reaches bool, waiting []string, err error) {
	err = s.pool.QueryRow(ctx, `
		SELECT coalesce((SELECT max(beat_at) FROM chorus.heartbeats) <= $1::timestamptz + $2::interval, false) AND $1 <= clock_timestamp() + $2,
		       ARRAY (SELECT name FROM chorus.accounts WHERE compare_since IS NOT NULL)`, kept.Beat, alive).Scan(&reaches, &waiting)
	return reaches, waiting, err
}

// Came returns a *Forgot when the database holds, of before its last quarantine, what workers have kept of another installation: its rows come from there, and who
// knows how old they are.
func (s *Store) Came(ctx context.Context, other Memory) error {
	marks, times := make([]int64, len(other.Marks)), make([]time.Time, len(other.Marks))
	for k, mark := range other.Marks {
		marks[k], times[k] = mark.Event, mark.At
	}
	var came bool
	var since *time.Time
	err := s.pool.QueryRow(ctx, `
		WITH common AS (
		    SELECT m.at FROM unnest($2::bigint[], $3::timestamptz[]) AS m (id, at) WHERE `+knownEvent("m.id", "m.at")+`
		    UNION ALL
		    SELECT claimed_at FROM chorus.attempts WHERE id = ANY ($1)
		)
		SELECT coalesce(max(at) > (SELECT coalesce(quarantined_at, '-infinity') FROM chorus.installation), false), max(at) FROM common`,
		other.Attempts, marks, times).Scan(&came, &since)
	if err != nil || !came {
		return err
	}
	return &Forgot{
		Witness: WitnessState, Kind: KindRestore, Tables: true, Since: *since, Attempts: other.Attempts,
		Detail: "it holds what workers have kept of another installation: its rows were put into a database that was made later",
	}
}

// DueComparisons takes the accounts that are due to be compared, within tx; each is due again after lease, unless its job says otherwise before: a job that
// is lost delays it by no more.
func (s *Store) DueComparisons(ctx context.Context, tx pgx.Tx, lease time.Duration, accounts []string) ([]string, error) {
	rows, err := tx.Query(ctx, `
		UPDATE chorus.accounts
		SET compare_next_at = clock_timestamp() + $1::interval
		WHERE name IN (
		    SELECT name FROM chorus.accounts
		    WHERE compare_since IS NOT NULL AND compare_next_at <= clock_timestamp() AND name = ANY ($2) AND paused_at IS NULL AND chorus.reachable(name)
		    FOR UPDATE SKIP LOCKED
		)
		RETURNING name`, lease, accounts)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// Comparison is what is to be compared of an account.
type Comparison struct {
	Since   time.Time // what the portal has got since
	Asked   time.Time
	Now     time.Time
	Unread  bool          // documents wait to be read: their numbers are not known yet
	First   bool          // no worker has ever sent anything with this database, or ended a comparison
	Listed  bool          // the account's supplier structures are known
	Vouched bool          // a person has let the account go on since, though it may not search
	Resumed bool          // it was paused, or its portal away, and nothing else asks: there is no doubt about the database
	Waiting time.Duration // for how long it has been asked for
	Waited  time.Duration // for how long deposits wait, however often it was asked for
}

// Silence is for how long no worker vouches.
func (c Comparison) Silence() time.Duration { return c.Asked.Sub(c.Since).Round(time.Second) }

// Comparing returns what is to be compared of an account; ErrGone: nothing.
func (s *Store) Comparing(ctx context.Context, account string) (Comparison, error) {
	var c Comparison
	var waiting, waited float64
	err := s.pool.QueryRow(ctx, `
		SELECT compare_since, compare_asked_at, clock_timestamp(),
		       EXISTS (SELECT FROM chorus.invoices WHERE state = 'received' AND account = $1 AND created_at < compare_asked_at),
		       NOT EXISTS (SELECT FROM chorus.attempts) AND (
		           NOT EXISTS (SELECT FROM chorus.heartbeats WHERE started_at < compare_asked_at)
		           OR compare_since <= (SELECT created_at FROM chorus.installation)), -- no start before this one came to its end
		       structures_at IS NOT NULL, coalesce(compare_vouched_at > compare_asked_at, false), coalesce(compare_resumed_at = compare_asked_at, false),
		       extract(epoch FROM clock_timestamp() - compare_asked_at)::float8, extract(epoch FROM clock_timestamp() - coalesce(compare_waits_since, compare_asked_at))::float8
		FROM chorus.accounts
		WHERE name = $1 AND compare_since IS NOT NULL`, account).Scan(&c.Since, &c.Asked, &c.Now, &c.Unread, &c.First, &c.Listed, &c.Vouched, &c.Resumed, &waiting, &waited)
	c.Waiting, c.Waited = seconds(waiting), seconds(waited)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, ErrGone
	}
	return c, err
}

// Lag is the error that says that the database's clock is behind: Chorus Pro has got a deposit of a day that is still to come.
type Lag struct {
	Day string    // of that deposit, in Paris
	Now time.Time // by the database's clock
}

func (l *Lag) Error() string {
	return "Chorus Pro has got a deposit of " + l.Day + ", and by PostgreSQL's clock it is " + Stamp(l.Now)
}

// NotVouched begins the reason of a pause that the worker made: no worker was alive, and the account may not search. A person answers for it by resuming it.
const NotVouched = "NOT_VOUCHED: "

// Waiting is what of the comparison is not done yet. An account that is paused for another reason waits for that.
type Waiting struct {
	Accounts  []string      // that Chorus Pro is asked about
	Since     time.Time     // the first of them waits
	Reachable time.Duration // how long one waits whose portal is not known to be down
	Asking    []string      // that wait for a person (NotVouched)
}

// Text is it in one line.
func (w *Waiting) Text() string {
	var parts []string
	if len(w.Accounts) > 0 {
		parts = append(parts, "deposits of "+strings.Join(w.Accounts, ", ")+" wait since "+Stamp(w.Since)+" for Chorus Pro to list what it holds")
	}
	if len(w.Asking) > 0 {
		parts = append(parts, "deposits of "+strings.Join(w.Asking, ", ")+
			" wait: a person must say whether the database was restored, because Chorus Pro cannot tell (choriste todo)")
	}
	return strings.Join(parts, "; ")
}

// WaitingToCompare tells which of the accounts wait to be compared; nil: none does.
func (s *Store) WaitingToCompare(ctx context.Context, accounts []string) (*Waiting, error) {
	var w Waiting
	var since *time.Time
	err := s.pool.QueryRow(ctx, `
		SELECT coalesce(array_agg(name ORDER BY name) FILTER (WHERE paused_at IS NULL), '{}'), min(compare_waits_since) FILTER (WHERE paused_at IS NULL),
		       coalesce(max(clock_timestamp() - compare_waits_since) FILTER (WHERE paused_at IS NULL AND chorus.reachable(name)), '0'),
		       coalesce(array_agg(name ORDER BY name) FILTER (WHERE paused_at IS NOT NULL AND starts_with(pause_reason, $2)), '{}')
		FROM chorus.accounts
		WHERE compare_since IS NOT NULL AND name = ANY ($1)`, accounts, NotVouched).Scan(&w.Accounts, &since, &w.Reachable, &w.Asking)
	if err != nil || since == nil && len(w.Asking) == 0 {
		return nil, err
	}
	if since != nil {
		w.Since = *since
	}
	return &w, nil
}

// CompareLater has the account compared after wait.
func (s *Store) CompareLater(ctx context.Context, account string, wait time.Duration) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.accounts SET compare_next_at = clock_timestamp() + $2::interval WHERE name = $1`, account, later(wait))
	return err
}

// CompareOn is CompareLater, and says how far the comparison is and what Chorus Pro answered; "": it lists.
func (s *Store) CompareOn(ctx context.Context, account string, wait time.Duration, page, pages int, fault string) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.accounts
		SET compare_next_at = clock_timestamp() + $2::interval, compare_page = $3, compare_pages = $4, compare_fault = nullif($5, '')
		WHERE name = $1`, account, later(wait), page, pages, fault)
	return err
}

// Compared lets the account's deposits go on, unless another comparison was asked for meanwhile.
func (s *Store) Compared(ctx context.Context, account string, c Comparison) error {
	_, err := s.pool.Exec(ctx, `UPDATE chorus.accounts SET compare_since = NULL WHERE name = $1 AND compare_asked_at = $2`, account, c.Asked)
	return err
}

// WaitingStructure is a supplier for which something waits to be sent.
type WaitingStructure struct {
	ID    int64 // the portal's number of the structure; 0: the account is not attached to the supplier
	Siret string
}

// WaitingStructures lists the supplier structures for which something of the account waits to be sent.
func (s *Store) WaitingStructures(ctx context.Context, account string) ([]WaitingStructure, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT DISTINCT coalesce((
		    SELECT id_structure_cpp FROM chorus.structures
		    WHERE account = $1 AND identifiant = w.siret AND listed
		    ORDER BY id_structure_cpp DESC
		    LIMIT 1), 0), siret
		FROM (SELECT DISTINCT fournisseur_siret AS siret FROM chorus.invoices WHERE account = $1 AND state = 'ready') w`, account)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[WaitingStructure])
}

// Unsent lists which of the portal's invoices came to it by a deposit that this database knows nothing of, though a row of the account has their number: by their
// place in the list, the row's number. known are those that the portal had shown before the moment of the comparison: whoever deposited them, that was not forgotten. Such a row waits to be sent; or it is parked, in doubt or refused, and what its attempts and those of other rows of
// its number became is known, so that none explains the invoice. An attempt that stands for a forgotten one explains nothing when it was written only since
// the comparison was asked for: the change feed, which is read beside it, may have been first. What is looked up first already is no news. A number that is written otherwise is the row's where
// amount and date are, too.
func (s *Store) Unsent(ctx context.Context, account string, since, asked time.Time, seen []Seen) (found map[int]int64, known map[int]bool, err error) {
	numbers, sirens, years, fluxes := make([]string, len(seen)), make([]string, len(seen)), make([]int, len(seen)), make([]string, len(seen))
	cpps, sums, days := make([]int64, len(seen)), make([]string, len(seen)), make([]string, len(seen))
	for k, f := range seen {
		numbers[k], sirens[k], fluxes[k], cpps[k] = f.NumeroFacture, f.Siren(), f.NumeroFlux, f.IdentifiantFactureCPP
		if !f.DateFacture.IsZero() {
			years[k], days[k] = f.DateFacture.Year(), f.DateFacture.Format(time.DateOnly)
		}
		if f.MontantTTC.Valid {
			sums[k] = f.MontantTTC.Decimal.String()
		}
	}
	rows, err := s.pool.Query(ctx, `
		WITH portal AS (
		    SELECT x.k, x.flux, x.cpp, i.*
		    FROM unnest($2::text[], $3::text[], $4::int[], $5::text[], $7::bigint[], $8::text[], $9::text[]) WITH ORDINALITY AS x (numero, siren, year, flux, cpp, ttc, day, k)
		    CROSS JOIN LATERAL (
		        SELECT id, state, attempt_no, lookup_first, identifiant_facture_cpp, numero_facture, left(fournisseur_siret, 9) AS siren, extract(year FROM date_facture) AS year
		        FROM `+ofNumber("r", "x.numero")+`
		        WHERE account = $1
		          AND (x.siren = '' OR left(fournisseur_siret, 9) = x.siren)
		          AND (x.year = 0 OR extract(year FROM date_facture) = x.year)
		          AND (r.numero_facture = x.numero
		               OR r.montant_ttc = nullif(x.ttc, '')::numeric AND r.date_facture = nullif(x.day, '')::date AND NOT `+otherRows("r", "x.flux", "x.cpp", "x.numero")+`)
		    ) i
		)
		SELECT k::int - 1, id, EXISTS (SELECT FROM chorus.strangers WHERE identifiant_facture_cpp = p.cpp AND first_seen_at < $10)
		FROM portal p
		WHERE state = 'ready'
		   OR NOT lookup_first
		      AND (state IN ('parked', 'in_doubt') OR state = 'rejected' AND identifiant_facture_cpp IS NULL
		           OR EXISTS (SELECT FROM chorus.attempts WHERE invoice_id = p.id AND worker = 'quarantine' AND claimed_at >= $6))
		      AND NOT EXISTS (SELECT FROM chorus.invoices o WHERE o.numero_flux_depot = p.flux AND o.id <> p.id)
		      AND NOT EXISTS (
		          SELECT
		          FROM chorus.invoices o
		          JOIN chorus.attempts a ON a.invoice_id = o.id
		          WHERE o.numero_facture = p.numero_facture AND left(o.fournisseur_siret, 9) = p.siren AND extract(year FROM o.date_facture) = p.year
		            AND (a.numero_flux_depot = p.flux
		                 OR a.claimed_at < (SELECT quarantined_at FROM chorus.installation)
		                 OR coalesce(a.outcome, 'AMBIGUOUS') IN ('AMBIGUOUS', 'OWNER_LOST', 'DUPLICATE') AND NOT (a.worker = 'quarantine' AND a.claimed_at >= $6)))`,
		account, numbers, sirens, years, fluxes, asked, cpps, sums, days, since)
	if err != nil {
		return nil, nil, err
	}
	found, known = map[int]int64{}, map[int]bool{}
	var k int
	var id int64
	var before bool
	_, err = pgx.ForEachRow(rows, []any{&k, &id, &before}, func() error {
		found[k], known[k] = id, before
		return nil
	})
	return found, known, err
}

// unable tells of an account, by its row of chorus.able, that no worker could send for lately: until one says that it can (Able), nothing is sent.
const unable = `said_at < clock_timestamp() - interval '1 minute'`

// Able says that this process can send for these of its accounts (all), as far as it knows; those are left out that are paused, whose portal is not to be asked, or whose application may
// not ask before some time or day. Where nobody could for more than a minute, whoever was in a hurry has typed something in at the portal: as after a pause
// (chorus.accounts_resumed), it is compared with that before anything is sent. It names those accounts. For one that comes while nobody can, nobody could since then. One that somebody has locked keeps no other one back: it is
// waited for when the others are done, so that who has locked it is found (LockHolders).
func (s *Store) Able(ctx context.Context, accounts, all []string) (asked []string, err error) {
	if s.steps == nil { // the clock is a test's
		return nil, nil
	}
	asked, locked, err := s.able(ctx, accounts, all, "SKIP LOCKED")
	if err != nil || len(locked) == 0 {
		return asked, err
	}
	late, _, err := s.able(ctx, locked, nil, "")
	return append(asked, late...), err
}

// able is Able in one statement. wait is SKIP LOCKED or nothing; what it passes over is named as locked.
func (s *Store) able(ctx context.Context, accounts, all []string, wait string) (asked, locked []string, err error) {
	rows, err := s.pool.Query(ctx, `
		WITH can AS (
		    SELECT name, said_at, compare_asked_at AS asked_before, clock_timestamp() AS moment,
		           coalesce(`+unable+`, false) AND can_search IS NOT FALSE AND (compare_since IS NULL OR compare_vouched_at > compare_asked_at IS NOT TRUE) AS ask
		    FROM chorus.accounts a
		    LEFT JOIN chorus.able e ON e.account = a.name
		    WHERE name = ANY ($1) AND (said_at BETWEEN clock_timestamp() - $2::interval AND clock_timestamp()) IS NOT TRUE AND paused_at IS NULL AND chorus.reachable(name)
		      AND NOT EXISTS (
		          SELECT
		          FROM chorus.budgets b
		          WHERE 'application/' || b.key = ANY (a.behind)
		            AND (b.paused_until > clock_timestamp() + interval '5 seconds' OR b.daily > 0 AND b.today >= b.daily AND b.day = (clock_timestamp() AT TIME ZONE 'Europe/Paris')::date))
		), free AS (
		    SELECT name FROM chorus.accounts WHERE name IN (SELECT name FROM can WHERE ask) ORDER BY name FOR NO KEY UPDATE `+wait+`
		), asked AS (
		    UPDATE chorus.accounts a
		    SET compare_resumed_at = CASE WHEN compare_since IS NULL OR compare_resumed_at = compare_asked_at THEN moment ELSE compare_resumed_at END,
		        compare_asked_at = moment, compare_since = least(compare_since, said_at), compare_next_at = '-infinity',
		        compare_page = NULL, compare_pages = NULL, compare_fault = NULL
		    FROM can
		    WHERE a.name = can.name AND a.name IN (SELECT name FROM free) AND compare_asked_at IS NOT DISTINCT FROM asked_before -- nobody else has meanwhile
		    RETURNING a.name
		), said AS (
		    INSERT INTO chorus.able (account, said_at) SELECT name, clock_timestamp() FROM can WHERE NOT ask OR name IN (SELECT name FROM free)
		    ON CONFLICT (account) DO UPDATE SET said_at = excluded.said_at
		), came AS (
		    INSERT INTO chorus.able (account, said_at) SELECT name, clock_timestamp() FROM chorus.accounts WHERE name = ANY ($3) AND name NOT IN (SELECT name FROM can)
		    ON CONFLICT (account) DO NOTHING
		)
		SELECT name, name IN (SELECT name FROM asked), name IN (SELECT name FROM free) FROM can WHERE ask ORDER BY name`, accounts, SayEvery/2, all)
	if err != nil {
		return nil, nil, err
	}
	var (
		name       string
		done, free bool
	)
	_, err = pgx.ForEachRow(rows, []any{&name, &done, &free}, func() error {
		switch {
		case done:
			asked = append(asked, name)
		case !free:
			locked = append(locked, name)
		}
		return nil
	})
	return asked, locked, err
}
