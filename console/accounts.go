package console

import (
	"context"

	"github.com/choriste/choriste/store"
)

type accountList struct {
	Accounts []store.AccountView
	Breakers []store.Breaker
	Secrets  []store.CredentialView
	Workers  []store.WorkerView
}

func (c *console) accounts(ctx context.Context, v view) (content, error) {
	var l accountList
	var err error
	if l.Accounts, err = c.reads(ctx).Accounts(ctx); err != nil {
		return content{}, err
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
