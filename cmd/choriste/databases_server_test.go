package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// guardedDatabases are those of a server with TLS and a strict pg_hba.conf. c.db leads to its database postgres.
var guardedDatabases = []oddDatabase{
	{name: "without TLS where it is required", code: "DATABASE_TLS_REQUIRED", address: the(func(a string) string { return inDatabase(parameters(a, "sslmode", "disable"), "secure") })},
	{name: "an unknown authority", code: "DATABASE_TLS_CERTIFICATE", address: func(c *clinic) (string, string) {
		other, _ := certificate(c.T)
		file := filepath.Join(c.dir, "root.crt")
		if err := os.WriteFile(file, other, 0o600); err != nil {
			c.Fatal(err)
		}
		return parameters(c.db.WorkerURL, "sslmode", "verify-full", "sslrootcert", file), ""
	}},
	{name: "no client certificate", code: "DATABASE_TLS_CLIENT", address: the(func(a string) string { return inDatabase(parameters(a, "sslmode", "require"), "certified") })},
	{name: "no entry in pg_hba.conf", code: "DATABASE_HBA", address: the(func(a string) string { return inDatabase(parameters(a, "sslmode", "require"), "closed") })},
	{name: "an unknown role", code: "DATABASE_USER", address: the(func(a string) string {
		return inDatabase(edited(parameters(a, "sslmode", "disable"), func(u *url.URL) { u.User = url.User("nobody") }), "open")
	})},
}

// followers are standbys. c.db leads to the primary, the other address to the standby.
var followers = []oddDatabase{
	{name: "a standby", code: "DATABASE_STANDBY", address: func(c *clinic) (string, string) { return c.db.ReaderURL, "" }},
	{name: "nothing but a standby", code: "DATABASE_NO_PRIMARY", address: func(c *clinic) (string, string) {
		return parameters(c.db.ReaderURL, "target_session_attrs", "read-write"), ""
	}},
}

// started is a cluster of the test's own with a migrated database.
func started(t *testing.T, o storetest.Options) (*storetest.Cluster, *storetest.Database) {
	t.Helper()
	o.InMemory = true
	cluster, err := storetest.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Stop() })
	return cluster, &storetest.Database{URL: cluster.URL(""), WorkerURL: cluster.URL(""), ReaderURL: cluster.URL("")}
}

func TestDatabasesBehindTLS(t *testing.T) {
	cluster, db := started(t, storetest.Options{Settings: map[string]string{"max_connections": "30"}})
	cert, key := certificate(t)
	behindTLS(t, cluster, map[string]string{"server.crt": string(cert), "server.key": string(key), "root.crt": string(cert), "pg_hba.conf": `
hostssl  secure     all  127.0.0.1/32  scram-sha-256
hostssl  certified  all  127.0.0.1/32  scram-sha-256  clientcert=verify-ca
host     postgres   all  127.0.0.1/32  scram-sha-256
host     open       all  127.0.0.1/32  trust
`}, "secure", "certified", "closed", "open")
	for _, s := range guardedDatabases {
		t.Run(s.name, func(t *testing.T) { refusedAlike(newClinic(t, db, nil), s) })
	}
	t.Run("every slot is taken", func(t *testing.T) {
		for {
			conn, err := pgx.Connect(t.Context(), parameters(cluster.URL(""), "sslmode", "disable"))
			if store.SQLState(err) == "53300" {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
		}
		refusedAlike(newClinic(t, db, nil), oddDatabase{code: "DATABASE_FULL", address: the(func(a string) string { return parameters(a, "sslmode", "disable") })})
	})
}

// behindTLS makes databases on a server, and has it speak TLS by the given files: server.crt, server.key, root.crt and pg_hba.conf, which lets postgres in by its password.
func behindTLS(t *testing.T, cluster *storetest.Cluster, files map[string]string, databases ...string) {
	t.Helper()
	pool, err := pgxpool.New(context.WithoutCancel(t.Context()), cluster.URL(""))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	// The server's own user writes them, into its directory.
	for name, text := range files {
		program := fmt.Sprintf("cat > %s && chmod 600 %s", name, name)
		for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
			if i > 0 {
				program = "cat >> " + name
			}
			if _, err := pool.Exec(t.Context(), `COPY (SELECT '`+line+`') TO PROGRAM '`+program+`'`); err != nil {
				t.Fatal(err)
			}
		}
	}
	statements := []string{`ALTER SYSTEM SET ssl_ca_file = 'root.crt'`, `ALTER SYSTEM SET ssl = on`, `SELECT pg_reload_conf()`}
	for _, name := range databases {
		statements = append([]string{`CREATE DATABASE ` + name}, statements...)
	}
	for _, s := range statements {
		if _, err := pool.Exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) { // the server takes up its settings by itself
		conn, err := pgxpool.New(t.Context(), parameters(cluster.URL(""), "sslmode", "require"))
		if err == nil {
			err = conn.Ping(t.Context())
			conn.Close()
		}
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestDatabasesThatFollow(t *testing.T) {
	cluster, db := started(t, storetest.Options{})
	if err := migrations.Up(t.Context(), cluster.URL(""), nil); err != nil {
		t.Fatal(err)
	}
	follower, err := storetest.Start(t.Context(), storetest.Options{Follows: cluster})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = follower.Stop() })
	db.ReaderURL = follower.URL("")
	for _, s := range followers {
		t.Run(s.name, func(t *testing.T) { refusedAlike(newClinic(t, db, nil), s) })
	}
	t.Run("a standby and then the primary", func(t *testing.T) {
		host := func(address string) string {
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			return u.Host
		}
		both := edited(db.URL, func(u *url.URL) { u.Host = host(db.ReaderURL) + "," + host(db.URL) })
		c := newClinic(t, db, nil)
		for _, command := range []string{"doctor", "list"} {
			if exit, said := c.command(command, parameters(both, "target_session_attrs", "read-write")); exit != 0 {
				t.Errorf("%s: exit status %d\n%s", command, exit, said)
			}
		}
	})
}

// certificate is one that signs itself, for 127.0.0.1, with its key.
func certificate(t *testing.T) (cert, key []byte) {
	t.Helper()
	cert, key, _ = issue(t, nil, "choriste test", time.Now().Add(time.Hour))
	return cert, key
}
