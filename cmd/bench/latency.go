package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/choriste/choriste/invoice/invoicetest"
)

// latency inserts invoices at random moments (a Poisson process of ten a second: the worker has long gone back to sleep when the next one comes) and
// compares the moment just before each INSERT with the arrival of its deposit at the portal. Both are read from the same machine's clock.
func latency(ctx context.Context, w *workshop) ([]figure, error) {
	p, err := w.plant(ctx)
	if err != nil {
		return nil, err
	}
	n := w.size.warmUp + w.size.samples
	w.say("latency: %d invoices, about %.0f s …", n, (time.Duration(n) * w.size.every).Seconds())
	// The first ones also wait until the worker knows that it is alone.
	var arrived map[string]time.Time
	_, err = insertAtRandom(ctx, p, 0, w.size.warmUp, w.size.every)
	if err == nil {
		_, err = awaitArrivals(ctx, p, w.size.warmUp)
	}
	var inserted []time.Time
	if err == nil {
		inserted, err = insertAtRandom(ctx, p, w.size.warmUp, w.size.samples, w.size.every)
	}
	if err == nil {
		arrived, err = awaitArrivals(ctx, p, n)
	}
	if _, stopped := p.stop(); err == nil {
		err = stopped
	}
	if err != nil {
		return nil, err
	}
	var took []float64
	for k, at := range inserted {
		took = append(took, float64(arrived[numero(w.size.warmUp+k)].Sub(at).Microseconds())/1000)
	}
	slices.Sort(took)
	return []figure{
		bar("latency", "INSERT to deposit, p50", percentile(took, 50), "ms", 25),
		bar("latency", "INSERT to deposit, p99", percentile(took, 99), "ms", 100),
		fact("latency", "INSERT to deposit, max", took[len(took)-1], "ms"),
		fact("latency", "samples", float64(len(took)), ""),
	}, nil
}

func numero(k int) string { return fmt.Sprintf("BENCH-%06d", k) }

// document is a small invoice: about 5 kB.
func document(k int) []byte {
	return invoicetest.Invoice{Numero: numero(k), Date: time.Now()}.UBL()
}

// insertAtRandom inserts n invoices, numbered from first on, on average one every so often, and returns the moment just before each INSERT.
func insertAtRandom(ctx context.Context, p *plant, first, n int, every time.Duration) ([]time.Time, error) {
	random := rand.New(rand.NewPCG(1, uint64(first))) // the same moments each time
	inserted := make([]time.Time, n)
	failures := make(chan error, len(inserted))
	var inserts sync.WaitGroup
	defer inserts.Wait()
	next := time.Now()
	for k := range inserted {
		doc := document(first + k)
		next = next.Add(time.Duration(random.ExpFloat64() * float64(every)))
		select {
		case <-time.After(time.Until(next)):
		case err := <-failures:
			return nil, err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		inserts.Go(func() { // the next one does not wait for this one
			inserted[k] = time.Now()
			if _, err := p.app.Exec(ctx, `INSERT INTO chorus.invoices (external_ref, document) VALUES ($1, $2)`, numero(first+k), doc); err != nil {
				failures <- err
			}
		})
	}
	inserts.Wait()
	select {
	case err := <-failures:
		return nil, err
	default:
		return inserted, nil
	}
}

func awaitArrivals(ctx context.Context, p *plant, n int) (map[string]time.Time, error) {
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		arrived, err := p.arrivals(ctx)
		if err != nil || len(arrived) == n {
			return arrived, err
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("only %d of %d deposits arrived", len(arrived), n)
		}
	}
}

// percentile of sorted values, by the nearest rank: at least p percent are not above it.
func percentile(sorted []float64, p int) float64 {
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1]
}
