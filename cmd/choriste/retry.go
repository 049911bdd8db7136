package main

import (
	"fmt"

	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

type retryCmd struct{ bulk }

func (c retryCmd) Run(a *app) error {
	return c.run(a, deed{
		Deed: operate.Retry, verb: "retry", past: "retried", filter: "--state invalid",
		say: func(id int64, state store.State) (any, string) {
			if state == store.Asked {
				return map[string]any{"id": id, "state": state}, a.waitsForSecond(id)
			}
			return map[string]any{"id": id, "state": state}, fmt.Sprintf(a.either("invoice %d is %s", "la facture %d est %s"), id, state)
		},
	})
}
