package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// mostShown is how many invoices a search may be tried with, and shownAmong how many deposits of the account they are chosen from: a supplier with fewer than one
// in so many has none.
const mostShown, shownAmong = 3, 20_000

// Shown lists invoices of a supplier (a SIRET, or a SIREN for all of its SIRETs) that the portal has shown before: a search that sees anything of that supplier shows one of them again. They are those whose
// deposits were acknowledged next after at; where there are none, those before. What was deleted at the portal is none, and neither is the invoice of that number itself.
func (s *Store) Shown(ctx context.Context, account, supplier, except string, at time.Time) ([]Invoice, error) {
	for _, side := range []string{
		`deposited_at > $4 AND deposited_at <= clock_timestamp() ORDER BY deposited_at`,
		`deposited_at <= $4 ORDER BY deposited_at DESC`,
	} {
		rows, err := s.pool.Query(ctx, `
			SELECT numero_facture, date_facture, fournisseur_siret
			FROM (SELECT numero_facture, date_facture, fournisseur_siret, visible_at, statut_courant FROM chorus.invoices WHERE account = $1 AND `+side+` LIMIT $6) d
			WHERE starts_with(fournisseur_siret, $2) AND numero_facture <> $3 AND visible_at IS NOT NULL AND statut_courant IS DISTINCT FROM 'SUPPRIMEE'
			LIMIT $5`, account, supplier, except, at, mostShown, shownAmong)
		if err != nil {
			return nil, err
		}
		found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (i Invoice, err error) {
			return i, row.Scan(&i.NumeroFacture, &i.DateFacture, &i.FournisseurSIRET)
		})
		if err != nil || len(found) > 0 {
			return found, err
		}
	}
	return nil, nil
}
