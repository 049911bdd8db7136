package console

import (
	"context"
	"time"

	"github.com/choriste/choriste/store"
)

type accountList struct {
	Accounts []accountLine
	Breakers []store.Breaker
	Secrets  []store.CredentialView
	Workers  []store.WorkerView
	Off      *time.Time     // since then nothing is sent again by itself
	Asked    *store.Request // to let it go on
	Deeds    []shownDeed    // about that
	MayAct   bool           // to answer
	Form     string
}

type accountLine struct {
	store.AccountView
	Deeds []shownDeed
}

func (c *console) accounts(ctx context.Context, v view) (content, error) {
	var l accountList
	list, err := c.reads(ctx).Accounts(ctx)
	if err != nil {
		return content{}, err
	}
	for _, a := range list {
		line := accountLine{AccountView: a}
		if c.mayOn(v.Request, Administrator, a.Account) {
			name := "pause"
			if a.PausedAt != nil {
				name = "resume"
			}
			line.Deeds = c.offered(v, "/accounts", accountDeeds, a.Account, name)
		}
		l.Accounts = append(l.Accounts, line)
	}
	if l.Off, l.Asked, err = c.reads(ctx).Resubmission(ctx); err != nil {
		return content{}, err
	}
	if l.Asked != nil {
		l.MayAct, l.Form = c.mayOnAll(v.Request, Operator), c.formOf(personOf(v.Request))
	} else if l.Off != nil && c.mayOnAll(v.Request, Administrator) {
		l.Deeds = c.offered(v, "/resubmission", resubmissionDeeds, "", "allow")
	}
	if l.Breakers, err = c.reads(ctx).Breakers(ctx); err != nil {
		return content{}, err
	}
	if l.Secrets, err = c.reads(ctx).Credentials(ctx); err != nil {
		return content{}, err
	}
	if l.Workers, err = c.reads(ctx).Workers(ctx); err != nil {
		return content{}, err
	}
	return content{page: "accounts", title: v.t("Accounts and workers", "Comptes et workers"), data: l}, nil
}
