package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// planted is a row, an attempt of it if it was sent, and the look-ups after that, as no rule made them.
type planted struct {
	set      string // of the row
	outcome  string // of its last attempt: "" = there is none, "open" = it has not ended
	evidence string
	earlier  string // the outcome of an attempt before that
	counted  int    // attempts that the row has counted and that are not there
}

func (p planted) plant(t *testing.T, owner *pgxpool.Pool, k int) (id int64) {
	t.Helper()
	err := owner.QueryRow(t.Context(), `INSERT INTO chorus.invoices (document, external_ref) VALUES ('x', $1) RETURNING id`, fmt.Sprint("row ", k)).Scan(&id)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, outcome := range []string{p.earlier, p.outcome} {
		if outcome == "" {
			continue
		}
		n++
		evidence := "{}"
		if outcome == p.outcome && p.evidence != "" {
			evidence = p.evidence
		}
		unruled(t, owner, `
			INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline, finished_at, outcome, evidence)
			SELECT gen_random_uuid(), $1, $2, 'w', format('f%s_%s', $1::bigint, $2::int), 'x', 'e', now() - interval '2 hours', now(), now(), nullif($3, 'open'), $4`,
			id, n, outcome, evidence)
	}
	force(t, owner, id, fmt.Sprintf(`attempt_no = %d, %s`, n+p.counted, p.set))
	return id
}

// looks is evidence of as many look-ups.
func looks(n int, each string) string {
	return `{"lookups": [` + strings.TrimSuffix(strings.Repeat(`{"at": "2999-01-01T00:00:00Z", `+each+`}, `, n), ", ") + `]}`
}

const (
	absent = `"complete": true, "found": 0, "absent": true`
	empty  = `"complete": true, "found": 0, "absent": false`
)

// Whoever says so, the worker's login by hand or the owner: a row is made ready only with a proof on record.
func TestNothingIsReadyWithoutAProof(t *testing.T) {
	db := storetest.New(t)
	owner, worker := as(t, db.URL), as(t, db.WorkerURL)
	const doubt = `state = 'in_doubt', in_doubt_since = now() - interval '1 hour', reason_code = `
	const doubtSince3000 = `state = 'in_doubt', in_doubt_since = '3000-01-01', reason_code = `
	for k, c := range []struct {
		name string
		planted
		want string
	}{
		{"read for the first time", planted{set: `state = 'received'`}, ""},
		{"received, and sent before", planted{set: `state = 'received'`, outcome: "NOT_SENT"}, "CH005"},
		{"received, and its attempts forgotten", planted{set: `state = 'received'`, counted: 1}, "CH005"},

		{"sending, proven not sent", planted{set: `state = 'sending'`, outcome: "NOT_SENT"}, ""},
		{"sending, turned away", planted{set: `state = 'sending'`, outcome: "NOT_LANDED"}, ""},
		{"sending, and the request may be in the air", planted{set: `state = 'sending'`, outcome: "open"}, "CH005"},
		{"sending, and no attempt was written", planted{set: `state = 'sending'`, counted: 1}, "CH005"},
		{"sending, accepted", planted{set: `state = 'sending'`, outcome: "ACCEPTED"}, "CH005"},
		{"sending, the answer lost", planted{set: `state = 'sending'`, outcome: "AMBIGUOUS"}, "CH005"},
		{"sending, proven absent before anybody was in doubt", planted{set: `state = 'sending'`, outcome: "AMBIGUOUS", evidence: looks(3, absent)}, "CH005"},
		{"sending for the second time, and the first may be in the air", planted{set: `state = 'sending'`, outcome: "NOT_SENT", earlier: "open"}, "CH005"},
		{"sending for the second time, and nobody looked for the first", planted{set: `state = 'sending'`, outcome: "NOT_SENT", earlier: "OWNER_LOST"}, "CH005"},
		{"sending for the second time, the first not landed", planted{set: `state = 'sending'`, outcome: "NOT_SENT", earlier: "NOT_LANDED"}, ""},

		{"a late answer: not sent", planted{set: doubt + `'OWNER_LOST'`, outcome: "NOT_SENT"}, ""},
		{"the same, and a later attempt may be forgotten", planted{set: doubt + `'QUARANTINE'`, outcome: "NOT_SENT"}, "CH005"},
		{"the same, looked up since", planted{set: doubt + `'QUARANTINE'`, outcome: "NOT_SENT", evidence: looks(3, absent)}, ""},
		{"the same, looked up before", planted{set: doubtSince3000 + `'QUARANTINE'`, outcome: "NOT_SENT", evidence: looks(3, absent)}, "CH005"},
		{"never looked up", planted{set: doubt + `'OWNER_LOST'`, outcome: "OWNER_LOST"}, "CH005"},
		{"looked up twice", planted{set: doubt + `'OWNER_LOST'`, outcome: "OWNER_LOST", evidence: looks(2, absent)}, "CH005"},
		{"looked up three times", planted{set: doubt + `'OWNER_LOST'`, outcome: "OWNER_LOST", evidence: looks(3, absent)}, ""},
		{"three times that do not count", planted{set: doubt + `'OWNER_LOST'`, outcome: "AMBIGUOUS", evidence: looks(3, empty)}, "CH005"},
		{"three times, but it has a flux", planted{set: doubt + `'AMBIGUOUS', numero_flux_depot = 'CPP1'`, outcome: "AMBIGUOUS", evidence: looks(3, absent)}, "CH005"},
		{"three times, but Chorus Pro has it", planted{set: doubt + `'AMBIGUOUS', identifiant_facture_cpp = 1`, outcome: "AMBIGUOUS", evidence: looks(3, absent)}, "CH005"},
		{"absent, but accepted", planted{set: doubt + `'DUPLICATE'`, outcome: "ACCEPTED", evidence: looks(3, absent)}, "CH005"},
		{"absent, but a duplicate", planted{set: doubt + `'DUPLICATE'`, outcome: "DUPLICATE", evidence: looks(3, absent)}, "CH005"},
		{"the attempt has not ended", planted{set: doubt + `'OWNER_LOST'`, outcome: "open", evidence: looks(3, absent)}, "CH005"},

		{"a rejected flux, before the search", planted{set: doubt + `'RETRY'`, outcome: "ACCEPTED"}, "CH005"},
		{"a rejected flux, after one", planted{set: doubt + `'RETRY'`, outcome: "ACCEPTED", evidence: looks(1, empty)}, ""},
		{"a rejected flux, after one that was made before", planted{set: doubtSince3000 + `'RETRY'`, outcome: "ACCEPTED", evidence: looks(1, empty)}, "CH005"},
		{"wanted, after one search", planted{set: doubt + `'RESUBMIT_WANTED'`, outcome: "AMBIGUOUS", evidence: looks(1, empty)}, "CH005"},
		{"wanted, proven", planted{set: doubt + `'RESUBMIT_WANTED'`, outcome: "AMBIGUOUS", evidence: looks(3, absent)}, ""},
		{"wanted, by override, before the search", planted{set: doubt + `'RESUBMIT_OVERRIDE'`, outcome: "AMBIGUOUS"}, "CH005"},
		{"wanted, by override, after one", planted{set: doubt + `'RESUBMIT_OVERRIDE'`, outcome: "AMBIGUOUS", evidence: looks(1, empty)}, ""},
		{"wanted, and never sent", planted{set: doubt + `'RESUBMIT_WANTED'`}, ""},
		{"in doubt, and never sent", planted{set: doubt + `'AMBIGUOUS'`}, "CH005"},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := c.plant(t, owner, k)
			for _, who := range []*pgxpool.Pool{owner, worker} {
				if c.want == "" && who == owner {
					continue
				}
				_, err := who.Exec(t.Context(), `UPDATE chorus.invoices SET state = 'ready' WHERE id = $1`, id)
				if got := store.SQLState(err); got != c.want {
					t.Errorf("%q, want %q: %v", got, c.want, err)
				}
			}
		})
	}
}

// R8 and its kind: what the worker's login may try by hand to have an invoice sent again that the portal holds, and to rewrite what happened.
func TestTheWorkersLoginCannotRewriteHistory(t *testing.T) {
	db := storetest.New(t)
	owner, worker := as(t, db.URL), as(t, db.WorkerURL)
	row := func(k int, p planted) int64 { return p.plant(t, owner, k) }
	held := row(1, planted{outcome: "ACCEPTED", evidence: looks(1, absent), set: `state = 'integrated', numero_flux_depot = 'CPP1', identifiant_facture_cpp = 41,
		numero_facture = 'F1', date_facture = '2026-05-01', montant_ttc = 120, devise = 'EUR', fournisseur_siret = '12345678200010', destinataire_siret = '12345678200028'`})
	flux := row(2, planted{outcome: "ACCEPTED", set: `state = 'deposited', numero_flux_depot = 'CPP2', numero_facture = 'F2'`})
	lost := row(3, planted{outcome: "OWNER_LOST", evidence: looks(2, absent), set: `state = 'in_doubt', in_doubt_since = now(), reason_code = 'OWNER_LOST', resubmits = 1`})
	air := row(4, planted{outcome: "open", set: `state = 'sending'`})
	parked := row(5, planted{outcome: "OWNER_LOST", set: `state = 'parked', reason_code = 'ABSENT'`})
	bad := row(6, planted{set: `state = 'invalid'`})
	suspect := row(7, planted{set: `state = 'received', lookup_first = true`})
	waiting := row(8, planted{set: `state = 'ready'`})
	gone := row(9, planted{outcome: "ACCEPTED", set: `state = 'rejected'`})
	forgotten := row(10, planted{outcome: "OWNER_LOST", set: `state = 'in_doubt', in_doubt_since = now(), reason_code = 'OWNER_LOST'`})

	const attempt = `UPDATE chorus.attempts SET %s WHERE invoice_id = $1`
	const invoice = `UPDATE chorus.invoices SET %s WHERE id = $1`
	for _, c := range []struct {
		name string
		id   int64
		sql  string
		set  string
		want string
	}{
		{"forget Chorus Pro's number", held, invoice, `state = 'rejected', identifiant_facture_cpp = NULL`, "CH001"},
		{"change Chorus Pro's number", held, invoice, `identifiant_facture_cpp = 42`, "CH001"},
		{"forget the flux", held, invoice, `numero_flux_depot = NULL`, "CH002"},
		{"forget the flux on the way", flux, invoice, `state = 'in_doubt', numero_flux_depot = NULL`, "CH002"},
		{"forget the flux of a rejected one", flux, invoice, `state = 'rejected', numero_flux_depot = NULL`, "CH002"},
		{"change the flux", flux, invoice, `numero_flux_depot = 'CPP9'`, "CH002"},
		{"rejected to ready", gone, invoice, `state = 'ready'`, "CH002"},
		{"an operator's retry", gone, invoice, `state = 'in_doubt', reason_code = 'RETRY'`, "CH002"},
		{"an operator's decision", parked, invoice, `state = 'in_doubt', reason_code = 'RESUBMIT_OVERRIDE'`, "CH002"},
		{"parked to ready", parked, invoice, `state = 'ready'`, "CH002"},
		{"parked to deposited", parked, invoice, `state = 'deposited'`, "CH002"},
		{"parked to abandoned", parked, invoice, `state = 'abandoned'`, "CH002"},
		{"an operator's mark", lost, invoice, `reason_code = 'RESUBMIT_OVERRIDE'`, "CH002"},
		{"an operator's mark on the way into doubt", air, invoice, `state = 'in_doubt', reason_code = 'RETRY'`, "CH002"},
		{"invalid to received", bad, invoice, `state = 'received'`, "CH002"},
		{"an attempt more", lost, invoice, `attempt_no = attempt_no + 1`, "CH002"},
		{"two attempts more", waiting, invoice, `state = 'sending', attempt_no = attempt_no + 2`, "CH002"},
		{"sending without a number", waiting, invoice, `state = 'sending'`, "CH001"},
		{"forget a resubmission", lost, invoice, `resubmits = 0`, "CH001"},
		{"forget that it is suspect", suspect, invoice, `lookup_first = false`, "CH001"},
		{"forget that it is suspect on the way", suspect, invoice, `state = 'ready', lookup_first = false`, "CH001"},
		{"the amount", held, invoice, `montant_ttc = 1`, "CH001"},
		{"the number", held, invoice, `numero_facture = 'F9'`, "CH001"},
		{"the date", held, invoice, `date_facture = '2026-05-02'`, "CH001"},
		{"the supplier", held, invoice, `fournisseur_siret = NULL`, "CH001"},
		{"the recipient on the way", held, invoice, `state = 'settled', destinataire_siret = '12345678200036'`, "CH001"},
		{"the hash of the document", held, invoice, `document_sha256 = 'x'`, "42501"},
		{"the day of the deposit", held, invoice, `deposited_at = now()`, "42501"},

		{"what an attempt ended with", held, attempt, `outcome = 'NOT_SENT'`, "CH003"},
		{"that it ended", lost, attempt, `outcome = NULL`, "CH003"},
		{"when it ended", held, attempt, `finished_at = now() + interval '1 day'`, "CH003"},
		{"that it ever ended", held, attempt, `finished_at = NULL`, "CH003"},
		{"when it began", lost, attempt, `claimed_at = now() - interval '9 days'`, "CH003"},
		{"how long it may be sent", air, attempt, `send_deadline = now() + interval '9 days'`, "CH003"},
		{"its number", lost, attempt, `n = 2`, "CH003"},
		{"its row", lost, attempt, `invoice_id = (SELECT max(id) FROM chorus.invoices)`, "CH003"},
		{"its file's name", lost, attempt, `nom_fichier = 'x'`, "CH003"},
		{"its file's hash", lost, attempt, `sha256 = 'y'`, "CH003"},
		{"its worker", lost, attempt, `worker = 'quarantine'`, "CH003"},
		{"evidence taken away", held, attempt, `evidence = '{}'`, "CH003"},
		{"look-ups taken away", lost, attempt, `evidence = '{"lookups": []}'`, "CH003"},
		{"look-ups exchanged", lost, attempt, `evidence = jsonb_set(evidence, '{lookups,0,found}', '7')`, "CH003"},
		{"look-ups put before", lost, attempt, `evidence = jsonb_set(evidence, '{lookups}', '[{"absent": true}]' || (evidence -> 'lookups'))`, "CH003"},
		{"two look-ups at once", lost, attempt, `evidence = jsonb_set(evidence, '{lookups}', (evidence -> 'lookups') || '[{"absent": true}, {"absent": true}]')`, "CH003"},
		{"look-ups of another kind", lost, attempt, `evidence = jsonb_set(evidence, '{lookups}', '{}')`, "CH003"},
		{"no evidence at all", lost, attempt, `evidence = 'null'`, "CH003"},
		{"evidence is added to an outcome", held, attempt, `evidence = evidence || '{"status": 200}'`, "CH003"},
		{"a flux is added to an outcome", held, attempt, `numero_flux_depot = 'CPP9'`, "CH003"},
		{"evidence comes with a late outcome", forgotten, attempt, `outcome = 'AMBIGUOUS', evidence = evidence || '{"status": 200}'`, ""},
		{"evidence is changed", forgotten, attempt, `evidence = evidence || '{"status": 500}'`, "CH003"},
		{"evidence within evidence is changed", forgotten, attempt, `evidence = evidence || '{"status": {"was": 200}}'`, "CH003"},

		{"an attempt that has ended before it began", waiting, `INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline, finished_at, outcome)
			VALUES (gen_random_uuid(), $1, 1, 'w', 'new', 'x', 'e', now(), now(), now(), '%s')`, "NOT_SENT", "CH003"},
		{"an attempt of a row that is not sent", held, `INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline)
			VALUES (gen_random_uuid(), $1, 2, 'w', '%s', 'x', 'e', now(), now())`, "new", "CH003"},
		{"an attempt beside the one in the air", air, `INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline)
			VALUES (gen_random_uuid(), $1, 2, 'w', '%s', 'x', 'e', now(), now())`, "new", "CH003"},
		{"the row in the air is ready", air, invoice, `state = 'ready'`, "CH005"},
		{"the lost one is ready", lost, invoice, `state = 'ready'`, "CH005"},
		{"the deposited one is in doubt, which is legal", flux, invoice, `state = 'in_doubt'`, ""},
		{"and its look-up is invented", flux, attempt, `evidence = jsonb_set(evidence, '{lookups}', '[{"absent": true, "complete": true, "found": 0}]')`, ""},
		{"and it is ready", flux, invoice, `state = 'ready'`, "CH005"},
		{"a suspect one is read", suspect, invoice, `state = 'ready'`, ""},
		{"and sent", suspect, invoice, `state = 'sending', attempt_no = 1`, "CH001"},
	} {
		_, err := worker.Exec(t.Context(), fmt.Sprintf(c.sql, c.set), c.id)
		if got := store.SQLState(err); got != c.want {
			t.Errorf("%s: %q, want %q: %v", c.name, got, c.want, err)
		}
	}
	// The time of a look-up is the database's, whatever is written.
	var ahead bool
	err := worker.QueryRow(t.Context(), `
		UPDATE chorus.attempts SET evidence = jsonb_set(evidence, '{lookups}', (evidence -> 'lookups') || '[{"at": "2999-01-01T00:00:00Z", "absent": true}]')
		WHERE invoice_id = $1 RETURNING (evidence #>> '{lookups,2,at}')::timestamptz > now() + interval '1 minute'`, lost).Scan(&ahead)
	if err != nil || ahead {
		t.Errorf("a look-up from the future: %t, %v", ahead, err)
	}
}
