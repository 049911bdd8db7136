package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// following is a row that the portal holds, and what it shows of it.
type following struct {
	Invoice
	seen Seen
}

// followAll takes rows to where their statuts put them, all at once; where that breaks a rule of uniqueness, one by one, and those that break it stay as they
// are: a row that was rejected may come back when another one has its number since (tooMany).
func followAll(ctx context.Context, tx pgx.Tx, list []following) error {
	try := func(some []following) error {
		return pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error { return followSome(ctx, savepoint, some) })
	}
	if len(list) == 0 {
		return nil
	}
	err := try(list)
	if !isTaken(err) {
		return err
	}
	for _, f := range list {
		err := try([]following{f})
		if isTaken(err) {
			err = tooMany(ctx, tx, f)
		}
		if err != nil && !isTaken(err) && SQLState(err) != "55P03" { // that row is locked: with the next reading of this line
			return err
		}
	}
	return nil
}

// tooMany parks the row that has the number of one that was rejected and that the portal has taken in after all: it holds two. The first one stays rejected, with what
// the portal shows of it, so that this is said once.
func tooMany(ctx context.Context, tx pgx.Tx, f following) error {
	if f.seen.Statut == "ABANDONNEE" || f.seen.Statut == "SUPPRIMEE" {
		return nil
	}
	return pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
		_, err := savepoint.Exec(ctx, `
			UPDATE chorus.invoices
			SET identifiant_facture_cpp = coalesce(identifiant_facture_cpp, nullif($2, 0::bigint)), statut_courant = nullif($3, ''), statut_courant_date = $4
			WHERE id = $1`, f.ID, f.seen.IdentifiantFactureCPP, f.seen.Statut, nullTime(f.seen.StatutDate))
		if err == nil {
			_, err = savepoint.Exec(ctx, `
				WITH other AS (
				    SELECT id FROM chorus.invoices
				    WHERE id <> $1 AND numero_facture = $2 AND left(fournisseur_siret, 9) = $3 AND extract(year FROM date_facture) = $4
				      AND state IN ('sending', 'deposited', 'integrated', 'settled')
				    FOR NO KEY UPDATE NOWAIT
				)
				UPDATE chorus.invoices SET state = 'parked', reason_code = $5, reason = $6 WHERE id IN (SELECT id FROM other)`,
				f.ID, f.NumeroFacture, f.Siren(), f.DateFacture.Year(), ParkContradiction,
				fmt.Sprintf("Chorus Pro has taken in invoice %d, of the same number, after it was rejected: it holds both", f.ID))
		}
		return err
	})
}

// follow is followAll of one row.
func follow(ctx context.Context, tx pgx.Tx, i Invoice, seen Seen) error {
	return followAll(ctx, tx, []following{{i, seen}})
}

// followSome makes the first legal move of each row, then the second of those that have one, so that history shows each.
func followSome(ctx context.Context, tx pgx.Tx, list []following) error {
	for step := 0; ; step++ {
		var (
			ids, cpps                                      []int64
			tos, codes, reasons, modes, statuts, commented []string
			dates                                          []*time.Time
			keeps                                          []bool
		)
		for _, f := range list {
			way := path(f.State, f.seen.To)
			if step >= len(way) {
				continue
			}
			code, reason := "", ""
			if way[step] == Rejected {
				code, reason = ReasonRecipient, f.seen.Commentaire
			}
			ids, cpps, tos = append(ids, f.ID), append(cpps, f.seen.IdentifiantFactureCPP), append(tos, string(way[step]))
			codes, reasons, modes = append(codes, code), append(reasons, reason), append(modes, f.seen.ModeDepot)
			statuts, dates, commented = append(statuts, f.seen.Statut), append(dates, nullTime(f.seen.StatutDate)), append(commented, f.seen.Commentaire)
			// A row that keeps its state whatever the portal shows keeps its reason, too.
			keeps = append(keeps, f.State != f.seen.To && way[step] == f.State)
		}
		if len(ids) == 0 {
			return nil
		}
		_, err := tx.Exec(ctx, `
			UPDATE chorus.invoices i
			SET state = CASE WHEN `+dropped+` THEN 'parked' ELSE x.state END,
			    reason_code = CASE WHEN `+dropped+` THEN $11 WHEN x.keep THEN i.reason_code ELSE nullif(x.code, '') END,
			    reason = CASE WHEN `+dropped+` THEN $12 WHEN x.keep THEN i.reason ELSE nullif(x.reason, '') END,
			    identifiant_facture_cpp = coalesce(i.identifiant_facture_cpp, nullif(x.cpp, 0)),
			    mode_depot = coalesce(nullif(x.mode, ''), i.mode_depot),
			    statut_courant = coalesce(nullif(x.statut, ''), i.statut_courant),
			    statut_courant_date = greatest(x.statut_date, i.statut_courant_date),
			    statut_commentaire = nullif(x.commentaire, ''),
			    visible_at = coalesce(i.visible_at, clock_timestamp())
			FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::timestamptz[], $9::text[], $10::boolean[])
			     AS x (id, state, code, reason, cpp, mode, statut, statut_date, commentaire, keep)
			WHERE i.id = x.id`, ids, tos, codes, reasons, cpps, modes, statuts, dates, commented, keeps, ParkMismatch, droppedThere)
		if err != nil {
			return err
		}
	}
}

// dropped tells of a row whose invoice at the portal came by no flux, and is not to be paid any more: a person typed it in, and may have left the rest to us.
const dropped = `x.state = 'settled' AND x.statut IN ('ABANDONNEE', 'SUPPRIMEE') AND i.numero_flux_depot IS NULL AND i.fields IS NULL`

const droppedThere = "the invoice that was found at Chorus Pro for it was typed in there, and has been given up or deleted: give this one up, and insert it anew if it is to be sent"

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
		SET state = $3, reason_code = nullif($4, ''), reason = CASE WHEN $3 = 'deposited' AND reason_code = $4 THEN reason ELSE nullif($5, '') END,
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
		if err := takeOver(ctx, tx, i, seen); err != nil {
			return err
		}
		// Else it would be asked about again and again: another row stands for that invoice, or for its number.
		_, err := tx.Exec(ctx, `UPDATE chorus.invoices SET state = 'parked', reason_code = $2, reason = $3 WHERE id = $1 AND state = 'deposited'`,
			i.ID, ParkContradiction, "what Chorus Pro shows of it belongs to another invoice of this database")
		return err
	})
}
