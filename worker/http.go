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

// Handler serves /healthz (only a restart helps, when it is not ok), /readyz (the worker does all that it should, and if not, what it does not) and
// /metrics of a registry. /healthz and /readyz name no login and no secret.
func (w *Worker) Handler(g prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) {
		if why := w.loops.lost(); why != "" {
			say(rw, http.StatusServiceUnavailable, "restart: "+why)
			return
		}
		say(rw, http.StatusOK, "ok")
	})
	mux.HandleFunc("GET /readyz", func(rw http.ResponseWriter, r *http.Request) {
		if why := w.unready(r.Context()); why != "" {
			say(rw, http.StatusServiceUnavailable, "not ready: "+why)
			return
		}
		say(rw, http.StatusOK, "ready")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(g, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, // what one collector cannot tell does not hide what the others can
		Registry:      w.cfg.Registry,
	}))
	return mux
}

// unready says in one line why work does not go on, or "".
func (w *Worker) unready(ctx context.Context) string {
	if !w.ready.Load() {
		return "starting or draining"
	}
	if why := w.loops.unready(); why != "" {
		return why
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	err := migrations.Check(ctx, w.cfg.Pool)
	if err == nil {
		return ""
	}
	if why := store.Brief(err); why != store.Unexplained {
		return why
	}
	return store.Message(err) // the schema's version
}

func say(rw http.ResponseWriter, status int, text string) {
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.WriteHeader(status)
	_, _ = rw.Write([]byte(text + "\n"))
}
