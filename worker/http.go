package worker

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/choriste/choriste/jobs"
	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store"
)

// Handler serves /healthz (the process lives), /readyz (it works, and its database answers with the right schema) and /metrics of a registry.
func (w *Worker) Handler(g prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) { say(rw, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(rw http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		switch err := migrations.Check(ctx, w.cfg.Pool); {
		case err != nil:
			say(rw, http.StatusServiceUnavailable, "database: "+store.Message(err))
		case !w.ready.Load():
			say(rw, http.StatusServiceUnavailable, "starting or draining")
		default:
			say(rw, http.StatusOK, "ready")
		}
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(g, promhttp.HandlerOpts{}))
	return mux
}

func say(rw http.ResponseWriter, status int, text string) {
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.WriteHeader(status)
	_, _ = rw.Write([]byte(text + "\n"))
}

// gauges ask the database when they are read.
type gauges struct{ w *Worker }

var (
	countDesc  = prometheus.NewDesc("choriste_invoices", "Invoices by state.", []string{"state"}, nil)
	ageDesc    = prometheus.NewDesc("choriste_oldest_seconds", "Age of the oldest invoice in a state that is not final.", []string{"state"}, nil)
	pausedDesc = prometheus.NewDesc("choriste_account_paused", "1 while an account is paused, by an operator or because Chorus Pro refused it.", []string{"account"}, nil)
	endsDesc   = prometheus.NewDesc("choriste_account_password_days", "Days left of an account's password, as Chorus Pro told last.", []string{"account"}, nil)
	secretDesc = prometheus.NewDesc("choriste_client_secret_days", "Days since this fleet first used the client secret.", []string{"application"}, nil)
	oddDesc    = prometheus.NewDesc("choriste_unusual_statuts_total", "Statuts of Chorus Pro that are unknown, and moves that went back, by kind.", []string{"kind"}, nil)
	feedDesc   = prometheus.NewDesc("choriste_feeds_degraded", "Change feeds of an account whose filter Chorus Pro does not honour as it should.", []string{"account"}, nil)
	openDesc   = prometheus.NewDesc("choriste_breaker_open", "1 while deposits are held back because a portal or a PISTE application fails, for the whole fleet.", []string{"scope", "name"}, nil)
)

func (g gauges) Describe(ch chan<- *prometheus.Desc) {
	ch <- countDesc
	ch <- ageDesc
	ch <- openDesc
	ch <- foundDesc
	ch <- pausedDesc
	ch <- endsDesc
	ch <- secretDesc
	ch <- oddDesc
	ch <- feedDesc
}

func (g gauges) Collect(ch chan<- prometheus.Metric) {
	accounts := g.w.jobs.Accounts()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	g.breakers(ctx, ch)
	g.credentials(ctx, ch, accounts)
	odd, err := g.w.store.Unusual(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(oddDesc, err)
		return
	}
	for _, u := range odd {
		ch <- prometheus.MustNewConstMetric(oddDesc, prometheus.CounterValue, float64(u.Count), u.ReasonCode)
	}
	degraded, err := g.w.store.Degraded(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(feedDesc, err)
		return
	}
	for name, n := range degraded {
		if accounts[name] != nil {
			ch <- prometheus.MustNewConstMetric(feedDesc, prometheus.GaugeValue, float64(n), name)
		}
	}
	g.findings(ctx, ch)
	stats, err := g.w.store.Stats(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(countDesc, err)
		return
	}
	for _, s := range stats {
		ch <- prometheus.MustNewConstMetric(countDesc, prometheus.GaugeValue, float64(s.Count), string(s.State))
		ch <- prometheus.MustNewConstMetric(ageDesc, prometheus.GaugeValue, s.Oldest.Seconds(), string(s.State))
	}
}

func (g gauges) breakers(ctx context.Context, ch chan<- prometheus.Metric) {
	list, err := g.w.store.Breakers(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(openDesc, err)
		return
	}
	for _, b := range list {
		open := 1.0
		if b.State == "closed" {
			open = 0
		}
		ch <- prometheus.MustNewConstMetric(openDesc, prometheus.GaugeValue, open, b.Scope, b.Name)
	}
}

// credentials shows the state and age of what this process is configured with; nothing of an account whose password nobody knows the end of.
func (g gauges) credentials(ctx context.Context, ch chan<- prometheus.Metric, accounts map[string]*jobs.Account) {
	list, err := g.w.store.Accounts(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(pausedDesc, err)
		return
	}
	for _, a := range list {
		if accounts[a.Account] == nil {
			continue
		}
		paused := 0.0
		if a.PausedAt != nil {
			paused = 1
		}
		ch <- prometheus.MustNewConstMetric(pausedDesc, prometheus.GaugeValue, paused, a.Account)
		if a.PasswordDays != nil {
			ch <- prometheus.MustNewConstMetric(endsDesc, prometheus.GaugeValue, float64(*a.PasswordDays), a.Account)
		}
	}
	days, _, err := g.w.secrets(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(secretDesc, err)
		return
	}
	for name, n := range days {
		ch <- prometheus.MustNewConstMetric(secretDesc, prometheus.GaugeValue, float64(n), name)
	}
}
