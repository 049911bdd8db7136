package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Sight is an invoice that the portal has shown: a search that sees everything shows it again.
type Sight struct {
	Invoice
	Deposited time.Time
}

// mostShown is how many are asked for again on each side of a moment, and shownAmong how many deposits of the account they are chosen from: a supplier with fewer
// than one in so many has none.
const mostShown, shownAmong = 2, 20_000

// Sights lists invoices of a supplier (by SIRET: a search shows a structure's alone) that the portal has shown: those whose deposits were acknowledged next after at,
// and those next before. What was deleted at the portal is none, nor is what an operator has accepted to be missing there, nor the invoice of that number itself.
func (s *Store) Sights(ctx context.Context, account, siret, except string, at time.Time) ([]Sight, error) {
	var all []Sight
	for _, side := range []string{
		`deposited_at > $4 AND deposited_at <= clock_timestamp() ORDER BY deposited_at`,
		`deposited_at <= $4 ORDER BY deposited_at DESC`,
	} {
		rows, err := s.pool.Query(ctx, `
			SELECT numero_facture, date_facture, fournisseur_siret, coalesce(date_depot, deposited_at), coalesce(identifiant_facture_cpp, 0), coalesce(numero_flux_depot, '')
			FROM (
			    SELECT id, identifiant_facture_cpp, numero_flux_depot, numero_facture, date_facture, fournisseur_siret, visible_at, statut_courant, date_depot, deposited_at
			    FROM chorus.invoices
			    WHERE account = $1 AND `+side+`
			    LIMIT $6
			) d
			WHERE fournisseur_siret = $2 AND numero_facture <> $3 AND visible_at IS NOT NULL AND statut_courant IS DISTINCT FROM 'SUPPRIMEE'
			  AND NOT EXISTS (SELECT FROM chorus.findings f WHERE f.invoice_id = d.id AND f.state = 'accepted')
			LIMIT $5`, account, siret, except, at, mostShown, shownAmong)
		if err != nil {
			return nil, err
		}
		found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (i Sight, err error) {
			return i, row.Scan(&i.NumeroFacture, &i.DateFacture, &i.FournisseurSIRET, &i.Deposited, &i.IdentifiantFactureCPP, &i.NumeroFluxDepot)
		})
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// StrangersSeen lists invoices of a structure that the portal has shown and no row stands for, those that changed last: they are to be seen where nothing of ours is.
func (s *Store) StrangersSeen(ctx context.Context, account string, structure int64, except string) ([]Sight, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT numero_facture, date_facture, fournisseur_siret, coalesce(date_depot, statut_date, last_seen_at), identifiant_facture_cpp, coalesce(numero_flux_depot, '')
		FROM chorus.strangers
		WHERE account = $1 AND id_structure_cpp = $2 AND numero_facture <> $3 AND date_facture IS NOT NULL AND fournisseur_siret IS NOT NULL
		  AND statut IS DISTINCT FROM 'SUPPRIMEE'
		ORDER BY statut_date DESC NULLS LAST
		LIMIT $4`, account, structure, except, mostShown)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (i Sight, err error) {
		return i, row.Scan(&i.NumeroFacture, &i.DateFacture, &i.FournisseurSIRET, &i.Deposited, &i.IdentifiantFactureCPP, &i.NumeroFluxDepot)
	})
}

// OthersOf tells which of the portal's invoices (by identifiantFactureCPP, with their numbers there) are known to be of rows other than id, which have that very number.
func (s *Store) OthersOf(ctx context.Context, id int64, numbers map[int64]string) (map[int64]bool, error) {
	if len(numbers) == 0 {
		return nil, nil
	}
	rows, err := s.pool.Query(ctx, `
		SELECT i.identifiant_facture_cpp, i.numero_facture
		FROM chorus.invoices i
		WHERE i.identifiant_facture_cpp = ANY ($1) AND i.id <> $2`,
		slices.Collect(maps.Keys(numbers)), id)
	if err != nil {
		return nil, err
	}
	others := map[int64]bool{}
	var cpp int64
	var numero string
	_, err = pgx.ForEachRow(rows, []any{&cpp, &numero}, func() error {
		others[cpp] = numero == numbers[cpp]
		return nil
	})
	return others, err
}
