package store_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"pgregory.net/rapid"

	"github.com/choriste/choriste/jobs/model"
	"github.com/choriste/choriste/store"
)

// The steps of TestStatementsAgainstTheModel: each does something to the database and the same to what is expected.

// work is what a job does that took a row, the latest one or a zombie.
func (r *run) work(t *rapid.T) {
	if len(r.held) == 0 {
		t.Skip()
	}
	inv := r.held[len(r.held)-1]
	if rapid.Bool().Draw(t, "zombie") {
		inv = pick(t, r.held, "job")
	}
	r.act(t, inv)
}

func (r *run) act(t *rapid.T, inv store.Invoice) {
	switch inv.State {
	case store.Ready:
		r.begin(t, inv)
	case store.InDoubt:
		r.resolve(t, inv)
	case store.Deposited:
		r.report(t, inv)
	}
}

// job is one that goes as it should, as far as it goes: dispatched, taken, done.
func (r *run) job(t *rapid.T) {
	row := r.row(t)
	step, ok := protocolSteps[row.state]
	if !ok {
		t.Skip()
	}
	r.give(t, step)
	if row.claim == 0 || row.over {
		return // about to be cancelled
	}
	inv, err := r.worker.Take(r.ctx, row.id, row.claim, row.state, time.Hour)
	must(t, err)
	r.held = append(r.held, inv)
	r.act(t, inv)
}

func (r *run) dispatch(t *rapid.T) {
	r.give(t, rapid.SampledFrom([]store.Step{store.StepSubmit, store.StepResolve, store.StepReport}).Draw(t, "step"))
}

// protocolSteps says which job is next for a row.
var protocolSteps = map[store.State]store.Step{store.Ready: store.StepSubmit, store.InDoubt: store.StepResolve, store.Deposited: store.StepReport}

// give dispatches all that is due for a step.
func (r *run) give(t *rapid.T, step store.Step) {
	claims := r.claim(t, step, r.account)
	for _, row := range r.rows {
		due := protocolSteps[row.state] == step && (step != store.StepSubmit || !row.cancel) && (row.claim == 0 || row.over)
		if claims[row.id] == 0 == due {
			t.Fatalf("%s of row %+v: claimed as %d", step, row, claims[row.id])
		}
		if due {
			row.claim, row.over = claims[row.id], false
			r.claims[row.id] = append(r.claims[row.id], row.claim)
		}
	}
}

func (r *run) take(t *rapid.T) {
	row := r.row(t)
	if len(r.claims[row.id]) == 0 {
		t.Skip()
	}
	claim := rapid.SampledFrom(r.claims[row.id]).Draw(t, "claim")
	lease, runsOut := time.Hour, rapid.IntRange(0, 3).Draw(t, "runs out") == 0
	if runsOut {
		lease = -time.Second
	}
	inv, err := r.worker.Take(r.ctx, row.id, claim, row.state, lease)
	switch {
	case claim != row.claim:
		if !errors.Is(err, store.ErrGone) {
			t.Fatalf("claim %d took a row that is claimed by %d: %v", claim, row.claim, err)
		}
		return
	case err != nil:
		t.Fatalf("claim %d: %v", claim, err)
	}
	row.over = runsOut
	r.held = append(r.held, inv)
}

func (r *run) release(t *rapid.T) {
	inv := pick(t, append([]store.Invoice{{}}, r.held...), "job")
	if inv.ID == 0 {
		t.Skip()
	}
	must(t, r.worker.Release(r.ctx, inv, 0))
	if row := r.of(inv.ID); row.claim == inv.Claim {
		row.claim, row.over = 0, false
	}
}

// begin is T1 by one worker, by two at once, or by one whom the database does not remember.
func (r *run) begin(t *rapid.T, inv store.Invoice) {
	row := r.of(inv.ID)
	free := protocolSlots
	for _, other := range r.rows {
		if other.open() {
			free--
		}
	}
	may := row.state == store.Ready && row.attempt == inv.AttemptNo && row.claim == inv.Claim && !row.cancel
	late := rapid.Bool().Draw(t, "late")
	intents := []store.Intent{r.intent(late)}
	switch rapid.IntRange(0, 7).Draw(t, "who") {
	case 0:
		intents[0].Memory.Epoch = "another history"
	case 1:
		intents[0].Memory.Attempts = []pgtype.UUID{store.NewID()}
	case 2:
		intents = append(intents, r.intent(late))
	}
	attempts, errs := make([]store.Attempt, len(intents)), make([]error, len(intents))
	together := rapid.Bool().Draw(t, "together")
	var wg sync.WaitGroup
	for k, in := range intents {
		wg.Go(func() { attempts[k], errs[k] = r.t1(inv, in, together) })
	}
	wg.Wait()
	var won []store.Attempt
	for k, err := range errs {
		forgot := intents[k].Memory.Epoch != r.memory.Epoch || len(intents[k].Memory.Attempts) != len(r.memory.Attempts)
		switch {
		case err == nil:
			won = append(won, attempts[k])
		case forgot != errors.Is(err, store.ErrForgot), !forgot && !errors.Is(err, store.ErrNoSlot) && !errors.Is(err, store.ErrGone):
			t.Fatal(err)
		case len(intents) == 1 && !forgot && errors.Is(err, store.ErrNoSlot) != (free == 0) && (may || free > 0): // of a row that moved on, and was shown, that is said first
			t.Fatalf("%d slots are free: %v", free, err)
		}
		may = may && !forgot
	}
	if want := may && free > 0; (len(won) == 1) != want || len(won) > 1 {
		t.Fatalf("%d of %d began with %d slots free, %+v, holding %+v: %v", len(won), len(intents), free, row, inv, errs)
	}
	if len(won) == 1 {
		row.move(store.Sending, "")
		row.attempt++
		if won[0].N != row.attempt {
			t.Fatalf("the attempt is number %d, want %d", won[0].N, row.attempt)
		}
		row.trials = append(row.trials, &trial{Attempt: won[0], late: late})
	}
}

// t1 is T1, as a job asks for it: first as one of many, and alone where that does not do, or alone from the beginning.
func (r *run) t1(inv store.Invoice, in store.Intent, together bool) (store.Attempt, error) {
	if together {
		begun, undone, err := r.worker.BeginTogether(r.ctx, []store.Intended{{Invoice: inv, Intent: in}})
		if a, ok := begun[in.Attempt]; err == nil && ok {
			return a, nil
		}
		if err != nil && !undone {
			return store.Attempt{}, err
		}
	}
	return r.worker.Begin(r.ctx, inv, in)
}

// t2 is T2, likewise.
func (r *run) t2(t *rapid.T, a store.Attempt, e store.Ending) {
	if rapid.Bool().Draw(t, "together") {
		done, err := r.worker.FinishTogether(r.ctx, []store.Result{{Attempt: a, Ending: e}})
		if err == nil && len(done) == 1 {
			return
		}
	}
	must(t, r.worker.Finish(r.ctx, a, e))
}

func (r *run) fence(t *rapid.T) {
	row, a := r.trial(t)
	ok, err := r.worker.MaySend(r.ctx, a.Attempt)
	must(t, err)
	may, err := r.worker.MaySendTogether(r.ctx, []store.Attempt{a.Attempt})
	must(t, err)
	if together := len(may) == 1; together != ok {
		t.Fatalf("asked with others it may send: %t, alone: %t", together, ok)
	}
	if want := a.outcome == "" && a.N == row.attempt && row.state == store.Sending && !a.late; ok != want {
		t.Fatalf("may send: %t, want %t", ok, want)
	}
}

// finish is T2 of any attempt, its first or a repetition.
func (r *run) finish(t *rapid.T) {
	row, a := r.trial(t)
	o := rapid.SampledFrom(protocolOutcomes).Draw(t, "outcome")
	outcome := model.Outcome(slices.Index(protocolOutcomes, o))
	e := store.Ending{Outcome: o, To: protocolRows[model.AfterAnswer(outcome)], ReasonCode: r.because(), Evidence: map[string]any{"by": "test"}}
	if o == store.Accepted {
		e.NumeroFlux = fmt.Sprintf("F%d", r.next())
		if row.flux != "" && !slices.ContainsFunc(row.trials, func(o *trial) bool { return o.flux == row.flux }) && rapid.Bool().Draw(t, "known") {
			e.NumeroFlux = row.flux // adopted before its owner was heard of
		}
	}
	stolen := o == store.Accepted && rapid.IntRange(0, 5).Draw(t, "stolen") == 0
	if stolen {
		e.NumeroFlux = r.taken
	}
	r.t2(t, a.Attempt, e)
	if a.outcome != "" && a.outcome != store.OwnerLost {
		return
	}
	own := a.N == row.attempt && (row.state == store.Sending || row.state == store.InDoubt)
	a.outcome, a.flux = o, e.NumeroFlux
	switch at := slices.Index(protocolRows, row.state); {
	case stolen:
		a.outcome, a.flux = store.Ambiguous, ""
		if own {
			row.move(store.Parked, store.ParkContradiction)
		}
	case row.state == store.Abandoned: // nobody is asked any more
	case at < 0: // settled: the model ends before
		if o == store.Accepted && row.flux != e.NumeroFlux {
			row.move(store.Parked, store.ParkContradiction)
		}
	default:
		to := protocolRows[model.AfterT2(model.Row(at), own, row.flux == e.NumeroFlux, outcome)]
		switch {
		case own && to == row.state: // in doubt already
		case own && to == store.Ready && row.state == store.InDoubt && (row.code == store.ReasonQuarantine || !row.alone(a)): // of this attempt only
		case own && to == store.Ready && !row.alone(a):
			row.move(store.InDoubt, store.ReasonOwnerLost)
		case own:
			row.move(to, e.ReasonCode)
			if o == store.Accepted {
				row.flux = e.NumeroFlux
			}
		case to != row.state:
			row.move(to, store.ParkContradiction)
		}
	}
}

// alone says that nothing of the row can be at the portal but this attempt.
func (r *expected) alone(a *trial) bool {
	for _, e := range r.trials {
		unknown := e.N < a.N && (e.outcome == store.OwnerLost || e.outcome == store.Ambiguous) &&
			!slices.ContainsFunc(r.trials, func(l *trial) bool { return l.N >= e.N && l.empty })
		if e != a && e.outcome == "" || unknown {
			return false
		}
	}
	return r.flux == "" && r.facture == 0
}

func (r *run) reap(t *rapid.T) {
	_, err := r.worker.Reap(r.ctx, 0, 0)
	must(t, err)
	for _, row := range r.rows {
		if row.open() && row.trials[len(row.trials)-1].late {
			row.trials[len(row.trials)-1].outcome = store.OwnerLost
			if row.state == store.Sending {
				row.move(store.InDoubt, store.ReasonOwnerLost)
			}
		}
	}
}

// resolve writes the result of a search, by the job that has the row or by a zombie, about the current attempt or an old one.
func (r *run) resolve(t *rapid.T, inv store.Invoice) {
	row := r.of(inv.ID)
	a := row.trials[len(row.trials)-1]
	if rapid.IntRange(0, 4).Draw(t, "old") == 0 {
		a = pick(t, row.trials, "attempt")
	}
	absent := rapid.IntRange(0, 3).Draw(t, "absent") > 0
	look := model.Look{Agree: true}
	switch {
	case !absent:
		look.Found = rapid.IntRange(0, 2).Draw(t, "found")
	case a.absent >= 2:
		look.Proven, look.Resubmit = true, rapid.Bool().Draw(t, "resubmit") && row.sendable(a)
	}
	r.looked(t, inv, a, absent, look)
}

// sendable says that three searches in vain may have the row sent again: nothing of it was acknowledged, unless an operator wants it.
func (r *expected) sendable(a *trial) bool {
	wanted := r.code == store.ReasonRetry || r.code == store.ReasonWanted || r.code == store.ReasonOverride
	return r.flux == "" && r.facture == 0 && (wanted || a.outcome != store.Accepted && a.outcome != store.Duplicate)
}

// prove searches in vain until a row in doubt may be sent once more.
func (r *run) prove(t *rapid.T) {
	row := r.row(t)
	for row.state == store.InDoubt {
		r.give(t, store.StepResolve)
		if row.claim == 0 || row.over {
			return
		}
		inv, err := r.worker.Take(r.ctx, row.id, row.claim, row.state, time.Hour)
		must(t, err)
		r.held = append(r.held, inv)
		a := row.trials[len(row.trials)-1]
		r.looked(t, inv, a, true, model.Look{Proven: a.absent >= 2, Resubmit: row.sendable(a)})
	}
}

func (r *run) looked(t *rapid.T, inv store.Invoice, a *trial, absent bool, look model.Look) {
	row := r.of(inv.ID)
	lookup := store.Lookup{Age: protocolHorizon, Complete: true, Absent: absent}
	lookup.Found = look.Found
	to := protocolRows[model.AfterLook(look)]
	d := store.Doubt{To: to, Resubmit: to == store.Ready, ReasonCode: r.because()}
	flux, facture := fmt.Sprintf("F%d", r.next()), r.next()
	if to == store.Deposited {
		flux = rapid.SampledFrom([]string{flux, flux, r.taken}).Draw(t, "flux")
		d.Seen = &store.Seen{
			IdentifiantFactureCPP: facture, NumeroFlux: flux, Statut: "X", StatutDate: time.Now().Add(time.Duration(r.next()) * time.Second),
			To: rapid.SampledFrom([]store.State{store.Integrated, store.Rejected, store.Settled}).Draw(t, "statut"),
		}
	}
	must(t, r.worker.Resolve(r.ctx, inv, a.Attempt, lookup, d))
	a.looks++
	a.empty = a.empty || lookup.Found == 0
	if lookup.Absent {
		a.absent++
	}
	if row.state != store.InDoubt || row.attempt != a.N || row.claim != inv.Claim {
		return
	}
	switch {
	case to == store.InDoubt:
		row.claim, row.over = 0, false
	case to != store.Deposited:
		row.move(to, d.ReasonCode)
		if d.Resubmit {
			row.resubmits++
		}
	case flux == r.taken:
		row.move(store.Parked, store.ParkMismatch)
	default:
		row.move(d.Seen.To, "")
		row.flux = flux
		if row.facture == 0 {
			row.facture = facture
		}
		if d.Seen.To == store.Rejected {
			row.code = store.ReasonRecipient
		}
		row.doubles()
	}
}

func (r *run) report(t *rapid.T, inv store.Invoice) {
	row := r.of(inv.ID)
	f := store.Flux{To: rapid.SampledFrom([]store.State{store.Deposited, store.Rejected, store.InDoubt, store.Parked}).Draw(t, "to"), ReasonCode: r.because()}
	must(t, r.worker.Reported(r.ctx, inv, f))
	if row.state == store.Deposited && row.claim == inv.Claim {
		row.move(f.To, f.ReasonCode)
		row.claim, row.over = 0, false
	}
}

// follow is one line of the change feed, about a row of ours or about one that only looks like it.
func (r *run) follow(t *rapid.T) {
	row := r.row(t)
	seen := store.Seen{
		IdentifiantFactureCPP: r.next(), NumeroFacture: fmt.Sprintf("N%d", row.id), FournisseurSIRET: "12345678200010", DateFacture: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), NumeroFlux: fmt.Sprintf("F%d", r.next()),
		Statut: "X", StatutDate: time.Now().Add(time.Duration(r.next()) * time.Second),
		To: rapid.SampledFrom([]store.State{store.Integrated, store.Rejected, store.Settled}).Draw(t, "statut"),
	}
	other := rapid.Bool().Draw(t, "other number")
	if other {
		seen.NumeroFacture = "another"
	}
	if row.facture != 0 && rapid.Bool().Draw(t, "by facture") {
		seen.IdentifiantFactureCPP = row.facture
	}
	if row.flux != "" && rapid.Bool().Draw(t, "by flux") {
		seen.NumeroFlux = row.flux
	}
	_, err := r.worker.Follow(r.ctx, []store.Seen{seen}, r.feed)
	must(t, err)
	if other && row.facture == seen.IdentifiantFactureCPP && row.flux != "" && row.flux != seen.NumeroFlux {
		return // somebody else's invoice under the number that Chorus Pro gave ours
	}
	ours := !other
	hit := row.facture == seen.IdentifiantFactureCPP || ours && row.facture == 0 && row.flux == seen.NumeroFlux
	switch {
	case row.state == store.Ready && (hit || ours): // it must not be sent: something of its number is there
		attempts, err := r.worker.Attempts(r.ctx, row.id)
		must(t, err)
		row.move(store.InDoubt, store.ReasonQuarantine)
		row.attempt++
		row.trials = append(row.trials, &trial{Attempt: store.Attempt{ID: attempts[len(attempts)-1].ID, InvoiceID: row.id, N: row.attempt}, outcome: store.OwnerLost, standIn: true})
		return
	case row.state == store.InDoubt:
		return
	case !hit:
		if ours {
			row.strangers = append(row.strangers, &stranger{facture: seen.IdentifiantFactureCPP, flux: seen.NumeroFlux})
			row.doubles()
		}
		return
	}
	if row.facture == 0 {
		row.facture = seen.IdentifiantFactureCPP
	}
	switch row.state {
	case store.Deposited, store.Integrated, store.Settled, store.Rejected:
		code := ""
		if seen.To == store.Rejected {
			code = store.ReasonRecipient
		}
		row.move(seen.To, code)
	}
	if ours {
		row.doubles()
	}
}

func (r *run) cancel(t *rapid.T) {
	row := r.row(t)
	if rapid.IntRange(0, 7).Draw(t, "really") > 0 {
		t.Skip()
	}
	state, err := r.operator.Cancel(r.ctx, row.id)
	if open := row.state == store.Ready || row.state == store.Sending || row.state == store.InDoubt; row.cancel || !open {
		if store.SQLState(err) != "CH004" {
			t.Fatalf("cancelling %+v: %v", row, err)
		}
		return
	}
	row.cancel = true
	if row.state == store.Ready {
		row.move(store.Cancelled, "")
	}
	if err != nil || state != row.state {
		t.Fatalf("cancelled to %s, %v, want %s", state, err, row.state)
	}
}

func (r *run) retry(t *rapid.T) {
	row := r.row(t)
	_, err := r.operator.Retry(r.ctx, row.id, "a test", nil)
	if row.state != store.Rejected || row.facture != 0 {
		if store.SQLState(err) != "CH022" {
			t.Fatalf("retrying %+v: %v", row, err)
		}
		return
	}
	must(t, err)
	row.move(store.InDoubt, "RETRY")
	row.flux = ""
}

// decide is an operator who tries to resolve any row in any way: what is not parked stays where it is, and nothing becomes ready.
func (r *run) decide(t *rapid.T) {
	row := r.row(t)
	d := store.Resolution{
		Action: rapid.SampledFrom([]store.Action{store.ActionAccept, store.ActionLookup, store.ActionLookup, store.ActionResubmit, store.ActionResubmit, store.ActionAbandon}).Draw(t, "action"),
		Reason: "a test",
	}
	if d.Action == store.ActionResubmit || d.Action == store.ActionAbandon {
		d.Override = rapid.Bool().Draw(t, "override")
	}
	fluxes, _, err := r.operator.Resolutions(r.ctx, row.id)
	must(t, err)
	if d.Action == store.ActionAccept && len(fluxes) > 0 {
		d.Flux = fluxes[rapid.IntRange(0, len(fluxes)-1).Draw(t, "flux")].Flux
	}
	state, err := r.operator.ResolveParked(r.ctx, row.id, d)
	accepted := slices.ContainsFunc(row.trials, func(a *trial) bool { return a.outcome == store.Accepted })
	refused := row.state != store.Parked
	switch d.Action {
	case store.ActionAccept:
		refused = refused || len(fluxes) == 0
	case store.ActionLookup:
		refused = refused || row.attempt == 0
	case store.ActionResubmit:
		refused = refused || row.facture != 0 || row.code == store.ParkContradiction
	case store.ActionAbandon:
		refused = refused || accepted && !d.Override
	}
	if refused {
		if store.SQLState(err) != "CH022" {
			t.Fatalf("%+v of %+v: %s, %v", d, row, state, err)
		}
		return
	}
	must(t, err)
	switch d.Action {
	case store.ActionAccept:
		row.move(store.Deposited, store.ReasonOperator)
		row.flux = d.Flux
	case store.ActionLookup:
		row.move(store.InDoubt, store.ReasonOperator)
	case store.ActionResubmit:
		row.move(store.InDoubt, store.ReasonWanted)
		if d.Override {
			row.code = store.ReasonOverride
		}
		row.flux = ""
	case store.ActionAbandon:
		row.move(store.Abandoned, store.ReasonOperator)
	}
}

func (r *run) tidy(t *rapid.T) {
	must(t, r.worker.CancelRequested(r.ctx))
	must(t, r.worker.FreeSlots(r.ctx))
	for _, row := range r.rows {
		if row.state == store.Ready && row.cancel {
			row.move(store.Cancelled, "")
		}
	}
}
