package main

import (
	"time"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

type statsCmd struct{}

func (statsCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	stats, err := st.Stats(a.ctx)
	if err != nil {
		return err
	}
	unusual, err := st.Unusual(a.ctx)
	if err != nil {
		return err
	}
	accounts, err := st.Accounts(a.ctx)
	if err != nil {
		return err
	}
	w := visible.NewTable(a.out)
	for _, s := range stats {
		if a.json {
			if err := a.print(map[string]any{"state": s.State, "count": s.Count, "oldest_seconds": s.Oldest.Seconds()}); err != nil {
				return err
			}
			continue
		}
		oldest := ""
		if s.Oldest > 0 {
			oldest = a.either("oldest ", "la plus ancienne ") + s.Oldest.Round(time.Second).String()
		}
		w.Printf("%s\t%d\t%s\n", s.State, s.Count, oldest)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, u := range unusual {
		switch {
		case a.json:
			if err := a.print(u); err != nil {
				return err
			}
		case u.Count > 0:
			a.printf(a.either("unusual at Chorus Pro: %s %d times, %d of them in the last seven days (choriste list --unusual)\n",
				"inhabituel chez Chorus Pro : %s %d fois, dont %d dans les sept derniers jours (choriste list --unusual)\n"), u.ReasonCode, u.Count, u.LastWeek)
		}
	}
	for _, acc := range accounts {
		if a.json {
			if err := a.print(acc); err != nil {
				return err
			}
			continue
		}
		a.printf(a.either("account %s: %s\n", "compte %s : %s\n"), acc.Account, operate.AccountText(acc, a.lang))
	}
	return a.weather(st)
}

// weather tells of what keeps the whole fleet from sending: breakers, and an announced closure.
func (a *app) weather(st *store.Store) error {
	breakers, err := st.Breakers(a.ctx)
	if err != nil {
		return err
	}
	for _, b := range breakers {
		switch {
		case a.json:
			err = a.print(b)
		case b.State != "closed" || b.Ramping:
			a.printf(a.either("%s %s: %s\n", "%s %s : %s\n"), operate.ScopeText(b.Scope, a.lang), b.Name, operate.BreakerText(b, a.lang))
		}
		if err != nil {
			return err
		}
	}
	closure, err := st.Closure(a.ctx)
	switch {
	case err != nil || closure == nil:
		return err
	case a.json:
		return a.print(map[string]any{"maintenance": closure})
	default:
		a.printf(a.either("Chorus Pro is closed, as announced, until %s: nothing is asked\n", "Chorus Pro est fermé, comme annoncé, jusqu'au %s : rien ne lui est demandé\n"), stamp(closure.Until))
		return nil
	}
}
