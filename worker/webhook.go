package worker

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"

	"github.com/choriste/choriste/jobs"
	"github.com/choriste/choriste/store"
)

// SetWebhooks replaces the endpoints while the worker runs. One that is gone keeps its place, and goes on from there should it come back.
func (w *Worker) SetWebhooks(list []jobs.Webhook) {
	w.jobs.SetWebhooks(list)
	w.unshared.Store(true)
}

// webhooks is what the configured endpoints are to be told, by name.
func (w *Worker) webhooks() []store.WebhookConfig {
	all := w.jobs.Webhooks()
	list := make([]store.WebhookConfig, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[name].WebhookConfig)
	}
	return list
}

func (w *Worker) dispatchWebhooks(ctx context.Context) error {
	names := slices.Collect(maps.Keys(w.jobs.Webhooks()))
	if len(names) == 0 {
		return nil
	}
	return pgx.BeginFunc(ctx, w.cfg.Pool, func(tx pgx.Tx) error {
		due, err := w.store.DueWebhooks(ctx, tx, names)
		if err != nil || len(due) == 0 {
			return err
		}
		params := make([]river.InsertManyParams, len(due))
		for k, name := range due {
			params[k] = jobs.InsertWebhook(name)
		}
		claims, err := w.insert(ctx, tx, params)
		if err != nil {
			return err
		}
		for k, name := range due {
			if err := w.store.SetWebhookClaim(ctx, tx, name, claims[k]); err != nil {
				return err
			}
		}
		return nil
	})
}

// lags ask the database how far behind the endpoints are when they are read.
type lags struct{ w *Worker }

var (
	lagDesc     = prometheus.NewDesc("choriste_webhook_lag_seconds", "Age of the first event that an endpoint is not done with.", []string{"webhook"}, nil)
	behindDesc  = prometheus.NewDesc("choriste_webhook_lag_events", "Events after the last one that an endpoint is done with, of whatever kind.", []string{"webhook"}, nil)
	stoppedDesc = prometheus.NewDesc("choriste_webhook_paused", "1 while an endpoint is paused, by an operator or because it failed.", []string{"webhook"}, nil)
)

func (l lags) Describe(ch chan<- *prometheus.Desc) {
	ch <- lagDesc
	ch <- behindDesc
	ch <- stoppedDesc
}

func (l lags) Collect(ch chan<- prometheus.Metric) {
	ours := l.w.jobs.Webhooks()
	if len(ours) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	list, err := l.w.store.Webhooks(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(lagDesc, err)
		return
	}
	for _, hook := range list {
		if _, configured := ours[hook.Name]; !configured {
			continue
		}
		paused := 0.0
		if hook.PausedAt != nil {
			paused = 1
		}
		ch <- prometheus.MustNewConstMetric(lagDesc, prometheus.GaugeValue, hook.LagSeconds, hook.Name)
		ch <- prometheus.MustNewConstMetric(behindDesc, prometheus.GaugeValue, float64(hook.Behind), hook.Name)
		ch <- prometheus.MustNewConstMetric(stoppedDesc, prometheus.GaugeValue, paused, hook.Name)
	}
}
