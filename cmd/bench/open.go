package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/store"
)

// watched is what it takes to watch so many open invoices of which none changes.
type watched struct {
	calls  float64   // an hour
	memory int64     // bytes; 0: not known
	pages  []float64 // milliseconds to store a page, sorted
}

// open watches few and many invoices that have been open for weeks, for an hour of virtual time. The worker is a process of its own, so that its memory can
// be told from the portal's.
func open(ctx context.Context, w *workshop) ([]figure, error) {
	few, err := w.watch(ctx, w.size.few)
	if err != nil {
		return nil, err
	}
	many, err := w.watch(ctx, w.size.many)
	if err != nil {
		return nil, err
	}
	// The hour is cut by a clock, and so may hold a look more or less.
	figures := []figure{
		bar("open", fmt.Sprintf("calls an hour with %d open ÷ with %d", w.size.many, w.size.few), many.calls/few.calls, "", 1.05),
		fact("open", fmt.Sprintf("calls an hour, %d open", w.size.few), few.calls, "calls"),
		fact("open", fmt.Sprintf("calls an hour, %d open", w.size.many), many.calls, "calls"),
		bar("open", "a page of 100 changes stored, p50", percentile(many.pages, 50), "ms", 25),
		fact("open", "a page of 100 changes stored, p95", percentile(many.pages, 95), "ms"),
	}
	if few.memory == 0 || many.memory == 0 {
		w.say("open: this system does not say how much a process has had: no figure of memory")
		return figures, nil
	}
	return append(figures,
		bar("open", fmt.Sprintf("memory of the worker with %d open ÷ with %d", w.size.many, w.size.few), float64(many.memory)/float64(few.memory), "", 1.25),
		fact("open", fmt.Sprintf("memory of the worker, %d open", w.size.few), float64(few.memory)/(1<<20), "MiB"),
		fact("open", fmt.Sprintf("memory of the worker, %d open", w.size.many), float64(many.memory)/(1<<20), "MiB"),
	), nil
}

func (w *workshop) watch(ctx context.Context, invoices int) (_ *watched, err error) {
	w.say("open: %d invoices …", invoices)
	x, err := w.world(ctx, chorustest.Config{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, x.close()) }()
	const batch = 10_000
	for k := 0; k < invoices; k += batch {
		var names []string
		for m := k; m < min(k+batch, invoices); m++ {
			names = append(names, numero(m))
		}
		if err := x.older(ctx, names, "MISE_A_DISPOSITION"); err != nil {
			return nil, err
		}
	}
	if err := x.age(ctx, 40*aDay); err != nil {
		return nil, err
	}
	if _, err := x.owner.Exec(ctx, `VACUUM (ANALYZE) chorus.invoices`); err != nil { // as autovacuum has done by then
		return nil, err
	}
	p := &plant{url: x.urls[""], log: filepath.Join(w.dir, fmt.Sprintf("worker-%d.log", w.made))}
	p.portal = doors{API: x.sim.APIURL(), Token: x.sim.TokenURL()}
	if p.worker, err = p.startWorker(w, x.urls["worker"], p.log, nil); err != nil {
		return nil, err
	}
	calls, err := x.callsAnHour(ctx, w, p)
	memory, stopped := p.stop()
	if err = errors.Join(err, stopped); err != nil {
		return nil, err
	}
	pages, err := x.pages(ctx, min(invoices/rows, 20))
	return &watched{calls, memory, pages}, err
}

// callsAnHour counts what the portal is asked, once the worker has settled.
func (x *world) callsAnHour(ctx context.Context, w *workshop, p *plant) (float64, error) {
	if err := ready(ctx, p.log); err != nil {
		return 0, err
	}
	total := func(until time.Duration) (n int, err error) {
		_, err = x.happen(ctx, nil, until)
		for _, count := range x.requests() {
			n += count
		}
		return n, err
	}
	before, err := total(w.size.settle)
	if err != nil {
		return 0, err
	}
	after, err := total(w.size.settle + w.size.watch)
	return float64(after-before) / w.size.watch.Hours(), err
}

// pages stores so many pages of a change feed, each with a hundred invoices that have changed, and returns how long each took.
func (x *world) pages(ctx context.Context, n int) ([]float64, error) {
	pool, err := store.Connect(ctx, x.urls["worker"], "bench", 2)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	mark := store.FeedMark{StructureKey: store.StructureKey{Account: "default"}, Claim: 1, Lease: time.Hour}
	err = x.owner.QueryRow(ctx, `
		UPDATE chorus.structures SET claim = 1, claimed_until = 'infinity' WHERE identifiant = $1 RETURNING id_structure_cpp`, supplier).Scan(&mark.ID)
	if err != nil {
		return nil, err
	}
	found, err := x.owner.Query(ctx, `SELECT identifiant_facture_cpp, numero_facture FROM chorus.invoices ORDER BY hashint8(id), id LIMIT $1`, n*rows)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(found, func(row pgx.CollectableRow) (s store.Seen, err error) {
		s = store.Seen{ModeDepot: "SAISIE_PORTAIL", Statut: "MANDATEE", StatutDate: x.sim.Now(), To: store.Integrated}
		return s, row.Scan(&s.IdentifiantFactureCPP, &s.NumeroFacture)
	})
	if err != nil {
		return nil, err
	}
	var took []float64
	st := store.New(pool)
	for page := range slices.Chunk(all, rows) {
		began := time.Now()
		did, err := st.Follow(ctx, page, mark)
		took = append(took, float64(time.Since(began).Microseconds())/1000)
		if err != nil {
			return nil, err
		}
		if did.Changed != len(page) {
			return nil, fmt.Errorf("of a page of %d changes only %d were stored", len(page), did.Changed)
		}
	}
	slices.Sort(took)
	return took, nil
}
