package main

import (
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/choriste/choriste/console"
)

// shown lists the settings that this process runs with, for the console. Of a secret it says that it is set, and nothing of what it is; an address is without its password.
func (s settings) shown() []console.Setting {
	databases := map[string]string{"DATABASE_URL": s.DatabaseURL, "CHORISTE_CONSOLE_DATABASE_URL": s.ConsoleURL}
	derived := map[string]string{"CHORUS_API_URL": s.APIURL, "CHORUS_TOKEN_URL": s.TokenURL, "NO_PROXY": s.Way.NoProxy, "CHORISTE_STATE_DIR": s.StateDir}
	var list []console.Setting
	for _, t := range table {
		one := console.Setting{Name: t.name, Secret: t.secret}
		v := s.getenv(t.name)
		switch {
		case t.secret && v == "" && s.getenv(t.name+"_FILE") != "":
			one.From, one.File = console.FromFile, s.getenv(t.name+"_FILE")
			if info, err := os.Stat(one.File); err == nil {
				one.Changed = info.ModTime()
			}
		case v != "":
			one.From = console.FromEnvironment
		case t.def != "":
			v, one.From = t.def, console.FromDefault
		case derived[t.name] != "":
			v, one.From = derived[t.name], console.FromOthers
		}
		address, isDatabase := databases[t.name]
		switch {
		case isDatabase:
			one.Value = databaseWithoutPassword(address)
		case !t.secret:
			one.Value = withoutPassword(v)
		}
		list = append(list, one)
	}
	return list
}

// plainParameters are those of an address that hold no secret.
var plainParameters = []string{"sslmode", "sslrootcert", "sslcert", "host", "port", "dbname", "user", "target_session_attrs", "connect_timeout", "channel_binding"}

// loginInside is a login with a password in what is no address.
var loginInside = regexp.MustCompile(`:.*@`)

// withoutPassword is a value without the password of an address; "" where that cannot be told apart.
func withoutPassword(v string) string {
	if !strings.Contains(v, "://") {
		if loginInside.MatchString(v) {
			return ""
		}
		return v
	}
	u, err := url.Parse(v)
	if err != nil || strings.Contains(v, "#") || strings.Contains(u.Path, "@") || u.User == nil && strings.Contains(v, "@") {
		return ""
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	q := u.Query()
	for name := range q {
		if !slices.Contains(plainParameters, name) {
			q.Del(name)
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// databaseWithoutPassword is the same of an address of PostgreSQL, which has other forms, too: these are not shown.
func databaseWithoutPassword(v string) string {
	if !strings.HasPrefix(v, "postgres://") && !strings.HasPrefix(v, "postgresql://") {
		return ""
	}
	return withoutPassword(v)
}
