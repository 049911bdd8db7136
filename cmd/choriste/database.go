package main

import (
	"fmt"

	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store"
)

type migrateCmd struct {
	Action string `arg:"" enum:"up,status" default:"up" help:"up or status."`
}

func (c migrateCmd) Run(a *app) error {
	s, err := load(a.getenv, "DATABASE_URL")
	if err != nil {
		return err
	}
	if c.Action == "up" {
		if err := migrations.Up(a.ctx, s.DatabaseURL, func(text string) { _, _ = fmt.Fprintln(a.err, text) }); err != nil {
			return err
		}
	}
	list, err := migrations.Status(a.ctx, s.DatabaseURL)
	if err != nil {
		return err
	}
	for _, m := range list {
		if a.json {
			if err := a.print(m); err != nil {
				return err
			}
			continue
		}
		applied := "pending"
		if !m.Applied.IsZero() {
			applied = store.Stamp(m.Applied)
		}
		a.printf("%5d  %-24s %s\n", m.Version, m.Name, applied)
	}
	return nil
}

type pauseCmd struct {
	Account string `arg:"" default:"default" help:"The account to stop."`
	Reason  string `required:"" help:"Why; it is shown while the account is paused."`
}

func (c pauseCmd) Run(a *app) error {
	return a.setPaused(c.Account, true, c.Reason)
}

type resumeCmd struct {
	Account string `arg:"" default:"default" help:"The account to go on with."`
}

func (c resumeCmd) Run(a *app) error {
	return a.setPaused(c.Account, false, "")
}

func (a *app) setPaused(account string, paused bool, reason string) error {
	st, done, err := a.store()
	if err != nil {
		return err
	}
	defer done()
	if err := st.SetPaused(a.ctx, account, paused, reason); err != nil {
		return err
	}
	if a.json {
		return a.print(map[string]any{"account": account, "paused": paused})
	}
	if paused {
		a.printf("%s is paused: its invoices wait\n", account)
	} else {
		a.printf("%s goes on\n", account)
	}
	return nil
}
