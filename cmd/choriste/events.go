package main

import (
	"time"

	"github.com/choriste/choriste/chorus/answers"
	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

type eventsCmd struct {
	Invoice string `arg:"" name:"id" optional:"" help:"The invoice, by its id, number, external_ref, flux or identifiantFactureCPP."`
	Follow  bool   `short:"f" help:"Go on with each event as it is numbered, until interrupted; without ID, those of all invoices from now on."`
}

// Validate is called by kong.
func (c eventsCmd) Validate() error {
	if c.Invoice == "" && !c.Follow {
		return inBoth("the events of which invoice? give one, or --follow for all from now on", "les événements de quelle facture ? donnez-en une, ou --follow pour toutes à partir de maintenant")
	}
	return nil
}

func (c eventsCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	var id int64
	if c.Invoice != "" {
		if id, err = a.find(st, c.Invoice); err != nil {
			return err
		}
		if _, _, err := st.Show(a.ctx, id); err != nil {
			return err
		}
	}
	if id != 0 {
		archives, err := st.ArchivesOf(a.ctx, id)
		if err != nil {
			return err
		}
		a.archived(archives)
	}
	if c.Follow {
		return a.followEvents(st, id)
	}
	events, err := st.Events(a.ctx, id)
	if err != nil {
		return err
	}
	return a.events(events, false)
}

const (
	// followEvery is how often new events are asked for.
	followEvery = time.Second
	// mostFollowed is how many events are read at a time.
	mostFollowed = 1000
)

// followEvents prints events in the order of their numbers, which are given after their commits: none is missed. With an invoice, what is numbered of its history comes first.
func (a *app) followEvents(st *store.Store, id int64) error {
	after := int64(0)
	if id == 0 {
		var err error
		if after, err = st.LastSeq(a.ctx); err != nil {
			return err
		}
	}
	for {
		events, err := st.EventsAfter(a.ctx, after, id, mostFollowed)
		if a.ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if len(events) > 0 {
			after = *events[len(events)-1].Seq
		}
		if err := a.events(events, id == 0); err != nil {
			return err
		}
		if len(events) == mostFollowed {
			continue
		}
		select {
		case <-a.ctx.Done():
			return nil
		case <-time.After(followEvery):
		}
	}
}

// events prints them, of several invoices with the invoice before each.
func (a *app) events(events []store.Event, several bool) error {
	w := visible.NewTable(a.out)
	for _, e := range events {
		if a.json {
			if err := a.print(struct {
				store.Event
				Help []answers.Help `json:"help,omitempty"`
			}{e, operate.HelpOfEvent(e)}); err != nil {
				return err
			}
			continue
		}
		move := or(e.ToState, "")
		if e.FromState != nil && *e.FromState != move {
			move = *e.FromState + " → " + move
		}
		if several {
			invoice := int64(0)
			if e.InvoiceID != nil {
				invoice = *e.InvoiceID
			}
			w.Printf("%d\t", invoice)
		}
		w.Printf("%s\t%s\t%s\t%s\t%s\n", stamp(e.At), move, or(e.ReasonCode, ""), e.Detail, e.Actor)
	}
	return w.Flush()
}
