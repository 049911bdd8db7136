package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/choriste/choriste/chorus/chorustest"
	"github.com/choriste/choriste/invoice/invoicetest"
)

// The load that the figures are for, and the part of it that is run: a tenth of the invoices, with a tenth of the rows on a page. What is asked for
// per minute, whatever the volume, is asked for as often as in reality, and each answer has as many pages.
const (
	perDay = 20_000
	scale  = 10
	rows   = 100 // on a page of the real portal
)

// lifetime is from deposit to payment; a statut changes every fifth day.
const (
	changes  = 6
	between  = 5 * aDay
	lifetime = changes * between
)

// The lives: of a hundred invoices, three are suspended and completed, and two are rejected by the recipient half-way.
var (
	ordinary  = []string{"EN_COURS_ACHEMINEMENT", "MISE_A_DISPOSITION", "PRISE_EN_COMPTE_DESTINATAIRE", "MANDATEE", "COMPTABILISEE", "MISE_EN_PAIEMENT"}
	suspended = []string{"MISE_A_DISPOSITION", "SUSPENDUE", "COMPLETEE", "MANDATEE", "COMPTABILISEE", "MISE_EN_PAIEMENT"}
	refused   = []string{"MISE_A_DISPOSITION", "PRISE_EN_COMPTE_DESTINATAIRE", "REJETEE"}
)

func lifeOf(k int) []string {
	switch k % 100 {
	case 10, 40, 70:
		return suspended
	case 25, 75:
		return refused
	default:
		return ordinary
	}
}

// happening is a deposit (no statut) or a change of a statut, at a moment of the run.
type happening struct {
	at     time.Duration
	numero string
	statut string
}

// loaded is what a run under load has shown.
type loaded struct {
	invoices int
	requests map[string]int
	fresh    []float64 // seconds
}

// underLoad runs the load once for all measurements that need it.
func (w *workshop) underLoad(ctx context.Context) (*loaded, error) {
	if w.loaded != nil {
		return w.loaded, nil
	}
	// Integration takes five to ten minutes.
	x, err := w.world(ctx, chorustest.Config{MaxPage: rows / scale, Integration: 10 * time.Minute})
	if err != nil {
		return nil, err
	}
	l, err := x.load(ctx, w)
	if err = errors.Join(err, x.close()); err != nil {
		return nil, err
	}
	w.loaded = l
	return l, nil
}

// load has every kind of invoice happen as often as in a steady state of months: those that change during the run are put there as they were before.
func (x *world) load(ctx context.Context, w *workshop) (*loaded, error) {
	run := w.size.begin + w.size.window
	n := int(int64(perDay/scale) * int64(run) / int64(aDay)) // deposits, and changes of each kind
	w.say("calls: %d invoices deposited and %d changes among %d open ones, in %s of virtual time …", n, changes*n, perDay/scale*int(lifetime/aDay), run)
	var plan []happening
	moment := func(k int) time.Duration { return run * time.Duration(k) / time.Duration(n) }
	for k := range n {
		plan = append(plan, happening{at: moment(k), numero: numero(k)})
	}
	for m := range changes {
		before := map[string][]string{}
		for k := range n {
			life := lifeOf(k)
			if m >= len(life) {
				continue
			}
			name, was := fmt.Sprintf("OLD-%d-%06d", m, k), "DEPOSEE"
			if m > 0 {
				was = life[m-1]
			}
			before[was] = append(before[was], name)
			// Not all kinds at the same moment.
			plan = append(plan, happening{moment(k) + run*time.Duration(m)/time.Duration(changes*n), name, life[m]})
		}
		for was, names := range before {
			if err := x.older(ctx, names, was); err != nil {
				return nil, err
			}
		}
	}
	quiet := make([]string, 0, perDay/scale*int(lifetime/aDay))
	for k := changes * n; k < cap(quiet); k++ {
		quiet = append(quiet, fmt.Sprintf("QUIET-%06d", k))
	}
	if err := x.older(ctx, quiet, "MISE_A_DISPOSITION"); err != nil {
		return nil, err
	}
	if err := x.clock.Advance(ctx, 3*aDay); err != nil {
		return nil, err
	}
	if err := x.work(ctx); err != nil {
		return nil, err
	}
	slices.SortStableFunc(plan, func(a, b happening) int { return int(a.at - b.at) })
	begin, err := x.happen(ctx, plan, w.size.begin)
	if err != nil {
		return nil, err
	}
	from := x.requests()
	since, err := x.clock.Now(ctx)
	if err != nil {
		return nil, err
	}
	end, err := x.happen(ctx, plan[begin:], run)
	if err != nil {
		return nil, err
	}
	l := &loaded{requests: map[string]int{}}
	for op, count := range x.requests() {
		l.requests[op] = count - from[op]
	}
	for _, h := range plan[begin : begin+end] {
		if h.statut == "" {
			l.invoices++
		}
	}
	l.fresh, err = x.freshness(ctx, since)
	return l, err
}

// step of the clock. A change is made just before the clock moves, so that nobody can be there in no time: the figures of freshness are late by half a step
// rather than early.
const step = 10 * time.Second

// happen lets the plan happen up to a moment of the run, each thing in its time, and returns how many things did.
func (x *world) happen(ctx context.Context, plan []happening, until time.Duration) (int, error) {
	for k := 0; ; {
		due := plan[k:]
		for n, h := range due {
			if h.at > x.since || h.at >= until {
				due = due[:n]
				break
			}
		}
		k += len(due)
		for _, h := range due {
			if h.statut != "" {
				continue
			}
			doc := invoicetest.Invoice{Numero: h.numero}.UBL()
			if _, err := x.app.Exec(ctx, `INSERT INTO chorus.invoices (external_ref, document) VALUES ($1, $2)`, h.numero, doc); err != nil {
				return k, err
			}
		}
		if err := x.rest(ctx); err != nil {
			return k, err
		}
		for _, h := range due {
			if h.statut == "" {
				continue
			}
			if err := x.sim.Statut(h.numero, h.statut, "voir le commentaire"); err != nil {
				return k, err
			}
		}
		if x.since >= until {
			return k, nil
		}
		if x.since > 0 && x.since%time.Hour == 0 {
			x.say("  %s …", x.since)
		}
		if err := x.pass(ctx, step); err != nil {
			return k, err
		}
	}
}

// perInvoice adds up what an invoice costs at the full volume. What is asked for each invoice is as in the run; what is asked for all of them together, by
// the minute or by the day, is shared by as many more as the load is larger.
func (l *loaded) perInvoice() (deposit, own, shared float64) {
	const op = "deposer/flux"
	each := map[string]bool{"consulterCRDetaille": true, "consulter/historique": true, "completer": true, "recycler": true, "ajouter/fichier": true, "soumettre": true, "telecharger/groupe": true}
	n := float64(l.invoices)
	// A report that an invoice has been integrated is followed by a search for it: counted as its own, although some reports are not.
	reports := min(l.requests["consulterCRDetaille"], l.requests["rechercher/fournisseur"])
	for name, count := range l.requests {
		switch {
		case name == op:
			deposit += float64(count) / n
		case each[name]:
			own += float64(count) / n
		default:
			shared += float64(count) / n / scale
		}
	}
	own += float64(reports) / n
	shared -= float64(reports) / n / scale
	return deposit, own, shared
}

// calls measures how many requests an invoice costs from its deposit to its payment, everything included.
func calls(ctx context.Context, w *workshop) ([]figure, error) {
	l, err := w.underLoad(ctx)
	if err != nil {
		return nil, err
	}
	deposit, own, shared := l.perInvoice()
	figures := []figure{
		bar("calls", "an invoice, deposit to payment, 20,000 a day", deposit+own+shared, "calls", 1.10),
		fact("calls", "  of these deposits", deposit, "calls"),
		fact("calls", "  asked for one invoice", own, "calls"),
		fact("calls", "  asked for all together", shared, "calls"),
		fact("calls", "report until integrated, then each open one once a day", common(aDay), "calls"),
		fact("calls", "report until integrated, then each open one once an hour", common(time.Hour), "calls"),
	}
	names := make([]string, 0, len(l.requests))
	for name := range l.requests {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if l.requests[name] > 0 {
			figures = append(figures, fact("calls", fmt.Sprintf("in the run, of %d invoices: %s", l.invoices, name), float64(l.requests[name]), ""))
		}
	}
	return figures, nil
}

// common is what the same lives cost in one of the common ways: the deposit, the integration report every two minutes until it says so (on average after
// seven and a half), and then a look at each open invoice every so often.
func common(every time.Duration) float64 {
	const reports = 4
	total := 0.0
	for k := range 100 {
		open := time.Duration(len(lifeOf(k))) * between
		total += 1 + reports + float64(open/every)
	}
	return total / 100
}

// fresh measures how soon a change at the portal is in its row, under that load and without any.
func fresh(ctx context.Context, w *workshop) ([]figure, error) {
	l, err := w.underLoad(ctx)
	if err != nil {
		return nil, err
	}
	idle, err := w.idle(ctx)
	if err != nil {
		return nil, err
	}
	if len(l.fresh) == 0 || len(idle) == 0 {
		return nil, errors.New("no change arrived")
	}
	return []figure{
		bar("freshness", "change to row under load, p95", percentile(l.fresh, 95), "s", 90),
		fact("freshness", "change to row under load, p50", percentile(l.fresh, 50), "s"),
		fact("freshness", "changes under load", float64(len(l.fresh)), ""),
		bar("freshness", "change to row when idle, p95", percentile(idle, 95), "s", 75),
		fact("freshness", "change to row when idle, p50", percentile(idle, 50), "s"),
		fact("freshness", "changes when idle", float64(len(idle)), ""),
	}, nil
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
