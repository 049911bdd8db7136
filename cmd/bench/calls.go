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

const rows = 100 // on a page of the real portal

// volume is a load that figures are for, and the part of it that is run: of 20,000 invoices a tenth, with a tenth of the rows on a page. What is asked for
// per minute, whatever the volume, is asked for as often as in reality, and each answer has as many pages.
type volume struct{ perDay, scale int }

var large = volume{20_000, 10}

// daily is how many invoices a day are run.
func (v volume) daily() int { return v.perDay / v.scale }

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
	volume
	window   time.Duration // that counts
	invoices int           // deposited within it
	requests map[string]int
	changes  int       // of statuts within it
	fresh    []float64 // seconds until each was in its row; one that never was is missing
}

// underLoad runs the large load, with a portal that shows everything at once, for all measurements that need it.
func (w *workshop) underLoad(ctx context.Context) (*loaded, error) {
	if w.loaded == nil {
		l, err := w.load(ctx, large, 0)
		if err != nil {
			return nil, err
		}
		w.loaded = l
	}
	return w.loaded, nil
}

// load runs a load against a portal that shows each change up to so much later.
func (w *workshop) load(ctx context.Context, v volume, lag time.Duration) (*loaded, error) {
	alone := chorustest.DefaultAccount // with one structure: the others rest, and would be counted
	alone.Structures = []string{supplier}
	// Integration takes five to ten minutes.
	cfg := chorustest.Config{MaxPage: rows / v.scale, Integration: 10 * time.Minute, Lag: lag, Accounts: []chorustest.Account{alone}}
	x, err := w.world(ctx, cfg)
	if err != nil {
		return nil, err
	}
	l, err := x.load(ctx, w, v, lag)
	return l, errors.Join(err, x.close())
}

// load has every kind of invoice happen as often as in a steady state of months: those that change during the run are put there as they were before.
func (x *world) load(ctx context.Context, w *workshop, v volume, lag time.Duration) (*loaded, error) {
	run := w.size.begin + w.size.window
	n := max(1, int(int64(v.daily())*int64(run)/int64(aDay))) // deposits, and changes of each kind
	w.say("%d invoices deposited and %d changes among %d open ones, each shown within %s, in %s of virtual time …", n, changes*n, v.daily()*int(lifetime/aDay), lag, run)
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
	quiet := make([]string, 0, v.daily()*int(lifetime/aDay))
	for k := changes * n; k < cap(quiet); k++ {
		quiet = append(quiet, fmt.Sprintf("QUIET-%06d", k))
	}
	if err := x.older(ctx, quiet, "MISE_A_DISPOSITION"); err != nil {
		return nil, err
	}
	if err := x.age(ctx, 3*aDay); err != nil {
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
	l := &loaded{volume: v, window: w.size.window, requests: map[string]int{}}
	for op, count := range x.requests() {
		l.requests[op] = count - from[op]
	}
	for _, h := range plan[begin : begin+end] {
		if h.statut == "" {
			l.invoices++
		} else {
			l.changes++
		}
	}
	if _, err := x.happen(ctx, nil, run+lag+patient); err != nil {
		return nil, err
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
			shared += float64(count) / n / float64(l.scale)
		}
	}
	own += float64(reports) / n
	shared -= float64(reports) / n / float64(l.scale)
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
