package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/egress"
	"github.com/choriste/choriste/worker"
)

// The file of CHORISTE_ACCOUNTS_FILE (docs/settings.md#several-accounts).

// defaultName is what the application and the account of the environment variables are called.
const defaultName = "default"

// accountsFile is the reading of one file.
type accountsFile struct {
	yamlFile
	applications map[string]piste
	accounts     []worker.Account
	engagements  map[string]bool // of accounts that say whether they are checked
}

// piste is one PISTE application.
type piste struct {
	clientID string
	secret   chorus.Secret
	scope    string
	quota    float64
	way      egress.Way
}

// configure finds the accounts, of the environment variables and of the file.
func (s *settings) configure(getenv func(string) string) []error {
	f := accountsFile{yamlFile: yamlFile{path: getenv("CHORISTE_ACCOUNTS_FILE"), getenv: getenv}, applications: map[string]piste{}, engagements: map[string]bool{}}
	for _, name := range []string{"CHORISTE_ACCOUNTS_FILE", "PISTE_CLIENT_SECRET_FILE", "CHORUS_PASSWORD_FILE"} {
		if v := getenv(name); v != "" {
			f.files = append(f.files, watch(v))
		}
	}
	given := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return getenv(n) != "" || getenv(n+"_FILE") != "" })
	}
	whole := func(names ...string) {
		for _, n := range names {
			if f.path != "" && given(names...) && !given(n) { // without the file, load has said so
				f.problems = append(f.problems, fmt.Errorf("%s is not set: %s go together", n, strings.Join(names, " and ")))
			}
		}
	}
	whole("PISTE_CLIENT_ID", "PISTE_CLIENT_SECRET")
	whole("CHORUS_LOGIN", "CHORUS_PASSWORD")
	if given("PISTE_CLIENT_ID") {
		f.applications[defaultName] = piste{s.ClientID, s.ClientSecret, s.Scope, s.Quota, s.Way}
	}
	if given("CHORUS_LOGIN") {
		f.accounts = append(f.accounts, worker.Account{Name: defaultName, Application: defaultName, Chorus: chorus.Config{Login: s.Login, Password: s.Password}})
		if f.path != "" && !given("PISTE_CLIENT_ID") {
			f.problems = append(f.problems, errors.New("CHORUS_LOGIN needs the application of PISTE_CLIENT_ID"))
		}
	}
	if f.path != "" {
		f.read(s)
	}
	for _, a := range f.accounts {
		app := f.applications[a.Application]
		c := a.Chorus
		c.APIURL, c.TokenURL, c.TokenMargin = s.APIURL, s.TokenURL, s.TokenMargin
		c.ClientID, c.ClientSecret, c.Scope, c.Way = app.clientID, app.secret, app.scope, app.way
		a.Chorus, a.Quota, a.Rules, a.Engagements = c, app.quota, s.Rules.over(a.Rules), s.Engagements
		if own, says := f.engagements[a.Name]; says {
			a.Engagements = own
		}
		s.Accounts = append(s.Accounts, a)
	}
	s.files = append(s.files, f.files...)
	return f.problems
}

// read takes the file in.
func (f *accountsFile) read(s *settings) {
	var applications, accounts []*yaml.Node
	f.document("CHORISTE_ACCOUNTS_FILE", map[string]func(*yaml.Node){
		"applications": func(n *yaml.Node) { applications = f.list(n, "applications") },
		"accounts":     func(n *yaml.Node) { accounts = f.list(n, "accounts") },
	})
	for _, n := range applications {
		f.application(n, s)
	}
	for _, n := range accounts {
		f.account(n)
	}
	if len(f.accounts) == 0 && len(f.problems) == 0 {
		f.problems = append(f.problems, fmt.Errorf("%s: there is no account", f.path))
	}
}

var accountName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`) // as the database has it

func (f *accountsFile) application(n *yaml.Node, s *settings) {
	var name string
	app := piste{scope: "openid", quota: s.Quota}
	before := len(f.problems)
	var own ownWay
	keys := own.keys(&f.yamlFile)
	maps.Copy(keys, map[string]func(*yaml.Node){
		"name":               f.text("name", &name),
		"client_id":          f.formed("client_id", &app.clientID, identifier),
		"client_secret_file": f.secret("client_secret_file", &app.secret),
		"scope":              f.formed("scope", &app.scope, scopes),
		"quota":              f.number("quota", &app.quota, leastQuota, mostQuota),
	})
	f.fields(n, "an application", keys)
	var err error
	if app.way, err = own.over(s.Way); err != nil && len(f.problems) == before {
		f.refuse(n, "application "+name+":", err)
	}
	if len(f.problems) == before {
		_, twice := f.applications[name]
		same := ""
		for other, a := range f.applications {
			if a.clientID == app.clientID {
				same = other
			}
		}
		switch {
		case !accountName.MatchString(name):
			f.wrong(n, "an application needs a name, of letters, digits, _ . -")
		case twice:
			f.wrong(n, "there is an application %s already", name)
		case app.clientID == "":
			f.wrong(n, "application %s has no client_id", name)
		case app.secret == "":
			f.wrong(n, "application %s has no client_secret_file", name)
		case same != "":
			f.wrong(n, "application %s has the client_id of %s: one is enough for both", name, same)
		}
	}
	if name != "" { // a broken one, too, so that its accounts are not reported for its sake
		f.applications[name] = app
	}
}

var siretForm = regexp.MustCompile(`^\d{14}$`)

func (f *accountsFile) account(n *yaml.Node) {
	a := worker.Account{Weight: 1}
	engagements, says := false, slices.ContainsFunc(n.Content, func(key *yaml.Node) bool { return key.Value == "engagements" })
	before := len(f.problems)
	f.fields(n, "an account", map[string]func(*yaml.Node){
		"name":          f.text("name", &a.Name),
		"application":   f.text("application", &a.Application),
		"login":         f.formed("login", &a.Chorus.Login, login),
		"password_file": f.secret("password_file", &a.Chorus.Password),
		"weight":        f.number("weight", &a.Weight, 0.01, 1000),
		"rules":         f.levels("rules", (*levels)(&a.Rules)),
		"engagements":   f.truth("engagements", &engagements),
		"cpro_account": func(n *yaml.Node) {
			given := true
			f.truth("cpro_account", &given)(n)
			a.Chorus.NoAccount = !given
		},
		"suppliers": func(n *yaml.Node) {
			for _, item := range f.list(n, "suppliers") {
				if !siretForm.MatchString(item.Value) {
					f.wrong(item, "suppliers: %q is no SIRET of 14 digits", item.Value)
				}
				a.Suppliers = append(a.Suppliers, item.Value)
			}
		},
	})
	if len(f.problems) == before {
		twice := slices.ContainsFunc(f.accounts, func(o worker.Account) bool { return o.Name == a.Name })
		_, known := f.applications[a.Application]
		switch {
		case !accountName.MatchString(a.Name):
			f.wrong(n, "an account needs a name, of letters, digits, _ . -")
		case twice:
			f.wrong(n, "there is an account %s already", a.Name)
		case !known:
			f.wrong(n, "account %s: there is no application %s", a.Name, cmp.Or(a.Application, "named"))
		case a.Chorus.Login == "" && !a.Chorus.NoAccount:
			f.wrong(n, "account %s has no login", a.Name)
		case a.Chorus.Password == "" && !a.Chorus.NoAccount:
			f.wrong(n, "account %s has no password_file", a.Name)
		}
	}
	f.accounts = append(f.accounts, a)
	if says {
		f.engagements[a.Name] = engagements
	}
}
