package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
)

// patient is how long beyond its lag a change may take to be in its row, nearly always; usual is the same for most of them.
const (
	patient = 10 * time.Minute
	usual   = 75 * time.Second
)

// fresh measures how soon a change at the portal is in its row: with nothing else going on, and for small, middling and large suppliers at portals that show
// each change at once or later, a later one before an earlier one.
func fresh(ctx context.Context, w *workshop) ([]figure, error) {
	idle, err := w.idle(ctx)
	if err != nil {
		return nil, err
	}
	if len(idle) == 0 {
		return nil, errors.New("no change arrived")
	}
	figures := []figure{
		bar("freshness", "change to row when idle, p95", percentile(idle, 95), "s", usual.Seconds()),
		fact("freshness", "change to row when idle, p50", percentile(idle, 50), "s"),
		fact("freshness", "changes when idle", float64(len(idle)), ""),
	}
	for _, v := range []volume{{50, 1}, {500, 1}, large} {
		for _, lag := range []struct {
			name  string
			most  time.Duration
			calls float64 // an invoice; 0: no bar
		}{{"0-2 s", 2 * time.Second, 1.10}, {"0-90 s", 90 * time.Second, 1.15}, {"0-10 min", 10 * time.Minute, 0}} {
			name := fmt.Sprintf("%d a day, shown after %s: ", v.perDay, lag.name)
			if !strings.Contains(name, w.size.only) {
				continue
			}
			l, err := w.load(ctx, v, lag.most)
			if err != nil {
				return figures, err
			}
			figures = append(figures, l.figures(name, lag.most, lag.calls)...)
		}
	}
	return figures, nil
}

// figures are what is stated of one volume and lag. A change that has not come by the end counts as one that never comes.
func (l *loaded) figures(name string, lag time.Duration, calls float64) []figure {
	all := l.fresh
	for len(all) < l.changes {
		all = append(all, math.MaxInt32)
	}
	last := all[max((len(all)*999+999)/1000, 1)-1]
	figures := []figure{
		bar("freshness", name+"change to row, p95", percentile(all, 95), "s", (lag + usual).Seconds()),
		bar("freshness", name+"change to row, p99.9", last, "s", (lag + patient).Seconds()),
		fact("freshness", name+"change to row, p50", percentile(all, 50), "s"),
		fact("freshness", name+"changes", float64(len(all)), ""),
	}
	searches := float64(l.requests["rechercher/fournisseur"])
	if l.perDay < large.perDay {
		return append(figures, bar("freshness", name+"searches a minute", searches/l.window.Minutes(), "calls", 1))
	}
	deposit, own, shared := l.perInvoice()
	if calls > 0 {
		return append(figures, bar("freshness", name+"calls an invoice", deposit+own+shared, "calls", calls))
	}
	return append(figures, fact("freshness", name+"calls an invoice", deposit+own+shared, "calls"))
}

// idle has a hundred invoices at the portal, of which one changes every few minutes.
func (w *workshop) idle(ctx context.Context) (_ []float64, err error) {
	x, err := w.world(ctx, chorustest.Config{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, x.close()) }()
	n := w.size.changes
	w.say("freshness: %d changes while nothing else happens …", n)
	names := make([]string, n)
	plan := make([]happening, n)
	const apart = 170 * time.Second // so that they come at all moments of a minute
	for k := range names {
		names[k] = numero(k)
		plan[k] = happening{2*time.Minute + time.Duration(k)*apart, names[k], "MANDATEE"}
	}
	if err := x.older(ctx, names, "MISE_A_DISPOSITION"); err != nil {
		return nil, err
	}
	if err := x.clock.Advance(ctx, 3*aDay); err != nil {
		return nil, err
	}
	since, err := x.clock.Now(ctx)
	if err != nil {
		return nil, err
	}
	if err := x.work(ctx); err != nil {
		return nil, err
	}
	if _, err := x.happen(ctx, plan, plan[n-1].at+3*time.Minute); err != nil {
		return nil, err
	}
	return x.freshness(ctx, since)
}
