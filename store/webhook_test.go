package store_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/store/storetest"
)

// claimed makes an endpoint that job 7 has, at the beginning of all events.
func claimed(t *testing.T, db *storetest.Database, c store.WebhookConfig) *store.Store {
	t.Helper()
	st := store.New(db.Pool)
	if err := st.EnsureWebhooks(t.Context(), []store.WebhookConfig{c}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Pool.Exec(t.Context(), `UPDATE chorus.webhooks SET cursor = 0, claim = 7, claimed_until = 'infinity'`); err != nil {
		t.Fatal(err)
	}
	return st
}

// Many events that are none of an endpoint's are passed by, in steps, and the one after them is found.
func TestNextEventAmongManyOfOthers(t *testing.T) {
	db := storetest.New(t)
	storetest.Forge(t, db.URL, `
		INSERT INTO chorus.events (seq, actor, reason_code, detail)
		SELECT n, 'test', 'PAUSED', jsonb_build_object('account', CASE WHEN n IN (3, 24000) THEN 'mine' ELSE 'other' END)
		FROM generate_series(1, 25000) n`)
	st := claimed(t, db, store.WebhookConfig{Name: "w", Account: "mine", Events: []string{"account.*"}})
	for _, seq := range []int64{3, 24000} {
		next, err := st.NextEvent(t.Context(), "w", 7, time.Minute)
		if err != nil || next == nil || next.Seq != seq || next.Type != "account.paused" || next.Invoice != nil {
			t.Fatalf("%+v, %v, want %d", next, err, seq)
		}
		if err := st.Told(t.Context(), "w", 7, seq, 200); err != nil {
			t.Fatal(err)
		}
	}
	if next, err := st.NextEvent(t.Context(), "w", 7, time.Minute); err != nil || next != nil {
		t.Fatalf("%+v, %v, want none", next, err)
	}
	list, err := st.Webhooks(t.Context())
	if err != nil || len(list) != 1 || list[0].Cursor != 25000 || list[0].Behind != 0 || list[0].Delivered != 2 {
		t.Errorf("%+v, %v", list, err)
	}
}

// An endpoint with nothing to be told gets no job, and is not behind for it.
func TestDueWebhooks(t *testing.T) {
	db := storetest.New(t)
	st := store.New(db.Pool)
	due := func(names ...string) (list []string) {
		t.Helper()
		err := pgx.BeginFunc(t.Context(), db.Pool, func(tx pgx.Tx) (err error) {
			list, err = st.DueWebhooks(t.Context(), tx, names)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(list)
		return list
	}
	if err := st.EnsureWebhooks(t.Context(), []store.WebhookConfig{{Name: "all"}, {Name: "mine", Account: "mine"}, {Name: "settled", Events: []string{"invoice.settled"}}}); err != nil {
		t.Fatal(err)
	}
	names := []string{"all", "mine", "settled", "unknown"}
	if got := due(names...); len(got) != 0 {
		t.Errorf("%v are due before anything happened", got)
	}
	happens := func(account string, n int) {
		t.Helper()
		storetest.Forge(t, db.URL, `
			INSERT INTO chorus.events (seq, actor, reason_code, detail)
			SELECT coalesce((SELECT max(seq) FROM chorus.events), 0) + k, 'test', 'PAUSED', jsonb_build_object('account', $1::text)
			FROM generate_series(1, $2) k`, account, n)
	}
	happens("other", 3)
	if got := due(names...); !slices.Equal(got, []string{"all"}) {
		t.Errorf("%v are due", got)
	}
	happens("mine", 1)
	if got := due(names...); !slices.Equal(got, []string{"all", "mine"}) {
		t.Errorf("%v are due", got)
	}
	if got := due("settled"); len(got) != 0 {
		t.Errorf("%v is due", got)
	}
	list, err := st.Webhooks(t.Context())
	if err != nil || list[0].Cursor != 0 || list[1].Cursor != 3 || list[2].Cursor != 4 || list[2].Behind != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	// More than one look goes through: a job does the rest.
	happens("other", 20_000)
	if got := due("settled"); !slices.Equal(got, []string{"settled"}) {
		t.Errorf("%v is due", got)
	}
}

// A job that has lost its endpoint, to another job, a pause or a replay, moves nothing any more.
func TestWebhookJobsThatLostTheirClaim(t *testing.T) {
	db := storetest.New(t)
	storetest.Forge(t, db.URL, `INSERT INTO chorus.events (seq, actor, reason_code) SELECT n, 'test', 'QUARANTINE' FROM generate_series(1, 5) n`)
	st, op := claimed(t, db, store.WebhookConfig{Name: "w"}), store.New(as(t, db.OperatorURL))
	wait := func(int) time.Duration { return 0 }
	if _, err := st.NextEvent(t.Context(), "w", 8, time.Minute); !errors.Is(err, store.ErrGone) {
		t.Errorf("another job's: %v", err)
	}
	if err := st.Told(t.Context(), "w", 8, 1, 200); !errors.Is(err, store.ErrGone) {
		t.Errorf("told by another job: %v", err)
	}
	if _, err := st.NotTold(t.Context(), "w", 8, store.Untold{Seq: 1, Code: "CUT"}, wait, time.Hour); !errors.Is(err, store.ErrGone) {
		t.Errorf("not told by another job: %v", err)
	}
	for range 2 {
		next, err := st.NextEvent(t.Context(), "w", 7, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Told(t.Context(), "w", 7, next.Seq, 200); err != nil {
			t.Fatal(err)
		}
	}
	// What is in the air when an operator pauses is counted; the next one is not begun.
	if err := op.PauseWebhook(t.Context(), "w", "moving"); err != nil {
		t.Fatal(err)
	}
	if err := st.Told(t.Context(), "w", 7, 3, 200); err != nil {
		t.Errorf("told while it was paused: %v", err)
	}
	if _, err := st.NextEvent(t.Context(), "w", 7, time.Minute); !errors.Is(err, store.ErrGone) {
		t.Errorf("next while paused: %v", err)
	}
	if err := op.ReplayWebhook(t.Context(), "w", 2); err != nil {
		t.Fatal(err)
	}
	if err := st.Told(t.Context(), "w", 7, 4, 200); !errors.Is(err, store.ErrGone) {
		t.Errorf("told after a replay began: %v", err)
	}
	if list, err := st.Webhooks(t.Context()); err != nil || list[0].Cursor != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestWhoMayDoWhatToWebhooks(t *testing.T) {
	db := storetest.New(t)
	claimed(t, db, store.WebhookConfig{Name: "w"})
	for _, c := range []struct{ url, who, sql, state string }{
		{db.AppURL, "app", `SELECT * FROM chorus.webhooks`, "42501"},
		{db.AppURL, "app", `SELECT chorus.pause_webhook('w', 'x')`, "42501"},
		{db.ReaderURL, "reader", `SELECT * FROM chorus.webhooks`, ""},
		{db.ReaderURL, "reader", `SELECT chorus.test_webhook('w')`, "42501"},
		{db.WorkerURL, "worker", `DELETE FROM chorus.webhooks`, "42501"},
		{db.WorkerURL, "worker", `SELECT chorus.skip_webhook('w', 'x')`, "42501"},
		{db.WorkerURL, "worker", `SELECT chorus.replay_webhook('w', 1)`, "42501"},
		{db.OperatorURL, "operator", `UPDATE chorus.webhooks SET cursor = 9`, "42501"},
		{db.OperatorURL, "operator", `SELECT chorus.skip_webhook('w', '')`, "CH021"},
		{db.OperatorURL, "operator", `SELECT chorus.skip_webhook('nobody', 'x')`, "CH020"},
		{db.OperatorURL, "operator", `SELECT chorus.test_webhook('w')`, ""},
	} {
		_, err := as(t, c.url).Exec(context.WithoutCancel(t.Context()), c.sql)
		if got := store.SQLState(err); got != c.state || c.state == "" && err != nil {
			t.Errorf("%s: %s: %v, want %q", c.who, c.sql, err, c.state)
		}
	}
}

// TestForget: an endpoint is forgotten once no worker is configured with it; that all workers are stopped does not make it so.
func TestForget(t *testing.T) {
	db := storetest.New(t)
	st := claimed(t, db, store.WebhookConfig{Name: "w"})
	owner := as(t, db.URL)
	for _, c := range []struct {
		what, webhook, worker string // when a worker said so last
		state                 string
	}{
		{"a worker lives and is configured with it", "1 second", "1 second", "CH022"},
		{"it was taken out just now", "20 seconds", "1 second", "CH022"},
		{"all workers are stopped, and the last one was configured with it", "1 day", "1 day", "CH022"},
		{"it was taken out, and then all workers were stopped", "2 days", "1 day", ""},
	} {
		if _, err := owner.Exec(t.Context(), `DELETE FROM chorus.configured`); err != nil {
			t.Fatal(err)
		}
		if _, err := owner.Exec(t.Context(), `
			INSERT INTO chorus.configured (kind, key, seen_at)
			VALUES ('webhook', 'w', clock_timestamp() - $1::text::interval), ('account', 'default', clock_timestamp() - $2::text::interval)`, c.webhook, c.worker); err != nil {
			t.Fatal(err)
		}
		if err := st.ForgetWebhook(t.Context(), "w"); store.SQLState(err) != "42501" {
			t.Errorf("a worker's login: %v", err)
		}
		if err := store.New(as(t, db.OperatorURL)).ForgetWebhook(t.Context(), "w"); store.SQLState(err) != c.state || c.state == "" && err != nil {
			t.Errorf("%s: %v, want %q", c.what, err, c.state)
		}
	}
}

// What an event is called, for each kind.
func TestEventTypes(t *testing.T) {
	pool := as(t, storetest.New(t).AppURL)
	for _, c := range []struct{ args, want string }{
		{`1, NULL, 'received', NULL, '{}'`, "invoice.received"},
		{`1, 'sending', 'deposited', NULL, '{}'`, "invoice.deposited"},
		{`1, 'integrated', 'integrated', 'STATUT', '{}'`, "invoice.statut"},
		{`1, 'sending', 'sending', 'CANCEL_REQUESTED', '{}'`, "invoice.cancel_requested"},
		{`1, NULL, NULL, NULL, '{}'`, "invoice.changed"},
		{`NULL, NULL, NULL, 'PAUSED', '{"account": "a"}'`, "account.paused"},
		{`NULL, NULL, NULL, 'QUARANTINE', '{}'`, "system.quarantine"},
		{`NULL, NULL, NULL, 'WEBHOOK_TEST', '{"webhook": "w"}'`, "webhook.test"},
	} {
		var got string
		if err := pool.QueryRow(t.Context(), `SELECT chorus.event_type(`+c.args+`)`).Scan(&got); err != nil || got != c.want {
			t.Errorf("%s is %s, %v, want %s", c.args, got, err, c.want)
		}
	}
}
