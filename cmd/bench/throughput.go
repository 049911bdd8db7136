package main

import (
	"context"
	"fmt"
	"sync"
	"time"
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
	w.say("throughput: %d invoices …", w.size.invoices)
	// Read the portal's answers every second rather than every minute: nothing else would be measured.
	p, err := w.plant(ctx, "CHORISTE_SYNC_EVERY=1s", "CHORISTE_VISIBILITY_DELAY=5s")
	if err != nil {
		return nil, err
	}
	idleFrom, idleTo, err := p.idle(ctx, w.size.settling, w.size.rest)
	var from, to counts
	var deposited, integrated time.Duration
	if err == nil {
		from, err = p.count(ctx)
	}
	if err == nil {
		deposited, integrated, err = takeThrough(ctx, p, w.size.invoices)
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
	figures := []figure{
		fact("throughput", "INSERT to integrated ÷ River alone", 100*rate(integrated)/same, "%"),
		fact("throughput", "INSERT to integrated ÷ River tuned", 100*rate(integrated)/tuned, "%"),
		fact("throughput", "INSERT to integrated", rate(integrated), "invoices/s"),
		fact("throughput", "INSERT to deposited", rate(deposited), "invoices/s"),
		fact("throughput", "River alone, no-op jobs, the worker's settings", same, "jobs/s"),
		fact("throughput", "River tuned, no-op jobs", tuned, "jobs/s"),
	}
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
	failures := make(chan error, inserters)
	var inserts sync.WaitGroup
	for n := range inserters {
		inserts.Go(func() {
			for k := n; k < invoices; k += inserters {
				if _, err := p.app.Exec(ctx, `INSERT INTO chorus.invoices (external_ref, document) VALUES ($1, $2)`, numero(k), docs[k]); err != nil {
					failures <- err
					return
				}
			}
		})
	}
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
		case err := <-failures:
			return 0, 0, err
		case <-time.After(250 * time.Millisecond):
		}
	}
}
