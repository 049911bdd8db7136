package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	inserters = 4
	patience  = 5 * time.Minute
)

// throughput inserts invoices as fast as four connections of an application can, one row a commit, and waits until Chorus Pro holds them all (integrated).
// What comes after that takes the recipients weeks. River alone is measured on the same server, before it.
func throughput(ctx context.Context, w *workshop) ([]figure, error) {
	w.say("throughput: River alone …")
	same, err := noop(ctx, w, sameRiver, w.size.invoices)
	if err != nil {
		return nil, err
	}
	tuned, err := noop(ctx, w, tunedRiver, 20*w.size.invoices)
	if err != nil {
		return nil, err
	}
	w.say("throughput: a naive worker and three bare transactions …")
	plain, bare, figures, err := naively(ctx, w)
	if err != nil {
		return nil, err
	}
	w.say("throughput: %d invoices …", w.size.invoices)
	// Read the portal's answers every second rather than every minute: nothing else would be measured.
	p, err := w.plant(ctx, "CHORISTE_SYNC_EVERY=1s", "CHORISTE_VISIBILITY_DELAY=5s")
	if err != nil {
		return nil, err
	}
	idleFrom, idleTo, err := p.idle(ctx, w.size.settling, w.size.rest)
	var from, to counts
	var ended cpu
	var deposited, integrated time.Duration
	if err == nil {
		from, err = p.count(ctx)
	}
	if err == nil {
		deposited, integrated, err = takeThrough(ctx, p, w.size.invoices)
	}
	if err == nil {
		ended, err = p.used(ctx)
	}
	memory, stopped := p.stop()
	if err == nil {
		err = stopped
	}
	if err == nil { // PostgreSQL's processes have ended, and told
		to, err = p.count(ctx)
	}
	if err != nil {
		return nil, err
	}
	rate := func(took time.Duration) float64 { return float64(w.size.invoices) / took.Seconds() }
	compared := []figure{
		least("throughput", "INSERT to integrated ÷ the naive worker", rate(integrated)/plain, "times", 0.7),
		fact("throughput", "naive worker, INSERT to deposited", plain, "invoices/s"),
		fact("throughput", "three bare transactions and the request", bare, "invoices/s"),
		fact("throughput", "INSERT to integrated ÷ River alone", 100*rate(integrated)/same, "%"),
		fact("throughput", "INSERT to integrated ÷ River tuned", 100*rate(integrated)/tuned, "%"),
		fact("throughput", "INSERT to integrated", rate(integrated), "invoices/s"),
		fact("throughput", "INSERT to deposited", rate(deposited), "invoices/s"),
		fact("throughput", "River alone, no-op jobs, the worker's settings", same, "jobs/s"),
		fact("throughput", "River tuned, no-op jobs", tuned, "jobs/s"),
	}
	figures = slices.Concat(compared, anInvoiceTook("choriste", from.cpu, ended.without(idleFrom, idleTo, to.at.Sub(from.at)), w.size.invoices), figures)
	figures = append(figures, anInvoice(from, to, idleFrom, idleTo, w.size.invoices)...)
	figures = append(figures, atRest(idleFrom, idleTo)...)
	if memory > 0 {
		figures = append(figures, bar("memory", "of the worker at its peak", float64(memory)/(1<<20), "MiB", 80))
	} else {
		w.say("memory: this system does not say how much a process has had: no figure")
	}
	return figures, nil
}

// takeThrough returns how long it took until the portal had acknowledged, and until it held, every invoice.
func takeThrough(ctx context.Context, p *plant, invoices int) (deposited, integrated time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	docs := make([][]byte, invoices)
	for k := range docs {
		docs[k] = document(k)
	}
	began := time.Now()
	failed := make(chan error, 1)
	var inserts sync.WaitGroup
	inserts.Go(func() {
		err := eachOf(inserters, invoices, func(k int) error {
			_, err := p.app.Exec(ctx, `INSERT INTO chorus.invoices (external_ref, document) VALUES ($1, $2)`, numero(k), docs[k])
			return err
		})
		if err != nil {
			failed <- err
		}
	})
	defer inserts.Wait()
	defer cancel()
	for {
		var before, after, elsewhere int
		err := p.app.QueryRow(ctx, `
			SELECT count(*) FILTER (WHERE state = 'deposited'),
			       count(*) FILTER (WHERE state = 'integrated'),
			       count(*) FILTER (WHERE state NOT IN ('received', 'ready', 'sending', 'deposited', 'integrated'))
			FROM chorus.invoice_status`).Scan(&before, &after, &elsewhere)
		switch took := time.Since(began); {
		case ctx.Err() != nil:
			return 0, 0, fmt.Errorf("after %s, %d invoices are deposited and %d integrated", took.Round(time.Second), before, after)
		case err != nil:
			return 0, 0, err
		case elsewhere > 0:
			return 0, 0, fmt.Errorf("%d invoices went astray", elsewhere)
		case after == invoices:
			return deposited, took, nil
		case before+after == invoices && deposited == 0:
			deposited = took
		}
		select {
		case err := <-failed:
			return 0, 0, err
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// eachOf does something for each number below n, by so many at once, and returns the first error.
func eachOf(atOnce, n int, do func(k int) error) error {
	var group errgroup.Group
	for first := range atOnce {
		group.Go(func() error {
			for k := first; k < n; k += atOnce {
				if err := do(k); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}
