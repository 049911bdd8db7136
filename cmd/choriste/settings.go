package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/console"
	"github.com/choriste/choriste/egress"
	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/jobs"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/worker"
)

// settings are the environment variables of docs/settings.md. The table below is the manual, the parser and the defaults at once.
type settings struct {
	DatabaseURL     string
	Env             string
	APIURL          string
	TokenURL        string
	ClientID        string
	ClientSecret    chorus.Secret
	Scope           string
	Login           string
	Password        chorus.Secret
	Quota           float64
	Rules           levels
	Annuaire        bool // CHORISTE_ANNUAIRE=daily
	Engagements     bool // CHORISTE_ENGAGEMENTS=check
	Listen          string
	HTTPTimeout     time.Duration
	SendWithin      time.Duration
	LandingDelay    time.Duration
	VisibilityDelay time.Duration
	Never           bool
	ReapEvery       time.Duration
	SweepEvery      time.Duration
	SyncEvery       time.Duration
	ReportAfter     time.Duration
	ResolveAfter    time.Duration
	QuietPeriod     time.Duration
	KeepExchanges   time.Duration
	TokenMargin     time.Duration
	DatabaseWait    time.Duration
	InFlight        int
	Workers         int
	ShutdownTimeout time.Duration
	Maintenance     []store.Window
	StateDir        string
	Log             string
	ForeignHosts    bool     // CHORISTE_FOREIGN_HOSTS=allow
	Hosts           []string // by which the console is asked for, beside addresses and localhost

	Way        egress.Way // out to the internet, as the variables say
	RootsFile  string     // CHORISTE_CA_FILE
	ClientCert string     // the file of CHORISTE_CLIENT_CERT

	Console      string        // auto, proxied, open or off
	SecondPerson bool          // agrees to what may send an invoice again
	SecondWithin time.Duration // so long
	ConsoleURL   string        // for acts; "" = the console only reads
	TLSCert      string
	TLSKey       chorus.Secret
	Certificate  *tls.Certificate // of the two above
	Users        []console.User   // of CHORISTE_USERS_FILE; empty, not nil: it lets nobody in
	Groups       []console.Group  // likewise
	OpenID       openIDSettings
	Header       headerSettings

	SMTP         *url.URL // of choriste digest --mail
	SMTPPassword chorus.Secret
	DigestFrom   []string
	DigestTo     []string

	Accounts []worker.Account // of the variables above and of CHORISTE_ACCOUNTS_FILE
	Webhooks []jobs.Webhook   // of CHORISTE_WEBHOOKS_FILE

	getenv  func(string) string
	exposed []string  // secrets that came by the environment itself
	foreign []string  // hosts in production that are not PISTE's
	files   []watched // that hold accounts, webhooks and their secrets
}

type setting struct {
	name     string
	def      string
	required bool
	orFile   bool // not required with CHORISTE_ACCOUNTS_FILE
	secret   bool // may also be given as NAME_FILE
	about    string
	set      func(*settings, string) error
}

// load reads the settings and reports everything that is wrong with them at once. With names given, only those are read.
func load(getenv func(string) string, names ...string) (settings, error) {
	s, problems := readSettings(getenv, names...)
	if len(problems) == 0 {
		return s, nil
	}
	return s, settingsError{problems}
}

// readSettings is load, with each problem by itself.
func readSettings(getenv func(string) string, names ...string) (settings, []error) {
	s := settings{getenv: getenv}
	var problems []error
	for _, t := range table {
		if len(names) > 0 && !slices.Contains(names, t.name) {
			continue
		}
		v, exposed, err := t.value(getenv)
		switch {
		case err != nil:
			problems = append(problems, err)
		case v == "" && t.required && !(t.orFile && getenv("CHORISTE_ACCOUNTS_FILE") != ""):
			problems = append(problems, fmt.Errorf("%s is not set", t.name))
		case v != "":
			if err := t.take(&s, v); err != nil {
				problems = append(problems, fmt.Errorf("%s %w", t.source(getenv), err))
			}
		}
		if exposed && !(t.name == "DATABASE_URL" && !hasPassword(v)) {
			s.exposed = append(s.exposed, t.name)
		}
	}
	if err := databaseKey(s.DatabaseURL, getenv); err != nil {
		problems = append(problems, fmt.Errorf("DATABASE_URL %w", err))
	}
	if s.StateDir == "" {
		s.StateDir = systemStateDir(getenv)
	}
	if len(names) == 0 {
		if s.Env != "" || (s.APIURL == "") != (s.TokenURL == "") { // without an environment, that is said
			problems = append(problems, s.hosts()...)
		}
		problems = append(problems, s.relations()...)
		problems = append(problems, s.configureWay(getenv)...)
		problems = append(problems, s.configure(getenv)...)
		problems = append(problems, s.configureWebhooks(getenv)...)
		problems = append(problems, s.configureConsole(getenv)...)
	}
	return s, problems
}

// systemStateDir is the directory that systemd gives, which may name several.
func systemStateDir(getenv func(string) string) string {
	dir, _, _ := strings.Cut(getenv("STATE_DIRECTORY"), ":")
	return dir
}

// hosts fills in the pair of hosts and refuses half of one, one of each kind, and what must not be used in this environment.
func (s *settings) hosts() []error {
	if (s.APIURL == "") != (s.TokenURL == "") {
		return []error{errors.New("CHORUS_API_URL and CHORUS_TOKEN_URL go together: set both or neither")}
	}
	if s.APIURL == "" {
		var err error
		if s.APIURL, s.TokenURL, err = chorus.URLs(s.Env); err != nil {
			return []error{err}
		}
		return nil
	}
	h, err := chorus.ReadHosts(s.APIURL, s.TokenURL)
	if err == nil {
		err = h.Suit(s.Env, s.ForeignHosts)
	}
	if err != nil {
		return named(err)
	}
	s.APIURL, s.TokenURL = h.API, h.Token
	if s.Env == "production" {
		s.foreign = h.Foreign()
	}
	return nil
}

// named gives the problems of addresses the names of their variables.
func named(err error) []error {
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range list.Unwrap() {
			all = append(all, named(e)...)
		}
		return all
	}
	var wrong *chorus.AddressError
	if !errors.As(err, &wrong) {
		return []error{err}
	}
	switch wrong.Which {
	case "API":
		err = errors.New("CHORUS_API_URL " + wrong.Text)
	case "token":
		err = errors.New("CHORUS_TOKEN_URL " + wrong.Text)
	default:
		err = errors.New("CHORUS_API_URL and CHORUS_TOKEN_URL do not go together: " + wrong.Text)
	}
	return []error{err}
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
}

// relations checks what two settings say together.
func (s *settings) relations() []error {
	if s.Env == "production" && s.LandingDelay > 0 && s.LandingDelay < s.HTTPTimeout {
		return []error{errors.New("CHORISTE_LANDING_DELAY is shorter than CHORISTE_HTTP_TIMEOUT: a deposit that is given up may land afterwards, and would be sent twice")}
	}
	return nil
}

// take reads a value. What spoils it and nobody can see, as the carriage return of a file with Windows' line ends, is said beside the form that is expected.
func (t setting) take(s *settings, v string) error {
	err := t.set(s, v)
	if err == nil || errors.As(err, new(copyError)) {
		return err
	}
	if unseen := copiedWell(v, true); unseen != nil {
		return fmt.Errorf("%w; the value %s", err, unseen.Error())
	}
	return err
}

// source is where the setting's value comes from.
func (t setting) source(getenv func(string) string) string {
	if t.secret && getenv(t.name+"_FILE") != "" {
		return t.name + "_FILE"
	}
	return t.name
}

// value finds a setting: its variable, the file that NAME_FILE names, or the default. exposed tells that a secret came by the environment.
func (t setting) value(getenv func(string) string) (v string, exposed bool, err error) {
	v = getenv(t.name)
	if !t.secret {
		if v == "" {
			v = t.def
		}
		return v, false, nil
	}
	file := getenv(t.name + "_FILE")
	switch {
	case v != "" && file != "":
		return "", false, fmt.Errorf("%s and %s_FILE are both set: keep one", t.name, t.name)
	case file == "":
		return v, v != "", nil
	}
	v, err = readSecret(file, mostMode(getenv, file))
	if err != nil {
		return "", false, fmt.Errorf("%s_FILE: %w", t.name, err)
	}
	return v, false, nil
}

// hasPassword tells whether a database URL carries one; most logins of a local server do without.
func hasPassword(v string) bool {
	u, err := url.Parse(v)
	if err != nil {
		return true
	}
	_, set := u.User.Password()
	return set || strings.Contains(v, "password")
}

// manual prints every setting.
func (a *app) manual() error {
	w := visible.NewTable(a.out)
	for _, t := range table {
		if a.json {
			if err := a.print(struct {
				Name     string `json:"name"`
				Default  string `json:"default"`
				Required bool   `json:"required"` // with CHORISTE_ACCOUNTS_FILE, less is
				File     bool   `json:"file"`     // NAME_FILE may name a file instead
				About    string `json:"about"`
			}{t.name, t.def, t.required, t.secret, t.about}); err != nil {
				return err
			}
			continue
		}
		def := t.def
		switch {
		case t.orFile:
			def = "required without a file"
		case t.required:
			def = "required"
		case def == "":
			def = "-"
		}
		name := t.name
		if t.secret {
			name += "[_FILE]"
		}
		w.Printf("%s\t%s\t%s\n", name, def, t.about)
	}
	return w.Flush()
}
