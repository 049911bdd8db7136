package store

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/crash"
)

// Lookup is one search for an invoice in doubt, kept with the attempt it is about.
type Lookup struct {
	At       time.Time     `json:"at"`
	Age      time.Duration `json:"age_ns"`   // of the attempt when the search was made
	Complete bool          `json:"complete"` // every page was read and the counts agreed
	Witness  bool          `json:"witness"`  // a deposit acknowledged after the attempt was findable
	Found    int           `json:"found"`    // invoices of this business key
	Pages    int           `json:"pages"`
	Absent   bool          `json:"absent"` // counts towards the proof of absence
	Flux     string        `json:"flux,omitempty"`
	Fluxes   []string      `json:"fluxes,omitempty"` // of all that were found
	Code     string        `json:"code,omitempty"`   // why the search says nothing
}

// Attempts lists the attempts of an invoice, first to last. None is taken for older than the last quarantine: a later one may be forgotten, and what was looked
// up before says nothing of it. No age counts from before the database's clock was set, and none from a moment that is to come: a clock that was ahead told it.
func (s *Store) Attempts(ctx context.Context, invoice int64) ([]Attempt, error) {
	for {
		asked := time.Now()
		all, err := s.readAttempts(ctx, invoice)
		if err != nil || len(all) == 0 {
			return all, err
		}
		held, err := s.clockHeld(ctx, asked, time.Now(), all[len(all)-1].Now)
		if err != nil || held {
			return all, err
		}
	}
}

func (s *Store) readAttempts(ctx context.Context, invoice int64) ([]Attempt, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT id, invoice_id, n, nom_fichier, coalesce(outcome, ''), worker = 'quarantine', claimed_at,
		       coalesce(extract(epoch FROM now - greatest(CASE WHEN claimed_at <= now THEN claimed_at END, quarantined_at, stepped_at)), 0)::float8, evidence -> 'lookups',
		       quarantined_at IS NOT NULL AND (claimed_at < quarantined_at OR claimed_at > now), quarantined_at,
		       CASE WHEN evidence ? 'since' THEN least((evidence ->> 'since')::timestamptz, forgotten_since) END, now, stepped_at
		FROM chorus.attempts, chorus.installation, clock_timestamp() now
		WHERE invoice_id = $1
		ORDER BY n`, invoice)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Attempt, error) {
		var a Attempt
		var age float64
		var lookups []byte
		var quarantined, since, stepped *time.Time
		if err := row.Scan(&a.ID, &a.InvoiceID, &a.N, &a.NomFichier, &a.Outcome, &a.StandIn, &a.ClaimedAt, &age, &lookups, &a.Older, &quarantined, &since, &a.Now, &stepped); err != nil {
			return a, err
		}
		a.Age = seconds(age)
		if since != nil && a.StandIn {
			a.Since = *since
		}
		if lookups == nil {
			return a, nil
		}
		if err := json.Unmarshal(lookups, &a.Lookups); err != nil {
			return a, err
		}
		if a.Older {
			a.Lookups = slices.DeleteFunc(a.Lookups, func(l Lookup) bool { return l.At.Before(*quarantined) })
		}
		if stepped != nil { // the ages that they had are of another clock
			a.Lookups = slices.DeleteFunc(a.Lookups, func(l Lookup) bool { return l.At.Before(*stepped) || l.At.After(a.Now) })
		}
		return a, nil
	})
}

// Witness answers whether some deposit of the same account and supplier (by SIRET: the portal shows a structure's, to whom it is attached) that was acknowledged after the attempt began can be found at the portal
// already, and whether there was any such deposit at all. One that the portal refused will never be found, and is none. What was adopted may be much older than its adoption, so that the witness's own attempts must have
// begun later too. ago says how long ago the search began that it is to be a witness for. A deposit that is to come, by a clock that was ahead, is no witness; what was
// findable by such a clock still is.
func (s *Store) Witness(ctx context.Context, i Invoice, a Attempt, ago time.Duration) (visible, any bool, err error) {
	const later = `
		SELECT
		FROM chorus.invoices i
		WHERE account = $1 AND fournisseur_siret = $2 AND id <> $3 AND deposited_at > $4 AND deposited_at <= clock_timestamp() AND (state <> 'rejected' OR visible_at IS NOT NULL)
		  AND (SELECT min(claimed_at) FROM chorus.attempts WHERE invoice_id = i.id) > $4`
	err = s.pool.QueryRow(ctx, `SELECT EXISTS (`+later+` AND (visible_at <= clock_timestamp() - $5::interval OR visible_at > clock_timestamp())), EXISTS (`+later+`)`, i.Account, i.FournisseurSIRET, i.ID, a.ClaimedAt, ago).
		Scan(&visible, &any)
	return visible, any, err
}

// Doubt is what a look-up decided for a row in doubt.
type Doubt struct {
	To         State // InDoubt: look again after Due
	ReasonCode string
	Reason     string
	Due        time.Duration
	Seen       *Seen // what was found, when it is adopted
	Resubmit   bool
}

// Resolve writes the look-up down with the attempt it is about and moves the row, if it is still claimed by the caller and in doubt about that attempt.
func (s *Store) Resolve(ctx context.Context, i Invoice, a Attempt, l Lookup, d Doubt) error {
	l.Absent = l.Absent || crash.Mutant(crash.FirstEmpty) && d.To == Ready
	lookup, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		var ok bool
		err := tx.QueryRow(ctx, `
			SELECT state = 'in_doubt' AND attempt_no = $2 AND coalesce(claim = $3, false) FROM chorus.invoices WHERE id = $1 FOR UPDATE`,
			i.ID, a.N, i.Claim).Scan(&ok)
		if err != nil {
			return err
		}
		times := 1
		if crash.Mutant(crash.FirstEmpty) && d.To == Ready {
			times = 3 // the database asks for three, and cannot know that they are one
		}
		for range times {
			// A trigger adds when: by the database's clock, not by this process's.
			_, err = tx.Exec(ctx, `
				UPDATE chorus.attempts SET evidence = jsonb_set(evidence, '{lookups}', coalesce(evidence -> 'lookups', '[]') || $2::jsonb) WHERE id = $1`,
				a.ID, string(lookup))
			if err != nil {
				return err
			}
		}
		if !ok {
			return nil
		}
		switch {
		case d.To == InDoubt:
			_, err = tx.Exec(ctx, `
				UPDATE chorus.invoices
				SET looks = looks + 1, claim = NULL, claimed_until = NULL, due_at = clock_timestamp() + $2::interval, reason = coalesce(nullif($3, ''), reason)
				WHERE id = $1`, i.ID, later(d.Due), d.Reason)
			return err
		case d.Seen != nil:
			if err := crash.Point(crash.ResolverBeforeAdopt); err != nil {
				return err
			}
			if err := adopt(ctx, tx, i, *d.Seen); err != nil {
				return err
			}
			return nil
		default:
			resubmits := 0
			if d.Resubmit {
				resubmits = 1
			}
			_, err = tx.Exec(ctx, `
				UPDATE chorus.invoices
				SET state = $2, reason_code = nullif($3, ''), reason = nullif($4, ''), resubmits = resubmits + $5,
				    due_at = clock_timestamp() + $6::interval
				WHERE id = $1`, i.ID, d.To, d.ReasonCode, d.Reason, resubmits, later(d.Due))
			return err
		}
	})
}

// adopt takes what was found at the portal for the row's own deposit and then follows it to where it stands.
func adopt(ctx context.Context, tx pgx.Tx, i Invoice, seen Seen) error {
	var taken bool
	err := tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM chorus.invoices WHERE (numero_flux_depot = nullif($1, '') OR identifiant_facture_cpp = nullif($2, 0::bigint)) AND id <> $3)`,
		seen.NumeroFlux, seen.IdentifiantFactureCPP, i.ID).Scan(&taken)
	if err != nil {
		return err
	}
	if taken {
		_, err := tx.Exec(ctx, `UPDATE chorus.invoices SET state = 'parked', reason_code = $2, reason = $3 WHERE id = $1`,
			i.ID, ParkMismatch, "what was found at Chorus Pro belongs to another invoice of this database")
		return err
	}
	_, err = tx.Exec(ctx, `
		UPDATE chorus.invoices
		SET state = 'deposited', numero_flux_depot = coalesce(nullif($2, ''), numero_flux_depot), date_depot = coalesce($3, date_depot),
		    due_at = clock_timestamp()
		WHERE id = $1`, i.ID, seen.NumeroFlux, nullTime(seen.DateDepot))
	if err != nil {
		return err
	}
	i.State = Deposited
	return takeOver(ctx, tx, i, seen)
}
