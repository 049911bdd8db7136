package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/jobs"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
	"github.com/choriste/choriste/worker"
)

// moments are times as people read them, and what follows: their zone.
var moments = regexp.MustCompile(`\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}([.]\d+)?)?( ?[+-]\d{2}:\d{2}|Z)?`)

// said runs a command as a login and expects a status and one line of error, or words on the output, without PostgreSQL's own, and no time without its zone.
func said(t *testing.T, url string, status int, want string, args ...string) string {
	t.Helper()
	got, out, errOut := command(t, map[string]string{"DATABASE_URL": url}, args...)
	if got != status || !strings.Contains(out+errOut, want) {
		t.Errorf("choriste %s: status %d, want %d with %q\nout: %s\nerr: %s", strings.Join(args, " "), got, status, want, out, errOut)
	}
	for _, m := range moments.FindAllStringSubmatch(out+errOut, -1) {
		if m[3] == "" {
			t.Errorf("choriste %s: a time without its zone: %s", strings.Join(args, " "), m[0])
		}
	}
	for _, raw := range []string{"PostgreSQL refused", "permission denied", "duplicate key", "does not exist"} {
		if strings.Contains(errOut, raw) {
			t.Errorf("choriste %s: a bare error of the database: %s", strings.Join(args, " "), errOut)
		}
	}
	return out
}

func document(t *testing.T, name string, contents []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, contents, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// No error of the database reaches people raw: each says what to do.
func TestErrorsOfTheDatabaseSayWhatToDo(t *testing.T) {
	db := storetest.New(t)
	file := document(t, "invoice.xml", invoicetest.Invoice{}.CII())
	said(t, db.OperatorURL, 0, "invoice 1", "submit", file, "--ref", "mine")
	said(t, db.OperatorURL, 1, "invoice 1 of account default has this external_ref already (it is received)", "submit", file, "--ref", "mine")
	said(t, db.AppURL, 1, "invoice 1 of account default has this external_ref already", "submit", file, "--ref", "mine")
	for _, args := range [][]string{{"pause", "--reason", "x"}, {"resume"}, {"retry", "1", "--reason", "x"}, {"cancel", "1"}, {"resolve", "1", "abandon", "--reason", "x"}, {"reconcile"}, {"reconcile", "accept", "1", "--reason", "x"}, {"webhooks", "test", "x"}, {"webhooks", "forget", "x"}, {"complete", "1", "--comment", "x"}, {"recycle", "1", "--service", "x"}, {"todo", "dismiss", "1", "--reason", "x"}} {
		said(t, db.ReaderURL, 1, "does not have the rights of chorus_operator. This statement gives them: GRANT chorus_operator TO ", args...)
	}
	said(t, db.ReaderURL, 1, "does not have the rights of chorus_operator or chorus_app", "submit", file)
	for _, args := range [][]string{{"stats"}, {"todo"}, {}, {"webhooks"}, {"reconcile", "--open"}, {"reconcile", "--list"}} {
		said(t, db.AppURL, 1, "does not have the rights of chorus_", args...)
	}
	owner, err := store.Connect(t.Context(), db.URL, "test", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	if _, err := owner.Exec(t.Context(), `DROP SCHEMA chorus CASCADE`); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"list"}, {"show", "1"}, {"stats"}, {"submit", file}, {"pause", "--reason", "x"}, {"reconcile", "--open"}, {"webhooks"}} {
		said(t, db.OperatorURL, 1, "Run `choriste migrate up`", args...)
	}
}

// What somebody typed is quoted at 60 characters at most, whoever complains of it: the parser, a command, PostgreSQL.
func TestLongArgumentsAreCut(t *testing.T) {
	db := storetest.New(t)
	for _, long := range []string{strings.Repeat("a", 20_000), strings.Repeat("b\x1b[31m ", 2_000), strings.Repeat("é,\n", 4_000)} {
		for _, args := range [][]string{
			{long},
			{"list", "--state", long},
			{"list", "--state=" + long},
			{"list", "--account", long},
			{"list", "--limit", long},
			{"list", "--" + long + "=1"},
			{"show", long},
			{"submit", long},
			{"retry", "--reason-code", long, "--dry-run"},
			{"pause", long, "--reason", "x"},
			{"resume", long},
			{"help", long},
			{"reconcile", "--from", long},
			{"reconcile", "--open", "--account", long},
			{"webhooks", "test", long},
			{"resolve", "1", long},
			{"migrate", long},
			{"doctor", "--lang", long},
		} {
			status, _, errOut := command(t, map[string]string{"DATABASE_URL": db.OperatorURL}, args...)
			if status == 0 || len(errOut) > 2000 || strings.ContainsAny(errOut, "\x1b") || strings.Count(errOut, "\n") != 1 {
				t.Errorf("%.60q: status %d, %d bytes: %.300q", args, status, len(errOut), errOut)
			}
		}
	}
}

// Several files or invoices that fail are a line each, and a last one counts them; one alone is one line.
func TestErrorsOfSeveral(t *testing.T) {
	db := storetest.New(t)
	good := document(t, "invoice.xml", invoicetest.Invoice{}.CII())
	for _, c := range []struct {
		args  []string
		lines int
		last  string
	}{
		{[]string{"submit", "/nowhere.xml"}, 1, "choriste: /nowhere.xml: "},
		{[]string{"submit", "/nowhere.xml", good, "/etc/hostname"}, 3, "choriste: 2 of 3 files were not inserted\n"},
		{[]string{"retry", "7", "--reason", "x"}, 1, "choriste: there is no invoice 7"},
		{[]string{"retry", "1", "7", "8", "--reason", "x"}, 4, "choriste: 3 of 3 invoices were not retried\n"},
	} {
		status, _, errOut := command(t, map[string]string{"DATABASE_URL": db.OperatorURL}, c.args...)
		lines := strings.SplitAfter(strings.TrimSuffix(errOut, "\n"), "\n")
		if status != 1 || len(lines) != c.lines || !strings.HasPrefix(lines[len(lines)-1]+"\n", c.last) {
			t.Errorf("%q: status %d\n%s", c.args, status, errOut)
		}
	}
}

func TestValuesThatDoNotExistAreNamed(t *testing.T) {
	db := storetest.New(t)
	for _, args := range [][]string{{"list"}, {"retry", "--dry-run"}} {
		said(t, db.ReaderURL, 1, "there is no account nobody: there are default", append(args, "--account", "nobody")...)
		said(t, db.ReaderURL, 1, "there is no reason code ABSNT: the nearest is ABSENT (docs/states.md", append(args, "--reason-code", "ABSNT")...)
		said(t, db.ReaderURL, 1, "there is no status SUSPENDU: there are ", append(args, "--statut", "SUSPENDU")...)
		said(t, db.ReaderURL, 0, "", append(args, "--statut", "SUSPENDUE", "--account", "default", "--reason-code", "ABSENT")...)
	}
	said(t, db.OperatorURL, 1, "there is no account nobody: there are default", "pause", "nobody", "--reason", "x")
	said(t, db.OperatorURL, 1, "there is no account nobody: there are default", "resume", "nobody")
	for _, args := range [][]string{{"show"}, {"events"}, {"cancel"}, {"resolve"}} {
		said(t, db.OperatorURL, 1, "there is no invoice 7", append(args, "7")...)
	}
	said(t, db.OperatorURL, 4, "nothing has been compared yet", "reconcile", "--open")
	said(t, db.OperatorURL, 4, `"compared_at":null`, "reconcile", "--open", "--json")
	said(t, db.OperatorURL, 1, "there is no account nobody: there are default", "reconcile", "--open", "--account", "nobody")
}

// What is no invoice's file is refused before anything is inserted, and nothing is waited for.
func TestFilesThatAreNoInvoices(t *testing.T) {
	db := storetest.New(t)
	good := document(t, "invoice.xml", invoicetest.Invoice{}.CII())
	said(t, db.OperatorURL, 0, "invoice 1", "submit", good)
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	huge := document(t, "huge.xml", nil)
	if err := os.Truncate(huge, 40<<20); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"/etc/hostname": "this is not an invoice",
		document(t, "a.pdf", []byte("MZ\x90\x00")):              "this is not an invoice",
		document(t, "b.xml", []byte("PK\x03\x04")):              "the document is an archive",
		document(t, "c.html", []byte("<!DOCTYPE html><html>")):  "this is not an invoice (HTML)",
		document(t, "d.txt", []byte(strings.Repeat("x", 5000))): "this is not an invoice",
		document(t, "e.xml", nil):                               "the file is empty",
		document(t, "f.xml", []byte(" \n")):                     "the document is empty",
		document(t, "g.xml", make([]byte, invoice.MaxBytes+1)):  "10 MB",
		huge:                    "Chorus Pro takes 10 MB",
		dir:                     "this is a directory",
		pipe:                    "a pipe, a socket or a device",
		"/dev/zero":             "a pipe, a socket or a device",
		filepath.Join(dir, "x"): "there is none of this name",
	} {
		said(t, db.OperatorURL, 1, want, "submit", file)
		said(t, db.OperatorURL, 1, want, "replace", "1", file)
	}
	said(t, db.OperatorURL, 1, "a pipe, a socket or a device", "complete", "1", "--file", pipe)
	if out := said(t, db.OperatorURL, 0, "", "list", "--json"); strings.Count(out, "\n") != 1 {
		t.Errorf("something was inserted:\n%s", out)
	}
}

// `resume` waits for the worker's trial of the password and says what came of it.
func TestResumeSaysWhatComesOfIt(t *testing.T) {
	t.Parallel()
	db, sim := storetest.New(t), chorustest.New(t, &chorustest.Config{Quota: -1})
	password := func(p string) {
		if err := sim.SetAccount(chorustest.DefaultAccount.Login, func(a *chorustest.Account) { a.Password, a.Locked = p, false }); err != nil {
			t.Fatal(err)
		}
	}
	said(t, db.OperatorURL, 0, "goes on as soon as a worker runs", "resume")
	said(t, db.OperatorURL, 0, `{"account":"default","paused":false,"trial":"no_worker"}`, "resume", "--json")
	password("another")
	pool, err := store.Connect(t.Context(), db.WorkerURL, "test", worker.Conns(16))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	w, err := worker.New(worker.Config{
		Pool: pool,
		Accounts: []worker.Account{{Name: "default", Chorus: chorus.Config{
			APIURL: sim.APIURL(), TokenURL: sim.TokenURL(), ClientID: chorustest.DefaultClient.ID, ClientSecret: chorus.Secret(chorustest.DefaultClient.Secret),
			Login: chorustest.DefaultAccount.Login, Password: chorus.Secret(chorustest.DefaultAccount.Password),
		}}},
		Quota: 1000, Settings: jobs.Settings{HTTPTimeout: 2 * time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	paused := func() {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !strings.Contains(said(t, db.OperatorURL, 0, "account default", "stats"), "paused since"); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the refused account is not paused")
			}
		}
	}
	paused()
	said(t, db.OperatorURL, 1, "default is paused again: Chorus Pro refuses its password still", "resume")
	paused()
	said(t, db.OperatorURL, 1, `"trial":"refused"`, "resume", "--json")
	password(chorustest.DefaultAccount.Password)
	said(t, db.OperatorURL, 0, "default goes on", "resume")
	said(t, db.OperatorURL, 0, "default is paused", "pause", "--reason", "holiday")
	said(t, db.OperatorURL, 0, `"trial":"none"`, "resume", "--json")
}

// A date is a date, wherever the server stands; a time has a zone.
func TestDatesAndTimesAsPrinted(t *testing.T) {
	db := storetest.New(t)
	said(t, db.OperatorURL, 0, "invoice 1", "submit", document(t, "invoice.xml", invoicetest.Invoice{}.CII()))
	owner, err := store.Connect(t.Context(), db.URL, "test", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	for _, sql := range []string{
		`ALTER TABLE chorus.invoices DISABLE TRIGGER USER`,
		`UPDATE chorus.invoices SET date_depot = '2026-11-20 00:00:00+01', statut_courant_date = '2026-11-21 09:00:00+01'`,
		`ALTER TABLE chorus.invoices ENABLE TRIGGER USER`,
	} {
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	var row struct {
		DateDepot         string    `json:"date_depot"`
		StatutCourantDate time.Time `json:"statut_courant_date"`
	}
	if err := json.Unmarshal([]byte(said(t, db.OperatorURL, 0, "", "show", "1", "--json")), &row); err != nil || row.DateDepot != "2026-11-20" || row.StatutCourantDate.UTC().Hour() != 8 {
		t.Errorf("%+v, %v", row, err)
	}
	for _, sql := range []string{
		`SET session_replication_role = replica`,
		`UPDATE chorus.invoices SET state = 'in_doubt', in_doubt_since = now(), reason_code = 'AMBIGUOUS'`,
		`INSERT INTO chorus.maintenance VALUES (now() - interval '1 minute', now() + interval '1 hour', 'running')`,
		`SELECT chorus.pause('default', 'holiday')`,
		`RESET session_replication_role`,
	} {
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"list"}, {"events", "1"}, {"todo"}, {"todo", "--lang", "fr"}, {"stats"}, {"webhooks"}, {"migrate", "status"}} {
		said(t, db.OperatorURL, 0, "", args...) // every time with its zone
	}
	text := said(t, db.OperatorURL, 0, "2026-11-20", "show", "1")
	for _, line := range strings.Split(text, "\n") {
		if label, rest, _ := strings.Cut(line, "  "); label == "inserted" || label == "last change" || label == "since" {
			if _, err := time.Parse("2006-01-02 15:04:05.000-07:00", strings.TrimSpace(rest)); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
}

func TestTotalsAreOfWhatIsOpen(t *testing.T) {
	finding := func(code, state, here, portal string) store.FindingView {
		return store.FindingView{Code: code, State: state, Here: &store.Side{MontantTTC: here, Devise: "EUR"}, Portal: &store.Side{MontantTTC: portal, Devise: "EUR"}}
	}
	got := totals([]store.FindingView{
		finding(store.FindingAmount, "open", "1500.00", "1499.00"), finding(store.FindingAmount, "open", "10.00", "12.50"), finding(store.FindingAmount, "accepted", "1.00", "1000.00"),
		finding(store.FindingStatus, "accepted", "7.00", "7.00"), finding(store.FindingFlux, "open", "5.00", "5.00"),
	})
	if len(got) != 2 || got[0].Code != store.FindingAmount || got[0].Count != 2 || got[0].Sum.String() != "3.5" || got[1].Sum.String() != "5" {
		t.Errorf("%+v", got)
	}
}

// Each cause has its words, whichever command meets it.
func TestWordsForErrors(t *testing.T) {
	a := &app{ctx: t.Context()}
	for code, want := range map[string]string{
		"42P01": "choriste doctor", "42703": "choriste doctor", "3F000": "choriste doctor", "25006": "read-only", "53100": "disk is full", "57014": "gave up waiting", "55P03": "gave up waiting",
		"57P01": "ended the connection", "08006": "ended the connection", "40001": "ask again", "40P01": "ask again", "42501": "may not do this", "CH020": "there is no",
	} {
		if got := a.words(&pgconn.PgError{Code: code, Message: "there is no thing"}); !strings.Contains(got, want) || strings.Contains(got, "PostgreSQL refused") {
			t.Errorf("%s: %s", code, got)
		}
	}
	if got := a.words(io.ErrUnexpectedEOF); !strings.Contains(got, "connection to PostgreSQL was lost") {
		t.Error(got)
	}
}

// TestListsAreNarrowed tries the filters by which an accountant asks, their sums, and the file for Excel.
func TestListsAreNarrowed(t *testing.T) {
	db := storetest.New(t)
	for range 3 {
		said(t, db.OperatorURL, 0, "is invoice", "submit", "--no-check", document(t, "invoice.xml", invoicetest.Invoice{}.CII()))
	}
	owner, err := store.Connect(t.Context(), db.URL, "test", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	for _, sql := range []string{
		`SET session_replication_role = replica`,
		`UPDATE chorus.invoices SET numero_facture = '=F' || id, montant_ttc = 10.5 * id, devise = 'EUR', destinataire_siret = '1300252650001' || id, fournisseur_siret = '99999999800012'`,
		`UPDATE chorus.invoices SET state = 'integrated', created_at = '2026-01-05 00:30 Europe/Paris' WHERE id = 1`,
		`UPDATE chorus.invoices SET state = 'settled' WHERE id = 2`,
	} {
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args string
		want []string // ids, in order
	}{
		{"", []string{"3", "2", "1"}},
		{"--oldest", []string{"1", "2", "3"}},
		{"--limit 1 --after 3", []string{"2"}},
		{"--unpaid", []string{"1"}},
		{"--unpaid --older-than 30d", []string{"1"}},
		{"--older-than 36500d", nil},
		{"--since 2026-01-06", []string{"3", "2"}},
		{"--since 2026-01-05", []string{"3", "2", "1"}},
		{"--recipient 13002526500012", []string{"2"}},
		{"--recipient 130025265 --supplier 999999998", []string{"3", "2", "1"}},
	} {
		var got []string
		for line := range strings.Lines(said(t, db.ReaderURL, 0, "", append([]string{"list"}, strings.Fields(c.args)...)...)) {
			if id := strings.Fields(line)[0]; id != "ID" && !strings.HasPrefix(id, "(") {
				got = append(got, id)
			}
		}
		if strings.Join(got, " ") != strings.Join(c.want, " ") {
			t.Errorf("list %s: %v, wanted %v", c.args, got, c.want)
		}
	}
	said(t, db.ReaderURL, 0, "3 invoices, 63.00 EUR", "list", "--sum")
	said(t, db.ReaderURL, 0, `{"state":"settled","count":1,"amount":"21","devise":"EUR","paid":null}`, "list", "--sum", "--json", "--state", "settled")
	said(t, db.ReaderURL, 0, "\r\n1;", "list", "--csv")
	said(t, db.ReaderURL, 0, ";'=F1;", "list", "--csv")
	said(t, db.ReaderURL, 0, ";10,50;EUR;", "list", "--csv")
	for _, args := range []string{"--older-than 3w", "--older-than d", "--older-than -3d", "--since yesterday", "--recipient 12", "--unpaid --state settled", "--sum --csv", "--csv --json"} {
		said(t, db.ReaderURL, 2, "", append([]string{"list"}, strings.Fields(args)...)...)
	}
}
