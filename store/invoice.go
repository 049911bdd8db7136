package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/shopspring/decimal"
)

// Invoice is a row as the worker's jobs need it. Empty strings and zero times stand for NULL.
type Invoice struct {
	ID                    int64
	Account               string
	ExternalRef           string
	State                 State
	ReasonCode            string
	SyntaxeFlux           string // what the application said
	Syntaxe               string // what is sent
	Sha256                [sha256.Size]byte
	NumeroFacture         string
	DateFacture           time.Time
	FournisseurSIRET      string
	DestinataireSIRET     string
	MontantTTC            decimal.NullDecimal
	Devise                string
	TypeFacture           string // BT-3, a code of UNTDID 1001; of fields, FACTURE or AVOIR
	AttemptNo             int
	Resubmits             int
	Refusals              int
	Looks                 int
	NumeroFluxDepot       string
	EtatFlux              string
	IdentifiantFactureCPP int64
	StatutCourant         string
	StatutCourantDate     time.Time
	DepositedFor          time.Duration // since Chorus Pro acknowledged it, or since the clock was set, as far as its age is known; 0 before
	DateDepot             time.Time     // when it was deposited, by the portal's own word; zero: it has not said
	InDoubtFor            time.Duration
	InDoubtSince          time.Time
	Claim                 int64
	DocumentBytes         int
	HasFields             bool      // the document is a PDF without XML
	Deaths                int       // jobs that neither ended nor gave the row back while it was received
	Replaces              bool      // another invoice, under a new number
	Leaves                time.Time // by the database's clock, when it is sent at the earliest: now, or not_before

	document []byte // a small one comes with the row that is read or sent
}

// Siren is the first nine digits of the supplier's SIRET: the part that makes an invoice number unique.
func (i Invoice) Siren() string {
	if len(i.FournisseurSIRET) < 9 {
		return ""
	}
	return i.FournisseurSIRET[:9]
}

// Attempt is one request that may have left.
type Attempt struct {
	ID         pgtype.UUID
	InvoiceID  int64
	N          int
	NomFichier string
	Outcome    Outcome   // "" while nothing is known
	StandIn    bool      // for one that the database may have forgotten: nothing is known to have been sent
	Since      time.Time // a stand-in: what was forgotten was sent after this; zero: it may have been sent at any time
	ClaimedAt  time.Time
	Older      bool          // than the last quarantine: a later one may be forgotten
	Age        time.Duration // since it was claimed, or since that quarantine, by the database's clock
	Now        time.Time     // by the same clock, when Age was read
	Lookups    []Lookup
	Tried      bool // a breaker was not simply closed when it began: what becomes of it matters to that
}

// ErrGone says that the row is no longer what the job was created for: another job has it, or it has moved on. The job has nothing to do.
var ErrGone = errors.New("the invoice has moved on")

const invoiceColumns = `
	i.id, i.account, i.external_ref, i.state, coalesce(i.reason_code, ''), coalesce(i.syntaxe_flux, ''), coalesce(i.syntaxe, ''),
	i.document_sha256,
	coalesce(i.numero_facture, ''), i.date_facture, coalesce(i.fournisseur_siret, ''), coalesce(i.destinataire_siret, ''), i.montant_ttc,
	coalesce(i.devise, ''), coalesce(i.type_facture, ''),
	i.attempt_no, i.resubmits, i.refusals, i.looks, coalesce(i.numero_flux_depot, ''), coalesce(i.etat_flux, ''),
	coalesce(i.identifiant_facture_cpp, 0), coalesce(i.statut_courant, ''), i.statut_courant_date,
	coalesce(extract(epoch FROM clock_timestamp() - greatest(i.deposited_at, (SELECT stepped_at FROM chorus.installation WHERE i.deposited_at IS NOT NULL))), 0)::float8,
	coalesce(extract(epoch FROM clock_timestamp() - i.in_doubt_since), 0)::float8, i.in_doubt_since, i.date_depot,
	coalesce(i.claim, 0), i.document_bytes, i.deaths, i.fields IS NOT NULL, i.replaces IS NOT NULL, greatest(clock_timestamp(), i.not_before)`

// SmallDocument is the size up to which a document comes with its row, so that it is not asked for once more: a process may have one for each job in memory.
const SmallDocument = 256 << 10

func scanInvoice(row pgx.CollectableRow, more ...any) (Invoice, error) {
	var (
		i                   Invoice
		sha                 []byte
		dateFacture, statut *time.Time
		since, depot        *time.Time
		deposited, doubt    float64
	)
	err := row.Scan(append([]any{
		&i.ID, &i.Account, &i.ExternalRef, &i.State, &i.ReasonCode, &i.SyntaxeFlux, &i.Syntaxe,
		&sha,
		&i.NumeroFacture, &dateFacture, &i.FournisseurSIRET, &i.DestinataireSIRET, &i.MontantTTC,
		&i.Devise, &i.TypeFacture,
		&i.AttemptNo, &i.Resubmits, &i.Refusals, &i.Looks, &i.NumeroFluxDepot, &i.EtatFlux,
		&i.IdentifiantFactureCPP, &i.StatutCourant, &statut,
		&deposited, &doubt, &since, &depot,
		&i.Claim, &i.DocumentBytes, &i.Deaths, &i.HasFields, &i.Replaces, &i.Leaves,
	}, more...)...)
	if err != nil {
		return i, err
	}
	copy(i.Sha256[:], sha)
	if dateFacture != nil {
		i.DateFacture = *dateFacture
	}
	if statut != nil {
		i.StatutCourantDate = *statut
	}
	if since != nil {
		i.InDoubtSince = *since
	}
	if depot != nil {
		i.DateDepot = *depot
	}
	i.DepositedFor = seconds(deposited)
	i.InDoubtFor = seconds(doubt)
	return i, nil
}

func seconds(f float64) time.Duration { return time.Duration(f * float64(time.Second)) }

// Take hands the claimed invoice to the job that holds the claim and keeps others away from it for lease. It returns ErrGone when the claim is not
// the row's any more.
func (s *Store) Take(ctx context.Context, id, claim int64, state State, lease time.Duration) (Invoice, error) {
	return s.take(ctx, id, claim, lease, `i.state = $4`, state)
}

// TakeWhole is Take for a step that needs the document: a small one comes with the row.
func (s *Store) TakeWhole(ctx context.Context, id, claim int64, state State, lease time.Duration) (Invoice, error) {
	return s.takeWith(ctx, id, claim, lease, `CASE WHEN i.document_bytes <= $5 THEN i.document END`, `i.state = $4`, state, SmallDocument)
}

func (s *Store) take(ctx context.Context, id, claim int64, lease time.Duration, still string, args ...any) (Invoice, error) {
	return s.takeWith(ctx, id, claim, lease, `NULL::bytea`, still, args...)
}

func (s *Store) takeWith(ctx context.Context, id, claim int64, lease time.Duration, document, still string, args ...any) (Invoice, error) {
	rows, err := s.pool.Query(ctx, `
		UPDATE chorus.invoices i
		SET claimed_until = clock_timestamp() + $3::interval
		WHERE i.id = $1 AND i.claim = $2 AND `+still+`
		RETURNING `+invoiceColumns+`, `+document, append([]any{id, claim, lease}, args...)...)
	if err != nil {
		return Invoice{}, err
	}
	var doc []byte
	i, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (Invoice, error) { return scanInvoice(row, &doc) })
	if errors.Is(err, pgx.ErrNoRows) {
		return i, ErrGone
	}
	i.document = doc
	return i, err
}

// Document returns the bytes that the application inserted, checked against the hash that the insert computed.
func (s *Store) Document(ctx context.Context, i Invoice) ([]byte, error) {
	doc := i.document
	if doc == nil {
		if err := s.pool.QueryRow(ctx, `SELECT document FROM chorus.invoices WHERE id = $1`, i.ID).Scan(&doc); err != nil {
			return nil, err
		}
	}
	if sha256.Sum256(doc) != i.Sha256 {
		return nil, errors.New("the document is not the one that was inserted: its SHA-256 differs")
	}
	return doc, nil
}

// Fields returns what the application inserted beside a PDF without XML.
func (s *Store) Fields(ctx context.Context, i Invoice) ([]byte, error) {
	var fields []byte
	err := s.pool.QueryRow(ctx, `SELECT fields FROM chorus.invoices WHERE id = $1`, i.ID).Scan(&fields)
	return fields, err
}

// SupplierStructure returns the portal's number (idStructureCPP) of a supplier structure that the account saw when they were last listed; 0: none of this SIRET. listed is how long
// ago the account's structures were listed; negative: never.
func (s *Store) SupplierStructure(ctx context.Context, account, siret string) (id int64, listed time.Duration, err error) {
	var age *float64
	err = s.pool.QueryRow(ctx, `
		SELECT coalesce((SELECT max(id_structure_cpp) FROM chorus.structures WHERE account = $1 AND identifiant = $2 AND listed), 0),
		       (SELECT extract(epoch FROM clock_timestamp() - structures_at)::float8 FROM chorus.accounts WHERE name = $1)`, account, siret).Scan(&id, &age)
	if age == nil {
		return id, -1, err
	}
	return id, max(0, seconds(*age)), err
}

// Park hands a ready row that its job has claimed to a person.
func (s *Store) Park(ctx context.Context, i Invoice, code, reason string) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.invoices SET state = 'parked', reason_code = $3, reason = $4 WHERE id = $1 AND claim = $2 AND state = 'ready'`,
		i.ID, i.Claim, code, reason)
	return err
}

// Wait gives a claimed row back to be taken again after wait, and says on the row what it waits for. The reason goes with the next state.
func (s *Store) Wait(ctx context.Context, i Invoice, wait time.Duration, code, reason string) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.invoices
		SET claim = NULL, claimed_until = NULL, due_at = clock_timestamp() + $3::interval, reason_code = $4, reason = $5
		WHERE id = $1 AND claim = $2`, i.ID, i.Claim, later(wait), code, reason)
	return err
}

// Release gives a claimed row back, untouched, to be taken again after wait.
func (s *Store) Release(ctx context.Context, i Invoice, wait time.Duration) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.invoices
		SET claim = NULL, claimed_until = NULL, due_at = clock_timestamp() + $3::interval
		WHERE id = $1 AND claim = $2`, i.ID, i.Claim, later(wait))
	return err
}
