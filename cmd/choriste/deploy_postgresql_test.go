package main

import (
	"bytes"
	"errors"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store/storetest"
)

// An administrator's script makes all that an owner without CREATEROLE needs, and may be run again.
func TestTheAdministratorsScript(t *testing.T) {
	text, err := os.ReadFile("../../deploy/postgresql/administrator.sql")
	if err != nil {
		t.Fatal(err)
	}
	c, err := storetest.Start(t.Context(), storetest.Options{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Stop() })
	roles, database, ok := strings.Cut(string(text), "CREATE DATABASE ")
	if !ok {
		t.Fatal("it makes no database")
	}
	admin := &storetest.Database{URL: c.URL("postgres")}
	script(t, admin, roles)
	script(t, admin, roles)
	script(t, admin, "CREATE DATABASE "+strings.SplitN(database, ";", 2)[0])
	script(t, admin, `ALTER ROLE choriste_owner PASSWORD 'secret'`)
	owner, err := url.Parse(c.URL("choriste"))
	if err != nil {
		t.Fatal(err)
	}
	owner.User = url.UserPassword("choriste_owner", "secret")
	if got := query(t, c.URL("postgres"), `SELECT concat(rolsuper, rolcreaterole, rolcreatedb) FROM pg_roles WHERE rolname = 'choriste_owner'`); !slices.Equal(got, []string{"fff"}) {
		t.Errorf("the owner may more than own: %v", got)
	}
	if err := migrations.Up(t.Context(), owner.String(), nil); err != nil {
		t.Fatal(err)
	}
	if got := query(t, owner.String(), `SELECT current_user || ' ' || chorus.schema_version()::text`); len(got) != 1 || !strings.HasPrefix(got[0], "choriste_owner ") {
		t.Errorf("migrated by %v", got)
	}
}

// The examples for clusters are YAML, and name the roles and logins that there are.
func TestExamplesForClusters(t *testing.T) {
	for name, wants := range map[string][]string{
		"cloudnativepg.yaml": {"kind: Cluster", "owner: choriste_owner", "inRoles: [chorus_worker]", "CREATE ROLE chorus_reader NOLOGIN", "synchronous:"},
		"patroni.yml":        {"synchronous_mode: true", "choriste_owner,choriste_worker,choriste_operator,choriste_app"},
	} {
		text, err := os.ReadFile("../../deploy/postgresql/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s does not say %q", name, want)
			}
		}
		d, n := yaml.NewDecoder(bytes.NewReader(text)), 0
		for {
			var v map[string]any
			if err := d.Decode(&v); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			n++
			if name == "cloudnativepg.yaml" && (v["apiVersion"] != "postgresql.cnpg.io/v1" || v["kind"] == nil || v["metadata"] == nil) {
				t.Errorf("%s: document %d is no object of CloudNativePG: %v", name, n, v)
			}
		}
		if n == 0 {
			t.Errorf("%s holds nothing", name)
		}
	}
}
