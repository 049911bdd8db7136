package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/choriste/choriste/worker"
)

// files writes an accounts file and its secrets, and gives the environment that names it.
func files(t *testing.T, yaml string, env map[string]string) (dir string, getenv func(string) string) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range map[string]string{"accounts.yaml": yaml, "piste": "client-secret\n", "north": "north-password\n", "spaces": " x \n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "open"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir, func(name string) string {
		switch v, set := env[name]; {
		case set:
			return v
		case name == "DATABASE_URL":
			return "postgres:///x"
		case name == "CHORISTE_ACCOUNTS_FILE":
			return filepath.Join(dir, "accounts.yaml")
		default:
			return ""
		}
	}
}

const goodAccounts = `
applications:
  - name: main
    client_id: 0000-1111
    client_secret_file: piste
    scope: openid resource.READ
    quota: 50
accounts:
  - name: north
    application: main
    login: TECH_1@cpro.fr
    password_file: north
    weight: 2.5
    suppliers: ["99999999800012", 00000000800012]
  - {name: bare, application: main, cpro_account: false}
`

func TestAccountsFile(t *testing.T) {
	_, getenv := files(t, goodAccounts, nil)
	s, err := load(getenv)
	if err != nil || len(s.Accounts) != 2 {
		t.Fatalf("%d accounts, %v", len(s.Accounts), err)
	}
	north, bare := s.Accounts[0], s.Accounts[1]
	if north.Name != "north" || north.Application != "main" || north.Quota != 50 || north.Weight != 2.5 || strings.Join(north.Suppliers, " ") != "99999999800012 00000000800012" {
		t.Errorf("north is %+v", north)
	}
	c := north.Chorus
	if c.ClientID != "0000-1111" || c.ClientSecret.Reveal() != "client-secret" || c.Scope != "openid resource.READ" || c.Login != "TECH_1@cpro.fr" ||
		c.Password.Reveal() != "north-password" || c.NoAccount || c.APIURL != s.APIURL || c.TokenURL != s.TokenURL {
		t.Errorf("north is used with %+v", c)
	}
	if !bare.Chorus.NoAccount || bare.Weight != 1 || bare.Chorus.ClientID != "0000-1111" {
		t.Errorf("bare is %+v", bare)
	}
	if len(s.files) != 3 {
		t.Errorf("the files to watch are %v", s.files)
	}
}

func TestAccountsOfBothKinds(t *testing.T) {
	_, getenv := files(t, `
accounts:
  - {name: north, application: default, login: TECH_1@cpro.fr, password_file: north, engagements: false}
`, map[string]string{
		"PISTE_CLIENT_ID": "id", "PISTE_CLIENT_SECRET": "secret", "CHORUS_LOGIN": "TECH_0@cpro.fr", "CHORUS_PASSWORD": "password", "CHORISTE_ENGAGEMENTS": "check",
	})
	s, err := load(getenv)
	if err != nil || len(s.Accounts) != 2 || s.Accounts[0].Name != "default" || s.Accounts[1].Chorus.ClientSecret.Reveal() != "secret" || s.Accounts[1].Quota != 20 {
		t.Errorf("%+v, %v", s.Accounts, err)
	}
	if !s.Accounts[0].Engagements || s.Accounts[1].Engagements {
		t.Errorf("commitments are asked for by %+v", s.Accounts)
	}
}

// Everything that is wrong is said at once, where it is, and no secret with it.
func TestAccountsFileProblems(t *testing.T) {
	dir, getenv := files(t, `applications:
  - name: main
    client_id: a
    client_secret: inline-secret
  - name: second
    client_id: b
    client_secret_file: open
    quota: fast
accounts:
  - name: north
    application: nowhere
    login: TECH_1@cpro.fr
    password_file: north
  - name: north
    application: main
    login: TECH_1@cpro.fr
    pasword_file: north
  - name: a b
    application: main
    login: TECH_1@cpro.fr
    password_file: missing
    password_file: north
    suppliers: [123]
  - name: spaces
    application: main
    login: TECH_1@cpro.fr
    password_file: spaces
    weight: 0
    cpro_account: no
`, map[string]string{"CHORUS_LOGIN": "TECH_0@cpro.fr"})
	_, err := load(getenv)
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{
		":4: client_secret: secrets stand in files of their own: client_secret_file",
		":7: client_secret_file: others may read the file (mode 0644)",
		":8: quota must be a number",
		":10: account north: there is no application nowhere",
		":17: pasword_file is none of",
		":21: password_file: the file cannot be opened",
		":22: password_file is given twice",
		`:23: suppliers: "123" is no SIRET`,
		":27: password_file: the secret begins or ends with white space",
		":28: weight must be a number",
		":29: cpro_account must be true or false",
		"CHORUS_PASSWORD is not set",
		"CHORUS_LOGIN needs the application of PISTE_CLIENT_ID",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("does not say %q", want)
		}
	}
	if strings.Contains(err.Error(), "inline-secret") {
		t.Error("tells a secret")
	}
	if t.Failed() {
		t.Log(strings.ReplaceAll(err.Error(), "; ", "\n"), dir)
	}
}

func TestAccountsFileForms(t *testing.T) {
	for yaml, want := range map[string]string{
		"":                              "empty",
		"accounts: [":                   "L2",
		"- a":                           ":1: the file must be a mapping",
		"accounts: x":                   ":1: accounts must be a list",
		"accounts: []":                  "there is no account",
		"accounts: [null]":              ":1: an account must be a mapping",
		"a: &x {}\nb: *x":               ":1: a is none of",
		"accounts:\n- name: &x n":       ":2: anchors and aliases",
		"applications: []\nweight: 2\n": ":2: weight is none of",
	} {
		_, getenv := files(t, yaml, nil)
		if _, err := load(getenv); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", yaml, err)
		}
	}
}

func TestReload(t *testing.T) {
	dir, getenv := files(t, goodAccounts, nil)
	s, err := load(getenv)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan []worker.Account, 10)
	var problems atomic.Int64
	log := slog.New(slog.NewTextHandler(counter{&problems}, &slog.HandlerOptions{Level: slog.LevelError}))
	hup := make(chan os.Signal, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		reload(ctx, getenv, s.files, hup, 20*time.Millisecond, log, func(s settings) error { got <- s.Accounts; return nil })
	}()
	t.Cleanup(func() { cancel(); <-done })
	next := func() []worker.Account {
		t.Helper()
		select {
		case list := <-got:
			return list
		case <-time.After(10 * time.Second):
			t.Fatal("no reload")
			return nil
		}
	}
	replace := func(name, content string) {
		t.Helper()
		temp := filepath.Join(dir, "new")
		if err := os.WriteFile(temp, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(temp, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}

	replace("north", "rotated")
	if list := next(); list[0].Chorus.Password.Reveal() != "rotated" {
		t.Error("the new password was not read")
	}
	replace("accounts.yaml", "accounts: [") // reported once, and nothing is set
	for deadline := time.Now().Add(10 * time.Second); problems.Load() == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a broken file was not reported")
		}
	}
	replace("accounts.yaml", strings.Replace(goodAccounts, "name: north", "name: nord", 1))
	if list := next(); list[0].Name != "nord" {
		t.Error("the new name was not read")
	}
	if n := problems.Load(); n != 1 {
		t.Errorf("%d reports of one broken file", n)
	}
	hup <- syscall.SIGHUP
	next()
}

// counter counts the lines of a log.
type counter struct{ n *atomic.Int64 }

func (c counter) Write(b []byte) (int, error) {
	c.n.Add(1)
	return len(b), nil
}
