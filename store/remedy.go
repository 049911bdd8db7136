package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// RemedyKind is what is done about an invoice that waits for its supplier.
type RemedyKind string

// The remedies that Chorus Pro offers; a third one, a new invoice for a refused one, is an insert.
const (
	Complete RemedyKind = "complete" // SUSPENDUE
	Recycle  RemedyKind = "recycle"  // A_RECYCLER
)

// RemedyState is how far a remedy has got.
type RemedyState string

// The states of a remedy. In RemedySending and RemedyUnknown it may have been done: the invoice's status is read before anything is repeated.
const (
	RemedyRequested RemedyState = "requested"
	RemedySending   RemedyState = "sending"
	RemedyUnknown   RemedyState = "unknown"
	RemedyDone      RemedyState = "done"
	RemedyRefused   RemedyState = "refused"
)

// Remedy is one, as its job needs it.
type Remedy struct {
	ID                    int64
	InvoiceID             int64
	Account               string
	IdentifiantFactureCPP int64
	Kind                  RemedyKind
	State                 RemedyState
	Comment               string
	DestinataireSIRET     string
	CodeService           string
	Engagement            string
	Attempts              int
	SentAt                time.Time // zero: nothing has left
	Claim                 int64
}

// RemedyFile is a file of a completion. Its contents are read one file at a time.
type RemedyFile struct {
	N       int
	Nom     string
	Mime    string
	PieceID int64 // the portal's; 0 until it was uploaded
}

// DueRemedies locks the remedies of these accounts whose next step is due, within tx.
func (s *Store) DueRemedies(ctx context.Context, tx pgx.Tx, limit int, accounts []string) ([]int64, error) {
	rows, err := tx.Query(ctx, `
		SELECT r.id
		FROM chorus.remedies r
		JOIN chorus.invoices i ON i.id = r.invoice_id
		WHERE r.state NOT IN ('done', 'refused')
		  AND r.due_at <= clock_timestamp()
		  AND (r.claimed_until IS NULL OR r.claimed_until < clock_timestamp())
		  AND i.account IN (SELECT name FROM chorus.accounts WHERE name = ANY ($2) AND paused_at IS NULL AND chorus.reachable(name))
		ORDER BY r.due_at
		LIMIT $1
		FOR UPDATE OF r SKIP LOCKED`, limit, accounts)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// SetRemedyClaim marks a remedy that DueRemedies locked as given to a job.
func (s *Store) SetRemedyClaim(ctx context.Context, tx pgx.Tx, id, job int64) error {
	_, err := tx.Exec(ctx, `UPDATE chorus.remedies SET claim = $2, claimed_until = 'infinity' WHERE id = $1`, id, job)
	return err
}

// TakeRemedy hands the claimed remedy to the job that holds the claim for lease, with its files. It returns ErrGone when the claim is another's.
func (s *Store) TakeRemedy(ctx context.Context, id, claim int64, lease time.Duration) (Remedy, []RemedyFile, error) {
	r := Remedy{ID: id, Claim: claim}
	var sent *time.Time
	err := s.pool.QueryRow(ctx, `
		UPDATE chorus.remedies r
		SET claimed_until = clock_timestamp() + $3::interval
		FROM chorus.invoices i
		WHERE r.id = $1 AND r.claim = $2 AND r.state NOT IN ('done', 'refused') AND i.id = r.invoice_id
		RETURNING r.invoice_id, i.account, coalesce(i.identifiant_facture_cpp, 0), r.kind, r.state, coalesce(r.comment, ''), coalesce(r.destinataire_siret, ''),
		          coalesce(r.code_service, ''), coalesce(r.numero_engagement, ''), r.attempts, r.sent_at`, id, claim, lease).
		Scan(&r.InvoiceID, &r.Account, &r.IdentifiantFactureCPP, &r.Kind, &r.State, &r.Comment, &r.DestinataireSIRET, &r.CodeService, &r.Engagement, &r.Attempts, &sent)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, nil, ErrGone
	}
	if err != nil {
		return r, nil, err
	}
	if sent != nil {
		r.SentAt = *sent
	}
	rows, err := s.pool.Query(ctx, `SELECT n, nom, mime, coalesce(piece_id, 0) FROM chorus.remedy_files WHERE remedy_id = $1 ORDER BY n`, id)
	if err != nil {
		return r, nil, err
	}
	files, err := pgx.CollectRows(rows, pgx.RowToStructByPos[RemedyFile])
	return r, files, err
}

// RemedyContents returns the bytes of one file.
func (s *Store) RemedyContents(ctx context.Context, remedy int64, n int) ([]byte, error) {
	var contents []byte
	err := s.pool.QueryRow(ctx, `SELECT contenu FROM chorus.remedy_files WHERE remedy_id = $1 AND n = $2`, remedy, n).Scan(&contents)
	return contents, err
}

// Uploaded writes down the portal's number of a file, so that it is not uploaded again, and keeps the claim for another lease.
func (s *Store) Uploaded(ctx context.Context, r Remedy, n int, piece int64, lease time.Duration) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE chorus.remedy_files SET piece_id = $3 WHERE remedy_id = $1 AND n = $2`, r.ID, n, piece); err != nil {
			return err
		}
		return ours(tx.Exec(ctx, `UPDATE chorus.remedies SET claimed_until = clock_timestamp() + $3::interval WHERE id = $1 AND claim = $2`, r.ID, r.Claim, lease))
	})
}

// SendRemedy writes down, before the request leaves, that it may be in the air. A crash after it leaves a remedy in sending, whose invoice is looked at first.
func (s *Store) SendRemedy(ctx context.Context, r Remedy, lease time.Duration) error {
	return ours(s.pool.Exec(ctx, `
		UPDATE chorus.remedies
		SET state = 'sending', attempts = attempts + 1, sent_at = coalesce(sent_at, clock_timestamp()), claimed_until = clock_timestamp() + $3::interval
		WHERE id = $1 AND claim = $2`, r.ID, r.Claim, lease))
}

// EndRemedy writes down what became of it and gives the claim back; what is not over is due again after wait.
func (s *Store) EndRemedy(ctx context.Context, r Remedy, state RemedyState, reason string, wait time.Duration) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.remedies
		SET state = $3, reason = coalesce(nullif($4, ''), reason), claim = NULL, claimed_until = NULL, due_at = clock_timestamp() + $5::interval
		WHERE id = $1 AND claim = $2`, r.ID, r.Claim, state, reason, later(wait))
	return err
}

func ours(tag interface{ RowsAffected() int64 }, err error) error {
	if err == nil && tag.RowsAffected() == 0 {
		return ErrGone
	}
	return err
}

// RemedyView is a remedy as people read it.
type RemedyView struct {
	ID                int64       `json:"id"`
	Kind              RemedyKind  `json:"kind"`
	State             RemedyState `json:"state"`
	Reason            *string     `json:"reason"`
	RequestedAt       time.Time   `json:"requested_at"`
	RequestedBy       string      `json:"requested_by"`
	FinishedAt        *time.Time  `json:"finished_at"`
	Comment           *string     `json:"comment"`
	DestinataireSIRET *string     `json:"destinataire_siret"`
	CodeService       *string     `json:"code_service"`
	NumeroEngagement  *string     `json:"numero_engagement"`
	Files             int         `json:"files"`
	Attempts          int         `json:"attempts"`
}

// Remedies lists what was done about an invoice, oldest first; which invoice it replaces, and which one replaces it (0: none).
func (s *Store) Remedies(ctx context.Context, invoice int64) (list []RemedyView, replaces, replacedBy int64, err error) {
	rows, err := s.pool.Query(ctx, `
		SELECT id, kind, state, reason, requested_at, requested_by, finished_at, comment, destinataire_siret, code_service, numero_engagement,
		       (SELECT count(n) FROM chorus.remedy_files f WHERE f.remedy_id = r.id)::int, attempts
		FROM chorus.remedies r
		WHERE invoice_id = $1
		ORDER BY id`, invoice)
	if err != nil {
		return nil, 0, 0, err
	}
	if list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[RemedyView]); err != nil {
		return nil, 0, 0, err
	}
	err = s.pool.QueryRow(ctx, `
		SELECT coalesce((SELECT replaces FROM chorus.invoices WHERE id = $1), 0), coalesce((SELECT max(id) FROM chorus.invoices WHERE replaces = $1), 0)`,
		invoice).Scan(&replaces, &replacedBy)
	return list, replaces, replacedBy, err
}

// StandsFor tells whether an invoice stands for the one that it replaces, as the index invoices_replaces_key has it: then no other one may.
func (s *Store) StandsFor(ctx context.Context, id int64) (stands bool, err error) {
	err = s.pool.QueryRow(ctx, `
		SELECT coalesce((
		    SELECT replaces IS NOT NULL AND state NOT IN ('invalid', 'cancelled') AND NOT (state = 'rejected' AND identifiant_facture_cpp IS NULL)
		    FROM chorus.invoices
		    WHERE id = $1), false)`, id).Scan(&stands)
	return stands, err
}

// CompleteInvoice asks for a suspended invoice to be completed, and returns the remedy.
func (s *Store) CompleteInvoice(ctx context.Context, id int64, comment string, files []Attachment) (remedy int64, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { // no row moves, so no quarantine need wait
		if err := tx.QueryRow(ctx, `SELECT chorus.complete($1, $2)`, id, comment).Scan(&remedy); err != nil {
			return err
		}
		for _, f := range files {
			if _, err := tx.Exec(ctx, `SELECT chorus.attach($1, $2, $3, $4)`, remedy, f.Nom, f.Contenu, f.Mime); err != nil {
				return err
			}
		}
		return nil
	})
	return remedy, err
}

// Routing is where a recycled invoice is to go; empty stays as it was.
type Routing struct{ DestinataireSIRET, CodeService, Engagement string }

// RecycleInvoice asks for an invoice to be routed anew under its number, and returns the remedy.
func (s *Store) RecycleInvoice(ctx context.Context, id int64, to Routing, comment string) (remedy int64, err error) {
	err = s.pool.QueryRow(ctx, `SELECT chorus.recycle($1, nullif($2, ''), nullif($3, ''), nullif($4, ''), $5)`,
		id, to.DestinataireSIRET, to.CodeService, to.Engagement, comment).Scan(&remedy)
	return remedy, err
}

// Replaced says under which number, supplier and year the invoice was refused that this one replaces; "" when it replaces none.
func (s *Store) Replaced(ctx context.Context, id int64) (numero, siren string, annee int, err error) {
	err = s.pool.QueryRow(ctx, `
		SELECT o.numero_facture, left(o.fournisseur_siret, 9), extract(year FROM o.date_facture)::int
		FROM chorus.invoices i
		JOIN chorus.invoices o ON o.id = i.replaces
		WHERE i.id = $1`, id).Scan(&numero, &siren, &annee)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", "", 0, nil
	}
	return numero, siren, annee, err
}
