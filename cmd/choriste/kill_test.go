package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// built holds the programs of this repository, as a user would run them.
func built(t *testing.T, programs ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, p := range programs {
		out, err := exec.CommandContext(t.Context(), "go", "build", "-o", dir+"/", "../"+p).CombinedOutput()
		if err != nil {
			t.Fatalf("building %s: %v\n%s", p, err, out)
		}
	}
	return dir
}

// simulator is chorus-sim as a separate process.
type simulator struct {
	API    string `json:"api"`
	Token  string `json:"token"`
	Manage string `json:"manage"`
}

func startSimulator(t *testing.T, bin string, args ...string) simulator {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "chorus-sim"), append([]string{"-with-stdin", "-listen", "127.0.0.1:0", "-manage", "127.0.0.1:0"}, args...)...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	var s simulator
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(line, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// accepted counts what the portal accepted, by number and hash of the bytes.
func (s simulator) accepted(t *testing.T) map[string][]string {
	t.Helper()
	res, err := http.Get(s.Manage + "/ledger?type=accepted") //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	all := map[string][]string{}
	dec := json.NewDecoder(res.Body)
	for {
		var e struct {
			Numero string `json:"numero"`
			Sha256 string `json:"file_sha256"`
		}
		if err := dec.Decode(&e); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[e.Numero] = append(all[e.Numero], e.Sha256)
	}
}

// environment is what choriste work needs to speak to s, with delays of seconds instead of hours.
func environment(t *testing.T, db *storetest.Database, s simulator) []string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	return append(clean(),
		"DATABASE_URL_FILE="+write("database", db.WorkerURL), "DATABASE_URL=",
		"CHORUS_API_URL="+s.API, "CHORUS_TOKEN_URL="+s.Token, "PISTE_CLIENT_ID=sim", "CHORUS_LOGIN=TECH_SIM@cpro.fr",
		"PISTE_CLIENT_SECRET_FILE="+write("client", "sim-secret"), "CHORUS_PASSWORD_FILE="+write("account", "sim-password"),
		"CHORISTE_LISTEN=127.0.0.1:0", "CHORISTE_QUOTA=400",
		"CHORISTE_HTTP_TIMEOUT=2s", "CHORISTE_SEND_WITHIN=2s", "CHORISTE_LANDING_DELAY=1s", "CHORISTE_VISIBILITY_DELAY=1s",
		"CHORISTE_REPORT_AFTER=500ms", "CHORISTE_RESOLVE_AFTER=200ms", "CHORISTE_SYNC_EVERY=300ms",
		"CHORISTE_REAP_EVERY=500ms", "CHORISTE_SWEEP_EVERY=500ms", "CHORISTE_LOG=json:warn",
	)
}

// clean is this process's environment without what the tests themselves are told by it, such as CHORISTE_TEST_BROWSER: the program says of such a name that it is no setting.
func clean() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CHORISTE_TEST_") })
}

// The worker is killed at random moments while it deposits 200 invoices, and started again: all of them settle, each deposited once, as inserted.
func TestKilledWorkerLosesNothingAndSendsNothingTwice(t *testing.T) {
	bin := built(t, "choriste", "chorus-sim")
	db := storetest.New(t)
	sim := startSimulator(t, bin, "-quota", "-1", "-step", "50ms", "-accept-duplicates", "-ledger", filepath.Join(t.TempDir(), "ledger"))
	env := environment(t, db, sim)

	app, err := pgxpool.New(t.Context(), db.AppURL)
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	const invoices = 200
	for k := range invoices {
		doc := invoicetest.Invoice{Numero: fmt.Sprintf("KILL-%03d", k)}.UBL()
		if _, err := app.Exec(t.Context(), `INSERT INTO chorus.invoices (document) VALUES ($1)`, doc); err != nil {
			t.Fatal(err)
		}
	}
	start := func() *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "choriste"), "work")
		cmd.Env, cmd.Stderr = env, t.Output()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	for range 4 {
		cmd := start()
		time.Sleep(300*time.Millisecond + rand.N(400*time.Millisecond))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	last := start()
	defer func() {
		_ = last.Process.Signal(os.Interrupt)
		if err := last.Wait(); err != nil {
			t.Errorf("the last worker did not end well: %v", err)
		}
	}()

	st := store.New(db.Pool)
	for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		settled, err := st.List(t.Context(), store.Filter{States: []store.State{store.Settled}, Limit: invoices})
		if err != nil {
			t.Fatal(err)
		}
		if len(settled) == invoices {
			break
		}
		if time.Now().After(deadline) {
			stats, _ := st.Stats(t.Context())
			t.Fatalf("%d of %d settled: %+v", len(settled), invoices, stats)
		}
	}
	accepted := sim.accepted(t)
	if len(accepted) != invoices {
		t.Errorf("the portal holds %d invoices", len(accepted))
	}
	for numero, hashes := range accepted {
		if len(hashes) != 1 {
			t.Errorf("%s was accepted %d times", numero, len(hashes))
		}
	}
	var different int
	err = db.Pool.QueryRow(t.Context(), `
		SELECT count(*) FROM chorus.invoices WHERE NOT encode(document_sha256, 'hex') = ANY ($1)`, flat(accepted)).Scan(&different)
	if err != nil || different > 0 {
		t.Errorf("%d invoices arrived with other bytes than were inserted; %v", different, err)
	}
}

func flat(m map[string][]string) (all []string) {
	for _, v := range m {
		all = append(all, v...)
	}
	return all
}

// A command is tried as a user would type it: exit status, standard output, standard error.
func command(t *testing.T, env map[string]string, args ...string) (status int, out, errOut string) {
	t.Helper()
	var o, e strings.Builder
	status = run(t.Context(), args, func(name string) string { return env[name] }, &o, &e)
	return status, o.String(), e.String()
}

func TestCommands(t *testing.T) {
	db := storetest.New(t)
	env := map[string]string{"DATABASE_URL": db.OperatorURL}
	file := filepath.Join(t.TempDir(), "invoice.xml")
	if err := os.WriteFile(file, invoicetest.Invoice{}.CII(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   string
		status int
		out    string
		err    string
	}{
		{"submit " + file + " --ref mine", 0, "invoice 1\n", ""},
		{"submit " + file + " --ref mine", 1, "", "has this external_ref already"},
		{"submit /nowhere.xml", 1, "", "cannot be opened"},
		{"list", 0, "received", ""},
		{"list --json --ref mine", 0, `"external_ref":"mine"`, ""},
		{"list --state settled", 0, "ID", ""},
		{"list --state paid", 2, "", "must be one of"},
		{"show 1", 0, "account default", ""},
		{"show 1 --json", 0, `"requests":[]`, ""},
		{"show mine", 0, "account default", ""},
		{"show 2", 1, "", "there is no invoice 2"},
		{"events 1", 0, "received", ""},
		{"events 2", 1, "", "there is no invoice 2"},
		{"stats", 0, "received    1", ""},
		{"stats --json", 0, `{"count":1,"oldest_seconds":`, ""},
		{"stats --json", 0, `{"unusual":"BACKWARDS","count":0,"last_seven_days":0}`, ""},
		{"list --unusual --json", 0, "", ""},
		{"retry", 2, "", "retry what?"},
		{"retry 1", 2, "", "needs --reason"},
		{"retry 1 --dry-run", 0, "0 invoices", ""},
		{"retry 1 --reason=x", 1, "", "invoice 1 is received: only invalid"},
		{"cancel 1", 0, "invoice 1 is cancelled", ""},
		{"cancel 1", 1, "", "already"},
		{"cancel 7", 1, "", "there is no invoice 7"},
		{"resolve 1", 0, "only parked invoices are resolved", ""},
		{"resolve 1 --json", 0, `"fluxes":[],"actions":[{"action":"accept","refusal":"invoice 1 is cancelled`, ""},
		{"resolve 1 abandon", 2, "", "needs --reason"},
		{"resolve 1 abandon --reason=x", 1, "", "invoice 1 is cancelled: only parked"},
		{"resolve 1 abandon --reason=x --flux=F", 1, "", "a flux is named to accept it"},
		{"resolve 1 lookup --reason=x --override", 1, "", "override goes with"},
		{"resolve 1 send --reason=x", 2, "", "must be one of"},
		{"complete 1", 2, "", "complete it with what?"},
		{"complete 1 --comment=x", 1, "", "invoice 1 is cancelled (no status): only what is SUSPENDUE at Chorus Pro can be completed"},
		{"complete 1 --file=/nowhere.pdf", 1, "", "cannot be opened"},
		{"recycle 1", 2, "", "recycle it to where?"},
		{"recycle 1 --service=S", 1, "", "only what is A_RECYCLER at Chorus Pro can be recycled"},
		{"replace 1 " + file, 1, "", "only one that its recipient refused is replaced"},
		{"replace 7 " + file, 1, "", "there is no invoice 7"},
		{"show 1 --json", 0, `"remedies":[]`, ""},
		{"resolve 7", 1, "", "there is no invoice 7"},
		{"pause --reason=holiday", 0, "default is paused", ""},
		{"pause", 2, "", "missing flags: --reason"},
		{"pause nobody --reason=x", 1, "", "there is no account nobody"},
		{"resume", 0, "default goes on", ""},
		{"help env", 0, "CHORISTE_LANDING_DELAY", ""},
		{"help env --json", 0, `{"name":"CHORUS_ENV","default":"sandbox","required":false,"file":false,"about":"`, ""},
		{"reconcile --list --limit 0", 2, "", "--limit must be from 1 to "},
		{"reconcile --list --limit 1000001", 2, "", "--limit must be from 1 to "},
		{"help nothing", 2, "", "unexpected argument nothing"},
		{"", 0, "Nothing needs a person.", ""},
		{"--help", 0, "Usage: choriste", ""},
		{"nonsense", 2, "", "nonsense"},
		{"version", 0, "choriste", ""},
		{"migrate status", 0, "12  00012_rows.sql", ""},
	} {
		status, out, errOut := command(t, env, strings.Fields(c.args)...)
		if status != c.status || !strings.Contains(out, c.out) || !strings.Contains(errOut, c.err) {
			t.Errorf("choriste %s: status %d, want %d\nout: %s\nerr: %s", c.args, status, c.status, out, errOut)
		}
		if c.status != 0 && strings.Count(strings.TrimSpace(errOut), "\n") > 1 {
			t.Errorf("choriste %s: more than one line of error: %s", c.args, errOut)
		}
	}
}

// Whoever is told to stop while it still examines the database has done nothing wrong.
func TestStoppedWhileTheDatabaseIsExamined(t *testing.T) {
	db := storetest.New(t)
	owner, err := pgx.Connect(t.Context(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = owner.Close(context.WithoutCancel(t.Context())) }()
	if _, err := owner.Exec(t.Context(), `BEGIN; LOCK TABLE chorus.goose_db_version`); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"DATABASE_URL": db.WorkerURL, "CHORUS_API_URL": "http://127.0.0.1:1", "CHORUS_TOKEN_URL": "http://127.0.0.1:1/token",
		"PISTE_CLIENT_ID": "i", "PISTE_CLIENT_SECRET": "s", "CHORUS_LOGIN": "l", "CHORUS_PASSWORD": "p", "CHORISTE_LISTEN": "127.0.0.1:0",
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan int)
	var out, errOut strings.Builder
	go func() {
		ended <- run(ctx, []string{"work"}, func(name string) string { return env[name] }, &out, &errOut)
	}()
	for waits := false; !waits; {
		select {
		case status := <-ended:
			t.Fatalf("status %d: %s", status, errOut.String())
		case <-time.After(10 * time.Millisecond):
		}
		err := owner.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'chorus.goose_db_version'::regclass)`).Scan(&waits)
		if err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if status := <-ended; status != 0 {
		t.Errorf("status %d: %s", status, errOut.String())
	}
}

// Who may not look at the schema is told what would let them.
func TestMigrateStatusWithoutRights(t *testing.T) {
	db := storetest.New(t)
	status, out, errOut := command(t, map[string]string{"DATABASE_URL": db.AppURL}, "migrate", "status")
	if status != 1 || out != "" || !strings.Contains(errOut, "GRANT chorus_operator TO ") {
		t.Errorf("status %d\nout: %s\nerr: %s", status, out, errOut)
	}
}

func TestSettingsAreAllReportedAtOnce(t *testing.T) {
	loose := filepath.Join(t.TempDir(), "loose")
	if err := os.WriteFile(loose, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(loose, 0o644); err != nil {
		t.Fatal(err)
	}
	status, _, errOut := command(t, map[string]string{
		"DATABASE_URL": "postgres://x:hunter2@nowhere/x", "PISTE_CLIENT_SECRET_FILE": loose, "CHORUS_PASSWORD": " spaces ",
		"CHORISTE_QUOTA": "lots", "CHORISTE_HTTP_TIMEOUT": "60", "CHORUS_ENV": "prod", "CHORUS_API_URL": "https://api.piste.gouv.fr",
		"CHORISTE_INDOUBT_RESUBMIT": "maybe", "CHORISTE_WORKERS": "0", "CHORISTE_LOG": "loud",
	}, "work")
	if status != 1 {
		t.Errorf("status %d", status)
	}
	for _, want := range []string{
		"PISTE_CLIENT_ID is not set", "PISTE_CLIENT_SECRET_FILE: others may read", "CHORUS_LOGIN is not set", "CHORUS_PASSWORD begins or ends with white space",
		"CHORISTE_QUOTA must be", "CHORISTE_HTTP_TIMEOUT must be", "CHORUS_ENV must be", "go together", "CHORISTE_INDOUBT_RESUBMIT must be",
		"CHORISTE_WORKERS must be", "CHORISTE_LOG must be",
	} {
		if !strings.Contains(errOut, want) {
			t.Errorf("not said: %s", want)
		}
	}
	for _, secret := range []string{"hunter2", "spaces"} {
		if strings.Contains(errOut, secret) {
			t.Errorf("the error shows a secret: %s", errOut)
		}
	}
	t.Log(errOut)
}

func TestMixedHostsAreRefused(t *testing.T) {
	base := map[string]string{"DATABASE_URL": "postgres://x/x", "PISTE_CLIENT_ID": "i", "PISTE_CLIENT_SECRET": "s", "CHORUS_LOGIN": "l", "CHORUS_PASSWORD": "p"}
	for _, pair := range [][2]string{
		{"https://api.piste.gouv.fr", "https://sandbox-oauth.piste.gouv.fr/api/oauth/token"},
		{"https://sandbox-api.piste.gouv.fr", "https://oauth.piste.gouv.fr/api/oauth/token"},
	} {
		base["CHORUS_API_URL"], base["CHORUS_TOKEN_URL"] = pair[0], pair[1]
		if _, err := load(func(name string) string { return base[name] }); err == nil {
			t.Errorf("%v was accepted", pair)
		}
	}
	base["CHORUS_API_URL"], base["CHORUS_TOKEN_URL"], base["CHORUS_ENV"] = "", "", "production"
	s, err := load(func(name string) string { return base[name] })
	if err != nil || s.APIURL != "https://api.piste.gouv.fr" {
		t.Errorf("%s %v", s.APIURL, err)
	}
}
