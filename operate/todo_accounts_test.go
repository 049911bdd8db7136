package operate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/choriste/choriste/operate"
)

// TestAnAccountThatStandsStillBesideAnother is one that no worker knows any more, because it was renamed in the settings: the others send as ever.
func TestAnAccountThatStandsStillBesideAnother(t *testing.T) {
	d := newDesk(t)
	d.sql(`INSERT INTO chorus.heartbeats (worker) VALUES ('w')`, `INSERT INTO chorus.accounts (name) VALUES ('default'), ('north') ON CONFLICT DO NOTHING`)
	north := d.invoice("SENT", "deposited", `account = 'north', attempt_no = 1`)
	d.sql(fmt.Sprintf(`
		INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline, outcome)
		VALUES (gen_random_uuid(), %d, 1, 'w', 'f.xml', '', '', now(), now(), 'ACCEPTED')`, north))
	d.expect()
	d.invoice("WAITS", "ready", "due_at = clock_timestamp() - interval '1 hour', created_at = clock_timestamp() - interval '1 hour'")
	d.expect("stalled - operator choriste doctor")
	d.sql(`UPDATE chorus.invoices SET due_at = clock_timestamp() + interval '1 minute' WHERE state = 'ready'`) // as a job does that gives it back
	d.expect("stalled - operator choriste doctor")
	d.sql(`INSERT INTO chorus.breakers (key, scope, name, state, since, fault) VALUES ('norths', 'portal', 'api.example', 'open', now(), 'network')`, `UPDATE chorus.accounts SET behind = '{norths}' WHERE name = 'north'`)
	d.expect("stalled - operator choriste doctor") // the other's outage is not its own
	d.sql(`UPDATE chorus.accounts SET behind = '{norths}'`)
	d.expect()
}

// TestAnAccountThatNoWorkerHas: workers may have different accounts, but one whose invoices wait and that none of those that live has is named, and it alone.
func TestAnAccountThatNoWorkerHas(t *testing.T) {
	d := newDesk(t)
	d.sql(`INSERT INTO chorus.heartbeats (worker) VALUES ('w'), ('v')`, `INSERT INTO chorus.accounts (name) VALUES ('default'), ('north'), ('south') ON CONFLICT DO NOTHING`,
		`INSERT INTO chorus.configured (kind, key) VALUES ('account', 'default'), ('account', 'south')`,
		`INSERT INTO chorus.configured (kind, key, seen_at) VALUES ('account', 'north', clock_timestamp() - interval '50 seconds')`)
	d.invoice("N-1", "ready", `account = 'north', created_at = clock_timestamp() - interval '1 hour'`)
	d.invoice("N-2", "integrated", `account = 'north', statut_courant = 'DEPOSEE'`)
	d.invoice("S-1", "deposited", `account = 'south'`)
	expectWorker := func(want string) {
		t.Helper()
		lines, err := operate.Todos(t.Context(), d.owner, operate.TodoFilter{Kind: "worker"})
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, l := range lines {
			if l.Account == nil || l.Next != "choriste work" {
				t.Errorf("%+v", l)
				continue
			}
			said = append(said, *l.Account+": "+l.Cause+" / "+l.CauseFR)
		}
		if got := strings.Join(said, "\n"); got != want {
			t.Errorf("said:\n%s\nwant:\n%s", got, want)
		}
	}
	expectWorker("") // it may be restarting
	d.sql(`UPDATE chorus.configured SET seen_at = clock_timestamp() - interval '2 minutes' WHERE key = 'north'`)
	const nobody = "north: no live worker has the account, and its invoices wait: start a worker with it, or give it to one that runs (CHORISTE_ACCOUNTS_FILE); each account needs one" +
		" / aucun worker en vie n'a ce compte, et ses factures attendent : démarrer un worker qui l'a, ou le donner à un worker en marche (CHORISTE_ACCOUNTS_FILE) ; il en faut un pour chaque compte"
	expectWorker(nobody)
	d.sql(`DELETE FROM chorus.configured WHERE key = 'north'`)
	expectWorker(nobody)
	for _, l := range d.list(d.owner) {
		if strings.HasPrefix(l, "stalled") {
			t.Errorf("it is said twice: %s", l)
		}
	}
	d.sql(`UPDATE chorus.invoices SET state = 'settled' WHERE account = 'north'`)
	expectWorker("")
}
