package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// How often the breakers are looked at, beside at once when this process has opened one.
const (
	breakersEvery   = time.Second
	breakersSoonest = 250 * time.Millisecond
	announceAfter   = 60 // units, so T_http: what is shorter is not called an outage
)

func (w *Worker) breakersEvery() time.Duration {
	return max(breakersSoonest, min(w.cfg.Settings.Unit(), breakersEvery))
}

// probeBreakers makes the health checks that the fleet's breakers want.
func (w *Worker) probeBreakers(ctx context.Context) error {
	err := w.jobs.ProbeDue(ctx)
	select {
	case w.probed <- struct{}{}:
	default:
	}
	return err
}

// watchBreakers keeps what this process knows of the breakers fresh, and announces outages.
func (w *Worker) watchBreakers(ctx context.Context) error {
	list, err := w.store.Breakers(ctx)
	if err != nil {
		return err
	}
	w.jobs.Weather.Set(list)
	every := min(announceAfter*w.cfg.Settings.Unit(), breakersEvery)
	if w.jobs.Weather.Calm() {
		every *= 10 // only an announced closure may begin or end
	}
	if time.Since(w.tended) < every {
		return nil
	}
	w.tended = time.Now()
	return w.tend(ctx)
}

func (w *Worker) tend(ctx context.Context) error {
	outages, err := w.store.Tend(ctx, w.cfg.Settings.Unit(), announceAfter*w.cfg.Settings.Unit())
	for _, b := range outages {
		w.cfg.Log.Error("an outage: deposits wait until it is over, and nothing has to be done here", "scope", b.Scope, "name", b.Name, "fault", b.Fault, "since", b.Since)
	}
	return err
}

// portalKey names a portal without naming it, however its address is written.
func portalKey(c chorus.Config) string {
	sum := sha256.Sum256([]byte(c.APIURL)) // in the one way in which build writes it
	return "portal/" + hex.EncodeToString(sum[:8])
}

// portals names each account at its portal, without telling who it is.
func (w *Worker) portals() (names []string) {
	w.setting.Lock()
	defer w.setting.Unlock()
	for _, a := range w.roster.accounts {
		sum := sha256.Sum256([]byte(a.Chorus.APIURL + "\n" + a.Chorus.Login))
		names = append(names, hex.EncodeToString(sum[:8]))
	}
	return names
}

func applicationKey(c chorus.Config) string { return "application/" + budgetKey(c) }

// breakers are the ones that the configured accounts are behind.
func (w *Worker) breakers() (list []store.Breaker, behind map[string][]string) {
	w.setting.Lock()
	defer w.setting.Unlock()
	behind = map[string][]string{}
	seen := map[string]bool{}
	add := func(b store.Breaker) {
		if !seen[b.Key] {
			seen[b.Key] = true
			list = append(list, b)
		}
	}
	for name, a := range w.roster.accounts {
		portal, application := portalKey(a.Chorus), applicationKey(a.Chorus)
		behind[name] = []string{portal, application}
		add(store.Breaker{Key: portal, Scope: store.ScopePortal, Name: host(a.Chorus.APIURL)})
		add(store.Breaker{Key: application, Scope: store.ScopeApplication, Name: w.roster.applications[budgetKey(a.Chorus)].name})
	}
	return list, behind
}

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "unknown"
	}
	return u.Host
}
