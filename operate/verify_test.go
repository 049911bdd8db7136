package operate_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

const exchangeText = `{"request":{"method":"POST","started":"2026-01-01T00:00:00Z"},"answer":{"status":200,"body":"{\"codeRetour\":0}"}}`

// chronicle is the history of an invoice whose first deposit was lost, looked up, and heard of late: every text that an attempt can have. The rules of the rows hold.
type chronicle struct {
	*testing.T
	db              *storetest.Database
	owner, operator *pgxpool.Pool
}

func begun(t *testing.T) *chronicle {
	c := &chronicle{T: t, db: storetest.New(t)}
	for _, p := range []struct {
		pool **pgxpool.Pool
		url  string
	}{{&c.owner, c.db.URL}, {&c.operator, c.db.OperatorURL}} {
		pool, err := store.Connect(t.Context(), p.url, "test", 2)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		*p.pool = pool
	}
	return c
}

// stages are what happens, one transaction each; the chain goes on after it.
var stages = []string{
	`INSERT INTO chorus.invoices (external_ref, document) VALUES ('r1', 'the document')`,
	`UPDATE chorus.invoices SET state = 'ready', numero_facture = 'F-1', date_facture = '2026-05-01', fournisseur_siret = '12345678200010', montant_ttc = 120`,
	`WITH row AS (UPDATE chorus.invoices SET state = 'sending', attempt_no = 1 RETURNING id, document_sha256)
	 INSERT INTO chorus.attempts (id, invoice_id, n, worker, nom_fichier, sha256, db_epoch, claimed_at, send_deadline)
	 SELECT gen_random_uuid(), id, 1, 'w "lookups": []', 'x.xml', document_sha256, 'e', clock_timestamp(), clock_timestamp() FROM row`,
	`WITH lost AS (UPDATE chorus.attempts SET outcome = 'OWNER_LOST')
	 UPDATE chorus.invoices SET state = 'in_doubt', reason_code = 'OWNER_LOST'`,
	`UPDATE chorus.attempts SET evidence = '{"lookups": [{"complete": true, "found": 0}]}'`,
	`WITH kept AS (INSERT INTO chorus.exchanges (attempt_id, invoice_id, exchange) SELECT id, 1, :x FROM chorus.attempts)
	 UPDATE chorus.attempts SET outcome = 'ACCEPTED', numero_flux_depot = 'CPP1', evidence = evidence || jsonb_build_object('answer', 'yes', 'exchange_sha256', :s::text)`,
	`UPDATE chorus.invoices SET state = 'deposited', numero_flux_depot = 'CPP1'`,
	`UPDATE chorus.attempts SET evidence = jsonb_set(evidence, '{lookups}', evidence -> 'lookups' || '[{"complete": true, "found": 1}]')`,
	`UPDATE chorus.invoices SET state = 'integrated', statut_courant = 'MISE_A_DISPOSITION', identifiant_facture_cpp = 7`,
	`UPDATE chorus.invoices SET statut_courant = 'MANDATEE'`,
}

func (c *chronicle) exec(sql string) {
	c.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(exchangeText))
	_ = w.Close()
	sum := sha256.Sum256([]byte(exchangeText))
	sql = strings.NewReplacer(":x", fmt.Sprintf(`'\x%x'`, b.Bytes()), ":s", "'"+hex.EncodeToString(sum[:])+"'").Replace(sql)
	for _, q := range []string{sql, `SELECT chorus.number_events(1000)`} {
		if _, err := c.owner.Exec(c.Context(), q, pgx.QueryExecModeSimpleProtocol); err != nil {
			c.Fatalf("%s: %v", q, err)
		}
	}
}

func (c *chronicle) archive() []byte {
	c.Helper()
	var b bytes.Buffer
	if _, err := operate.WriteEvidence(c.Context(), c.operator, &b, []int64{1}); err != nil {
		c.Fatal(err)
	}
	return b.Bytes()
}

func (c *chronicle) wrong(archive []byte, db *pgxpool.Pool) []string {
	c.Helper()
	checked, err := operate.VerifyArchive(c.Context(), bytes.NewReader(archive), int64(len(archive)), db)
	if err != nil {
		c.Fatal(err)
	}
	return checked.Wrong
}

func (c *chronicle) database() (wrong []string) {
	c.Helper()
	if _, err := operate.VerifyDatabase(c.Context(), c.operator, operate.EvidenceHead{}, func(text string) { wrong = append(wrong, text) }); err != nil {
		c.Fatal(err)
	}
	return wrong
}

// An archive of any stage agrees with itself and with the database, then and later, whatever has been added meanwhile; and so does the database.
func TestAnArchiveStaysTrue(t *testing.T) {
	t.Parallel()
	c := begun(t)
	var made [][]byte
	for k, sql := range stages {
		c.exec(sql)
		made = append(made, c.archive())
		if wrong := c.database(); len(wrong) > 0 {
			t.Errorf("after stage %d: %v", k, wrong)
		}
	}
	for k, archive := range made {
		if wrong := c.wrong(archive, nil); len(wrong) > 0 {
			t.Errorf("the archive of stage %d in itself: %v", k, wrong)
		}
		if wrong := c.wrong(archive, c.operator); len(wrong) > 0 {
			t.Errorf("the archive of stage %d by the database: %v", k, wrong)
		}
	}
	// What was kept of deposits, and is deleted because it is old, stays proven.
	if _, err := c.owner.Exec(t.Context(), `DELETE FROM chorus.exchanges`); err != nil {
		t.Fatal(err)
	}
	if wrong := c.wrong(made[len(made)-1], c.operator); len(wrong) > 0 {
		t.Errorf("without the exchange: %v", wrong)
	}
}

// An archive takes one connection, so that several people who ask at once do not wait for each other.
func TestAnArchiveTakesOneConnection(t *testing.T) {
	t.Parallel()
	c := begun(t)
	c.exec(stages[0])
	one, err := store.Connect(t.Context(), c.db.OperatorURL, "test", 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(one.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := operate.WriteEvidence(ctx, one, &bytes.Buffer{}, []int64{1}); err != nil {
		t.Error(err)
	}
}

// What the chain does not tell of yet goes into no archive.
func TestAnArchiveWaitsForTheNumbers(t *testing.T) {
	t.Parallel()
	c := begun(t)
	for _, sql := range stages[:2] {
		c.exec(sql)
	}
	if _, err := c.owner.Exec(t.Context(), stages[2]); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	_, err := operate.WriteEvidence(ctx, c.operator, &bytes.Buffer{}, []int64{1})
	if err == nil || !strings.Contains(err.Error(), "invoice 1 are not numbered yet") {
		t.Error(err)
	}
}

// Forged archives: whoever makes one knows how, so that sizes, sums and manifest fit.
func TestForgedArchives(t *testing.T) {
	t.Parallel()
	c := begun(t)
	for _, sql := range stages {
		c.exec(sql)
	}
	good := c.archive()
	replace := func(name, before, after string) func(*operate.Manifest, map[string][]byte) {
		return func(_ *operate.Manifest, files map[string][]byte) {
			if !bytes.Contains(files[name], []byte(before)) {
				t.Fatalf("%s does not hold %s", name, before)
			}
			files[name] = bytes.ReplaceAll(files[name], []byte(before), []byte(after))
		}
	}
	lines := func(files map[string][]byte) []string {
		return strings.SplitAfter(string(files["1/events.jsonl"]), "\n")
	}
	type change = func(m *operate.Manifest, files map[string][]byte)
	for _, f := range []struct {
		name       string
		again      bool // the pages are written anew
		change     change
		alone, all string // what is named without the database, and with it; "" nothing
	}{
		{"untouched", true, func(*operate.Manifest, map[string][]byte) {}, "", ""},
		{"a page", false, replace("1/summary.en.html", "deposited", "rejected"), "1/summary.en.html: it is not what the other files say", "1/summary.en.html"},
		{"the other page", false, replace("1/summary.fr.html", "F-1", "F-2"), "1/summary.fr.html: it is not what the other files say", "1/summary.fr.html"},
		{"the document", true, replace("1/document.xml", "document", "forgery!"), "1/document: it is not the one that invoice.json tells of", "1/document"},
		{"the invoice", true, replace("1/invoice.json", `"montant_ttc": 120`, `"montant_ttc": 999`), "1/invoice.json: it is not what was sent, by event 3", "1/invoice.json: the database says otherwise"},
		{"the attempt", true, replace("1/attempt-1.json", "ACCEPTED", "REFUSED"), "1/attempt-1.json: it is not what event ", "1/attempt-1.json: the database says otherwise"},
		{"a look-up more, and the attempt", true, func(_ *operate.Manifest, files map[string][]byte) {
			files["1/attempt-1.json"] = bytes.Replace(bytes.Replace(files["1/attempt-1.json"], []byte("ACCEPTED"), []byte("REFUSED"), 1), []byte(`}],`), []byte(`}, {"x": 1}],`), 1)
		}, "1/attempt-1.json: it is not what event ", "1/attempt-1.json: the database says otherwise"},
		{"a look-up more", true, func(_ *operate.Manifest, files map[string][]byte) {
			files["1/attempt-1.json"] = bytes.Replace(files["1/attempt-1.json"], []byte(`}],`), []byte(`}, {"x": 1}],`), 1)
		}, "", "1/attempt-1.json: the database says otherwise"},
		{"the exchange", true, replace("1/exchange-1.json", "200", "500"), "1/exchange-1.json: it is not the exchange of this attempt", "1/exchange-1.json"},
		{"no exchange", true, func(_ *operate.Manifest, files map[string][]byte) { files["1/exchange-1.json"] = nil }, "", "1/exchange-1.json: it is missing, and the database has it"},
		{"no attempt", true, func(_ *operate.Manifest, files map[string][]byte) {
			files["1/exchange-1.json"], files["1/attempt-1.json"] = nil, nil
		}, "1/attempt-1.json: it is missing, and event ", "1/attempt-1.json"},
		{"the last event is left out", true, func(_ *operate.Manifest, files map[string][]byte) {
			l := lines(files)
			files["1/events.jsonl"] = []byte(strings.Join(l[:len(l)-2], ""))
		}, "", "1/events.jsonl: event 9 is missing, which the database has"},
		{"all events but the first", true, func(_ *operate.Manifest, files map[string][]byte) {
			files["1/events.jsonl"] = []byte(lines(files)[0])
			files["1/attempt-1.json"], files["1/exchange-1.json"] = nil, nil
		}, "", "1/events.jsonl: event 2 is missing"},
		{"the first event is left out", true, func(_ *operate.Manifest, files map[string][]byte) {
			files["1/events.jsonl"] = []byte(strings.Join(lines(files)[1:], ""))
		}, "it does not begin with the insertion", "event 1 is missing"},
		{"an event, with its hash", true, func(m *operate.Manifest, files map[string][]byte) {
			l := lines(files)
			k := len(l) - 2
			l[k] = operate.Rehashed(t, l[k], "MANDATEE", "REJETEE")
			files["1/events.jsonl"] = []byte(strings.Join(l, ""))
			m.Head = operate.EvidenceHead{Seq: m.Head.Seq + 1, SHA256: strings.Repeat("0", 64)}
			m.Invoices[0].Head = m.Head
		}, "", "1/events.jsonl: event 9: the database that was asked does not have it with this hash"},
		{"who made it", true, func(m *operate.Manifest, _ map[string][]byte) { m.By = "huissier/choriste:notaire" }, "", "huissier/choriste:notaire did not read invoice 1 then"},
		{"when it was made", true, func(m *operate.Manifest, _ map[string][]byte) { m.Made = m.Made.AddDate(-6, 0, 0) }, "", "did not read invoice 1 then"},
		{"the head", true, func(m *operate.Manifest, _ map[string][]byte) {
			m.Head = operate.EvidenceHead{Seq: 999_999, SHA256: strings.Repeat("0", 64)}
			m.Invoices[0].Head = m.Head
		}, "", "manifest.json: the database that was asked has no event 999999 with this hash"},
	} {
		forged := operate.Forged(t, good, f.again, f.change)
		for _, by := range []struct {
			who, want string
			db        *pgxpool.Pool
		}{{"without the database", f.alone, nil}, {"with it", f.all, c.operator}} {
			got := strings.Join(c.wrong(forged, by.db), "\n")
			if (got == "") != (by.want == "") || !strings.Contains(got, by.want) {
				t.Errorf("%s, %s: wanted %q, got %s", f.name, by.who, by.want, got)
			}
		}
	}
	other := begun(t)
	for _, sql := range stages {
		other.exec(sql)
	}
	if wrong := other.wrong(good, nil); len(wrong) > 0 {
		t.Error(wrong)
	}
	if wrong := other.wrong(good, other.operator); len(wrong) == 0 {
		t.Error("an archive of another database is taken for this one's")
	}
}

// What was known earlier is not passed off as what is known now, though the database once would have written it so.
func TestAnEarlierMomentIsNotPassedOff(t *testing.T) {
	t.Parallel()
	c := begun(t)
	for _, sql := range stages {
		c.exec(sql)
	}
	storetest.Forge(t, c.db.URL, `UPDATE chorus.events SET at = at - interval '1 hour', seq = NULL, hash = NULL; DELETE FROM chorus.chain; SELECT chorus.number_events(1000)`, pgx.QueryExecModeSimpleProtocol)
	good := c.archive()
	if wrong := c.wrong(good, c.operator); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	var texts []string
	var seq int64
	var sum string
	if err := c.owner.QueryRow(t.Context(), `SELECT chorus.attempt_texts(1, 1, 0), seq, encode(hash, 'hex') FROM chorus.events WHERE to_state = 'sending'`).Scan(&texts, &seq, &sum); err != nil {
		t.Fatal(err)
	}
	// By that time the deposit was open. The event's own hash is that of the numbers given later: only the database is asked here.
	forged := operate.Forged(t, good, true, func(m *operate.Manifest, files map[string][]byte) {
		l := strings.SplitAfter(string(files["1/events.jsonl"]), "\n")
		files["1/events.jsonl"] = []byte(strings.Join(l[:3], ""))
		files["1/attempt-1.json"], files["1/exchange-1.json"] = []byte(texts[1]), nil
		m.Head = operate.EvidenceHead{Seq: seq, SHA256: sum}
		m.Invoices[0].Head = m.Head
	})
	if got := strings.Join(c.wrong(forged, c.operator), "\n"); !strings.Contains(got, "event 4 is missing, which the database had when the archive was made") {
		t.Error(got)
	}
}

// What choriste wrote is not compressed: an archive that unfolds is none, and takes no memory.
func TestArchivesThatUnfold(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range []string{"1/document.xml", "manifest.json"} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, 40<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	checked, err := operate.VerifyArchive(t.Context(), bytes.NewReader(b.Bytes()), int64(b.Len()), nil)
	runtime.ReadMemStats(&after)
	if err != nil || len(checked.Wrong) == 0 {
		t.Errorf("%v, %v", checked.Wrong, err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 8<<20 {
		t.Errorf("it took %d bytes", took)
	}
}

// What somebody does to the database who does not reckon all hashes anew is named.
func TestVerifyDatabaseNames(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]struct {
		sql   string
		after string // what happens later, by the rules
		want  string
	}{
		"an event of 2020 is inserted": {
			sql:  `INSERT INTO chorus.events (at, invoice_id, actor, from_state, to_state, reason_code) VALUES ('2020-01-01', 1, 'claire', 'integrated', 'integrated', 'REASON')`,
			want: "is dated 2020-01-01 00:00:00+00, and the one written before it",
		},
		"an event to come is inserted": {
			sql:   `INSERT INTO chorus.events (at, invoice_id, actor, from_state, to_state, reason_code) VALUES ('2120-01-01', 1, 'claire', 'integrated', 'integrated', 'REASON')`,
			after: `UPDATE chorus.invoices SET statut_courant = 'MISE_EN_PAIEMENT'`,
			want:  "2120-01-01 00:00:00+00: one of them was inserted by hand",
		},
		"an attempt is altered, and named by an event afterwards": {
			sql:   `UPDATE chorus.attempts SET nom_fichier = 'forged.xml', evidence = evidence || '{"libelle": "forged"}'`,
			after: `UPDATE chorus.invoices SET statut_courant = 'MISE_EN_PAIEMENT'`,
			want:  "attempt 1 of invoice 1 was altered: event 3 says otherwise",
		},
		"the outcome of an attempt is altered, and named by an event afterwards": {
			sql:   `UPDATE chorus.attempts SET outcome = 'REFUSED'`,
			after: `UPDATE chorus.invoices SET statut_courant = 'MISE_EN_PAIEMENT'`,
			want:  "attempt 1 of invoice 1 was altered: event 6 says otherwise",
		},
		"the last event is removed": {
			sql:  `DELETE FROM chorus.events WHERE seq = (SELECT max(seq) FROM chorus.events)`,
			want: "events 9 to 9 were removed",
		},
		"the last event is removed, and history goes on": {
			sql:   `DELETE FROM chorus.events WHERE seq = (SELECT max(seq) FROM chorus.events)`,
			after: `UPDATE chorus.invoices SET statut_courant = 'MISE_EN_PAIEMENT'`,
			want:  "event 9 was removed",
		},
		"the end of the chain is taken back": {
			sql:  `UPDATE chorus.chain SET seq = 8, hash = (SELECT hash FROM chorus.events WHERE seq = 8)`,
			want: "the end of the chain (chorus.chain) was taken back from event 9 to 8",
		},
		"history is written anew, but for its end": {
			sql:  `UPDATE chorus.events SET seq = NULL, hash = NULL, actor = 'nobody'; DELETE FROM chorus.chain; SELECT chorus.number_events(1000); UPDATE chorus.chain SET hash = 'x'`,
			want: "event 9 does not have the hash with which the chain ends",
		},
		"a status is altered": {
			sql:  `UPDATE chorus.invoices SET statut_courant = 'MISE_EN_PAIEMENT'`,
			want: "the status of invoice 1 was altered",
		},
		"an exchange is removed, and an older one was deleted because of its age": {
			sql:   `DELETE FROM chorus.exchanges`,
			after: `CREATE FUNCTION chorus.forget() RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO chorus.events (actor, reason_code, detail) VALUES ('w', 'EXCHANGES_FORGOTTEN', jsonb_build_object('count', 0, 'until', clock_timestamp())); END $$; SELECT chorus.forget()`,
			want:  "1 old exchanges are missing, and history tells of 0 that were deleted",
		},
		"an exchange is inserted": {
			sql:  `INSERT INTO chorus.exchanges (attempt_id, invoice_id, exchange) VALUES (gen_random_uuid(), 1, 'x')`,
			want: "of invoice 1 was inserted",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := begun(t)
			for _, sql := range stages {
				c.exec(sql)
			}
			if wrong := c.database(); len(wrong) > 0 {
				t.Fatal(wrong)
			}
			storetest.Forge(t, c.db.URL, f.sql, pgx.QueryExecModeSimpleProtocol)
			if f.after != "" {
				c.exec(f.after)
			}
			c.exec(`SELECT 1`)
			if got := strings.Join(c.database(), "\n"); !strings.Contains(got, f.want) {
				t.Errorf("wanted %q, got %s", f.want, got)
			}
		})
	}
}

// A clock that was set back, and a worker that noticed it, is no forgery.
func TestTimeThatGoesBackWithTheClock(t *testing.T) {
	t.Parallel()
	c := begun(t)
	c.exec(stages[0])
	storetest.Forge(t, c.db.URL, `UPDATE chorus.events SET at = at + interval '20 days', seq = NULL, hash = NULL; DELETE FROM chorus.chain; SELECT chorus.number_events(10)`, pgx.QueryExecModeSimpleProtocol)
	c.exec(stages[1])
	if got := strings.Join(c.database(), "\n"); !strings.Contains(got, "the clock was set back while no worker saw it") {
		t.Errorf("got %s", got)
	}
	c.exec(`SELECT chorus.clock_stepped(-20 * 86400)`)
	if wrong := c.database(); len(wrong) > 0 {
		t.Error(wrong)
	}
}

// Who reads evidence while the invoice moves writes down where it was. That is no forgery of where it is.
func TestEvidenceReadWhileTheInvoiceMoves(t *testing.T) {
	t.Parallel()
	c := begun(t)
	for _, sql := range stages[:len(stages)-1] {
		c.exec(sql)
	}
	tx, err := c.owner.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `UPDATE chorus.invoices SET state = 'settled', statut_courant = 'MISE_EN_PAIEMENT'`); err != nil {
		t.Fatal(err)
	}
	c.archive()
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.exec(`SELECT 1`)
	if wrong := c.database(); len(wrong) > 0 {
		t.Error(wrong)
	}
	archive := c.archive()
	if wrong := c.wrong(archive, c.operator); len(wrong) > 0 || !bytes.Contains(archive, []byte("<td>settled MISE_EN_PAIEMENT")) {
		t.Errorf("%v", wrong)
	}
}

// Nobody writes events by hand, not even the owner.
func TestEventsByHand(t *testing.T) {
	t.Parallel()
	c := begun(t)
	c.exec(stages[0])
	const insert = `INSERT INTO chorus.events (actor, reason_code) VALUES ('claire', 'PAUSED')`
	for _, sql := range []string{
		insert,
		`INSERT INTO chorus.events(actor) SELECT chorus.actor()`,
		`DO $$ BEGIN ` + insert + `; END $$`,
		`DO $$ BEGIN INSERT INTO chorus.events(actor) VALUES (chorus.actor()); END $$`,
		`CREATE FUNCTION pg_temp.mine() RETURNS void LANGUAGE plpgsql AS 'BEGIN INSERT INTO chorus.events(actor) VALUES (chorus.actor()); END'; SELECT pg_temp.mine()`,
		`CREATE FUNCTION pg_temp.mine() RETURNS void LANGUAGE sql AS 'INSERT INTO chorus.events (actor) VALUES (chorus.actor())'; SELECT pg_temp.mine()`,
	} {
		_, err := c.owner.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
		if got := store.SQLState(err); got != "CH003" {
			t.Errorf("%s: %q %v", sql, got, err)
		}
	}
	for _, sql := range []string{`DELETE FROM chorus.chain`, `TRUNCATE chorus.chain`, `UPDATE chorus.chain SET seq = seq`} {
		_, err := c.owner.Exec(t.Context(), sql)
		if got := store.SQLState(err); got != "CH003" {
			t.Errorf("%s: %q %v", sql, got, err)
		}
	}
	// In whatever language the server speaks, functions may.
	for _, messages := range []string{"C", "fr_FR.UTF-8"} {
		_, err := c.owner.Exec(t.Context(), `SELECT set_config('lc_messages', '`+messages+`', false); SELECT chorus.pause('default', 'x'); SELECT chorus.pause('default', NULL)`, pgx.QueryExecModeSimpleProtocol)
		if err != nil && store.SQLState(err) != "22023" { // a server without that language
			t.Error(err)
		}
	}
}
