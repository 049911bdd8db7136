package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store/storetest"
)

// administrator follows a page of the manual: one server, one worker, and what the page types.
type administrator struct {
	*clinic
	cluster *storetest.Cluster
	worker  *running
	dir     string
	moment  string // to which the database is brought back
	said    string // by the last command of choriste
}

// newAdministrator has a server with the page's settings for its archive.
func newAdministrator(t *testing.T, page string) *administrator {
	t.Helper()
	a := &administrator{dir: storetest.TempDir(t)}
	settings := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^(archive_\w+) = '?(.*?)'?$`).FindAllStringSubmatch(page, -1) {
		settings[m[1]] = a.here(m[2])
	}
	if len(settings) != 3 {
		t.Fatalf("the page sets %v", settings)
	}
	var err error
	a.cluster, err = storetest.Start(t.Context(), storetest.Options{Dir: filepath.Join(a.dir, "cluster"), Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.cluster.Stop() })
	owner := &storetest.Database{URL: a.cluster.URL("choriste")}
	script(t, &storetest.Database{URL: a.cluster.URL("")}, `CREATE DATABASE choriste`)
	if err := migrations.Up(t.Context(), owner.URL, nil); err != nil {
		t.Fatal(err)
	}
	as := func(role string) string {
		script(t, owner, `CREATE ROLE `+role+` LOGIN PASSWORD 'secret' IN ROLE chorus_`+role)
		return edited(owner.URL, func(u *url.URL) { u.User = url.UserPassword(role, "secret") })
	}
	db := &storetest.Database{URL: owner.URL, WorkerURL: as("worker"), AppURL: as("app"), OperatorURL: as("operator"), ReaderURL: as("reader")}
	a.clinic = newClinic(t, db, func(c *chorustest.Config) { c.AcceptDuplicates, c.Step, c.Quota = true, 20*time.Millisecond, -1 })
	a.shell("mkdir -p /srv/backup/wal")
	return a
}

// here is a line of the page with the test's directories.
func (a *administrator) here(line string) string {
	line = regexp.MustCompile(`\bmain\b`).ReplaceAllString(line, "data")
	line = regexp.MustCompile(`'\d{4}-\d\d-\d\d [0-9:]+ Europe/Paris'`).ReplaceAllString(line, "'"+a.moment+"'")
	return strings.NewReplacer("/srv/backup", filepath.Join(a.dir, "cluster", "backup"), "/var/lib/postgresql/17", filepath.Join(a.dir, "cluster")).Replace(line)
}

// shell runs lines as the user postgres, whose programs find the server.
func (a *administrator) shell(lines string) {
	a.Helper()
	u, err := url.Parse(a.cluster.URL(""))
	if err != nil {
		a.Fatal(err)
	}
	bin, err := storetest.Find()
	if err != nil {
		a.Fatal(err)
	}
	password, _ := u.User.Password()
	ctx, cancel := context.WithTimeout(a.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-ec", a.here(lines))
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "PGHOST="+u.Hostname(), "PGPORT="+u.Port(), "PGUSER=postgres", "PGPASSWORD="+password)
	if err := storetest.AsServer(cmd); err != nil {
		a.Fatal(err)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		a.Fatalf("%s\n%v: %s", cmd.Args[2], err, out)
	}
}

// follow types what a section's sessions type: after # as root, after $ as postgres.
func (a *administrator) follow(block string) {
	a.Helper()
	var lines []string
	flush := func() {
		if len(lines) > 0 {
			a.shell(strings.Join(lines, "\n"))
		}
		lines = nil
	}
	for line := range strings.Lines(block) {
		line = strings.TrimSpace(line)
		if command, postgres := strings.CutPrefix(line, "$ "); postgres {
			lines = append(lines, command)
			continue
		}
		flush()
		_, args, choriste := strings.Cut(line, "/operator_url choriste ")
		switch {
		case line == "# systemctl stop choriste":
			a.worker.stop()
		case line == "# systemctl start choriste":
			a.worker = a.work(nil)
		case line == "# systemctl stop postgresql":
			if err := a.cluster.Shutdown(); err != nil {
				a.Fatal(err)
			}
		case line == "# systemctl start postgresql":
			if err := a.cluster.Restart(a.Context()); err != nil {
				a.Fatal(err)
			}
		case choriste:
			status, out, errOut := command(a.T, map[string]string{"DATABASE_URL": a.db.OperatorURL}, strings.Fields(args)...)
			if a.said = out; status != 0 {
				a.Errorf("choriste %s: status %d\n%s%s", args, status, out, errOut)
			}
		default:
			a.Fatalf("nobody knows how to follow %q", line)
		}
	}
	flush()
}

func (a *administrator) insert(numbers ...string) {
	a.Helper()
	for _, n := range numbers {
		script(a.T, &storetest.Database{URL: a.db.AppURL}, fmt.Sprintf(`INSERT INTO chorus.invoices (external_ref, document) VALUES ('%s', '\x%x')`, n, invoicetest.Invoice{Numero: n}.UBL()))
	}
}

// settled waits for the invoices, and sees that each was sent once.
func (a *administrator) settled(numbers ...string) {
	a.Helper()
	for _, n := range numbers {
		a.worker.until(n+" is settled", func() bool {
			return len(query(a.T, a.db.WorkerURL, `SELECT 'x' FROM chorus.invoices WHERE external_ref = $1 AND state = 'settled'`, n)) == 1
		})
		if sent := len(a.sim.Deposits(n)); sent != 1 {
			a.Errorf("%s was deposited %d times", n, sent)
		}
	}
}

// TestToRestoreToAMoment does what docs/operating.md says, and nothing else: from the archive and the base backup to the first new deposit after a recovery. What waited at
// that moment and was sent after it is looked up first; so is what has no row any more and is inserted again.
func TestToRestoreToAMoment(t *testing.T) {
	_, page, _ := strings.Cut(manualPage(t, "operating.md"), "\n### To restore to a moment\n")
	page, _, _ = strings.Cut(page, "\n### ")
	blocks := regexp.MustCompile("```\\w*\n").Split(page, -1)
	if len(blocks) != 7 {
		t.Fatalf("the page has %d parts", len(blocks))
	}
	a := newAdministrator(t, blocks[1])
	a.follow(blocks[3])

	a.worker = a.work(nil)
	a.insert("BEFORE-1", "BEFORE-2")
	a.settled("BEFORE-1", "BEFORE-2")
	a.worker.stop()
	a.insert("WAITING-1", "WAITING-2")
	a.moment = query(t, a.db.URL, `SELECT clock_timestamp()::text`)[0]
	a.worker = a.work(nil)
	a.insert("LOST-1", "LOST-2")
	a.settled("WAITING-1", "WAITING-2", "LOST-1", "LOST-2")

	sent := len(a.sim.Ledger())
	a.follow(blocks[5])
	if !strings.Contains(a.said, "looked up first by a worker that starts on it: 2 received\n") || strings.Contains(a.said, "\nsent by a worker") {
		t.Errorf("verify --restored says\n%s", a.said)
	}
	a.settled("BEFORE-1", "BEFORE-2", "WAITING-1", "WAITING-2")
	a.insert("LOST-1", "LOST-2", "FIRST")
	a.settled("LOST-1", "LOST-2", "FIRST")
	for _, e := range a.sim.Ledger()[sent:] {
		if e.Type == "accepted" && e.Facts.Numero != "FIRST" {
			t.Errorf("%s was sent after the recovery", e.Facts.Numero)
		}
	}
	if seen := query(t, a.db.WorkerURL, `SELECT external_ref FROM chorus.invoices i WHERE NOT EXISTS (SELECT FROM chorus.events e WHERE e.invoice_id = i.id AND e.reason_code = 'QUARANTINE') ORDER BY 1`); strings.Join(seen, " ") != "BEFORE-1 BEFORE-2" {
		t.Errorf("not looked up first: %q", seen)
	}
}
