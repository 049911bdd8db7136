package worker

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

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
	countDesc = prometheus.NewDesc("choriste_invoices", "Invoices by state.", []string{"state"}, nil)
	ageDesc   = prometheus.NewDesc("choriste_oldest_seconds", "Age of the oldest invoice in a state that is not final.", []string{"state"}, nil)
	openDesc  = prometheus.NewDesc("choriste_breaker_open", "1 while deposits of an account are held back by this process.", []string{"account"}, nil)
)

func (g gauges) Describe(ch chan<- *prometheus.Desc) {
	ch <- countDesc
	ch <- ageDesc
	ch <- openDesc
}

func (g gauges) Collect(ch chan<- prometheus.Metric) {
	for name, a := range g.w.jobs.Accounts {
		open := 0.0
		if a.Breaker.Open() {
			open = 1
		}
		ch <- prometheus.MustNewConstMetric(openDesc, prometheus.GaugeValue, open, name)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
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
