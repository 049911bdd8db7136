package main

import (
	"cmp"
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
	there, err := s.addresses()
	if err != nil {
		return err
	}
	u, owner := s.database, logins[0].login
	if a := there["owner_url"]; a != nil {
		owner = a.User.Username()
	}
	for _, role := range []string{"chorus_app", "chorus_worker", "chorus_operator", "chorus_reader"} {
		s.statements = append(s.statements, statement{there: roleThere(role), create: "CREATE ROLE " + role + " NOLOGIN", about: role})
	}
	for _, l := range logins {
		if l.file == "database_url" {
			s.given["DATABASE_URL_FILE"] = s.path(l.file)
		}
		password, isNew := newPassword(), true
		if a := there[l.file]; a != nil {
			isNew = false
			s.said("kept", s.path(l.file), a.User.Username())
			if password, _ = a.User.Password(); password == "" || a.User.Username() != l.login {
				continue // of another login, which is somebody else's affair
			}
		} else {
			if exists(s.path(fileSQL)) && s.Admin == "" {
				return fmt.Errorf("%s is of other passwords than those that would be made now, as %s is not there: remove it, and run choriste init again", s.path(fileSQL), s.path(l.file))
			}
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
		create: "CREATE DATABASE " + name + " OWNER " + pgx.Identifier{owner}.Sanitize() + " ENCODING 'UTF8' TEMPLATE template0", about: name,
	})
	return nil
}

// addresses reads the files of addresses that are there, and finds the database that they lead to: all are of one, and --database counts where there is none yet.
func (s *setup) addresses() (map[string]*url.URL, error) {
	there := map[string]*url.URL{}
	for _, l := range logins {
		if !exists(s.path(l.file)) {
			continue
		}
		text, err := readSecret(s.path(l.file), 0o700)
		if err == nil {
			err = databaseURL(text)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.path(l.file), err)
		}
		u, err := url.Parse(text)
		if err != nil || u.User.Username() == "" {
			return nil, fmt.Errorf("%s: must look like %s", s.path(l.file), databaseForm)
		}
		there[l.file] = u
		if s.database == nil {
			of := *u
			of.User = nil
			s.database = &of
		}
	}
	if s.database == nil {
		var err error
		s.database, err = readDatabase(cmp.Or(s.Database, "postgres://127.0.0.1:5432/choriste"))
		return there, err
	}
	if !databaseName.MatchString(strings.TrimPrefix(s.database.Path, "/")) {
		return nil, fmt.Errorf("the addresses in %s must end in the database's name, of small letters, digits and _", s.Dir)
	}
	if s.Database != "" && s.Database != s.database.String() {
		s.stays("--database", s.path("*_url"))
	}
	return there, nil
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
		return inPlaceOf("--admin-url-file", store.Unreachable(err, 1))
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
		if err != nil && !st.unknown { // an interrupted run, whose statement went on, or another one was quicker
			if there, _ := s.isThere(st); there {
				s.said("kept", st.about, "PostgreSQL")
				continue
			}
		}
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
		fmt.Fprintf(&b, "SELECT '%s' WHERE NOT EXISTS (%s) \\gexec\n", strings.ReplaceAll(st.create, "'", "''"), st.there)
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
