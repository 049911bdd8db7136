package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// The codes of findings; chorus.finding_codes says what each means.
const (
	FindingAtPortalOnly = "AT_PORTAL_ONLY"
	FindingHereOnly     = "HERE_ONLY"
	FindingNoMessage    = "NO_MESSAGE"
	FindingAmount       = "AMOUNT"
	FindingStatus       = "STATUS"
	FindingRecipient    = "RECIPIENT"
	FindingFlux         = "FLUX"
	FindingNumber       = "NUMBER"
	FindingDate         = "DATE"
	FindingDouble       = "DOUBLE"
	FindingParked       = "PARKED"
)

// Side is what one side says of an invoice. What it does not say is empty. Amounts are decimals as text.
type Side struct {
	State                 State      `json:"state,omitempty"` // ours alone has one
	IdentifiantFactureCPP int64      `json:"identifiant_facture_cpp,omitempty"`
	NumeroFacture         string     `json:"numero_facture,omitempty"`
	DateFacture           string     `json:"date_facture,omitempty"`
	FournisseurSIRET      string     `json:"fournisseur_siret,omitempty"`
	DestinataireSIRET     string     `json:"destinataire_siret,omitempty"`
	MontantTTC            string     `json:"montant_ttc,omitempty"`
	Devise                string     `json:"devise,omitempty"`
	NumeroFluxDepot       string     `json:"numero_flux_depot,omitempty"`
	DateDepot             string     `json:"date_depot,omitempty"`
	ModeDepot             string     `json:"mode_depot,omitempty"`
	EtatFlux              string     `json:"etat_flux,omitempty"`
	Statut                string     `json:"statut,omitempty"`
	StatutDate            *time.Time `json:"statut_date,omitempty"`
}

// Key is year of issue, supplier's SIREN and number: what Chorus Pro holds unique; "" when any of them is not said.
func (s Side) Key() string {
	if s.NumeroFacture == "" || len(s.DateFacture) < 4 || len(s.FournisseurSIRET) < 9 {
		return ""
	}
	return s.DateFacture[:4] + "/" + s.FournisseurSIRET[:9] + "/" + s.NumeroFacture
}

// Suspect is what a run has to look at again before it concludes anything.
type Suspect struct {
	ID        int64
	InvoiceID int64 // 0: no row of ours
	Portal    *Side // as the listing showed it; nil when it did not
	Tries     int
}

// Finding is a difference that has been looked at twice.
type Finding struct {
	Code                  string
	InvoiceID             int64
	IdentifiantFactureCPP int64
	NumeroFacture         string
	Day                   string // of the deposit; "" = the run's first
	Here, Portal          *Side
	Text                  string
}

// subject is what a finding is about: it is the same one as long as this, and its code, are.
func subject(invoice, facture int64) string {
	if invoice != 0 {
		return fmt.Sprintf("invoice %d", invoice)
	}
	return fmt.Sprintf("facture %d", facture)
}

// here are the rows that the portal should show among the deposits of a run's period.
const here = `
	i.account = $2 AND i.fournisseur_siret = $3 AND i.deposited_at IS NOT NULL
	AND (coalesce(i.date_depot, i.deposited_at) AT TIME ZONE 'Europe/Paris')::date BETWEEN $4 AND $5
	AND (i.state IN ('deposited', 'integrated', 'settled')
	     OR i.state = 'rejected' AND i.identifiant_facture_cpp IS NOT NULL
	     OR i.state = 'parked' AND i.reason_code = 'TOO_OLD')`

// AllRead ends the listing. If everything was shown, the rows that the portal should have shown, because they were deposited longer than visible ago,
// are to be looked at again; and so are rows that two invoices of the portal belong to.
func (s *Store) AllRead(ctx context.Context, r Reconciliation, complete bool, visible, lease time.Duration) error {
	return s.inRun(ctx, r, lease, func(tx pgx.Tx) error {
		args := []any{r.ID, r.Account, r.SIRET, r.From, r.To}
		if complete {
			if _, err := tx.Exec(ctx, `
				INSERT INTO chorus.suspects (reconciliation_id, subject, invoice_id)
				SELECT $1, 'invoice ' || i.id, i.id
				FROM chorus.invoices i
				WHERE `+here+`
				  AND i.deposited_at < clock_timestamp() - $6::interval
				  AND NOT EXISTS (SELECT FROM chorus.reconciled x WHERE x.reconciliation_id = $1 AND x.invoice_id = i.id)
				ON CONFLICT DO NOTHING`, append(args, visible)...); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO chorus.suspects (reconciliation_id, subject, invoice_id)
			SELECT $1, 'invoice ' || invoice_id, invoice_id
			FROM chorus.reconciled
			WHERE reconciliation_id = $1 AND invoice_id IS NOT NULL
			GROUP BY invoice_id
			HAVING count(*) > 1
			ON CONFLICT DO NOTHING`, r.ID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			UPDATE chorus.reconciliations
			SET read_at = clock_timestamp(),
			    (here_count, here_sums) = (
			        SELECT coalesce(sum(n), 0), coalesce(jsonb_object_agg(devise, total), '{}')
			        FROM (
			            SELECT coalesce(i.devise, '') AS devise, count(*) AS n, coalesce(sum(i.montant_ttc), 0) AS total
			            FROM chorus.invoices i
			            WHERE `+here+`
			            GROUP BY 1
			        ) x),
			    (portal_count, portal_sums) = (
			        SELECT coalesce(sum(n), 0), coalesce(jsonb_object_agg(devise, total), '{}')
			        FROM (
			            SELECT coalesce(devise, '') AS devise, count(*) AS n, coalesce(sum(montant_ttc), 0) AS total
			            FROM chorus.reconciled
			            WHERE reconciliation_id = $1
			            GROUP BY 1
			        ) y)
			WHERE id = $1`, args...)
		return err
	})
}

// Suspects are the next ones to be looked at again.
func (s *Store) Suspects(ctx context.Context, r Reconciliation, limit int) ([]Suspect, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT id, coalesce(invoice_id, 0), portal, tries
		FROM chorus.suspects
		WHERE reconciliation_id = $1
		ORDER BY tries, id
		LIMIT $2`, r.ID, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Suspect])
}

// Twin tells whether the run was shown an earlier invoice of this key.
func (s *Store) Twin(ctx context.Context, r Reconciliation, key string, facture int64) (bool, error) {
	var twin bool
	err := s.pool.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM chorus.reconciled WHERE reconciliation_id = $1 AND key = nullif($2, '') AND identifiant_facture_cpp < $3)`,
		r.ID, key, facture).Scan(&twin)
	return twin, err
}

// Judged writes what has been found of a suspect. What was found before, by whichever run, is found again and nothing more. Undecided: the portal's
// answer did not add up; it is asked again, and after the last try the run is not complete.
func (s *Store) Judged(ctx context.Context, r Reconciliation, x Suspect, findings []Finding, calls int, undecided, last bool, lease time.Duration) error {
	return s.inRun(ctx, r, lease, func(tx pgx.Tx) error {
		for _, f := range findings {
			if _, err := tx.Exec(ctx, `
				INSERT INTO chorus.findings (reconciliation_id, last_reconciliation_id, account, id_structure_cpp, deposit_day, code, subject, invoice_id,
				    identifiant_facture_cpp, numero_facture, here, portal, text)
				VALUES ($1, $1, $2, $3, coalesce(nullif($4, '')::date, $5), $6, $7, nullif($8, 0::bigint), nullif($9, 0::bigint), nullif($10, ''), $11, $12, $13)
				ON CONFLICT (account, code, subject) WHERE state <> 'closed' DO UPDATE
				SET last_reconciliation_id = excluded.last_reconciliation_id, last_found_at = clock_timestamp(), deposit_day = excluded.deposit_day,
				    identifiant_facture_cpp = excluded.identifiant_facture_cpp, here = excluded.here, portal = excluded.portal, text = excluded.text,
				    state = CASE WHEN findings.text = excluded.text THEN findings.state ELSE 'open' END`,
				r.ID, r.Account, r.Structure, f.Day, r.From, f.Code, f.subject(), f.InvoiceID, f.IdentifiantFactureCPP, f.NumeroFacture, f.Here, f.Portal, f.Text); err != nil {
				return err
			}
		}
		what := `DELETE FROM chorus.suspects WHERE id = $1`
		if undecided && !last {
			what = `UPDATE chorus.suspects SET tries = tries + 1 WHERE id = $1`
		}
		if _, err := tx.Exec(ctx, what, x.ID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			UPDATE chorus.reconciliations
			SET calls = calls + $2, doubt = CASE WHEN $3 THEN coalesce(doubt, 'an invoice could not be asked for') ELSE doubt END
			WHERE id = $1`, r.ID, calls, undecided && last)
		return err
	})
}

func (f Finding) subject() string {
	if f.Code == FindingDouble || f.Code == FindingAtPortalOnly { // about an invoice that is not our row's, even where there is one
		return subject(0, f.IdentifiantFactureCPP)
	}
	return subject(f.InvoiceID, f.IdentifiantFactureCPP)
}

// Ended counts what a run did.
type Ended struct{ Found, Opened, Closed int64 }

// EndReconciliation ends a run. Only one that is done closes what it did not find any more.
func (s *Store) EndReconciliation(ctx context.Context, r Reconciliation, state, reason string) (Ended, error) {
	var did Ended
	err := s.inRun(ctx, r, 0, func(tx pgx.Tx) error {
		did = Ended{}
		if state == RunDone {
			tag, err := tx.Exec(ctx, `
				UPDATE chorus.findings f
				SET state = 'closed', last_reconciliation_id = r.id, resolved_at = clock_timestamp(), resolved_by = chorus.actor(),
				    resolution = CASE f.state WHEN 'accepted' THEN f.resolution || '; both sides agree since' ELSE 'both sides agree' END
				FROM chorus.reconciliations r
				WHERE r.id = $1 AND f.account = r.account AND f.id_structure_cpp = r.id_structure_cpp AND f.deposit_day <@ r.period AND f.state <> 'closed'
				  AND f.last_reconciliation_id <> r.id AND f.last_found_at < r.started_at`, r.ID)
			if err != nil {
				return err
			}
			did.Closed = tag.RowsAffected()
		}
		for _, table := range []string{"reconciled", "suspects"} {
			if _, err := tx.Exec(ctx, `DELETE FROM chorus.`+table+` WHERE reconciliation_id = $1`, r.ID); err != nil {
				return err
			}
		}
		return tx.QueryRow(ctx, `
			UPDATE chorus.reconciliations
			SET state = $2, reason = nullif($3, ''), finished_at = clock_timestamp(), claim = NULL, claimed_until = NULL, closed = $4,
			    found = (SELECT count(*) FROM chorus.findings WHERE last_reconciliation_id = $1 AND state <> 'closed'),
			    opened = (SELECT count(*) FROM chorus.findings WHERE reconciliation_id = $1)
			WHERE id = $1
			RETURNING found, opened`, r.ID, state, reason, did.Closed).Scan(&did.Found, &did.Opened)
	})
	return did, err
}

// Caught takes a row to where a search has shown its invoice, as the change feed would have: forward only, by the portal's own dates.
func (s *Store) Caught(ctx context.Context, id int64, seen Seen) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+invoiceColumns+` FROM chorus.invoices i WHERE id = $1 FOR UPDATE`, id)
		if err != nil {
			return err
		}
		i, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (Invoice, error) { return scanInvoice(row) })
		if err != nil || i.State != Deposited && !news(i, seen) {
			return err
		}
		return follow(ctx, tx, i, seen)
	})
}

// LookNow has a row in doubt looked up now, a ready one before it is sent, and one that was parked before its first attempt before it is sent if it ever is, because the portal has been seen to hold an invoice of its number.
func (s *Store) LookNow(ctx context.Context, id int64) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		var state State
		if err := tx.QueryRow(ctx, `SELECT state FROM chorus.invoices WHERE id = $1 FOR UPDATE`, id).Scan(&state); err != nil {
			return err
		}
		switch state {
		case InDoubt:
			_, err := tx.Exec(ctx, `UPDATE chorus.invoices SET due_at = clock_timestamp() WHERE id = $1 AND due_at > clock_timestamp()`, id)
			return err
		case Ready:
			return standIn(ctx, tx, id, heldAlready, false)
		case Parked:
			_, err := tx.Exec(ctx, `UPDATE chorus.invoices SET lookup_first = true WHERE id = $1 AND attempt_no = 0 AND NOT lookup_first`, id)
			return err
		default:
			return nil
		}
	})
}
