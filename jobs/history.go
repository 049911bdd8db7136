package jobs

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// history reads the portal's own history of an invoice, for the reason of a status that came without: the search brings it as a rule, and then nobody
// asks. The names of the agents who acted are not decoded (chorus.History). A crash leaves the row as it was, to be asked about again.
func (j *Jobs) history(ctx context.Context, id, claim int64) error {
	inv, err := j.Store.TakeForReason(ctx, id, claim, j.Settings.lease())
	if err != nil {
		return err
	}
	acct, err := j.account(inv.Account)
	if err != nil {
		return cmp.Or(j.Store.ReasonLater(ctx, inv, j.Settings.passOn()), err)
	}
	next := store.Reason{Due: j.nextHistory(inv.Looks), GiveUp: inv.Looks+1 >= mostHistories}
	h, err := acct.Client.History(ctx, chorus.LaneReport, inv.IdentifiantFactureCPP)
	if wait, ok := busy(err); ok {
		return j.Store.ReasonLater(ctx, inv, about(wait))
	}
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		fault := chorus.FaultOf(err)
		j.blame(ctx, acct, err)
		j.Log.Warn("the reason of a status could not be asked for", "invoice", id, "fault", fault, "error", err)
		next.Due = max(next.Due, retryIn(fault))
		return j.Store.Reasoned(ctx, inv, next)
	}
	next.Comment, next.Earlier = reasonOf(inv.StatutCourant, h)
	j.countMotive(next.Comment)
	if next.Comment == "" && next.GiveUp {
		j.Log.Warn("Chorus Pro gives no reason for a status: look at it at the portal", "invoice", id, "statut", inv.StatutCourant)
	}
	return j.Store.Reasoned(ctx, inv, next)
}

// reasonOf finds what was said when the invoice took this status the last time, and lists the whole history, oldest first.
func reasonOf(statut string, h chorus.History) (comment string, all []store.Passage) {
	passages := slices.Clone(h.Statuts)
	slices.SortStableFunc(passages, func(a, b chorus.HistoStatut) int {
		return cmp.Or(a.DatePassage.Time.Compare(b.DatePassage.Time), cmp.Compare(a.ID, b.ID))
	})
	for _, p := range passages {
		if p.Code == "" {
			continue
		}
		if p.Code == statut {
			comment = p.Commentaire
		}
		all = append(all, store.Passage{Statut: p.Code, At: p.DatePassage.Time, Comment: p.Commentaire})
	}
	return comment, all
}

// mostHistories is how often a history without a reason is read: over five days, by default.
const mostHistories = 10

// nextHistory spaces the readings of a history that has no reason yet: each four times as far from the last as the one before, at most a day by default.
func (j *Jobs) nextHistory(looks int) time.Duration {
	wait := j.Settings.ReportAfter
	for range looks {
		wait = min(4*wait, 720*j.Settings.ReportAfter)
	}
	return about(wait)
}
