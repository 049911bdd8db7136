package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/shopspring/decimal"
)

// Facts are the columns filled from the document.
type Facts struct {
	Syntaxe                          string
	NumeroFacture                    string
	DateFacture                      time.Time
	TypeFacture                      string
	FournisseurSIRET, FournisseurNom string
	DestinataireSIRET                string
	DestinataireNom                  string
	MontantHT, MontantTVA            decimal.NullDecimal
	MontantTTC, MontantAPayer        decimal.NullDecimal
	Devise, Cadre                    string
	CodeService, Engagement          string
	ServiceFiller                    string // in BT-10, what says that there is no service ("NA"); it is in no column

	Findings []RuleFinding `json:"-"` // what the rules say of the document, errors first
}

const factsSQL = `
	syntaxe = nullif($2, ''), numero_facture = nullif($3, ''), date_facture = $4, type_facture = nullif($5, ''),
	fournisseur_siret = nullif($6, ''), fournisseur_nom = nullif($7, ''), destinataire_siret = nullif($8, ''), destinataire_nom = nullif($9, ''),
	montant_ht = $10, montant_tva = $11, montant_ttc = $12, montant_a_payer = $13,
	devise = nullif($14, ''), cadre_facturation = nullif($15, ''), code_service = nullif($16, ''), numero_engagement = nullif($17, ''), findings = $18`

func (f Facts) args(id int64) []any {
	var date *time.Time
	if !f.DateFacture.IsZero() {
		date = &f.DateFacture
	}
	return []any{
		id, f.Syntaxe, f.NumeroFacture, date, f.TypeFacture,
		f.FournisseurSIRET, f.FournisseurNom, f.DestinataireSIRET, f.DestinataireNom,
		f.MontantHT, f.MontantTVA, f.MontantTTC, f.MontantAPayer,
		f.Devise, f.Cadre, f.CodeService, f.Engagement, len(f.Findings),
	}
}

// Validated makes a received row ready, with the facts of its document; one that may be at the portal already is in doubt at once. When another row of this database already stands for the same number of the
// same supplier and year, the row becomes invalid instead, with the reason. It returns a *Forgot when the row has attempts: the table of invoices was taken back
// alone.
func (s *Store) Validated(ctx context.Context, i Invoice, f Facts) (State, error) {
	state, _, err := s.ValidatedAndKept(ctx, i, f, 0)
	return state, err
}

// nothingWaits tells that what has just been read may be sent at once, past the dispatcher: no other row is ready and due that nobody has, whose turn it would be, and
// nothing holds the account's deposits back or lets only some of them through. Where many are ready, it is not looked further. T1 asks all of it again that counts.
const nothingWaits = `
	coalesce(i.not_before <= clock_timestamp(), true)
	AND (SELECT count(*) < 64 AND coalesce(bool_and(r.claim IS NOT NULL OR r.due_at > clock_timestamp()), true)
	     FROM (SELECT claim, due_at FROM chorus.invoices WHERE state = 'ready' ORDER BY account, priority DESC, id LIMIT 64) r)
	AND EXISTS (
	    SELECT
	    FROM chorus.accounts acc
	    WHERE acc.name = i.account AND acc.paused_at IS NULL AND acc.compare_since IS NULL AND chorus.reachable(acc.name)
	      AND NOT EXISTS (SELECT FROM chorus.breakers b WHERE b.key = ANY (acc.behind) AND (b.state <> 'closed' OR b.ramp IS NOT NULL)))`

// suspected tells of a row i that has just become ready that it may be at the portal already: the triggers know what the portal has shown, and of whom.
const suspected = `(i.lookup_first OR (SELECT suspect_until > clock_timestamp() FROM chorus.installation))`

// doubt has a row that has just become ready looked up before it is sent.
func doubt(ctx context.Context, tx pgx.Tx, id int64, f Facts) error {
	var shown, abandoned bool
	err := tx.QueryRow(ctx, `
		SELECT chorus.shown($1, $2, $3), EXISTS (
		    SELECT FROM chorus.invoices o
		    WHERE o.numero_facture = $1 AND o.state = 'abandoned' AND o.attempt_no > 0 AND left(o.fournisseur_siret, 9) = left($2, 9)
		)`, f.NumeroFacture, f.FournisseurSIRET, f.DateFacture).Scan(&shown, &abandoned)
	switch { // what somebody else sent, or was given up, may have been sent at any time
	case err != nil:
		return err
	case shown:
		return standIn(ctx, tx, id, heldAlready, false)
	case abandoned:
		return standIn(ctx, tx, id, "an invoice of this number was given up after it was sent", false)
	default:
		return standIn(ctx, tx, id, "it may have been sent before the database was restored", true)
	}
}

// ValidatedAndKept is Validated for a job that may go on to send the invoice: it keeps its claim for lease where nothing waits, and is given the row that it then
// has, or nil. A crash afterwards leaves a ready row whose lease runs out, as before any other T1.
func (s *Store) ValidatedAndKept(ctx context.Context, i Invoice, f Facts, lease time.Duration) (State, *Invoice, error) {
	state := Ready
	var kept *Invoice
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if err := keepFindings(ctx, tx, i.ID, f.Findings); err != nil {
			return err
		}
		var suspect, keeps bool
		rows, err := tx.Query(ctx, `
			UPDATE chorus.invoices i
			SET state = 'ready', due_at = greatest(clock_timestamp(), not_before),
			    claimed_until = CASE WHEN $20::interval > interval '0' AND `+nothingWaits+` THEN clock_timestamp() + $20::interval END, `+factsSQL+`
			WHERE id = $1 AND state = 'received' AND claim = $19
			RETURNING `+invoiceColumns+`, `+suspected+`, claim IS NOT NULL`,
			append(f.args(i.ID), i.Claim, lease)...)
		if err != nil {
			return err
		}
		row, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (Invoice, error) { return scanInvoice(row, &suspect, &keeps) })
		if err == nil && keeps && !suspect {
			row.document = i.document
			kept = &row
		}
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrGone
		}
		if err != nil || !suspect {
			return err
		}
		state = InDoubt
		return doubt(ctx, tx, i.ID, f)
	})
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.ConstraintName == "invoices_business_key" {
		state, err := s.Invalid(ctx, i, f, ReasonDuplicateNumber, s.twin(ctx, i, f))
		return state, nil, err
	}
	if errors.As(err, &pgErr) && pgErr.Code == noProof {
		return "", nil, &Forgot{Witness: WitnessTables, Kind: KindRestore, Tables: true, Detail: "an invoice that is yet to be read was sent, by its own attempts"}
	}
	if err != nil {
		return "", nil, err
	}
	return state, kept, nil
}

// Invalid says that the document cannot be sent, and why; what could be read of it, and what the rules found, is kept.
func (s *Store) Invalid(ctx context.Context, i Invoice, f Facts, code, reason string) (State, error) {
	const update = `
		UPDATE chorus.invoices
		SET state = 'invalid', reason_code = $20, reason = $21, ` + factsSQL + `
		WHERE id = $1 AND state = 'received' AND claim = $19`
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if err := keepFindings(ctx, tx, i.ID, f.Findings); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, update, append(f.args(i.ID), i.Claim, code, reason)...)
		if err == nil && tag.RowsAffected() == 0 {
			return ErrGone
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return Invalid, nil
}

// Panicked counts that the job of a claimed row broke, and takes the row out of the way at the third time: a received one as invalid, a ready one parked.
func (s *Store) Panicked(ctx context.Context, id, claim int64) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.invoices
		SET panics = panics + 1,
		    claim = NULL, claimed_until = NULL, due_at = clock_timestamp() + interval '1 second',
		    reason_due_at = CASE WHEN reason_due_at IS NOT NULL THEN clock_timestamp() + interval '1 hour' END,
		    state = CASE WHEN panics < 2 THEN state WHEN state = 'received' THEN 'invalid' WHEN state = 'ready' THEN 'parked' ELSE state END,
		    reason_code = CASE WHEN panics < 2 OR state NOT IN ('received', 'ready') THEN reason_code ELSE 'POISON' END,
		    reason = CASE WHEN panics < 2 OR state NOT IN ('received', 'ready') THEN reason
		                  ELSE 'the worker broke three times on this document: please report it to the makers of choriste' END
		WHERE id = $1 AND claim = $2`, id, claim)
	return err
}

// twin describes the row that holds the number already.
func (s *Store) twin(ctx context.Context, i Invoice, f Facts) string {
	const remedy = "Chorus Pro takes a number (BT-1) once for each supplier SIREN (BT-30) and year of issue (BT-2)"
	rows, err := s.pool.Query(ctx, `
		SELECT id, account
		FROM chorus.invoices
		WHERE left(fournisseur_siret, 9) = $1 AND numero_facture = $2 AND extract(year FROM date_facture) = $3
		  AND state NOT IN ('received', 'invalid', 'rejected', 'cancelled', 'abandoned')`,
		f.FournisseurSIRET[:min(9, len(f.FournisseurSIRET))], f.NumeroFacture, f.DateFacture.Year())
	if err != nil {
		return remedy
	}
	type other struct {
		ID      int64
		Account string
	}
	twin, err := pgx.CollectOneRow(rows, pgx.RowToStructByPos[other])
	if err != nil || twin.Account != i.Account { // another account's rows are none of this one's business
		return "another invoice has this number already: " + remedy
	}
	return fmt.Sprintf("invoice %d has this number already: %s", twin.ID, remedy)
}
