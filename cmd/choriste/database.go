package main

import (
	"github.com/choriste/choriste/migrations"
	"github.com/choriste/choriste/store"
)

type migrateCmd struct {
	Action string `arg:"" enum:"up,status,plan" default:"up" help:"up; status: which steps are done; plan: what the pending ones would do, and whom they hold up."`
}

func (c migrateCmd) Run(a *app) error {
	s, err := load(a.getenv, "DATABASE_URL")
	if err != nil {
		return err
	}
	if c.Action == "plan" {
		return c.plan(a, s.DatabaseURL)
	}
	if c.Action == "up" {
		if err := migrations.Up(a.ctx, s.DatabaseURL, func(text string) { a.warnf("%s\n", text) }); err != nil {
			return err
		}
	}
	list, lacks, err := migrations.Status(a.ctx, s.DatabaseURL)
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
		applied := a.either("pending", "en attente")
		if !m.Applied.IsZero() {
			applied = store.Stamp(m.Applied)
		}
		a.printf("%5d  %-24s %s\n", m.Version, m.Name, applied)
	}
	if len(lacks) > 0 && !a.json {
		a.printf(a.either("\nThe rights are not those that these steps granted. As the owner of the schema chorus, with psql:\n",
			"\nLes droits ne sont pas ceux que ces étapes ont accordés. En tant que propriétaire du schéma chorus, avec psql :\n"))
	}
	for _, l := range lacks {
		if a.json {
			err = a.print(l)
		} else {
			a.printf("%s;\n", l.Statement)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
