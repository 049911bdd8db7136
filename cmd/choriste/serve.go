package main

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/choriste/choriste/console"
	"github.com/choriste/choriste/store"
)

// web is what a worker serves over HTTP. Users and certificate are those of the settings that were read last.
type web struct {
	settings atomic.Pointer[settings]
	server   *http.Server
	asks     bool // who somebody is
}

// newWeb serves the console, if it is wanted, with acts through operator unless that is nil, and probes beside it, which ask nobody who he is.
func newWeb(s settings, st, operator *store.Store, probes http.Handler, log *slog.Logger) *web {
	w := &web{asks: s.Users != nil}
	w.settings.Store(&s)
	mux := http.NewServeMux()
	if s.Console != consoleOff {
		cfg := console.Config{
			Store: st, Operator: operator, Log: log, Settings: func() []console.Setting { return w.settings.Load().shown() },
			Secure: s.Certificate != nil || s.Console == consoleProxied || strings.HasPrefix(s.OpenID.Address, "https:"),
		}
		if w.asks {
			cfg.Users = func() []console.User { return w.settings.Load().Users }
			cfg.Groups = func() []console.Group { return w.settings.Load().Groups }
			cfg.OpenID, cfg.Header = w.provider(s), w.header(s)
		}
		mux.Handle("/", console.Handler(cfg))
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		mux.Handle("GET "+path, probes)
	}
	w.server = &http.Server{
		Handler:           console.CheckHost(s.names(), mux),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	if w.asks && len(s.Users)+len(s.Groups) == 0 && s.Console != consoleOff {
		log.Warn("nobody may sign in to the console: the file of users has none")
	}
	if s.Console == consoleOpen && !loopback(s.Listen) {
		log.Warn("whoever reaches this address sees every page of the console, as CHORISTE_CONSOLE says", "address", s.Listen)
	}
	return w
}

// serve answers until the server is closed; by TLS where there is a certificate.
func (w *web) serve(l net.Listener) error {
	if w.settings.Load().Certificate == nil {
		return w.server.Serve(l)
	}
	w.server.TLSConfig = &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return w.settings.Load().Certificate, nil },
	}
	return w.server.ServeTLS(l, "", "")
}

// set takes over who may sign in, the secrets for it, and the certificate. What was not set at the start is not added later, and what was is not taken away: that would open what was closed.
func (w *web) set(s settings) {
	now := *w.settings.Load()
	if w.asks {
		now.Users, now.Groups = s.Users, s.Groups
		now.OpenID.Secret, now.Header.Secret = s.OpenID.Secret, s.Header.Secret
	}
	if now.Certificate != nil && s.Certificate != nil {
		now.Certificate = s.Certificate
	}
	w.settings.Store(&now)
}
