package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/store"
)

type webhooksCmd struct {
	List   webhooksListCmd   `cmd:"" default:"1" help:"List the endpoints: how far each is, and how it fares."`
	Test   webhooksTestCmd   `cmd:"" help:"Have an endpoint told of a webhook.test, and wait for what comes of it."`
	Pause  webhooksPauseCmd  `cmd:"" help:"Tell an endpoint nothing until it is resumed."`
	Resume webhooksResumeCmd `cmd:"" help:"Go on where a paused endpoint stopped; try at once what it did not take."`
	Replay webhooksReplayCmd `cmd:"" help:"Deliver again, in order, everything from an event on."`
	Skip   webhooksSkipCmd   `cmd:"" help:"Give up the one event that an endpoint does not take."`
	Forget webhooksForgetCmd `cmd:"" help:"Take away an endpoint that is configured no more, and its place."`
}

type webhooksListCmd struct{}

func (webhooksListCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	list, err := st.Webhooks(a.ctx)
	if err != nil {
		return err
	}
	if a.json {
		for _, w := range list {
			if err := a.print(w); err != nil {
				return err
			}
		}
		return nil
	}
	w := visible.NewTable(a.out)
	w.Printf(a.either("NAME\tTOLD\tCURSOR\tBEHIND\tLAG\tHEALTH\n", "NOM\tREÇOIT\tCURSEUR\tEN RETARD\tDEPUIS\tSANTÉ\n"))
	for _, h := range list {
		told := or(h.Account, a.either("all accounts", "tous les comptes"))
		if h.Events != nil {
			told += ", " + strings.Join(h.Events, " ")
		}
		lag := time.Duration(h.LagSeconds * float64(time.Second)).Round(time.Second)
		w.Printf("%s\t%s\t%d\t%d\t%s\t%s\n", h.Name, told, h.Cursor, h.Behind, lag, a.health(h))
	}
	return w.Flush()
}

// health says how an endpoint fares, the gravest first.
func (a *app) health(h store.Webhook) string {
	last := or(h.LastError, "")
	if h.LastStatus != nil && h.LastError != nil {
		last = fmt.Sprintf("%s %d", last, *h.LastStatus)
	}
	switch {
	case h.PausedAt != nil:
		return strings.TrimSpace(fmt.Sprintf(a.either("paused (%s) %s", "en pause (%s) %s"), or(h.PauseReason, ""), last))
	case h.Failures > 0 && h.Stuck != nil && h.DueAt != nil:
		return fmt.Sprintf(a.either("failing: event %d, %d times, %s; next try %s", "échoue : événement %d, %d fois, %s ; prochain essai %s"), *h.Stuck, h.Failures, last, stamp(*h.DueAt))
	case h.LagSeconds > 60:
		return a.either("nothing is tried: does a worker with it in CHORISTE_WEBHOOKS_FILE run?", "rien n'est tenté : un worker qui l'a dans CHORISTE_WEBHOOKS_FILE tourne-t-il ?")
	case h.LastSuccessAt != nil:
		return a.either("ok, last ", "ok, dernier ") + stamp(*h.LastSuccessAt)
	default:
		return a.either("nothing delivered yet", "rien n'a encore été livré")
	}
}

type webhooksTestCmd struct {
	Name string        `arg:"" help:"The endpoint."`
	Wait time.Duration `help:"Wait so long at most." default:"30s"`
}

// Run has a worker send the event, because only workers have the secrets: so it also shows whether they reach the receiver.
func (c webhooksTestCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	event, err := st.TestWebhook(a.ctx, c.Name)
	if err != nil {
		return err
	}
	for end := time.Now().Add(c.Wait); ; {
		seq, err := st.SeqOf(a.ctx, event)
		if err != nil {
			return err
		}
		list, err := st.Webhooks(a.ctx)
		if err != nil {
			return err
		}
		for _, h := range list {
			switch {
			case h.Name != c.Name:
			case seq > 0 && h.Cursor >= seq:
				if a.json {
					return a.print(map[string]any{"webhook": c.Name, "seq": seq, "delivered": true})
				}
				a.printf(a.either("delivered as event %d\n", "livré comme événement %d\n"), seq)
				return nil
			case h.PausedAt != nil:
				return inBoth("webhook %s is paused (%s): the test is delivered once it is resumed", "le webhook %s est en pause (%s) : l'essai sera livré à sa reprise", c.Name, or(h.PauseReason, ""))
			case h.Failures > 0 || time.Now().After(end) && h.Behind > 0:
				return inBoth("webhook %s has not taken the test yet: %s", "le webhook %s n'a pas encore pris l'essai : %s", c.Name, a.health(h))
			}
		}
		switch {
		case time.Now().After(end) && seq == 0:
			return inBoth("the test has no number yet: does a worker run?", "l'essai n'a pas encore de numéro : un worker tourne-t-il ?")
		case time.Now().After(end):
			return inBoth("the test is on its way: does a worker with CHORISTE_WEBHOOKS_FILE run? choriste webhooks shows what becomes of it",
				"l'essai est en route : un worker avec CHORISTE_WEBHOOKS_FILE tourne-t-il ? choriste webhooks montre ce qu'il devient")
		}
		select {
		case <-a.ctx.Done():
			return a.ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

type webhooksPauseCmd struct {
	Name   string `arg:"" help:"The endpoint."`
	Reason string `help:"Why; shown and kept." required:"" placeholder:"TEXT"`
}

func (c webhooksPauseCmd) Run(a *app) error {
	if strings.TrimSpace(c.Reason) == "" {
		return usageError{inBoth("a pause needs a --reason", "une pause demande un motif (--reason)")}
	}
	return a.webhook(c.Name, "paused", func(st *store.Store) error { return st.PauseWebhook(a.ctx, c.Name, c.Reason) })
}

type webhooksResumeCmd struct {
	Name string `arg:"" help:"The endpoint."`
}

func (c webhooksResumeCmd) Run(a *app) error {
	return a.webhook(c.Name, "resumed", func(st *store.Store) error { return st.PauseWebhook(a.ctx, c.Name, "") })
}

// webhook does something to one endpoint and says so.
func (a *app) webhook(name, did string, do func(*store.Store) error) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	if err := do(st); err != nil {
		return err
	}
	if a.json {
		return a.print(map[string]any{"webhook": name, did: true})
	}
	a.printf(a.either("webhook %s is %s\n", "le webhook %s est %s\n"), name, a.either(did, map[string]string{"paused": "en pause", "resumed": "repris", "forgotten": "oublié"}[did]))
	return nil
}

type webhooksReplayCmd struct {
	Name   string    `arg:"" help:"The endpoint."`
	From   int64     `help:"The number (seq) of the first event." xor:"from" required:"" placeholder:"SEQ"`
	Since  time.Time `help:"Or the moment from which on, as 2026-11-23T06:00:00+01:00." xor:"from" required:"" placeholder:"TIME"`
	DryRun bool      `help:"Only count what would be delivered again."`
}

func (c webhooksReplayCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	from := c.From
	if from == 0 {
		if from, err = st.SeqSince(a.ctx, c.Since); err != nil {
			return err
		}
		if from == 0 {
			return inBoth("there is no event since then", "il n'y a aucun événement depuis ce moment")
		}
	}
	n, err := st.CountWebhook(a.ctx, c.Name, from)
	if errors.Is(err, pgx.ErrNoRows) {
		return inBoth("there is no webhook %s", "il n'y a pas de webhook %s", c.Name)
	}
	if err != nil {
		return err
	}
	would := a.either("are", "sont")
	if c.DryRun {
		would = a.either("would be", "seraient")
	} else if err := st.ReplayWebhook(a.ctx, c.Name, from); err != nil {
		return err
	}
	if a.json {
		return a.print(map[string]any{"webhook": c.Name, "from": from, "events": n, "dry_run": c.DryRun})
	}
	a.printf(a.either("from event %d on, %d %s delivered again to %s, before newer ones\n", "à partir de l'événement %d, %d %s livrés de nouveau à %s, avant les plus récents\n"), from, n, would, c.Name)
	return nil
}

type webhooksForgetCmd struct {
	Name string `arg:"" help:"The endpoint."`
}

func (c webhooksForgetCmd) Run(a *app) error {
	return a.webhook(c.Name, "forgotten", func(st *store.Store) error { return st.ForgetWebhook(a.ctx, c.Name) })
}

type webhooksSkipCmd struct {
	Name   string `arg:"" help:"The endpoint."`
	Reason string `help:"Why; kept in the history." required:"" placeholder:"TEXT"`
}

func (c webhooksSkipCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	seq, err := st.SkipWebhook(a.ctx, c.Name, c.Reason)
	if err != nil {
		return err
	}
	if a.json {
		return a.print(map[string]any{"webhook": c.Name, "skipped": seq})
	}
	a.printf(a.either("event %d is skipped: webhook %s goes on with the next one\n", "l'événement %d est sauté : le webhook %s continue avec le suivant\n"), seq, c.Name)
	return nil
}
