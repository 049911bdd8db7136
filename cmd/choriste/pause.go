package main

import (
	"time"

	"github.com/choriste/choriste/store"
)

type pauseCmd struct {
	Account string `arg:"" default:"default" help:"The account to stop."`
	Reason  string `required:"" help:"Why; it is shown while the account is paused."`
}

func (c pauseCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	if err := st.SetPaused(a.ctx, c.Account, true, c.Reason); err != nil {
		return a.account(st, c.Account, err)
	}
	if a.json {
		return a.print(map[string]any{"account": c.Account, "paused": true})
	}
	a.printf(a.either("%s is paused: its invoices are read, and wait\n", "%s est en pause : ses factures sont lues, et attendent\n"), c.Account)
	return nil
}

// account names the accounts that there are, when the one that was meant is none of them.
func (a *app) account(st *store.Store, name string, err error) error {
	if store.SQLState(err) != "CH020" {
		return err
	}
	accounts, _, err := st.Known(a.ctx)
	if err != nil {
		return err
	}
	return among("account", name, accounts)
}

type resumeCmd struct {
	Account string        `arg:"" default:"default" help:"The account to go on with."`
	Wait    time.Duration `help:"Wait so long for what comes of it, when a password was refused before; 0s only asks." default:"30s"`
}

// What came of a resumption.
const (
	trialNone     = "none"      // no password was refused: the account goes on
	trialAccepted = "accepted"  // Chorus Pro takes the password
	trialRefused  = "refused"   // it does not: the account is paused again
	trialPending  = "pending"   // a worker is at it
	trialNoWorker = "no_worker" // nobody is there to try
)

func (c resumeCmd) Run(a *app) error {
	if c.Wait < 0 || c.Wait > time.Hour {
		return usageError{inBoth("--wait is a duration from 0s to 1h", "--wait est une durée de 0s à 1h")}
	}
	st, err := a.store()
	if err != nil {
		return err
	}
	since, refused, err := st.Resume(a.ctx, c.Account)
	if err != nil {
		return a.account(st, c.Account, err)
	}
	outcome, reason := trialNone, ""
	if alive, err := st.AnyWorker(a.ctx, c.Account); err != nil {
		return err
	} else if !alive {
		outcome = trialNoWorker
	} else if refused {
		if outcome, reason, err = c.trial(a, st, since); err != nil {
			return err
		}
	}
	if a.json {
		if err := a.print(map[string]any{"account": c.Account, "paused": reason != "", "trial": outcome}); err != nil {
			return err
		}
	}
	switch outcome {
	case trialRefused:
		return inBoth("%s is paused again: Chorus Pro refuses its password still. Put the right one where the worker reads it (CHORUS_PASSWORD_FILE, or password_file); "+
			"the worker then goes on by itself. Each trial with a wrong one brings the account nearer to being locked",
			"%s est de nouveau en pause : Chorus Pro refuse toujours son mot de passe. Mettez le bon là où le worker le lit (CHORUS_PASSWORD_FILE, ou password_file) ; "+
				"le worker reprend alors de lui-même. Chaque essai avec un mot de passe faux rapproche le compte de son verrouillage", c.Account)
	case trialPending:
		if reason != "" {
			return inBoth("%s is paused again: %s", "%s est de nouveau en pause : %s", c.Account, oneLine(reason))
		}
		return inBoth("%s is resumed, and no trial of its password has ended within %s: the portal may be away; the worker goes on trying, and choriste stats says what comes of it",
			"%s est repris, et aucun essai de son mot de passe n'a abouti en %s : le portail est peut-être absent ; le worker continue d'essayer, et choriste stats dit ce qu'il en est", c.Account, c.Wait)
	case trialNoWorker:
		a.say(a.either("%s goes on as soon as a worker runs that is configured with it: none does now\n", "%s reprend dès qu'un worker configuré pour lui tourne : aucun pour l'instant\n"), c.Account)
	default:
		a.say(a.either("%s goes on\n", "%s reprend\n"), c.Account)
	}
	return nil
}

// trial waits for what a worker's trial of the password shows.
func (c resumeCmd) trial(a *app, st *store.Store, since time.Time) (outcome, reason string, err error) {
	began, said := time.Now(), false
	for {
		t, err := st.TrialSince(a.ctx, c.Account, since)
		switch {
		case err != nil:
			return "", "", err
		case t.PauseReason == store.AccountRefused:
			return trialRefused, t.PauseReason, nil
		case t.Paused:
			return trialPending, t.PauseReason, nil
		case t.Accepted:
			return trialAccepted, "", nil
		case time.Since(began) >= c.Wait:
			return trialPending, "", nil
		}
		if !said && time.Since(began) > 2*time.Second {
			said = true
			a.warnf(a.either("%s is resumed: waiting for a worker to try its password, for at most %s\n", "%s est repris : attente d'un worker qui essaie son mot de passe, au plus %s\n"), c.Account, c.Wait)
		}
		select {
		case <-a.ctx.Done():
			return "", "", inBoth("interrupted: the account is resumed; choriste stats says what comes of it", "interrompu : le compte est repris ; choriste stats dit ce qu'il en est")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// say prints for people alone.
func (a *app) say(format string, args ...any) {
	if !a.json {
		a.printf(format, args...)
	}
}
