package jobs

import (
	"context"
	"time"

	"github.com/choriste/choriste/chorus"
	"github.com/choriste/choriste/store"
)

// wideEvery: one reading of a feed in so many goes V and a day further back.
const wideEvery = 60

// sync reads the change feed of one supplier structure: every invoice whose status changed since the watermark, in one search whatever the number of
// invoices. The watermark moves in the transaction that stores the last page, so a crash reads the same pages again, which changes nothing.
func (j *Jobs) sync(ctx context.Context, key store.StructureKey, claim int64) error {
	acct, err := j.account(key.Account)
	if err != nil {
		return j.Store.ReleaseStructure(ctx, key, claim, time.Minute)
	}
	st, err := j.Store.TakeStructure(ctx, key, claim, j.Settings.lease())
	if err != nil {
		return err
	}
	from := st.Watermark
	if from.IsZero() {
		from = st.Now.Add(-24 * time.Hour)
	}
	// What changed may appear as late as V after it changed, and one listing may leave something out. Both are rare: a short overlap each time, and all
	// that can have been missed now and then.
	overlap := min(j.Settings.VisibilityDelay, 10*j.Settings.SyncEvery)
	if st.Count {
		overlap = j.Settings.VisibilityDelay + 24*time.Hour
	}
	from = from.Add(-overlap)
	mark := store.FeedMark{StructureKey: key, Claim: claim, Lease: j.Settings.lease(), Since: st.Watermark, Watermark: st.Now, Next: j.Settings.SyncEvery, MostLate: overlap}

	var sum store.Followed
	var page []store.Seen // held back by one, so that the last one moves the watermark
	for p, err := range acct.Client.SearchPages(ctx, chorus.LaneSync, chorus.Query{IDFournisseur: key.ID, EtatCourantDu: from}) {
		if err != nil {
			return j.syncFailed(ctx, acct, key, claim, err)
		}
		if len(page) > 0 {
			if err := j.follow(ctx, page, mark, &sum); err != nil {
				return err
			}
		}
		page = page[:0]
		for _, f := range p.Factures {
			if _, known := chorus.StatutInfo(f.Statut); !known {
				j.Metrics.Unknown.WithLabelValues("statut").Inc()
			}
			page = append(page, seenOf(f))
		}
	}
	mark.Last, mark.Before = true, sum
	if err := j.follow(ctx, page, mark, &sum); err != nil {
		return err
	}
	if sum.Changed > 0 || sum.Doubts > 0 {
		j.Log.Info("synchronised", "account", key.Account, "structure", key.ID, "changed", sum.Changed, "doubts", sum.Doubts)
		j.Poke()
	}
	if st.Count {
		if err := j.Store.Counted(ctx, key, wideEvery*j.Settings.SyncEvery, 0, 0); err != nil {
			return err
		}
	}
	return j.Store.CanSearch(ctx, key.Account, true)
}

func (j *Jobs) follow(ctx context.Context, page []store.Seen, mark store.FeedMark, sum *store.Followed) error {
	did, err := j.Store.Follow(ctx, page, mark)
	sum.Add(did)
	return err
}

// syncFailed has the feed read again, from the same watermark.
func (j *Jobs) syncFailed(ctx context.Context, acct *Account, key store.StructureKey, claim int64, err error) error {
	if wait, ok := busy(err); ok {
		return j.Store.ReleaseStructure(ctx, key, claim, about(wait))
	}
	if ctx.Err() != nil {
		return err
	}
	fault := chorus.FaultOf(err)
	if fault == chorus.FaultRights {
		if err := j.Store.CanSearch(ctx, key.Account, false); err != nil {
			return err
		}
	}
	wait, asked := chorus.RetryAfter(err)
	if !asked {
		wait = -1
	}
	j.heed(ctx, acct, fault, wait)
	j.suspect(ctx, acct, err)
	j.Log.Warn("the change feed could not be read", "account", key.Account, "structure", key.ID, "fault", fault, "error", err)
	return j.Store.ReleaseStructure(ctx, key, claim, min(retryIn(fault), j.Settings.SyncEvery))
}

// discoverEvery is how often an account's supplier structures are asked for.
const discoverEvery = 6 * time.Hour

// discover asks which supplier structures the account may act for; each has a change feed.
func (j *Jobs) discover(ctx context.Context, account string) error {
	acct, err := j.account(account)
	if err != nil {
		return err
	}
	list, err := acct.Client.Structures(ctx, chorus.LaneSync)
	if err != nil {
		fault := chorus.FaultOf(err)
		j.heed(ctx, acct, fault, -1)
		if _, ok := busy(err); !ok {
			j.Log.Warn("the account's structures could not be asked for", "account", account, "fault", fault, "error", err)
		}
		return j.Store.Ask(ctx, account, retryIn(fault))
	}
	structures := make([]store.Structure, len(list))
	for i, s := range list {
		structures[i] = store.Structure{Account: account, ID: s.IDStructureCPP, Identifiant: s.Identifiant, Designation: s.DesignationStructure}
	}
	if len(list) == 0 {
		j.Log.Warn("the technical account is attached to no supplier structure: invoices can be sent, but not followed", "account", account)
	}
	defer j.Poke()
	if err := j.Store.Structures(ctx, account, structures, discoverEvery); err != nil {
		return err
	}
	return j.expiry(ctx, acct, list)
}

// passwordEvery is how often the last day of an account's password is asked for.
const passwordEvery = 24 * time.Hour

// expiry asks for the last day of the account's password, which Chorus Pro tells with the account's own structure (docs/chorus-pro.md §3.6). Which of
// several that is, nobody says: the first ones are tried.
func (j *Jobs) expiry(ctx context.Context, acct *Account, list []chorus.Structure) error {
	due, err := j.Store.PasswordDue(ctx, acct.Name, passwordEvery)
	if err != nil || !due {
		return err
	}
	const tries = 3
	var last time.Time
	for _, s := range list[:min(len(list), tries)] {
		detail, err := acct.Client.Structure(ctx, chorus.LaneSync, s.IDStructureCPP)
		if err != nil {
			j.heed(ctx, acct, chorus.FaultOf(err), -1)
			if _, ok := busy(err); !ok {
				j.Log.Warn("the last day of the account's password could not be asked for", "account", acct.Name, "fault", chorus.FaultOf(err), "error", err)
			}
			return nil // with the structures, next time
		}
		if last = detail.DateExpirationMotPasseCompteTech.Time; !last.IsZero() {
			break
		}
	}
	if err := j.Store.PasswordExpires(ctx, acct.Name, last); err != nil {
		return err
	}
	j.Remind()
	return nil
}
