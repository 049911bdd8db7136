package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/migrations"
)

// initCmd makes a set-up, from what it is told and what is there already: docs/setup.md. Each step looks before it acts, so that it can be run again after
// whatever stopped it. A crash leaves files that are whole: each is written beside its place and then put there.
type initCmd struct {
	Dir string `help:"Where settings and secrets are written." default:"/etc/choriste" type:"path"`
	As  string `help:"The system's user who runs choriste, and owns the secrets that a worker reads; by default choriste, if there is one and this is root, else who runs this." placeholder:"USER"`

	Env           string `help:"sandbox or production." enum:"sandbox,production," default:"" placeholder:"ENVIRONMENT"`
	ClientID      string `help:"The PISTE application's client id."`
	ClientSecret  string `name:"client-secret-file" help:"A file with its secret." type:"existingfile" placeholder:"FILE"`
	Login         string `help:"The technical account, as TECH_…@cpro.fr."`
	Password      string `name:"password-file" help:"A file with its password." type:"existingfile" placeholder:"FILE"`
	Database      string `help:"The database to be, as postgres://host:5432/choriste; by default postgres://127.0.0.1:5432/choriste." placeholder:"URL"`
	Admin         string `name:"admin-url-file" help:"A file with the address of PostgreSQL for somebody who may make logins and databases, for once. Without it, the statements are written to a file." type:"existingfile" placeholder:"FILE"`
	Proxy         string `help:"The HTTP proxy on the way out, as http://proxy.example.net:3128." placeholder:"URL"`
	ProxyLogin    string `help:"The login there."`
	ProxyPassword string `name:"proxy-password-file" help:"A file with its password." type:"existingfile" placeholder:"FILE"`
	CAFile        string `name:"ca-file" help:"A file with certificates to trust beside the system's." type:"existingfile" placeholder:"FILE"`
	APIURL        string `name:"api-url" help:"The API's address, of a simulator or a way of your own."`
	TokenURL      string `name:"token-url" help:"Its token endpoint."`
	Foreign       bool   `name:"foreign-hosts" help:"These two are meant: CHORISTE_FOREIGN_HOSTS=allow."`
	Listen        string `help:"Where the console, probes and metrics are served." placeholder:"HOST:PORT"`
}

// The files of a set-up, below Dir.
const (
	fileSettings = "choriste.env"
	fileSQL      = "database.sql"
)

// setup is one run of initCmd.
type setup struct {
	initCmd
	*app
	owner      *user.User        // of what is written
	given      map[string]string // settings as they will be: those of the file, else what was asked or told
	secrets    map[string]string // by file name; not written yet
	database   *url.URL          // without login
	statements []statement
	admin      *pgx.Conn // nil = nobody who may make logins is known
}

func (c initCmd) Run(a *app) error {
	s := &setup{initCmd: c, app: a, given: map[string]string{}, secrets: map[string]string{}}
	defer func() {
		if s.admin != nil {
			_ = s.admin.Close(context.WithoutCancel(a.ctx))
		}
	}()
	for _, step := range []func() error{s.place, s.ask, s.planDatabase, s.check, s.askServer, s.write, s.makeLogins} {
		if err := step(); err != nil {
			return err
		}
	}
	ready, err := s.migrate()
	if err != nil || !ready {
		return err
	}
	return s.examine()
}

// said tells of a step; status is made, kept or waiting.
func (s *setup) said(status, what, about string) {
	if s.json {
		_ = s.print(map[string]string{"status": status, "what": what, "about": about})
		return
	}
	words := map[string]string{"made": s.either("made", "créé"), "kept": s.either("kept", "gardé"), "waiting": s.either("waits", "attend")}
	s.printf("%-6s %-32s %s\n", words[status], what, about)
}

func (s *setup) path(name string) string { return filepath.Join(s.Dir, name) }

// place finds the owner, and makes the directory.
func (s *setup) place() (err error) {
	switch root := os.Geteuid() == 0; {
	case s.As != "":
		s.owner, err = user.Lookup(s.As)
		if err == nil && !root && strconv.Itoa(os.Geteuid()) != s.owner.Uid {
			err = fmt.Errorf("--as %s: only root may write files for somebody else", s.As)
		}
	case root:
		if s.owner, err = user.Lookup("choriste"); err != nil {
			s.owner, err = user.Current()
		}
	default:
		s.owner, err = user.Current()
	}
	if err != nil {
		return fmt.Errorf("who runs choriste is not known here: %w", err)
	}
	if !sameEverywhere(s.Dir) {
		return usageError{errors.New("--dir has a quotation mark, a backslash, a dollar, a backtick or a line break, which cannot be written to a file of settings")}
	}
	if info, err := os.Stat(s.Dir); err == nil {
		if !info.IsDir() {
			return fmt.Errorf("%s is not a directory", s.Dir)
		}
		if mode := info.Mode().Perm(); mode&0o022 != 0 {
			return fmt.Errorf("%s: others may write there (mode %04o): chmod 750 it", s.Dir, mode)
		}
	} else {
		if err := os.MkdirAll(s.Dir, 0o750); err != nil {
			return fmt.Errorf("%s cannot be made: %w", s.Dir, err)
		}
		if err := s.lend(s.Dir); err != nil {
			return err
		}
		s.said("made", s.Dir, s.either("directory", "répertoire"))
	}
	if exists(s.path(fileSettings)) {
		if s.given, err = readEnvironment(s.path(fileSettings)); err != nil {
			return fmt.Errorf("%s: %s", s.path(fileSettings), oneLine(err.Error()))
		}
	}
	return nil
}

// own gives a file to who runs choriste.
func (s *setup) own(name string) error {
	uid, _ := strconv.Atoi(s.owner.Uid)
	return s.give(name, uid)
}

// lend lets who runs choriste into a directory that stays root's: a worker writes nothing there, and must not put another file in the place of the owner's address.
func (s *setup) lend(name string) error { return s.give(name, os.Geteuid()) }

func (s *setup) give(name string, uid int) error {
	if os.Geteuid() != 0 {
		return nil
	}
	gid, _ := strconv.Atoi(s.owner.Gid)
	if err := os.Lchown(name, uid, gid); err != nil {
		return fmt.Errorf("%s cannot be given to %s: %w", name, s.owner.Username, err)
	}
	return nil
}

// migrate brings the database to its schema; false when there is none yet, and what is to be done has been said.
func (s *setup) migrate() (bool, error) {
	ownerURL, err := readSecret(s.path("owner_url"), 0o700)
	if err != nil {
		return false, fmt.Errorf("%s: %w", s.path("owner_url"), err)
	}
	ctx, cancel := context.WithTimeout(s.ctx, 20*time.Second)
	defer cancel()
	if err := reachable(ctx, ownerURL); err != nil {
		err = inPlaceOf(s.path("owner_url"), err)
		if !exists(s.path(fileSQL)) {
			return false, err
		}
		s.said("waiting", s.path(fileSQL), s.either("statements for PostgreSQL's administrator", "instructions pour l'administrateur de PostgreSQL"))
		s.next(fmt.Sprintf("%s: %s", s.either("The database cannot be used yet", "La base n'est pas encore utilisable"), s.words(err)),
			s.either("As PostgreSQL's administrator:", "En administrateur de PostgreSQL :"), "  "+s.psql()+" < "+s.path(fileSQL),
			s.either("Then run choriste init again.", "Puis relancer choriste init."))
		return false, brokenError{1, s.either("the database is not there yet", "la base n'existe pas encore")}
	}
	if err := migrations.Up(s.ctx, ownerURL, func(text string) { s.warnf("%s\n", text) }); err != nil {
		return false, err
	}
	s.said("made", s.either("schema", "schéma"), "choriste migrate up")
	return true, nil
}

// examine is `choriste doctor`, and what comes after it.
func (s *setup) examine() error {
	file := s.path(fileSettings)
	vars, err := readEnvironment(file)
	if err != nil {
		return fmt.Errorf("%s: %s", file, oneLine(err.Error()))
	}
	inner := *s.app
	inner.getenv = func(name string) string { return vars[name] }
	if err := (doctorCmd{}).Run(&inner); err != nil {
		s.next(s.either("The set-up is written; the line above says what is broken. When that is put right:", "L'installation est écrite ; la ligne ci-dessus dit ce qui ne va pas. Une fois corrigé :"),
			"  "+s.asOwner("choriste --env-file "+file+" doctor"))
		return err
	}
	s.next(s.either("Start the worker:", "Démarrer le service :"), "  "+s.starts(func() bool {
		return exists("/run/systemd/system") && (exists("/usr/lib/systemd/system/choriste.service") || exists("/lib/systemd/system/choriste.service"))
	}),
		s.either("Give an invoice to it, as an application would:", "Lui donner une facture, comme le ferait une application :"),
		"  DATABASE_URL_FILE="+s.path("app_url")+" choriste submit FACTURE.xml",
		s.either("Follow it:", "La suivre :"), "  DATABASE_URL_FILE="+s.path("operator_url")+" choriste list",
		s.either("The console:", "La console :"), "  http://"+cmp.Or(vars["CHORISTE_LISTEN"], "127.0.0.1:8080")+"/")
	return nil
}

// starts is the command that starts a worker of this set-up. The package's unit reads /etc/choriste: of another directory it would start the wrong one.
func (s *setup) starts(packaged func() bool) string {
	if s.Dir == "/etc/choriste" && packaged() {
		return "systemctl enable --now choriste.service choriste-reconcile.timer"
	}
	return s.asOwner("choriste --env-file " + s.path(fileSettings) + " work")
}

// asOwner is a command that the files' owner must run.
func (s *setup) asOwner(command string) string {
	if me, err := user.Current(); err == nil && me.Uid == s.owner.Uid {
		return command
	}
	return "sudo -u " + s.owner.Username + " " + command
}

func (s *setup) next(lines ...string) {
	if s.json {
		return
	}
	s.printf("\n")
	for _, l := range lines {
		s.printf("%s\n", l)
	}
}

// psql is the command of PostgreSQL's administrator, for the server that the addresses lead to.
func (s *setup) psql() string {
	first, _, _ := strings.Cut(s.database.Host, ",")
	u := url.URL{Host: first}
	host, port := u.Hostname(), cmp.Or(u.Port(), "5432")
	local := host == "" || host == "localhost" || strings.HasPrefix(host, "127.") || host == "::1"
	switch {
	case !local:
		return "psql -h " + host + " -p " + port + " -U postgres"
	case port != "5432":
		return "sudo -u postgres psql -p " + port
	}
	return "sudo -u postgres psql"
}

// readDatabase reads the address of the database to be.
func readDatabase(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.User != nil || !databaseName.MatchString(strings.TrimPrefix(u.Path, "/")) {
		return nil, usageError{errors.New("--database must look like postgres://host:5432/choriste, without user and password, its name of small letters, digits and _")}
	}
	if err := databaseURL(address); err != nil {
		return nil, usageError{fmt.Errorf("--database %w", err)}
	}
	return u, nil
}
