package store

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// blanks are what a number loses beside its small letters and the zeros at its head.
const blanks = " \t\n\x0B\f\r\u0085\u00A0\u2002\u2003\u2007\u2009\u202F\u3000"

// BareNumber is a number without what its writing adds: small letters, blanks, zeros at its head. Nobody knows what the portal makes of them, and numbers that differ in
// nothing else may be one. chorus.bare_number is the same in SQL.
func BareNumber(number string) string {
	return strings.TrimLeft(strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case strings.ContainsRune(blanks, r):
			return -1
		default:
			return r
		}
	}, number), "0")
}

// ofNumber is an item of FROM, called row: the rows that have a number, in whatever writing. The few numbers that are not bare have an index of their own. OFFSET 0 keeps all
// other conditions outside: with those of supplier and year, PostgreSQL reads the unique index of the business key by these two alone, which are all that a supplier has
// sent in the year, for each number that is asked for.
func ofNumber(row, number string) string {
	return `LATERAL (
	    SELECT * FROM chorus.invoices numbered
	    WHERE numbered.numero_facture = chorus.bare_number(` + number + `)
	       OR chorus.bare_number(numbered.numero_facture) = chorus.bare_number(` + number + `) AND numbered.numero_facture <> chorus.bare_number(numbered.numero_facture)
	    OFFSET 0) ` + row
}

// otherRows is the condition that a row other than this one explains what the portal shows: its deposit was acknowledged by this flux, or is this invoice there; or it is
// known to be this invoice, under exactly that number, however that was found.
func otherRows(row, flux, cpp, number string) string {
	return `EXISTS (
	    SELECT FROM chorus.invoices o
	    WHERE (o.identifiant_facture_cpp = ` + cpp + ` OR o.numero_flux_depot = ` + flux + `) AND o.id <> ` + row + `.id
	      AND (o.identifiant_facture_cpp = ` + cpp + ` AND o.numero_facture = ` + number + `
	           OR EXISTS (SELECT FROM chorus.attempts a WHERE a.invoice_id = o.id AND a.outcome = 'ACCEPTED' AND a.numero_flux_depot IS NOT DISTINCT FROM o.numero_flux_depot)))`
}

// mostLike bounds what is kept of a portal that shows many invoices of one number.
const mostLike = 20

// StrangersLike lists what the change feed has shown of an invoice's number and year, or of none that is said, and no row stands for: of its supplier (by SIRET) in whatever
// writing, and of another establishment of it (by SIREN) under that very number, which the portal has once only. chorus.shown goes by the same.
func (s *Store) StrangersLike(ctx context.Context, i Invoice) ([]Seen, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT DISTINCT ON (s.identifiant_facture_cpp)
		       s.identifiant_facture_cpp, s.numero_facture, coalesce(s.fournisseur_siret, ''), s.date_facture, coalesce(s.destinataire_siret, ''), s.montant_ttc,
		       coalesce(s.devise, ''), coalesce(s.numero_flux_depot, ''), coalesce(s.mode_depot, ''), coalesce(s.statut, '')
		FROM chorus.strangers s
		WHERE chorus.bare_number(s.numero_facture) = chorus.bare_number($1)
		  AND (s.fournisseur_siret IS NULL OR s.fournisseur_siret !~ '^[0-9]{14}$' OR s.fournisseur_siret = $2
		       OR left(s.fournisseur_siret, 9) = left($2, 9) AND s.numero_facture = $1)
		  AND (s.date_facture IS NULL OR extract(year FROM s.date_facture) = extract(year FROM $3::date))
		ORDER BY s.identifiant_facture_cpp DESC
		LIMIT $4`, i.NumeroFacture, i.FournisseurSIRET, i.DateFacture, mostLike)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (f Seen, err error) {
		var issued *time.Time
		err = row.Scan(&f.IdentifiantFactureCPP, &f.NumeroFacture, &f.FournisseurSIRET, &issued, &f.DestinataireSIRET, &f.MontantTTC, &f.Devise, &f.NumeroFlux, &f.ModeDepot, &f.Statut)
		if issued != nil {
			f.DateFacture = *issued
		}
		return f, err
	})
}
