package chaos

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store/storetest"
)

// good is a small world in which every invariant holds: an invoice that went straight through, one that was lost once, one that the portal rejected, one
// that was lost twice and is parked, one that was cancelled.
const good = `
INSERT INTO chaos.settings (d, h, silence, quota, token_rate, never, first_seq) VALUES ('3 s', '8 s', '0', 10, 3, false, 1000);
INSERT INTO chorus.invoices (id, external_ref, document, document_sha256, document_bytes, state, reason_code, numero_facture, date_facture, fournisseur_siret,
    attempt_no, numero_flux_depot, identifiant_facture_cpp)
OVERRIDING SYSTEM VALUE VALUES
    (1, 'r1', 'd1', '\x01', 2, 'settled', NULL, 'G-1', '2026-01-15', '99999999800012', 1, 'F1', 11),
    (2, 'r2', 'd2', '\x02', 2, 'settled', NULL, 'G-2', '2026-01-15', '99999999800012', 2, 'F2', 12),
    (3, 'r3', 'd3', '\x03', 2, 'rejected', 'FLUX_REJECTED', 'G-3', '2026-01-15', '99999999800012', 1, 'F3', NULL),
    (4, 'r4', 'd4', '\x04', 2, 'parked', 'BUDGET', 'G-4', '2026-01-15', '99999999800012', 2, NULL, NULL),
    (5, 'r5', 'd5', '\x05', 2, 'cancelled', NULL, NULL, NULL, NULL, 0, NULL, NULL),
    (6, 'r6', 'd6', '\x06', 2, 'parked', 'POISON', NULL, NULL, NULL, 0, NULL, NULL);
INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline, finished_at, outcome, evidence)
SELECT ('00000000-0000-0000-0000-0000000000' || k)::uuid, left(k, 1)::int, right(k, 1)::int, 'w1', 'n' || k, decode('0' || left(k, 1), 'hex'), 'e', t, t + interval '2 s', t,
    outcome, CASE WHEN outcome = 'ACCEPTED' THEN '{}' ELSE jsonb_build_object('lookups', (
        SELECT jsonb_agg(jsonb_build_object('at', t + s * interval '1 s', 'age_ns', s * 1e9, 'complete', true, 'witness', true, 'found', 0, 'absent', true))
        FROM (VALUES (2), (5), (9)) x (s))) END
FROM (VALUES ('11', 'ACCEPTED'), ('21', 'AMBIGUOUS'), ('22', 'ACCEPTED'), ('31', 'ACCEPTED'), ('41', 'OWNER_LOST'), ('42', 'AMBIGUOUS')) a (k, outcome),
    LATERAL (SELECT clock_timestamp() + (right(k, 1)::int - 1) * interval '10 s') c (t);
INSERT INTO chaos.commits SELECT id, pg_current_xact_id() FROM chorus.attempts;
INSERT INTO chorus.events (invoice_id, actor, from_state, to_state)
SELECT i, 'test', lag(s) OVER (PARTITION BY i ORDER BY k), s
FROM (VALUES (1, 'received ready sending deposited integrated settled'),
             (2, 'received ready sending in_doubt ready sending deposited integrated settled'),
             (3, 'received ready sending deposited rejected'),
             (4, 'received ready sending in_doubt ready sending in_doubt parked'),
             (5, 'received cancelled'),
             (6, 'received ready parked')) p (i, way), unnest(string_to_array(way, ' ')) WITH ORDINALITY x (s, k)
ORDER BY i, k;
INSERT INTO chaos.inserts
SELECT 'default', external_ref, coalesce(chaos.key(i), ''), encode(document_sha256, 'hex'), CASE id WHEN 6 THEN 'poison' ELSE 'good' END, true,
    now() - CASE WHEN id IN (1, 6) THEN interval '0' ELSE interval '5 min' END
FROM chorus.invoices i;
INSERT INTO chaos.processes VALUES ('w1', 0, now() - interval '1 h', now() + interval '1 s', 'kill');
INSERT INTO chaos.rewinds VALUES ('rewind-restore', false, now() - interval '9 s', now() - interval '7 s', now() - interval '6 s', now() - interval '5 s', '10 s', now(), '38 s');
INSERT INTO chaos.episodes VALUES ('poison-rows', NULL, now() - interval '3 s', now() + interval '1 s', true, now() + interval '2 s', '30 s');
INSERT INTO chaos.cuts VALUES (0, now() - interval '10 min', now() - interval '9 min', true);
INSERT INTO chaos.answers VALUES
    (0, 'w1', now() - interval '9 min 45 s', true, 200, 'ready'), (0, 'w1', now() - interval '9 min 20 s', false, NULL, 'dispatch is late'),
    (1, 'w2', now() - interval '9 min 20 s', true, NULL, 'ready'), (0, 'w1', now() - interval '8 min 40 s', false, NULL, 'starting'),
    (0, 'w1', now(), true, 200, 'ready');
INSERT INTO chaos.memory VALUES (0, 'w1', 500 << 20);
INSERT INTO chaos.noise VALUES ('the database takes no changes', 0, 20, 10, 3), ('serialization failures', 0, 0, 10, 0);
INSERT INTO chaos.refusals VALUES ('nested metadata', 'CH001');
`

// goodLedger is the portal's side, of which requests 1 to 5 (by attempts 11, 21, 22, 31, 42) are heard.
const goodLedger = `
INSERT INTO chaos.ledger (seq, at, type, request, op, key, nom_fichier, file_sha256)
SELECT r * 10, a.claimed_at + interval '1 s', 'request', r, 'deposer/flux', '2026/999999998/G-' || a.invoice_id, a.nom_fichier, encode(a.sha256, 'hex')
FROM (VALUES (1, 'n11'), (2, 'n21'), (3, 'n22'), (4, 'n31'), (5, 'n42')) x (r, nom) JOIN chorus.attempts a ON a.nom_fichier = nom;
INSERT INTO chaos.ledger (seq, at, type, request, key, nom_fichier, flux, refused_later, refused_as) VALUES
    (12, now(), 'accepted', 1, '2026/999999998/G-1', 'n11', 'F1', false, NULL),
    (32, now(), 'accepted', 3, '2026/999999998/G-2', 'n22', 'F2', false, NULL),
    (42, now(), 'accepted', 4, '2026/999999998/G-3', 'n31', 'F3', true, 'rules');
INSERT INTO chaos.ledger (seq, at, type, request, status, fault, sent) VALUES
    (14, now(), 'answer', 1, 200, NULL, true), (24, now(), 'answer', 2, NULL, 'drop_before_commit', false), (34, now(), 'answer', 3, 200, NULL, true),
    (44, now(), 'answer', 4, 200, NULL, true), (54, now(), 'answer', 5, NULL, 'drop_before_commit', false);
INSERT INTO chaos.ledger (seq, at, type, flux, facture) VALUES (16, now(), 'integrated', 'F1', 11), (36, now(), 'integrated', 'F2', 12);
INSERT INTO chaos.ledger (seq, at, type, key, facture) VALUES (5, now(), 'portal', '2026/999999998/G-3', 13); -- by a person; F3 was refused for a reason of its own
INSERT INTO chaos.ledger (seq, at, type, op) VALUES (61, now(), 'revoke', NULL); -- so that one more token may be asked for
INSERT INTO chaos.ledger (seq, at, type, op) SELECT n, now(), 'request', 'token' FROM generate_series(62, 65) n;
`

// bad lists, for each invariant, changes of the good world that break it.
var bad = map[string][]string{
	"I1": {
		`INSERT INTO chaos.ledger (seq, at, type, key, flux) VALUES (90, now(), 'accepted', '2026/999999998/G-1', 'F9')`,
		`INSERT INTO chaos.ledger (seq, at, type, key, flux, refused_later, refused_as) VALUES (90, now(), 'accepted', '2026/999999998/G-1', 'F9', true, 'duplicate')`,
	},
	"I2": {
		`UPDATE chorus.invoices SET numero_flux_depot = 'F9', identifiant_facture_cpp = 19 WHERE id = 1`,
		`UPDATE chorus.invoices SET state = 'deposited', numero_flux_depot = NULL WHERE id = 1`,
		`UPDATE chorus.invoices SET numero_facture = 'G-9' WHERE id = 1`,
		`UPDATE chaos.ledger SET refused_later = true, refused_as = 'rules' WHERE seq = 12`,
	},
	"I3": {
		`UPDATE chorus.invoices SET state = 'rejected' WHERE id = 1`,
		`UPDATE chorus.invoices SET state = 'abandoned' WHERE id = 2`,
		`UPDATE chaos.ledger SET refused_later = false, refused_as = NULL WHERE seq = 42`,
		`UPDATE chaos.ledger SET refused_as = 'duplicate' WHERE seq = 42`,
	},
	"I4": {
		`UPDATE chorus.invoices SET state = 'ready' WHERE id = 1`,
		`UPDATE chorus.invoices SET state = 'ready' WHERE id = 4; DELETE FROM chaos.ledger WHERE seq = 54`,
		`UPDATE chorus.invoices SET state = 'ready' WHERE id = 4;
		 INSERT INTO chaos.ledger (seq, at, type, request, nom_fichier, flux) VALUES (55, now(), 'scheduled', 5, 'n42', 'F9')`,
	},
	"I5": {
		`INSERT INTO chaos.inserts VALUES ('default', 'r9', '', '', 'good', true, NULL)`,
		`UPDATE chaos.inserts SET sha256 = '09' WHERE external_ref = 'r1'`,
		`UPDATE chorus.invoices SET state = 'sending' WHERE id = 4`,
	},
	"I6": {`UPDATE chorus.invoices SET numero_flux_depot = NULL, identifiant_facture_cpp = NULL WHERE id = 1`},
	"I7": {
		`UPDATE chaos.ledger SET nom_fichier = 'n99' WHERE seq = 10`,
		`UPDATE chaos.ledger SET at = at - interval '1 h' WHERE seq = 10`,
		`DELETE FROM chaos.commits WHERE attempt = '00000000-0000-0000-0000-000000000011'`,
	},
	"I8": {
		`INSERT INTO chaos.ledger (seq, at, type, request, op, nom_fichier) VALUES (90, now(), 'request', 9, 'deposer/flux', 'n11')`,
		`UPDATE chaos.ledger SET reused = true WHERE seq = 10`,
		`UPDATE chaos.ledger SET idempotency_key = 'k' WHERE seq = 10`,
	},
	"I9": {
		`UPDATE chaos.ledger SET file_sha256 = '09' WHERE seq = 10`,
		`UPDATE chaos.ledger SET file_sha256 = NULL WHERE seq = 10`,
	},
	"I10": {`UPDATE chaos.ledger SET at = at + interval '6 s' WHERE seq = 10`},
	"I11": {
		`UPDATE chorus.attempts SET evidence = '{}' WHERE nom_fichier = 'n21'`,
		`UPDATE chorus.attempts SET outcome = NULL, evidence = '{}' WHERE nom_fichier = 'n41'`,
		`UPDATE chorus.attempts SET evidence = jsonb_set(evidence, '{lookups,2,age_ns}', '7e9') WHERE nom_fichier = 'n21'`,
		`UPDATE chorus.attempts SET evidence = jsonb_set(evidence, '{lookups,2,witness}', 'false') WHERE nom_fichier = 'n21'`,
		`UPDATE chorus.attempts SET evidence = jsonb_set(evidence, '{lookups,1,complete}', 'false') WHERE nom_fichier = 'n21'`,
		`UPDATE chorus.attempts SET evidence = jsonb_set(evidence, '{lookups,2,at}', '"2100-01-01"') WHERE nom_fichier = 'n21'`,
		`UPDATE chorus.attempts SET outcome = 'NOT_SENT' WHERE nom_fichier = 'n11'`,
		`UPDATE chorus.attempts SET outcome = 'NOT_LANDED' WHERE nom_fichier = 'n11'`,
	},
	"I12": {`UPDATE chorus.attempts SET outcome = NULL, send_deadline = now() - interval '1 s' WHERE nom_fichier = 'n42'`},
	"I13": {
		`DELETE FROM chorus.events WHERE invoice_id = 1 AND to_state = 'sending'`,
		`UPDATE chorus.events SET to_state = 'parked' WHERE invoice_id = 5 AND to_state = 'cancelled'`,
		`DELETE FROM chorus.events WHERE invoice_id = 5`,
		`INSERT INTO chorus.events (invoice_id, actor, from_state, to_state) VALUES (5, 'test', 'cancelled', 'ready'); UPDATE chorus.invoices SET state = 'ready' WHERE id = 5`,
	},
	"I14": {
		`INSERT INTO chaos.ledger (seq, at, type, op) SELECT 100 + n, now() + n * interval '90 ms', 'request', 'rechercher/fournisseur' FROM generate_series(1, 11) n`,
		`INSERT INTO chaos.ledger (seq, at, type, status) VALUES (90, now(), 'answer', 429)`,
	},
	"L": {
		`UPDATE chorus.invoices SET state = 'integrated' WHERE id = 1`,
		`UPDATE chorus.invoices SET reason_code = 'SEVERAL' WHERE id = 4`,
		`UPDATE chorus.invoices SET reason_code = 'ABSENT' WHERE id = 4`,
		`UPDATE chaos.inserts SET kind = 'good' WHERE external_ref = 'r6'`,
		`UPDATE chaos.settings SET never = true`,
		`INSERT INTO chaos.ledger (seq, at, type, request, key, nom_fichier, flux) VALUES (90, now(), 'accepted', 5, '2026/999999998/G-4', 'n42', 'F9')`,
	},
	"S": {`INSERT INTO chaos.leaks VALUES ('worker-0.log', 'client secret')`},
	"W": {
		`UPDATE chaos.processes SET how = 'term'`,
		`UPDATE chaos.processes SET ended = NULL, how = NULL; UPDATE chorus.attempts SET claimed_at = now() - interval '1 min' WHERE nom_fichier = 'n41'`,
	},
	"Q": {
		`UPDATE chaos.rewinds SET noticed = NULL`,
		`UPDATE chaos.rewinds SET noticed = now() + interval '5 s'`,
	},
	"B": {
		`UPDATE chaos.rewinds SET back = NULL`,
		`UPDATE chaos.episodes SET back = NULL`,
		`UPDATE chaos.episodes SET back = now() + interval '32 s'`,
	},
	"R": {
		`UPDATE chaos.answers SET ready = true WHERE said = 'dispatch is late'`,
		`UPDATE chaos.answers SET ready = false WHERE at = (SELECT max(at) FROM chaos.answers)`,
		`UPDATE chaos.answers SET at = at + interval '15 s' WHERE said = 'starting'`,
		`UPDATE chaos.cuts SET slot = NULL`,
		`UPDATE chaos.answers SET metrics = 500 WHERE metrics = 200`,
	},
	"P": {
		`UPDATE chaos.inserts SET at = at - interval '2 s' WHERE external_ref = 'r1'; UPDATE chaos.ledger SET at = at + interval '29 s' WHERE nom_fichier = 'n11'`,
		`UPDATE chaos.inserts SET at = (SELECT at FROM chaos.inserts WHERE external_ref = 'r1') WHERE external_ref = 'r5'`,
		`UPDATE chaos.inserts SET kind = 'poison' WHERE external_ref = 'r1'`,
		`UPDATE chaos.refusals SET sqlstate = NULL`,
	},
	"M": {`UPDATE chaos.memory SET bytes = 513 << 20`},
	"N": {
		`UPDATE chaos.noise SET lines = 31 WHERE most = 3`,
		`UPDATE chaos.noise SET lines = 1 WHERE most = 0`,
	},
	"T": {
		`INSERT INTO chaos.ledger (seq, at, type, op) SELECT 101, at, 'request', 'token' FROM chaos.ledger WHERE seq = 65`,
		`INSERT INTO chaos.ledger (seq, at, type, status) SELECT 100 + n, now(), 'answer', 401 FROM generate_series(1, 61) n`,
	},
}

// world starts a server and makes the good world in it. I7 asks when things were committed, so they really are.
func world(t *testing.T) *pgxpool.Pool {
	t.Helper()
	cluster, err := storetest.Start(t.Context(), storetest.Options{InMemory: true, Settings: map[string]string{"track_commit_timestamp": "on"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := migrations.Up(t.Context(), cluster.URL(""), nil); err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.New(context.WithoutCancel(t.Context()), cluster.URL(""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	// The product's own rules are switched off: what is wanted here is what they forbid.
	for _, sql := range []string{schemaSQL, good, goodLedger} {
		if _, err := pool.Exec(t.Context(), `SET session_replication_role = replica; `+sql); err != nil {
			t.Fatal(err)
		}
	}
	return pool
}

func TestEveryInvariantFiresOnWhatBreaksItAndOnNothingElse(t *testing.T) {
	pool := world(t)
	evaluated := func(change string) map[string][]string {
		t.Helper()
		tx, err := pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
		if _, err := tx.Exec(t.Context(), `SET LOCAL session_replication_role = replica; `+change); err != nil {
			t.Fatalf("%s: %v", change, err)
		}
		found, err := evaluate(t.Context(), tx, true, nil)
		if err != nil {
			t.Fatalf("%s: %v", change, err)
		}
		names := map[string][]string{}
		for _, v := range found {
			names[v.Invariant] = v.Samples
		}
		return names
	}
	if found := evaluated(`SELECT`); len(found) > 0 {
		t.Fatalf("the good world breaks %v", found)
	}
	for _, inv := range invariants {
		if len(bad[inv.Name]) == 0 {
			t.Errorf("%s is not shown to fire", inv.Name)
		}
		for _, change := range bad[inv.Name] {
			if found := evaluated(change); len(found[inv.Name]) == 0 {
				t.Errorf("%s does not fire on %s, only %v", inv.Name, strings.Join(strings.Fields(change), " "), found)
			}
		}
	}
	if len(bad) != len(invariants) {
		t.Errorf("%d invariants are broken, there are %d", len(bad), len(invariants))
	}
}

// A sample brings every line of the ledger into the database once, also into one that has forgotten some.
func TestSamplesFollowTheLedger(t *testing.T) {
	pool := world(t)
	path := filepath.Join(t.TempDir(), "ledger.jsonl")
	o := &observer{pool: pool, ledger: ledgerReader{path: path}, world: new(sync.RWMutex)}
	write := func(seq int, kind, nom string) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		_, err = fmt.Fprintf(f, `{"seq":%d,"at":"2026-01-15T10:00:00Z","type":%q,"op":"deposer/flux","nomFichier":%q}`+"\n", seq, kind, nom)
		if err != nil {
			t.Fatal(err)
		}
	}
	write(1, "start", "")
	sample := func() []violation {
		t.Helper()
		found, err := o.sample(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if _, err := pool.Exec(t.Context(), `DELETE FROM chaos.ledger; SET session_replication_role = replica; DELETE FROM chorus.invoices`); err != nil {
		t.Fatal(err)
	}
	_ = sample()
	write(2, "request", "nobody's")
	if found := sample(); len(found) != 1 || found[0].Invariant != "I7" {
		t.Errorf("a request of no attempt shows as %v", found)
	}
	if _, err := pool.Exec(t.Context(), `DELETE FROM chaos.ledger`); err != nil {
		t.Fatal(err)
	}
	write(3, "close", "")
	_ = sample()
	var lines int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM chaos.ledger`).Scan(&lines); err != nil || lines != 3 {
		t.Errorf("%d lines after the database had forgotten, want 3 (%v)", lines, err)
	}
}
