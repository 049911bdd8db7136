package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	outageHours = 6
	outageScale = 180 // times faster than life
	outageQuota = 200 // a second, so that what has waited is soon sent
	inFlight    = 32  // CHORISTE_DEPOSITS_IN_FLIGHT
	probing     = 12  // deposits an hour that a portal in trouble may cost (docs/protocol.md)
)

// outage lets the portal answer everything with 503 for six hours, in fast motion, while invoices wait, and then has them sent.
func outage(ctx context.Context, w *workshop) (_ []figure, err error) {
	w.say("outage: %s for %d hours, with %d invoices waiting …", w.size.outage, outageHours, w.size.waiting)
	f, err := w.fleet(ctx, "-quota", fmt.Sprint(outageQuota))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	err = f.hire(ctx, 2, fmt.Sprintf("CHORISTE_QUOTA=%d", outageQuota), fmt.Sprintf("CHORISTE_DEPOSITS_IN_FLIGHT=%d", inFlight),
		"CHORISTE_HTTP_TIMEOUT="+(time.Minute/outageScale).String(), "CHORISTE_RESOLVE_AFTER="+(30*time.Second/outageScale).String(),
		"CHORISTE_LANDING_DELAY="+(15*time.Minute/outageScale).String(), "CHORISTE_VISIBILITY_DELAY=5s", "CHORISTE_SEND_WITHIN=5s")
	if err != nil {
		return nil, err
	}
	const first = 10 // while all is well
	if err := f.insert(ctx, "default", first); err != nil {
		return nil, err
	}
	if err := f.deposited(ctx, first); err != nil {
		return nil, err
	}

	before, err := f.count(ctx, `SELECT count(*) FROM chorus.attempts`)
	if err != nil {
		return nil, err
	}
	portal := map[string]any{"on": true, "scope": "all", "kind": "503"}
	if err := f.ask(ctx, "/outage", portal, nil); err != nil {
		return nil, err
	}
	if err := f.insert(ctx, "default", w.size.waiting); err != nil {
		return nil, err
	}
	if err := sleep(ctx, w.size.outage); err != nil {
		return nil, err
	}
	during, err := f.count(ctx, `SELECT count(*) FROM chorus.attempts`)
	if err != nil {
		return nil, err
	}
	portal["on"] = false
	if err := f.ask(ctx, "/outage", portal, nil); err != nil {
		return nil, err
	}
	ended := time.Now()
	if err := f.deposited(ctx, first+w.size.waiting); err != nil {
		return nil, err
	}
	drained := time.Since(ended)

	failed, err := f.count(ctx, `SELECT count(*) FROM chorus.invoices WHERE state NOT IN ('deposited', 'integrated')`)
	if err != nil {
		return nil, err
	}
	lost, err := f.count(ctx, `SELECT count(*) FROM chorus.events WHERE to_state IN ('parked', 'invalid', 'rejected', 'cancelled', 'abandoned')`)
	if err != nil {
		return nil, err
	}
	answers, err := f.ledger(ctx, "answer")
	if err != nil {
		return nil, err
	}
	tooMany := 0
	for _, a := range answers {
		if a.Status == http.StatusTooManyRequests {
			tooMany++
		}
	}
	return []figure{
		bar("outage", "rows failed, parked or invalid at any time", float64(failed+lost), "", 0),
		bar("outage", "attempts spent during the outage", float64(during-before), "", inFlight+probing*outageHours),
		bar("outage", "requests answered 429", float64(tooMany), "", 0),
		fact("outage", "until all that had waited was sent", drained.Seconds(), "s"),
	}, nil
}

func (f *fleet) count(ctx context.Context, query string) (n int, err error) {
	err = f.owner.QueryRow(ctx, query).Scan(&n)
	return n, err
}
