package worker_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/choriste/choriste/invoice/invoicetest"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/webhook"
	"github.com/choriste/choriste/worker"
)

func TestWebhooksTellTheWayOfAnInvoice(t *testing.T) {
	h := newHouse(t, nil)
	everything, settled := newReceiver(t, nil), newReceiver(t, nil)
	elsewhere := newReceiver(t, nil)
	h.start(hooks(everything.hook("everything", ""), settled.hook("settled", "default", "invoice.settled", "account.*"), elsewhere.hook("elsewhere", "another")))
	h.awaitEndpoint("elsewhere", "there", caughtUp)
	id := h.insert(invoicetest.Invoice{Numero: "HOOK-1"}.UBL())
	h.await(id, store.Settled)
	all := everything.await(func(all []told) bool { return len(all) > 0 && all[len(all)-1].Type == "invoice.settled" })
	once(t, all)
	want := []string{"invoice.received", "invoice.ready", "invoice.sending", "invoice.deposited", "invoice.integrated"}
	if got := types(all); !slices.Equal(got[:min(len(want), len(got))], want) {
		t.Errorf("told %v", got)
	}
	for _, one := range all {
		if one.Data.Invoice == nil || one.Data.Invoice.ID != id || *one.Data.InvoiceID != id || !strings.HasPrefix(one.ID, fmt.Sprintf("evt_%d_", one.Data.Seq)) {
			t.Errorf("%+v", one)
		}
	}
	if got := settled.await(func(all []told) bool { return len(all) > 0 }); len(got) != 1 || got[0].Type != "invoice.settled" || got[0].Data.Invoice.State != "settled" {
		t.Errorf("told %+v", got)
	} else if got[0].ID != all[len(all)-1].ID {
		t.Errorf("two endpoints know the event as %s and %s", got[0].ID, all[len(all)-1].ID)
	}
	h.awaitEndpoint("elsewhere", "past the events of the other account", caughtUp)
	if got := elsewhere.told(); len(got) != 0 {
		t.Errorf("another account's endpoint was told %+v", got)
	}
}

// What the rules found is told with the event of the reading, errors first, in both languages, and with no other.
func TestWebhooksTellFindings(t *testing.T) {
	h := newHouse(t, nil)
	r := newReceiver(t, nil)
	h.start(hooks(r.hook("r", "")))
	h.awaitEndpoint("r", "there", caughtUp)
	h.await(h.insert(invoicetest.Invoice{Numero: "HOOK-BAD", Cadre: "S1", FournisseurNom: strings.Repeat("x", 100)}.UBL()), store.Invalid)
	all := r.await(func(all []told) bool { return len(all) > 0 && all[len(all)-1].Type == "invoice.invalid" })
	for _, one := range all[:len(all)-1] {
		if len(one.Data.Findings) > 0 {
			t.Errorf("%s tells of findings", one.Type)
		}
	}
	found := all[len(all)-1].Data.Findings
	if len(found) != 2 || found[0].Code != "CH-CADRE" || found[0].Severity != "error" || found[0].Term != "BT-23" || found[0].Value != "S1" || found[0].Where == "" || found[0].RemedyFR == "" || found[1].Code != "CH-NAME-LENGTH" {
		t.Errorf("told %+v", found)
	}
}

// An event that is committed late gets a higher number than those that were told before, and is told.
func TestWebhooksMissNoLateCommit(t *testing.T) {
	h := newHouse(t, nil)
	r := newReceiver(t, nil)
	h.start(hooks(r.hook("r", "", "invoice.received")))
	h.awaitEndpoint("r", "there", caughtUp)
	late, err := h.app().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = late.Rollback(context.WithoutCancel(t.Context())) }()
	var id int64
	if err := late.QueryRow(t.Context(), `INSERT INTO chorus.invoices (document) VALUES ('x') RETURNING id`).Scan(&id); err != nil {
		t.Fatal(err)
	}
	h.junk(3)
	r.await(func(all []told) bool { return len(all) == 3 })
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := r.await(func(all []told) bool { return len(all) >= 4 })
	once(t, all)
	if last := all[len(all)-1]; *last.Data.InvoiceID != id {
		t.Errorf("the late one came as %+v", last)
	}
}

// Two workers, and nobody dies: each event once, in order.
func TestTwoWorkersTellEachEventOnce(t *testing.T) {
	h := newHouse(t, nil)
	r := newReceiver(t, nil)
	for range 2 {
		h.start(hooks(r.hook("r", "")))
	}
	h.awaitEndpoint("r", "there", caughtUp)
	for range 10 {
		h.junk(10)
		time.Sleep(50 * time.Millisecond) // in several turns, of either worker
	}
	all := r.await(func(all []told) bool { return len(all) >= 200 })
	h.awaitEndpoint("r", "done", caughtUp)
	once(t, r.told())
	if len(r.told()) != 200 || len(all) != 200 {
		t.Errorf("told %d times of 200 events", len(r.told()))
	}
}

// What fails is tried again and holds up what comes after it; other endpoints go on, and so do the invoices.
func TestFailingWebhookWaitsAlone(t *testing.T) {
	h := newHouse(t, nil)
	var mu sync.Mutex
	status, retry := 500, ""
	dead := newReceiver(t, func(w http.ResponseWriter, _ told) {
		mu.Lock()
		defer mu.Unlock()
		w.Header().Set("Retry-After", retry)
		w.WriteHeader(status)
	})
	release := make(chan struct{})
	slow := newReceiver(t, func(http.ResponseWriter, told) { <-release })
	defer close(release)
	good := newReceiver(t, nil)
	h.start(hooks(dead.hook("dead", "", "invoice.received"), slow.hook("slow", ""), good.hook("good", "")))
	h.awaitEndpoint("good", "there", caughtUp)
	h.junk(3)
	once(t, good.await(func(all []told) bool { return len(all) == 6 }))
	failed := h.awaitEndpoint("dead", "failing", func(w store.Webhook) bool { return w.Failures == 1 })
	if *failed.LastStatus != 500 || *failed.LastError != webhook.CodeStatus || failed.Stuck == nil || *failed.Stuck != failed.Cursor+1 || failed.LagSeconds <= 0 {
		t.Errorf("%+v", failed)
	}
	if wait := time.Until(*failed.DueAt); wait < 3*time.Second || wait > 6*time.Second {
		t.Errorf("the next try is in %s", wait)
	}
	mu.Lock()
	status, retry = 429, "1800"
	mu.Unlock()
	h.hasten("dead")
	failed = h.awaitEndpoint("dead", "asked to wait", func(w store.Webhook) bool { return w.Failures == 2 })
	if wait := time.Until(*failed.DueAt); wait < 29*time.Minute || wait > 31*time.Minute {
		t.Errorf("half an hour was asked for, the next try is in %s", wait)
	}
	mu.Lock()
	status = 200
	mu.Unlock()
	h.hasten("dead")
	h.awaitEndpoint("dead", "well again", func(w store.Webhook) bool { return w.Failures == 0 && w.Behind == 0 })
	all := dead.told()
	if len(all) != 5 || all[0].ID != all[1].ID || all[1].ID != all[2].ID {
		t.Fatalf("told %+v", all)
	}
	once(t, all[2:])
}

func TestWebhookThatIsGoneOrFailsForDays(t *testing.T) {
	h := newHouse(t, nil)
	var mu sync.Mutex
	status := http.StatusGone
	set := func(s int) { mu.Lock(); defer mu.Unlock(); status = s }
	r := newReceiver(t, func(w http.ResponseWriter, _ told) { mu.Lock(); defer mu.Unlock(); w.WriteHeader(status) })
	h.start(hooks(r.hook("r", "", "invoice.received", "webhook.*")))
	op := h.operator()
	h.awaitEndpoint("r", "there", caughtUp)
	h.junk(1)
	paused := func(reason string) store.Webhook {
		t.Helper()
		w := h.awaitEndpoint("r", "paused", func(w store.Webhook) bool { return w.PausedAt != nil })
		if *w.PauseReason != reason {
			t.Errorf("paused because of %s", *w.PauseReason)
		}
		return w
	}
	paused(store.WebhookGone)
	if n := len(r.told()); n != 1 {
		t.Errorf("told %d times", n)
	}
	set(500)
	if err := op.PauseWebhook(t.Context(), "r", ""); err != nil {
		t.Fatal(err)
	}
	h.awaitEndpoint("r", "failing", func(w store.Webhook) bool { return w.Failures == 1 })
	// Three days later.
	if _, err := h.db.Pool.Exec(t.Context(), `UPDATE chorus.webhooks SET failing_since = failing_since - interval '3 days', due_at = clock_timestamp()`); err != nil {
		t.Fatal(err)
	}
	stuck := *paused(store.WebhookFailing).Stuck
	set(200)
	// The operator gives the event up; the endpoint is told of what happened to itself.
	if seq, err := op.SkipWebhook(t.Context(), "r", "it cannot read it"); err != nil || seq != stuck {
		t.Errorf("skipped %d of %d, %v", seq, stuck, err)
	}
	if err := op.PauseWebhook(t.Context(), "r", ""); err != nil {
		t.Fatal(err)
	}
	before := len(r.told())
	h.awaitEndpoint("r", "well again", func(w store.Webhook) bool { return w.PausedAt == nil && w.Behind == 0 })
	want := []string{"webhook.paused", "webhook.resumed", "webhook.paused", "webhook.skipped", "webhook.resumed"}
	if got := types(r.await(func(all []told) bool { return len(all) >= before+len(want) })[before:]); !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
	if _, err := op.SkipWebhook(t.Context(), "r", "again"); store.SQLState(err) != "CH050" {
		t.Errorf("nothing to skip: %v", err)
	}
}

func TestWebhookReplay(t *testing.T) {
	h := newHouse(t, nil)
	r, other := newReceiver(t, nil), newReceiver(t, nil)
	h.start(hooks(r.hook("r", "", "invoice.received"), other.hook("other", "")))
	op := h.operator()
	h.awaitEndpoint("other", "there", caughtUp)
	begun := time.Now().Add(-time.Minute)
	h.junk(5)
	first := r.await(func(all []told) bool { return len(all) == 5 })
	w := h.awaitEndpoint("r", "done", caughtUp)
	from, err := op.SeqSince(t.Context(), begun)
	if err != nil || from != 1 {
		t.Fatalf("since a minute ago: %d, %v", from, err)
	}
	if n, err := op.CountWebhook(t.Context(), "r", from); err != nil || n != 5 {
		t.Errorf("%d would be told again, %v", n, err)
	}
	if _, err := op.CountWebhook(t.Context(), "nobody", from); err != pgx.ErrNoRows { //nolint:errorlint // as it comes
		t.Errorf("an endpoint that is not there: %v", err)
	}
	for _, wrong := range []int64{0, w.Cursor + 1000} {
		if err := op.ReplayWebhook(t.Context(), "r", wrong); store.SQLState(err) != "CH050" {
			t.Errorf("from %d: %v", wrong, err)
		}
	}
	if err := op.ReplayWebhook(t.Context(), "r", first[2].Data.Seq); err != nil {
		t.Fatal(err)
	}
	all := r.await(func(all []told) bool { return len(all) >= 8 })
	h.awaitEndpoint("r", "done", caughtUp)
	if len(r.told()) != 8 {
		t.Fatalf("told %d times", len(r.told()))
	}
	for i, again := range all[5:] {
		if again.ID != first[2+i].ID {
			t.Errorf("told again of %s as %s", first[2+i].ID, again.ID)
		}
	}
	if got := types(other.await(func(all []told) bool { return len(all) >= 11 })); len(got) != 11 || !slices.Contains(got, "webhook.replayed") {
		t.Errorf("the other endpoint was told %v", got)
	}
}

// The secret, the address and what the receiver says are nowhere: not in the database, the log, or the metrics.
func TestWebhookSecretsStayWhereTheyAre(t *testing.T) {
	h := newHouse(t, nil)
	answers := 0
	r := newReceiver(t, func(w http.ResponseWriter, _ told) {
		answers++
		if answers == 1 {
			w.Header().Set("X-Echo", "said-by-the-receiver")
			http.Error(w, "said-by-the-receiver", http.StatusBadGateway)
		}
	})
	var log lockedBuffer
	registry := prometheus.NewRegistry()
	h.start(hooks(r.hook("r", "")), func(c *worker.Config) {
		c.Log, c.Registry = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), registry
	})
	h.awaitEndpoint("r", "there", caughtUp)
	h.junk(1)
	h.awaitEndpoint("r", "failing", func(w store.Webhook) bool { return w.Failures == 1 })
	h.hasten("r")
	h.awaitEndpoint("r", "well again", func(w store.Webhook) bool { return w.Delivered == 2 })

	everything := map[string]string{"the log": log.String()}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, f := range families {
		everything["the metrics"] += f.String()
		shown[f.GetName()] = true
	}
	for _, name := range []string{"choriste_webhook_deliveries_total", "choriste_webhook_lag_seconds", "choriste_webhook_lag_events", "choriste_webhook_paused"} {
		if !shown[name] {
			t.Errorf("%s is not shown", name)
		}
	}
	for _, table := range []string{"chorus.webhooks", "chorus.events", "river.river_job"} {
		rows, err := h.db.Pool.Query(t.Context(), `SELECT x::text FROM `+table+` x`)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		everything[table] = strings.Join(lines, "\n")
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(hookSecret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range everything {
		if text == "" {
			t.Errorf("%s is empty", where)
		}
		for _, hidden := range []string{strings.TrimPrefix(hookSecret, "whsec_"), string(key), "hidden-in-the-address", r.Listener.Addr().String(), "said-by-the-receiver"} {
			if strings.Contains(text, hidden) {
				t.Errorf("%s shows %q", where, hidden)
			}
		}
	}
}
