package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// Seen is an invoice as the portal shows it.
type Seen struct {
	IdentifiantFactureCPP int64
	NumeroFacture         string
	Siren                 string // of the supplier
	Annee                 int    // of issue
	NumeroFlux            string
	DateDepot             time.Time
	ModeDepot             string
	Statut                string
	StatutDate            time.Time
	Commentaire           string
	To                    State // where this statut puts a row: Integrated, Rejected or Settled
}

// Followed counts what a page of the change feed did.
type Followed struct {
	Known   int // rows of ours
	Changed int // of these, moved or with a new statut
	Older   int // of these, carrying an older date than we hold: kept as they were
	Doubts  int // rows in doubt that were woken up, or ready ones that the portal turns out to hold
	Unknown int // invoices that no row of ours stands for
}

// FeedMark says how far a structure's feed has been read, in the same transaction that stores what was read.
type FeedMark struct {
	StructureKey
	Claim     int64
	Lease     time.Duration // while more pages follow
	Last      bool          // this was the last page: the watermark moves, and the feed is due again after Next
	Wide      bool          // and a day more than needed was read
	Watermark time.Time
	Next      time.Duration
}

// Follow stores what the portal shows: rows of ours take the statut and move on with it; rows in doubt that may be meant are looked up at once.
// It returns ErrGone, and stores nothing, when another job reads the feed by now.
func (s *Store) Follow(ctx context.Context, page []Seen, mark FeedMark) (Followed, error) {
	var did Followed
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		did = Followed{}
		if len(page) > 0 {
			if err := followPage(ctx, tx, mark.Account, page, &did); err != nil {
				return err
			}
		}
		what := `claimed_until = clock_timestamp() + $4::interval`
		args := []any{mark.Account, mark.ID, mark.Claim, mark.Lease}
		if mark.Last {
			what = `claim = NULL, claimed_until = NULL, next_sync_at = clock_timestamp() + $4::interval,
			        watermark = greatest(watermark, $5), synced_at = clock_timestamp(),
			        wide_at = CASE WHEN $6 THEN clock_timestamp() ELSE wide_at END`
			args = []any{mark.Account, mark.ID, mark.Claim, later(mark.Next), mark.Watermark, mark.Wide}
		}
		tag, err := tx.Exec(ctx, `UPDATE chorus.structures SET `+what+` WHERE account = $1 AND id_structure_cpp = $2 AND claim = $3`, args...)
		if err == nil && tag.RowsAffected() == 0 {
			return ErrGone
		}
		return err
	})
	return did, err
}

func followPage(ctx context.Context, tx pgx.Tx, account string, page []Seen, did *Followed) error {
	var (
		ids    = make([]int64, len(page))
		fluxes = make([]string, len(page))
		nums   = make([]string, len(page))
		sirens = make([]string, len(page))
		years  = make([]int, len(page))
	)
	for k, f := range page {
		ids[k], fluxes[k], nums[k], sirens[k], years[k] = f.IdentifiantFactureCPP, f.NumeroFlux, f.NumeroFacture, f.Siren, f.Annee
	}
	// By the portal's own identifier; by flux where it is not known yet; by business key for rows in doubt, and for rows
	// about to be sent, which must not be. Rows are locked in the order of their id.
	rows, err := tx.Query(ctx, `
		WITH seen AS (
		    SELECT * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::int[]) WITH ORDINALITY AS x (cpp, flux, numero, siren, annee, k)
		), hit AS (
		    SELECT k, i.id FROM seen JOIN chorus.invoices i ON i.identifiant_facture_cpp = seen.cpp
		    UNION
		    SELECT k, i.id FROM seen JOIN chorus.invoices i ON i.numero_flux_depot = seen.flux
		    WHERE i.identifiant_facture_cpp IS NULL AND i.numero_facture = seen.numero
		    UNION
		    SELECT k, i.id FROM seen JOIN chorus.invoices i ON i.numero_facture = seen.numero
		    WHERE i.state IN ('in_doubt', 'ready') AND left(i.fournisseur_siret, 9) = seen.siren AND extract(year FROM i.date_facture) = seen.annee
		)
		SELECT `+invoiceColumns+`, hit.k::int
		FROM hit
		JOIN chorus.invoices i ON i.id = hit.id
		WHERE i.account = $1
		ORDER BY i.id
		FOR UPDATE OF i`, account, ids, fluxes, nums, sirens, years)
	if err != nil {
		return err
	}
	type hit struct {
		Invoice
		k int
	}
	hits, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (hit, error) {
		var h hit
		var err error
		h.Invoice, err = scanInvoice(row, &h.k)
		return h, err
	})
	if err != nil {
		return err
	}
	claimed := make(map[int]bool, len(hits))
	for _, h := range hits {
		claimed[h.k] = true
		seen := page[h.k-1]
		switch {
		case h.State == InDoubt:
			did.Doubts++
			_, err = tx.Exec(ctx, `UPDATE chorus.invoices SET due_at = clock_timestamp() WHERE id = $1 AND due_at > clock_timestamp()`, h.ID)
		case h.State == Ready:
			did.Doubts++
			err = standIn(ctx, tx, h.ID, "Chorus Pro holds an invoice of this number already")
		case h.State != Deposited && !news(h.Invoice, seen):
			did.Known++
			if seen.StatutDate.Before(h.StatutCourantDate) {
				did.Older++
			}
		default:
			did.Known++
			did.Changed++
			err = follow(ctx, tx, h.Invoice, seen)
		}
		if err != nil {
			return err
		}
	}
	did.Unknown = len(page) - len(claimed)
	return nil
}

// news tells whether the portal shows something that the row does not say yet. The latest statut by the portal's own date counts; of two with the same
// date the one that came later, but a final row is only left for something that is certainly newer. A line without a statut says nothing.
func news(i Invoice, seen Seen) bool {
	switch {
	case seen.Statut == "", seen.StatutDate.Before(i.StatutCourantDate):
		return false
	case seen.StatutDate.Equal(i.StatutCourantDate):
		return seen.Statut != i.StatutCourant && i.State != Settled && i.State != Rejected
	default:
		return true
	}
}

// follow takes a row that the portal holds to where its statut puts it, one legal move after the other, so that history shows each.
func follow(ctx context.Context, tx pgx.Tx, i Invoice, seen Seen) error {
	for _, to := range path(i.State, seen.To) {
		reasonCode, reason := "", ""
		if to == Rejected {
			reasonCode, reason = ReasonRecipient, seen.Commentaire
		}
		// In a savepoint: a row that was rejected may come back when another one has its number since, and then stays where it is.
		err := pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
			_, err := savepoint.Exec(ctx, `
			UPDATE chorus.invoices
			SET state = $2,
			    reason_code = CASE WHEN $10 THEN reason_code ELSE nullif($3, '') END, reason = CASE WHEN $10 THEN reason ELSE nullif($4, '') END,
			    identifiant_facture_cpp = coalesce(identifiant_facture_cpp, nullif($5, 0::bigint)),
			    mode_depot = coalesce(nullif($6, ''), mode_depot),
			    statut_courant = coalesce(nullif($7, ''), statut_courant),
			    statut_courant_date = coalesce($8, statut_courant_date),
			    statut_commentaire = nullif($9, ''),
			    visible_at = coalesce(visible_at, clock_timestamp())
			WHERE id = $1`,
				i.ID, to, reasonCode, reason, seen.IdentifiantFactureCPP, seen.ModeDepot, seen.Statut, nullTime(seen.StatutDate), seen.Commentaire,
				i.State != seen.To && to == i.State) // a row that keeps its state whatever the portal shows keeps its reason, too
			return err
		})
		if SQLState(err) == "23505" {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// path lists the states to pass through from one to the other, the last one included; a row that stays where it is passes through that state alone.
// States that know nothing of the portal (parked, cancelled …) keep theirs.
func path(from, to State) []State {
	switch {
	case from == Deposited && to != Integrated:
		return []State{Integrated, to}
	case from == Deposited, from == Integrated:
		return []State{to}
	case from == to:
		return []State{to}
	case from == Settled:
		return []State{to}
	case from == Rejected && to == Settled:
		return []State{Integrated, Settled}
	case from == Rejected:
		return []State{to}
	default:
		return []State{from}
	}
}

// Flux is what the portal says of a deposit that is not an invoice yet.
type Flux struct {
	Etat       string
	EtatDate   time.Time
	To         State // Deposited: ask again after Due
	ReasonCode string
	Reason     string
	Due        time.Duration
}

// Reported stores the state of a flux and moves the row, if it is still deposited and claimed by the caller.
func (s *Store) Reported(ctx context.Context, i Invoice, f Flux) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.invoices
		SET state = $3, reason_code = nullif($4, ''), reason = nullif($5, ''),
		    etat_flux = coalesce(nullif($6, ''), etat_flux), etat_flux_date = coalesce($7, etat_flux_date),
		    looks = looks + 1, claim = NULL, claimed_until = NULL, due_at = clock_timestamp() + $8::interval
		WHERE id = $1 AND state = 'deposited' AND claim = $2`,
		i.ID, i.Claim, f.To, f.ReasonCode, f.Reason, f.Etat, nullTime(f.EtatDate), later(f.Due))
	return err
}

// Found takes a deposited row to where the portal's search shows its invoice.
func (s *Store) Found(ctx context.Context, i Invoice, seen Seen) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		var state State
		if err := tx.QueryRow(ctx, `SELECT state FROM chorus.invoices WHERE id = $1 FOR UPDATE`, i.ID).Scan(&state); err != nil {
			return err
		}
		if state != Deposited {
			return nil
		}
		i.State = state
		return follow(ctx, tx, i, seen)
	})
}

// Structure is a supplier structure that an account may see at the portal.
type Structure struct {
	Account     string
	ID          int64
	Identifiant string // SIRET
	Designation string
	Watermark   time.Time // zero: its feed has never been read
	Wide        bool      // a day more than needed is due to be read again: a listing may have left something out
	Now         time.Time // the database's clock
}

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
		_, err := tx.Exec(ctx, `
			UPDATE chorus.accounts SET structures_at = clock_timestamp(), next_at = clock_timestamp() + $2::interval WHERE name = $1`, account, every)
		return err
	})
}

// TakeStructure hands the structure to the job that claimed it, or returns ErrGone.
func (s *Store) TakeStructure(ctx context.Context, key StructureKey, claim int64, lease, wideEvery time.Duration) (Structure, error) {
	st := Structure{Account: key.Account, ID: key.ID}
	var mark *time.Time
	err := s.pool.QueryRow(ctx, `
		UPDATE chorus.structures
		SET claimed_until = clock_timestamp() + $4::interval
		WHERE account = $1 AND id_structure_cpp = $2 AND claim = $3
		RETURNING identifiant, coalesce(designation, ''), watermark, coalesce(wide_at, '-infinity') < clock_timestamp() - $5::interval, clock_timestamp()`,
		key.Account, key.ID, claim, lease, wideEvery).
		Scan(&st.Identifiant, &st.Designation, &mark, &st.Wide, &st.Now)
	if errors.Is(err, pgx.ErrNoRows) {
		return st, ErrGone
	}
	if mark != nil {
		st.Watermark = *mark
	}
	return st, err
}

// StructureOf returns the portal's number of the supplier structure with this SIRET, or 0 when the account does not see it.
func (s *Store) StructureOf(ctx context.Context, account, siret string) (int64, error) {
	var id int64
	err := s.pool.QueryRow(ctx, `SELECT id_structure_cpp FROM chorus.structures WHERE account = $1 AND identifiant = $2 LIMIT 1`, account, siret).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

// ReleaseStructure gives a claimed structure back; its feed is read again after wait, from the same watermark.
func (s *Store) ReleaseStructure(ctx context.Context, key StructureKey, claim int64, wait time.Duration) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.structures
		SET claim = NULL, claimed_until = NULL, next_sync_at = clock_timestamp() + $4::interval
		WHERE account = $1 AND id_structure_cpp = $2 AND claim = $3`, key.Account, key.ID, claim, later(wait))
	return err
}

// Ask has an account's supplier structures asked for again after wait.
func (s *Store) Ask(ctx context.Context, account string, wait time.Duration) error {
	_, err := s.pool.Exec(ctx, `UPDATE chorus.accounts SET next_at = clock_timestamp() + $2::interval WHERE name = $1`, account, later(wait))
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
// delays have been seen not to hold, and for how long the account's breakers have been closed.
func (s *Store) Search(ctx context.Context, account string) (may, broken bool, calm time.Duration, err error) {
	var quiet float64
	err = s.pool.QueryRow(ctx, `
		SELECT coalesce(can_search, true), assumption_broken_at IS NOT NULL,
		       (
		           SELECT coalesce(min(CASE WHEN b.state = 'closed' THEN extract(epoch FROM clock_timestamp() - b.closed_at) ELSE 0 END), 1e9)
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
