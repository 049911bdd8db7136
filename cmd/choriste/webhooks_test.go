package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

var aSecret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret of a webhook in a test"))

// webhooksFiles writes a webhooks file and its secrets, and gives the environment that names it beside good accounts.
func webhooksFiles(t *testing.T, yaml string) (getenv func(string) string) {
	t.Helper()
	dir, accounts := files(t, goodAccounts, nil)
	for name, content := range map[string]string{"webhooks.yaml": yaml, "new": aSecret + "\n", "old": aSecret + "\n", "short": "whsec_c2hvcnQ=\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return func(name string) string {
		if name == "CHORISTE_WEBHOOKS_FILE" {
			return filepath.Join(dir, "webhooks.yaml")
		}
		return accounts(name)
	}
}

func TestWebhooksFile(t *testing.T) {
	s, err := load(webhooksFiles(t, `
webhooks:
  - name: erp
    url: https://erp.example/hooks?token=x
    secret_files: [new, old]
    account: north
    events: [invoice.settled, account.*]
  - {name: local, url: "http://127.0.0.1:8000/", secret_file: new, allow_private: true}
`))
	if err != nil || len(s.Webhooks) != 2 {
		t.Fatalf("%d webhooks, %v", len(s.Webhooks), err)
	}
	erp, local := s.Webhooks[0], s.Webhooks[1]
	if erp.Name != "erp" || erp.Account != "north" || !slices.Equal(erp.Events, []string{"invoice.settled", "account.*"}) || erp.Sender.String() != "webhook with 2 secrets" {
		t.Errorf("erp is %+v", erp)
	}
	if local.Account != "" || local.Events != nil || local.Sender == nil {
		t.Errorf("local is %+v", local)
	}
	if len(s.files) != 3+4 { // the accounts', and the file, and three times a secret
		t.Errorf("the files to watch are %v", s.files)
	}
}

func TestWebhooksFileProblems(t *testing.T) {
	_, err := load(webhooksFiles(t, `webhooks:
  - name: erp
    url: http://erp.example/hooks?token=hidden
    secret_file: new
  - name: a b
    url: https://erp.example/
    secret_file: new
  - name: twice
    url: https://erp.example/
    secret_file: new
  - name: twice
    url: https://erp.example/
    secret_file: new
  - name: none
    url: https://erp.example/
  - name: short
    url: https://erp.example/
    secret_file: short
  - name: open
    url: https://erp.example/
    secret_files: [new, open]
  - name: inline
    url: https://erp.example/
    secret: whsec_inline
  - name: inside
    url: https://10.1.2.3/
    secret_file: new
  - name: kinds
    url: https://erp.example/
    secret_file: new
    events: [settled, invoice.settled]
  - name: silent
    url: https://erp.example/
    secret_file: new
    events: []
    allow_private: perhaps
  - name: nowhere
    secret_file: new
`))
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{
		":2: webhook erp: the url must begin with https://",
		":5: a webhook needs a name",
		":11: there is a webhook twice already",
		":14: webhook none has no secret_file",
		":16: webhook short: a secret must hold 24 to 64 bytes",
		":21: secret_file: others may read the file (mode 0644)",
		":24: secret: secrets stand in files of their own: secret_file",
		":25: webhook inside: the url leads to an address that is not allowed",
		`:31: events: "settled" is no type of event`,
		":35: events is empty",
		":36: allow_private must be true or false",
		":37: webhook nowhere has no url",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("does not say %q", want)
		}
	}
	for _, hidden := range []string{"hidden", "whsec_inline", aSecret} {
		if strings.Contains(err.Error(), hidden) {
			t.Errorf("tells %q", hidden)
		}
	}
	if t.Failed() {
		t.Log(strings.ReplaceAll(err.Error(), "; ", "\n"))
	}
}

// The worker is killed while a receiver is dealing with an event, so that it never learns of the success: that event is delivered again, with the same
// id, and none is lost. Then a receiver is added while the worker runs, and the operator's commands act on it.
func TestKilledWorkerTellsEachEventAtLeastOnce(t *testing.T) {
	bin := built(t, "choriste", "chorus-sim")
	db := storetest.New(t)
	var (
		mu      sync.Mutex
		ids     []string
		killAt  = map[int]bool{3: true, 10: true}
		process *exec.Cmd
	)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		ids = append(ids, r.Header.Get("webhook-id"))
		if killAt[len(ids)] {
			_ = process.Process.Kill() // before the answer
			_ = process.Wait()
		}
	}))
	defer receiver.Close()
	got := func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(ids)
	}

	dir := t.TempDir()
	write := func(name, content string) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	secret := write("secret", aSecret+"\n")
	const entry = "  - {name: %s, url: '%s', secret_file: %s, allow_private: true}\n"
	file := write("webhooks.yaml", "webhooks:\n"+fmt.Sprintf(entry, "erp", receiver.URL, secret))
	env := append(environment(t, db, startSimulator(t, bin, "-quota", "-1")), "CHORISTE_WEBHOOKS_FILE="+file)
	start := func() {
		mu.Lock()
		defer mu.Unlock()
		process = exec.CommandContext(t.Context(), filepath.Join(bin, "choriste"), "work")
		process.Env, process.Stderr = env, t.Output()
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
	}
	st := store.New(db.Pool)
	await := func(what string, right func() bool) {
		t.Helper()
		for deadline := time.Now().Add(90 * time.Second); !right(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				list, _ := st.Webhooks(t.Context())
				t.Fatalf("after 90 s not %s: %+v, told %v", what, list, got())
			}
		}
	}
	endpoint := func(name string) (w store.Webhook) {
		list, err := st.Webhooks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list {
			if one.Name == name {
				w = one
			}
		}
		return w
	}
	start()
	await("there", func() bool { return endpoint("erp").Name != "" })
	app, err := pgxpool.New(t.Context(), db.AppURL)
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	const invoices = 10 // that cannot be read: two events each
	if _, err := app.Exec(t.Context(), `INSERT INTO chorus.invoices (document) SELECT 'x' FROM generate_series(1, $1)`, invoices); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{3, 10} {
		await("killed", func() bool { return len(got()) == at })
		// What the dead one had taken is given back when its lease is over; here, at once.
		if _, err := db.Pool.Exec(t.Context(), `UPDATE chorus.webhooks SET claimed_until = clock_timestamp() WHERE claimed_until <> 'infinity'`); err != nil {
			t.Fatal(err)
		}
		start()
	}
	defer func() {
		_ = process.Process.Signal(os.Interrupt)
		if err := process.Wait(); err != nil {
			t.Errorf("the last worker did not end well: %v", err)
		}
	}()
	var events int64 // theirs, and the day's seal
	await("all told", func() bool {
		var theirs int
		if err := db.Pool.QueryRow(t.Context(), `SELECT count(invoice_id), max(seq) FROM chorus.events WHERE seq IS NOT NULL`).Scan(&theirs, &events); err != nil {
			t.Fatal(err)
		}
		return theirs == 2*invoices && endpoint("erp").Cursor == events
	})
	all := got()
	if len(all) != int(events)+2 || all[2] != all[3] || all[9] != all[10] {
		t.Errorf("told %v", all)
	}
	for k, id := range slices.Compact(all) {
		if !strings.HasPrefix(id, fmt.Sprintf("evt_%d_", k+1)) {
			t.Errorf("the %d. event is %s", k+1, id)
		}
	}

	// Another receiver, which takes nothing at first.
	var well sync.Once
	fine := make(chan struct{})
	second := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		select {
		case <-fine:
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer second.Close()
	defer well.Do(func() { close(fine) })
	write("webhooks.yaml", "webhooks:\n"+fmt.Sprintf(entry, "erp", receiver.URL, secret)+fmt.Sprintf(entry, "bi", second.URL, secret))
	await("taken over", func() bool { return endpoint("bi").Name != "" })
	operator := map[string]string{"DATABASE_URL": db.OperatorURL}
	try := func(status int, says string, args ...string) {
		t.Helper()
		got, out, errOut := command(t, operator, append([]string{"webhooks"}, args...)...)
		if got != status || !strings.Contains(out+errOut, says) {
			t.Errorf("webhooks %s: %d %s%s, want %d %q", strings.Join(args, " "), got, out, errOut, status, says)
		}
	}
	try(1, "has not taken the test yet: failing: event", "test", "bi")
	try(0, "STATUS 503; next try")
	try(2, "", "skip", "bi")
	try(0, "is skipped", "skip", "bi", "--reason", "it was only a test")
	well.Do(func() { close(fine) })
	try(0, "delivered as event", "test", "bi", "--wait", "60s")
	try(0, "webhook bi is paused", "pause", "bi", "--reason", "moving house")
	try(0, "paused (moving house)")
	try(1, "is paused (moving house)", "test", "bi")
	try(0, "webhook bi is resumed", "resume", "bi")
	try(0, "would be delivered again", "replay", "erp", "--from", "1", "--dry-run")
	try(0, `"dry_run":true`, "--json", "replay", "erp", "--since", time.Now().Add(-time.Hour).Format(time.RFC3339), "--dry-run")
	try(1, "there is no event since then", "replay", "erp", "--since", time.Now().Add(time.Hour).Format(time.RFC3339))
	try(1, "there is no webhook nobody", "replay", "nobody", "--from", "1")
	try(1, "there is no webhook nobody", "test", "nobody")
	try(2, "", "replay", "erp")
	try(0, `"name":"bi"`, "--json")
	try(1, "a worker is configured with the webhook bi: take it out", "forget", "bi")
	write("webhooks.yaml", "webhooks:\n"+fmt.Sprintf(entry, "erp", receiver.URL, secret))
	await("taken out", func() bool {
		status, _, _ := command(t, operator, "webhooks", "forget", "bi")
		return status == 0
	})
	try(1, "there is no webhook bi", "forget", "bi")
	try(1, "a worker is configured with the webhook erp: take it out", "forget", "erp")
	before := len(got())
	try(0, "are delivered again to erp", "replay", "erp", "--from", "1")
	await("told again", func() bool { return len(got()) >= before+2*invoices })
}
