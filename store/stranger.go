package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// strangers keeps what a feed shows and no row stands for, and forgets what rows of ours have taken over. A row of another account is no stranger either.
func strangers(ctx context.Context, tx pgx.Tx, key StructureKey, others []Seen, taken []int64) error {
	if len(taken) > 0 {
		// Another account may see the same structure, and have kept it.
		_, err := tx.Exec(ctx, `DELETE FROM chorus.strangers WHERE identifiant_facture_cpp = ANY ($1)`, taken)
		if err != nil {
			return err
		}
	}
	var (
		ids                                            []int64
		nums, sirets, to, sums, devises, fluxes, modes []string
		statuts                                        []string
		issued, deposited, changed                     []*time.Time
		seen                                           = map[int64]bool{}
	)
	for _, f := range others {
		if f.IdentifiantFactureCPP == 0 || seen[f.IdentifiantFactureCPP] {
			continue // it cannot be told from another
		}
		seen[f.IdentifiantFactureCPP] = true
		sum := ""
		if f.MontantTTC.Valid {
			sum = f.MontantTTC.Decimal.String()
		}
		ids, nums, sirets, to = append(ids, f.IdentifiantFactureCPP), append(nums, f.NumeroFacture), append(sirets, f.FournisseurSIRET), append(to, f.DestinataireSIRET)
		sums, devises, fluxes, modes = append(sums, sum), append(devises, f.Devise), append(fluxes, f.NumeroFlux), append(modes, f.ModeDepot)
		statuts, changed = append(statuts, f.Statut), append(changed, nullTime(f.StatutDate))
		issued, deposited = append(issued, nullTime(f.DateFacture)), append(deposited, nullTime(f.DateDepot))
	}
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO chorus.strangers AS s (account, id_structure_cpp, identifiant_facture_cpp, numero_facture, fournisseur_siret, date_facture, destinataire_siret,
		    montant_ttc, devise, numero_flux_depot, date_depot, mode_depot, statut, statut_date)
		SELECT $1, $2, cpp, nullif(numero, ''), nullif(siret, ''), (issued AT TIME ZONE 'Europe/Paris')::date, nullif(dest, ''),
		       nullif(ttc, '')::numeric, nullif(devise, ''), nullif(flux, ''), deposited, nullif(mode, ''), nullif(statut, ''), changed
		FROM unnest($3::bigint[], $4::text[], $5::text[], $6::timestamptz[], $7::text[], $8::text[], $9::text[], $10::text[], $11::timestamptz[], $12::text[],
		            $13::text[], $14::timestamptz[]) AS x (cpp, numero, siret, issued, dest, ttc, devise, flux, deposited, mode, statut, changed)
		WHERE NOT EXISTS (SELECT FROM chorus.invoices i WHERE i.identifiant_facture_cpp = x.cpp)
		  AND NOT EXISTS (SELECT FROM chorus.invoices i WHERE i.numero_flux_depot = x.flux AND chorus.bare_number(i.numero_facture) = chorus.bare_number(x.numero) AND i.identifiant_facture_cpp IS NULL)
		ORDER BY cpp
		ON CONFLICT (account, identifiant_facture_cpp) DO UPDATE
		SET id_structure_cpp = excluded.id_structure_cpp, numero_facture = excluded.numero_facture, fournisseur_siret = excluded.fournisseur_siret,
		    date_facture = excluded.date_facture, destinataire_siret = excluded.destinataire_siret, montant_ttc = excluded.montant_ttc, devise = excluded.devise,
		    numero_flux_depot = excluded.numero_flux_depot, date_depot = excluded.date_depot, mode_depot = excluded.mode_depot,
		    statut = CASE WHEN excluded.statut_date < s.statut_date THEN s.statut ELSE coalesce(excluded.statut, s.statut) END,
		    statut_date = greatest(excluded.statut_date, s.statut_date), last_seen_at = clock_timestamp()`,
		key.Account, key.ID, ids, nums, sirets, issued, to, sums, devises, fluxes, deposited, modes, statuts, changed)
	return err
}

// takeOver follows a row that stands for the portal's invoice from now on.
func takeOver(ctx context.Context, tx pgx.Tx, i Invoice, seen Seen) error {
	if err := follow(ctx, tx, i, seen); err != nil {
		return err
	}
	if err := strangers(ctx, tx, StructureKey{Account: i.Account}, nil, []int64{seen.IdentifiantFactureCPP}); err != nil {
		return err
	}
	_, _, err := doubles(ctx, tx, i.Account, []string{i.NumeroFacture}, false)
	return err
}

// doubles parks the rows with these numbers that stand for one invoice of the portal while it holds another one of the same year of issue, supplier SIREN and
// number, and returns how many. Each stranger is said once.
//
// The other one is our own when it came by the flux of another of the row's attempts, or by a flux that one of those with a lost answer may have got; one of
// these is needed to explain the row's own flux, if no attempt knows it. A row that has no invoice at the portal (its flux was rejected, or it was judged
// absent) stands for nothing: there only one of our own contradicts it. What somebody else sent and the recipient refused harms nobody.
// One whose number is only alike (BareNumber) is another one, unless it is our own and worth the same.
// When an absence was believed in that our own contradicts, nothing is sent again by itself any more.
//
// A row that another session has locked is waited for; or, with skip, passed over: held are the
// strangers that wait for it, with the row.
func doubles(ctx context.Context, tx pgx.Tx, account string, numbers []string, skip bool) (n int, held map[int64]int64, err error) {
	find := func(lock string) ([]double, error) {
		rows, err := tx.Query(ctx, doublesSQL+lock, account, numbers)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowToStructByPos[double])
	}
	found, err := find(``) // mostly there is none
	if err != nil || len(found) == 0 {
		return 0, nil, err
	}
	lock := ` FOR NO KEY UPDATE OF i`
	if skip {
		lock += ` SKIP LOCKED`
		held = map[int64]int64{}
		for _, d := range found {
			held[d.CPP] = d.ID
		}
	}
	if found, err = find(lock); err != nil {
		return 0, nil, err
	}
	for _, d := range found {
		delete(held, d.CPP)
	}
	if len(held) > 0 { // what is known is looked at again after an hour (withoutKnown); these lines, when they are read next
		if _, err := tx.Exec(ctx, `
			UPDATE chorus.strangers SET last_seen_at = last_seen_at - interval '1 hour' WHERE account = $1 AND identifiant_facture_cpp = ANY ($2)`,
			account, slices.Collect(maps.Keys(held))); err != nil {
			return 0, nil, err
		}
	}
	for _, d := range found {
		reason := "Chorus Pro holds another invoice of this number beside the one that this row stands for"
		if d.Own {
			reason = "Chorus Pro holds an invoice of this number that one of our own deposits made and that was believed not to exist"
		}
		if d.There != d.Here {
			reason += " (choriste ≠ Chorus Pro: numero_facture " + d.Here + " ≠ " + d.There + ")"
		}
		err := pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
			_, err := savepoint.Exec(ctx, `
				UPDATE chorus.invoices SET state = 'parked', reason_code = $2, reason = $3 WHERE id = $1`, d.ID, ParkContradiction, reason)
			return err
		})
		if err != nil && !isTaken(err) { // it was rejected, and another row has its number since
			return 0, nil, err
		}
		_, err = tx.Exec(ctx, `UPDATE chorus.strangers SET double_of = $3 WHERE account = $1 AND identifiant_facture_cpp = $2`, account, d.CPP, d.ID)
		if err != nil {
			return 0, nil, err
		}
		if d.Own && !d.Refused {
			if _, err := tx.Exec(ctx, `UPDATE chorus.installation SET assumption_broken_at = clock_timestamp() WHERE assumption_broken_at IS NULL`); err != nil {
				return 0, nil, err
			}
		}
	}
	return len(found), held, nil
}

// double is a row that stands for one invoice of the portal, and the stranger that is another one of its number.
type double struct {
	ID, CPP      int64
	State        State
	There, Here  string // their numbers, which may be written otherwise
	Refused, Own bool
}

var doublesSQL = `
		SELECT i.id, s.identifiant_facture_cpp, i.state, s.numero_facture, i.numero_facture, i.identifiant_facture_cpp IS NULL AND i.state = 'rejected',
		       s.numero_flux_depot IS NOT NULL AND own.named + own.lost - own.explained > 0
		FROM chorus.strangers s
		CROSS JOIN ` + ofNumber("n", "s.numero_facture") + `
		JOIN chorus.invoices i ON i.id = n.id
		CROSS JOIN LATERAL (
		    SELECT count(*) FILTER (WHERE a.numero_flux_depot = s.numero_flux_depot) AS named,
		           count(*) FILTER (WHERE a.numero_flux_depot IS NULL AND coalesce(a.outcome, 'AMBIGUOUS') IN ('AMBIGUOUS', 'OWNER_LOST')) AS lost,
		           CASE WHEN i.numero_flux_depot IS NULL OR bool_or(a.numero_flux_depot = i.numero_flux_depot) THEN 0 ELSE 1 END AS explained
		    FROM chorus.attempts a
		    WHERE a.invoice_id = i.id AND a.worker <> 'quarantine'
		) own
		WHERE left(n.fournisseur_siret, 9) = left(s.fournisseur_siret, 9) AND extract(year FROM n.date_facture) = extract(year FROM s.date_facture)
		  AND s.account = $1 AND chorus.bare_number(s.numero_facture) = ANY (SELECT chorus.bare_number(n) FROM unnest($2::text[]) n) AND s.double_of IS NULL
		  AND i.account = $1 AND i.identifiant_facture_cpp IS DISTINCT FROM s.identifiant_facture_cpp
		  AND (i.state IN ('integrated', 'settled') OR i.state = 'rejected' OR i.state = 'parked' AND i.reason_code IN ('ABSENT', 'BUDGET'))
		  AND (s.numero_flux_depot IS NOT NULL AND own.named + own.lost - own.explained > 0
		          AND (i.numero_facture = s.numero_facture OR coalesce(i.montant_ttc = s.montant_ttc, true))
		       OR i.numero_facture = s.numero_facture AND i.state IN ('integrated', 'settled') AND coalesce(s.statut, '') NOT IN ('REJETEE', 'ABANDONNEE', 'SUPPRIMEE'))
		ORDER BY i.id`
