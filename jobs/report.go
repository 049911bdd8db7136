package jobs

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/crash"
	"github.com/choriste/choriste/store"
)

// report asks what became of a deposit that the change feed has not shown as an invoice in time, and is the only way to learn that a flux was rejected.
// It changes nothing at the portal; a crash leaves the row deposited, to be asked about again.
func (j *Jobs) report(ctx context.Context, id, claim int64) error {
	inv, err := j.Store.Take(ctx, id, claim, store.Deposited, j.Settings.lease())
	if err != nil {
		return err
	}
	acct, err := j.account(inv.Account)
	if err != nil {
		return cmp.Or(j.Store.Release(ctx, inv, j.Settings.passOn()), err)
	}
	early, err := j.early(ctx, inv)
	if err != nil || early > 0 {
		return errors.Join(err, j.Store.Release(ctx, inv, early))
	}
	if inv.NumeroFluxDepot == "" {
		return j.submitted(ctx, acct, inv)
	}
	rep, err := acct.Client.Report(ctx, chorus.LaneReport, inv.NumeroFluxDepot)
	switch {
	case chorus.NotYet(err):
		return j.Store.Reported(ctx, inv, j.pending(inv))
	case err != nil:
		return j.readFailed(ctx, acct, inv, err)
	}
	flux := j.pending(inv)
	flux.Etat, flux.EtatDate = rep.EtatCourantDepotFlux, rep.DateHeureEtatCourantFlux.Time
	switch rep.State() {
	case chorus.FluxIntegrated, chorus.FluxPartial:
		return j.integrated(ctx, acct, inv, rep, flux)
	case chorus.FluxRejected:
		return j.refused(ctx, acct, inv, rep, flux)
	case chorus.FluxResend:
		flux.To, flux.ReasonCode = store.Parked, store.ParkIncident
		flux.Reason = "an incident at Chorus Pro (" + rep.EtatCourantDepotFlux + "): the flux is not processed and must be sent again"
	case chorus.FluxUnknown:
		j.Metrics.Unknown.WithLabelValues("etat_flux").Inc()
		j.Log.Warn("Chorus Pro reports a state of a flux that is not known", "invoice", id, "etat", rep.EtatCourantDepotFlux)
	case chorus.FluxPending:
	}
	j.Log.Info("reported", "invoice", id, "etat", rep.EtatCourantDepotFlux, "to", flux.To)
	return j.Store.Reported(ctx, inv, flux)
}

// pending leaves a row deposited. That an operator has accepted its flux is kept until its invoice is shown.
func (j *Jobs) pending(inv store.Invoice) store.Flux {
	f := store.Flux{To: store.Deposited, Due: j.nextReport(inv.Looks)}
	if inv.ReasonCode == store.ReasonOperator {
		f.ReasonCode = inv.ReasonCode
	}
	return f
}

// submitted looks for an invoice that was submitted beside its PDF: there is no flux to be reported on, and the portal has it by its own word.
func (j *Jobs) submitted(ctx context.Context, acct *Account, inv store.Invoice) error {
	listing, err := acct.Client.Search(ctx, chorus.LaneReport, chorus.Query{NumeroFacture: inv.NumeroFacture})
	if err != nil {
		return j.readFailed(ctx, acct, inv, err)
	}
	for _, f := range listing.Factures {
		if f.IdentifiantFactureCPP == inv.IdentifiantFactureCPP {
			return j.Store.Found(ctx, inv, seenOf(f))
		}
	}
	late, err := j.overdue(ctx, inv)
	if err != nil {
		return err
	}
	flux := store.Flux{To: store.Deposited, Due: j.nextReport(inv.Looks)}
	if listing.Complete && late {
		flux.To, flux.ReasonCode = store.Parked, store.ParkTooOld
		flux.Reason = "the invoice was taken in a day ago and Chorus Pro does not show it"
	}
	return j.Store.Reported(ctx, inv, flux)
}

// overdue tells that a deposit should have been shown for a day. It has been looked for before: where no worker ran for a day, or the clock was set while none did,
// the first look decides nothing.
func (j *Jobs) overdue(ctx context.Context, inv store.Invoice) (bool, error) {
	if inv.DepositedFor <= j.Settings.Horizon()+tooOld || inv.Looks < neededLookups {
		return false, nil
	}
	return j.Store.ClockHolds(ctx) // it may have been set since the age was read
}

// refused takes a report that refuses our flux: the invoice is rejected, and its number may be sent again. So nothing else may speak against it: neither the report,
// which can be another flux's, nor an invoice that Chorus Pro shows of this flux, or of this number as the original of a duplicate.
func (j *Jobs) refused(ctx context.Context, acct *Account, inv store.Invoice, rep chorus.Report, flux store.Flux) error {
	if other := anothers(inv, inv.DateDepot, rep); other != "" {
		return j.anothersReport(ctx, inv, other)
	}
	listing, err := acct.Client.Search(ctx, chorus.LaneReport, chorus.Query{NumeroFluxDepot: inv.NumeroFluxDepot})
	if err != nil {
		return j.readFailed(ctx, acct, inv, err)
	}
	for _, f := range listing.Factures {
		if f.NumeroFluxDepot == inv.NumeroFluxDepot && likeKey(inv, f) {
			j.Log.Warn("Chorus Pro reports a flux as rejected and shows its invoice: what it shows counts", "invoice", inv.ID, "etat", rep.EtatCourantDepotFlux)
			return j.Store.Found(ctx, inv, seenOf(f))
		}
	}
	duplicate, sure, err := j.duplicate(ctx, acct, inv, rep)
	if err != nil {
		return j.readFailed(ctx, acct, inv, err)
	}
	switch {
	case !sure: // asked again
	case duplicate && !crash.Mutant(crash.DuplicateRejects):
		flux.To, flux.ReasonCode, flux.Due = store.InDoubt, store.ReasonDuplicate, 0
		flux.Reason = "the flux was rejected as a duplicate: looking for the original (" + reasons(rep) + ")"
		if !rep.Duplicate() {
			flux.Reason = noReason + ", and holds an invoice of this number: looking at it"
		}
	default:
		flux.To, flux.ReasonCode, flux.Reason = store.Rejected, store.ReasonFluxRejected, reasons(rep)
		j.countTexts(flux.Reason)
	}
	j.Log.Info("reported", "invoice", inv.ID, "etat", rep.EtatCourantDepotFlux, "to", flux.To)
	return j.Store.Reported(ctx, inv, flux)
}

// anothersReport keeps a row as it is when the report on its flux speaks of something else: it is asked for again, for a day, and then a person looks at it.
func (j *Jobs) anothersReport(ctx context.Context, inv store.Invoice, other string) error {
	j.Metrics.Unknown.WithLabelValues("report").Inc()
	j.Log.Warn("Chorus Pro's report on a flux is another one's, and is not believed", "invoice", inv.ID, "because", other)
	flux := j.pending(inv)
	if flux.ReasonCode == "" {
		flux.Reason = "Chorus Pro's report refuses the flux, and seems to be another one's (" + other + "): it is asked for again for a day"
	}
	late, err := j.overdue(ctx, inv)
	if err != nil {
		return err
	}
	if late {
		flux.To, flux.ReasonCode = store.Parked, store.ParkMismatch
		flux.Reason = "Chorus Pro's report refuses the flux, and is another one's: " + other
	}
	return j.Store.Reported(ctx, inv, flux)
}

// dayOff is how far the day of deposit in a report may be from that of the acknowledgement, both of the portal's clock: zones, and a flux that is taken in the day after.
const dayOff = 48 * time.Hour

// anothers says what in a report shows that it is not about our flux, or "". What it does not say speaks neither for nor against: numeroDP may be missing
// (docs/chorus-pro.md §7.1). One of several errors that may be ours is enough. deposited is when the portal itself said that our flux was: our clock may be wrong, and
// speaks against nothing.
func anothers(inv store.Invoice, deposited time.Time, rep chorus.Report) string {
	if at := rep.DateDepotFlux.Time; !at.IsZero() && !deposited.IsZero() && at.Before(deposited.Add(-dayOff)) {
		return "it was deposited on " + at.Format(time.DateOnly) + ", and this invoice on " + deposited.Format(time.DateOnly)
	}
	var other string
	for _, e := range rep.ErreursDP {
		supplier := digits(e.IdentifiantFournisseur)
		switch {
		case e.NumeroDP != "" && store.BareNumber(e.NumeroDP) != store.BareNumber(inv.NumeroFacture):
			other = "it is about invoice " + said(e.NumeroDP)
		case len(supplier) >= 9 && inv.Siren() != "" && supplier[:9] != inv.Siren():
			other = "it is about an invoice of supplier " + supplier
		default:
			return ""
		}
	}
	return other
}

// duplicate tells whether a flux was rejected because the invoice is at the portal already, and whether that is sure: one that was rejected without a reason
// (docs/chorus-pro.md §7) is looked for there.
func (j *Jobs) duplicate(ctx context.Context, acct *Account, inv store.Invoice, rep chorus.Report) (duplicate, sure bool, err error) {
	if rep.Duplicate() || reasons(rep) != noReason {
		return rep.Duplicate(), true, nil
	}
	listing, err := acct.Client.Search(ctx, chorus.LaneReport, chorus.Query{NumeroFacture: inv.NumeroFacture})
	if err != nil {
		return false, false, err
	}
	there := slices.ContainsFunc(listing.Factures, func(f chorus.Facture) bool { return likeKey(inv, f) })
	return there, there || listing.Complete, nil
}

// early is how long to wait before a deposit is asked about for the first time: twice as long as the change feed usually takes to show an invoice, which
// costs nothing, and at most half an hour by the default settings more than CHORISTE_REPORT_AFTER.
func (j *Jobs) early(ctx context.Context, inv store.Invoice) (time.Duration, error) {
	if inv.Looks > 0 {
		return 0, nil
	}
	usual, err := j.Store.UsualWait(ctx, inv.Account, inv.FournisseurSIRET)
	return min(2*usual, 15*j.Settings.ReportAfter) - inv.DepositedFor, err
}

// integrated finds the invoice of a flux that was taken in. One that is missing there is asked about again, until what landed must be visible; then, or
// when the report itself refuses it, the row is told so.
func (j *Jobs) integrated(ctx context.Context, acct *Account, inv store.Invoice, rep chorus.Report, flux store.Flux) error {
	listing, err := acct.Client.Search(ctx, chorus.LaneReport, chorus.Query{NumeroFluxDepot: inv.NumeroFluxDepot})
	if err != nil {
		return j.readFailed(ctx, acct, inv, err)
	}
	for _, f := range listing.Factures {
		// Of our own flux, how the portal writes the number does not matter.
		if f.NumeroFluxDepot == inv.NumeroFluxDepot && likeKey(inv, f) {
			return j.Store.Found(ctx, inv, seenOf(f))
		}
	}
	late, err := j.overdue(ctx, inv)
	if err != nil {
		return err
	}
	switch {
	case rep.State() == chorus.FluxPartial && len(rep.ErreursDP) > 0 && anothers(inv, time.Time{}, rep) == "":
		flux.To, flux.ReasonCode, flux.Reason = store.Rejected, store.ReasonFluxRejected, reasons(rep)
		j.countTexts(flux.Reason)
	case listing.Complete && late:
		flux.To, flux.ReasonCode = store.Parked, store.ParkTooOld
		flux.Reason = "the flux was integrated a day ago and Chorus Pro does not show its invoice"
	}
	return j.Store.Reported(ctx, inv, flux)
}

// readFailed postpones a row after a read that failed.
func (j *Jobs) readFailed(ctx context.Context, acct *Account, inv store.Invoice, err error) error {
	if wait, ok := busy(err); ok {
		return j.Store.Release(ctx, inv, about(wait))
	}
	if ctx.Err() != nil {
		return err
	}
	fault := chorus.FaultOf(err)
	j.blame(ctx, acct, err)
	j.Log.Warn("Chorus Pro could not be asked", "invoice", inv.ID, "fault", fault, "error", err)
	return j.Store.Release(ctx, inv, max(retryIn(fault), min(j.nextReport(inv.Looks), time.Minute)))
}

// nextReport spaces the looks at a report: each twice as far from the last as the one before, at most thirty times the first.
func (j *Jobs) nextReport(looks int) time.Duration {
	wait := j.Settings.ReportAfter
	for range looks {
		wait = min(2*wait, 30*j.Settings.ReportAfter)
	}
	return about(wait)
}

// reasons joins what a report says is wrong, in the portal's own words.
func reasons(rep chorus.Report) string {
	var texts []string
	for _, e := range rep.ErreursTechniques {
		texts = append(texts, strings.TrimSpace(e.CodeErreur+" "+e.LibelleErreur))
	}
	for _, e := range rep.ErreursDP {
		texts = append(texts, strings.ReplaceAll(e.LibelleErreurDP, "|", " | "))
	}
	if text := strings.TrimSpace(strings.Join(texts, "; ")); text != "" {
		return text
	}
	return noReason
}

const noReason = "Chorus Pro rejected the flux without saying why"
