package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// Recipient is a public body that invoices go to, as Chorus Pro's directory describes it.
type Recipient struct {
	ID        int64 // ours
	SIRET     string
	Structure int64 // its idStructureCPP; 0: the portal knows none of this SIRET
	Name      string
	Active    bool

	NeverReportsPayment                                 bool
	ServiceRequired, EngagementRequired, EitherRequired bool

	Checked        bool          // the portal has been asked, or the annuaire has it
	Listed         bool          // it is the annuaire alone that says so
	Age            time.Duration // since then
	Waited         time.Duration // since an invoice asked for a fresh answer; 0: none does
	ServicesListed bool          // all of its services are known
	Service        *RecipientService
}

// RecipientService is a service of a recipient, under which it receives invoices (BT-10).
type RecipientService struct {
	Code, Name         string
	ID                 int64
	Active             bool
	EngagementRequired *bool // nil: not known
}

// RecipientKey is a recipient that is due to be asked about, and the account that asks.
type RecipientKey struct {
	ID      int64
	Account string
}

// namedAgain is how often it is written down that a recipient, or a service of it, is still in use.
const namedAgain = 24 * time.Hour

// forgottenAfter is for how long a recipient without open invoices is still asked about after it was named last.
const forgottenAfter = 60 * 24 * time.Hour

// NoteRecipient returns what is known of the recipient of an invoice and of the service that the invoice names, and has the portal asked about what is not
// known.
func (s *Store) NoteRecipient(ctx context.Context, account, siret, service string) (Recipient, error) {
	r := Recipient{SIRET: siret}
	var age, waited, named *float64
	var code *string
	var svc RecipientService
	var asked *bool
	err := s.pool.QueryRow(ctx, `
		SELECT r.id, r.listed_at IS NOT NULL, coalesce(r.id_structure_cpp, 0), coalesce(r.name, ''), coalesce(r.active, false),
		       coalesce(r.never_reports_payment, false), coalesce(r.service_required, false), coalesce(r.engagement_required, false),
		       coalesce(r.either_required, false), r.services_listed,
		       extract(epoch FROM clock_timestamp() - r.checked_at)::float8,
		       extract(epoch FROM clock_timestamp() - r.asked_at)::float8,
		       extract(epoch FROM clock_timestamp() - r.named_at)::float8,
		       s.code, coalesce(s.name, ''), coalesce(s.id_service, 0), coalesce(s.active, false), s.engagement_required, s.named
		FROM chorus.recipients r
		LEFT JOIN chorus.recipient_services s ON s.siret = r.siret AND s.code = $2
		WHERE r.siret = $1`, siret, service).
		Scan(&r.ID, &r.Listed, &r.Structure, &r.Name, &r.Active, &r.NeverReportsPayment, &r.ServiceRequired, &r.EngagementRequired, &r.EitherRequired, &r.ServicesListed,
			&age, &waited, &named, &code, &svc.Name, &svc.ID, &svc.Active, &svc.EngagementRequired, &asked)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return r, err
	}
	if age != nil {
		r.Checked, r.Age = true, seconds(*age)
	}
	if waited != nil {
		r.Waited = seconds(*waited)
	}
	if code != nil {
		svc.Code, r.Service = *code, &svc
	}
	if err != nil || seconds(*named) > namedAgain || asked != nil && !*asked {
		err = s.named(ctx, account, siret, service)
	}
	return r, err
}

// named writes down that an invoice names a recipient and a service of it.
func (s *Store) named(ctx context.Context, account, siret, service string) error {
	_, err := s.pool.Exec(ctx, `
		WITH service AS (
		    UPDATE chorus.recipient_services SET named = true WHERE siret = $1 AND code = $3 AND NOT named RETURNING engagement_required
		)
		INSERT INTO chorus.recipients AS r (siret, account)
		VALUES ($1, $2)
		ON CONFLICT (siret) DO UPDATE
		SET account = excluded.account, named_at = clock_timestamp(),
		    due_at = CASE WHEN r.due_at = 'infinity' OR EXISTS (SELECT FROM service WHERE engagement_required IS NULL) THEN clock_timestamp() ELSE r.due_at END`, siret, account, service)
	return err
}

// AskRecipient has the portal asked about a recipient as soon as it can be: an invoice waits for the answer. A question that has had no answer for as long as
// forgotten is asked anew.
func (s *Store) AskRecipient(ctx context.Context, id int64, forgotten time.Duration) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.recipients
		SET asked_at = clock_timestamp(), due_at = least(due_at, clock_timestamp())
		WHERE id = $1 AND (asked_at IS NULL OR asked_at < clock_timestamp() - $2::interval)`, id, forgotten)
	return err
}

// DueRecipients takes, within tx, recipients that are due to be asked about by these accounts; those that an invoice waits for come first. Each is due again after
// hold, should its job be lost.
func (s *Store) DueRecipients(ctx context.Context, tx pgx.Tx, limit int, hold time.Duration, accounts []string) ([]RecipientKey, error) {
	rows, err := tx.Query(ctx, `
		UPDATE chorus.recipients r
		SET due_at = clock_timestamp() + $2::interval
		FROM (
		    SELECT r.id
		    FROM chorus.recipients r
		    WHERE r.due_at < 'infinity' AND r.due_at <= clock_timestamp()
		      AND r.account IN (SELECT name FROM chorus.accounts WHERE name = ANY ($3) AND paused_at IS NULL AND chorus.reachable(name))
		      AND (r.named_at > clock_timestamp() - $4::interval
		           OR EXISTS (SELECT FROM (
		               SELECT FROM chorus.invoices i WHERE i.state = 'integrated' AND i.destinataire_siret = r.siret ORDER BY i.destinataire_siret LIMIT 1) i)) -- by its index: see Open
		    ORDER BY r.asked_at NULLS LAST, r.due_at
		    LIMIT $1
		    FOR UPDATE OF r SKIP LOCKED
		) due
		WHERE r.id = due.id
		RETURNING r.id, r.account`, limit, hold, accounts, forgottenAfter)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[RecipientKey])
}

// Recipient returns what a job needs to ask about one: its SIRET, and its number at the portal.
func (s *Store) Recipient(ctx context.Context, id int64) (Recipient, error) {
	r := Recipient{ID: id}
	err := s.pool.QueryRow(ctx, `SELECT siret, coalesce(id_structure_cpp, 0) FROM chorus.recipients WHERE id = $1`, id).Scan(&r.SIRET, &r.Structure)
	return r, err
}

// RecipientChecked stores what the portal said, until it is asked again after every. Services replace the ones that were known; where they are not all of the
// recipient's (r.ServicesListed), the others stay, but for those of the annuaire.
func (s *Store) RecipientChecked(ctx context.Context, r Recipient, services []RecipientService, every time.Duration) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE chorus.recipients
			SET id_structure_cpp = nullif($2, 0::bigint), name = nullif($3, ''), active = CASE WHEN $2 <> 0 THEN $4::boolean END,
			    checked_at = clock_timestamp(), listed_at = NULL, asked_at = NULL, due_at = clock_timestamp() + $10::interval,
			    never_reports_payment = CASE WHEN $2 <> 0 THEN $5::boolean END,
			    service_required = CASE WHEN $2 <> 0 THEN $6::boolean END,
			    engagement_required = CASE WHEN $2 <> 0 THEN $7::boolean END,
			    either_required = CASE WHEN $2 <> 0 THEN $8::boolean END,
			    services_listed = $9
			WHERE id = $1`,
			r.ID, r.Structure, r.Name, r.Active, r.NeverReportsPayment, r.ServiceRequired, r.EngagementRequired, r.EitherRequired, r.ServicesListed, every)
		if err != nil {
			return err
		}
		codes, names, ids, actives := make([]string, len(services)), make([]string, len(services)), make([]int64, len(services)), make([]bool, len(services))
		for k, v := range services {
			codes[k], names[k], ids[k], actives[k] = v.Code, v.Name, v.ID, v.Active
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO chorus.recipient_services AS s (siret, code, name, id_service, active)
			SELECT DISTINCT ON (code) $1, code, nullif(name, ''), id, active
			FROM unnest($2::text[], $3::text[], $4::bigint[], $5::boolean[]) AS x (code, name, id, active)
			ORDER BY code, active DESC
			ON CONFLICT (siret, code) DO UPDATE SET name = excluded.name, id_service = excluded.id_service, active = excluded.active, listed_at = NULL`,
			r.SIRET, codes, names, ids, actives)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			DELETE FROM chorus.recipient_services WHERE siret = $1 AND code <> ALL ($2) AND ($3 OR listed_at IS NOT NULL)`, r.SIRET, codes, r.ServicesListed)
		return err
	})
}

// NamedServices lists the active services of a recipient that invoices name.
func (s *Store) NamedServices(ctx context.Context, siret string) ([]RecipientService, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT code, coalesce(name, ''), id_service, active, engagement_required
		FROM chorus.recipient_services
		WHERE siret = $1 AND named AND active AND id_service IS NOT NULL
		ORDER BY code
		LIMIT 100`, siret)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[RecipientService])
}

// ServiceChecked stores whether a service demands a commitment number.
func (s *Store) ServiceChecked(ctx context.Context, siret, code string, engagementRequired bool) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.recipient_services SET engagement_required = $3 WHERE siret = $1 AND code = $2`, siret, code, engagementRequired)
	return err
}

// RecipientLater has a recipient asked about again after wait.
func (s *Store) RecipientLater(ctx context.Context, id int64, wait time.Duration) error {
	_, err := s.pool.Exec(ctx, `UPDATE chorus.recipients SET due_at = clock_timestamp() + $2::interval WHERE id = $1`, id, later(wait))
	return err
}
