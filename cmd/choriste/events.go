package main

import (
	"github.com/choriste/choriste/chorus/answers"
	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

type eventsCmd struct {
	Invoice string `arg:"" name:"id" help:"The invoice, by its id, number, external_ref, flux or identifiantFactureCPP."`

	id int64
}

func (c eventsCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	if c.id, err = a.find(st, c.Invoice); err != nil {
		return err
	}
	if _, _, err := st.Show(a.ctx, c.id); err != nil {
		return err
	}
	events, err := st.Events(a.ctx, c.id)
	if err != nil {
		return err
	}
	if a.json {
		for _, e := range events {
			if err := a.print(struct {
				store.Event
				Help []answers.Help `json:"help,omitempty"`
			}{e, operate.HelpOfEvent(e)}); err != nil {
				return err
			}
		}
		return nil
	}
	w := visible.NewTable(a.out)
	for _, e := range events {
		move := or(e.ToState, "")
		if e.FromState != nil && *e.FromState != move {
			move = *e.FromState + " → " + move
		}
		w.Printf("%s\t%s\t%s\t%s\t%s\n", stamp(e.At), move, or(e.ReasonCode, ""), e.Detail, e.Actor)
	}
	return w.Flush()
}
