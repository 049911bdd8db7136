package worker

import (
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
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
	mux.HandleFunc("GET /readyz", func(rw http.ResponseWriter, _ *http.Request) {
		if why := w.unready(); why != "" {
			say(rw, http.StatusServiceUnavailable, "not ready: "+why)
			return
		}
		say(rw, http.StatusOK, strings.Join(slices.DeleteFunc([]string{"ready", w.held(), w.locks.passed()}, func(s string) bool { return s == "" }), "; "))
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(g, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, // what one collector cannot tell does not hide what the others can
		Registry:      w.cfg.Registry,
	}))
	return mux
}

// unready says in one line why work does not go on, or "". It asks nothing of the database: an answer must come even when that hangs.
func (w *Worker) unready() string {
	why := "starting or draining"
	if w.ready.Load() {
		why = w.loops.unready()
	}
	if why == "" {
		return w.heldTooLong()
	}
	if holders := w.locks.text(); holders != "" {
		why += "; " + holders
	}
	return why
}

func say(rw http.ResponseWriter, status int, text string) {
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.WriteHeader(status)
	_, _ = rw.Write([]byte(text + "\n"))
}
