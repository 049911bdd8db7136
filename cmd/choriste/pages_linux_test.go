package main

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store/storetest"
)

// scene are the commands under some headings of a page, in the page's order, and what the page takes for granted there.
type scene struct {
	page     string
	headings []string
	make     func(*stage)
}

// final makes so many invoices that ended long ago.
func final(account string, n int) string {
	return fmt.Sprintf(`
		INSERT INTO chorus.accounts (name) VALUES ('%[1]s') ON CONFLICT DO NOTHING;
		INSERT INTO chorus.invoices (account, external_ref, document) SELECT '%[1]s', '%[1]s' || n, 'x' FROM generate_series(1, %[2]d) n;
		SET LOCAL session_replication_role = replica;
		UPDATE chorus.invoices SET state = 'settled', updated_at = clock_timestamp() - interval '40 days' WHERE account = '%[1]s';
		SET LOCAL session_replication_role = origin;
		UPDATE chorus.clock_watch SET since = clock_timestamp() - interval '2 days', seen = clock_timestamp();`, account, n)
}

// listed makes an invoice in a state, as a list shows it.
func listed(number, set string) string {
	return fmt.Sprintf(`
		INSERT INTO chorus.invoices (external_ref, document) VALUES ('%[1]s', 'x');
		SET LOCAL session_replication_role = replica;
		UPDATE chorus.invoices SET numero_facture = '%[1]s', montant_ttc = 1500, devise = 'EUR', %[2]s WHERE external_ref = '%[1]s';
		SET LOCAL session_replication_role = origin;`, number, set)
}

var scenes = []scene{
	{page: "README.md", headings: []string{"## For real"}, make: func(s *stage) {
		s.machine()
		s.admin(`CREATE ROLE owner LOGIN CREATEROLE PASSWORD 'owner'`, `CREATE DATABASE invoices OWNER owner`)
		s.simulator()
		at := strings.TrimPrefix(s.cluster.URL(""), "postgres://")
		at = at[strings.Index(at, "@")+1 : strings.Index(at, "/")]
		s.put = append(
			s.put, "postgres://owner@db/", "postgres://owner:owner@"+at+"/", "postgres://choriste_worker:…@db/", "postgres://choriste_worker:worker@"+at+"/", "PASSWORD '…'", "PASSWORD 'worker'",
			"PISTE_CLIENT_ID=…", "PISTE_CLIENT_ID=sim", "TECH_…@cpro.fr", "TECH_SIM@cpro.fr", "/run/secrets/piste", s.write("piste", []byte("sim-secret")), "/run/secrets/chorus", s.write("chorus", []byte("sim-password")),
		)
		s.open("piste", "chorus")
		s.env = append(s.env, "CHORUS_API_URL="+s.sim.API, "CHORUS_TOKEN_URL="+s.sim.Token, "CHORISTE_LISTEN="+freeListener(s.t))
	}},
	{page: "README.md", headings: []string{"## Working on it"}, make: func(s *stage) { s.put = append(s.put, "make help", "make -C "+repository(s.t)+" help") }},
	{page: "docs/answers.md", headings: []string{"# What an answer means"}, make: func(*stage) {}},
	{page: "docs/settings.md", headings: []string{"# Settings"}, make: func(s *stage) { s.compare = true }},
	{page: "docs/doctor.md", headings: []string{"# `choriste doctor`: which layer of the set-up is broken"}, make: func(s *stage) {
		s.statuses["choriste doctor"] = 19
		s.simulator()
		s.database("")
		s.env = append(environment(s.t, s.db, s.sim), s.env...)
		s.env = append(s.env, "DATABASE_URL=", "PISTE_CLIENT_SECRET_FILE="+s.write("wrong", []byte("another")))
		s.compare = true
	}},
	{page: "docs/console.md", headings: []string{"### Sign-ins"}, make: func(s *stage) { s.database("") }},
	{page: "docs/states.md", headings: []string{"## `invalid`: what is wrong with the document"}, make: func(s *stage) {
		s.simulator()
		s.database("")
		s.worker()
		s.insert(s.db.AppURL, invoicetest.Invoice{Numero: "F-2026-0824"}, invoicetest.Invoice{Numero: "F-2026-0825", DestinataireSIRET: "13002526 500013"})
		s.states(s.db.URL, "integrated", "invalid")
	}},
	{page: "docs/retention.md", headings: []string{"## Set it"}, make: func(s *stage) { s.database(final("default", 1204)) }},
	{page: "docs/retention.md", headings: []string{"## Erase an account"}, make: func(s *stage) { s.database(final("lyon", 3)) }},
	{page: "docs/webhooks.md", headings: []string{"## Set up", "## Replay", "## Operate"}, make: func(s *stage) {
		s.database(`INSERT INTO chorus.webhooks (name, cursor) VALUES ('erp', 1), ('accounting', 1); INSERT INTO chorus.invoices (document) VALUES ('x'); SELECT chorus.number_events(1000);`)
		s.write("etc/choriste/users", nil)
		s.put = append(s.put, "/etc/choriste", s.dir+"/etc/choriste", "2026-11-23T06:00:00", time.Now().Add(-time.Hour).Format("2006-01-02T15:04:05"))
	}},
	{page: "docs/operating.md", headings: []string{"## Commands"}, make: func(s *stage) {
		s.database(listed("F-2026-0820", `state = 'rejected', reason_code = 'FLUX_REJECTED', reason = 'L''engagement juridique ' || repeat('est inconnu ', 10)`))
	}},
	{page: "docs/operating.md", headings: []string{"### Acts on many"}, make: func(s *stage) {
		s.database(`
			INSERT INTO chorus.invoices (external_ref, document) SELECT 'r' || n, 'x' FROM generate_series(1, 312) n;
			SET LOCAL session_replication_role = replica;
			UPDATE chorus.invoices SET numero_facture = external_ref, montant_ttc = 1500, devise = 'EUR', destinataire_siret = '21750001600019', state = 'rejected', reason_code = 'FLUX_REJECTED';
			SET LOCAL session_replication_role = origin;`)
		s.put = append(s.put, "--per-minute 60 ", "--per-minute 60000 ", "recipient:217500016", "recipient:21750001600019") // five minutes otherwise
	}},
	{page: "docs/operating.md", headings: []string{"### Queries", "### Saved views"}, make: func(s *stage) {
		s.database(listed("F-2026-0820", `state = 'rejected', reason_code = 'FLUX_REJECTED'`) + `INSERT INTO chorus.accounts (name) VALUES ('second') ON CONFLICT DO NOTHING`)
	}},
	{page: "docs/operating.md", headings: []string{"## The morning round", "### Eight questions"}, make: func(s *stage) {
		s.database(listed("F-2026-0820", `state = 'rejected', reason_code = 'RECIPIENT', reason = 'the price is not the one agreed on'`))
	}},
	{page: "docs/operating.md", headings: []string{"### The digest"}, make: func(s *stage) {
		s.database("")
		s.systemd()
		server, mails := mailbox(s.t)
		_, block, _ := strings.Cut(section(s.t, manualPage(s.t, "operating.md"), "### The digest"), "```ini\n")
		block, _, _ = strings.Cut(block, "```")
		var lines []string
		for line := range strings.Lines(strings.Replace(block, "choriste@mail.example.org:587", server, 1)) {
			if !strings.HasPrefix(line, "CHORISTE_SMTP_PASSWORD_FILE") { // that server asks for none
				lines = append(lines, line)
			}
		}
		s.write("etc/choriste/digest.env", []byte(strings.Join(lines, "")+"LC_ALL=fr_FR.UTF-8\n"))
		s.write("etc/choriste/operator_url", []byte(s.db.OperatorURL))
		s.on("### The digest", "systemctl start", true, func() {
			select {
			case mail := <-mails:
				if !strings.Contains(mail, "compta@example.org") || !strings.Contains(mail, `lang=3D"fr"`) {
					s.t.Errorf("the mail is\n%s", mail)
				}
			case <-time.After(20 * time.Second):
				s.t.Error("no mail came")
			}
		})
	}},
	{page: "docs/operating.md", headings: []string{"### Account paused"}, make: func(s *stage) {
		s.simulator()
		s.database("")
		s.worker()
		s.manage("/accounts", `{"login":"TECH_SIM@cpro.fr","password":"another"}`)
		s.insert(s.db.AppURL, invoicetest.Invoice{Numero: "F-2026-0827"})
		s.until("the account is paused", func() bool {
			return len(query(s.t, s.db.URL, `SELECT name FROM chorus.accounts WHERE pause_reason = 'ACCOUNT_REFUSED'`)) > 0
		})
		s.on("### Account paused", "choriste resume", false, func() { s.manage("/accounts", `{"login":"TECH_SIM@cpro.fr","password":"sim-password","locked":false}`) })
		s.on("### Account paused", "choriste resume", true, func() { s.states(s.db.URL, "integrated") })
	}},
	{page: "docs/operating.md", headings: []string{"## Parked invoices"}, make: func(s *stage) {
		s.simulator()
		s.database("")
		s.manage("/faults", `{"kind":"drop_before_commit"}`)
		s.worker("CHORISTE_INDOUBT_RESUBMIT=never")
		s.insert(s.db.AppURL, invoicetest.Invoice{Numero: "F-2026-0826"})
		s.states(s.db.URL, "in_doubt")
		s.insert(s.db.AppURL, invoicetest.Invoice{Numero: "F-2026-0827"}) // a later deposit that is found: the search works
		s.states(s.db.URL, "parked", "integrated")
		s.on("## Parked invoices", "choriste events", false, func() { s.states(s.db.URL, "integrated", "integrated") })
	}},
	{page: "docs/operating.md", headings: []string{"## Remedies"}, make: func(s *stage) {
		s.simulator()
		s.database("")
		s.worker()
		s.insert(s.db.AppURL, invoicetest.Invoice{Numero: "F-2026-0830"}, invoicetest.Invoice{Numero: "F-2026-0831"}, invoicetest.Invoice{Numero: "F-2026-0832"})
		s.states(s.db.URL, "integrated", "integrated", "integrated")
		s.manage("/invoices/F-2026-0830/statut", `{"statut":"SUSPENDUE"}`)
		s.manage("/invoices/F-2026-0831/statut", `{"statut":"A_RECYCLER"}`)
		s.manage("/invoices/F-2026-0832/statut", `{"statut":"REJETEE","commentaire":"Montant erroné"}`)
		s.states(s.db.URL, "SUSPENDUE", "A_RECYCLER", "REJETEE")
		s.write("bon-4711.pdf", []byte("%PDF-1.4\n"))
		s.invoice("F-2026-0833.xml", "F-2026-0833")
		s.on("## Remedies", "choriste show", false, func() {
			s.until("the completion is done", func() bool {
				return slices.Equal(query(s.t, s.db.URL, `SELECT state FROM chorus.remedies`), []string{"done"})
			})
		})
	}},
	{page: "docs/operating.md", headings: []string{"## Do both sides agree?"}, make: func(s *stage) {
		s.statuses["choriste reconcile"] = 3
		s.simulator()
		s.database("")
		s.worker()
		s.insert(s.db.AppURL, invoicetest.Invoice{Numero: "F-2026-0831", Date: time.Now()}, invoicetest.Invoice{Numero: "F-2026-0830", Date: time.Now()})
		s.states(s.db.URL, "integrated", "integrated")
		s.manage("/invoices/F-2026-0831/hidden", `{"on":true}`)
		s.manage("/invoices", fmt.Sprintf(`{"numero":"M-2026-0001","dateFacture":%q,"fournisseur":"99999999800012","destinataire":"99999999700023","montantTTC":"120.00"}`, time.Now().Format(time.DateOnly)))
		time.Sleep(1100 * time.Millisecond) // what is missing is one after CHORISTE_VISIBILITY_DELAY
	}},
	{page: "docs/sql.md", headings: []string{"### psql", "## Inserting twice", "## Errors", "## How is my invoice?", "## Following what happens", "## Cancelling"}, make: func(s *stage) {
		s.simulator()
		s.database("")
		s.invoice("F-2026-0817.xml", "F-2026-0817")
	}},
	{page: "docs/simulator.md", headings: []string{"## choriste probe", "## The management door"}, make: func(s *stage) {
		s.simulator("-tolerant", "-scenario", "lost-answer")
		s.env = append(s.env, "CHORUS_API_URL="+s.sim.API, "CHORUS_TOKEN_URL="+s.sim.Token, "PISTE_CLIENT_ID=sim", "CHORUS_LOGIN=TECH_SIM@cpro.fr", "MANAGE="+s.sim.Manage,
			"PISTE_CLIENT_SECRET_FILE="+s.write("piste", []byte("sim-secret")), "CHORUS_PASSWORD_FILE="+s.write("chorus", []byte("sim-password")))
		s.invoice("samples/ubl.xml", "UBL")
		s.put = append(s.put, "choriste probe ", "choriste probe --pace 1ms ", "curl -s ", "curl -s --fail-with-body ")
		s.on("## The management door", "curl -s $MANAGE/faults", false, func() {
			s.manage("/reset", "")
			for _, n := range []string{"F-2026-0001", "F-2026-0002"} {
				s.manage("/invoices", `{"numero":"`+n+`","dateFacture":"2026-02-01","fournisseur":"99999999800012","destinataire":"99999999700023","montantTTC":"120.00"}`)
			}
		})
	}},
	{page: "docs/setup.md", headings: []string{"## 8. choriste", "## 9. The first invoice", "## Production"}, make: setupPage},
	{page: "docs/setup.md", headings: []string{"## Try it without any account"}, make: func(s *stage) {
		s.machine()
		s.put = append(s.put, "127.0.0.1:8000", freeListener(s.t), "choriste init ", "choriste init --database "+s.here("choriste")+" --admin-url-file "+s.write("admin_url", []byte(s.cluster.URL("")))+" ")
		s.open("admin_url")
		s.answers["choriste init"] = "\napp\napp-secret\nTECH_1@cpro.fr\npassword\n\n"
		s.on("## Try it without any account", "chorus-sim", true, func() { time.Sleep(300 * time.Millisecond) })
	}},
	{page: "docs/operating.md", headings: []string{"### On a machine", "### Debian package", "## Backup and restore", "### Try a backup", "### To restore a dump"}, make: restoreDump},
	{page: "docs/operating.md", headings: []string{"### To restore to a moment"}, make: restoreMoment},
}

// TestPages types the commands of the pages, as a reader does: in the page's order, with the programs as they are built, against a real PostgreSQL, the simulator and workers.
func TestPages(t *testing.T) {
	bin := openFolder(t)
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin+"/", "../choriste", "../chorus-sim").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	pages := map[string][]pageCommand{}
	for _, sc := range scenes {
		if pages[sc.page] == nil {
			pages[sc.page] = readCommands(t, sc.page)
		}
		t.Run(filepath.Base(sc.page)+" "+strings.TrimLeft(sc.headings[0], "# "), func(t *testing.T) {
			t.Parallel()
			s := newStage(t, bin)
			sc.make(s)
			var commands []pageCommand
			for _, c := range pages[sc.page] {
				if _, not := becauseNotRun(c); !not && !c.console && slices.Contains(sc.headings, c.heading) {
					commands = append(commands, c)
				}
			}
			s.play(commands)
		})
	}
}

func repository(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// simulator starts chorus-sim as a reader would, but at free addresses.
func (s *stage) simulator(args ...string) {
	s.t.Helper()
	s.sim = startSimulator(s.t, s.bin, append([]string{"-quota", "-1", "-step", "10h"}, args...)...)
}

// open has the server's user own these files, as who types the commands.
func (s *stage) open(names ...string) {
	s.t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	info, err := os.Stat(s.cluster.Data())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, name := range names {
		if out, err := exec.CommandContext(s.t.Context(), "chown", "--reference="+s.cluster.Data(), filepath.Join(s.dir, name)).CombinedOutput(); err != nil {
			s.t.Fatalf("%v %s %v", err, out, info.Mode())
		}
	}
}

// insert has an application insert invoices.
func (s *stage) insert(address string, invoices ...invoicetest.Invoice) {
	s.t.Helper()
	for _, i := range invoices {
		query(s.t, address, `INSERT INTO chorus.invoices (external_ref, document) VALUES ($1, $2) RETURNING id::text`, i.Numero, i.UBL())
	}
}

// here is the address of a database of the scene's server, without a login.
func (s *stage) here(database string) string {
	u, err := url.Parse(s.cluster.URL(database))
	if err != nil {
		s.t.Fatal(err)
	}
	u.User, u.RawQuery = nil, ""
	return u.String()
}

// address is what a file of addresses below /etc/choriste holds.
func (s *stage) address(file string) string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, "etc/choriste", file))
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// atTerminal types a command, and then answers, at a terminal.
func (s *stage) atTerminal(typed, answers string) (string, int) {
	s.t.Helper()
	master, slave := newTerminal(s.t)
	if _, err := master.WriteString(answers); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", typed)
	cmd.Env, cmd.Dir, cmd.Stdin = s.environ(), s.dir, slave
	out, err := cmd.CombinedOutput()
	_ = slave.Close()
	if err != nil && cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// quick are settings under which what is in doubt is settled in seconds.
const quick = "CHORISTE_QUOTA=400\nCHORISTE_HTTP_TIMEOUT=2s\nCHORISTE_SEND_WITHIN=2s\nCHORISTE_LANDING_DELAY=1s\nCHORISTE_VISIBILITY_DELAY=1s\nCHORISTE_REPORT_AFTER=500ms\nCHORISTE_RESOLVE_AFTER=200ms\nCHORISTE_SYNC_EVERY=300ms\nCHORISTE_REAP_EVERY=500ms\nCHORISTE_SWEEP_EVERY=500ms\n"

// hurry adds them to the settings that init wrote.
func (s *stage) hurry() {
	s.t.Helper()
	name := filepath.Join(s.dir, "etc/choriste/choriste.env")
	b, err := os.ReadFile(name)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(name, append(b, quick...), 0o640); err != nil {
		s.t.Fatal(err)
	}
}

const setupAnswers = "\nsim\nsim-secret\nTECH_SIM@cpro.fr\nsim-password\n\n"

// setupPage is a new user's machine: he answers the questions, has the administrator make the logins, and inserts the first invoice.
func setupPage(s *stage) {
	s.machine()
	s.simulator()
	init := "choriste init --api-url " + s.sim.API + " --token-url " + s.sim.Token
	s.put = append([]string{
		"choriste init", init + " --dir " + s.dir + "/etc/choriste --database " + s.here("choriste"),
	}, s.put...)
	s.put = append(s.put, "-g choriste ", "") // the package makes that user
	s.answers["choriste init"] = setupAnswers
	const step = "## 8. choriste"
	s.statuses["choriste init"] = 1 // the database is not there yet
	s.on(step, "sudo ", true, func() { delete(s.statuses, "choriste init") })
	s.on(step, "choriste init", true, func() {
		if s.statuses["choriste init"] == 0 {
			s.hurry()
		}
	})
	s.invoice("FACTURE.xml", "F-2026-0001")
	s.on("## 9. The first invoice", "DATABASE_URL_FILE=/etc/choriste/operator_url choriste list", false, func() { s.states(s.address("operator_url"), "integrated") })
	s.on("## Production", "choriste init", false, func() { // production is asked by https alone
		portal, err := url.Parse(s.sim.API)
		if err != nil {
			s.t.Fatal(err)
		}
		tls := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(portal))
		s.t.Cleanup(tls.Close)
		roots := s.write("roots.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: tls.Certificate().Raw}))
		s.put = append([]string{"choriste init --dir /etc/choriste-production", "choriste init --foreign-hosts --ca-file " + roots + " --api-url " + tls.URL + " --token-url " + tls.URL + "/api/oauth/token --dir " + s.dir + "/etc/choriste-production"}, s.put...)
		if s.statuses["choriste init"] = 0; !exists(filepath.Join(s.dir, "etc/choriste-production/choriste.env")) {
			s.statuses["choriste init"] = 1
		}
	})
}

// restored is a machine whose database is brought back, and what happens to its invoices.
type restored struct{ *stage }

// installable gives the scene what choriste init asks for.
func (s *stage) installable() restored {
	s.t.Helper()
	s.machine()
	s.simulator("-accept-duplicates")
	s.put = append([]string{
		"choriste init", "choriste init --dir " + s.dir + "/etc/choriste --database " + s.here("choriste") + " --api-url " + s.sim.API + " --token-url " + s.sim.Token + " --admin-url-file " + s.write("admin_url", []byte(s.cluster.URL(""))),
	}, s.put...)
	s.answers["choriste init"] = setupAnswers
	s.db = &storetest.Database{URL: s.cluster.URL("choriste")}
	return restored{s}
}

func (s restored) states(want ...string) { s.stage.states(s.address("operator_url"), want...) }

func (s restored) insert(number string) {
	s.stage.insert(s.address("app_url"), invoicetest.Invoice{Numero: number, Date: time.Now()})
}

// waits: before the backup an invoice is deposited, and another one waits, because the portal is away.
func (s restored) waits() {
	s.insert("DEPOSITED")
	s.states("integrated")
	s.manage("/outage", `{"on":true,"scope":"all","kind":"503"}`)
	s.until("nothing is sent any more", func() bool {
		return len(query(s.t, s.address("operator_url"), `SELECT name FROM chorus.breakers WHERE state <> 'closed'`)) > 0
	})
	s.insert("WAITS")
	s.states("integrated", "ready")
}

// sent: after it that one is sent, and a third one is inserted and sent.
func (s restored) sent() {
	s.manage("/outage", `{"on":false,"scope":"all"}`)
	s.insert("LOST")
	s.states("integrated", "integrated", "integrated")
}

// goesOn: what waited is looked up and found. The application inserts again what was lost, which is found, too, and a new invoice, which is sent.
func (s restored) goesOn() {
	s.states("integrated", "integrated")
	s.insert("LOST")
	s.insert("AFTER")
	s.states("integrated", "integrated", "integrated", "integrated")
	if !strings.Contains(s.work.said.String(), "the database has forgotten something") {
		s.t.Errorf("the worker does not say that it noticed:\n%s", s.work.said.String())
	}
	accepted := s.sim.accepted(s.t)
	for _, number := range []string{"DEPOSITED", "WAITS", "LOST", "AFTER"} {
		if len(accepted[number]) != 1 {
			s.t.Errorf("%s was accepted %d times", number, len(accepted[number]))
		}
	}
}

// restoreDump: installed by hand as far as the schema, then as from the package, backed up, and restored from a dump.
func restoreDump(s *stage) {
	r := s.installable()
	manual := "postgres://choriste_owner:owner@" + strings.TrimSuffix(strings.TrimPrefix(s.here(""), "postgres://"), "postgres")
	s.put = append(s.put, "postgres://choriste_owner@127.0.0.1/", manual)
	s.admin(`CREATE ROLE choriste_owner LOGIN CREATEROLE PASSWORD 'owner'`, `CREATE DATABASE choriste OWNER choriste_owner ENCODING 'UTF8' TEMPLATE template0`)
	s.on("### Debian package", "ssh-keygen", false, func() {
		sh(s.t, s.dir, "cp "+signedRelease(s.t)+"/* . && chmod 644 SHA256SUMS* choriste*")
	})
	s.on("### Debian package", "choriste init", false, func() { // which makes the logins that were made by hand
		s.admin(`DROP DATABASE choriste`, `DROP ROLE choriste_owner`, `DROP ROLE chorus_app, chorus_worker, chorus_operator, chorus_reader`)
	})
	s.on("### Debian package", "choriste init", true, func() {
		s.hurry()
		s.put[len(s.put)-1] = strings.TrimSuffix(s.address("owner_url"), "choriste")
	})
	s.on("## Backup and restore", "pg_dump", false, r.waits)
	s.on("## Backup and restore", "pg_dump", true, r.sent)
	s.on("### To restore a dump", "systemctl start choriste", true, r.goesOn)
}

// restoreMoment: brought back to a moment by a base backup and the log since.
func restoreMoment(s *stage) {
	r := s.installable()
	const heading = "### To restore to a moment"
	if out, status := s.atTerminal(strings.NewReplacer(s.put...).Replace("choriste init"), setupAnswers); status != 0 {
		s.t.Fatal(out)
	}
	s.hurry()
	if err := s.startUnit(); err != nil {
		s.t.Fatal(err)
	}
	s.put = append(s.put, "main", "data") // Debian's name of the data directory
	s.on(heading, "pg_basebackup", true, r.waits)
	s.on(heading, "systemctl stop choriste", false, func() {
		then := query(s.t, s.address("operator_url"), `SELECT clock_timestamp()::text`)[0]
		s.put = append(s.put, "2026-11-28 14:05:00 Europe/Paris", then)
		r.sent()
	})
	s.on(heading, "systemctl start choriste", true, r.goesOn)
}
