package main

import (
	"errors"
	"fmt"

	"github.com/choriste/choriste/store"
)

// Answers to what waits for a second person (CHORISTE_SECOND_PERSON).

type answerCmd struct {
	Request int64  `arg:"" name:"request" help:"The request, by its number, as choriste todo shows it."`
	Reason  string `help:"Why; kept in the history." placeholder:"TEXT"`
}

func (c answerCmd) store(a *app) (*store.Store, error) {
	if c.Reason == "" {
		return nil, usageError{errors.New("to answer a request needs --reason")}
	}
	return a.store()
}

type agreeCmd struct{ answerCmd }

func (c agreeCmd) Run(a *app) error {
	st, err := c.store(a)
	if err != nil {
		return err
	}
	state, err := st.Agree(a.ctx, c.Request, c.Reason)
	if err != nil {
		return err
	}
	if a.json {
		return a.print(map[string]any{"request": c.Request, "state": state})
	}
	a.printf(a.either("request %d is agreed to, and done: %s\n", "la demande %d a reçu l'accord, c'est fait : %s\n"), c.Request, state)
	return nil
}

type refuseCmd struct{ answerCmd }

func (c refuseCmd) Run(a *app) error {
	st, err := c.store(a)
	if err != nil {
		return err
	}
	what, err := st.Decline(a.ctx, c.Request, c.Reason)
	if err != nil {
		return err
	}
	if a.json {
		return a.print(map[string]any{"request": c.Request, "decision": what})
	}
	a.printf(a.either("request %d is %s\n", "la demande %d : %s\n"), c.Request, map[string]string{"refused": a.either("refused", "refusée"), "withdrawn": a.either("withdrawn", "retirée")}[what])
	return nil
}

// waitsForSecond says that nothing is done yet.
func (a *app) waitsForSecond(id int64) string {
	return fmt.Sprintf(a.either("invoice %d: nothing is done yet; another person must agree (choriste todo --kind request shows the command)",
		"facture %d : rien n'est encore fait ; une autre personne doit donner son accord (choriste todo --kind request montre la commande)"), id)
}
