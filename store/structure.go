package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// Structure is a supplier structure that an account may see at the portal, and what has been learned of its change feed.
type Structure struct {
	Account     string
	ID          int64
	Identifiant string // SIRET
	Designation string
	KnownAt     time.Time // since when we follow it
	FeedRead
	Lateness    time.Duration // how late the feed showed a change, at most, within a day; -1: that has not been seen
	PageRows    int           // rows granted a page; 0: not known
	Resting     bool          // nothing of ours was open lately
	Count       bool          // the last day's changes are due to be counted
	Counts      int           // how often they were
	Deep        bool          // and the last month's
	Probe       bool          // what the portal makes of the filter is due to be tried
	Honoured    Honoured
	Offset      time.Duration // what is asked for must be so much later than what is meant
	DepotCursor time.Time     // without the filter: the day of deposit that was read last; zero: begin
	Now         time.Time     // the database's clock
}

// Honoured says what the portal makes of a feed's filter, the period of the last change.
type Honoured string

// What a portal may make of it (docs/chorus-pro.md §12).
const (
	HonouredUnknown Honoured = "unknown" // not tried yet: taken for hours
	HonouredHours   Honoured = "hours"
	HonouredDays    Honoured = "days"
	HonouredNot     Honoured = "ignored"
)

// Structures replaces what is known of an account's supplier structures, keeping their watermarks; they are asked for again after every.
func (s *Store) Structures(ctx context.Context, account string, list []Structure, every time.Duration) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		for _, st := range list {
			_, err := tx.Exec(ctx, `
				INSERT INTO chorus.structures (account, id_structure_cpp, identifiant, designation)
				VALUES ($1, $2, $3, $4)
				ON CONFLICT (account, id_structure_cpp) DO UPDATE SET identifiant = excluded.identifiant, designation = excluded.designation`,
				account, st.ID, st.Identifiant, st.Designation)
			if err != nil {
				return err
			}
		}
		ids := make([]int64, 0, len(list))
		for _, st := range list {
			ids = append(ids, st.ID)
		}
		if _, err := tx.Exec(ctx, `
			UPDATE chorus.structures SET listed = NOT listed WHERE account = $1 AND listed <> (id_structure_cpp = ANY ($2))`, account, ids); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			UPDATE chorus.accounts
			SET compare_fault = CASE WHEN structures_at IS NOT NULL THEN compare_fault END, structures_at = clock_timestamp(), next_at = clock_timestamp() + $2::interval WHERE name = $1`, account, every)
		return err
	})
}

// TakeStructure hands the structure to the job that claimed it, or returns ErrGone.
func (s *Store) TakeStructure(ctx context.Context, key StructureKey, claim int64, lease time.Duration) (Structure, error) {
	st := Structure{Account: key.Account, ID: key.ID}
	var mark, fresh, wideFrom, wideAt, checked, learning, cursor *time.Time
	var late, offset float64
	err := s.pool.QueryRow(ctx, `
		UPDATE chorus.structures
		SET claimed_until = clock_timestamp() + $4::interval
		WHERE account = $1 AND id_structure_cpp = $2 AND claim = $3
		RETURNING identifiant, coalesce(designation, ''), known_at, watermark, fresh_until, wide_from, wide_at, checked_until, learning_until,
		          (SELECT coalesce(extract(epoch FROM max(l.lateness)), -1)::float8
		           FROM chorus.feed_lateness l
		           WHERE l.account = $1 AND l.id_structure_cpp = $2 AND l.hour > clock_timestamp() - interval '1 day'), coalesce(page_rows, 0), resting,
		          count_due_at <= clock_timestamp(), counts, deep_due_at <= clock_timestamp(), probe_due_at <= clock_timestamp(),
		          filter_honoured, extract(epoch FROM filter_offset)::float8, depot_cursor, clock_timestamp()`, key.Account, key.ID, claim, lease).
		Scan(&st.Identifiant, &st.Designation, &st.KnownAt, &mark, &fresh, &wideFrom, &wideAt, &checked, &learning, &late, &st.PageRows, &st.Resting, &st.Count, &st.Counts, &st.Deep, &st.Probe, &st.Honoured, &offset, &cursor, &st.Now)
	if errors.Is(err, pgx.ErrNoRows) {
		return st, ErrGone
	}
	for at, found := range map[*time.Time]*time.Time{
		&st.Watermark: mark, &st.Fresh: fresh, &st.WideFrom: wideFrom, &st.WideAt: wideAt, &st.Checked: checked, &st.Learning: learning, &st.DepotCursor: cursor,
	} {
		if found != nil {
			*at = *found
		}
	}
	st.Lateness, st.Offset = seconds(late), seconds(offset)
	return st, err
}

// HoldStructure keeps a claimed structure for another lease, or returns ErrGone.
func (s *Store) HoldStructure(ctx context.Context, key StructureKey, claim int64, lease time.Duration) error {
	tag, err := s.pool.Exec(ctx, `
		UPDATE chorus.structures SET claimed_until = clock_timestamp() + $4::interval WHERE account = $1 AND id_structure_cpp = $2 AND claim = $3`,
		key.Account, key.ID, claim, lease)
	if err == nil && tag.RowsAffected() == 0 {
		return ErrGone
	}
	return err
}

// Open tells whether an invoice of the structure's supplier is at the portal, or on its way there, and not over; one that waits to be sent may be typed in meanwhile.
//
// For an EXISTS without an order PostgreSQL reads the table until it meets a hit, in the belief that it comes early: all of it, where there is none. With an order it reads an index.
func (s *Store) Open(ctx context.Context, st Structure) (bool, error) {
	var open bool
	err := s.pool.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM (
		    SELECT FROM chorus.invoices
		    WHERE fournisseur_siret = $1 AND identifiant_facture_cpp IS NOT NULL AND state = 'integrated'
		    ORDER BY statut_courant_date DESC
		    LIMIT 1) i
		) OR EXISTS (
		    SELECT
		    FROM unnest(ARRAY['deposited', 'sending', 'in_doubt', 'parked', 'ready']) AS s (state)
		    CROSS JOIN LATERAL (
		        SELECT FROM chorus.invoices i
		        WHERE i.state = s.state AND fournisseur_siret = $1 AND (identifiant_facture_cpp IS NOT NULL OR account = $2 AND i.state <> 'parked')
		        ORDER BY i.id
		        LIMIT 1) i
		)`, st.Identifiant, st.Account).Scan(&open)
	return open, err
}

// Odd tells in which spans of time, each of that length, rows of the structure changed last whose statut the portal showed without a name, or
// with one that is not in the official list: the latest ones, at most so many, of those within [from, to).
func (s *Store) Odd(ctx context.Context, st Structure, from, to time.Time, span time.Duration, most int) ([]time.Time, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT DISTINCT date_bin($5::interval, statut_courant_date, timestamptz 'epoch') AS begins
		FROM chorus.invoices
		WHERE account = $1 AND fournisseur_siret = $2 AND statut_courant_date >= $3 AND statut_courant_date < $4
		  AND identifiant_facture_cpp IS NOT NULL AND state = 'integrated'
		  AND NOT EXISTS (SELECT FROM chorus.statuts WHERE code = statut_courant)
		ORDER BY begins DESC
		LIMIT $6`, st.Account, st.Identifiant, from, to, span, most)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[time.Time])
}

// Counted sets when a feed's changes are counted, and its filter tried, again. A zero duration leaves that time as it is.
func (s *Store) Counted(ctx context.Context, key StructureKey, count, deep, probe time.Duration) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.structures
		SET count_due_at = CASE WHEN $3 = interval '0' THEN count_due_at ELSE clock_timestamp() + $3 END,
		    counts = counts + ($3 > interval '0')::int,
		    deep_due_at = CASE WHEN $4 = interval '0' THEN deep_due_at ELSE clock_timestamp() + $4 END,
		    probe_due_at = CASE WHEN $5 = interval '0' THEN probe_due_at ELSE clock_timestamp() + $5 END
		WHERE account = $1 AND id_structure_cpp = $2`, key.Account, key.ID, count, deep, probe)
	return err
}

// Honours writes down what the portal makes of a feed's filter, and says once, in the events, that it is not what it should be, or is so again. It tells
// whether it said something.
func (s *Store) Honours(ctx context.Context, key StructureKey, h Honoured, offset time.Duration) (bool, error) {
	var said bool
	err := s.pool.QueryRow(ctx, `SELECT chorus.feed_honours($1, $2, $3, $4)`, key.Account, key.ID, string(h), offset).Scan(&said)
	return said, err
}

// Example is an invoice of a feed to try its filter with.
type Example struct {
	CPP    int64
	Numero string
	At     time.Time // its latest change
}

// Example returns the invoice of the structure whose latest change is the last one before a moment; false when there is none.
func (s *Store) Example(ctx context.Context, st Structure, before time.Time) (Example, bool, error) {
	var e Example
	err := s.pool.QueryRow(ctx, `
		SELECT cpp, numero, at
		FROM (
		    (SELECT identifiant_facture_cpp AS cpp, numero_facture AS numero, statut_courant_date AS at
		     FROM chorus.invoices
		     WHERE fournisseur_siret = $3 AND identifiant_facture_cpp IS NOT NULL AND statut_courant_date < $4
		     ORDER BY statut_courant_date DESC
		     LIMIT 1)
		    UNION ALL
		    (SELECT identifiant_facture_cpp, numero_facture, statut_date
		     FROM chorus.strangers
		     WHERE account = $1 AND id_structure_cpp = $2 AND statut_date < $4 AND numero_facture IS NOT NULL
		     ORDER BY statut_date DESC
		     LIMIT 1)
		) x
		ORDER BY at DESC
		LIMIT 1`, st.Account, st.ID, st.Identifiant, before).Scan(&e.CPP, &e.Numero, &e.At)
	if errors.Is(err, pgx.ErrNoRows) {
		return e, false, nil
	}
	return e, err == nil, err
}

// DepotBefore returns the latest day before the given one on which an invoice was deposited that is still open; zero when there is none.
func (s *Store) DepotBefore(ctx context.Context, st Structure, day time.Time) (time.Time, error) {
	var found *time.Time
	err := s.pool.QueryRow(ctx, `
		SELECT max((date_depot AT TIME ZONE 'Europe/Paris')::date)
		FROM chorus.invoices
		WHERE account = $1 AND fournisseur_siret = $2 AND state = 'integrated' AND date_depot < $3::date::timestamp AT TIME ZONE 'Europe/Paris'`,
		st.Account, st.Identifiant, day.Format(time.DateOnly)).Scan(&found)
	if err != nil || found == nil {
		return time.Time{}, err
	}
	return *found, nil
}

// LongestUnseen returns the numbers of the open invoices of a structure that have not been looked at for longest, and counts the look.
func (s *Store) LongestUnseen(ctx context.Context, st Structure, n int) ([]string, error) {
	rows, err := s.pool.Query(ctx, `
		UPDATE chorus.invoices
		SET looks = looks + 1
		WHERE id = ANY (ARRAY(
		    SELECT id
		    FROM chorus.invoices
		    WHERE account = $1 AND fournisseur_siret = $2 AND state = 'integrated'
		    ORDER BY updated_at, id
		    LIMIT $3
		    FOR UPDATE SKIP LOCKED
		))
		RETURNING numero_facture`, st.Account, st.Identifiant, n)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// ReadDepots writes down which day of deposit was read last; zero: begin again with the latest.
func (s *Store) ReadDepots(ctx context.Context, key StructureKey, day time.Time) error {
	_, err := s.pool.Exec(ctx, `UPDATE chorus.structures SET depot_cursor = $3 WHERE account = $1 AND id_structure_cpp = $2`, key.Account, key.ID, nullTime(day))
	return err
}

// UsualWait is how long after the acknowledgement of a deposit the supplier's feed usually shows its invoice; 0 when nothing is known.
func (s *Store) UsualWait(ctx context.Context, account, siret string) (time.Duration, error) {
	var wait float64
	err := s.pool.QueryRow(ctx, `
		SELECT coalesce(extract(epoch FROM max(usual_wait)), 0)::float8 FROM chorus.structures WHERE account = $1 AND identifiant = $2`, account, siret).Scan(&wait)
	return seconds(wait), err
}

// Degraded counts the feeds of each account whose filter the portal does not honour as it should.
func (s *Store) Degraded(ctx context.Context) (map[string]int, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT account, count(*) FILTER (WHERE filter_honoured IN ('days', 'ignored') OR filter_offset <> interval '0')::int
		FROM chorus.structures
		GROUP BY account`)
	if err != nil {
		return nil, err
	}
	degraded := map[string]int{}
	var account string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&account, &n}, func() error {
		degraded[account] = n
		return nil
	})
	return degraded, err
}

// StructureOf returns the portal's number of the supplier structure with this SIRET, or 0 when the account does not see it: it never did, or the portal's last list has it
// no more.
func (s *Store) StructureOf(ctx context.Context, account, siret string) (int64, error) {
	var id int64
	err := s.pool.QueryRow(ctx, `SELECT id_structure_cpp FROM chorus.structures WHERE account = $1 AND identifiant = $2 AND listed ORDER BY id_structure_cpp DESC LIMIT 1`, account, siret).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

// LeaveStructure gives a kept structure back; its feed is due when its reading said, or when a deposit has woken it since.
func (s *Store) LeaveStructure(ctx context.Context, key StructureKey, claim int64) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.structures SET claim = NULL, claimed_until = NULL WHERE account = $1 AND id_structure_cpp = $2 AND claim = $3`, key.Account, key.ID, claim)
	return err
}

// ReleaseStructure gives a claimed structure back; its feed is read again after wait, from the same watermark. A fault is why it could not be read; "" says
// nothing of that.
func (s *Store) ReleaseStructure(ctx context.Context, key StructureKey, claim int64, wait time.Duration, fault string) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.structures
		SET claim = NULL, claimed_until = NULL, next_sync_at = clock_timestamp() + $4::interval, sync_fault = coalesce(nullif($5, ''), sync_fault)
		WHERE account = $1 AND id_structure_cpp = $2 AND claim = $3`, key.Account, key.ID, claim, later(wait), fault)
	return err
}

// FeedAge is how long ago the change feed of a supplier structure was last read to its end; where it never was, since when the structure is known.
type FeedAge struct {
	Account     string
	Identifiant string // SIRET
	Age         time.Duration
}

// mostFeedAges bounds what FeedAges returns.
const mostFeedAges = 1000

// FeedAges lists the change feeds of accounts, the oldest first. Those that rest are left out: they are read now and then only, and nothing of ours is open.
func (s *Store) FeedAges(ctx context.Context, accounts []string) ([]FeedAge, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT account, identifiant, extract(epoch FROM clock_timestamp() - coalesce(synced_at, known_at))::float8 AS age
		FROM chorus.structures
		WHERE account = ANY ($1) AND NOT resting
		ORDER BY age DESC
		LIMIT $2`, accounts, mostFeedAges)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (a FeedAge, err error) {
		var age float64
		err = row.Scan(&a.Account, &a.Identifiant, &age)
		a.Age = max(seconds(age), 0)
		return a, err
	})
}
