package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// every puts one invoice into each state, with the mark of a state where the database holds one; ids follow store.States.
func every(t *testing.T, db *storetest.Database) {
	t.Helper()
	var b strings.Builder
	for k, s := range store.States {
		fmt.Fprintf(&b, `
			INSERT INTO chorus.invoices (external_ref, document) VALUES ('%[1]s', 'x');
			SET LOCAL session_replication_role = replica;
			UPDATE chorus.invoices SET state = '%[1]s', numero_facture = 'F-%[2]d', fournisseur_siret = '99999999800012', montant_ttc = 10, devise = 'EUR', attempt_no = 1,
			    reason_code = CASE WHEN '%[1]s' = 'rejected' THEN 'FLUX_REJECTED' END,
			    in_doubt_since = CASE WHEN '%[1]s' = 'in_doubt' THEN clock_timestamp() END WHERE external_ref = '%[1]s';
			INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline, finished_at, outcome)
			SELECT gen_random_uuid(), id, 1, 'w', external_ref || '.xml', 'x', 'e', now(), now(), now(), 'REFUSED' FROM chorus.invoices WHERE external_ref = '%[1]s';
			SET LOCAL session_replication_role = origin;`, s, k)
	}
	script(t, db, b.String())
}

// states are "external_ref state" of all.
func statesOf(t *testing.T, db *storetest.Database) []string {
	t.Helper()
	return query(t, db.URL, `SELECT external_ref || ' ' || state FROM chorus.invoices ORDER BY id`)
}

// A query that selects everything acts on what the act is for and on nothing else; it is counted first; what was done is not done again.
func TestActsOnMany(t *testing.T) {
	db := storetest.New(t)
	every(t, db)
	before := statesOf(t, db)
	all := []string{"--query", "number:F-*"}
	said(t, db.OperatorURL, 0, "2 invoices, 20.00 EUR", append([]string{"retry", "--dry-run"}, all...)...)
	said(t, db.OperatorURL, 0, "2 factures, 20.00 EUR", append([]string{"todo", "dismiss", "--dry-run", "--lang", "fr"}, all...)...)
	said(t, db.OperatorURL, 0, "the cap of 1 is reached, and more are selected", append([]string{"retry", "--dry-run", "--limit", "1"}, all...)...)
	if _, _, errOut := command(t, map[string]string{"DATABASE_URL": db.OperatorURL}, append([]string{"retry", "--dry-run", "--limit", "2"}, all...)...); errOut != "" {
		t.Errorf("a cap that leaves none out: %s", errOut)
	}
	said(t, db.OperatorURL, 1, "2 invoices are selected, and not 3: nothing was done", append([]string{"todo", "dismiss", "--reason", "x", "--expect", "3"}, all...)...)
	said(t, db.OperatorURL, 0, "is off the list", append([]string{"todo", "dismiss", "--reason", "paid by cheque", "--expect", "2", "--per-minute", "6000"}, all...)...)
	said(t, db.OperatorURL, 0, "0 invoices", append([]string{"todo", "dismiss", "--dry-run"}, all...)...)
	if got := query(t, db.URL, `SELECT external_ref FROM chorus.dismissals JOIN chorus.invoices ON id = invoice_id WHERE chorus.dismissals.reason = 'paid by cheque' ORDER BY 1`); !slices.Equal(got, []string{"invalid", "rejected"}) {
		t.Errorf("off the list are %v", got)
	}
	if got := statesOf(t, db); !slices.Equal(got, before) {
		t.Errorf("taking off the list moved something:\n%v\n%v", before, got)
	}
	// What was taken off the list is not retried, by no selection and not by its id; what was put back is.
	said(t, db.OperatorURL, 0, "0 invoices", append([]string{"retry", "--dry-run"}, all...)...)
	said(t, db.OperatorURL, 1, "(paid by cheque): to retry it, put it back first", "retry", "invalid", "--reason", "x")
	said(t, db.ReaderURL, 0, "paid by cheque", "show", "invalid")
	said(t, db.OperatorURL, 0, "2 invoices, 20.00 EUR", append([]string{"todo", "restore", "--dry-run"}, all...)...)
	said(t, db.OperatorURL, 0, "est de nouveau sur la liste", append([]string{"todo", "restore", "--lang", "fr", "--reason", "the cheque bounced", "--expect", "2"}, all...)...)
	said(t, db.OperatorURL, 1, "was not taken off the list", "todo", "restore", "invalid", "--reason", "x")
	ctx, stop := context.WithCancel(t.Context())
	out := &untilText{want: []string{"is off the list"}, stop: stop}
	var errOut strings.Builder
	status := run(ctx, []string{"todo", "dismiss", "invalid", "rejected", "--reason", "y", "--per-minute", "1"}, func(name string) string { return map[string]string{"DATABASE_URL": db.OperatorURL}[name] }, out, &errOut)
	if status != 1 || !strings.Contains(errOut.String(), "interrupted after 1 of 2") {
		t.Errorf("an interrupted act: status %d, %s%s", status, out.got.String(), errOut.String())
	}
	said(t, db.OperatorURL, 0, "1 invoice, 10.00 EUR", append([]string{"todo", "restore", "--dry-run"}, all...)...)
	said(t, db.OperatorURL, 0, "is on the list again", append([]string{"todo", "restore", "--reason", "x"}, all...)...)
	if got := statesOf(t, db); !slices.Equal(got, before) {
		t.Errorf("putting back moved something:\n%v\n%v", before, got)
	}
	if out := said(t, db.OperatorURL, 0, "", append([]string{"retry", "--reason", "x", "--limit", "1"}, all...)...); strings.Count(out, "\n") != 1 {
		t.Errorf("more than the cap: %s", out)
	}
	said(t, db.OperatorURL, 0, "1 invoice, 10.00 EUR", append([]string{"retry", "--dry-run"}, all...)...)
	said(t, db.OperatorURL, 0, "", append([]string{"retry", "--reason", "x"}, all...)...)
	said(t, db.OperatorURL, 0, "0 invoices", append([]string{"retry", "--dry-run"}, all...)...)
	said(t, db.OperatorURL, 2, "retry what?", "retry", "--reason", "x")
	said(t, db.OperatorURL, 2, "give ids or a filter, not both", "retry", "1", "--state", "invalid", "--reason", "x")
	said(t, db.OperatorURL, 2, "give ids or a filter, not both", "todo", "dismiss", "1", "--query", "account:default", "--reason", "x")
	said(t, db.OperatorURL, 2, "needs --reason", "todo", "dismiss", "1")
	said(t, db.OperatorURL, 2, "--per-minute must be", "retry", "1", "--reason", "x", "--per-minute=-1")
}

// Whatever an operator types at whatever invoice, in whatever order, none is ready to be sent again of which a deposit may have arrived, without the look-ups that prove the contrary: so nothing
// that he can do makes a duplicate.
func TestNothingThatAnOperatorDoesMakesADuplicate(t *testing.T) {
	db := storetest.New(t)
	every(t, db)
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	acts := [][]string{
		{"retry", "--query", "number:F-*", "--reason", "x"},
		{"retry", "--query", "state:in_doubt,sending,parked,deposited,integrated", "--reason", "x"},
		{"retry", "ID", "--reason", "x"},
		{"todo", "dismiss", "--query", "number:F-*", "--reason", "x"},
		{"todo", "dismiss", "ID", "--reason", "x"},
		{"todo", "restore", "ID", "--reason", "x"},
		{"cancel", "ID"},
		{"resolve", "ID", "resubmit", "--reason", "x"},
		{"resolve", "ID", "resubmit", "--override", "--reason", "x"},
		{"resolve", "ID", "lookup", "--reason", "x"},
		{"resolve", "ID", "abandon", "--override", "--reason", "x"},
		{"resolve", "ID", "accept", "--reason", "x"},
		{"complete", "ID", "--comment", "x"},
		{"recycle", "ID", "--service", "x"},
		{"pause", "--reason", "x"},
		{"resume", "--wait", "0s"},
	}
	for k := range 60 {
		args := slices.Clone(acts[random.IntN(len(acts))])
		for n, arg := range args {
			if arg == "ID" {
				args[n] = fmt.Sprint(1 + random.IntN(len(store.States)))
			}
		}
		command(t, map[string]string{"DATABASE_URL": db.OperatorURL}, args...)
		// One that was in state ready at the beginning is sent as it was going to be.
		if got := query(t, db.URL, `SELECT external_ref FROM chorus.invoices WHERE state IN ('ready', 'sending') AND attempt_no > 0 AND external_ref NOT IN ('ready', 'sending')`); len(got) > 0 {
			t.Fatalf("seed %d, act %d: choriste %s has %v sent again without a look-up", seed, k, strings.Join(args, " "), got)
		}
	}
}
