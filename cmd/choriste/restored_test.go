package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/choriste/choriste/store/storetest"
)

// The drill of a restored copy says how old it is and what would be looked up first, writes nothing, and names what is wrong.
func TestVerifyRestored(t *testing.T) {
	db := storetest.New(t)
	every(t, db)
	script(t, db, `UPDATE chorus.installation SET db_epoch = 'the original';`)
	script(t, db, `INSERT INTO chorus.heartbeats (worker, beat_at) VALUES ('w1', clock_timestamp() - interval '3 hours'); SELECT chorus.number_events(1000);`)
	footprint := func() string {
		return strings.Join(query(t, db.URL, `SELECT concat_ws(' ', (SELECT max(id) FROM chorus.events), (SELECT sum(version) FROM chorus.invoices), (SELECT string_agg(h::text, '') FROM chorus.heartbeats h),
			(SELECT count(*) FROM river.river_job), (SELECT i::text FROM chorus.installation i))`), "")
	}
	before := footprint()
	out := said(t, db.OperatorURL, 1, "looked up first by a worker that starts on it: 1 sending, 10.00 EUR\n", "verify", "--restored")
	for _, want := range []string{"1 in_doubt, 10.00 EUR", "1 ready, 10.00 EUR", "1 received, 10.00 EUR", "last heartbeat: ", ", of w1", "the copy knows of nothing after ", "nothing was sent, and nothing was written"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	out = said(t, db.OperatorURL, 1, "", "--json", "verify", "--restored")
	var d drill
	if err := json.Unmarshal([]byte(strings.SplitN(out, "\n", 2)[0]), &d); err != nil || len(d.LookedUp) != 4 || d.Invoices != 12 || d.Age < 0 || d.Age > 600 || len(d.Wrong) == 0 {
		t.Errorf("%v: %s", err, out)
	}
	if after := footprint(); after != before {
		t.Errorf("it wrote:\n%s\n%s", before, after)
	}
	said(t, db.OperatorURL, 2, "--restored goes without FILE", "verify", "--restored", "--database")

	// A copy of the data directory is not known for one: what is ready would be sent.
	script(t, db, `UPDATE chorus.installation SET db_epoch = chorus.identity();`)
	out = said(t, db.OperatorURL, 1, "nothing tells this copy from the original", "verify", "--restored")
	for _, want := range []string{"\nsent by a worker that starts on it: 1 ready, 10.00 EUR", "\nsent by a worker that starts on it: 1 received, 10.00 EUR", "looked up first by a worker that starts on it: 1 sending", "chorus.quarantine"} {
		if !strings.Contains(out, want) || strings.Contains(out, "looked up first by a worker that starts on it: 1 ready") {
			t.Errorf("of a copy that is not known for one it does not say %q:\n%s", want, out)
		}
	}

	// What a restore leaves out is named.
	whole := storetest.New(t)
	script(t, whole, `INSERT INTO chorus.invoices (document) VALUES ('x'); SELECT chorus.number_events(1000);`)
	said(t, whole.OperatorURL, 0, "1 received", "verify", "--restored")
	script(t, whole, `SET LOCAL session_replication_role = replica; UPDATE chorus.invoices SET document = 'y'; SET LOCAL session_replication_role = origin;`)
	said(t, whole.OperatorURL, 1, "the document of invoice 1 was altered", "verify", "--restored")
	script(t, whole, `DROP TRIGGER invoices_purge ON chorus.invoices;`)
	said(t, whole.OperatorURL, 1, "SCHEMA_TORN", "--json", "verify", "--restored")
}
