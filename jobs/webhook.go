package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"github.com/choriste/choriste/chorus/answers"
	"github.com/choriste/choriste/store"
	"github.com/choriste/choriste/webhook"
)

// Webhook is an endpoint that is told of events, in the order of their numbers.
type Webhook struct {
	store.WebhookConfig
	Sender *webhook.Sender
}

// MostWebhooks is how many endpoints there may be: each may have a job at the same time as all the others, so that a slow one delays itself alone.
const MostWebhooks = 100

// QueueWebhook has a worker for each endpoint. They wait for receivers most of the time.
const QueueWebhook = "webhook"

// WebhookArgs has an endpoint told what it has not been told yet.
type WebhookArgs struct {
	Name string `json:"name"`
}

// Kind names the job for River.
func (WebhookArgs) Kind() string { return "webhook" }

// InsertWebhook is what River is given to have an endpoint told.
func InsertWebhook(name string) river.InsertManyParams {
	return once(WebhookArgs{name}, QueueWebhook, 1)
}

// SetWebhooks replaces the endpoints. Requests in the air end with what they began with.
func (j *Jobs) SetWebhooks(list []Webhook) {
	all := make(map[string]Webhook, len(list))
	for _, w := range list {
		all[w.Name] = w
	}
	j.webhooks.Store(&all)
}

// Webhooks are all endpoints that this process is configured with, by name; not to be changed.
func (j *Jobs) Webhooks() map[string]Webhook {
	if m := j.webhooks.Load(); m != nil {
		return *m
	}
	return nil
}

const (
	// webhookLease is longer than one delivery, its statements included. It begins anew with each.
	webhookLease = webhook.Timeout + 20*time.Second
	// webhookTurn is how long one job goes on to new events; it ends well before River's own limit (Settings.Timeout).
	webhookTurn = 15 * time.Second
	// webhookPatience is how long an endpoint may fail before it is paused. The specification advises several days.
	webhookPatience = 72 * time.Hour
)

// webhookSteps are the waits after each failure in a row; the last one stays.
var webhookSteps = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour}

// webhookWait is how long to wait after so many failures in a row. A receiver that says itself when to come back is heeded within these bounds.
func webhookWait(failures int, asked time.Duration) time.Duration {
	last := webhookSteps[len(webhookSteps)-1]
	if asked > 0 {
		return min(max(asked, webhookSteps[0]), last)
	}
	return about(webhookSteps[min(max(failures, 1), len(webhookSteps))-1])
}

// tell delivers one event after the other to an endpoint, until there are no more, one fails, or its turn is over. The cursor moves after each success:
// a crash in between has that one event delivered again, with the same id.
func (j *Jobs) tell(ctx context.Context, name string, claim int64) error {
	hook, ours := j.Webhooks()[name]
	if !ours {
		return j.Store.ReleaseWebhook(ctx, name, claim, webhookSteps[0])
	}
	for end := time.Now().Add(webhookTurn); time.Now().Before(end) && !j.draining.Load(); {
		next, err := j.Store.NextEvent(ctx, name, claim, webhookLease)
		if err != nil {
			return err
		}
		if next == nil {
			break
		}
		found, err := j.foundBy(ctx, next)
		if err != nil {
			return err
		}
		body, err := webhookBody(next, found)
		if err != nil {
			return j.untold(ctx, name, claim, next.Seq, webhook.Result{Code: codeUnreadable})
		}
		result, err := hook.Sender.Send(ctx, webhookID(next), body)
		if err != nil {
			return err
		}
		if result.Code != "" {
			return j.untold(ctx, name, claim, next.Seq, result)
		}
		j.Metrics.Webhooks.WithLabelValues(name, "ok").Inc()
		if err := j.Store.Told(ctx, name, claim, next.Seq, result.Status); err != nil {
			return err
		}
	}
	return j.Store.ReleaseWebhook(ctx, name, claim, 0)
}

func (j *Jobs) untold(ctx context.Context, name string, claim, seq int64, r webhook.Result) error {
	j.Metrics.Webhooks.WithLabelValues(name, r.Code).Inc()
	u := store.Untold{Seq: seq, Status: r.Status, Code: r.Code, Gone: r.Code == webhook.CodeGone}
	var next time.Duration
	paused, err := j.Store.NotTold(ctx, name, claim, u, func(failures int) time.Duration {
		next = webhookWait(failures, r.RetryAfter)
		return next
	}, webhookPatience)
	switch {
	case err != nil:
		return err
	case paused != "":
		j.Log.Error("a webhook is paused: see to the receiver, then choriste webhooks resume", "webhook", name, "reason", paused, "seq", seq, "error", r.Code, "status", r.Status)
	default:
		j.Log.Warn("a webhook did not take an event: it is tried again, and later events wait", "webhook", name, "seq", seq, "error", r.Code, "status", r.Status, "in", next.Round(time.Second))
	}
	return nil
}

// codeUnreadable says that an event cannot be written as JSON. It holds its endpoint up, visibly, until it is skipped.
const codeUnreadable = "UNREADABLE"

// webhookID is the same whenever and to whomever the event is sent. Its time is in it because the numbers begin again where a backup ended, and the
// events that take them then are others.
func webhookID(a *store.Announcement) string {
	return fmt.Sprintf("evt_%d_%x", a.Seq, a.At.UnixMicro())
}

// mostTold is how many findings an event carries.
const mostTold = 20

// foundBy are the first findings of an event that tells of some, as they stand now.
func (j *Jobs) foundBy(ctx context.Context, a *store.Announcement) ([]store.RuleFinding, error) {
	var detail struct {
		Findings []string `json:"findings"`
	}
	if a.InvoiceID == nil || json.Unmarshal(a.Detail, &detail) != nil || len(detail.Findings) == 0 {
		return nil, nil
	}
	found, err := j.Store.RuleFindingsOf(ctx, []int64{*a.InvoiceID}, mostTold)
	return found[*a.InvoiceID], err
}

func webhookBody(a *store.Announcement, found []store.RuleFinding) ([]byte, error) {
	type data struct {
		*store.Announcement
		Help     []answers.Help      `json:"help"`
		Findings []store.RuleFinding `json:"findings"`
	}
	return json.Marshal(struct {
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      data      `json:"data"`
	}{a.Type, a.At.UTC(), data{a, append([]answers.Help{}, answers.ForEvent(a.ReasonCode, a.Detail)...), append([]store.RuleFinding{}, found...)}})
}
