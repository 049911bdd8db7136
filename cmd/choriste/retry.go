package main

import (
	"fmt"

	"github.com/choriste/choriste/store"
)

type retryCmd struct{ bulk }

func (c retryCmd) Run(a *app) error {
	return c.run(a, deed{
		verb: "retry", past: "retried", filter: "--state invalid", only: "is:retriable", possible: store.Filter{Retriable: true},
		do: func(st *store.Store, id int64) (any, string, error) {
			state, err := st.Retry(a.ctx, id, c.Reason)
			return map[string]any{"id": id, "state": state}, fmt.Sprintf("invoice %d is %s", id, state), err
		},
	})
}
