package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/choriste/choriste/chorus"
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
	TokenMargin     time.Duration
	DatabaseWait    time.Duration
	InFlight        int
	Workers         int
	ShutdownTimeout time.Duration
	Maintenance     []store.Window
	Log             string

	Accounts []worker.Account // of the variables above and of CHORISTE_ACCOUNTS_FILE
	Webhooks []jobs.Webhook   // of CHORISTE_WEBHOOKS_FILE

	exposed []string  // secrets that came by the environment itself
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

func text(field func(*settings) *string) func(*settings, string) error {
	return func(s *settings, v string) error {
		*field(s) = v
		return nil
	}
}

func secret(field func(*settings) *chorus.Secret) func(*settings, string) error {
	return func(s *settings, v string) error {
		if v != strings.TrimSpace(v) {
			return errors.New("begins or ends with white space")
		}
		*field(s) = chorus.Secret(v)
		return nil
	}
}

func oneOf(field func(*settings) *string, values ...string) func(*settings, string) error {
	return func(s *settings, v string) error {
		if !slices.Contains(values, v) {
			return fmt.Errorf("must be one of %s", strings.Join(values, ", "))
		}
		*field(s) = v
		return nil
	}
}

func duration(field func(*settings) *time.Duration) func(*settings, string) error {
	return func(s *settings, v string) error {
		d, err := time.ParseDuration(v)
		if err != nil || d < time.Millisecond {
			return errors.New("must be a duration of at least 1ms, as 90s, 15m or 4h")
		}
		*field(s) = d
		return nil
	}
}

// windows reads closures; past ones are allowed, because settings are left as they are.
func windows(s *settings, v string) error {
	s.Maintenance = nil
	for text := range strings.SplitSeq(v, ",") {
		from, until, _ := strings.Cut(strings.TrimSpace(text), "/")
		w := store.Window{}
		var errs [2]error
		w.From, errs[0] = time.Parse(time.RFC3339, from)
		w.Until, errs[1] = time.Parse(time.RFC3339, until)
		if errors.Join(errs[:]...) != nil || !w.Until.After(w.From) {
			return errors.New("must be START/END in the form 2026-12-05T20:00:00+01:00/2026-12-06T02:00:00+01:00, END after START, several separated by commas")
		}
		s.Maintenance = append(s.Maintenance, w)
	}
	return nil
}

func count(field func(*settings) *int, most int) func(*settings, string) error {
	return func(s *settings, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > most {
			return fmt.Errorf("must be a number from 1 to %d", most)
		}
		*field(s) = n
		return nil
	}
}

var table = []setting{
	{name: "DATABASE_URL", required: true, secret: true, about: "PostgreSQL. `work` needs a login that is a member of chorus_worker, `migrate` an owner, the operator's commands a member of chorus_operator.", set: text(func(s *settings) *string { return &s.DatabaseURL })},
	{name: "CHORUS_ENV", def: "sandbox", about: "sandbox or production: picks both hosts, and must be the one the database is marked with.", set: oneOf(func(s *settings) *string { return &s.Env }, "sandbox", "production")},
	{name: "CHORUS_API_URL", about: "The API's root without /cpro, instead of the one of CHORUS_ENV. Only together with CHORUS_TOKEN_URL.", set: text(func(s *settings) *string { return &s.APIURL })},
	{name: "CHORUS_TOKEN_URL", about: "The full address of the token endpoint. Only together with CHORUS_API_URL.", set: text(func(s *settings) *string { return &s.TokenURL })},
	{name: "PISTE_CLIENT_ID", required: true, orFile: true, about: "The PISTE application's client id.", set: text(func(s *settings) *string { return &s.ClientID })},
	{name: "PISTE_CLIENT_SECRET", required: true, orFile: true, secret: true, about: "Its secret.", set: secret(func(s *settings) *chorus.Secret { return &s.ClientSecret })},
	{name: "PISTE_SCOPE", def: "openid", about: "The OAuth scope asked for.", set: text(func(s *settings) *string { return &s.Scope })},
	{name: "CHORUS_LOGIN", required: true, orFile: true, about: "The technical account called default, as TECH_…@cpro.fr.", set: text(func(s *settings) *string { return &s.Login })},
	{name: "CHORUS_PASSWORD", required: true, orFile: true, secret: true, about: "Its password.", set: secret(func(s *settings) *chorus.Secret { return &s.Password })},
	{name: "CHORISTE_ACCOUNTS_FILE", about: "A YAML file with more accounts and PISTE applications, when there are several suppliers. The four settings above may then be left out.", set: func(*settings, string) error { return nil }},
	{name: "CHORISTE_WEBHOOKS_FILE", about: "A YAML file with the endpoints that are told of events by signed webhooks.", set: func(*settings, string) error { return nil }},
	{name: "CHORISTE_QUOTA", def: "20", about: "Requests per second that PISTE grants this application; the fleet spends 95 % of it.", set: func(s *settings, v string) error {
		q, err := strconv.ParseFloat(v, 64)
		if err != nil || q < 0.1 || q > 100000 {
			return errors.New("must be a number of requests per second, from 0.1 to 100000")
		}
		s.Quota = q
		return nil
	}},
	{name: "CHORISTE_LISTEN", def: "127.0.0.1:8080", about: "Where /healthz, /readyz, /metrics and the console are served.", set: text(func(s *settings) *string { return &s.Listen })},
	{name: "CHORISTE_HTTP_TIMEOUT", def: "60s", about: "T_http: one deposit, from connect to the last byte of the answer.", set: duration(func(s *settings) *time.Duration { return &s.HTTPTimeout })},
	{name: "CHORISTE_SEND_WITHIN", def: "10s", about: "T_send: a deposit leaves so soon after it was committed to, or not at all.", set: duration(func(s *settings) *time.Duration { return &s.SendWithin })},
	{name: "CHORISTE_LANDING_DELAY", def: "15m", about: "D: a request lands within this of being sent, or never.", set: duration(func(s *settings) *time.Duration { return &s.LandingDelay })},
	{name: "CHORISTE_VISIBILITY_DELAY", def: "4h", about: "V: what has landed is found by a search within this.", set: duration(func(s *settings) *time.Duration { return &s.VisibilityDelay })},
	{name: "CHORISTE_INDOUBT_RESUBMIT", def: "once", about: "once or never: send once more what is proven absent, or ask a person.", set: func(s *settings, v string) error {
		if v != "once" && v != "never" {
			return errors.New("must be once or never")
		}
		s.Never = v == "never"
		return nil
	}},
	{name: "CHORISTE_REAP_EVERY", def: "5s", about: "How often silent deposits are taken to in_doubt.", set: duration(func(s *settings) *time.Duration { return &s.ReapEvery })},
	{name: "CHORISTE_SWEEP_EVERY", def: "5s", about: "How often rows without a job get one again.", set: duration(func(s *settings) *time.Duration { return &s.SweepEvery })},
	{name: "CHORISTE_SYNC_EVERY", def: "1m", about: "How often each supplier structure's changes of status are read.", set: duration(func(s *settings) *time.Duration { return &s.SyncEvery })},
	{name: "CHORISTE_REPORT_AFTER", def: "2m", about: "First look at a deposit's integration report, unless the change feed usually takes longer.", set: duration(func(s *settings) *time.Duration { return &s.ReportAfter })},
	{name: "CHORISTE_RESOLVE_AFTER", def: "30s", about: "First look-up of an invoice in doubt; each next one four times later, at most 120 times this apart, and one exactly when the horizon has passed.", set: duration(func(s *settings) *time.Duration { return &s.ResolveAfter })},
	{name: "CHORISTE_QUIET_PERIOD", def: "2160h", about: "Without news for so long after the last status that was to be expected, an invoice is settled.", set: duration(func(s *settings) *time.Duration { return &s.QuietPeriod })},
	{name: "CHORISTE_TOKEN_MARGIN", def: "2m", about: "A token is renewed so long before it expires.", set: duration(func(s *settings) *time.Duration { return &s.TokenMargin })},
	{name: "CHORISTE_DATABASE_WAIT", def: "60s", about: "How long `work` waits for PostgreSQL at its start; while running it waits for ever.", set: duration(func(s *settings) *time.Duration { return &s.DatabaseWait })},
	{name: "CHORISTE_DEPOSITS_IN_FLIGHT", def: "32", about: "Deposits in the air at once, over the whole fleet.", set: count(func(s *settings) *int { return &s.InFlight }, 10000)},
	{name: "CHORISTE_WORKERS", def: "16", about: "Jobs at once in this process.", set: count(func(s *settings) *int { return &s.Workers }, 1000)},
	{name: "CHORISTE_SHUTDOWN_TIMEOUT", def: "25s", about: "How long SIGTERM waits for deposits in the air. A second signal ends at once.", set: duration(func(s *settings) *time.Duration { return &s.ShutdownTimeout })},
	{name: "CHORISTE_MAINTENANCE", about: "Announced closures of Chorus Pro, during which nothing is asked: START/END, as 2026-12-05T20:00:00+01:00/2026-12-06T02:00:00+01:00, several separated by commas.", set: windows},
	{name: "CHORISTE_LOG", about: "text or json, and a least level after a colon, as json:warn. By itself: text on a terminal, JSON otherwise, from info on.", set: func(s *settings, v string) error {
		if _, _, err := parseLog(v); err != nil {
			return err
		}
		s.Log = v
		return nil
	}},
}

// load reads the settings and reports everything that is wrong with them at once. With names given, only those are read.
func load(getenv func(string) string, names ...string) (settings, error) {
	var s settings
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
			if err := t.set(&s, v); err != nil {
				problems = append(problems, fmt.Errorf("%s %w", t.name, err))
			}
		}
		if exposed && !(t.name == "DATABASE_URL" && !hasPassword(v)) {
			s.exposed = append(s.exposed, t.name)
		}
	}
	if len(names) == 0 {
		problems = append(problems, s.hosts()...)
		problems = append(problems, s.configure(getenv)...)
		problems = append(problems, s.configureWebhooks(getenv)...)
	}
	if len(problems) > 0 {
		texts := make([]string, len(problems))
		for i, p := range problems {
			texts[i] = p.Error()
		}
		return s, errors.New("the settings cannot be used: " + strings.Join(texts, "; ") + " (see choriste help env)")
	}
	return s, nil
}

// hosts fills in the pair of hosts and refuses half of one, or one of each kind.
func (s *settings) hosts() []error {
	if (s.APIURL == "") != (s.TokenURL == "") {
		return []error{errors.New("CHORUS_API_URL and CHORUS_TOKEN_URL go together: set both or neither")}
	}
	var err error
	if s.APIURL == "" {
		if s.APIURL, s.TokenURL, err = chorus.URLs(s.Env); err != nil {
			return []error{err}
		}
		return nil
	}
	if err := chorus.Check(s.APIURL, s.TokenURL); err != nil {
		return []error{err}
	}
	// The mark on the database is worth nothing if an explicit pair can be the other portal's.
	for _, env := range []string{"sandbox", "production"} {
		if api, _, err := chorus.URLs(env); err == nil && env != s.Env && hostOf(api) == hostOf(s.APIURL) {
			return []error{fmt.Errorf("CHORUS_API_URL is of %s and CHORUS_ENV says %s", env, s.Env)}
		}
	}
	return nil
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
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

// mostMode is the most that a secret's file may allow: nothing to others than its owner.
func mostMode(getenv func(string) string, file string) os.FileMode {
	if dir := getenv("CREDENTIALS_DIRECTORY"); dir != "" && filepath.Dir(file) == filepath.Clean(dir) {
		return 0o740 // systemd lets in the service alone by an access list, which shows as a right of the group
	}
	return 0o700
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

// readSecret reads a file that nobody but its owner may read: its mode is at most the one given. One line break at its end is not part of the secret.
func readSecret(name string, most os.FileMode) (string, error) {
	f, err := os.Open(name) //nolint:gosec // named by the operator
	if err != nil {
		return "", errors.New("the file cannot be opened: check its name and that this user may read it")
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&^most != 0 {
		return "", fmt.Errorf("others may read the file (mode %04o): chmod 600 it", info.Mode().Perm())
	}
	b, err := io.ReadAll(io.LimitReader(f, 1<<16))
	if err != nil {
		return "", errors.New("the file cannot be read")
	}
	v := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if v == "" {
		return "", errors.New("the file is empty")
	}
	return v, nil
}

// manual prints every setting.
func manual(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, t := range table {
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
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", name, def, t.about)
	}
	return w.Flush()
}
