package store

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
)

// Seen is an invoice as the portal shows it.
type Seen struct {
	IdentifiantFactureCPP int64
	NumeroFacture         string
	FournisseurSIRET      string
	DateFacture           time.Time
	DestinataireSIRET     string
	MontantTTC            decimal.NullDecimal
	Devise                string
	NumeroFlux            string
	DateDepot             time.Time
	ModeDepot             string
	Statut                string
	StatutDate            time.Time
	Commentaire           string
	To                    State // where this statut puts a row: Integrated, Rejected or Settled
}

// exact tells that the date of the change is there and stands for a moment: one of a whole minute may stand for any moment of it (docs/chorus-pro.md §4.1).
func (s Seen) exact() bool {
	return !s.StatutDate.IsZero() && !s.StatutDate.Equal(s.StatutDate.Truncate(time.Minute))
}

// Siren is the part of the supplier's SIRET that makes a number unique; "" when the portal does not say it.
func (s Seen) Siren() string {
	if len(s.FournisseurSIRET) < 9 {
		return ""
	}
	return s.FournisseurSIRET[:9]
}

// Followed counts what a page of the change feed did.
type Followed struct {
	Known   int             // rows of ours
	Changed int             // of these, moved or with a new statut
	Settled int             // rows of ours whose change had been settled before: read when it could no longer be late
	Missed  int             // of these, changed all the same
	Older   int             // of these, carrying an older date than we hold: kept as they were
	Doubts  int             // rows in doubt that were woken up, or ready ones that the portal turns out to hold
	Unknown int             // invoices that no row of ours stands for
	Others  int             // lines that tell of another invoice under Chorus Pro's number of a row of ours
	Doubles int             // rows parked because the portal holds another invoice of their number
	Held    []int64         // rows that another session has locked: the lines about them wait
	Since   time.Time       // the change of the earliest of these lines; zero: none
	Unsure  time.Time       // of the earliest line whose date is too vague to tell whether it is newer than a final row; zero: none
	Late    time.Duration   // how late the latest news was, as far as is known
	Waits   []time.Duration // from the acknowledgement of a deposit to now, when its invoice was shown
}

// Add counts what another page did.
func (f *Followed) Add(page Followed) {
	f.Known += page.Known
	f.Changed += page.Changed
	f.Settled += page.Settled
	f.Missed += page.Missed
	f.Older += page.Older
	f.Doubts += page.Doubts
	f.Unknown += page.Unknown
	f.Others += page.Others
	f.Doubles += page.Doubles
	f.Held = append(f.Held, page.Held...)
	f.Since = earliest(f.Since, page.Since)
	f.Unsure = earliest(f.Unsure, page.Unsure)
	f.Late = max(f.Late, page.Late)
	f.Waits = append(f.Waits, page.Waits...)
}

// hold keeps a line that could not be followed, because the row is locked. The feed is read again from it on (endOfFeed).
func (f *Followed) hold(row int64, seen Seen, mark FeedMark) {
	at := seen.StatutDate
	if at.IsZero() {
		at = mark.Was.Watermark
	}
	f.Held = append(f.Held, row)
	f.Since = earliest(f.Since, at)
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Follow stores what the portal shows: rows of ours take the statut and move on with it; rows in doubt that may be meant are looked up at once; what no
// row stands for is kept as a stranger, and a row whose number the portal turns out to hold twice is parked. A line about a row that another session has
// locked waits, and keeps no other one waiting. It returns ErrGone, and stores nothing, when another job reads the feed by now.
func (s *Store) Follow(ctx context.Context, page []Seen, mark FeedMark) (Followed, error) {
	var did Followed
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		did = Followed{}
		if len(page) > 0 {
			// Until the end nobody else takes the feed: a page that takes longer to store than the claim holds would be stored by nobody.
			err := tx.QueryRow(ctx, `SELECT true FROM chorus.structures WHERE account = $1 AND id_structure_cpp = $2 AND claim = $3 FOR NO KEY UPDATE`,
				mark.Account, mark.ID, mark.Claim).Scan(new(bool))
			if errors.Is(err, pgx.ErrNoRows) {
				return ErrGone
			}
			if err != nil {
				return err
			}
			if err := followPage(ctx, tx, mark, page, &did); err != nil {
				return err
			}
		}
		if mark.Last {
			mark.Before.Add(did)
			return endOfFeed(ctx, tx, mark)
		}
		tag, err := tx.Exec(ctx, `
			UPDATE chorus.structures
			SET claimed_until = clock_timestamp() + $4::interval
			WHERE account = $1 AND id_structure_cpp = $2 AND claim = $3`, mark.Account, mark.ID, mark.Claim, mark.Lease)
		if err == nil && tag.RowsAffected() == 0 {
			return ErrGone
		}
		return err
	})
	return did, err
}

func followPage(ctx context.Context, tx pgx.Tx, mark FeedMark, page []Seen, did *Followed) error {
	page, known, err := withoutKnown(ctx, tx, mark.StructureKey, page)
	if err != nil {
		return err
	}
	for _, seen := range known {
		did.Known++
		if seen.exact() && seen.StatutDate.Before(mark.Was.Watermark) {
			did.Settled++
		}
	}
	hits, held, err := lockHits(ctx, tx, mark.Account, page)
	if err != nil {
		return err
	}
	var (
		ours  = make([]bool, len(page))
		moves []following
		taken []int64 // what rows of ours stand for
	)
	for id, lines := range held {
		for _, k := range lines {
			ours[k] = true
			did.hold(id, page[k], mark)
		}
	}
	for _, h := range hits {
		ours[h.k] = true
		seen := page[h.k]
		switch {
		case h.IdentifiantFactureCPP == seen.IdentifiantFactureCPP && another(h.Invoice, seen):
			ours[h.k] = false // a stranger, which moves nothing of ours
			did.Others++
		case h.State == InDoubt:
			ours[h.k] = h.NumeroFacture == seen.NumeroFacture // otherwise a look-up must know of it: a search for our number may never show it
			did.Doubts++
			_, err = tx.Exec(ctx, `UPDATE chorus.invoices SET due_at = clock_timestamp() WHERE id = $1 AND due_at > clock_timestamp()`, h.ID)
		case h.State == Ready && (seen.Statut == "REJETEE" || seen.Statut == "ABANDONNEE" || seen.Statut == "SUPPRIMEE"):
			ours[h.k] = false // a stranger that is in nobody's way (chorus.shown)
		case h.State == Ready && h.NumeroFacture != seen.NumeroFacture && h.ReasonCode == ReasonOverride:
			ours[h.k] = false // somebody has said that it is another one
		case h.State == Ready:
			ours[h.k] = h.NumeroFacture == seen.NumeroFacture
			did.Doubts++
			err = standIn(ctx, tx, h.ID, heldAlready, false)
		case h.State != Deposited && !news(h.Invoice, seen):
			did.Known++
			if seen.StatutDate.Before(h.StatutCourantDate) {
				did.Older++
			}
			if vague(h.Invoice, seen) && seen.Statut != "" && seen.Statut != h.StatutCourant {
				did.Unsure = earliest(did.Unsure, seen.StatutDate)
			}
		default:
			did.Known++
			did.Changed++
			if seen.exact() && seen.StatutDate.Before(mark.Was.Watermark) && h.State != Deposited {
				did.Settled++
				did.Missed++
			}
			did.Late = max(did.Late, mark.late(h.Invoice, seen))
			if h.State == Deposited {
				did.Waits = append(did.Waits, h.DepositedFor)
				taken = append(taken, seen.IdentifiantFactureCPP)
			}
			moves = append(moves, following{h.Invoice, seen})
		}
		if err != nil {
			return err
		}
	}
	if err := followAll(ctx, tx, moves); err != nil {
		return err
	}
	var others []Seen
	for k, seen := range page {
		if !ours[k] {
			others = append(others, seen)
		}
	}
	did.Unknown = len(others)
	if err := strangers(ctx, tx, mark.StructureKey, others, taken); err != nil {
		return err
	}
	numbers := make([]string, len(page))
	for k, seen := range page {
		numbers[k] = seen.NumeroFacture
	}
	found, waiting, err := doubles(ctx, tx, mark.Account, numbers, true)
	did.Doubles = found
	for _, seen := range page {
		if row, waits := waiting[seen.IdentifiantFactureCPP]; waits {
			did.hold(row, seen, mark)
		}
	}
	return err
}

// withoutKnown leaves out the lines that say what is known already, without locking or writing anything: a feed is read with a long overlap. It returns those
// of rows of ours, too. Whatever else a line may mean, a row of its number whose deposit is not over, it meant when it was new, or will mean in a look-up.
func withoutKnown(ctx context.Context, tx pgx.Tx, key StructureKey, page []Seen) (rest, known []Seen, err error) {
	ids, statuts, dates := make([]int64, len(page)), make([]string, len(page)), make([]*time.Time, len(page))
	for k, f := range page {
		ids[k], statuts[k], dates[k] = f.IdentifiantFactureCPP, f.Statut, nullTime(f.StatutDate)
	}
	rows, err := tx.Query(ctx, `
		WITH seen AS (
		    SELECT * FROM unnest($3::bigint[], $4::text[], $5::timestamptz[]) WITH ORDINALITY AS x (cpp, statut, at, k)
		)
		SELECT seen.k::int - 1, true
		FROM seen
		JOIN chorus.invoices i ON i.identifiant_facture_cpp = seen.cpp
		WHERE i.account = $1 AND i.state IN ('integrated', 'settled', 'rejected') AND i.statut_courant = seen.statut AND i.statut_courant_date = seen.at
		UNION ALL
		SELECT seen.k::int - 1, false
		FROM seen
		JOIN chorus.strangers s ON s.account = $1 AND s.identifiant_facture_cpp = seen.cpp
		WHERE s.id_structure_cpp = $2 AND s.statut = seen.statut AND s.statut_date = seen.at AND s.last_seen_at > clock_timestamp() - interval '1 hour'
		  AND NOT EXISTS (SELECT FROM chorus.invoices i WHERE i.identifiant_facture_cpp = s.identifiant_facture_cpp)
		  AND NOT EXISTS (
		      SELECT FROM `+ofNumber("i", "s.numero_facture")+`
		      WHERE i.state IN ('ready', 'sending', 'in_doubt', 'deposited'))`, key.Account, key.ID, ids, statuts, dates)
	if err != nil {
		return nil, nil, err
	}
	skip := make([]bool, len(page))
	var k int
	var ours bool
	if _, err = pgx.ForEachRow(rows, []any{&k, &ours}, func() error {
		skip[k] = true
		if ours {
			known = append(known, page[k])
		}
		return nil
	}); err != nil {
		return nil, nil, err
	}
	for k, f := range page {
		if !skip[k] {
			rest = append(rest, f)
		}
	}
	return rest, known, nil
}

// hit is a row that the k-th line of a page is about.
type hit struct {
	Invoice
	k int
}

// lockHits finds the rows that a page is about: by the portal's own identifier; by flux where that is not known yet; by business key, in whatever writing of the
// number, for rows in doubt, and for rows about to be sent, which must not be. Rows are locked in the order of their id. held are the rows that another session has locked, and
// the lines about them: an application may lock its rows for as long as it likes.
func lockHits(ctx context.Context, tx pgx.Tx, account string, page []Seen) (hits []hit, held map[int64][]int, err error) {
	var (
		cpps   = make([]int64, len(page))
		fluxes = make([]string, len(page))
		nums   = make([]string, len(page))
		sirens = make([]string, len(page))
		sirets = make([]string, len(page))
		years  = make([]int, len(page))
	)
	for k, f := range page {
		sirets[k] = f.FournisseurSIRET
		cpps[k], fluxes[k], nums[k], sirens[k], years[k] = f.IdentifiantFactureCPP, f.NumeroFlux, f.NumeroFacture, f.Siren(), f.DateFacture.Year()
	}
	rows, err := tx.Query(ctx, `
		WITH seen AS (
		    SELECT * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[]) WITH ORDINALITY AS x (cpp, flux, numero, siren, annee, siret, k)
		), hit AS (
		    SELECT k, i.id FROM seen JOIN chorus.invoices i ON i.identifiant_facture_cpp = seen.cpp
		    UNION
		    SELECT k, i.id FROM seen JOIN chorus.invoices i ON i.numero_flux_depot = seen.flux
		    WHERE i.identifiant_facture_cpp IS NULL AND chorus.bare_number(i.numero_facture) = chorus.bare_number(seen.numero)
		    UNION
		    SELECT k, i.id FROM seen CROSS JOIN `+ofNumber("i", "seen.numero")+`
		    WHERE i.state IN ('in_doubt', 'ready') AND left(i.fournisseur_siret, 9) = seen.siren AND extract(year FROM i.date_facture) = seen.annee
		      AND (i.numero_facture = seen.numero OR seen.numero <> '' AND i.fournisseur_siret = seen.siret AND NOT `+otherRows("i", "seen.flux", "seen.cpp", "seen.numero")+`)
		)
		SELECT i.id, hit.k::int - 1
		FROM hit
		JOIN chorus.invoices i ON i.id = hit.id
		WHERE i.account = $1`, account, cpps, fluxes, nums, sirens, years, sirets)
	if err != nil {
		return nil, nil, err
	}
	held = map[int64][]int{} // until they are locked
	var id int64
	var k int
	if _, err = pgx.ForEachRow(rows, []any{&id, &k}, func() error {
		held[id] = append(held[id], k)
		return nil
	}); err != nil || len(held) == 0 {
		return nil, nil, err
	}
	rows, err = tx.Query(ctx, `
		SELECT `+invoiceColumns+`
		FROM chorus.invoices i
		WHERE i.id = ANY ($1)
		ORDER BY i.id
		FOR UPDATE SKIP LOCKED`, slices.Collect(maps.Keys(held)))
	if err != nil {
		return nil, nil, err
	}
	locked, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Invoice, error) { return scanInvoice(row) })
	for _, i := range locked {
		for _, k := range held[i.ID] {
			hits = append(hits, hit{i, k})
		}
		delete(held, i.ID)
	}
	return hits, held, err
}

// another tells that what is shown under Chorus Pro's number of a row is somebody else's invoice: the number is not ours, in whatever writing, and no more are the
// supplier, the amount or the flux, as far as both sides say them. A sandbox that was emptied gives its numbers again.
func another(i Invoice, seen Seen) bool {
	if seen.NumeroFacture == "" || BareNumber(seen.NumeroFacture) == BareNumber(i.NumeroFacture) {
		return false
	}
	return seen.Siren() != "" && i.Siren() != "" && seen.Siren() != i.Siren() ||
		seen.MontantTTC.Valid && i.MontantTTC.Valid && !seen.MontantTTC.Decimal.Equal(i.MontantTTC.Decimal) ||
		seen.NumeroFlux != "" && i.NumeroFluxDepot != "" && seen.NumeroFlux != i.NumeroFluxDepot
}

// toCome is how far ahead of the database's clock the portal's may be. A date beyond it is a mistake.
const toCome = 24 * time.Hour

// news tells whether the portal shows something that the row does not say yet. The latest statut by the portal's own date counts; of two with the same
// date the one that came later, but a final row is only left for something that is certainly newer. A line without a statut says nothing. A date without
// seconds, which the portal mixes with others (docs/chorus-pro.md §4.1), stands for its whole minute.
func news(i Invoice, seen Seen) bool {
	switch {
	case seen.Statut == "":
		return false
	case seen.Statut == i.StatutCourant && seen.StatutDate.After(i.Leaves.Add(toCome)): // kept as of the moment when it was first seen (invoices_before_update)
		return false
	case vague(i, seen), seen.StatutDate.Equal(i.StatutCourantDate):
		return seen.Statut != i.StatutCourant && i.State != Settled && i.State != Rejected
	default:
		return seen.StatutDate.After(i.StatutCourantDate)
	}
}

// vague tells whether the line's date says no more than the minute in which the row's lies.
func vague(i Invoice, seen Seen) bool {
	return seen.StatutDate.Equal(seen.StatutDate.Truncate(time.Minute)) && seen.StatutDate.Equal(i.StatutCourantDate.Truncate(time.Minute)) &&
		!seen.StatutDate.Equal(i.StatutCourantDate)
}

// Ask has an account's supplier structures asked for again after wait. fault is what Chorus Pro answered; "": it was not asked. Where none are known yet, the account is not compared without
// them, and that is why.
func (s *Store) Ask(ctx context.Context, account string, wait time.Duration, fault string) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.accounts
		SET next_at = clock_timestamp() + $2::interval,
		    compare_fault = CASE WHEN compare_since IS NOT NULL AND structures_at IS NULL THEN coalesce(nullif($3, ''), compare_fault) ELSE compare_fault END
		WHERE name = $1`, account, later(wait), fault)
	return err
}

// SetPaused stops an account or lets it go on, for an operator.
func (s *Store) SetPaused(ctx context.Context, account string, paused bool, reason string) error {
	var r *string
	if paused {
		r = &reason
	}
	_, err := s.pool.Exec(ctx, `SELECT chorus.pause($1, $2)`, account, r)
	return err
}

// Search says whether the account may search its suppliers' invoices, as far as is known (one that was never refused may), whether the assumptions on
// delays have been seen not to hold, and for how long the portal has not failed the account as far as its breakers know: not at all while one is open.
func (s *Store) Search(ctx context.Context, account string) (may, broken bool, calm time.Duration, err error) {
	var quiet float64
	err = s.pool.QueryRow(ctx, `
		SELECT coalesce(can_search, true), assumption_broken_at IS NOT NULL,
		       (
		           SELECT coalesce(min(CASE WHEN b.state = 'open' OR b.failed_at > clock_timestamp() THEN 0 ELSE extract(epoch FROM clock_timestamp() - greatest(b.failed_at, stepped_at)) END), 1e9)
		           FROM chorus.breakers b
		           WHERE b.key = ANY (behind)
		       )::float8
		FROM chorus.accounts, chorus.installation
		WHERE name = $1`, account).Scan(&may, &broken, &quiet)
	return may, broken, seconds(quiet), err
}

// CanSearch writes down whether the account may search its suppliers' invoices.
func (s *Store) CanSearch(ctx context.Context, account string, can bool) error {
	_, err := s.pool.Exec(ctx, `UPDATE chorus.accounts SET can_search = $2 WHERE name = $1 AND can_search IS DISTINCT FROM $2`, account, can)
	return err
}

// EnsureAccounts makes the configured accounts known, so that invoices may name them.
func (s *Store) EnsureAccounts(ctx context.Context, names []string) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO chorus.accounts (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING`, names)
	return err
}
