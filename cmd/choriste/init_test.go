package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store/storetest"
)

// TestScram is the example of RFC 7677: the server's keys of a password, a salt and 4,096 rounds.
func TestScram(t *testing.T) {
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	got, err := scram("pencil", salt)
	const want = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	if err != nil || got != want {
		t.Errorf("%v, %v", got, err)
	}
}

func TestEnvironmentFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "e")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# a comment\n\nCHORUS_ENV=production\nCHORUS_LOGIN=\"TECH 1\"\nPISTE_CLIENT_ID='x=y'\nOTHER=z\nCHORUS_PASSWORD_FILE=/f\n")
	getenv, err := withEnvironment(func(name string) string {
		return map[string]string{"CHORUS_LOGIN": "mine", "CHORUS_PASSWORD": "p"}[name]
	}, file)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"CHORUS_ENV": "production", "CHORUS_LOGIN": "mine", "PISTE_CLIENT_ID": "x=y", "OTHER": "z", "CHORUS_PASSWORD": "p", "CHORUS_PASSWORD_FILE": "", "NONE": "",
	} {
		if got := getenv(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for text, want := range map[string]string{
		"export A=b": "line 1: must be NAME=VALUE", "A = b": "NAME=VALUE", "A=b\nA=c": "line 2: A is given twice", "A=$HOME": "A has a quotation mark",
		"A=b\\c": "A has a", "CHORISTE_QOUTA=5": "CHORISTE_QOUTA (is CHORISTE_QUOTA meant?) is no setting", "CHORUS_PASSWORD=ca'nary": "CHORUS_PASSWORD has a",
	} {
		write(text)
		if _, err := readEnvironment(file); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "nary") {
			t.Errorf("%q: %v", text, err)
		}
	}
	var out, errOut bytes.Buffer
	if exit := run(t.Context(), []string{"--env-file", file + "x", "doctor"}, func(string) string { return "" }, &out, &errOut); exit != 1 || !strings.Contains(errOut.String(), "--env-file") {
		t.Errorf("exit status %d: %s", exit, errOut.String())
	}
}

// TestKubernetesSecret: a volume of Kubernetes shows its secrets to a group, and only such a volume may.
func TestKubernetesSecret(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "chorus_password")
	if err := os.WriteFile(file, []byte("secret"), 0o440); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"CHORUS_PASSWORD_FILE": file, "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
	read := func() error {
		_, err := load(func(name string) string { return env[name] }, "CHORUS_PASSWORD")
		return err
	}
	if read() == nil {
		t.Error("a folder that is no volume's")
	}
	if err := os.Mkdir(filepath.Join(dir, "..data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := read(); err != nil {
		t.Error(err)
	}
	if delete(env, "KUBERNETES_SERVICE_HOST"); read() == nil {
		t.Error("not in Kubernetes")
	}
}

// TestInit goes from nothing to a set-up that the doctor finds healthy, twice, and prints no secret.
func TestInit(t *testing.T) {
	db := storetest.New(t)
	admin, err := url.Parse(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	admin.Path = "/postgres"
	forget := func() {
		conn, err := pgx.Connect(t.Context(), admin.String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(t.Context()) }()
		_, err = conn.Exec(t.Context(), `DROP DATABASE IF EXISTS choriste_init WITH (FORCE)`)
		for _, l := range logins {
			if err == nil {
				_, err = conn.Exec(t.Context(), `DROP ROLE IF EXISTS `+l.login)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	forget()
	defer forget()

	sim := chorustest.New(t, &chorustest.Config{
		Clients: []chorustest.Client{{ID: "app", Secret: clientSecret}}, Accounts: []chorustest.Account{{Login: "TECH_1@cpro.fr", Password: accountPassword}}, Quota: -1,
	})
	home := t.TempDir()
	file := func(name, text string) string {
		name = filepath.Join(home, name)
		if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	target := *admin
	target.User, target.Path = nil, "/choriste_init"
	dir := filepath.Join(home, "etc")
	args := []string{
		"init", "--dir", dir, "--client-id", "app", "--client-secret-file", file("cs", clientSecret), "--login", "TECH_1@cpro.fr", "--password-file", file("pw", accountPassword),
		"--database", target.String(), "--api-url", sim.APIURL(), "--token-url", sim.TokenURL(),
	}
	withAdmin := append(slices.Clone(args), "--admin-url-file", file("admin", admin.String()))
	var all strings.Builder
	initOnce := func(args []string) (int, string) {
		var out bytes.Buffer
		exit := run(t.Context(), args, func(string) string { return "" }, &out, &out)
		all.WriteString(out.String())
		return exit, out.String()
	}
	contents := func() map[string]string {
		list := map[string]string{}
		names, _ := filepath.Glob(filepath.Join(dir, "*"))
		for _, name := range names {
			b, _ := os.ReadFile(name)
			info, _ := os.Stat(name)
			list[filepath.Base(name)] = fmt.Sprint(info.Mode(), info.ModTime(), string(b))
		}
		return list
	}

	if exit, out := initOnce([]string{"init", "--dir", dir}); exit != 2 || !strings.Contains(out, "--client-id, --client-secret-file, --login, --password-file") {
		t.Errorf("nobody to ask: %d, %s", exit, out)
	}
	if exit, out := initOnce(append(slices.Clone(args), "--proxy", "proxy:3128")); exit != 1 || !strings.Contains(out, "CHORISTE_PROXY must look like") || len(contents()) != 0 {
		t.Errorf("a wrong setting: %d, %s", exit, out)
	}

	// Without an administrator: the statements are written, and that is said.
	exit, out := initOnce(args)
	if exit != 1 || !strings.Contains(out, "  sudo -u postgres psql -p "+target.Port()+" < "+filepath.Join(dir, fileSQL)) {
		t.Fatalf("without an administrator: %d, %s", exit, out)
	}
	before := contents()
	for _, name := range []string{"choriste.env", "owner_url", "database_url", "operator_url", "app_url", "piste_client_secret", "chorus_password", "database.sql"} {
		mode := "-rw-------"
		if name == fileSettings {
			mode = "-rw-r-----"
		}
		if !strings.HasPrefix(before[name], mode) {
			t.Errorf("%s: %.10q", name, before[name])
		}
	}
	var passwords []string
	for _, l := range logins {
		s := setup{initCmd: initCmd{Dir: dir}}
		there, err := s.addresses()
		if err != nil {
			t.Fatal(err)
		}
		p, _ := there[l.file].User.Password()
		if len(p) < 40 || strings.Contains(before[fileSQL], p) {
			t.Errorf("%s: a password of %d characters, or it stands in %s", l.login, len(p), fileSQL)
		}
		passwords = append(passwords, p)
	}

	// With one, what was stopped there goes on, with the same passwords.
	exit, out = initOnce(withAdmin)
	if exit != 0 || !strings.Contains(out, "ok    search [default]") || !strings.Contains(out, "choriste_worker") || !strings.Contains(out, "work") {
		t.Fatalf("with an administrator: %d, %s", exit, out)
	}
	others := slices.Clone(withAdmin)
	for i, arg := range others {
		switch arg {
		case "app":
			others[i] = "another"
		case filepath.Join(home, "cs"):
			others[i] = file("cs2", "another")
		case target.String():
			others[i] = "postgres://127.0.0.1:1/choriste_init2"
		}
	}
	exit, out = initOnce(append(others, "--listen", "127.0.0.1:1"))
	for _, name := range []string{"PISTE_CLIENT_ID", "PISTE_CLIENT_SECRET", "--database", "CHORISTE_LISTEN"} {
		if exit != 0 || !strings.Contains(out, name+" stays as it is") || strings.Contains(out, "choriste_init2") || strings.Contains(out, "CHORUS_API_URL stays") {
			t.Errorf("again, %s: %d, %s", name, exit, out)
		}
	}
	// What is there says which database is meant.
	exit, out = initOnce([]string{"init", "--dir", dir, "--admin-url-file", file("admin", admin.String())})
	if exit != 0 || !regexp.MustCompile(`kept +choriste_init `).MatchString(out) {
		t.Errorf("again without flags: %d, %s", exit, out)
	}
	if after := contents(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Error("something was overwritten")
	}
	vars, err := readEnvironment(filepath.Join(dir, fileSettings))
	if err != nil || vars["PISTE_CLIENT_ID"] != "app" || vars["DATABASE_URL_FILE"] != filepath.Join(dir, "database_url") {
		t.Errorf("%v, %v", vars, err)
	}

	// Each login may do what it is for: an invoice is given to the application's, and seen by the operator's.
	invoice := file("i.xml", "")
	if err := os.WriteFile(invoice, invoicetest.Invoice{Numero: "INIT-1"}.UBL(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"app_url", "submit", "--no-check", invoice}, {"operator_url", "list"}} {
		var out bytes.Buffer
		env := map[string]string{"DATABASE_URL_FILE": filepath.Join(dir, command[0])}
		if exit := run(t.Context(), command[1:], func(name string) string { return env[name] }, &out, &out); exit != 0 {
			t.Errorf("%v: %d, %s", command, exit, out.String())
		}
	}

	// What is there and cannot be used is said before anything is written or made.
	ownerURL, appURL := filepath.Join(dir, "owner_url"), filepath.Join(dir, "app_url")
	for _, c := range []struct {
		change, back func() error
		args         []string
		want         string
	}{
		{func() error { return os.Chmod(ownerURL, 0o644) }, func() error { return os.Chmod(ownerURL, 0o600) }, withAdmin, ownerURL + ": others may read the file"},
		{func() error { return os.Rename(appURL, appURL+"2") }, func() error { return os.Rename(appURL+"2", appURL) }, args, fileSQL + " is of other passwords"},
		{func() error { return nil }, func() error { return nil }, append(slices.Clone(args), "--admin-url-file", file("away", "postgres://postgres:Pass@127.0.0.1:1/postgres")), "choriste: --admin-url-file: PostgreSQL cannot be reached (127.0.0.1:1: connection refused). Check host and port in --admin-url-file,"},
		{func() error { return nil }, func() error { return nil }, append(slices.Clone(args), "--dir", dir+"\nCHORISTE_LISTEN=0.0.0.0:1"), "--dir has a quotation mark, "},
	} {
		if err := c.change(); err != nil {
			t.Fatal(err)
		}
		if exit, out := initOnce(c.args); exit == 0 || !strings.Contains(out, c.want) || strings.Contains(out, "made   ") {
			t.Errorf("%s: %d, %s", c.want, exit, out)
		}
		if err := c.back(); err != nil {
			t.Fatal(err)
		}
	}

	// A login of somebody else's is not taken over, and nothing is written.
	elsewhere := slices.Clone(withAdmin)
	elsewhere[2] = filepath.Join(home, "elsewhere")
	if exit, out := initOnce(elsewhere); exit != 1 || !strings.Contains(out, "has a login choriste_owner already") || exists(filepath.Join(elsewhere[2], "owner_url")) {
		t.Errorf("a login that is there: %d, %s", exit, out)
	}
	for _, secret := range append(passwords, clientSecret, accountPassword) {
		if strings.Contains(all.String(), secret) {
			t.Errorf("a secret is printed: %s", all.String())
		}
	}
}

// TestInitAsksAgain has what is wrong by itself asked for again at once, and not the whole of it at the end.
func TestInitAsksAgain(t *testing.T) {
	s := setup{app: &app{}, given: map[string]string{}, secrets: map[string]string{}}
	s.database = &url.URL{Host: "127.0.0.1:5432"}
	bad := map[string]string{
		"CHORUS_ENV": "prod", "PISTE_CLIENT_ID": "a b", "PISTE_CLIENT_SECRET": " x", "CHORUS_LOGIN": "a b", "CHORUS_PASSWORD": "x\u00a0", "CHORISTE_PROXY": "proxy:3128",
		"CHORISTE_PROXY_PASSWORD": " x",
	}
	good := map[string]string{
		"CHORUS_ENV": "production", "PISTE_CLIENT_ID": "app", "PISTE_CLIENT_SECRET": "x", "CHORUS_LOGIN": "TECH_1@cpro.fr", "CHORUS_PASSWORD": "x", "CHORISTE_PROXY": "http://proxy.example.net:3128",
		"CHORISTE_PROXY_LOGIN": "choriste", "CHORISTE_PROXY_PASSWORD": "x",
	}
	for _, q := range s.questions() {
		if v := bad[q.setting]; v != "" && s.wrong(q, v) == nil {
			t.Errorf("%s=%q is taken", q.setting, v)
		}
		if err := s.wrong(q, good[q.setting]); err != nil {
			t.Errorf("%s=%q: %v", q.setting, good[q.setting], err)
		}
		s.take(q, good[q.setting])
	}
}

// TestInitNamesTheServer: the statements go to the server that the addresses lead to.
func TestInitNamesTheServer(t *testing.T) {
	for host, want := range map[string]string{
		"127.0.0.1:5432": "sudo -u postgres psql", "localhost": "sudo -u postgres psql", "[::1]:5433": "sudo -u postgres psql -p 5433",
		"db.example.net:5432": "psql -h db.example.net -p 5432 -U postgres", "one:5433,two:5432": "psql -h one -p 5433 -U postgres",
	} {
		if got := (&setup{database: &url.URL{Host: host}}).psql(); got != want {
			t.Errorf("%s: %s", host, got)
		}
	}
}

// TestInitStartsItsOwn: the package's unit is that of /etc/choriste alone. Of a second set-up, as for production beside the sandbox, it would start the first.
func TestInitStartsItsOwn(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{"/etc/choriste": "systemctl enable", "/etc/choriste-production": "choriste --env-file /etc/choriste-production/choriste.env work"} {
		s := setup{initCmd: initCmd{Dir: dir}, owner: me}
		if got := s.starts(func() bool { return true }); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", dir, got)
		}
	}
}
