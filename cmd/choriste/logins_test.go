package main

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/choriste/choriste/store/storetest"
)

// login makes one of the test's own and returns its address.
func (c *clinic) login(options string, settings []string) string {
	c.Helper()
	owner := admin(c, c.db.URL)
	name := owner.Config().ConnConfig.Database + "_odd"
	if _, err := owner.Exec(c.Context(), fmt.Sprintf(`CREATE ROLE %s LOGIN PASSWORD 'odd' %s`, name, options)); err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() {
		if _, err := admin(c, c.db.URL).Exec(context.WithoutCancel(c.Context()), `DROP ROLE `+name); err != nil {
			c.Error(err)
		}
	})
	for _, s := range settings {
		if _, err := owner.Exec(c.Context(), fmt.Sprintf(`ALTER ROLE %s SET %s`, name, s)); err != nil {
			c.Fatal(err)
		}
	}
	return edited(c.db.WorkerURL, func(u *url.URL) { u.User = url.UserPassword(name, "odd") })
}

// However the administrator has set up a login, a worker works with it as with any other.
func TestLoginsThatAreSetUpOddly(t *testing.T) {
	for name, x := range map[string]struct {
		options  string
		settings []string
	}{
		"every setting": {`IN ROLE chorus_worker`, []string{
			// Until the worker has set its own, which takes a busy machine some milliseconds, these hold.
			`statement_timeout = '200ms'`, `lock_timeout = '1ms'`, `idle_in_transaction_session_timeout = '1ms'`, `idle_session_timeout = '200ms'`, `search_path = nowhere`,
			`TimeZone = 'Asia/Tokyo'`, `DateStyle = 'German, DMY'`, `IntervalStyle = sql_standard`, `standard_conforming_strings = off`, `bytea_output = escape`,
			`row_security = off`, `default_transaction_deferrable = on`, `default_transaction_isolation = serializable`, `client_min_messages = debug1`,
			`client_encoding = LATIN1`, `extra_float_digits = '-15'`, `plan_cache_mode = force_generic_plan`, `synchronous_commit = off`,
			`quote_all_identifiers = on`, `exit_on_error = on`, `plpgsql.extra_errors = 'all'`, `plpgsql.extra_warnings = 'all'`,
		}},
		"another search path": {`IN ROLE chorus_worker`, []string{`search_path = chorus, river, public, pg_catalog`}},
		"a role that is set":  {`NOINHERIT IN ROLE chorus_worker`, []string{`role = chorus_worker`}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClinic(t, storetest.New(t), nil)
			address := c.login(x.options, x.settings)
			if exit, said := c.command("doctor", address); exit != 0 {
				t.Fatalf("doctor: exit status %d\n%s", exit, said)
			}
			r := c.work(nil) // until it is ready
			r.stop()
		})
	}
}

// Where a login has not the rights, whatever the reason, the statement that is said gives them.
func TestTheStatementThatIsSaidGivesTheRights(t *testing.T) {
	statement := regexp.MustCompile(`This statement gives them: (.+?)\.\s`)
	for name, x := range map[string]struct {
		options  string
		settings []string
	}{
		"no member":                   {``, nil},
		"inherits nothing":            {`NOINHERIT IN ROLE chorus_worker`, nil},
		"another role":                {`IN ROLE chorus_worker, chorus_app`, []string{`role = chorus_app`}},
		"no member, inherits nothing": {`NOINHERIT`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClinic(t, storetest.New(t), nil)
			address := c.login(x.options, x.settings)
			said := map[string]string{}
			for _, command := range []string{"work", "doctor"} {
				exit, text := c.command(command, address)
				found := statement.FindStringSubmatch(text)
				if exit == 0 || found == nil {
					t.Fatalf("%s: exit status %d\n%s", command, exit, text)
				}
				said[command] = found[1]
			}
			if said["work"] != said["doctor"] {
				t.Errorf("two statements: %v", said)
			}
			if _, err := admin(c, c.db.URL).Exec(t.Context(), said["doctor"]); err != nil {
				t.Fatal(said, err)
			}
			if exit, said := c.command("doctor", address); exit != 0 {
				t.Errorf("doctor afterwards: exit status %d\n%s", exit, said)
			}
		})
	}
}

// An operator's login that is a member of chorus_operator, and has not its rights, is told the statement that gives them, by every command in one line.
func TestAnOperatorWhoInheritsNothing(t *testing.T) {
	statement := regexp.MustCompile(`^choriste: The login \S+ does not have the rights of .*chorus_operator.*\. This statement gives them: (.+?)\.\s.*\n$`)
	for name, x := range map[string]struct{ own, between string }{
		"by itself":                      {own: `NOINHERIT IN ROLE chorus_operator`},
		"a role between does not":        {between: `NOINHERIT`},
		"neither it nor the one between": {own: `NOINHERIT`, between: `NOINHERIT`},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClinic(t, storetest.New(t), nil)
			owner := admin(c, c.db.URL)
			exec := func(sql string) {
				t.Helper()
				if _, err := owner.Exec(t.Context(), sql); err != nil {
					t.Fatal(sql, err)
				}
			}
			if x.between != "" {
				staff := owner.Config().ConnConfig.Database + "_staff"
				exec(fmt.Sprintf(`CREATE ROLE %s %s IN ROLE chorus_operator`, staff, x.between))
				t.Cleanup(func() {
					if _, err := admin(c, c.db.URL).Exec(context.WithoutCancel(t.Context()), `DROP ROLE `+staff); err != nil {
						t.Error(err)
					}
				})
				x.own += ` IN ROLE ` + staff
			}
			address := c.login(x.own, nil)
			said := ""
			for _, command := range []string{"todo", "list", "stats"} {
				exit, text := c.command(command, address)
				found := statement.FindStringSubmatch(text)
				if exit != 1 || found == nil || said != "" && said != found[1] {
					t.Fatalf("%s: exit status %d, %q, before %q", command, exit, text, said)
				}
				said = found[1]
			}
			if exit, text := c.command("doctor", address); exit == 0 || strings.Contains(text, "permission denied") || !strings.Contains(text, "chorus_worker") {
				t.Errorf("doctor: exit status %d\n%s", exit, text)
			}
			exec(said)
			for _, command := range []string{"todo", "list", "stats"} {
				if exit, text := c.command(command, address); exit != 0 {
					t.Errorf("%s after %q: exit status %d, %s", command, said, exit, text)
				}
			}
		})
	}
}
