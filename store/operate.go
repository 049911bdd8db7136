package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/shopspring/decimal"
)

// Status is a row of chorus.invoice_status.
type Status struct {
	ID                    int64               `json:"id"`
	ExternalRef           string              `json:"external_ref"`
	Account               string              `json:"account"`
	State                 State               `json:"state"`
	ReasonCode            *string             `json:"reason_code"`
	Reason                *string             `json:"reason"`
	NumeroFacture         *string             `json:"numero_facture"`
	DateFacture           *Day                `json:"date_facture"`
	FournisseurSIRET      *string             `json:"fournisseur_siret"`
	DestinataireSIRET     *string             `json:"destinataire_siret"`
	MontantTTC            decimal.NullDecimal `json:"montant_ttc"`
	Devise                *string             `json:"devise"`
	NumeroFluxDepot       *string             `json:"numero_flux_depot"`
	DateDepot             *Day                `json:"date_depot"`
	IdentifiantFactureCPP *int64              `json:"identifiant_facture_cpp"`
	StatutCourant         *string             `json:"statut_courant"`
	StatutCourantDate     *time.Time          `json:"statut_courant_date"`
	StatutCommentaire     *string             `json:"statut_commentaire"`
	Attempts              int                 `json:"attempts"`
	Metadata              json.RawMessage     `json:"metadata"`
	CreatedAt             time.Time           `json:"created_at"`
	UpdatedAt             time.Time           `json:"updated_at"`
	Findings              int                 `json:"findings_count"`
	PurgedAt              *time.Time          `json:"purged_at,omitempty"` // when its document was deleted
	MontantSigne          decimal.NullDecimal `json:"montant_signe"`       // below zero for a credit note, as sums take it
}

// Day is a civil date; it prints as 2026-11-23.
type Day struct{ time.Time }

// MarshalJSON writes the date alone.
func (d Day) MarshalJSON() ([]byte, error) { return []byte(`"` + d.String() + `"`), nil }

func (d Day) String() string { return d.Format(time.DateOnly) }

// Scan reads a date column.
func (d *Day) Scan(v any) error {
	t, ok := v.(time.Time)
	if !ok {
		return fmt.Errorf("not a date: %T", v)
	}
	d.Time = t
	return nil
}

// Stamp is a moment as people read it here, with its zone.
func Stamp(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 -07:00") }

// Filter selects invoices by what the database alone knows of them; what people ask for is a query (operate). Zero values select all.
type Filter struct {
	IDs    []int64
	States []State
	Limit  int // 0 = 100
}

func (f Filter) where() (string, []any) {
	clauses := []string{"true"}
	var args []any
	add := func(clause string, arg any) {
		args = append(args, arg)
		clauses = append(clauses, fmt.Sprintf(clause, len(args)))
	}
	if len(f.IDs) > 0 {
		add("id = ANY ($%d)", f.IDs)
	}
	if len(f.States) > 0 {
		add("state = ANY ($%d)", f.States)
	}
	return strings.Join(clauses, " AND "), args
}

// List returns the selected invoices, oldest first.
func (s *Store) List(ctx context.Context, f Filter) ([]Status, error) {
	where, args := f.where()
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	args = append(args, limit)
	return s.Statuses(ctx, fmt.Sprintf(`SELECT * FROM chorus.invoice_status WHERE %s ORDER BY id LIMIT $%d`, where, len(args)), args...)
}

// Recent returns the invoices that changed last, the latest first.
func (s *Store) Recent(ctx context.Context, limit int) ([]Status, error) {
	return s.Statuses(ctx, `SELECT * FROM chorus.invoice_status ORDER BY updated_at DESC, id DESC LIMIT $1`, limit)
}

// AttemptView is an attempt as an operator reads it.
type AttemptView struct {
	ID              string          `json:"id"`
	N               int             `json:"n"`
	Worker          string          `json:"worker"`
	NomFichier      string          `json:"nom_fichier"`
	ClaimedAt       time.Time       `json:"claimed_at"`
	SendDeadline    time.Time       `json:"send_deadline"`
	FinishedAt      *time.Time      `json:"finished_at"`
	Outcome         *string         `json:"outcome"`
	NumeroFluxDepot *string         `json:"numero_flux_depot"`
	Evidence        json.RawMessage `json:"evidence"`
}

// Show returns one invoice with its attempts, or pgx.ErrNoRows.
func (s *Store) Show(ctx context.Context, id int64) (Status, []AttemptView, error) {
	invoice, err := status(ctx, s.pool, id)
	if err != nil {
		return invoice, nil, err
	}
	rows, err := s.pool.Query(ctx, `
		SELECT id::text, n, worker, nom_fichier, claimed_at, send_deadline, finished_at, outcome, numero_flux_depot, chorus.readable(evidence)
		FROM chorus.attempts
		WHERE invoice_id = $1
		ORDER BY n`, id)
	if err != nil {
		return invoice, nil, err
	}
	attempts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[AttemptView])
	return invoice, attempts, err
}

// StateCount is how many invoices are in a state, and how long the one that has been in it longest has waited.
type StateCount struct {
	State  State         `json:"state"`
	Count  int           `json:"count"`
	Oldest time.Duration `json:"-"` // since it was inserted, or in doubt; 0 for final states
}

// Stats says how many invoices are in each state, by the tallies: however many there are, none is counted. Every state has a line. Ids are given in the order of insertion, so the
// least one in a state is the oldest: it is asked for in the order of the index invoices_state, and in no other.
func (s *Store) Stats(ctx context.Context) ([]StateCount, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT s.name, coalesce(t.count, 0),
		       coalesce(greatest(0, extract(epoch FROM clock_timestamp() - CASE
		           WHEN s.final OR coalesce(t.count, 0) = 0 THEN NULL
		           WHEN s.name = 'in_doubt' THEN (SELECT min(i.in_doubt_since) FROM chorus.invoices i WHERE i.state = 'in_doubt')
		           ELSE (
		               SELECT CASE WHEN x.state = s.name THEN x.created_at END
		               FROM (SELECT i.state, i.created_at FROM chorus.invoices i WHERE (i.state, i.id) >= (s.name, 0) ORDER BY i.state, i.id LIMIT 1) x
		           )
		       END)), 0)::float8
		FROM chorus.states s
		LEFT JOIN (SELECT state, sum(count)::bigint AS count FROM chorus.tally() GROUP BY state) t ON t.state = s.name`)
	if err != nil {
		return nil, err
	}
	counts := map[State]StateCount{}
	var c StateCount
	var age float64
	_, err = pgx.ForEachRow(rows, []any{&c.State, &c.Count, &age}, func() error {
		c.Oldest = seconds(age)
		counts[c.State] = c
		return nil
	})
	if err != nil {
		return nil, err
	}
	list := make([]StateCount, 0, len(States))
	for _, state := range States {
		list = append(list, counts[state])
	}
	return list, nil
}

// Insertion is what an application inserts.
type Insertion struct {
	ExternalRef string // "" = a fresh UUID
	Account     string // "" = default
	Document    []byte
	Fields      json.RawMessage // of a PDF without XML
	SyntaxeFlux string
	Metadata    json.RawMessage
	Replaces    int64 // 0 = none
	Attachments []Attachment
}

// Submit inserts an invoice with its attachments as any application would.
func (s *Store) Submit(ctx context.Context, n Insertion) (id int64, err error) {
	text := func(j json.RawMessage) *string {
		if len(j) == 0 {
			return nil
		}
		t := string(j)
		return &t
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { // no row moves, so no quarantine need wait
		err := tx.QueryRow(ctx, `
			INSERT INTO chorus.invoices (external_ref, account, document, syntaxe_flux, metadata, replaces, fields)
			VALUES (coalesce(nullif($1, ''), gen_random_uuid()::text), coalesce(nullif($2, ''), 'default'), $3, nullif($4, ''), $5, nullif($6, 0::bigint), $7)
			RETURNING id`, n.ExternalRef, n.Account, n.Document, n.SyntaxeFlux, text(n.Metadata), n.Replaces, text(n.Fields)).Scan(&id)
		for _, a := range n.Attachments {
			if err == nil {
				_, err = tx.Exec(ctx, `INSERT INTO chorus.attachments (invoice_id, nom, contenu, mime) VALUES ($1, $2, $3, $4)`, id, a.Nom, a.Contenu, a.Mime)
			}
		}
		return err
	})
	return id, err
}

// Taken tells that an insert was refused because its external_ref is another invoice's.
func Taken(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.ConstraintName == "invoices_external_ref_key"
}

// ByRef finds the invoice of an account that has this external_ref.
func (s *Store) ByRef(ctx context.Context, account, ref string) (id int64, state State, err error) {
	err = s.pool.QueryRow(ctx, `SELECT id, state FROM chorus.invoice_status WHERE account = $1 AND external_ref = $2`, account, ref).Scan(&id, &state)
	return id, state, err
}

// Known lists the names of accounts, and the statuts of Chorus Pro that this version knows.
func (s *Store) Known(ctx context.Context) (accounts, statuts []string, err error) {
	err = s.pool.QueryRow(ctx, `
		SELECT ARRAY (SELECT name FROM chorus.accounts ORDER BY 1), ARRAY (SELECT code FROM chorus.statuts ORDER BY 1)`).Scan(&accounts, &statuts)
	return accounts, statuts, err
}

// Retry has an invalid invoice read again, or one whose flux was rejected sent again; it returns the new state. It is refused when the invoice has changed since seen, its updated_at (nil:
// nobody looked).
func (s *Store) Retry(ctx context.Context, id int64, reason string, seen *time.Time) (State, error) {
	var state State
	err := s.pool.QueryRow(ctx, `SELECT chorus.retry($1, $2, $3)`, id, reason, seen).Scan(&state)
	return state, err
}

// Cancel asks for cancellation; the state that comes back is cancelled when it was honoured at once.
func (s *Store) Cancel(ctx context.Context, id int64) (State, error) {
	var state State
	err := s.pool.QueryRow(ctx, `SELECT chorus.cancel($1)`, id).Scan(&state)
	return state, err
}
