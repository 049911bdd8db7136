package worker

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/choriste/choriste/store"
)

// Shared are the settings that all workers of one database should have alike, as NAME=value NAME=value. Workers tell each other of them: a fleet in which
// one is restarted with others goes on, and says so.
func (c Config) Shared() string {
	c = c.withDefaults()
	resubmit := "once"
	if c.Never {
		resubmit = "never"
	}
	text := fmt.Sprintf("CHORISTE_QUOTA=%g CHORISTE_DEPOSITS_IN_FLIGHT=%d CHORISTE_HTTP_TIMEOUT=%s CHORISTE_SEND_WITHIN=%s CHORISTE_LANDING_DELAY=%s "+
		"CHORISTE_VISIBILITY_DELAY=%s CHORISTE_INDOUBT_RESUBMIT=%s CHORISTE_SYNC_EVERY=%s CHORISTE_QUIET_PERIOD=%s",
		c.Quota, c.InFlight, c.Settings.HTTPTimeout, c.Settings.SendWithin, c.Settings.LandingDelay,
		c.Settings.VisibilityDelay, resubmit, c.Settings.SyncEvery, c.Settings.QuietPeriod)
	windows := make([]string, len(c.Maintenance))
	for k, m := range c.Maintenance {
		windows[k] = m.From.UTC().Format(time.RFC3339) + "/" + m.Until.UTC().Format(time.RFC3339)
	}
	text += " CHORISTE_MAINTENANCE=" + strings.Join(windows, ",")
	own := map[string]string{} // by the names of the applications that have a quota of their own
	for _, a := range c.Accounts {
		if quota := cmp.Or(a.Quota, c.Quota); quota != c.Quota {
			own[cmp.Or(a.Application, "default")] = fmt.Sprintf("%g", quota)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		text += " quota/" + strings.Join(strings.Fields(name), "_") + "=" + own[name]
	}
	return text
}

// shared is Shared with the accounts that this worker has now.
func (w *Worker) shared() string {
	c := w.cfg
	w.setting.Lock()
	c.Accounts = slices.Collect(maps.Values(w.roster.accounts))
	w.setting.Unlock()
	return c.Shared()
}

// compareSettings says when another worker has other settings, once for each difference, and when all have the same again.
func (w *Worker) compareSettings(ctx context.Context) error {
	differ, err := store.Differ(ctx, w.cfg.Pool, w.shared())
	if err != nil {
		return err
	}
	said := ""
	if differ != nil {
		said = differ.Error()
	}
	switch {
	case said == w.differs:
	case said != "":
		w.cfg.Log.Warn(said)
	default:
		w.cfg.Log.Info("all workers have the same settings again")
	}
	w.differs = said
	return nil
}
