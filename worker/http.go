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
	mux.Handle("GET /metrics", promhttp.HandlerFor(g, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, // what one collector cannot tell does not hide what the others can
		Registry:      w.cfg.Registry,
	}))
	return mux
}

func say(rw http.ResponseWriter, status int, text string) {
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.WriteHeader(status)
	_, _ = rw.Write([]byte(text + "\n"))
}
