package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/jobs"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
	"github.com/choriste/choriste/worker"
)

func TestReconcileCommand(t *testing.T) {
	t.Parallel()
	db, sim := storetest.New(t), chorustest.New(t, &chorustest.Config{Quota: -1})
	env := map[string]string{"DATABASE_URL": db.OperatorURL}
	expect := func(status int, stdout, stderr string, args ...string) string {
		t.Helper()
		got, out, errOut := command(t, env, append([]string{"reconcile"}, args...)...)
		if got != status || !strings.Contains(out, stdout) || !strings.Contains(errOut, stderr) {
			t.Fatalf("reconcile %s: status %d, %q, %q; want %d with %q and %q", strings.Join(args, " "), got, out, errOut, status, stdout, stderr)
		}
		return out
	}
	expect(1, "", "no account sees such a supplier structure")
	expect(2, "", "is not a day", "--from", "yesterday")
	expect(2, "", "choose one", "--open", "--list")
	expect(2, "", "--reason", "accept", "1")

	cfg := worker.Config{
		Accounts: []worker.Account{{Name: "default", Chorus: chorus.Config{
			APIURL: sim.APIURL(), TokenURL: sim.TokenURL(), ClientID: chorustest.DefaultClient.ID, ClientSecret: chorus.Secret(chorustest.DefaultClient.Secret),
			Login: chorustest.DefaultAccount.Login, Password: chorus.Secret(chorustest.DefaultAccount.Password),
		}}},
		Quota:    1000,
		Settings: jobs.Settings{ResolveAfter: 100 * time.Millisecond, SyncEvery: 100 * time.Millisecond, ReportAfter: 100 * time.Millisecond},
	}
	var err error
	if cfg.Pool, err = store.Connect(t.Context(), db.WorkerURL, "test", worker.Conns(16)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cfg.Pool.Close)
	w, err := worker.New(cfg)
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
	app, err := store.Connect(t.Context(), db.AppURL, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	for k := range 3 {
		doc := invoicetest.Invoice{Numero: fmt.Sprintf("CLI-%d", k)}.UBL()
		if _, err := app.Exec(t.Context(), `INSERT INTO chorus.invoices (document) VALUES ($1)`, doc); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var n int
		if err := db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM chorus.invoices WHERE state = 'integrated'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n == 3 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of 3 invoices are integrated", n)
		}
	}
	expect(0, "3, 4500.00 EUR  3, 4500.00 EUR  0", "")
	expect(0, "Nothing differs.", "", "--open")

	if _, err := sim.TypeIn(chorustest.Facts{Numero: "-BY-HAND", Date: "2026-01-15", Fournisseur: "99999999800012", Destinataire: "99999999700023", TTC: "120.00"}); err != nil {
		t.Fatal(err)
	}
	expect(3, "deposited at the portal by SAISIE_PORTAIL", "1 finding is open")
	expect(3, "AT_PORTAL_ONLY  1  120.00 EUR", "1 finding is open", "--open")
	rows, err := csv.NewReader(strings.NewReader(expect(3, "", "", "--csv", "--siret", "99999999800012"))).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][1] != "AT_PORTAL_ONLY" || rows[1][5] != "'-BY-HAND" || rows[1][17] != "120" {
		t.Errorf("CSV: %q, %v", rows, err)
	}
	_, out, _ := command(t, env, "--json", "reconcile", "--account", "default")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var run struct {
		Run struct {
			State       string
			From        string
			PortalCount int `json:"portal_count"`
		}
	}
	var finding struct {
		Finding struct {
			ID   int64
			Code string
		}
	}
	var sum struct {
		Open   int
		Totals []total
	}
	for k, into := range []any{&run, &finding, &sum} {
		if k >= len(lines) || json.Unmarshal([]byte(lines[k]), into) != nil {
			t.Fatalf("JSON: %s", out)
		}
	}
	if run.Run.State != store.RunDone || len(run.Run.From) != 10 || run.Run.PortalCount != 4 || finding.Finding.Code != store.FindingAtPortalOnly || sum.Open != 1 || sum.Totals[0].Sum.String() != "120" {
		t.Errorf("JSON: %s", out)
	}

	finding1 := fmt.Sprint(finding.Finding.ID)
	expect(0, "is accepted", "", "accept", finding1, "--reason", "typed in by Claire")
	expect(1, "", "is accepted already", "accept", finding1, "--reason", "again")
	expect(0, "(accepted: typed in by Claire)", "")
	expect(0, "0 open, 1 accepted", "", "--open")
	expect(0, "done", "", "--list")
	expect(0, "requested", "", "--no-wait", "--from", "2026-01-01", "--to", "2026-01-31")
	expect(1, "", "longer than a year", "--from", "2020-01-01")
}
