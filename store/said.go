package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Said is something that the portal or a recipient said, and how often. Kind is one of the dictionary's (chorus/answers).
type Said struct {
	Kind    string `json:"kind"`
	Text    string `json:"text"`
	Count   int64  `json:"count"`
	Invoice int64  `json:"invoice"` // the last one it was said of
}

// mostSaid is how many different texts are looked at.
const mostSaid = 20_000

// Said lists what was said in the last year, most often first: the texts of rejections, states of fluxes, statuts, comments of recipients that send an invoice
// back, and what each codeRetour other than 0 came with.
func (s *Store) Said(ctx context.Context) ([]Said, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT kind, text, count(*), max(id)
		FROM (
		    SELECT 'error' AS kind, left(reason, 4096) AS text, id, updated_at AS at
		    FROM chorus.invoices
		    WHERE reason_code IN ('FLUX_REJECTED', 'REFUSED')
		    UNION ALL
		    SELECT 'etat_flux', etat_flux, id, updated_at FROM chorus.invoices
		    UNION ALL
		    SELECT 'statut', statut_courant, id, updated_at FROM chorus.invoices
		    UNION ALL
		    SELECT 'motif', left(statut_commentaire, 4096), id, updated_at
		    FROM chorus.invoices
		    WHERE statut_courant IN (SELECT code FROM chorus.statuts WHERE needs_reason)
		    UNION ALL
		    SELECT 'codeRetour', concat_ws(' ', evidence ->> 'code_retour', evidence ->> 'message'), invoice_id, claimed_at
		    FROM chorus.attempts
		    WHERE evidence ->> 'code_retour' <> '0'
		) x
		WHERE text <> '' AND at > clock_timestamp() - interval '1 year'
		GROUP BY 1, 2
		ORDER BY 3 DESC, 1, 2
		LIMIT $1`, mostSaid)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Said])
}
