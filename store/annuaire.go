package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// The annuaire is Chorus Pro's file of all public recipients. What it says fills the directory where the portal itself has not been asked, and gives way to what the portal says.

// Listed is what the file says of a recipient. nil: it does not say.
type Listed struct {
	SIRET, Name                                                 string
	Active, ServiceRequired, EngagementRequired, EitherRequired *bool
	Services                                                    []RecipientService // without their ID
}

// TakeAnnuaire tells that the file is due to be read, by the caller: nobody else is told so for as long as hold.
func (s *Store) TakeAnnuaire(ctx context.Context, hold time.Duration) (bool, error) {
	var due bool
	err := s.pool.QueryRow(ctx, `
		UPDATE chorus.annuaire SET due_at = clock_timestamp() + $1::interval WHERE due_at <= clock_timestamp() RETURNING true`, hold).Scan(&due)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return due, err
}

// AnnuaireLater has the file read after wait, and keeps why it is not read now. news: that was not known yet.
func (s *Store) AnnuaireLater(ctx context.Context, wait time.Duration, why string) (news bool, err error) {
	err = s.pool.QueryRow(ctx, `
		UPDATE chorus.annuaire a SET due_at = clock_timestamp() + $1::interval, said = $2
		FROM (SELECT said FROM chorus.annuaire FOR UPDATE) before
		RETURNING before.said IS DISTINCT FROM $2`, later(wait), why).Scan(&news)
	return news, err
}

// AnnuaireBegins gives the moment by which all that a reading of the file stores is known.
func (s *Store) AnnuaireBegins(ctx context.Context) (begun time.Time, err error) {
	err = s.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&begun)
	return begun, err
}

// PutListed stores what the file says of some recipients, each of them once. What the portal has said itself stays as it is.
func (s *Store) PutListed(ctx context.Context, begun time.Time, list []Listed) error {
	var sirets, names, of, codes, labels []string
	var active, service, engagement, either []*bool
	var serviceActive []bool
	var serviceEngagement []*bool
	var some []bool // has services
	for _, l := range list {
		sirets, names, some = append(sirets, l.SIRET), append(names, l.Name), append(some, len(l.Services) > 0)
		active, service = append(active, l.Active), append(service, l.ServiceRequired)
		engagement, either = append(engagement, l.EngagementRequired), append(either, l.EitherRequired)
		for _, v := range l.Services {
			of, codes, labels = append(of, l.SIRET), append(codes, v.Code), append(labels, v.Name)
			serviceActive, serviceEngagement = append(serviceActive, v.Active), append(serviceEngagement, v.EngagementRequired)
		}
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO chorus.recipients AS r (siret, named_at, due_at, name, active, service_required, engagement_required, either_required, services_listed,
			    checked_at, listed_at)
			SELECT siret, 'epoch', 'infinity', nullif(name, ''), coalesce(active, true), service, engagement, either, served, $1, $1
			FROM unnest($2::text[], $3::text[], $4::boolean[], $5::boolean[], $6::boolean[], $7::boolean[], $8::boolean[])
			     AS x (siret, name, active, service, engagement, either, served)
			ORDER BY siret
			ON CONFLICT (siret) DO UPDATE
			SET name = coalesce(excluded.name, r.name), checked_at = $1, listed_at = $1,
			    -- A file may speak of one recipient in several places.
			    active = CASE WHEN r.listed_at = $1 THEN r.active AND excluded.active ELSE excluded.active END,
			    service_required = coalesce(excluded.service_required, CASE WHEN r.listed_at = $1 THEN r.service_required END),
			    engagement_required = coalesce(excluded.engagement_required, CASE WHEN r.listed_at = $1 THEN r.engagement_required END),
			    either_required = coalesce(excluded.either_required, CASE WHEN r.listed_at = $1 THEN r.either_required END),
			    services_listed = excluded.services_listed OR r.listed_at = $1 AND r.services_listed
			WHERE r.listed_at IS NOT NULL OR r.checked_at IS NULL`,
			begun, sirets, names, active, service, engagement, either, some)
		if err != nil || len(codes) == 0 {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO chorus.recipient_services AS s (siret, code, name, active, engagement_required, listed_at)
			SELECT DISTINCT ON (siret, code) siret, code, nullif(x.name, ''), x.active, engagement, $1
			FROM unnest($2::text[], $3::text[], $4::text[], $5::boolean[], $6::boolean[]) AS x (siret, code, name, active, engagement)
			JOIN chorus.recipients r USING (siret)
			WHERE r.listed_at = $1
			ORDER BY siret, code, x.active DESC
			ON CONFLICT (siret, code) DO UPDATE
			SET name = excluded.name, active = excluded.active, engagement_required = excluded.engagement_required, listed_at = $1, id_service = NULL`,
			begun, of, codes, labels, serviceActive, serviceEngagement)
		return err
	})
}

// AnnuaireRead is the end of a file, begun so: what an earlier one said and this one does not is not known any more. It is read again after every.
func (s *Store) AnnuaireRead(ctx context.Context, begun time.Time, recipients, services int, every time.Duration) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		for _, forget := range []string{
			`DELETE FROM chorus.recipient_services WHERE listed_at < $1`,
			`UPDATE chorus.recipients
			 SET checked_at = NULL, listed_at = NULL, name = NULL, active = NULL, service_required = NULL, engagement_required = NULL, either_required = NULL,
			     services_listed = false
			 WHERE listed_at < $1`,
		} {
			if _, err := tx.Exec(ctx, forget, begun); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `
			UPDATE chorus.annuaire
			SET due_at = clock_timestamp() + $1::interval, read_at = clock_timestamp(), recipients = $2, services = $3, said = NULL`, every, recipients, services)
		return err
	})
}
