package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/jobs"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
	"github.com/choriste/choriste/worker"
)

// sentInvoices is a database in which a worker has sent two invoices to the simulator, and then ended.
func sentInvoices(t *testing.T) *storetest.Database {
	t.Helper()
	db, sim := storetest.New(t), chorustest.New(t, &chorustest.Config{Quota: -1})
	pool, err := store.Connect(t.Context(), db.WorkerURL, "test", worker.Conns(16))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	w, err := worker.New(worker.Config{
		Pool: pool,
		Accounts: []worker.Account{{Name: "default", Chorus: chorus.Config{
			APIURL: sim.APIURL(), TokenURL: sim.TokenURL(), ClientID: chorustest.DefaultClient.ID, ClientSecret: chorus.Secret(chorustest.DefaultClient.Secret), Login: chorustest.DefaultAccount.Login, Password: chorus.Secret(chorustest.DefaultAccount.Password),
		}}},
		Quota: 1000, Settings: jobs.Settings{SyncEvery: 300 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	// Its first day is over, so that it is sealed. The database is older than its history, or it would be taken for a restored one.
	storetest.Forge(t, db.URL, `UPDATE chorus.installation SET created_at = clock_timestamp() - interval '26 hours'`)
	storetest.Forge(t, db.URL, `INSERT INTO chorus.events (at, actor, reason_code) VALUES (clock_timestamp() - interval '25 hours', 'test', 'RESUMED')`)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	for _, number := range []string{"F-2026-0901", "F-2026-0902"} {
		said(t, db.OperatorURL, 0, "is invoice", "submit", "--no-check", "--ref", number, document(t, number+".xml", invoicetest.Invoice{Numero: number}.CII()))
	}
	deadline := time.Now().Add(3 * time.Minute)
	for len(query(t, db.URL, `SELECT id::text FROM chorus.invoices WHERE state IN ('deposited', 'integrated') AND NOT EXISTS (SELECT FROM chorus.events WHERE seq IS NULL)`)) < 2 ||
		len(query(t, db.URL, `SELECT detail ->> 'sha256' FROM chorus.events WHERE reason_code = 'SEALED'`)) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("the invoices are not sent, or history is not sealed: ", query(t, db.URL, `SELECT concat_ws(' ', id, state, reason) FROM chorus.invoices`))
		}
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	// What the end of the worker said is numbered, too.
	script(t, db, `SELECT chorus.number_events(1000)`)
	return db
}

// TestEvidence takes a file of evidence and a database through each way of being altered.
func TestEvidence(t *testing.T) {
	t.Parallel()
	db := sentInvoices(t)
	file := filepath.Join(t.TempDir(), "evidence.zip")
	said(t, db.ReaderURL, 1, "does not have the rights of chorus_operator", "evidence", "1", "-o", file)
	said(t, db.OperatorURL, 1, "there is no invoice 7", "evidence", "7", "-o", file)
	said(t, db.OperatorURL, 0, "1 invoices, 7 files; history stands at event ", "evidence", "F-2026-0901", "-o", file)
	said(t, db.OperatorURL, 1, "is there already", "evidence", "1", "-o", file)
	both := filepath.Join(t.TempDir(), "both.zip")
	said(t, db.OperatorURL, 0, "2 invoices, 14 files", "evidence", "number:F-2026-09*", "-o", both)
	said(t, "", 0, "the files agree with each other: 7 files", "verify", file)
	said(t, "", 0, "It does not prove that choriste wrote the archive", "verify", file)
	said(t, "", 0, "Il ne prouve pas que choriste a écrit l'archive", "verify", file, "--lang", "fr")
	said(t, db.OperatorURL, 0, "all is as it was: 14 files", "verify", both, "--database")
	said(t, db.OperatorURL, 0, "Cela prouve autant que cette base", "verify", both, "--database", "--lang", "fr")
	said(t, db.OperatorURL, 0, `"compared_with_database":true`, "verify", both, "--database", "--json")
	said(t, db.ReaderURL, 1, "does not have the rights of chorus_operator", "verify", both, "--database")
	if got := query(t, db.URL, `SELECT actor FROM chorus.events WHERE reason_code = 'EVIDENCE_READ' AND invoice_id = 1`); len(got) != 2 {
		t.Errorf("who has read is in history %d times, wanted 2", len(got))
	}

	transcript(t, "### Evidence", db.OperatorURL)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"fichierFlux\":\"…\"`, "[redacted]", "numeroFluxDepot", "F-2026-0901", "Ce qui a été envoyé", "What was sent"} {
		if !bytes.Contains(good, []byte(want)) {
			t.Errorf("the archive does not hold %q", want)
		}
	}
	for _, secret := range []string{chorustest.DefaultClient.Secret, chorustest.DefaultAccount.Password, "Bearer "} {
		if bytes.Contains(good, []byte(secret)) {
			t.Errorf("the archive holds %q", secret)
		}
	}
	for at := 0; at < len(good); at += 13 {
		bad := bytes.Clone(good)
		bad[at] ^= 0x20
		if checked, err := operate.VerifyArchive(t.Context(), bytes.NewReader(bad), int64(len(bad)), nil); err != nil || len(checked.Wrong) == 0 {
			t.Fatalf("byte %d was altered, and nothing is said", at)
		}
	}
	altered := bytes.Replace(good, []byte("<ram:ID>F-2026-0901"), []byte("<ram:ID>F-2026-0909"), 1)
	if err := os.WriteFile(file, altered, 0o600); err != nil {
		t.Fatal(err)
	}
	said(t, "", 1, "1/document.xml: it ", "verify", file)

	said(t, db.OperatorURL, 0, "history stands at event", "verify", "--database")
	var head operate.Verified
	if err := json.Unmarshal([]byte(said(t, db.OperatorURL, 0, `"invoices":2`, "verify", "--database", "--json")), &head); err != nil {
		t.Fatal(err)
	}
	sealed := query(t, db.URL, `SELECT (detail ->> 'seq') || ':' || (detail ->> 'sha256') FROM chorus.events WHERE reason_code = 'SEALED'`)[0]
	said(t, db.OperatorURL, 0, "history stands at event", "verify", "--database", "--head", sealed)
	const events = "id, seq, invoice_id, at, actor, from_state, to_state, attempt, reason_code, detail, hash, attempt_sha256, attempt_looks, invoice_sha256" // is_act is made of these
	for _, c := range []struct{ sql, want string }{
		{`UPDATE chorus.events SET detail = '{"numero_flux_depot": "CPP9"}' WHERE invoice_id = 1 AND to_state = 'deposited' AND from_state = 'sending'`, "invoice 1) was altered or inserted"},
		{`UPDATE chorus.events SET at = at - interval '1 day' WHERE seq = 2`, "event 2 (id "},
		{`DELETE FROM chorus.events WHERE seq = 3`, "event 3 was removed"},
		{`UPDATE chorus.attempts SET outcome = 'REFUSED' WHERE invoice_id = 1`, "attempt 1 of invoice 1 was altered"},
		{`UPDATE chorus.attempts SET claimed_at = claimed_at - interval '1 day' WHERE invoice_id = 2`, "attempt 1 of invoice 2 was altered"},
		{`DELETE FROM chorus.attempts WHERE invoice_id = 2`, "attempt 1 of invoice 2 was removed"},
		{`INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline)
		  SELECT gen_random_uuid(), 1, 2, worker, 'x', sha256, db_epoch, claimed_at, send_deadline FROM chorus.attempts WHERE invoice_id = 1`, "attempt 2 of invoice 1 was inserted"},
		{`UPDATE chorus.invoices SET montant_ttc = montant_ttc + 1 WHERE id = 1`, "invoice 1 was altered"},
		{`UPDATE chorus.invoices SET document = 'x' WHERE id = 2`, "the document of invoice 2 was altered"},
		{`UPDATE chorus.invoices SET state = 'settled' WHERE id = 1`, "the state of invoice 1 was altered"},
		{`DELETE FROM chorus.invoices WHERE id = 1`, "invoice 1 was removed"},
		{`INSERT INTO chorus.invoices (external_ref, document, document_sha256, document_bytes) VALUES ('past', 'x', sha256('x'), 1)`, "was inserted past its history"},
		{`UPDATE chorus.exchanges SET exchange = 'x' WHERE invoice_id = 1`, "the exchange of attempt 1 of invoice 1 was altered"},
		{`DELETE FROM chorus.exchanges WHERE invoice_id = 2`, "the exchange of attempt 1 of invoice 2 was removed"},
		// History written anew from its beginning agrees with itself, and not with what was announced.
		{`DELETE FROM chorus.chain; DELETE FROM chorus.events WHERE reason_code = 'SEALED'; UPDATE chorus.events SET seq = NULL, hash = NULL, actor = 'nobody'; SELECT chorus.number_events(1000)`, "history was written anew"},
		{`DELETE FROM chorus.chain; UPDATE chorus.events SET seq = NULL, hash = NULL, actor = 'nobody'; SELECT chorus.number_events(1000)`, "(SEALED) announced another hash of event "},
	} {
		script(t, db, `CREATE SCHEMA kept; CREATE TABLE kept.i AS TABLE chorus.invoices; CREATE TABLE kept.a AS TABLE chorus.attempts; CREATE TABLE kept.e AS TABLE chorus.events;
			CREATE TABLE kept.x AS TABLE chorus.exchanges; CREATE TABLE kept.c AS TABLE chorus.chain; SET LOCAL session_replication_role = replica; `+c.sql)
		said(t, db.OperatorURL, 1, c.want, "verify", "--database", "--head", sealed)
		script(t, db, `SET LOCAL session_replication_role = replica; DELETE FROM chorus.exchanges; DELETE FROM chorus.chain; DELETE FROM chorus.events; DELETE FROM chorus.attempts; DELETE FROM chorus.invoices;
			INSERT INTO chorus.invoices OVERRIDING SYSTEM VALUE TABLE kept.i; INSERT INTO chorus.attempts TABLE kept.a; INSERT INTO chorus.events (`+events+`) OVERRIDING SYSTEM VALUE SELECT `+events+` FROM kept.e;
			INSERT INTO chorus.exchanges TABLE kept.x; INSERT INTO chorus.chain TABLE kept.c; DROP SCHEMA kept CASCADE`)
	}
	said(t, db.OperatorURL, 0, "history stands at event", "verify", "--database", "--head", sealed)
	for _, args := range []string{"", "--head 1:00 --database", "--head x --database", "--head " + sealed} {
		said(t, db.OperatorURL, 2, "", append([]string{"verify"}, strings.Fields(args)...)...)
	}

	// What one invoice bears is that one, a colon in it or not.
	said(t, db.OperatorURL, 0, "is invoice", "submit", "--no-check", "--ref", "ERP:17", document(t, "colon.xml", invoicetest.Invoice{Numero: "F-2026-0903"}.CII()))
	said(t, db.OperatorURL, 0, "1 invoices", "evidence", "ERP:17", "-o", filepath.Join(t.TempDir(), "colon.zip"))
	said(t, db.OperatorURL, 1, "a query has no key ERP", "evidence", "ERP:18", "-o", filepath.Join(t.TempDir(), "colon.zip"))

	// A login that is mapped to an account reads the evidence of that account only, and verifies no database.
	script(t, db, `INSERT INTO chorus.accounts (name) VALUES ('lyon'); INSERT INTO chorus.logins (login, account) SELECT usename, 'lyon' FROM pg_user WHERE pg_has_role(usename, 'chorus_operator', 'MEMBER') AND NOT usesuper`)
	said(t, db.OperatorURL, 1, "there is no invoice 1", "evidence", "1", "-o", filepath.Join(t.TempDir(), "x.zip"))
	said(t, db.OperatorURL, 1, "this login sees some accounts only", "verify", "--database")
	said(t, db.OperatorURL, 1, "1: the database that was asked has no such invoice, or does not show it to this login", "verify", both, "--database")
}
