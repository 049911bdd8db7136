package main

import (
	"github.com/choriste/choriste/store"
)

type cancelCmd struct {
	Invoice string `arg:"" name:"id" help:"The invoice, by its id, number, external_ref, flux or identifiantFactureCPP."`

	id int64
}

func (c cancelCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	if c.id, err = a.find(st, c.Invoice); err != nil {
		return err
	}
	state, err := st.Cancel(a.ctx, c.id)
	if err != nil {
		return err
	}
	if a.json {
		return a.print(map[string]any{"id": c.id, "state": state})
	}
	if state == store.Cancelled {
		a.printf(a.either("invoice %d is cancelled\n", "la facture %d est annulée\n"), c.id)
	} else {
		a.printf(a.either("invoice %d is %s: it is cancelled only if it turns out that nothing was sent\n", "la facture %d est %s : elle n'est annulée que s'il s'avère que rien n'est parti\n"), c.id, state)
	}
	return nil
}
