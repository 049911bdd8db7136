package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/worker"
)

// The file of CHORISTE_ACCOUNTS_FILE (docs/settings.md#several-accounts) is read strictly: what is not known, given twice or missing is a problem, and all
// of them are reported at once, each with its line. It holds no secrets, only the names of their files.

// defaultName is what the application and the account of the environment variables are called.
const defaultName = "default"

// accountsFile is the reading of one file.
type accountsFile struct {
	path         string
	getenv       func(string) string
	applications map[string]piste
	accounts     []worker.Account
	files        []watched // that were named
	problems     []error
}

// piste is one PISTE application.
type piste struct {
	clientID string
	secret   chorus.Secret
	scope    string
	quota    float64
}

// configure finds the accounts, of the environment variables and of the file.
func (s *settings) configure(getenv func(string) string) []error {
	f := accountsFile{path: getenv("CHORISTE_ACCOUNTS_FILE"), getenv: getenv, applications: map[string]piste{}}
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
		f.applications[defaultName] = piste{s.ClientID, s.ClientSecret, s.Scope, s.Quota}
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
		c.ClientID, c.ClientSecret, c.Scope = app.clientID, app.secret, app.scope
		a.Chorus, a.Quota = c, app.quota
		s.Accounts = append(s.Accounts, a)
	}
	s.files = f.files
	return f.problems
}

// wrong notes a problem and where it is.
func (f *accountsFile) wrong(n *yaml.Node, format string, args ...any) {
	f.problems = append(f.problems, fmt.Errorf("%s:%d: %s", f.path, n.Line, fmt.Sprintf(format, args...)))
}

// most is more than any file of accounts has.
const mostAccountsFile = 1 << 20

func (f *accountsFile) read(s *settings) {
	in, err := os.Open(f.path)
	if err != nil {
		f.problems = append(f.problems, fmt.Errorf("CHORISTE_ACCOUNTS_FILE: %s cannot be opened: check its name and that this user may read it", f.path))
		return
	}
	defer func() { _ = in.Close() }()
	b, err := io.ReadAll(io.LimitReader(in, mostAccountsFile+1))
	if err != nil || len(b) > mostAccountsFile {
		f.problems = append(f.problems, fmt.Errorf("CHORISTE_ACCOUNTS_FILE: %s cannot be read, or is larger than %d bytes", f.path, mostAccountsFile))
		return
	}
	var doc yaml.Node
	if strings.TrimSpace(string(b)) == "" {
		f.problems = append(f.problems, fmt.Errorf("%s is empty", f.path))
		return
	}
	if err := yaml.Load(b, &doc); err != nil || len(doc.Content) != 1 {
		if err == nil {
			err = errors.New("there is not one document")
		}
		f.problems = append(f.problems, fmt.Errorf("%s: %s", f.path, oneLine(err.Error())))
		return
	}
	var applications, accounts []*yaml.Node
	f.fields(doc.Content[0], "the file", map[string]func(*yaml.Node){
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

// fields hands each value of a mapping to the function for its key.
func (f *accountsFile) fields(n *yaml.Node, what string, known map[string]func(*yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		f.wrong(n, "%s must be a mapping of %s", what, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, ok := known[key.Value]
		switch {
		case !ok && known[key.Value+"_file"] != nil:
			f.wrong(key, "%s: secrets stand in files of their own: %s_file", key.Value, key.Value)
		case !ok:
			f.wrong(key, "%s is none of %s", key.Value, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		case seen[key.Value]:
			f.wrong(key, "%s is given twice", key.Value)
		case value.Kind == yaml.AliasNode || value.Anchor != "":
			f.wrong(value, "anchors and aliases are not taken")
		default:
			read(value)
		}
		seen[key.Value] = true
	}
}

func (f *accountsFile) list(n *yaml.Node, what string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		f.wrong(n, "%s must be a list", what)
		return nil
	}
	return n.Content
}

// text reads a value that is not empty.
func (f *accountsFile) text(key string, into *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || strings.TrimSpace(n.Value) == "" {
			f.wrong(n, "%s must be a text", key)
			return
		}
		*into = n.Value
	}
}

func (f *accountsFile) number(key string, into *float64, least, most float64) func(*yaml.Node) {
	return func(n *yaml.Node) {
		v, err := strconv.ParseFloat(n.Value, 64)
		if n.Kind != yaml.ScalarNode || err != nil || !(v >= least && v <= most) {
			f.wrong(n, "%s must be a number from %g to %g", key, least, most)
			return
		}
		*into = v
	}
}

// secret reads the file that a value names; a relative name counts from the folder of the accounts file.
func (f *accountsFile) secret(key string, into *chorus.Secret) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var name string
		if f.text(key, &name)(n); name == "" {
			return
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(f.path), name)
		}
		f.files = append(f.files, watch(name))
		v, err := readSecret(name, mostMode(f.getenv, name))
		if err == nil && v != strings.TrimSpace(v) {
			err = errors.New("the secret begins or ends with white space")
		}
		if err != nil {
			f.wrong(n, "%s: %s", key, err)
			return
		}
		*into = chorus.Secret(v)
	}
}

var accountName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`) // as the database has it

func (f *accountsFile) application(n *yaml.Node, s *settings) {
	var name string
	app := piste{scope: "openid", quota: s.Quota}
	before := len(f.problems)
	f.fields(n, "an application", map[string]func(*yaml.Node){
		"name":               f.text("name", &name),
		"client_id":          f.text("client_id", &app.clientID),
		"client_secret_file": f.secret("client_secret_file", &app.secret),
		"scope":              f.text("scope", &app.scope),
		"quota":              f.number("quota", &app.quota, 0.1, 100000),
	})
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
	before := len(f.problems)
	f.fields(n, "an account", map[string]func(*yaml.Node){
		"name":          f.text("name", &a.Name),
		"application":   f.text("application", &a.Application),
		"login":         f.text("login", &a.Chorus.Login),
		"password_file": f.secret("password_file", &a.Chorus.Password),
		"weight":        f.number("weight", &a.Weight, 0.01, 1000),
		"cpro_account": func(n *yaml.Node) {
			if n.Value != "true" && n.Value != "false" {
				f.wrong(n, "cpro_account must be true or false")
			}
			a.Chorus.NoAccount = n.Value == "false"
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
		case strings.ContainsAny(a.Chorus.Login, ": \t"):
			f.wrong(n, "account %s: a login has neither colon nor white space", a.Name)
		case a.Chorus.Password == "" && !a.Chorus.NoAccount:
			f.wrong(n, "account %s has no password_file", a.Name)
		}
	}
	f.accounts = append(f.accounts, a)
}
