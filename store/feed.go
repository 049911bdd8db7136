package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// FeedRead says how far a change feed has been read. A zero time says nothing.
type FeedRead struct {
	Watermark time.Time // changes up to here have been read when they could no longer be late; zero: the feed has never been read
	Fresh     time.Time // changes up to here have been read once at least
	WideFrom  time.Time // the last reading without a gap showed everything from here
	WideAt    time.Time // to here, which is when it was made
	Checked   time.Time // changes up to here have been counted once more
	Learning  time.Time // how late the portal is, is looked at more often until then
}

// FeedMark says how far a structure's feed has been read, in the same transaction that stores what was read.
type FeedMark struct {
	StructureKey
	Claim   int64
	Lease   time.Duration // while more pages follow
	Now     time.Time     // when the reading began
	Was     FeedRead      // until this reading: what it showed then is not late now
	Last    bool          // this was the last page: the marks below move, and the feed is due again after Next
	Before  Followed      // what the pages before the last one did
	Keep    bool          // the job keeps the structure after the last page
	Read    FeedRead      // where the marks move; a zero time stays
	Next    time.Duration
	Resting bool // nothing of ours is open: a deposit makes the feed due at once

	MostLate time.Duration // nothing later is learned
	Grace    time.Duration // what was settled before this reading had been looked for so long after it happened; 0: by other readings, too
	Learn    time.Duration // what is later than the grace has it looked at more often for so long
	Proves   bool          // this reading would have shown what the one before had not yet: that there is nothing late is worth knowing
	Unsure   time.Duration // a line whose date is too vague holds the watermark back for so long
	PageRows int           // rows granted a page; 0: not said
}

// late is how late the news was, at least, as far as this reading can tell: an earlier one would have shown it. A deposit that was not known
// to have been taken may have been shown before.
func (m FeedMark) late(i Invoice, seen Seen) time.Duration {
	at := seen.StatutDate
	known := m.Now.Add(-i.DepositedFor).Before(m.Was.WideAt)
	if !seen.exact() || i.State == Deposited && !known {
		return 0
	}
	late := time.Duration(0)
	if !m.Was.WideAt.IsZero() && !at.Before(m.Was.WideFrom) && at.Before(m.Was.WideAt) {
		late = max(late, m.Was.WideAt.Sub(at))
	}
	return min(late, m.MostLate)
}

// missed is how late those were that should have been settled: if of those a share was not yet shown after the grace, and one moment is as likely as another.
func (m FeedMark) missed(sum Followed) time.Duration {
	if m.Grace <= 0 || sum.Missed == 0 {
		return 0
	}
	shown := max(1-float64(sum.Missed)/float64(sum.Settled), 0.25)
	return min(time.Duration(float64(m.Grace)/shown), m.MostLate)
}

// endOfFeed gives the structure back, its feed read to the end, with what was learned from it. The usual wait follows nine tenths of those that were seen.
func endOfFeed(ctx context.Context, tx pgx.Tx, mark FeedMark) error {
	if u := mark.Before.Unsure; !u.IsZero() && u.After(mark.Was.Watermark) && mark.Read.Watermark.Sub(u) < mark.Unsure {
		mark.Read.Watermark = u // and asked for again, in the hope of a better date
	}
	if at := mark.Before.Since; !at.IsZero() {
		if mark.Read.Watermark.After(at) && mark.Read.Watermark.Sub(at) < mark.MostLate {
			mark.Read.Watermark = at // and read again; what is locked for longer is found when changes are counted
		}
		mark.Read.WideFrom, mark.Read.WideAt = time.Time{}, time.Time{} // what is followed later was not late
	}
	late := max(mark.Before.Late, mark.missed(mark.Before))
	if late > mark.Grace && mark.Learn > 0 {
		mark.Read.Learning = mark.Now.Add(mark.Learn)
	}
	var wait *time.Duration
	if n := len(mark.Before.Waits); n > 0 {
		slices.Sort(mark.Before.Waits)
		wait = &mark.Before.Waits[n*9/10]
	}
	tag, err := tx.Exec(ctx, `
		UPDATE chorus.structures
		SET claim = CASE WHEN $4 THEN claim END,
		    claimed_until = CASE WHEN $4 THEN clock_timestamp() + $5::interval END,
		    next_sync_at = clock_timestamp() + $6::interval,
		    -- A deposit since it was looked for wakes it only when it rests already.
		    resting = $7 AND NOT EXISTS (SELECT FROM (
		        SELECT FROM chorus.invoices i
		        WHERE i.account = $1 AND i.fournisseur_siret = identifiant AND i.state = 'deposited'
		        ORDER BY i.due_at -- by its index: see Open
		        LIMIT 1) i),
		    watermark = greatest(watermark, $8),
		    fresh_until = greatest(fresh_until, $9),
		    wide_from = coalesce($10, wide_from),
		    wide_at = coalesce($11, wide_at),
		    checked_until = greatest(checked_until, $12),
		    page_rows = coalesce(nullif($13, 0), page_rows),
		    learning_until = greatest(learning_until, $15),
		    synced_at = clock_timestamp(),
		    sync_expected_at = clock_timestamp() + $6::interval,
		    sync_fault = NULL,
		    usual_wait = CASE WHEN $14::interval IS NULL THEN usual_wait ELSE coalesce(usual_wait * 0.8 + $14 * 0.2, $14) END
		WHERE account = $1 AND id_structure_cpp = $2 AND claim = $3`,
		mark.Account, mark.ID, mark.Claim, mark.Keep, mark.Lease, later(mark.Next), mark.Resting, nullTime(mark.Read.Watermark), nullTime(mark.Read.Fresh),
		nullTime(mark.Read.WideFrom), nullTime(mark.Read.WideAt), nullTime(mark.Read.Checked), mark.PageRows, wait, nullTime(mark.Read.Learning))
	if err == nil && tag.RowsAffected() == 0 {
		return ErrGone
	}
	if err != nil || late <= 0 && !mark.Proves {
		return err
	}
	return learnLateness(ctx, tx, mark.StructureKey, late)
}

// learnLateness keeps, for a day, the latest of each hour.
func learnLateness(ctx context.Context, tx pgx.Tx, key StructureKey, late time.Duration) error {
	tag, err := tx.Exec(ctx, `
		INSERT INTO chorus.feed_lateness AS l (account, id_structure_cpp, hour, lateness)
		SELECT $1, $2, date_trunc('hour', clock_timestamp()), $3
		WHERE NOT EXISTS (
		    SELECT FROM chorus.feed_lateness
		    WHERE account = $1 AND id_structure_cpp = $2 AND hour = date_trunc('hour', clock_timestamp()) AND lateness >= $3)
		ON CONFLICT (account, id_structure_cpp, hour) DO UPDATE SET lateness = greatest(l.lateness, excluded.lateness)`, key.Account, key.ID, late)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	_, err = tx.Exec(ctx, `
		DELETE FROM chorus.feed_lateness WHERE account = $1 AND id_structure_cpp = $2 AND hour < clock_timestamp() - interval '1 day'`, key.Account, key.ID)
	return err
}

// FeedChecked says that changes up to a moment have been counted once more, and what was found then.
func (s *Store) FeedChecked(ctx context.Context, mark FeedMark, until time.Time, found Followed) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		key, late := mark.StructureKey, mark.missed(found)
		var learning *time.Time
		if late > 0 {
			at := mark.Now.Add(mark.Learn)
			learning = &at
		}
		_, err := tx.Exec(ctx, `
			UPDATE chorus.structures
			SET checked_until = greatest(checked_until, $3), learning_until = greatest(learning_until, $4)
			WHERE account = $1 AND id_structure_cpp = $2`, key.Account, key.ID, until, learning)
		if err != nil || late <= 0 {
			return err
		}
		return learnLateness(ctx, tx, key, late)
	})
}

// Changes counts what we hold of a structure whose latest change lies within [from, to) and led to one of these statuts, nil: to any. Rows of ours count,
// whoever's account they are, and strangers.
func (s *Store) Changes(ctx context.Context, st Structure, from, to time.Time, statuts []string) (int, error) {
	var n int
	err := s.pool.QueryRow(ctx, `
		SELECT (SELECT count(*) FROM chorus.invoices
		        WHERE fournisseur_siret = $3 AND identifiant_facture_cpp IS NOT NULL AND statut_courant_date >= $4 AND statut_courant_date < $5
		          AND ($6::text[] IS NULL OR statut_courant = ANY ($6)))
		     + (SELECT count(*) FROM chorus.strangers s
		        WHERE account = $1 AND id_structure_cpp = $2 AND statut_date >= $4 AND statut_date < $5
		          AND ($6::text[] IS NULL OR statut = ANY ($6))
		          AND NOT EXISTS (SELECT FROM chorus.invoices i WHERE i.identifiant_facture_cpp = s.identifiant_facture_cpp))`, st.Account, st.ID, st.Identifiant, from, to, statuts).Scan(&n)
	return n, err
}

// Latest returns the moment since which we hold so many changes of a structure, as Changes counts them; zero: we hold fewer since then.
func (s *Store) Latest(ctx context.Context, st Structure, since time.Time, n int) (time.Time, error) {
	var at time.Time
	err := s.pool.QueryRow(ctx, `
		SELECT at
		FROM (
		    (SELECT statut_courant_date AS at
		     FROM chorus.invoices
		     WHERE fournisseur_siret = $3 AND identifiant_facture_cpp IS NOT NULL AND statut_courant_date >= $4
		     ORDER BY statut_courant_date DESC
		     LIMIT $5)
		    UNION ALL
		    (SELECT statut_date
		     FROM chorus.strangers
		     WHERE account = $1 AND id_structure_cpp = $2 AND statut_date >= $4
		     ORDER BY statut_date DESC
		     LIMIT $5)
		) x
		ORDER BY at DESC
		OFFSET $5 - 1
		LIMIT 1`, st.Account, st.ID, st.Identifiant, since, n).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}
	return at, err
}
