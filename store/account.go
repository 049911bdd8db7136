package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// A technical account that Chorus Pro refuses must not be used again and again: five refusals in a row may lock it. So the accounts' rows hold which
// passwords were refused, by hashes that only who has the client secret can make, and every process of the fleet asks here before it calls.

// AccountRefused is the reason of a pause that the worker made, and takes back when another password is configured.
const AccountRefused = "ACCOUNT_REFUSED"

// Standing is what the fleet knows of an account, for one password.
type Standing struct {
	Paused      bool
	PauseReason string
	Refused     bool // this password
	Accepted    bool // this password, by some process of the fleet
}

// Standings reads those of the accounts, each with the hash of its password; accounts that are not known yet are left out.
func (s *Store) Standings(ctx context.Context, hashes map[string][]byte) (map[string]Standing, error) {
	names, list := make([]string, 0, len(hashes)), make([][]byte, 0, len(hashes))
	for name, hash := range hashes {
		names, list = append(names, name), append(list, hash)
	}
	rows, err := s.pool.Query(ctx, `
		SELECT a.name, a.paused_at IS NOT NULL, coalesce(a.pause_reason, ''), m.hash = ANY (a.refused), coalesce(a.accepted = m.hash, false)
		FROM chorus.accounts a
		JOIN unnest($1::text[], $2::bytea[]) AS m (name, hash) ON m.name = a.name`, names, list)
	if err != nil {
		return nil, err
	}
	standings := make(map[string]Standing, len(hashes))
	var name string
	var st Standing
	_, err = pgx.ForEachRow(rows, []any{&name, &st.Paused, &st.PauseReason, &st.Refused, &st.Accepted}, func() error {
		standings[name] = st
		return nil
	})
	return standings, err
}

// MayUse tells whether a request may leave for the account with this password: it is neither paused nor was this password refused.
func (s *Store) MayUse(ctx context.Context, account string, hash []byte) (bool, error) {
	var ok bool
	err := s.pool.QueryRow(ctx, `SELECT paused_at IS NULL AND $2 <> ALL (refused) FROM chorus.accounts WHERE name = $1`, account, hash).Scan(&ok)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return ok, err
}

// Refuse writes down that Chorus Pro refused the account with this password: no process uses it again, and the account is paused if pause says so.
func (s *Store) Refuse(ctx context.Context, account string, hash []byte, pause bool) error {
	_, err := s.pool.Exec(ctx, `SELECT chorus.refuse_password($1, $2, $3)`, account, hash, pause)
	return err
}

// OtherPassword ends the pause that Refuse began, for a process whose password has not been refused, and tells whether there was one. An operator's
// pause stays.
func (s *Store) OtherPassword(ctx context.Context, account string, hash []byte) (bool, error) {
	var ended bool
	err := s.pool.QueryRow(ctx, `SELECT chorus.other_password($1, $2)`, account, hash).Scan(&ended)
	return ended, err
}

// BeginProbe lets one process of the fleet at a time try whether the account is accepted with this password, for at most lease; nobody when the account
// is paused or the password was refused. Accepted, Refuse or EndProbe ends it; after a crash, the lease does.
func (s *Store) BeginProbe(ctx context.Context, account string, hash []byte, lease time.Duration) (bool, error) {
	tag, err := s.pool.Exec(ctx, `
		UPDATE chorus.accounts
		SET probing_until = clock_timestamp() + $3::interval
		WHERE name = $1 AND probing_until < clock_timestamp() AND paused_at IS NULL AND $2 <> ALL (refused)`, account, hash, lease)
	return tag.RowsAffected() == 1, err
}

// Resume lets an account go on, for an operator. It answers since when, by the database's clock, and whether a password had been refused: then a worker tries
// its own before anything else is asked.
func (s *Store) Resume(ctx context.Context, account string) (since time.Time, refused bool, err error) {
	err = s.pool.QueryRow(ctx, `
		SELECT clock_timestamp(), coalesce((SELECT refused <> '{}' OR coalesce(pause_reason = $2, false) FROM chorus.accounts WHERE name = $1), false)`,
		account, AccountRefused).Scan(&since, &refused)
	if err != nil {
		return since, false, err
	}
	return since, refused, s.SetPaused(ctx, account, false, "")
}

// Trial is what is known of an account since it was resumed.
type Trial struct {
	Accepted    bool // some password was accepted
	Paused      bool
	PauseReason string
}

// TrialSince reads it.
func (s *Store) TrialSince(ctx context.Context, account string, since time.Time) (t Trial, err error) {
	err = s.pool.QueryRow(ctx, `
		SELECT coalesce(accepted_at >= $2, false), paused_at IS NOT NULL, coalesce(pause_reason, '') FROM chorus.accounts WHERE name = $1`, account, since).
		Scan(&t.Accepted, &t.Paused, &t.PauseReason)
	return t, err
}

// EndProbe ends a probe that has shown nothing.
func (s *Store) EndProbe(ctx context.Context, account string) error {
	_, err := s.pool.Exec(ctx, `UPDATE chorus.accounts SET probing_until = '-infinity' WHERE name = $1`, account)
	return err
}

// Accepted ends a probe that Chorus Pro answered well. Rows that had to wait because of the account are due at once; when the password is another one
// than before, its suppliers and its last day are asked for anew.
func (s *Store) Accepted(ctx context.Context, account string, hash []byte) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE chorus.accounts
			SET probing_until = '-infinity', accepted = $2, accepted_at = clock_timestamp(),
			    next_at = CASE WHEN accepted IS DISTINCT FROM $2 THEN '-infinity' ELSE next_at END,
			    password_checked_at = CASE WHEN accepted IS DISTINCT FROM $2 THEN NULL ELSE password_checked_at END
			WHERE name = $1`, account, hash)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			UPDATE chorus.invoices
			SET due_at = greatest(clock_timestamp(), not_before)
			WHERE id = ANY (ARRAY(
			    SELECT id
			    FROM chorus.invoices
			    WHERE account = $1 AND state = 'ready' AND claim IS NULL AND due_at > greatest(clock_timestamp(), not_before)
			    FOR NO KEY UPDATE SKIP LOCKED -- one that somebody has locked is due when it was to be
			))`, account)
		return err
	})
}

// PasswordDue tells whether the last day of the account's password has not been asked for since so long.
func (s *Store) PasswordDue(ctx context.Context, account string, every time.Duration) (bool, error) {
	var due bool
	err := s.pool.QueryRow(ctx, `
		SELECT coalesce(password_checked_at < clock_timestamp() - $2::interval, true) FROM chorus.accounts WHERE name = $1`, account, every).Scan(&due)
	return due, err
}

// PasswordExpires keeps the last day of the account's password; the zero time says that Chorus Pro does not tell.
func (s *Store) PasswordExpires(ctx context.Context, account string, day time.Time) error {
	_, err := s.pool.Exec(ctx, `
		UPDATE chorus.accounts
		SET password_checked_at = clock_timestamp(), password_expires = coalesce($2::date, password_expires),
		    password_said = CASE WHEN $2::date <> password_expires THEN NULL ELSE password_said END
		WHERE name = $1`, account, nullTime(day))
	return err
}

// Secret is a client secret, by its fingerprint.
type Secret struct {
	Key  string // names the PISTE application
	Name string // likewise, for people
	Hash []byte
}

// SecretUsed keeps since when the secret is used, and returns for how many days.
func (s *Store) SecretUsed(ctx context.Context, c Secret) (int, error) {
	_, err := s.pool.Exec(ctx, `INSERT INTO chorus.secrets (key, hash, name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, c.Key, c.Hash, c.Name)
	if err != nil {
		return 0, err
	}
	var days int
	err = s.pool.QueryRow(ctx, `
		SELECT extract(day FROM clock_timestamp() - since)::int FROM chorus.secrets WHERE key = $1 AND hash = $2`, c.Key, c.Hash).Scan(&days)
	return days, err
}

// Reminder is something about a credential that has been written into the history just now.
type Reminder struct {
	Code string // PASSWORD_EXPIRES or SECRET_AGES
	What string // the account or the application
	Days int    // left, or of age
}

// Remind writes into the history, once for each step, that a password ends within 60, 30, 15 or 7 days, or that a client secret is 80 or 90 days old.
func (s *Store) Remind(ctx context.Context, accounts []string, secrets [][]byte) ([]Reminder, error) {
	rows, err := s.pool.Query(ctx, `SELECT code, what, days FROM chorus.remind($1, $2)`, accounts, secrets)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Reminder])
}

// AccountView is an account as an operator reads it.
type AccountView struct {
	Account         string     `json:"account"`
	PausedAt        *time.Time `json:"paused_at"`
	PauseReason     *string    `json:"pause_reason"`
	PasswordExpires *Day       `json:"password_expires"`
	PasswordDays    *int       `json:"password_days"`   // left; below zero when it is over
	Structures      int        `json:"structures"`      // supplier structures whose invoices are followed
	MaySearch       *bool      `json:"may_search"`      // null: not known
	Configured      bool       `json:"configured"`      // some worker is configured with it
	Open            int        `json:"open"`            // invoices that are not final, if it is not; at most 1000 are counted
	ComparingPage   *int       `json:"comparing_page"`  // how much of it was read, when this was last said
	ComparingPages  *int       `json:"comparing_pages"` // of how many
	ComparingFault  *string    `json:"comparing_fault"` // what Chorus Pro answered last; null: it lists
	ComparingSince  *time.Time `json:"comparing_since"` // deposits wait since then for what Chorus Pro holds (docs/protocol.md §3.5); null: they do not
}

// Accounts lists the accounts that some worker is configured with, and those whose invoices wait for one.
func (s *Store) Accounts(ctx context.Context) ([]AccountView, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT name, paused_at, pause_reason, password_expires, password_expires - (clock_timestamp() AT TIME ZONE 'Europe/Paris')::date,
		       (SELECT count(*) FROM chorus.structures s WHERE s.account = a.name), can_search, used, waiting,
		       CASE WHEN compare_since IS NOT NULL THEN compare_page END, CASE WHEN compare_since IS NOT NULL THEN compare_pages END,
		       CASE WHEN compare_since IS NOT NULL THEN compare_fault END, CASE WHEN compare_since IS NOT NULL THEN compare_waits_since END
		FROM chorus.accounts a
		CROSS JOIN LATERAL (SELECT `+inUse("account", "a.name")+` AS used) u
		CROSS JOIN LATERAL (
		    SELECT count(*) AS waiting
		    FROM (
		        SELECT FROM chorus.invoices i
		        WHERE NOT used AND i.account = a.name AND i.state IN (SELECT s.name FROM chorus.states s WHERE NOT s.final)
		        LIMIT 1000
		    ) x
		) w
		WHERE used OR waiting > 0
		ORDER BY name`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[AccountView])
}

// comparing says how far the comparison is.
func (a AccountView) comparing() string {
	text := "nothing is listed yet"
	if a.ComparingPages != nil && *a.ComparingPages > 0 {
		text = fmt.Sprintf("page %d of %d has been read", *a.ComparingPage, *a.ComparingPages)
	}
	if a.ComparingFault != nil {
		text += "; it answered " + *a.ComparingFault
	}
	return text
}

// Text is the account's state in one line.
func (a AccountView) Text() string {
	if !a.Configured {
		return fmt.Sprintf("no worker is configured with it; invoices that wait: %d", a.Open)
	}
	text := "in use"
	if a.PausedAt != nil {
		text = "paused since " + Stamp(*a.PausedAt)
		if a.PauseReason != nil {
			text += " (" + *a.PauseReason + ")"
		}
	}
	if a.ComparingSince != nil && a.PausedAt == nil {
		text += ", deposits wait since " + Stamp(*a.ComparingSince) + " for Chorus Pro to list what it holds, in case it has got already what waits here (" + a.comparing() + ")"
	}
	switch d := a.PasswordDays; {
	case d == nil:
	case *d < 0:
		text += ", its password ended on " + a.PasswordExpires.String()
	default:
		text += fmt.Sprintf(", its password ends on %s (%d days left)", a.PasswordExpires, *d)
	}
	return text
}
