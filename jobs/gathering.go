package jobs

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/choriste/choriste/store"
)

// gathering puts together what several jobs of this process ask of the database at the same moment: while one statement is on its way, those who come wait, and
// share the next one. Who comes first waits for nobody.
type gathering[Q, A any] struct {
	mu      sync.Mutex
	waiting []*question[Q, A]
	busy    int // statements on their way
}

type question[Q, A any] struct {
	ctx  context.Context //nolint:containedctx // of who asks
	q    Q
	a    *A // nil: it is to be asked alone
	done chan struct{}
}

const (
	// mostTogether is how many share a statement.
	mostTogether = 16
	// A process has one statement of a kind on its way, unless it takes longer than slowStatement (a lock, a dead connection): then those who wait behind it begin
	// another, up to mostStatements.
	slowStatement  = 100 * time.Millisecond
	mostStatements = 4
	// togetherWithin is how long a statement for many may take. It ends before, when the contexts of all who wait for it have ended.
	togetherWithin = 10 * time.Second
)

// together asks q with others, by ask, which answers with nil for what is to be asked alone. Whose context ends while he waits for his turn gets its error, and nothing was asked for him; whose turn
// it is hears how it ended.
func (g *gathering[Q, A]) together(ctx context.Context, q Q, ask func(context.Context, []Q) []*A) (*A, error) {
	me := &question[Q, A]{ctx: ctx, q: q, done: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, me)
	lead := g.busy == 0
	if lead {
		g.busy++
	}
	g.mu.Unlock()
	if lead {
		go g.lead(ask)
	}
	late := time.NewTicker(slowStatement)
	defer late.Stop()
	for {
		select {
		case <-me.done:
			return me.a, nil
		case <-ctx.Done():
			g.mu.Lock()
			k := slices.Index(g.waiting, me)
			if k >= 0 {
				g.waiting = slices.Delete(slices.Clone(g.waiting), k, k+1)
			}
			g.mu.Unlock()
			if k >= 0 {
				return nil, ctx.Err()
			}
			<-me.done
			return me.a, nil
		case <-late.C:
			g.mu.Lock()
			lead := g.busy < mostStatements && slices.Contains(g.waiting, me)
			if lead {
				g.busy++
			}
			g.mu.Unlock()
			if lead {
				go g.lead(ask)
			}
		}
	}
}

// lead asks for those who wait until nobody does.
func (g *gathering[Q, A]) lead(ask func(context.Context, []Q) []*A) {
	for {
		g.mu.Lock()
		n := min(len(g.waiting), mostTogether)
		asking := g.waiting[:n:n]
		if g.waiting = g.waiting[n:]; n == 0 {
			g.waiting = nil
			g.busy--
		}
		g.mu.Unlock()
		if n == 0 {
			return
		}
		askFor(asking, ask)
	}
}

// askFor asks one statement. If that panics over something in one of the rows, each is asked alone: then the job whose row it is panics.
func askFor[Q, A any](asking []*question[Q, A], ask func(context.Context, []Q) []*A) {
	defer func() {
		_ = recover()
		for _, one := range asking {
			close(one.done)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), togetherWithin)
	defer cancel()
	var wait atomic.Int32
	wait.Store(int32(len(asking))) //nolint:gosec // sixteen
	questions := make([]Q, len(asking))
	for k, one := range asking {
		questions[k] = one.q
		defer context.AfterFunc(one.ctx, func() {
			if wait.Add(-1) == 0 {
				cancel()
			}
		})()
	}
	for k, a := range ask(ctx, questions) {
		asking[k].a = a
	}
}

// gatherings are the statements that an invoice's way has in common with others.
type gatherings struct {
	take   gathering[store.Wanted, store.Invoice]
	read   gathering[store.Read, store.Invoice]
	begin  gathering[store.Intended, begun]
	fence  gathering[store.Attempt, bool]
	finish gathering[store.Result, struct{}]
}

// take takes a row over, with its document if that is small.
func (j *Jobs) take(ctx context.Context, id, claim int64, state store.State) (store.Invoice, error) {
	want := store.Wanted{ID: id, Claim: claim, State: state, Lease: j.Settings.lease()}
	i, err := j.gather.take.together(ctx, want, func(ctx context.Context, all []store.Wanted) []*store.Invoice {
		answers := make([]*store.Invoice, len(all))
		taken, err := j.Store.TakeTogether(ctx, all)
		for k, w := range all {
			if i, ok := taken[w]; ok && err == nil {
				answers[k] = &i
			}
		}
		return answers
	})
	if err != nil || i != nil {
		return deref(i), err
	}
	return j.Store.TakeWhole(ctx, id, claim, state, want.Lease)
}

// validated makes a row ready whose document has been read.
func (j *Jobs) validated(ctx context.Context, inv store.Invoice, facts store.Facts, lease time.Duration) (store.State, *store.Invoice, error) {
	i, err := j.gather.read.together(ctx, store.Read{Invoice: inv, Facts: facts, Lease: lease}, func(ctx context.Context, all []store.Read) []*store.Invoice {
		answers := make([]*store.Invoice, len(all))
		ready, err := j.Store.ValidatedTogether(ctx, all)
		for k, r := range all {
			if i, ok := ready[r.Invoice.ID]; ok && err == nil {
				answers[k] = &i
			}
		}
		return answers
	})
	switch {
	case err != nil:
		return "", nil, err
	case i == nil:
		return j.Store.ValidatedAndKept(ctx, inv, facts, lease)
	case i.Claim == 0:
		return i.State, nil, nil
	}
	return i.State, i, nil
}

// begun is what became of a T1.
type begun struct {
	attempt store.Attempt
	err     error
}

// begin is T1.
func (j *Jobs) begin(ctx context.Context, inv store.Invoice, in store.Intent) (store.Attempt, error) {
	b, err := j.gather.begin.together(ctx, store.Intended{Invoice: inv, Intent: in}, func(ctx context.Context, all []store.Intended) []*begun {
		ctx, cancel := context.WithTimeout(ctx, j.Settings.SendWithin)
		defer cancel()
		answers := make([]*begun, len(all))
		all[len(all)-1].Intent.Memory = j.Memory.Get() // as it is now
		attempts, undone, err := j.Store.BeginTogether(ctx, all)
		for k, d := range all {
			a, ok := attempts[d.Intent.Attempt]
			switch {
			case err == nil && ok:
				answers[k] = &begun{attempt: a}
			case errors.Is(err, store.ErrForgot):
				answers[k] = &begun{err: err}
			case err != nil && !undone: // it may have been committed
				answers[k] = &begun{attempt: store.Attempt{ID: d.Intent.Attempt, InvoiceID: d.Invoice.ID, NomFichier: d.Intent.NomFichier}, err: err}
			}
		}
		return answers
	})
	switch {
	case err != nil: // nothing was asked
		return store.Attempt{ID: in.Attempt, InvoiceID: inv.ID, NomFichier: in.NomFichier}, err
	case b == nil:
		return j.Store.Begin(ctx, inv, in)
	}
	return b.attempt, b.err
}

// maySend asks the database at the fence.
func (j *Jobs) maySend(ctx context.Context, a store.Attempt) (bool, error) {
	ok, err := j.gather.fence.together(ctx, a, func(ctx context.Context, all []store.Attempt) []*bool {
		answers := make([]*bool, len(all))
		may, err := j.Store.MaySendTogether(ctx, all)
		for k, a := range all {
			if ok := slices.ContainsFunc(may, func(id pgtype.UUID) bool { return id == a.ID }); err == nil {
				answers[k] = &ok
			}
		}
		return answers
	})
	if err != nil || ok != nil {
		return deref(ok), err
	}
	return j.Store.MaySend(ctx, a)
}

// end is T2.
func (j *Jobs) end(ctx context.Context, a store.Attempt, e store.Ending) error {
	done, err := j.gather.finish.together(ctx, store.Result{Attempt: a, Ending: e}, func(ctx context.Context, all []store.Result) []*struct{} {
		answers := make([]*struct{}, len(all))
		written, err := j.Store.FinishTogether(ctx, all)
		for k, r := range all {
			if err == nil && slices.Contains(written, r.Attempt.ID) {
				answers[k] = &struct{}{}
			}
		}
		return answers
	})
	if err != nil || done != nil {
		return err
	}
	return j.Store.Finish(ctx, a, e)
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
