package store

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
)

// Reconciliation is one run: a supplier structure, and the days of deposit that are compared. A run is done in parts, each by a job that holds the
// claim: pages are read, one transaction each; then what differs, or is missing, is looked at again, one transaction each; then the run ends. A crash
// anywhere costs the part that was not committed.
type Reconciliation struct {
	ID        int64
	Account   string
	Structure int64
	SIRET     string
	From, To  time.Time // days, both included, as midnight UTC
	Page      int       // the last one read
	Pages     int
	Total     int
	Doubt     string // why the pages do not add up
	Listed    bool   // the last page has been read
	Read      bool   // and it is known what has to be looked at again
	Calls     int
	Tries     int // listings that did not add up
	Running   time.Duration
	Watermark time.Time // the change feed has been read so far; zero: never
	Claim     int64
}

// The states of a run.
const (
	RunRequested  = "requested"
	RunRunning    = "running"
	RunDone       = "done"
	RunIncomplete = "incomplete" // something was not shown or could not be asked: nothing is concluded from what is missing
	RunFailed     = "failed"
)

// Nightly makes the runs of the night for each structure whose time has come and that has rows: the deposits of these days before today. A structure
// that is seen for the first time gets its time, between two and five o'clock in Paris, spread by its number. A night that was missed is not made up
// for: the later looks at the same days are.
func (s *Store) Nightly(ctx context.Context, accounts []string, daysAgo []int) (int64, error) {
	tag, err := s.pool.Exec(ctx, `
		WITH paris AS (
		    SELECT clock_timestamp() AT TIME ZONE 'Europe/Paris' AS now
		), due AS (
		    SELECT account, id_structure_cpp, identifiant, next_reconcile_at IS NULL AS fresh
		    FROM chorus.structures
		    WHERE coalesce(next_reconcile_at, '-infinity') <= clock_timestamp()
		      AND account IN (SELECT name FROM chorus.accounts WHERE name = ANY ($1) AND paused_at IS NULL)
		    LIMIT 500
		    FOR UPDATE SKIP LOCKED
		), moved AS (
		    UPDATE chorus.structures s
		    SET next_reconcile_at = (date_trunc('day', now - start) + interval '1 day' + start) AT TIME ZONE 'Europe/Paris'
		    FROM due, paris, LATERAL (SELECT interval '2 hours' + make_interval(mins => (due.id_structure_cpp % 180)::int) AS start) spread
		    WHERE s.account = due.account AND s.id_structure_cpp = due.id_structure_cpp
		)
		INSERT INTO chorus.reconciliations (account, id_structure_cpp, siret, period, requested_by)
		SELECT due.account, due.id_structure_cpp, due.identifiant, daterange(now::date - ago, now::date - ago + 1), 'nightly'
		FROM due, paris, unnest($2::int[]) AS ago
		WHERE NOT fresh
		  AND EXISTS (SELECT FROM chorus.accounts a WHERE a.name = due.account AND coalesce(a.can_search, true))
		  AND EXISTS (
		      SELECT FROM chorus.invoices i WHERE i.account = due.account AND i.fournisseur_siret = due.identifiant AND i.deposited_at IS NOT NULL
		  )
		ON CONFLICT DO NOTHING`, accounts, daysAgo)
	return tag.RowsAffected(), err
}

// DueReconciliations locks runs that are due, within tx. Those that jobs have count against limit, over the whole fleet.
func (s *Store) DueReconciliations(ctx context.Context, tx pgx.Tx, limit int, accounts []string) ([]int64, error) {
	rows, err := tx.Query(ctx, `
		SELECT id
		FROM chorus.reconciliations
		WHERE state IN ('requested', 'running')
		  AND due_at <= clock_timestamp()
		  AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
		  AND account IN (SELECT name FROM chorus.accounts WHERE name = ANY ($2) AND paused_at IS NULL AND chorus.reachable(name))
		ORDER BY due_at, id
		LIMIT greatest(0, $1 - (SELECT count(*) FROM chorus.reconciliations WHERE state IN ('requested', 'running') AND claimed_until > clock_timestamp()))
		FOR UPDATE SKIP LOCKED`, limit, accounts)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// SetReconciliationClaims marks runs that DueReconciliations locked as given to jobs.
func (s *Store) SetReconciliationClaims(ctx context.Context, tx pgx.Tx, ids, jobs []int64) error {
	_, err := tx.Exec(ctx, `
		UPDATE chorus.reconciliations r
		SET claim = c.job, claimed_until = 'infinity'
		FROM unnest($1::bigint[], $2::bigint[]) AS c (id, job)
		WHERE r.id = c.id`, ids, jobs)
	return err
}

// TakeReconciliation hands the run to the job that claimed it, or returns ErrGone.
func (s *Store) TakeReconciliation(ctx context.Context, id, claim int64, lease time.Duration) (Reconciliation, error) {
	r := Reconciliation{ID: id, Claim: claim}
	var mark *time.Time
	var running float64
	err := s.pool.QueryRow(ctx, `
		UPDATE chorus.reconciliations r
		SET claimed_until = clock_timestamp() + $3::interval, state = 'running', started_at = coalesce(r.started_at, clock_timestamp())
		FROM chorus.structures s
		WHERE r.id = $1 AND r.claim = $2 AND r.state IN ('requested', 'running')
		  AND s.account = r.account AND s.id_structure_cpp = r.id_structure_cpp
		RETURNING r.account, r.id_structure_cpp, r.siret, lower(r.period), upper(r.period) - 1, r.page, r.pages, r.total, coalesce(r.doubt, ''),
		          r.listed, r.read_at IS NOT NULL, r.calls, r.tries, extract(epoch FROM clock_timestamp() - r.started_at)::float8, s.watermark`, id, claim, lease).
		Scan(&r.Account, &r.Structure, &r.SIRET, &r.From, &r.To, &r.Page, &r.Pages, &r.Total, &r.Doubt, &r.Listed, &r.Read, &r.Calls, &r.Tries, &running, &mark)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, ErrGone
	}
	if mark != nil {
		r.Watermark = *mark
	}
	r.Running = seconds(running)
	return r, err
}

// ReleaseReconciliation gives a run back, to be gone on with after wait.
func (s *Store) ReleaseReconciliation(ctx context.Context, r Reconciliation, wait time.Duration) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.reconciliations
		SET claim = NULL, claimed_until = NULL, due_at = clock_timestamp() + $3::interval
		WHERE id = $1 AND claim = $2`, r.ID, r.Claim, later(wait))
	return err
}

// ReadAgain forgets what a run has been shown: the listing is read from its first page, after wait.
func (s *Store) ReadAgain(ctx context.Context, r Reconciliation, wait time.Duration) error {
	return s.inRun(ctx, r, 0, func(tx pgx.Tx) error {
		for _, table := range []string{"reconciled", "suspects"} {
			if _, err := tx.Exec(ctx, `DELETE FROM chorus.`+table+` WHERE reconciliation_id = $1`, r.ID); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `
			UPDATE chorus.reconciliations
			SET page = 0, pages = -1, total = -1, doubt = NULL, listed = false, read_at = NULL, tries = tries + 1, due_at = clock_timestamp() + $2::interval,
			    claim = NULL, claimed_until = NULL
			WHERE id = $1`, r.ID, later(wait))
		return err
	})
}

// inRun runs do in a transaction in which the run stays the caller's, and ErrGone is returned if it is not any more. Without a lease it is about to end.
func (s *Store) inRun(ctx context.Context, r Reconciliation, lease time.Duration, do func(pgx.Tx) error) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			UPDATE chorus.reconciliations
			SET claimed_until = greatest(claimed_until, clock_timestamp() + $3::interval)
			WHERE id = $1 AND claim = $2 AND state = 'running'`, r.ID, r.Claim, lease)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrGone
		}
		return do(tx)
	})
}

// Held is a row of ours with what a reconciliation compares.
type Held struct {
	Invoice
	Devise    string
	ModeDepot string
	Day       time.Time // of the deposit, in Paris; zero when there is none
}

const heldColumns = invoiceColumns + `, coalesce(i.devise, ''), coalesce(i.mode_depot, ''), (coalesce(i.date_depot, i.deposited_at) AT TIME ZONE 'Europe/Paris')::date`

func scanHeld(row pgx.CollectableRow, more ...any) (Held, error) {
	var h Held
	var day *time.Time
	var err error
	h.Invoice, err = scanInvoice(row, append([]any{&h.Devise, &h.ModeDepot, &day}, more...)...)
	if day != nil {
		h.Day = *day
	}
	return h, err
}

// HeldByID reads a row again.
func (s *Store) HeldByID(ctx context.Context, id int64) (Held, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+heldColumns+` FROM chorus.invoices i WHERE i.id = $1`, id)
	if err != nil {
		return Held{}, err
	}
	return pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (Held, error) { return scanHeld(row) })
}

// Matches finds the row that each invoice of the portal belongs to, by its place in the page: by the portal's identifier, else by flux, else by business
// key, where rows that hold a claim on the number come first. Rows of every account count: what another account of ours deposited is not unknown.
func (s *Store) Matches(ctx context.Context, page []Side) (map[int]Held, error) {
	var (
		ids    = make([]int64, len(page))
		fluxes = make([]string, len(page))
		nums   = make([]string, len(page))
		sirens = make([]string, len(page))
		years  = make([]int, len(page))
	)
	for k, f := range page {
		ids[k], fluxes[k], nums[k] = f.IdentifiantFactureCPP, f.NumeroFluxDepot, f.NumeroFacture
		if f.Key() != "" {
			sirens[k] = f.FournisseurSIRET[:9]
			years[k], _ = strconv.Atoi(f.DateFacture[:4])
		}
	}
	rows, err := s.pool.Query(ctx, `
		WITH seen AS (
		    SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::int[]) WITH ORDINALITY AS x (cpp, flux, numero, siren, annee, k)
		), hit AS (
		    SELECT k, i.id, 1 AS rank FROM seen JOIN chorus.invoices i ON i.identifiant_facture_cpp = seen.cpp
		    UNION ALL
		    SELECT k, i.id, CASE WHEN i.numero_facture = seen.numero THEN 2 ELSE 3 END FROM seen JOIN chorus.invoices i ON i.numero_flux_depot = seen.flux
		    UNION ALL
		    SELECT k, i.id, CASE WHEN i.state IN ('received', 'invalid', 'rejected', 'cancelled', 'abandoned') THEN 5 ELSE 4 END
		    FROM seen JOIN chorus.invoices i ON i.numero_facture = seen.numero
		    WHERE left(i.fournisseur_siret, 9) = seen.siren AND extract(year FROM i.date_facture) = seen.annee
		), best AS (
		    SELECT DISTINCT ON (k) k, id FROM hit ORDER BY k, rank, id DESC
		)
		SELECT `+heldColumns+`, best.k::int
		FROM best
		JOIN chorus.invoices i ON i.id = best.id`, ids, fluxes, nums, sirens, years)
	if err != nil {
		return nil, err
	}
	matches := map[int]Held{}
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (int, error) {
		var k int
		h, err := scanHeld(row, &k)
		matches[k-1] = h
		return k, err
	})
	return matches, err
}

// Shown is one invoice of a page of a run's listing.
type Shown struct {
	IdentifiantFactureCPP int64
	InvoiceID             int64  // of the row that it belongs to; 0 = none
	Key                   string // year, SIREN and number; "" when the portal does not say them
	MontantTTC            decimal.NullDecimal
	Devise                string
	Suspect               *Side // as the portal shows it, when it is to be looked at again
}

// Seen lists what a run has been shown so far.
func (s *Store) Seen(ctx context.Context, r Reconciliation) ([]int64, error) {
	rows, err := s.pool.Query(ctx, `SELECT identifiant_facture_cpp FROM chorus.reconciled WHERE reconciliation_id = $1`, r.ID)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// PageRead stores a page of the listing. r says how far it has been read with it.
func (s *Store) PageRead(ctx context.Context, r Reconciliation, page []Shown, lease time.Duration) error {
	return s.inRun(ctx, r, lease, func(tx pgx.Tx) error {
		batch := &pgx.Batch{}
		for _, p := range page {
			batch.Queue(`
				INSERT INTO chorus.reconciled (reconciliation_id, identifiant_facture_cpp, invoice_id, key, montant_ttc, devise)
				VALUES ($1, $2, nullif($3, 0::bigint), nullif($4, ''), $5, nullif($6, ''))
				ON CONFLICT DO NOTHING`, r.ID, p.IdentifiantFactureCPP, p.InvoiceID, p.Key, p.MontantTTC, p.Devise)
			if p.Suspect != nil {
				batch.Queue(`
					INSERT INTO chorus.suspects (reconciliation_id, subject, invoice_id, portal)
					VALUES ($1, $2, nullif($3, 0::bigint), $4)
					ON CONFLICT DO NOTHING`, r.ID, subject(p.InvoiceID, p.IdentifiantFactureCPP), p.InvoiceID, p.Suspect)
			}
		}
		batch.Queue(`
			UPDATE chorus.reconciliations
			SET page = $2, pages = $3, total = $4, doubt = nullif($5, ''), listed = $6, calls = calls + 1
			WHERE id = $1`, r.ID, r.Page, r.Pages, r.Total, r.Doubt, r.Listed)
		return tx.SendBatch(ctx, batch).Close()
	})
}

// LastCompared is when a comparison of these (all, where nothing is named) ended last with everything shown; nil: never.
func (s *Store) LastCompared(ctx context.Context, account, siret string) (*time.Time, error) {
	var at *time.Time
	err := s.pool.QueryRow(ctx, `
		SELECT max(finished_at) FROM chorus.reconciliations WHERE state = 'done' AND ($1 = '' OR account = $1) AND ($2 = '' OR siret = $2)`, account, siret).Scan(&at)
	return at, err
}
