package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/internal/visible"
)

const (
	databaseForm    = "postgres://user@host:5432/database"
	percentEncoding = "in a user or password, # is written %23, % %25, / %2F, : %3A, ? %3F, @ %40, [ %5B, ] %5D and a blank %20"
)

// databaseURL refuses what PostgreSQL's driver would not read, or read otherwise than meant.
func databaseURL(v string) error {
	if err := copiedWell(v, true); err != nil {
		return err
	}
	if strings.HasPrefix(v, "jdbc:") {
		return errors.New("is a JDBC address: leave out jdbc: and put user and password into it, as " + databaseForm + "; " + percentEncoding)
	}
	wrong := errors.New("cannot be read: it should look like " + databaseForm + "; " + percentEncoding)
	scheme, _, ok := strings.Cut(v, "://")
	switch {
	case ok && scheme != "postgres" && scheme != "postgresql":
		return errors.New("must begin with postgres://, as " + databaseForm)
	case !ok && !strings.Contains(v, "="): // neither an address nor keywords
		return wrong
	case ok:
		u, err := url.Parse(v)
		if err != nil {
			return cmp.Or(portOf(v), hostsOf(v), wrong)
		}
		if u.Fragment != "" || strings.Contains(u.Path+u.RawQuery, "@") || strings.Contains(strings.TrimPrefix(u.Path, "/"), "/") {
			return wrong // a # ? or / of a password has ended the host too early
		}
	}
	if readable(v) {
		return nil
	}
	return cmp.Or(portOf(v), parameterOf(v), wrong)
}

// readable asks PostgreSQL's driver, whose own words may hold the password.
func readable(v string) bool {
	_, err := pgxpool.ParseConfig(v)
	return err == nil
}

// databaseKey refuses a key of a client certificate that others may read, as psql does.
func databaseKey(address string, getenv func(string) string) error {
	file := getenv("PGSSLKEY")
	if config, err := url.Parse(address); err == nil && config.Query().Has("sslkey") {
		file = config.Query().Get("sslkey")
	}
	for _, pair := range keywordPair.FindAllStringSubmatch(address, -1) {
		if pair[1] == "sslkey" && !strings.Contains(address, "://") {
			file = strings.Trim(pair[2], "'")
		}
	}
	f, info, err := openRegular(file)
	if err != nil { // no such parameter, or what cannot be read, which is said of the address
		return nil
	}
	_ = f.Close()
	if mode := info.Mode().Perm(); mode&^mostMode(getenv, file) != 0 {
		return fmt.Errorf("has a parameter that cannot be used: sslkey names a file that others may read (mode %04o): chmod 600 it", mode)
	}
	return nil
}

// portOf says that it is the port of an address that is wrong, or returns nil.
func portOf(v string) error {
	_, rest, ok := strings.Cut(v, "://")
	if !ok {
		return nil
	}
	end := len(rest)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		end = i
	}
	if strings.Contains(rest[end:], "@") { // a sign of the password has ended the host too early: what looks like a port may be the password
		return nil
	}
	hosts := rest[strings.LastIndex(rest[:end], "@")+1 : end]
	for host := range strings.SplitSeq(hosts, ",") {
		port := host[strings.LastIndex(host, ":")+1:]
		if len(port) == len(host) || strings.HasSuffix(host, "]") {
			continue
		}
		if n, err := strconv.Atoi(port); port != "" && (err != nil || n < 1 || n > 65535) {
			return errors.New("has a port that is not a number from 1 to 65535; it should look like " + databaseForm)
		}
	}
	return nil
}

// hostsOf says that it is the list of hosts that cannot be read, or returns nil.
func hostsOf(v string) error {
	_, rest, _ := strings.Cut(v, "://")
	hosts, _, _ := strings.Cut(rest[strings.LastIndex(rest, "@")+1:], "/")
	list := strings.Split(hosts, ",")
	if last := list[len(list)-1]; len(list) > 1 && strings.Contains(hosts, ":") && !strings.Contains(last, ":") {
		return errors.New("has several hosts, of which only some have a port: give each its port, as postgres://user@one:5432,two:5432/database")
	}
	return nil
}

// keywordPair is one part of an address in keywords.
var keywordPair = regexp.MustCompile(`([a-z_]+)\s*=\s*('(?:[^'\\]|\\.)*'|\S*)`)

// parameterForms say what some parameters take.
var parameterForms = map[string]string{
	"sslmode":              "must be disable, allow, prefer, require, verify-ca or verify-full",
	"port":                 "must be a number from 1 to 65535",
	"connect_timeout":      "must be a number of seconds",
	"target_session_attrs": "must be any, read-write, primary or prefer-standby",
	"service":              "must name a service of the file that PGSERVICEFILE names, or of ~/.pg_service.conf",
	"servicefile":          "must name a file that this user may read, which has the service",
	"sslrootcert":          "must name a file with certificates that this user may read",
	"sslcert":              "must name a certificate's file that this user may read, and sslkey its key's",
	"sslkey":               "must name a key's file that this user may read, and sslcert its certificate's",
}

// parameterOf names the one parameter without which an address could be read, or returns nil.
func parameterOf(v string) error {
	base, query, isURL := strings.Cut(v, "?")
	if !isURL && strings.Contains(v, "://") {
		return nil
	}
	var names, without []string
	if isURL {
		parts := strings.Split(query, "&")
		for i, part := range parts {
			name, _, _ := strings.Cut(part, "=")
			names = append(names, name)
			without = append(without, base+"?"+strings.Join(slices.Concat(parts[:i], parts[i+1:]), "&"))
		}
	} else {
		for _, at := range keywordPair.FindAllStringSubmatchIndex(v, -1) {
			names = append(names, v[at[2]:at[3]])
			without = append(without, v[:at[0]]+v[at[1]:])
		}
	}
	var suspect error
	for i, name := range names[:min(len(names), mostParameters)] {
		form, known := parameterForms[name]
		if name == "password" || suspect != nil && !known || !readable(without[i]) {
			continue
		}
		suspect = fmt.Errorf("has a parameter that cannot be used: %s %s", visible.Short(name), cmp.Or(form, "has a value that PostgreSQL's driver does not take"))
		if known {
			break
		}
	}
	return suspect
}

// mostParameters bounds how many are tried.
const mostParameters = 50
