package worker_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/choriste/choriste/chorus/answers"
	"github.com/choriste/choriste/egress"
	"github.com/choriste/choriste/jobs"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/webhook"
	"github.com/choriste/choriste/worker"
)

const hookSecret = "whsec_c2VjcmV0IG9mIHRoZSB3ZWJob29rcycgdGVzdHM="

// told is what a receiver was told, one request.
type told struct {
	ID   string
	Type string `json:"type"`
	Data struct {
		Seq       int64   `json:"seq"`
		InvoiceID *int64  `json:"invoice_id"`
		ToState   *string `json:"to_state"`
		Invoice   *struct {
			ID    int64  `json:"id"`
			State string `json:"state"`
		} `json:"invoice"`
		Help     []answers.Help      `json:"help"`
		Findings []store.RuleFinding `json:"findings"`
	} `json:"data"`
}

// receiver keeps what it was told and answers 200, unless answer writes something else.
type receiver struct {
	*httptest.Server
	t      *testing.T
	answer func(w http.ResponseWriter, one told)
	mu     sync.Mutex
	all    []told
}

func newReceiver(t *testing.T, answer func(w http.ResponseWriter, one told)) *receiver {
	t.Helper()
	r := &receiver{t: t, answer: answer}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// sign is the specification's signature by hookSecret.
func sign(id, timestamp string, body []byte) string {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(hookSecret, "whsec_"))
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	one := told{ID: req.Header.Get("webhook-id")}
	if signature := sign(one.ID, req.Header.Get("webhook-timestamp"), body); req.Header.Get("webhook-signature") != signature {
		r.t.Errorf("signed %q, not %q", req.Header.Get("webhook-signature"), signature)
	}
	if err := json.Unmarshal(body, &one); err != nil {
		r.t.Errorf("a request that is not right: %v", err)
	}
	r.mu.Lock()
	r.all = append(r.all, one)
	r.mu.Unlock()
	if r.answer != nil {
		r.answer(w, one)
	}
}

func (r *receiver) told() []told {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

// await returns what was told once enough says so.
func (r *receiver) await(enough func([]told) bool) []told {
	r.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		all := r.told()
		if enough(all) {
			return all
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("after 30 s, told only: %+v", all)
		}
	}
}

func (r *receiver) hook(name, account string, events ...string) jobs.Webhook {
	r.t.Helper()
	s, err := webhook.New(r.URL+"/hook?token=hidden-in-the-address", []string{hookSecret}, true, egress.Way{})
	if err != nil {
		r.t.Fatal(err)
	}
	return jobs.Webhook{WebhookConfig: store.WebhookConfig{Name: name, Account: account, Events: events}, Sender: s}
}

func hooks(list ...jobs.Webhook) func(*worker.Config) {
	return func(c *worker.Config) { c.Webhooks = list }
}

func (h *house) endpoint(name string) store.Webhook {
	h.t.Helper()
	list, err := store.New(h.db.Pool).Webhooks(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	for _, w := range list {
		if w.Name == name {
			return w
		}
	}
	return store.Webhook{}
}

func (h *house) awaitEndpoint(name, what string, right func(store.Webhook) bool) store.Webhook {
	h.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		w := h.endpoint(name)
		if right(w) {
			return w
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("after 30 s, %s is not %s: %+v", name, what, w)
		}
	}
}

// hasten makes what waits for another try due at once, as time would.
func (h *house) hasten(name string) {
	h.t.Helper()
	if _, err := h.db.Pool.Exec(h.t.Context(), `UPDATE chorus.webhooks SET due_at = clock_timestamp() WHERE name = $1`, name); err != nil {
		h.t.Fatal(err)
	}
}

// junk inserts invoices that cannot be read: two events each, received and invalid.
func (h *house) junk(n int) {
	h.t.Helper()
	if _, err := h.app().Exec(h.t.Context(), `INSERT INTO chorus.invoices (document) SELECT 'x' FROM generate_series(1, $1)`, n); err != nil {
		h.t.Fatal(err)
	}
}

func caughtUp(w store.Webhook) bool { return w.Name != "" && w.Behind == 0 }

func types(all []told) (list []string) {
	for _, one := range all {
		list = append(list, one.Type)
	}
	return list
}

// once fails the test unless all were told in the order of their numbers, each once.
func once(t *testing.T, all []told) {
	t.Helper()
	for i := 1; i < len(all); i++ {
		if all[i].Data.Seq <= all[i-1].Data.Seq {
			t.Errorf("event %d came after %d", all[i].Data.Seq, all[i-1].Data.Seq)
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}
func (l *lockedBuffer) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }
