package jobs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/choriste/choriste/invoice/rules"
	"github.com/choriste/choriste/store"
)

// An application asks in chorus.checks what would be wrong with a document before it inserts it. Those who ask wait, so the answer takes no way through River; and few are
// answered at once, so that deposits do not wait for them.
const (
	checksTaken  = 8
	checksAtOnce = 2
	// checkHold is when a check is taken again whose worker does not answer: longer than reading apart takes.
	checkHold = apartTimeout + 10*time.Second
	// CheckFor is how long answers are kept.
	CheckFor = time.Hour
)

// Checks judges some of the documents that wait for it. more: others may wait.
func (j *Jobs) Checks(ctx context.Context) (more bool, err error) {
	list, err := j.Store.TakeChecks(ctx, checksTaken, checkHold, slices.Sorted(maps.Keys(j.Accounts())))
	if err != nil {
		return false, err
	}
	var g errgroup.Group
	g.SetLimit(checksAtOnce)
	for _, c := range list {
		g.Go(func() error { return j.check(ctx, c) })
	}
	return len(list) == checksTaken, g.Wait()
}

// check judges one document as validate would.
func (j *Jobs) check(ctx context.Context, c store.Check) (err error) {
	defer func() {
		if r := recover(); r != nil {
			j.Metrics.Panics.Inc()
			// The type and the stack say where; the value could quote the document.
			j.Log.Error("a check broke", "check", c.ID, "panic", fmt.Sprintf("%T", r), "stack", string(debug.Stack()))
			err = j.Store.Checked(ctx, c, false, stored(poison))
		}
	}()
	acct, err := j.account(c.Account)
	if err != nil {
		return j.Store.CheckLater(ctx, c, j.Settings.passOn())
	}
	facts, found, err := j.readCheck(ctx, acct, c)
	switch {
	case errors.Is(err, errNoRoom):
		return j.Store.CheckLater(ctx, c, about(time.Second))
	case errors.Is(err, errDied):
		return j.Store.Checked(ctx, c, false, stored(poison))
	case err != nil:
		return err
	}
	found = append(found, acct.supplier(facts.FournisseurSIRET)...)
	if !rules.Stops(found) {
		demanded, _, err := j.demands(ctx, acct, facts) // nobody waits here for the portal
		if err != nil {
			return err
		}
		found = append(found, demanded...)
	}
	errorsFirst(found)
	return j.Store.Checked(ctx, c, !rules.Stops(found), stored(found))
}

func (j *Jobs) readCheck(ctx context.Context, acct *Account, c store.Check) (store.Facts, []rules.Finding, error) {
	if found := rules.TooLarge(c.DocumentBytes); found != nil {
		return store.Facts{}, found, nil
	}
	release, ok := hold(ctx, c.DocumentBytes, costOfReading, time.Second)
	if !ok {
		return store.Facts{}, nil, errNoRoom
	}
	defer release()
	doc, fields, err := j.Store.CheckDocument(ctx, c)
	if err != nil {
		return store.Facts{}, nil, err
	}
	o := rules.Options{SyntaxeFlux: c.SyntaxeFlux, Levels: acct.Rules, Now: c.Now}
	if c.Tries > 1 {
		return readApart(ctx, doc, fields, o)
	}
	facts, found := read(doc, fields, o)
	return facts, found, nil
}

// poison is what is said of a document that breaks the program that reads it.
var poison = []rules.Finding{rules.Outside("CH-POISON", "", "")}
