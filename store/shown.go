package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// usualFor is how long before a comparison another one's fluxes make more of them usual.
const usualFor = 100 * 24 * time.Hour

// Unexplained lists the places of those that came to the portal by a flux which no attempt, no row and nothing that was shown before the moment of the comparison explains.
// served are those of suppliers for which something was sent before. For what belongs to a noticed rewind it is too late: until the end of the day on which
// the last quarantine's suspicion ends.
func (s *Store) Unexplained(ctx context.Context, since time.Time, seen []Seen) (all []int, served map[int]bool, err error) {
	n := len(seen)
	cpps, fluxes, numbers, sirets := make([]int64, n), make([]string, n), make([]string, n), make([]string, n)
	years, days := make([]int, n), make([]*time.Time, n)
	for k, f := range seen {
		cpps[k], fluxes[k], numbers[k], sirets[k], days[k] = f.IdentifiantFactureCPP, f.NumeroFlux, f.NumeroFacture, f.FournisseurSIRET, nullTime(f.DateDepot)
		if !f.DateFacture.IsZero() {
			years[k] = f.DateFacture.Year()
		}
	}
	rows, err := s.pool.Query(ctx, `
		SELECT x.k::int - 1, EXISTS (SELECT FROM (
		           SELECT FROM chorus.invoices WHERE fournisseur_siret = x.siret AND identifiant_facture_cpp IS NOT NULL ORDER BY statut_courant_date LIMIT 1) i) -- by its index: see Open
		FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::int[], $7::timestamptz[]) WITH ORDINALITY AS x (cpp, flux, numero, siret, year, day, k)
		WHERE x.cpp <> 0 AND x.flux <> ''
		  AND NOT EXISTS (SELECT FROM chorus.invoices WHERE identifiant_facture_cpp = x.cpp)
		  AND NOT EXISTS (SELECT FROM chorus.invoices WHERE numero_flux_depot = x.flux)
		  AND NOT EXISTS (SELECT FROM chorus.attempts WHERE numero_flux_depot = x.flux)
		  AND NOT EXISTS (SELECT FROM chorus.strangers WHERE identifiant_facture_cpp = x.cpp AND first_seen_at < $1)
		  AND NOT EXISTS (
		      SELECT FROM `+ofNumber("i", "x.numero")+`
		      WHERE (left(i.fournisseur_siret, 9) = left(x.siret, 9) OR length(x.siret) < 9) AND (extract(year FROM i.date_facture) = x.year OR x.year = 0)
		        AND NOT (i.attempt_no = 0 AND i.state IN ('received', 'invalid', 'cancelled', 'abandoned')))
		  AND NOT EXISTS (
		      SELECT FROM chorus.installation
		      WHERE coalesce(x.day, '-infinity') < ((suspect_until AT TIME ZONE 'Europe/Paris')::date + 1)::timestamp AT TIME ZONE 'Europe/Paris')
		ORDER BY x.k`, since, cpps, fluxes, numbers, sirets, years, days)
	if err != nil {
		return nil, nil, err
	}
	served = map[int]bool{}
	var k int
	var is bool
	_, err = pgx.ForEachRow(rows, []any{&k, &is}, func() error {
		all = append(all, k)
		served[k] = is
		return nil
	})
	return all, served, err
}

// uploads are the ways of deposit of a file that a person uploads at the portal, by their names in the Swagger: it makes a flux as a program's does.
var uploads = []string{"UPLOAD_PORTAIL", "DEPOT_PDF_PORTAIL", "DEPOT_PDF_SIGNE_PORTAIL"}

// Uploads are those of them that none of our deposits bears. How Chorus Pro names ours is learned from the latest that it has shown, of any account; until it has shown
// one, any of these may be ours.
func (s *Store) Uploads(ctx context.Context) (map[string]bool, error) {
	rows, err := s.pool.Query(ctx, `
		WITH ours AS MATERIALIZED (
		    SELECT DISTINCT mode_depot
		    FROM (
		        SELECT i.mode_depot
		        FROM chorus.attempts a
		        JOIN chorus.invoices i ON i.id = a.invoice_id AND i.numero_flux_depot = a.numero_flux_depot
		        WHERE a.outcome = 'ACCEPTED' AND i.identifiant_facture_cpp IS NOT NULL AND i.mode_depot IS NOT NULL
		        ORDER BY a.claimed_at DESC
		        LIMIT 1000
		    ) latest
		)
		SELECT mode FROM unnest($1::text[]) AS x (mode) WHERE EXISTS (SELECT FROM ours) AND NOT EXISTS (SELECT FROM ours WHERE mode_depot = mode)`, uploads)
	if err != nil {
		return nil, err
	}
	all := map[string]bool{}
	var mode string
	_, err = pgx.ForEachRow(rows, []any{&mode}, func() error {
		all[mode] = true
		return nil
	})
	return all, err
}

// Usual lists the suppliers of an account for which somebody else deposits by flux, as the portal had shown before the moment of a comparison. What came with a
// quarantine or before it may be ours, and forgotten, as long as its suspicion lasts: what nobody has inserted again by then is somebody else's. What people upload (Uploads)
// tells of no program that deposits.
func (s *Store) Usual(ctx context.Context, account string, since time.Time, uploads map[string]bool) (map[string]bool, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT DISTINCT coalesce(fournisseur_siret, '')
		FROM chorus.strangers, chorus.installation
		WHERE account = $1 AND first_seen_at < $2 AND numero_flux_depot IS NOT NULL AND coalesce(mode_depot, '') !~ '^(SAISIE|PORTAIL)' AND NOT coalesce(mode_depot = ANY ($4), false)
		  AND date_depot > $2 - $3::interval AND (quarantined_at IS NULL OR date_depot > quarantined_at OR suspect_until < $2)`, account, since, usualFor, slices.Collect(maps.Keys(uploads)))
	if err != nil {
		return nil, err
	}
	usual := map[string]bool{}
	var siret string
	_, err = pgx.ForEachRow(rows, []any{&siret}, func() error {
		usual[siret] = true
		return nil
	})
	return usual, err
}

// KeepShown keeps what a comparison is shown and no row stands for, before anything is sent, so that what is inserted of these numbers later is looked up first. What a row
// that waits or is in doubt will find is none. The change feed shows them again, and is not to take them for known.
func (s *Store) KeepShown(ctx context.Context, account string, page []Seen) error {
	if len(page) == 0 {
		return nil
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		n := len(page)
		cpps, numbers, sirets, days := make([]int64, n), make([]string, n), make([]string, n), make([]*time.Time, n)
		for k, f := range page {
			cpps[k], numbers[k], sirets[k], days[k] = f.IdentifiantFactureCPP, f.NumeroFacture, f.FournisseurSIRET, nullTime(f.DateFacture)
		}
		rows, err := tx.Query(ctx, `
			SELECT x.k::int - 1, coalesce((
			    SELECT id_structure_cpp FROM chorus.structures t WHERE t.account = $1 AND t.identifiant = x.siret ORDER BY listed DESC, id_structure_cpp DESC LIMIT 1), 0)
			FROM unnest($2::text[], $3::text[], $4::timestamptz[]) WITH ORDINALITY AS x (numero, siret, day, k)
			WHERE NOT EXISTS (
			    SELECT FROM chorus.invoices i
			    WHERE i.numero_facture = x.numero AND i.account = $1 AND i.state IN ('ready', 'in_doubt')
			      AND left(i.fournisseur_siret, 9) = left(x.siret, 9) AND extract(year FROM i.date_facture) = extract(year FROM x.day AT TIME ZONE 'Europe/Paris'))`,
			account, numbers, sirets, days)
		if err != nil {
			return err
		}
		of := map[int64][]Seen{}
		var ids []int64
		var k int
		var structure int64
		if _, err := pgx.ForEachRow(rows, []any{&k, &structure}, func() error {
			if of[structure] == nil {
				ids = append(ids, structure)
			}
			of[structure] = append(of[structure], page[k])
			return nil
		}); err != nil {
			return err
		}
		for _, id := range ids {
			if err := strangers(ctx, tx, StructureKey{Account: account, ID: id}, of[id], nil); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `
			UPDATE chorus.strangers SET last_seen_at = last_seen_at - interval '1 hour' WHERE account = $1 AND identifiant_facture_cpp = ANY ($2)`, account, cpps)
		return err
	})
}
