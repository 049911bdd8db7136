package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// longAgo is a database of invoices that were cancelled 40 days ago, and in which a worker has watched the clock.
func longAgo(t *testing.T, invoices int) *storetest.Database {
	t.Helper()
	db := storetest.New(t)
	script(t, db, fmt.Sprintf(`
		UPDATE chorus.installation SET created_at = clock_timestamp() - interval '50 days';
		INSERT INTO chorus.invoices (external_ref, document) SELECT 'r' || n, 'x' FROM generate_series(1, %d) n;
		UPDATE chorus.invoices SET cancel_requested_at = clock_timestamp();
		SET LOCAL session_replication_role = replica;
		UPDATE chorus.invoices SET updated_at = clock_timestamp() - interval '40 days';
		UPDATE chorus.events SET at = clock_timestamp() - interval '40 days';
		UPDATE chorus.clock_watch SET since = clock_timestamp() - interval '2 days', seen = clock_timestamp();
		SET LOCAL session_replication_role = origin`, invoices))
	return db
}

func numberAll(t *testing.T, db *storetest.Database) {
	t.Helper()
	for n := 1; n > 0; {
		var err error
		if n, err = store.New(db.Pool).Announce(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	script(t, db, `SELECT chorus.fold_moves(100000000)`)
}

// History by month, from the first look to a month that is back, as an administrator does it.
func TestPartition(t *testing.T) {
	db := longAgo(t, 5)
	numberAll(t, db)
	dir := t.TempDir()
	said(t, db.OperatorURL, 0, "MONTH  EVENTS", "partition", "plan")
	said(t, db.OperatorURL, 0, "not needed yet: 10 events, and it pays from some 5000000 on", "partition", "plan")
	said(t, db.OperatorURL, 0, "pas encore utile : 10 événements", "--lang", "fr", "partition", "plan")
	said(t, db.OperatorURL, 0, `{"cut":false,"events":10,"pays":false,"pays_from":5000000}`, "--json", "partition", "plan")
	said(t, db.OperatorURL, 1, "it asks for the login that runs choriste migrate", "partition", "apply")
	said(t, db.ReaderURL, 1, "", "partition", "plan")
	said(t, db.URL, 2, "is no age of a day or more", "partition", "detach", "first", "--to", dir, "--older-than", "23h")
	said(t, db.URL, 2, "is no month", "partition", "detach", "2026-13", "--to", dir)
	said(t, db.URL, 1, "the month first stays: events are still written to it", "partition", "detach", "first", "--to", dir, "--older-than", "30d")
	said(t, db.URL, 0, "workers make those that follow", "partition", "apply")
	said(t, db.URL, 0, "nothing was done", "partition", "apply")
	said(t, db.OperatorURL, 0, "history is cut by month; workers make the months to come", "partition", "plan")
	said(t, db.URL, 1, "le mois first reste : aucun événement plus récent n'a encore de numéro", "--lang", "fr", "partition", "detach", "first", "--to", dir, "--older-than", "30d")
	script(t, db, `INSERT INTO chorus.invoices (external_ref, document) VALUES ('young', 'x')`)
	numberAll(t, db)
	said(t, db.OperatorURL, 0, "could leave", "partition", "plan", "--older-than", "30d")
	said(t, db.OperatorURL, 0, "stays: its last event is not as old as was asked for", "partition", "plan")
	said(t, db.OperatorURL, 0, "all of history is in the database", "partition", "list")
	said(t, db.URL, 0, "first has left: 10 events are in "+filepath.Join(dir, "choriste-events-first.copy.gz"), "partition", "detach", "first", "--to", dir, "--older-than", "30d")
	said(t, db.URL, 0, "first has left already", "partition", "detach", "first", "--to", dir)
	numberAll(t, db)

	// What says the truth while it is away.
	said(t, db.OperatorURL, 0, "choriste-events-first.copy.gz", "partition", "list")
	said(t, db.ReaderURL, 0, `"month":"first","events":10,"first_seq":1,"last_seq":10`, "--json", "partition", "list")
	said(t, db.OperatorURL, 0, "of first, is in the archive choriste-events-first.copy.gz", "show", "1")
	said(t, db.OperatorURL, 0, "historique ancien", "--lang", "fr", "show", "1")
	said(t, db.OperatorURL, 0, `"archives":[{"id":1,"month":"first"`, "--json", "show", "1")
	said(t, db.OperatorURL, 0, "older history, of", "events", "1")
	said(t, db.OperatorURL, 0, "10 events of first, numbered from 1 to 10, are in the archive", "verify", "--database")
	said(t, db.OperatorURL, 1, "history of invoice 1 is in the archive", "evidence", "1", "-o", filepath.Join(dir, "e.zip"))
	said(t, db.OperatorURL, 0, "a month of history archived", "audit")
	said(t, db.URL, 0, "10 events of first", "verify", "--restored")
	script(t, db, `INSERT INTO chorus.webhooks (name, cursor) VALUES ('erp', 12)`)
	said(t, db.OperatorURL, 1, "some events from 3 on are in an archive", "webhooks", "replay", "erp", "--from", "3")

	said(t, db.URL, 0, "first is back: 10 events, and their chain is whole", "partition", "attach", filepath.Join(dir, "choriste-events-first.copy.gz"))
	said(t, db.URL, 0, "is in the database already", "partition", "attach", filepath.Join(dir, "choriste-events-first.json"))
	said(t, db.URL, 1, "choriste-events-209901.json", "partition", "attach", filepath.Join(dir, "choriste-events-209901.json"))
	numberAll(t, db)
	said(t, db.OperatorURL, 0, "history stands at event", "verify", "--database")
	if text := said(t, db.OperatorURL, 0, "", "show", "1"); strings.Contains(text, "archive") {
		t.Errorf("it is back:\n%s", text)
	}
}

// kill -9 at any moment of detach and attach: whatever happens, the same command goes on, and nothing is lost.
func TestPartitionKilled(t *testing.T) {
	t.Parallel()
	bin := filepath.Join(built(t, "choriste"), "choriste")
	db := longAgo(t, 800)
	numberAll(t, db)
	said(t, db.URL, 0, "made", "partition", "apply")
	script(t, db, `INSERT INTO chorus.invoices (external_ref, document) VALUES ('young', 'x')`)
	numberAll(t, db)
	dir := t.TempDir()
	history := func() string {
		return query(t, db.URL, `SELECT count(*) || md5(string_agg(chorus.event_text(e) || encode(e.hash, 'hex'), '' ORDER BY e.id)) FROM chorus.events e WHERE id < 2000000000000000`)[0]
	}
	before := history()
	killed := 0
	untilDone := func(args ...string) {
		t.Helper()
		for tries := 0; ; tries++ {
			cmd := exec.CommandContext(t.Context(), bin, args...)
			cmd.Env = append(os.Environ(), "DATABASE_URL="+db.URL)
			after := rand.N(time.Duration(tries+1) * 250 * time.Millisecond)
			if tries > 3 {
				after = time.Minute
			}
			timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
			out, err := cmd.CombinedOutput()
			timer.Stop()
			if err == nil {
				return
			}
			if cmd.ProcessState.ExitCode() >= 0 && !strings.Contains(string(out), "another choriste partition is at work") { // whose session PostgreSQL has not ended yet
				t.Fatalf("choriste %s: %v\n%s", strings.Join(args, " "), err, out)
			}
			killed++
			script(t, db, `INSERT INTO chorus.invoices (document) VALUES ('meanwhile')`)
			numberAll(t, db)
			said(t, db.OperatorURL, 0, "history stands at event", "verify", "--database")
		}
	}
	for range 2 {
		untilDone("partition", "detach", "first", "--to", dir, "--older-than", "30d")
		if n := query(t, db.URL, `SELECT count(*)::text FROM chorus.events WHERE id < 2000000000000000`)[0]; n != "0" {
			t.Errorf("%s events are left", n)
		}
		untilDone("partition", "attach", filepath.Join(dir, "choriste-events-first.json"))
		if after := history(); after != before {
			t.Error("history has changed")
		}
	}
	numberAll(t, db)
	said(t, db.OperatorURL, 0, "history stands at event", "verify", "--database")
	if killed == 0 {
		t.Error("nothing was killed")
	}
	t.Logf("killed %d times", killed)
}
