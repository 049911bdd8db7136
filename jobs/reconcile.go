package jobs

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// Nightly are the days before today whose deposits are compared each night: when they are new, and twice later, when they may have drifted apart. At a
// hundred invoices a page that is 0.03 calls an invoice.
var Nightly = []int{1, 7, 30}

// ReconcileArgs has a part of a reconciliation done.
type ReconcileArgs struct {
	Run int64 `json:"run"`
}

// Kind names the job for River.
func (ReconcileArgs) Kind() string { return "reconcile" }

// InsertReconcile is what River is given to go on with a reconciliation.
func InsertReconcile(run int64) river.InsertManyParams {
	return once(ReconcileArgs{run}, QueueFollow, 4)
}

const (
	listings  = 3    // that do not add up, and a run is incomplete
	askings   = 3    // for one invoice, likewise
	mostAsked = 1000 // invoices asked for singly in one run: where more differ, something larger is wrong
	giveUp    = 24 * time.Hour
)

// reconcile does a part of a run: pages of the portal's deposits of a period, then what differs or is missing, invoice by invoice. It changes nothing at the
// portal. A crash costs what the run was doing at that moment; the job that comes next goes on.
func (j *Jobs) reconcile(ctx context.Context, id, claim int64) error {
	r, err := j.Store.TakeReconciliation(ctx, id, claim, j.Settings.lease())
	if err != nil {
		return err
	}
	acct, err := j.account(r.Account)
	if err != nil {
		return cmp.Or(j.Store.ReleaseReconciliation(ctx, r, j.Settings.passOn()), err)
	}
	until := time.Now().Add(j.Settings.lease())
	if !r.Listed {
		if err := j.list(ctx, acct, &r, until); err != nil {
			return j.reconcileFailed(ctx, acct, r, err)
		}
	}
	switch {
	case !r.Listed:
		return j.Store.ReleaseReconciliation(ctx, r, 0)
	case !r.Read && r.Doubt != "" && r.Tries+1 < listings:
		j.Log.Warn("the portal's deposits do not add up and are listed again", "run", r.ID, "doubt", r.Doubt)
		return j.Store.ReadAgain(ctx, r, 10*j.Settings.ResolveAfter)
	case !r.Read:
		if err := j.Store.AllRead(ctx, r, r.Doubt == "", j.Settings.VisibilityDelay, j.Settings.lease()); err != nil {
			return err
		}
	}
	for {
		if j.draining.Load() || time.Now().After(until) {
			return j.Store.ReleaseReconciliation(ctx, r, 0)
		}
		next, err := j.Store.Suspects(ctx, r, 1)
		if err != nil {
			return err
		}
		if len(next) == 0 {
			return j.endReconciliation(ctx, r)
		}
		if r.Calls > mostAsked+listings*max(r.Page, 1) {
			r.Doubt = "more invoices differ than are asked for one by one: may the account still see this structure?"
			return j.endReconciliation(ctx, r)
		}
		if err := j.lookAgain(ctx, acct, &r, next[0]); err != nil {
			return j.reconcileFailed(ctx, acct, r, err)
		}
	}
}

// list reads pages until the last one, or until it has had its time.
func (j *Jobs) list(ctx context.Context, acct *Account, r *store.Reconciliation, until time.Time) error {
	ids, err := j.Store.Seen(ctx, *r)
	if err != nil {
		return err
	}
	query := chorus.Query{IDFournisseur: r.Structure, DepotDu: r.From, DepotAu: r.To}
	read := chorus.Read{Page: r.Page, Pages: r.Pages, Total: r.Total, IDs: ids, Doubt: r.Doubt}
	for p, err := range acct.Client.SearchPagesAfter(ctx, chorus.LaneReport, query, read) {
		if err != nil {
			if chorus.FaultOf(err) == chorus.FaultIncomplete { // its last page has said so
				return nil
			}
			return err
		}
		shown, err := j.shown(ctx, *r, p.Factures)
		if err != nil {
			return err
		}
		if r.Page == 0 {
			r.Pages, r.Total = p.Pages, p.Total
		}
		r.Page++
		r.Calls++
		r.Doubt, r.Listed = p.Doubt, p.Last
		if err := j.Store.PageRead(ctx, *r, shown, j.Settings.lease()); err != nil {
			return err
		}
		if !p.Last && (j.draining.Load() || time.Now().After(until)) {
			return nil
		}
	}
	return j.Store.CanSearch(ctx, r.Account, true)
}

// shown compares a page with our rows.
func (j *Jobs) shown(ctx context.Context, r store.Reconciliation, page []chorus.Facture) ([]store.Shown, error) {
	sides := make([]store.Side, len(page))
	for k, f := range page {
		sides[k] = portalSide(f)
	}
	matches, err := j.Store.Matches(ctx, sides)
	if err != nil {
		return nil, err
	}
	shown := make([]store.Shown, len(page))
	for k, f := range page {
		side := sides[k]
		x := store.Shown{IdentifiantFactureCPP: f.IdentifiantFactureCPP, Key: side.Key(), MontantTTC: f.MontantTTC, Devise: f.Devise}
		h, known := matches[k]
		stands := elsewhere
		if known {
			stands = standingOf(h, f)
		}
		if stands != elsewhere {
			x.InvoiceID = h.ID
		}
		switch {
		case known && stands != elsewhere && h.Account != r.Account: // its own account's runs compare it
		case stands == doubtful:
			if err := j.Store.LookNow(ctx, h.ID); err != nil {
				return nil, err
			}
			j.Poke()
		case stands == elsewhere, stands == parkedRow,
			stands == compared && (h.IdentifiantFactureCPP != 0 && h.IdentifiantFactureCPP != f.IdentifiantFactureCPP || len(differences(j.Settings, r.Watermark, h, f)) > 0):
			x.Suspect = &side
		}
		shown[k] = x
	}
	return shown, nil
}

// endReconciliation ends a run, as incomplete where anything could not be read.
func (j *Jobs) endReconciliation(ctx context.Context, r store.Reconciliation) error {
	state := store.RunDone
	if r.Doubt != "" {
		state = store.RunIncomplete
	}
	did, err := j.Store.EndReconciliation(ctx, r, state, r.Doubt)
	if err != nil {
		return err
	}
	level := slog.LevelInfo
	if did.Opened > 0 || state != store.RunDone {
		level = slog.LevelWarn
	}
	j.Log.Log(ctx, level, "reconciled", "run", r.ID, "account", r.Account, "structure", r.Structure, "from", r.From.Format(time.DateOnly),
		"to", r.To.Format(time.DateOnly), "state", state, "calls", r.Calls, "found", did.Found, "new", did.Opened, "closed", did.Closed)
	return nil
}

// reconcileFailed has the run go on later, from where it is.
func (j *Jobs) reconcileFailed(ctx context.Context, acct *Account, r store.Reconciliation, err error) error {
	if wait, ok := busy(err); ok {
		return j.Store.ReleaseReconciliation(ctx, r, about(wait))
	}
	if ctx.Err() != nil || errors.Is(err, store.ErrGone) || store.SQLState(err) != "" {
		return err
	}
	fault := chorus.FaultOf(err)
	j.blame(ctx, acct, err)
	j.Log.Warn("a reconciliation could not go on", "run", r.ID, "account", r.Account, "structure", r.Structure, "fault", fault, "error", err)
	switch {
	case fault == chorus.FaultRights:
		if err := j.Store.CanSearch(ctx, r.Account, false); err != nil {
			return err
		}
		_, err = j.Store.EndReconciliation(ctx, r, store.RunFailed, "the account may not search this structure's invoices")
		return err
	case r.Running > giveUp:
		_, err = j.Store.EndReconciliation(ctx, r, store.RunFailed, "Chorus Pro could not be asked for a day")
		return err
	}
	wait, _ := chorus.RetryAfter(err)
	return j.Store.ReleaseReconciliation(ctx, r, about(max(j.Settings.ResolveAfter, wait)))
}
