package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/store"
)

var databaseName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// logins are those that a set-up makes: one for each program, with the rights of one role.
var logins = []struct{ file, login, role string }{
	{"owner_url", "choriste_owner", ""},
	{"database_url", "choriste_worker", "chorus_worker"},
	{"operator_url", "choriste_operator", "chorus_operator"},
	{"app_url", "choriste_app", "chorus_app"},
}

// statement is one thing to make in PostgreSQL, and the question whether it is there.
type statement struct {
	there, create, about string
	unknown              bool // a login whose password is new: where it is there, nobody here knows its password
}

// planDatabase chooses passwords for the logins that have no file yet. A login whose file is there is made with the password of the file: an earlier run was stopped
// in between.
func (s *setup) planDatabase() error {
	u, err := readDatabase(s.Database)
	if err != nil {
		return err
	}
	for _, role := range []string{"chorus_app", "chorus_worker", "chorus_operator", "chorus_reader"} {
		s.statements = append(s.statements, statement{there: roleThere(role), create: "CREATE ROLE " + role + " NOLOGIN", about: role})
	}
	for _, l := range logins {
		if l.file == "database_url" {
			s.given["DATABASE_URL_FILE"] = s.path(l.file)
		}
		password, isNew := newPassword(), true
		if exists(s.path(l.file)) {
			isNew = false
			s.said("kept", s.path(l.file), l.login)
			if password = s.passwordOf(l.file, l.login); password == "" {
				continue // of another login, which is somebody else's affair
			}
		} else {
			address := *u
			address.User = url.UserPassword(l.login, password)
			s.secrets[l.file] = address.String()
		}
		salt := make([]byte, 16)
		_, _ = rand.Read(salt) // never fails
		verifier, err := scram(password, salt)
		if err != nil {
			return err
		}
		create := "CREATE ROLE " + l.login + " LOGIN PASSWORD '" + verifier + "'"
		if l.role != "" {
			create += " IN ROLE " + l.role
		}
		s.statements = append(s.statements, statement{roleThere(l.login), create, l.login, isNew})
	}
	name := strings.TrimPrefix(u.Path, "/")
	s.statements = append(s.statements, statement{
		there:  "SELECT FROM pg_database WHERE datname = '" + name + "'",
		create: "CREATE DATABASE " + name + " OWNER choriste_owner ENCODING 'UTF8' TEMPLATE template0", about: name,
	})
	return nil
}

// passwordOf is the password in a file's address, "" when that is not of this login.
func (s *setup) passwordOf(file, login string) string {
	text, err := readSecret(s.path(file), 0o700)
	if err != nil {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || u.User.Username() != login {
		return ""
	}
	password, _ := u.User.Password()
	return password
}

func roleThere(name string) string { return "SELECT FROM pg_roles WHERE rolname = '" + name + "'" }

// askServer looks, before anything is written, whether the administrator's address works and no login is there whose password is lost.
func (s *setup) askServer() error {
	if s.Admin == "" {
		return nil
	}
	address, err := readSecret(s.Admin, 0o777)
	if err == nil {
		err = databaseURL(address)
	}
	if err != nil {
		return fmt.Errorf("--admin-url-file: %w", err)
	}
	ctx, cancel := context.WithTimeout(s.ctx, 20*time.Second)
	defer cancel()
	if s.admin, err = pgx.Connect(ctx, address); err != nil {
		s.admin = nil
		return fmt.Errorf("--admin-url-file: %w", store.Unreachable(err, 1))
	}
	for _, st := range s.statements {
		there, err := s.isThere(st)
		if err != nil {
			return err
		}
		if there && st.unknown {
			return fmt.Errorf("PostgreSQL has a login %s already, and nobody here knows its password: put its address, postgres://%s:PASSWORD@…, into its file in %s, or have it dropped", st.about, st.about, s.Dir)
		}
	}
	return nil
}

func (s *setup) isThere(st statement) (there bool, err error) {
	ctx, cancel := context.WithTimeout(s.ctx, 20*time.Second)
	defer cancel()
	if err := s.admin.QueryRow(ctx, "SELECT EXISTS ("+st.there+")").Scan(&there); err != nil {
		return false, fmt.Errorf("--admin-url-file: %s", store.Message(err))
	}
	return there, nil
}

// makeLogins runs the statements as an administrator, or writes them down for one. The files with the passwords are written already: a crash in here loses none.
func (s *setup) makeLogins() error {
	if s.admin == nil {
		return s.writeSQL()
	}
	for _, st := range s.statements {
		there, err := s.isThere(st)
		if err != nil {
			return err
		}
		if there {
			s.said("kept", st.about, "PostgreSQL")
			continue
		}
		ctx, cancel := context.WithTimeout(s.ctx, time.Minute)
		_, err = s.admin.Exec(ctx, st.create)
		cancel()
		if err != nil {
			return fmt.Errorf("%s could not be made in PostgreSQL: %s", st.about, store.Message(err))
		}
		s.said("made", st.about, "PostgreSQL")
	}
	return nil
}

// writeSQL writes the statements so that they, too, can be run again. They hold no password.
func (s *setup) writeSQL() error {
	if exists(s.path(fileSQL)) {
		s.said("kept", s.path(fileSQL), "SQL")
		return nil
	}
	var b strings.Builder
	b.WriteString("-- For psql, as an administrator of PostgreSQL. It may be run again. Of passwords it holds what PostgreSQL keeps of them (SCRAM), not the passwords.\n\\set ON_ERROR_STOP on\n")
	for _, st := range s.statements {
		fmt.Fprintf(&b, "SELECT $q$%s$q$ WHERE NOT EXISTS (%s) \\gexec\n", st.create, st.there)
	}
	return s.put(fileSQL, b.String(), 0o600)
}

// reachable logs in.
func reachable(ctx context.Context, address string) error {
	if err := databaseURL(address); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return store.Unreachable(err, 1)
	}
	return conn.Close(ctx)
}
