package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/choriste/choriste/store/storetest"
)

// One account's documents, from the first count to the last one: counted first, deleted in small transactions, gone on with after an interruption.
func TestPurge(t *testing.T) {
	db := storetest.New(t)
	script(t, db, `
		INSERT INTO chorus.invoices (external_ref, document) SELECT 'r' || n, repeat('x', 1000)::bytea FROM generate_series(1, 130) n;
		SET LOCAL session_replication_role = replica;
		UPDATE chorus.invoices SET state = CASE WHEN id <= 120 THEN 'settled' ELSE 'integrated' END, updated_at = clock_timestamp() - interval '40 days';
		SET LOCAL session_replication_role = origin;`)
	said(t, db.OperatorURL, 0, "ACCOUNT  KEEPS", "purge") // the columns of the head stand above theirs
	said(t, db.OperatorURL, 0, "for ever", "purge")
	said(t, db.OperatorURL, 0, "sans limite", "--lang", "fr", "purge")
	said(t, db.OperatorURL, 2, "--keep and --erase need --account and --reason", "purge", "--keep", "30d")
	said(t, db.OperatorURL, 2, "is neither forever nor an age", "purge", "--keep", "23h", "--account", "default", "--reason", "x")
	said(t, db.OperatorURL, 2, "one at a time", "purge", "--yes", "--dry-run")
	said(t, db.OperatorURL, 2, "--expect and --limit go with --yes", "purge", "--limit", "3")
	said(t, db.OperatorURL, 0, "default keeps a document for 30d", "purge", "--keep", "30d", "--account", "default", "--reason", "our policy")
	said(t, db.OperatorURL, 0, `"due":120,"bytes":120000,"exchanges":0,"files":0,"held":0,"not_final":10,"waits":"no worker has run for a day`, "--json", "purge")
	said(t, db.OperatorURL, 1, "nothing is purged now: no worker has run for a day", "purge", "--yes")
	script(t, db, `UPDATE chorus.clock_watch SET since = clock_timestamp() - interval '2 days', seen = clock_timestamp()`)
	said(t, db.OperatorURL, 1, "120 documents are due, and not 119: nothing was deleted", "purge", "--yes", "--expect", "119")
	said(t, db.OperatorURL, 1, "nobody", "purge", "--account", "nobody")
	said(t, db.ReaderURL, 1, "", "purge", "--yes")
	left := func() string {
		return strings.Join(query(t, db.URL, `SELECT count(*)::text FROM chorus.invoices WHERE document IS NOT NULL`), "")
	}
	if got := left(); got != "130" {
		t.Fatalf("%s documents are left before anything was deleted", got)
	}
	said(t, db.OperatorURL, 0, "7 documents were deleted", "purge", "--yes", "--limit", "7")

	// Interrupted: what was deleted stays deleted, and the same command goes on.
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var out, errOut strings.Builder
	if status := run(ctx, []string{"purge", "--yes"}, func(name string) string { return map[string]string{"DATABASE_URL": db.OperatorURL}[name] }, &out, &errOut); status != 1 {
		t.Errorf("interrupted: status %d, %s%s", status, out.String(), errOut.String())
	}
	said(t, db.OperatorURL, 0, `{"purged":113,"bytes":113000,"exchanges":0,"files":0}`, "--json", "purge", "--yes", "--expect", "113")
	if got := left(); got != "10" {
		t.Errorf("%s documents are left, want those of the 10 that are open", got)
	}
	said(t, db.OperatorURL, 0, "0 documents were deleted", "purge", "--yes")
	said(t, db.OperatorURL, 0, "purged 20", "show", "1")
	said(t, db.OperatorURL, 0, "is erased from", "purge", "--erase", "--account", "default", "--reason", "the contract ended")
	said(t, db.OperatorURL, 0, "erased from", "purge")
	said(t, db.OperatorURL, 0, "keeps its documents for ever", "purge", "--keep", "forever", "--account", "default", "--reason", "a mistake")
	if got := fmt.Sprint(query(t, db.URL, `SELECT reason_code FROM chorus.events WHERE detail ->> 'account' = 'default' ORDER BY id`)); got != "[RETENTION_SET ERASURE_ASKED RETENTION_SET]" {
		t.Errorf("history says %s", got)
	}
}

// The columns of a plan's head stand above theirs.
func TestPlanIsATable(t *testing.T) {
	db := storetest.New(t)
	script(t, db, `DELETE FROM chorus.goose_db_version WHERE version_id > 11`)
	said(t, db.URL, 0, "STEP  STATEMENT", "migrate", "plan")
	said(t, db.URL, 0, "ÉTAPE  INSTRUCTION", "--lang", "fr", "migrate", "plan")
}

// What is due is found with one plan for all rows: with one for each, ten thousand took longer than a statement may.
func TestDueIsFoundAtOnce(t *testing.T) {
	db := storetest.New(t)
	script(t, db, `
		INSERT INTO chorus.invoices (external_ref, document) SELECT 'r' || n, 'x' FROM generate_series(1, 2000) n;
		SET LOCAL session_replication_role = replica;
		UPDATE chorus.invoices SET state = 'settled', updated_at = clock_timestamp() - interval '40 days';
		INSERT INTO chorus.retention (account, keep, reason, set_by) VALUES ('default', '30 days', 'x', 'x');
		SET LOCAL session_replication_role = origin;`)
	took := func(sql string) time.Duration {
		best := time.Hour
		for range 3 {
			begun := time.Now()
			if got := strings.Join(query(t, db.URL, sql), ""); got != "2000" {
				t.Fatalf("%s: %s", sql, got)
			}
			best = min(best, time.Since(begun))
		}
		return best
	}
	alone := took(`SELECT count(*)::text FROM chorus.invoices i WHERE chorus.at_rest(i.id)`)
	if due := took(`SELECT count(*)::text FROM chorus.purge_due('default', NULL)`); due > 5*alone {
		t.Errorf("finding what is due took %v, asking of each row %v", due, alone)
	}
}
