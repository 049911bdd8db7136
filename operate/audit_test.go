package operate_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

// acted has an operator do one of each kind that leaves a trace, by the functions that commands and console call.
func (d *desk) acted() {
	d.Helper()
	pool, err := store.Connect(d.Context(), d.db.OperatorURL, "console:claire", 1)
	if err != nil {
		d.Fatal(err)
	}
	defer pool.Close()
	d.sql(
		`INSERT INTO chorus.webhooks (name, cursor, stuck) VALUES ('erp', 5, 5), ('old', 0, NULL)`,
		`INSERT INTO chorus.structures (account, id_structure_cpp, identifiant) VALUES ('default', 1, '99999999800012')`,
	)
	invalid, waits := d.invoice("F-1", "invalid", ""), d.invoice("F-2", "received", "")
	parked := []int64{d.invoice("F-3", "parked", "attempt_no = 0, lookup_first = true"), d.invoice("F-4", "parked", ""), d.invoice("F-5", "parked", "")}
	suspended := d.invoice("F-6", "integrated", "statut_courant = 'SUSPENDUE', identifiant_facture_cpp = 6")
	for _, act := range []struct {
		sql  string
		args []any
	}{
		{`SELECT chorus.dismiss($1, 'settled otherwise')`, []any{invalid}},
		{`SELECT chorus.undismiss($1, 'a mistake')`, []any{invalid}},
		{`SELECT chorus.retry($1, 'mended')`, []any{invalid}},
		{`SELECT chorus.cancel($1)`, []any{waits}},
		{`SELECT chorus.resolve($1, 'lookup', 'look again')`, []any{parked[0]}},
		{`SELECT chorus.resolve($1, 'resubmit', 'never sent')`, []any{parked[1]}},
		{`SELECT chorus.resolve($1, 'abandon', 'not ours')`, []any{parked[2]}},
		{`SELECT chorus.complete($1, 'the order is 4711')`, []any{suspended}},
		{`SELECT chorus.read_evidence($1)`, []any{suspended}},
		{`SELECT chorus.reconcile('default', '99999999800012', '2026-11-01', '2026-11-02')`, nil},
		{`SELECT chorus.pause('default', 'a new password')`, nil},
		{`SELECT chorus.pause('default', NULL)`, nil},
		{`SELECT chorus.allow_resubmit('the delays are right')`, nil},
		{`SELECT chorus.keep_documents('default', '400 days', 'our rule')`, nil},
		{`SELECT chorus.erase_account('default', 'the customer left')`, nil},
		{`SELECT chorus.test_webhook('erp')`, nil},
		{`SELECT chorus.replay_webhook('erp', 3)`, nil},
		{`SELECT chorus.pause_webhook('erp', 'an upgrade')`, nil},
		{`SELECT chorus.pause_webhook('erp', NULL)`, nil},
		{`SELECT chorus.forget_webhook('old')`, nil},
	} {
		if _, err := pool.Exec(d.Context(), act.sql, act.args...); err != nil {
			d.Fatalf("%s: %v", act.sql, err)
		}
	}
}

func (d *desk) acts(st *store.Store, f operate.ActFilter) []operate.Act {
	d.Helper()
	if f.Limit == 0 {
		f.Limit = 1000
	}
	list, err := operate.Acts(d.Context(), st, f)
	if err != nil {
		d.Fatal(err)
	}
	return list
}

func names(list []operate.Act) (names []string) {
	for _, a := range list {
		names = append(names, a.Act)
	}
	slices.Reverse(names)
	return names
}

// What an operator did is in the audit trail, each thing once, with who, why and to what; what a worker did next is not.
func TestAuditTrail(t *testing.T) {
	d := newDesk(t)
	pool, err := store.Connect(t.Context(), d.db.ReaderURL, "test", 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	st := store.New(pool)
	d.acted()
	// A worker goes on with what was retried and looked up: the reason stays with some moves.
	if _, err := d.owner.Exec(t.Context(), `SET chorus.actor = 'work'; UPDATE chorus.invoices SET state = 'invalid', reason_code = 'CH-IBAN' WHERE state = 'received'`, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	want := strings.Fields("dismiss restore retry cancel lookup resubmit abandon remedy read reconcile pause resume resubmission retention erase webhook-test webhook-replay webhook-pause webhook-resume webhook-forget")
	all := d.acts(st, operate.ActFilter{})
	if got := names(all); !slices.Equal(got, want) {
		t.Errorf("acts:\n%v\nwanted\n%v", got, want)
	}
	for _, a := range all {
		if !strings.HasSuffix(a.Actor, "/console:claire") || time.Since(a.At).Abs() > time.Minute {
			t.Errorf("%s is by %s at %s", a.Act, a.Actor, a.At)
		}
	}
	for _, c := range []struct{ kind, invoice, account, object, reason string }{
		{"dismiss", "F-1", "default", "", "settled otherwise"},
		{"retry", "F-1", "default", "", "mended"},
		{"cancel", "F-2", "default", "", ""},
		{"resubmit", "F-4", "default", "", "never sent"},
		{"remedy", "F-6", "default", "complete", "the order is 4711"},
		{"read", "F-6", "default", "", ""},
		{"reconcile", "", "default", "99999999800012 2026-11-01/2026-11-02", ""},
		{"pause", "", "default", "", "a new password"},
		{"retention", "", "default", "400 days", "our rule"},
		{"webhook-replay", "", "", "erp 3-5", ""},
		{"webhook-pause", "", "", "erp", "an upgrade"},
	} {
		list := d.acts(st, operate.ActFilter{Kinds: []string{c.kind}})
		text := func(s *string) string {
			if s == nil {
				return ""
			}
			return *s
		}
		if len(list) != 1 || text(list[0].Numero) != c.invoice || text(list[0].Account) != c.account || text(list[0].Object) != c.object || text(list[0].Reason) != c.reason {
			t.Errorf("%v: %+v", c, list)
		}
	}

	// Pages, people, invoices and days.
	var paged []operate.Act
	for after := int64(0); ; after = paged[len(paged)-1].Event {
		page := d.acts(st, operate.ActFilter{Limit: 7, After: after})
		paged = append(paged, page...)
		if len(page) < 7 {
			break
		}
	}
	if !slices.Equal(names(paged), want) {
		t.Errorf("by pages: %v", names(paged))
	}
	today := time.Now()
	for name, c := range map[string]struct {
		f    operate.ActFilter
		want int
	}{
		"a part of the name": {operate.ActFilter{Actor: "CLAIRE"}, len(want)},
		"nobody":             {operate.ActFilter{Actor: "paul"}, 0},
		"a pattern":          {operate.ActFilter{Actor: "%"}, 0},
		"one invoice":        {operate.ActFilter{Invoices: []int64{*all[len(all)-1].Invoice}}, 3},
		"two kinds":          {operate.ActFilter{Kinds: []string{"pause", "resume"}}, 2},
		"today":              {operate.ActFilter{Since: today.AddDate(0, 0, -1), Until: today.AddDate(0, 0, 1)}, len(want)},
		"to come":            {operate.ActFilter{Since: today.AddDate(0, 0, 2)}, 0},
		"long ago":           {operate.ActFilter{Until: today.AddDate(0, 0, -2)}, 0},
	} {
		if list := d.acts(st, c.f); len(list) != c.want {
			t.Errorf("%s: %v", name, names(list))
		}
	}
	if _, err := operate.Acts(t.Context(), st, operate.ActFilter{Kinds: []string{"pauses"}, Limit: 1}); err == nil || !strings.Contains(err.Error(), "there are retry, cancel") {
		t.Errorf("an unknown kind: %v", err)
	}

	var file bytes.Buffer
	d.sql(`UPDATE chorus.events SET detail = '{"account": "default", "reason": "=1+1;x"}' WHERE reason_code = 'PAUSED'`)
	if err := operate.NewActsCSV(&file, "fr").Write(d.acts(st, operate.ActFilter{Kinds: []string{"pause"}})); err != nil {
		t.Fatal(err)
	}
	if got := file.String(); !strings.HasPrefix(got, "\ufeffat;actor;act;what;") || !strings.Contains(got, ";pause;compte mis en pause;;;default;;\"'=1+1;x\";") {
		t.Errorf("CSV:\n%s", got)
	}
}

// Whoever is mapped to accounts sees what was done to these, and nothing else.
func TestAuditOfAnAccount(t *testing.T) {
	d := newDesk(t)
	d.sql(`INSERT INTO chorus.accounts (name) VALUES ('lyon')`)
	lyon := d.invoice("L-1", "invalid", "account = 'lyon'")
	d.acted()
	pool, err := store.Connect(t.Context(), d.db.OperatorURL, "console:paul", 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if _, err := pool.Exec(t.Context(), `SELECT chorus.dismiss($1, 'x')`, lyon); err != nil {
		t.Fatal(err)
	}
	if _, err := d.owner.Exec(t.Context(), `INSERT INTO chorus.logins (login, account) SELECT usename, 'lyon' FROM pg_user WHERE usename = $1`, login(t, pool)); err != nil {
		t.Fatal(err)
	}
	if got := names(d.acts(store.New(pool), operate.ActFilter{})); !slices.Equal(got, []string{"dismiss", "login"}) {
		t.Errorf("seen: %v", got)
	}
}

func login(t *testing.T, pool *pgxpool.Pool) (name string) {
	if err := pool.QueryRow(context.WithoutCancel(t.Context()), `SELECT session_user`).Scan(&name); err != nil {
		t.Fatal(err)
	}
	return name
}

// A page of a long history is found by an index, whatever is asked for.
func TestAuditOfALongHistory(t *testing.T) {
	d := newDesk(t)
	d.sql(`INSERT INTO chorus.events (at, invoice_id, actor, from_state, to_state, reason_code, detail)
		SELECT '2026-01-01'::timestamptz + n * interval '1 min', 1 + n % 500, CASE WHEN n % 9973 = 0 THEN 'c/console:claire' ELSE 'w/' || n % 7 END, 'invalid', 'invalid',
		       CASE WHEN n % 20000 = 77 THEN 'DISMISSED' WHEN n % 50 = 0 OR n % 9973 = 0 THEN 'EVIDENCE_READ' ELSE 'STATUT' END, '{}'
		FROM generate_series(1, 40000) n`)
	if _, err := d.owner.Exec(t.Context(), `ANALYZE chorus.events`); err != nil {
		t.Fatal(err)
	}
	for who, url := range map[string]string{"worker": d.db.WorkerURL, "reader": d.db.ReaderURL} {
		pool, err := pgxpool.New(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		day := time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
		for _, c := range []struct {
			f      operate.ActFilter
			actors []string
			index  string
		}{
			{operate.ActFilter{}, nil, "events_acts"},
			{operate.ActFilter{Since: day, Until: day}, nil, "events_acts"},
			{operate.ActFilter{After: 20000}, nil, "events_acts"},
			{operate.ActFilter{}, []string{"c/console:claire"}, "events_actors"},
			{operate.ActFilter{Kinds: []string{"dismiss"}}, nil, "events_act_kinds"},
			{operate.ActFilter{Invoices: []int64{7}}, nil, "events_invoice"},
		} {
			c.f.Limit = 51
			sql, args := c.f.ActsSQL(c.actors...)
			rows, err := pool.Query(t.Context(), "EXPLAIN "+sql, args...)
			if err != nil {
				t.Fatal(err)
			}
			plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				t.Fatal(err)
			}
			if text := strings.Join(plan, "\n"); strings.Contains(text, "Seq Scan on events") || !strings.Contains(text, strings.Replace(c.index, "events_", "events_first_", 1)) {
				t.Errorf("%s, %+v:\n%s", who, c.f, text)
			}
		}
		if list := d.acts(store.New(pool), operate.ActFilter{Actor: "claire"}); len(list) != 4 {
			t.Errorf("%s: %d", who, len(list))
		}
	}
}
