package store

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/shopspring/decimal"

	"github.com/choriste/choriste/crash"
)

// What many jobs of a process ask of the database at the same moment is asked in one statement, in one transaction. Each method of this file does that for the
// rows for which nothing stands in the way, and leaves all others as they are: those are asked about one by one, by the method of the same name that is for one row, which says what is
// wrong. A row that somebody else has locked is such a one, so that it holds no other up. Rows are locked in the order of their numbers, as everywhere.
//
// After an error, a row may be asked about alone: what was committed all the same is found then. T1 is the exception, and says so.

// inOrder sorts a copy by the numbers of the rows: everybody locks them in that order.
func inOrder[T any](all []T, id func(T) int64) []T {
	return slices.SortedStableFunc(slices.Values(all), func(a, b T) int { return cmp.Compare(id(a), id(b)) })
}

// Wanted is a row that a job wants to take.
type Wanted struct {
	ID, Claim int64
	State     State
	Lease     time.Duration
}

// TakeTogether is TakeWhole for many. The answer has those that were taken, by their claims and numbers.
func (s *Store) TakeTogether(ctx context.Context, wanted []Wanted) (map[Wanted]Invoice, error) {
	wanted = inOrder(wanted, func(w Wanted) int64 { return w.ID })
	var ids, claims []int64
	var states []State
	var leases []time.Duration
	for _, w := range wanted {
		ids, claims, states, leases = append(ids, w.ID), append(claims, w.Claim), append(states, w.State), append(leases, w.Lease)
	}
	rows, err := s.pool.Query(ctx, `
		WITH free AS (
		    SELECT w.id, w.lease, w.k
		    FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::interval[]) WITH ORDINALITY AS w (id, claim, state, lease, k)
		    CROSS JOIN LATERAL (SELECT FROM chorus.invoices i WHERE i.id = w.id AND i.claim = w.claim AND i.state = w.state FOR NO KEY UPDATE SKIP LOCKED) l
		)
		UPDATE chorus.invoices i
		SET claimed_until = clock_timestamp() + free.lease
		FROM free
		WHERE i.id = free.id
		RETURNING `+invoiceColumns+`, CASE WHEN i.document_bytes <= $5 THEN i.document END, free.k`, ids, claims, states, leases, SmallDocument)
	if err != nil {
		return nil, err
	}
	taken := map[Wanted]Invoice{}
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (none struct{}, err error) {
		var document []byte
		var k int
		i, err := scanInvoice(row, &document, &k)
		if err == nil {
			i.document = document
			taken[wanted[k-1]] = i
		}
		return none, err
	})
	return taken, err
}

// Read is a received row whose document has been read, and may be sent.
type Read struct {
	Invoice Invoice
	Facts   Facts
	Lease   time.Duration // as ValidatedAndKept has it
}

// ValidatedTogether is ValidatedAndKept for many. The answer has the rows that have moved, by their numbers, as they are now: ready, or in doubt; Claim is 0 in those that are left to the
// dispatcher.
func (s *Store) ValidatedTogether(ctx context.Context, read []Read) (map[int64]Invoice, error) {
	read = inOrder(read, func(r Read) int64 { return r.Invoice.ID })
	ready := map[int64]Invoice{}
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		free, err := received(ctx, tx, read)
		if err != nil || len(free) == 0 {
			return err
		}
		for _, r := range free {
			if err := keepFindings(ctx, tx, r.Invoice.ID, r.Facts.Findings); err != nil {
				return err
			}
		}
		var f factColumns
		for _, r := range free {
			f.add(r)
		}
		rows, err := tx.Query(ctx, `
			UPDATE chorus.invoices i
			SET state = 'ready', due_at = greatest(clock_timestamp(), not_before),
			    claimed_until = CASE WHEN f.lease > interval '0' AND `+nothingWaits+` THEN clock_timestamp() + f.lease END,
			    syntaxe = nullif(f.syntaxe, ''), numero_facture = nullif(f.numero, ''), date_facture = f.date, type_facture = nullif(f.type, ''),
			    fournisseur_siret = nullif(f.fournisseur, ''), fournisseur_nom = nullif(f.fournisseur_nom, ''),
			    destinataire_siret = nullif(f.destinataire, ''), destinataire_nom = nullif(f.destinataire_nom, ''),
			    montant_ht = f.ht, montant_tva = f.tva, montant_ttc = f.ttc, montant_a_payer = f.a_payer,
			    devise = nullif(f.devise, ''), cadre_facturation = nullif(f.cadre, ''), code_service = nullif(f.service, ''), numero_engagement = nullif(f.engagement, ''),
			    findings = f.findings
			FROM unnest($1::bigint[], $2::interval[], $3::text[], $4::text[], $5::date[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
			            $11::numeric[], $12::numeric[], $13::numeric[], $14::numeric[], $15::text[], $16::text[], $17::text[], $18::text[], $19::int[])
			     AS f (id, lease, syntaxe, numero, date, type, fournisseur, fournisseur_nom, destinataire, destinataire_nom, ht, tva, ttc, a_payer,
			           devise, cadre, service, engagement, findings)
			WHERE i.id = f.id
			RETURNING `+invoiceColumns+`, `+suspected, f.args()...)
		if err != nil {
			return err
		}
		var doubtful []int64
		moved, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Invoice, error) {
			var suspect bool
			i, err := scanInvoice(row, &suspect)
			if suspect {
				i.State, i.Claim = InDoubt, 0
				doubtful = append(doubtful, i.ID)
			}
			return i, err
		})
		if err != nil {
			return err
		}
		for _, i := range moved {
			ready[i.ID] = i
		}
		for _, r := range free {
			if !slices.Contains(doubtful, r.Invoice.ID) {
				continue
			}
			if err := doubt(ctx, tx, r.Invoice.ID, r.Facts); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, r := range read {
		if i, ok := ready[r.Invoice.ID]; ok {
			i.document = r.Invoice.document
			ready[i.ID] = i
		}
	}
	return ready, nil
}

// received locks those of the rows that are still received, and still their jobs'.
func received(ctx context.Context, tx pgx.Tx, read []Read) ([]Read, error) {
	var ids, claims []int64
	for _, r := range read {
		ids, claims = append(ids, r.Invoice.ID), append(claims, r.Invoice.Claim)
	}
	rows, err := tx.Query(ctx, `
		SELECT r.id
		FROM unnest($1::bigint[], $2::bigint[]) AS r (id, claim)
		CROSS JOIN LATERAL (SELECT FROM chorus.invoices i WHERE i.id = r.id AND i.claim = r.claim AND i.state = 'received' FOR NO KEY UPDATE SKIP LOCKED) l`, ids, claims)
	if err != nil {
		return nil, err
	}
	locked, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return slices.DeleteFunc(slices.Clone(read), func(r Read) bool { return !slices.Contains(locked, r.Invoice.ID) }), err
}

// factColumns are the facts of many documents, by column.
type factColumns struct {
	ids      []int64
	leases   []time.Duration
	texts    [12][]string
	dates    []*time.Time
	amounts  [4][]decimal.NullDecimal
	findings []int
}

func (c *factColumns) add(r Read) {
	f := r.Facts
	c.ids, c.leases, c.findings = append(c.ids, r.Invoice.ID), append(c.leases, r.Lease), append(c.findings, len(f.Findings))
	c.dates = append(c.dates, nullTime(f.DateFacture))
	for k, text := range [...]string{
		f.Syntaxe, f.NumeroFacture, f.TypeFacture, f.FournisseurSIRET, f.FournisseurNom, f.DestinataireSIRET, f.DestinataireNom,
		f.Devise, f.Cadre, f.CodeService, f.Engagement,
	} {
		c.texts[k] = append(c.texts[k], text)
	}
	for k, amount := range [...]decimal.NullDecimal{f.MontantHT, f.MontantTVA, f.MontantTTC, f.MontantAPayer} {
		c.amounts[k] = append(c.amounts[k], amount)
	}
}

func (c *factColumns) args() []any {
	t, a := c.texts, c.amounts
	return []any{c.ids, c.leases, t[0], t[1], c.dates, t[2], t[3], t[4], t[5], t[6], a[0], a[1], a[2], a[3], t[7], t[8], t[9], t[10], c.findings}
}

// Intended is a deposit that T1 writes down together with others.
type Intended struct {
	Invoice Invoice
	Intent  Intent
}

// BeginTogether is T1 for many: Begin says what it does for each. The answer has those that have begun, by their attempts. It begins none of an account whose breakers are not all simply
// closed: what comes of such a deposit is that breaker's affair, one at a time. Who sends (Worker, Life), SendWithin and what must be remembered are those of the last one, which came last.
//
// undone tells of an error that nothing was committed; else all of it may have been.
func (s *Store) BeginTogether(ctx context.Context, all []Intended) (begun map[pgtype.UUID]Attempt, undone bool, err error) {
	in := all[len(all)-1].Intent
	if crash.Mutant(crash.NoCompareAndSet) || crash.Mutant(crash.NoQuarantine) {
		return nil, true, nil // the mistakes are made one by one
	}
	all = inOrder(all, func(d Intended) int64 { return d.Invoice.ID })
	var ids, claims []int64
	var numbers []int
	var attempts []pgtype.UUID
	var names, accounts []string
	of := map[pgtype.UUID]Intended{}
	for _, d := range all {
		ids, claims, numbers = append(ids, d.Invoice.ID), append(claims, d.Invoice.Claim), append(numbers, d.Invoice.AttemptNo)
		attempts, names, accounts = append(attempts, d.Intent.Attempt), append(names, d.Intent.NomFichier), append(accounts, d.Invoice.Account)
		of[d.Intent.Attempt] = d
	}
	begun = map[pgtype.UUID]Attempt{}
	undone = true
	err = s.inTxForGood(ctx, func(tx pgx.Tx) error {
		asked := time.Now()
		var clock time.Time
		rows, err := tx.Query(ctx, `
		WITH same AS (
		    SELECT `+remembersAll("$7", "$8", "$9", "$10", "$11", "$12")+` AS same
		), wanted AS (
		    SELECT *
		    FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::uuid[], $5::text[], $6::text[]) AS w (id, claim, attempt_no, attempt, nom_fichier, account)
		    WHERE (SELECT same FROM same)
		      AND NOT `+maintained+`
		      AND NOT EXISTS (
		          SELECT
		          FROM chorus.accounts a
		          WHERE a.name = w.account
		            AND (a.compare_since IS NOT NULL
		                 OR EXISTS (SELECT FROM chorus.breakers b WHERE b.key = ANY (a.behind) AND (b.state <> 'closed' OR b.ramp IS NOT NULL))))
		      AND NOT EXISTS (SELECT FROM chorus.able WHERE account = w.account AND `+unable+`)
		), locked AS (
		    SELECT w.id, w.attempt, w.nom_fichier
		    FROM wanted w
		    CROSS JOIN LATERAL (
		        SELECT
		        FROM chorus.invoices i
		        WHERE i.id = w.id AND i.state = 'ready' AND i.attempt_no = w.attempt_no AND i.claim = w.claim AND i.cancel_requested_at IS NULL AND NOT i.lookup_first
		          AND NOT `+sentBefore+`
		          AND NOT `+shownMeanwhile+`
		        FOR NO KEY UPDATE SKIP LOCKED
		    ) l
		), slot AS (
		    SELECT n, row_number() OVER () AS k
		    FROM (SELECT n FROM chorus.slots WHERE attempt_id IS NULL LIMIT cardinality($1) FOR UPDATE SKIP LOCKED) s
		), moved AS (
		    UPDATE chorus.invoices i
		    SET state = 'sending', attempt_no = i.attempt_no + 1
		    FROM (SELECT id, attempt, nom_fichier, row_number() OVER () AS k FROM locked) l
		    JOIN slot USING (k)
		    WHERE i.id = l.id
		    RETURNING i.id, i.attempt_no, i.document_sha256, l.attempt, l.nom_fichier, slot.n
		), taken AS (
		    UPDATE chorus.slots s
		    SET attempt_id = moved.attempt
		    FROM moved
		    WHERE s.n = moved.n
		), written AS (
		    INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline)
		    SELECT attempt, id, attempt_no, $13, nom_fichier, document_sha256, $7, clock_timestamp(), clock_timestamp() + $14::interval
		    FROM moved
		    RETURNING id, n
		)
		SELECT id, n, set_config('synchronous_commit', 'on', true), clock_timestamp() FROM written`,
			ids, claims, numbers, attempts, names, accounts, in.Memory.Epoch, in.Memory.attempts(), in.Memory.Latest().Event, in.Memory.Latest().At, in.Life, s.silence(),
			in.Worker, in.SendWithin)
		if err != nil {
			return err
		}
		var a Attempt
		_, err = pgx.ForEachRow(rows, []any{&a.ID, &a.N, nil, &clock}, func() error {
			d := of[a.ID]
			begun[a.ID] = Attempt{ID: a.ID, InvoiceID: d.Invoice.ID, N: a.N, NomFichier: d.Intent.NomFichier}
			return nil
		})
		switch {
		case err != nil:
			return err
		case len(begun) > 0 && s.steps != nil && s.steps.told(asked, time.Now(), clock) != 0: // whoever compares, finds out
			return ErrForgot
		case len(begun) == 0:
			return nil
		}
		err = crash.Point(crash.InT1BeforeCommit)
		undone = err != nil // from here on, the commit may have happened
		return err
	})
	return begun, undone, err
}

// MaySendTogether is the fence for many: it answers with the attempts that may leave.
func (s *Store) MaySendTogether(ctx context.Context, attempts []Attempt) ([]pgtype.UUID, error) {
	var ids []pgtype.UUID
	for _, a := range attempts {
		ids = append(ids, a.ID)
	}
	rows, err := s.pool.Query(ctx, `SELECT a.id `+inTime+` AND a.id = ANY ($1)`, ids)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[pgtype.UUID])
}

// Result is an attempt with what became of it.
type Result struct {
	Attempt Attempt
	Ending  Ending
}

// FinishTogether is T2 for many: it writes the acceptances of those whose rows are still sending them, and answers with their attempts. What else came of a deposit, and a row that has moved on, is left to
// Finish: in an outage places in the air become free one by one, so that the breaker hears of each before many more begin. It may be repeated, as Finish may.
func (s *Store) FinishTogether(ctx context.Context, all []Result) (done []pgtype.UUID, err error) {
	all = slices.DeleteFunc(inOrder(all, func(e Result) int64 { return e.Attempt.InvoiceID }), func(e Result) bool { return e.Ending.Outcome != Accepted || e.Ending.To == Ready })
	if len(all) == 0 || crash.Mutant(crash.EvidenceConditional) {
		return nil, nil
	}
	var c endColumns
	for _, e := range all {
		if err := c.add(e); err != nil {
			return nil, err
		}
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
		WITH sending AS (
		    SELECT e.*
		    FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::text[])
		         AS e (attempt, invoice, outcome, flux, evidence, exchange, exchange_sha256)
		    CROSS JOIN LATERAL (
		        SELECT
		        FROM chorus.invoices i
		        WHERE i.id = e.invoice AND i.state = 'sending'
		          AND EXISTS (SELECT FROM chorus.attempts a WHERE a.id = e.attempt AND a.n = i.attempt_no AND a.outcome IS NULL)
		        FOR NO KEY UPDATE SKIP LOCKED
		    ) l
		), kept AS (
		    INSERT INTO chorus.exchanges (attempt_id, invoice_id, exchange)
		    SELECT attempt, invoice, exchange FROM sending WHERE exchange IS NOT NULL
		    ON CONFLICT DO NOTHING
		), ended AS (
		    UPDATE chorus.attempts a
		    SET outcome = e.outcome, numero_flux_depot = nullif(e.flux, ''), finished_at = clock_timestamp(),
		        evidence = a.evidence || coalesce(e.evidence::jsonb, '{}') || jsonb_strip_nulls(jsonb_build_object('exchange_sha256', e.exchange_sha256))
		    FROM sending e
		    WHERE a.id = e.attempt AND a.outcome IS NULL
		    RETURNING a.id
		), freed AS (
		    UPDATE chorus.slots SET attempt_id = NULL WHERE attempt_id IN (SELECT id FROM ended)
		)
		SELECT id FROM ended`, c.attempts, c.invoices, c.outcomes, c.fluxes, c.evidence, c.exchanges, c.sums)
		if err != nil {
			return err
		}
		if done, err = pgx.CollectRows(rows, pgx.RowTo[pgtype.UUID]); err != nil || len(done) == 0 {
			return err
		}
		if err := crash.Point(crash.InT2BeforeCommit); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `
		UPDATE chorus.invoices i
		SET state = e.state, reason_code = nullif(e.reason_code, ''), reason = nullif(e.reason, ''), due_at = clock_timestamp() + e.due,
		    numero_flux_depot = coalesce(nullif(e.flux, ''), numero_flux_depot), identifiant_facture_cpp = coalesce(nullif(e.facture, 0), identifiant_facture_cpp),
		    date_depot = coalesce(e.date_depot, i.date_depot),
		    refusals = CASE WHEN e.refusals = 0 THEN 0 ELSE i.refusals + e.refusals END
		FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::interval[], $7::text[], $8::bigint[], $9::timestamptz[], $10::int[])
		     AS e (attempt, invoice, state, reason_code, reason, due, flux, facture, date_depot, refusals)
		WHERE i.id = e.invoice AND e.attempt = ANY ($11)`,
			c.attempts, c.invoices, c.states, c.codes, c.reasons, c.dues, c.fluxes, c.factures, c.depots, c.refusals, done)
		if err == nil && tag.RowsAffected() != int64(len(done)) {
			return ErrGone // they are locked: it cannot be
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return done, nil
}

// endColumns are the results of many attempts, by column.
type endColumns struct {
	attempts                         []pgtype.UUID
	invoices, factures               []int64
	outcomes, fluxes, codes, reasons []string
	states                           []string
	evidence, sums                   []*string
	exchanges                        [][]byte
	dues                             []time.Duration
	depots                           []*time.Time
	refusals                         []int
}

func (c *endColumns) add(e Result) error {
	evidence, err := json.Marshal(e.Ending.Evidence)
	if err != nil {
		return err
	}
	exchange, sum := packed(e.Ending.Exchange)
	c.attempts, c.invoices, c.factures = append(c.attempts, e.Attempt.ID), append(c.invoices, e.Attempt.InvoiceID), append(c.factures, e.Ending.Facture)
	c.outcomes, c.fluxes = append(c.outcomes, string(e.Ending.Outcome)), append(c.fluxes, e.Ending.NumeroFlux)
	c.states, c.codes, c.reasons = append(c.states, string(e.Ending.To)), append(c.codes, e.Ending.ReasonCode), append(c.reasons, e.Ending.Reason)
	c.evidence, c.exchanges, c.sums = append(c.evidence, nullJSON(evidence)), append(c.exchanges, exchange), append(c.sums, sum)
	c.dues, c.depots, c.refusals = append(c.dues, later(e.Ending.Due)), append(c.depots, nullTime(e.Ending.DateDepot)), append(c.refusals, e.Ending.Refusals)
	return nil
}
