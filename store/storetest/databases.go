package storetest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// fastestCopy is how a server that does not wait for its disk copies a database fastest: file by file, where PostgreSQL
// 15 and newer would copy block by block through its log. It halves the time, and the log stays small.
func fastestCopy(ctx context.Context, admin *pgxpool.Pool) (string, error) {
	var chooses bool
	err := admin.QueryRow(ctx, `SELECT current_setting('server_version_num')::int >= 150000`).Scan(&chooses)
	if err != nil || !chooses {
		return "", err
	}
	return " STRATEGY file_copy", nil
}

// anonymous lets copies of the template count as new databases, where any other copy of a database counts as one that was taken back.
func (s *server) anonymous(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.handle.URL(s.template))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `UPDATE chorus.installation SET db_epoch = NULL`)
	return errors.Join(err, conn.Close(ctx))
}

// makeLogins makes one login for each of the product's roles, or adopts the ones that another process made.
func (s *server) makeLogins(ctx context.Context) error {
	for _, role := range []string{"worker", "app", "operator", "reader"} {
		login := prefix + role
		var exists bool
		if err := s.admin.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)`, login).Scan(&exists); err != nil {
			return err
		}
		verb := "CREATE"
		if exists {
			verb = "ALTER"
		}
		for _, statement := range []string{
			fmt.Sprintf(`%s ROLE %s LOGIN PASSWORD '%s'`, verb, login, s.password(login)),
			fmt.Sprintf(`GRANT chorus_%s TO %s`, role, login),
		} {
			if _, err := s.admin.Exec(ctx, statement); err != nil {
				return fmt.Errorf("making the login %s: %w", login, err)
			}
		}
	}
	return nil
}

// Map lets the application's login use these accounts, and no others any more.
func (d *Database) Map(t testing.TB, accounts ...string) {
	t.Helper()
	owner, err := pgx.Connect(t.Context(), d.URL)
	if err == nil {
		_, err = owner.Exec(t.Context(), `INSERT INTO chorus.logins (login, account) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING`, prefix+"app", accounts)
		err = errors.Join(err, owner.Close(t.Context()))
	}
	if err != nil {
		t.Fatalf("mapping the application's login: %v", err)
	}
}

// password is the same for every process that uses a server with the same address, and unknown to everybody else.
func (s *server) password(login string) string {
	mac := hmac.New(sha256.New, []byte(s.handle.URL("")))
	mac.Write([]byte(login))
	return hex.EncodeToString(mac.Sum(nil))
}

func (s *server) login(database, role string) string {
	return s.handle.URLAs(database, prefix+role, s.password(prefix+role))
}

// drop forgives nothing but time: a connection that the test left open is cut.
func (s *server) drop(t testing.TB, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if _, err := s.admin.Exec(ctx, `DROP DATABASE `+name+` WITH (FORCE)`); err != nil {
		t.Errorf("dropping the test database: %v", err)
	}
}

// sweep drops the databases of processes that are gone. Two sweepers cannot meet: the caller holds setupLock.
func (s *server) sweep(ctx context.Context, life *pgxpool.Conn) error {
	rows, err := life.Query(ctx, `SELECT datname FROM pg_database WHERE datname ~ '^choriste_test_[0-9a-f]{16}_'`)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		lock := lockOf(name[len(prefix) : len(prefix)+16])
		var gone bool
		if err := life.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, lock).Scan(&gone); err != nil {
			return err
		}
		if !gone {
			continue
		}
		// Somebody else's old database must not stop us: it may belong to another owner.
		_, _ = life.Exec(ctx, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`)
		if _, err := life.Exec(ctx, `SELECT pg_advisory_unlock($1)`, lock); err != nil {
			return err
		}
	}
	return nil
}
