package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/choriste/choriste/internal/visible"
	"github.com/choriste/choriste/operate"
	"github.com/choriste/choriste/store"
)

type watchCmd struct {
	Every   time.Duration `help:"How often it looks, from 1s to 1h." default:"5s"`
	Account string        `help:"Only what this account needs."`
	Limit   int           `help:"At most so many lines of what needs a person; the counts are of all." default:"10"`
}

// roundWithin is how long one look may take.
const roundWithin = 10 * time.Second

// Validate is called by kong.
func (c watchCmd) Validate() error {
	if c.Every < time.Second || c.Every > time.Hour {
		return inBoth("--every must be from 1s to 1h", "--every doit être de 1s à 1h")
	}
	return within(c.Limit)
}

// Run looks again and again until it is interrupted, which is no error. What goes wrong in one look is said, and the next one is made all the same.
func (c watchCmd) Run(a *app) error {
	st, err := a.store()
	if err != nil {
		return err
	}
	for {
		c.round(a, st)
		select {
		case <-a.ctx.Done():
			return nil
		case <-time.After(c.Every):
		}
	}
}

// round prints one look, whole.
func (c watchCmd) round(a *app, st *store.Store) {
	ctx, cancel := context.WithTimeout(a.ctx, roundWithin)
	defer cancel()
	var page bytes.Buffer
	b := *a
	b.ctx, b.raw, b.out = ctx, &page, &visible.Writer{Out: &page, JSON: a.json}
	err := c.look(&b, st)
	if a.ctx.Err() != nil {
		return
	}
	if err != nil {
		a.fail(err, 1)
		return
	}
	if a.screen.width > 0 {
		_, _ = a.raw.Write([]byte("\x1b[H\x1b[2J")) // from the top of an empty screen
	}
	_, _ = a.raw.Write(page.Bytes()) // a failure ends a.ctx
}

func (c watchCmd) look(a *app, st *store.Store) error {
	f := operate.TodoFilter{Account: c.Account, Limit: c.Limit}
	list, counts, err := operate.TodoPage(a.ctx, st.Pool(), f)
	if err != nil {
		return err
	}
	states, err := st.Stats(a.ctx)
	if err != nil {
		return err
	}
	at := time.Now()
	if a.json {
		var each []any
		for _, s := range states {
			each = append(each, map[string]any{"state": s.State, "count": s.Count, "oldest_seconds": s.Oldest.Seconds()})
		}
		return a.print(map[string]any{"at": at, "todo": counts, "states": each})
	}
	a.printf("%s\n\n", store.Stamp(at))
	w := a.table(false)
	for _, s := range states {
		if s.Count == 0 {
			continue
		}
		oldest := ""
		if s.Oldest > 0 {
			oldest = a.either("oldest ", "la plus ancienne ") + s.Oldest.Round(time.Second).String()
		}
		w.Printf("%s\t%d\t%s\n", s.State, s.Count, oldest)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	a.printf("\n")
	if err := a.todo(list, counts, a.lang); err != nil {
		return err
	}
	a.printf("\n%s\n\n", fmt.Sprintf(a.either("every %s; Ctrl-C ends it", "toutes les %s ; Ctrl-C y met fin"), c.Every))
	return nil
}
