package jobs

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/store"
)

// submit deposits a ready invoice that the dispatcher has given out.
func (j *Jobs) submit(ctx context.Context, id, claim int64) error {
	leave, err := j.Depositors.take(ctx)
	if err != nil {
		return err
	}
	defer leave()
	inv, err := j.take(ctx, id, claim, store.Ready)
	if err != nil {
		return err
	}
	return j.deposit(ctx, inv)
}

// deposit sends a ready invoice that its job has taken: everything that can fail without consequence first, then T1, the fence, one request, and T2
// (docs/protocol.md §3.4).
//
// A crash before T1 leaves a ready row, one after it a sending row that the reaper takes to in_doubt. There is no third kind.
func (j *Jobs) deposit(ctx context.Context, inv store.Invoice) error {
	id := inv.ID
	acct, err := j.account(inv.Account)
	if err != nil {
		return cmp.Or(j.Store.Release(ctx, inv, j.Settings.passOn()), err)
	}
	if j.draining.Load() {
		return j.Store.Release(ctx, inv, 0)
	}
	if !acct.Gate.Open() {
		return j.Store.Release(ctx, inv, about(heldFor))
	}
	if j.Weather.Open(acct) {
		return j.Store.Release(ctx, inv, 0) // to be given out again when the breaker lets it
	}
	if !j.allTold(ctx, acct) {
		return j.Store.Release(ctx, inv, about(time.Second))
	}
	release, ok := hold(ctx, inv.DocumentBytes, costOfSending, j.Settings.SendWithin/2)
	if !ok {
		return j.Store.Release(ctx, inv, about(time.Second))
	}
	defer release()
	doc, err := j.Store.Document(ctx, inv)
	if err != nil {
		return err
	}
	attempt := store.NewID()
	name := nomFichier(inv, attempt)
	if err := crash.Point(crash.BeforeToken); err != nil {
		return err
	}
	deposit, err := j.prepare(ctx, acct, inv, name, doc)
	j.refusals.note(err)
	if errors.Is(err, errNotAttached) {
		j.Log.Warn("not sent", "invoice", id, "account", inv.Account, "error", err)
		return j.Store.Wait(ctx, inv, about(time.Minute), store.ReasonListing, err.Error())
	}
	if err != nil {
		return j.notPrepared(ctx, acct, inv, err)
	}

	if crash.Mutant(crash.NoIntent) {
		return j.withoutIntent(ctx, inv, deposit, attempt, name)
	}
	if err := crash.Point(crash.BeforeT1); err != nil {
		return err
	}
	if j.Memory.Unsure() {
		j.Memory.Doubt(nil)
		return j.Store.Release(ctx, inv, about(time.Second))
	}
	began := time.Now() // before T1, so that the fence errs on the safe side
	// A confirmation that comes later than that is of no use: the fence would refuse.
	t1, enough := context.WithTimeout(ctx, j.Settings.SendWithin)
	a, err := j.begin(t1, inv, store.Intent{
		Attempt: attempt, Worker: j.Worker, Life: j.Life, NomFichier: name, Memory: j.Memory.Get(), SendWithin: j.Settings.SendWithin, Unit: j.Settings.Unit(),
	})
	enough()
	switch {
	case errors.Is(err, store.ErrGone):
		return nil
	case errors.Is(err, store.ErrShown):
		j.Log.Warn("not sent yet", "invoice", id, "numero", inv.NumeroFacture, "because", err)
		return nil
	case errors.Is(err, store.ErrHeld):
		return j.Store.Release(ctx, inv, 0)
	case errors.Is(err, store.ErrForgot):
		j.Memory.Doubt(err)
		return j.Store.Release(ctx, inv, about(time.Second))
	case errors.Is(err, store.ErrNoSlot):
		return j.Store.Release(ctx, inv, about(200*time.Millisecond))
	case err != nil:
		// T1 may have been committed. Nothing has left: say so, in case it was.
		j.finish(a, afterDeposit(j.Settings, answer{outcome: store.NotSent}))
		return err
	}
	j.Memory.Add(a.ID)
	j.Memory.Keep(keepWithin) // before it leaves: whoever restores the database must not restore this
	if err := crash.Point(crash.AfterT1); err != nil {
		j.finish(a, afterDeposit(j.Settings, answer{outcome: store.NotSent}))
		return err
	}
	if !acct.Gate.Open() || j.Memory.Unsure() || !j.mayStillSend(ctx, began, a) {
		j.Metrics.Fenced.Inc()
		j.finish(a, afterDeposit(j.Settings, answer{outcome: store.NotSent}))
		return nil
	}

	leaveBy := began.Add(j.Settings.SendWithin)
	if crash.Mutant(crash.NoFence) {
		leaveBy = time.Time{}
	}
	receipt, err := deposit.Send(ctx, leaveBy)
	ans := answer{outcome: store.Outcome(chorus.OutcomeOf(err)), fault: chorus.FaultOf(err), flux: receipt.NumeroFluxDepot, wait: -1, refusals: inv.Refusals}
	exchange := receipt.Exchange
	var failure *chorus.Error
	if errors.As(err, &failure) {
		exchange = failure.Exchange
		ans.libelle = exchange.Libelle
	}
	if w, asked := chorus.RetryAfter(err); asked {
		ans.wait = w
	}
	j.countCode(err)
	end := afterDeposit(j.Settings, ans)
	end.DateDepot = receipt.DateDepot.Time
	end.Evidence, end.Exchange = evidence(exchange, ans.fault), deposit.Kept()
	if end.Facture = receipt.IdentifiantFactureCPP; end.Facture != 0 && receipt.NumeroFacture != "" && receipt.NumeroFacture != inv.NumeroFacture {
		end = underAnotherNumber(end, receipt.NumeroFacture)
	}
	// Before T2, so that a lost T2 leaves at least this line.
	j.Log.Info("deposit ended", "invoice", id, "attempt", attempt, "outcome", ans.outcome, "fault", ans.fault, "flux", ans.flux,
		"status", exchange.Status, "correlation", exchange.CorrelationID, "took_ms", exchange.Took.Milliseconds())
	j.Metrics.Deposits.WithLabelValues(string(ans.outcome)).Inc()
	// What failed for a reason that is not its own is told before T2 frees its slot: whoever gets that slot has the breaker to ask. So an outage leaves at most as
	// many in doubt as may be in flight.
	told := cause(acct, err) != ""
	if told {
		j.tellFleet(acct, a, ans.outcome, err)
	}
	j.finish(a, end)
	if err := crash.Point(crash.AfterT2); err != nil {
		return err
	}
	if !told {
		j.tellFleet(acct, a, ans.outcome, err)
	}
	return nil
}

// tellWithin is how long the fleet's rows may keep a result, or a deposit, waiting.
const tellWithin = 5 * time.Second

// tellFleet tells the fleet what a deposit showed: to keep quiet, and what its breakers make of it. A crash before it costs nothing: the next deposit tells them.
func (j *Jobs) tellFleet(acct *Account, a store.Attempt, outcome store.Outcome, failure error) {
	ctx, cancel := context.WithTimeout(j.Hard, tellWithin)
	defer cancel()
	j.heed(ctx, acct, failure)
	j.weigh(ctx, acct, a, outcome, failure)
}

// mayStillSend is the fence. Two clocks are asked, because the monotonic one stands still while a virtual machine sleeps and the other may be set; and
// the database, whether the attempt is still the row's.
func (j *Jobs) mayStillSend(ctx context.Context, began time.Time, a store.Attempt) bool {
	if crash.Mutant(crash.NoFence) {
		return true
	}
	late := func() bool {
		return time.Since(began) >= j.Settings.SendWithin || time.Now().Round(0).Sub(began.Round(0)) >= j.Settings.SendWithin
	}
	if j.draining.Load() || late() {
		return false
	}
	ok, err := j.maySend(ctx, a)
	return err == nil && ok && crash.Point(crash.Fence) == nil && !late()
}

// sayAgain is between two lines of the log about one result that cannot be written: many wait at once while the database takes no changes.
const sayAgain = time.Minute

// finish writes T2 until it is written or nothing may be waited for any more; then the reaper finds the attempt without an outcome. It goes on when the
// job's own context has ended: a shutdown must not lose an answer that has arrived.
func (j *Jobs) finish(a store.Attempt, e store.Ending) {
	if crash.Mutant(crash.T2Swallowed) && a.N%2 == 1 && a.InvoiceID%10 == 0 {
		return
	}
	// A failure injected here is one of the database: T2 is tried again.
	var said time.Time
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		ctx, cancel := context.WithTimeout(j.Hard, 10*time.Second)
		err := crash.Point(crash.BeforeT2)
		if err == nil {
			err = j.end(ctx, a, e)
		}
		cancel()
		if err == nil {
			return
		}
		if time.Since(said) > sayAgain {
			said = time.Now()
			j.Log.Error("the result of a deposit could not be written yet: it is tried until it is", "invoice", a.InvoiceID, "attempt", a.ID,
				"outcome", e.Outcome, "flux", e.NumeroFlux, "error", store.Message(err))
		}
		select {
		case <-j.Hard.Done():
			return
		case <-time.After(wait):
		}
	}
}

// notPrepared deals with what went wrong before T1: the row stays ready.
func (j *Jobs) notPrepared(ctx context.Context, acct *Account, inv store.Invoice, err error) error {
	if wait, ok := busy(err); ok {
		return j.Store.Release(ctx, inv, about(wait))
	}
	if ctx.Err() != nil {
		ctx = j.Hard
	}
	fault := chorus.FaultOf(err)
	if fault == chorus.FaultDocument {
		return j.Store.Park(ctx, inv, store.ParkPoison, "the file cannot be sent: "+err.Error())
	}
	j.heed(ctx, acct, err)
	if key := cause(acct, err); key != "" {
		opened, err := j.Store.PrepareFailed(ctx, key, string(fault))
		if err != nil {
			return err
		}
		if opened {
			j.Log.Info("deposits are held back until the portal answers", "account", acct.Name, "fault", fault)
			j.Probe()
		}
	}
	args := []any{"invoice", inv.ID, "account", inv.Account, "fault", fault, "error", err}
	if store.SQLState(err) != "" { // which the client's words leave out
		args = append(args, "database", store.Message(err))
	}
	j.Log.Warn("not sent", args...)
	if crash.Mutant(crash.ErrorNotSnooze) {
		return j.Store.Panicked(ctx, inv.ID, inv.Claim)
	}
	return j.Store.Release(ctx, inv, retryIn(fault))
}

// heed has the whole fleet keep quiet after a 429. What a refused account means, its Gate has told already.
func (j *Jobs) heed(ctx context.Context, acct *Account, failure error) {
	if chorus.FaultOf(failure) != chorus.FaultQuota {
		return
	}
	j.Metrics.Quota.Inc()
	if err := acct.Budget.Pause(ctx, j.Settings.QuotaWait(failure)); err != nil {
		j.Log.Warn("a pause could not be written", "account", acct.Name, "error", store.Message(err))
	}
}

// retryIn is how long a row rests after a fault that it is not to blame for.
func retryIn(fault chorus.Fault) time.Duration {
	switch fault {
	case chorus.FaultStopped:
		return 0
	case chorus.FaultSubscription, chorus.FaultApplication, chorus.FaultConfiguration:
		return about(time.Minute)
	default:
		return about(5 * time.Second)
	}
}

// nomFichier names one attempt for ever: the invoice's number, for people who look at the portal, and the attempt. At most 50 characters.
func nomFichier(inv store.Invoice, attempt pgtype.UUID) string {
	number := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		default:
			return '-'
		}
	}, inv.NumeroFacture)
	ext := ".xml"
	if strings.Contains(inv.Syntaxe, "FACTURX") || strings.Contains(inv.Syntaxe, "PDF") {
		ext = ".pdf"
	}
	return number[:min(len(number), 20)] + "_" + base64.RawURLEncoding.EncodeToString(attempt.Bytes[:]) + ext
}

// evidence is what is kept of an exchange: codes, numbers and cleaned texts.
func evidence(e chorus.Exchange, fault chorus.Fault) map[string]any {
	m := map[string]any{
		"connected": e.Connected, "wrote": e.Wrote, "bytes_sent": e.BytesSent, "bytes_received": e.BytesReceived,
		"took_ms": e.Took.Milliseconds(),
	}
	for key, text := range map[string]string{
		"fault": string(fault), "libelle": e.Libelle, "message": e.Message, "correlation_id": e.CorrelationID, "answer_sha256": e.SHA256,
	} {
		if text != "" {
			m[key] = text
		}
	}
	if e.Status != 0 {
		m["status"] = e.Status
	}
	if e.CodeRetour != nil {
		m["code_retour"] = *e.CodeRetour
	}
	return m
}
